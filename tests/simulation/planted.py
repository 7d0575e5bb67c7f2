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
            "return replace(state, halt=_halt(state.halt, at, event))",
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
)
"""Every planted bug; `test_planted` replays the seed of each and must find it."""
