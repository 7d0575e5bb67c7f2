"""Which bugs are planted to see whether the simulation finds them, and which seed finds each?

A bug is a change of a line or two of production code, applied in this process alone: the changed
source is compiled and its code objects are put into the functions that exist. Nothing else of the
product changes, and nobody who has imported a function keeps the healthy one.
"""

import importlib
import inspect
import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace one piece of a module's source, which must be there exactly once."""

    module: str
    old: str
    new: str

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Run the block with the changed code."""
        module = importlib.import_module(f"dispersa.{self.module}")
        source = inspect.getsource(module)
        if source.count(self.old) != 1:
            raise LookupError(
                f"{self.old!r} is {source.count(self.old)} times in dispersa.{self.module}; "
                "the code has changed: plant this bug anew"
            )
        changed = _codes(compile(source.replace(self.old, self.new), str(module.__file__), "exec"))
        functions = {f.__qualname__: f for f in _functions(module)}
        healthy = {name: function.__code__ for name, function in functions.items()}
        for name, function in functions.items():
            function.__code__ = changed[name]
        try:
            yield
        finally:
            for name, function in functions.items():
                function.__code__ = healthy[name]


@dataclass(frozen=True, slots=True)
class Row:
    """Replace one row of a table of a module; keys and values are expressions inside it."""

    module: str
    table: str
    key: str
    value: str

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Run the block with the changed table."""
        module = importlib.import_module(f"dispersa.{self.module}")
        names = vars(module)
        table, key = names[self.table], eval(self.key, names)  # noqa: S307 - our own list below
        healthy = table[key]
        table[key] = eval(self.value, names)  # noqa: S307 - our own list below
        try:
            yield
        finally:
            table[key] = healthy


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One bug, where it is, and the first seed that finds it; `expects` is the invariant."""

    name: str
    changes: tuple[Edit | Row, ...]
    seed: int
    expects: str

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Run the block with the bug."""
        with ExitStack() as stack:
            for change in self.changes:
                stack.enter_context(change.applied())
            yield


def _codes(code: types.CodeType) -> dict[str, types.CodeType]:
    found: dict[str, types.CodeType] = {}
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            found[const.co_qualname] = const
            found.update(_codes(const))
    return found


def _functions(module: types.ModuleType) -> Iterator[types.FunctionType]:
    for value in vars(module).values():
        if isinstance(value, types.FunctionType) and value.__module__ == module.__name__:
            yield inspect.unwrap(value)
        elif isinstance(value, type) and value.__module__ == module.__name__:
            yield from _methods(value, str(module.__file__))


def _methods(kind: type, file: str) -> Iterator[types.FunctionType]:
    for value in vars(kind).values():
        function = value
        if isinstance(value, property):
            function = value.fget
        elif isinstance(value, staticmethod | classmethod):
            function = value.__func__
        if isinstance(function, types.FunctionType) and function.__code__.co_filename == file:
            yield function


def _bug(name: str, seed: int, expects: str, *changes: Edit | Row) -> Planted:
    return Planted(name=name, seed=seed, expects=expects, changes=changes)


PLANTED: tuple[Planted, ...] = (
    # -- journal order ---------------------------------------------------------------------------
    _bug(
        "an order leaves before its intent is on the disk",
        2,
        "INV-23",
        Edit("runtime.desk_loop", "await self._journal.committed(entries[-1].sequence)", "pass"),
    ),
    _bug(
        "commands are recorded without the event that caused them",
        1,
        "INV-15",
        Edit("runtime.desk_loop", "[NewEntry.of(kind, value), *decided]", "[*decided]"),
    ),
    _bug(
        "what is decided after the first command is not recorded",
        1,
        "INV-23",
        Edit(
            "runtime.desk_loop",
            "for kind, value in map(encode, commands))",
            "for kind, value in map(encode, commands[:1]))",
        ),
    ),
    # -- order handling --------------------------------------------------------------------------
    _bug(
        "doubt about a working order ends it",
        8,
        "INV-04",
        Row("orders.lifecycle", "_OPEN_TABLE", "(_S.WORKING, _C.DOUBT)", "_S.CANCELLED"),
    ),
    _bug(
        "a cancel that was asked for counts as cancelled",
        1,
        "INV-04",
        Row("orders.lifecycle", "_OPEN_TABLE", "(_S.WORKING, _C.CANCEL_REQUESTED)", "_S.CANCELLED"),
    ),
    _bug(
        "a refused cancel counts as cancelled",
        33,
        "INV-04",
        Row("broker.ibkr.codes", "CODES", "10147", "(Verdict.CANCELLED, 'planted')"),
    ),
    _bug(
        "the status Inactive ends an order",
        15,
        "INV-04",
        Edit(
            "broker.ibkr.order_truth",
            'if status == "Inactive" and why_held == HELD_TO_LOCATE_SHARES:\n            return ()',
            'if status == "Inactive":\n            return self._cancelled(tracked, status)',
        ),
    ),
    _bug(
        "one read that does not show an order ends it",
        11,
        "INV-04",
        Edit(
            "desk.evolve_orders",
            "if first is None:\n        return replace(state, absences={**state.absences, ref: at})\n    if (at - first).total_seconds() < ABSENCE_GAP_SECONDS or",
            "if",
        ),
    ),
    _bug(
        "the first of two live orders of a reference ends it",
        31,
        "INV-04",
        Edit(
            "broker.ibkr.order_truth",
            "if len(tracked.perm_ids) > 1 and not tracked.perm_ids <= tracked.ended_perm_ids:",
            "if False:",
        ),
    ),
    _bug(
        "an amendment gets a new order id",
        2,
        "INV-01",
        Edit(
            "broker.ibkr.orders",
            "order_id, echo = self._amendable(ref)\n",
            "order_id, echo = self._next_order_id(), self._amendable(ref)[1]\n",
        ),
    ),
    _bug(
        "an amendment asks for one unit more",
        2,
        "INV-02",
        Edit(
            "broker.ibkr.order_building",
            "quantity=intent.quantity,",
            "quantity=intent.quantity + approved.revision,",
        ),
    ),
    _bug(
        "the put is bought where it is to be sold",
        1,
        "INV-12",
        Edit(
            "broker.ibkr.order_building",
            "action=leg.side.value,",
            'action="BUY" if leg.contract.con_id % 2 else "SELL",',
        ),
    ),
    _bug(
        "sides are swapped on the way out",
        1,
        "INV-02",
        Edit(
            "broker.ibkr.order_building",
            "action=terms.side.value,",
            'action="SELL" if terms.side.sign > 0 else "BUY",',
        ),
    ),
    _bug(
        "orders rest until cancelled",
        1,
        "INV-02",
        Edit("broker.ibkr.order_building", "tif=TIME_IN_FORCE,", 'tif="GTC",'),
    ),
    _bug(
        "the limit is sent in cents",
        1,
        "INV-23",
        Edit(
            "broker.ibkr.order_building",
            "lmtPrice=to_float(terms.limit_price),",
            "lmtPrice=100 * to_float(terms.limit_price),",
        ),
    ),
    _bug(
        "two orders share an id",
        1,
        "INV-03",
        Edit(
            "broker.ibkr.orders",
            "self._last_order_id = self.order_id_high_water + 1",
            "self._last_order_id = 7",
        ),
    ),
    _bug(
        "an order is written twice",
        1,
        "INV-01",
        Edit(
            "broker.ibkr.orders",
            "link.client.placeOrder(order_id, contract, wire_order)",
            "link.client.placeOrder(order_id, contract, wire_order); link.client.placeOrder(self._next_order_id(), contract, wire_order)",
        ),
    ),
    _bug(
        "a cancel names the next order",
        1,
        "INV-03",
        Edit(
            "broker.ibkr.orders",
            "partial(link.client.cancelOrder, order_id)",
            "partial(link.client.cancelOrder, order_id + 1)",
        ),
    ),
    _bug(
        "the account is left out",
        1,
        "INV-02",
        Edit("broker.ibkr.order_building", "account=terms.account,", 'account="",'),
    ),
    _bug(
        "orders may fill outside the session",
        1,
        "INV-18",
        Edit("broker.ibkr.order_building", "outsideRth=False,", "outsideRth=True,"),
    ),
    _bug(
        "references repeat",
        1,
        "INV-15",
        Edit(
            "desk.decide_packages",
            "number = view.state.orders_made + 1",
            "number = view.state.orders_made % 2 + 1",
        ),
    ),
    # -- reservation -----------------------------------------------------------------------------
    _bug(
        "what works is not counted against the corridor",
        3,
        "INV-08",
        Edit(
            "execution.program",
            "open_vegas = [at_risk.get(row.plan.key, 0) * row.plan.vega_usd for row in rows]",
            "open_vegas = [0.0 for row in rows]",
        ),
    ),
    _bug(
        "the corridor looks at what is filled alone",
        3,
        "INV-08",
        Edit(
            "execution.program",
            "room = corridor - balance.highest if row.side is Side.BUY else corridor + balance.lowest",
            "room = corridor - balance.filled if row.side is Side.BUY else corridor + balance.filled",
        ),
    ),
    _bug(
        "the corridor is counted in straddles",
        1,
        "INV-08",
        Edit("execution.program", "int(room / vega + ROUNDING)", "int(room + ROUNDING)"),
    ),
    # -- stopping --------------------------------------------------------------------------------
    _bug(
        "a halt is not remembered",
        4,
        "INV-07",
        Edit(
            "desk.evolve",
            "halted = replace(state, halt=_halt(state.halt, at, event))",
            "return state",
        ),
        Edit("runtime.outbox", "if not self._permits(approved.intent.purpose):", "if False:"),
    ),
    _bug(
        "the cancels of a halt wait for ever",
        4,
        "INV-07",
        Edit("runtime.outbox", "await self._cancel_each(fresh)", "pass"),
    ),
    # -- windows ---------------------------------------------------------------------------------
    _bug(
        "the window of the message rate never fills",
        1,
        "INV-14",
        Edit(
            "broker.ibkr.pacer",
            "while self._sent_at and now - self._sent_at[0] >= WINDOW_SECONDS:",
            "while self._sent_at:",
        ),
    ),
    _bug(
        "crossed quotes are quotes",
        62,
        "INV-13",
        Edit("market.quotes", "if self.bid > self.ask:", "if False:"),
    ),
    # -- found since the page, the alerts and Walk's window are simulated ------------------------
    _bug(
        "only the event is committed before an order leaves",
        2,
        "INV-23",
        Edit(
            "runtime.desk_loop",
            "await self._journal.committed(entries[-1].sequence)",
            "await self._journal.committed(entries[0].sequence - 1)",
        ),
    ),
    _bug(
        "the entry of a step is written after what it causes",
        2,
        "INV-23",
        Edit(
            "runtime.desk_loop",
            "entries = self._record(event, commands)\n        self.state = state\n        if self._outbox.expect(commands):\n            await self._journal.committed(entries[-1].sequence)\n        for command in commands:\n            await self._carry_out(command)",
            "self.state = state\n        self._outbox.expect(commands)\n        for command in commands:\n            await self._carry_out(command)\n        entries = self._record(event, commands)",
        ),
    ),
    _bug(
        "a changed limit leaves before it is on the disk",
        2,
        "INV-23",
        Edit(
            "runtime.outbox",
            "isinstance(command, PlaceOrder | AmendOrder) for command in commands)",
            "isinstance(command, PlaceOrder) for command in commands)",
        ),
    ),
    _bug(
        "a correction of a fill is counted beside it",
        8,
        "INV-05",
        Edit(
            "orders.executions",
            "base, revision = execution_key(execution.exec_id)\n        known = self.executions.get(base)",
            "base, revision = execution.exec_id, 0\n        known = self.executions.get(base)",
        ),
    ),
    _bug(
        "an order reserves only once it is acknowledged",
        3,
        "INV-08",
        Edit(
            "orders.lifecycle",
            "return self.remaining if self.state.may_fill else 0",
            "return self.remaining if self.state.may_fill and self.acknowledged_at else 0",
        ),
    ),
    _bug(
        "an order whose cancel is pending reserves nothing",
        11,
        "INV-08",
        Edit(
            "orders.lifecycle",
            "return self.remaining if self.state.may_fill else 0",
            "return self.remaining if self.state.may_fill and self.state is not OrderState.CANCEL_PENDING else 0",
        ),
    ),
    _bug(
        "the reference is left out",
        1,
        "INV-03",
        Edit("broker.ibkr.order_building", "orderRef=terms.ref,", 'orderRef="",'),
    ),
    _bug(
        "legs are doubled",
        1,
        "INV-12",
        Edit("broker.ibkr.order_building", "ratio=leg.ratio,", "ratio=2 * leg.ratio,"),
    ),
    _bug(
        "a flatten closes without a word",
        3012,
        "INV-05",
        Edit(
            "desk.decide_phase",
            "        return Approval.ASK\n    return rules",
            "        return Approval.AUTOMATIC\n    return rules",
        ),
    ),
    _bug(
        "every halt on the page is a hold",
        3017,
        "INV-07",
        Edit(
            "runtime.control_desk",
            "seen = await self._loop.halt(asked.level, reason, by=by)",
            "seen = await self._loop.halt(HaltLevel.HOLD, reason, by=by)",
        ),
    ),
    _bug(
        "a form of the page needs no token and no origin",
        3017,
        "INV-28",
        Edit(
            "web.acting",
            "refused = foreign(request, page.origins)\n    if refused:\n        return refused\n    if not token_matches(login, form.get(FORM_FIELD)):",
            "if False:",
        ),
    ),
    _bug(
        "the page answers under any host name",
        3011,
        "INV-28",
        Edit(
            "web.security.hosts",
            "return len(given) == 1 and given[0].lower() in self._hosts",
            "return True",
        ),
    ),
    _bug(
        "what a step decides is not told",
        4,
        "INV-33",
        Edit(
            "runtime.daemon_alerts",
            "for alert in alerts_of((seen.event, *seen.commands), first):",
            "for alert in alerts_of((seen.event,), first):",
        ),
    ),
    _bug(
        "a channel that takes nothing ends the alarm",
        3001,
        "INV-33",
        Edit(
            "alerts.dispatch",
            "return await self._postpone(delivery, str(error), error.after)",
            "raise",
        ),
    ),
)
"""Every planted bug of a session; `test_a_planted_bug_is_found_by_its_seed` replays each."""

WINDOW = "desk.window"
PLANTED_IN_WINDOW: tuple[Planted, ...] = (
    _bug(
        "a cancel while the last second is drained is too late",
        40,
        "INV-26",
        Edit(WINDOW, "if elapsed < policy.window + policy.drain:", "if elapsed < policy.window:"),
    ),
    _bug(
        "the window runs from the announcement",
        12,
        "INV-26",
        Edit(
            WINDOW,
            "state=WindowState.OPEN,\n        since=seen.at,",
            "state=WindowState.OPEN,\n        since=window.since,",
        ),
    ),
    _bug(
        "a process that stood still goes on",
        22,
        "INV-26",
        Edit(WINDOW, "if quiet > policy.looks_apart_max:", "if False:"),
    ),
    _bug(
        "a clock that was moved back is believed",
        14,
        "INV-26",
        Edit(
            WINDOW,
            "if abs(apart) > policy.clocks_apart_max:",
            "if apart > policy.clocks_apart_max:",
        ),
    ),
    _bug(
        "a restart does not end the window",
        12,
        "INV-26",
        Edit(
            WINDOW,
            'return _lapsed(window, at, "the engine was restarted within the window")',
            "return window",
        ),
    ),
    _bug(
        "a lost page does not end the window",
        28,
        "INV-26",
        Edit(
            WINDOW,
            'return _lapsed(window, at, f"the page to cancel on was lost: {reason}")',
            "return window",
        ),
    ),
    _bug(
        "an alert that nobody takes over is waited for",
        6,
        "INV-26",
        Edit(WINDOW, "if elapsed > policy.handover_within:", "if False:"),
    ),
    _bug(
        "a cancelled window may still elapse",
        3,
        "INV-26",
        Edit(
            WINDOW,
            "if window.state in ENDED:\n        return window",
            "if window.state is WindowState.ELAPSED:\n        return window",
        ),
    ),
    _bug(
        "a cancel counts only once the alert is handed over",
        41,
        "INV-26",
        Edit(
            WINDOW,
            'return _ended(window, WindowState.CANCELLED, at, f"cancelled by {by}")',
            'return _ended(window, WindowState.CANCELLED, at, f"cancelled by {by}") if window.state is WindowState.OPEN else window',
        ),
    ),
)
"""Every planted bug of Walk's window; its seeds are those of `tests.simulation.window`."""
