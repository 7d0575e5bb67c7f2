"""Does the product keep its invariants? Checked against the gateway's truth and the wire alone.

Numbers are those of controls-and-faults.md section 5. A checker never asks the product what it
believes in order to excuse it; where the product claims something (an order has ended, a program
is complete), the claim is held against the exchange's own books.
"""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from dispersa.desk.commands import Retarget
from dispersa.desk.events import HaltRequested, ResumeRequested
from dispersa.desk.state import DeskState
from dispersa.execution.plan import PlannedPackage, TradePlan
from dispersa.execution.program import ProgramState
from dispersa.gateway.wire import requests as r
from dispersa.runtime.desk_loop import Seen
from tests.simulation.disk import Intents
from tests.simulation.duties import Duties
from tests.simulation.exchange import Exchange
from tests.simulation.scenario import Scenario

MESSAGES_PER_SECOND_MAX = 45
NOTICE_SECONDS = 2.0
"""How long the product may take to notice what it was told."""
GRID_SECONDS = 0.5
"""How much earlier than asked for the gateway may end a disturbance: it acts on its grid."""
CANCEL_SECONDS = 1.0
"""How long after a halt every cancel is on the wire, where a link is up."""
ABSENCE_SECONDS = 30.0
COLLAR_SHARE = 0.10
"""How far a limit may ever be from the true value: the gate's collar, doubled for stale quotes."""
COLLAR_FLOOR = 0.25
WAYS_TO_OVERFILL = ("B2", "B19", "B21", "B26")
"""Faults after which the exchange itself fills more than was asked for, or takes one leg of a
guaranteed combo back for a while."""
WAYS_TO_KEEP_A_FILL_BACK = ("B8", "B21", "B22")
"""Faults after which an execution may never be told, or is taken back without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken invariant: which, when, and what was seen."""

    invariant: str
    at_seconds: float
    sentence: str

    def __str__(self) -> str:
        return f"{self.invariant} at {self.at_seconds:.3f} s: {self.sentence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A new order as it was first written."""

    at_seconds: float
    order_id: int
    symbol: str
    quantity: int


class Checkers:
    """All invariants of one session; `found` holds what was broken."""

    def __init__(
        self, scenario: Scenario, exchange: Exchange, account: str, now: Callable[[], float]
    ) -> None:
        self._scenario = scenario
        self._exchange = exchange
        self._account = account
        self._now = now
        self.intents = Intents()
        self.found: list[Violation] = []
        self.on_violation: Callable[[], None] = lambda: None
        self.reached: Counter[str] = Counter()
        """How often each rare thing has happened: the sometimes-assertions."""
        self.steps = 0
        self.plan: TradePlan | None = None
        self.duties: Duties | None = None
        self._targets: dict[str, int] = {}
        self._sides: dict[str, str] = {}
        self._sent: dict[str, Sent] = {}
        self._ref_of_id: dict[int, str] = {}
        self._written: dict[bool, deque[float]] = defaultdict(deque)
        self._halted_at: float | None = None
        self._cut_at: float | None = None
        self._bad_quotes: dict[str, list[tuple[str, float, float]]] = {}
        self._cancelled_ids: set[int] = set()
        self._claimed_done: dict[str, str] = {}

    def broken(self, invariant: str, sentence: str) -> None:
        """Note a violation; the session ends."""
        self.found.append(Violation(invariant=invariant, at_seconds=self._now(), sentence=sentence))
        self.on_violation()

    # -- the wire --------------------------------------------------------------------------------

    def on_written(self, request: r.Request | None) -> None:
        """Check one message at the moment the product writes it."""
        self.steps += 1
        self._check_rate()
        match request:
            case r.PlaceOrder() if not request.order.what_if:
                self._on_order(request)
            case r.CancelOrder():
                self.reached["cancel"] += 1
                self._cancelled_ids.add(request.order_id)
                if request.order_id not in self._ref_of_id:
                    self.broken("INV-03", f"cancel of order id {request.order_id}, never ours")
            case _:
                pass

    def _check_rate(self) -> None:
        window = self._written[True]
        window.append(self._now())
        while window and window[0] <= self._now() - 1.0:
            window.popleft()
        if len(window) > MESSAGES_PER_SECOND_MAX:
            self.broken("INV-14", f"{len(window)} messages within one second")

    def _on_order(self, request: r.PlaceOrder) -> None:
        ref = request.order.order_ref
        self._check_intent(ref, request)
        if self._halted_at is not None:
            self.broken(
                "INV-07",
                f"order {ref} was written {self._now() - self._halted_at:.3f} s after the halt",
            )
        self._check_collar(ref, request)
        self._check_market(ref, request)
        if self.duties is not None:
            self.duties.on_order(request, self.plan)
        if self._ref_of_id.setdefault(request.order_id, ref) != ref:
            self.broken(
                "INV-03",
                f"order id {request.order_id} of {self._ref_of_id[request.order_id]} went to {ref}",
            )
        known = self._sent.get(ref)
        if known is None:
            self._on_new_order(ref, request)
        elif known.order_id != request.order_id:
            self.broken(
                "INV-01", f"{ref} was sent as {known.order_id} and again as {request.order_id}"
            )
        else:
            self.reached["amend"] += 1
        self.check_worst_case()

    def _check_intent(self, ref: str, request: r.PlaceOrder) -> None:
        """What leaves was decided, is durable, and is what was decided."""
        order, limit = request.order, request.order.limit_price
        if not ref.startswith(self._exchange.prefix):
            self.broken("INV-03", f"an order left with the reference {ref!r}")
            return
        if limit is None or not self.intents.knows(ref, limit):
            self.broken("INV-23", f"{ref} at {limit} left before its intent was durable")
            return
        intent = self.intents.placed[ref]
        wanted = (intent["side"], intent["quantity"], intent["account"], "DAY", "LMT")
        side = {"BUY": "buy", "SELL": "sell"}[order.action]
        found = (side, int(order.quantity), order.account, order.tif, order.order_type)
        if [str(each).lower() for each in wanted] != [str(each).lower() for each in found]:
            self.broken("INV-02", f"{ref} was decided as {wanted} and sent as {found}")
        if order.account != self._account or order.outside_rth or order.is_non_guaranteed:
            self.broken("INV-18", f"{ref} went to {order.account}, or with terms never allowed")
        self._check_legs(ref, request)

    def _check_legs(self, ref: str, request: r.PlaceOrder) -> None:
        legs = self._approved_legs(str(request.contract.symbol))
        if not request.contract.combo_legs:
            if legs is not None and request.contract.con_id not in legs:
                self.broken("INV-12", f"{ref} trades {request.contract.con_id}, in no plan")
            return
        found = {(leg.con_id, leg.ratio, leg.action) for leg in request.contract.combo_legs}
        if legs is not None and found != {(con_id, 1, "BUY") for con_id in legs}:
            self.broken("INV-12", f"{ref} has the legs {sorted(found)}, approved were {legs}")

    def _approved_legs(self, symbol: str) -> tuple[int, ...] | None:
        if self.plan is None:
            return None
        for package in self._approved(self.plan):
            if package.symbol == symbol:
                return tuple(leg.con_id for leg in package.straddle.legs)
        return ()

    @staticmethod
    def _approved(plan: TradePlan) -> tuple[PlannedPackage, ...]:
        """Everything that the person has approved: the packages and their substitutes."""
        return (*plan.packages, *plan.reserves)

    def _check_collar(self, ref: str, request: r.PlaceOrder) -> None:
        """No limit is further beyond the true value than any collar allows."""
        legs = request.contract.combo_legs
        con_ids = tuple(leg.con_id for leg in legs) or (request.contract.con_id,)
        value = self._exchange.fair(con_ids)
        limit = request.order.limit_price
        if limit is None:
            return
        beyond = (limit - value) * (1 if request.order.action == "BUY" else -1)
        if beyond > max(COLLAR_SHARE * value, COLLAR_FLOOR):
            self.broken(
                "INV-12", f"{ref} {request.order.action} at {limit}, its true value is {value:.2f}"
            )

    def _check_market(self, ref: str, request: r.PlaceOrder) -> None:
        """Nothing leaves on quotes that are no quotes, or over a link that is reported broken."""
        now, symbol = self._now(), str(request.contract.symbol)
        if self.is_exposed_to("A19"):
            return  # what the product can know is late by as much
        for code, begins, ends in self._bad_quotes.get(symbol, ()):
            if begins + NOTICE_SECONDS < now < ends - GRID_SECONDS:
                self.broken("INV-13", f"{ref} left although {code} spoils the quotes of {symbol}")
        if self._cut_at is not None and now > self._cut_at + NOTICE_SECONDS:
            self.broken("INV-20", f"{ref} left {now - self._cut_at:.1f} s after error 1100")

    def spoiled(self, code: str, symbol: str, seconds: float) -> None:
        """Hear that the quotes of a symbol are worthless for a while."""
        now = self._now()
        self._bad_quotes.setdefault(symbol, []).append((code, now, now + seconds))

    def cut(self, *, is_cut: bool) -> None:
        """Hear that the gateway has lost, or regained, its own link to the exchange."""
        if is_cut:
            self._cut_at = self._now() if self._cut_at is None else self._cut_at
        else:
            self._cut_at = None

    def is_exposed_to(self, *codes: str) -> bool:
        """Whether any of these faults belongs to the scenario."""
        return self._scenario.is_exposed_to(*codes)

    def _on_new_order(self, ref: str, request: r.PlaceOrder) -> None:
        symbol = str(request.contract.symbol)
        for order in self._exchange.live():
            if order.contract.symbol == symbol:
                self.broken(
                    "INV-01",
                    f"{ref} was sent while {order.order.order_ref} ({order.status}) is live "
                    f"on {symbol}",
                )
        for other, sent in self._sent.items():
            if sent.symbol == symbol and self._may_still_arrive(other, sent):
                self.broken("INV-01", f"{ref} was sent while nothing was known of {other}")
        self._sent[ref] = Sent(
            at_seconds=self._now(),
            order_id=request.order_id,
            symbol=symbol,
            quantity=int(request.order.quantity),
        )
        self.reached["order"] += 1
        self._check_quantity(ref, request)

    def _may_still_arrive(self, ref: str, sent: Sent) -> bool:
        """Whether an order is not at the exchange, and was sent too lately to be given up."""
        is_known = any(order.order.order_ref == ref for order in self._exchange.ours())
        refused = ref in self._claimed_done
        return not is_known and not refused and self._now() - sent.at_seconds < ABSENCE_SECONDS

    def _check_quantity(self, ref: str, request: r.PlaceOrder) -> None:
        """Filled plus live plus asked never exceeds what was approved for the name."""
        symbol, action = str(request.contract.symbol), request.order.action
        quantity, is_repair = int(request.order.quantity), not request.contract.combo_legs
        planned = self._targets.get(symbol)
        if planned is None or is_repair or self._scenario.is_exposed_to(*WAYS_TO_OVERFILL):
            return
        way = {"BUY": 1, "SELL": -1}
        ours = [o for o in self._exchange.straddles() if o.contract.symbol == symbol]
        done = sum(way[o.order.action] * int(o.filled) for o in ours) * way[action]
        working = sum(int(o.remaining) for o in ours if not o.is_done)
        if action != self._sides[symbol]:
            planned = 0  # what is traded back never goes beyond nothing
        if done + working + quantity > planned:
            self.broken(
                "INV-02",
                f"{ref} asks for {quantity} {symbol}; {done} are filled, {working} work, "
                f"{planned} were approved",
            )

    # -- exposure --------------------------------------------------------------------------------

    def check_worst_case(self) -> None:
        """Check filled vega plus the worse one-sided completion against the corridor (INV-08)."""
        plan = self.plan
        if plan is None or self._scenario.is_exposed_to(*WAYS_TO_OVERFILL):
            return
        vegas = {str(row.symbol): row.vega_usd for row in self._approved(plan)}
        filled = high = low = 0.0
        for order in self._exchange.straddles():
            sign = 1 if order.order.action == "BUY" else -1
            vega = sign * vegas.get(str(order.contract.symbol), 0.0)
            filled += vega * int(order.filled)
            at_risk = 0.0 if order.is_done else vega * int(order.remaining)
            high, low = high + max(at_risk, 0.0), low + min(at_risk, 0.0)
        largest = max(row.vega_usd for row in plan.packages)
        corridor = max(self._scenario.program.corridor_share * plan.vega_budget_usd, 1.5 * largest)
        worst = max(abs(filled + high), abs(filled + low))
        if worst > corridor + 1e-6:
            self.broken(
                "INV-08", f"the worst case is {worst:.1f} $/pt, the corridor {corridor:.1f} $/pt"
            )

    # -- the desk --------------------------------------------------------------------------------

    def on_desk(self, seen: Seen) -> None:
        """Hold what the desk has just concluded against the exchange."""
        self.steps += 1
        match seen.event:
            case HaltRequested():
                self._halted_at = self._now()
                self.reached["halt"] += 1
            case ResumeRequested():
                self._halted_at = None
            case _:
                pass
        if seen.state.plan is not None and seen.state.program is None:
            self._approve(seen.state.plan)
        for command in seen.commands:
            if isinstance(command, Retarget):
                self._retarget(command)
        self._check_claims(seen.state)

    def _approve(self, plan: TradePlan) -> None:
        self.plan = plan
        self._targets = {str(row.symbol): row.quantity for row in plan.packages}
        self._sides = {str(row.symbol): row.side.value.upper() for row in self._approved(plan)}

    def _retarget(self, command: Retarget) -> None:
        """Take other targets as approved, within what the policy lets them grow."""
        plan = self.plan
        if plan is None:
            return
        self.reached[f"remedy {command.remedy.value}"] += 1
        symbols = {row.key: str(row.symbol) for row in self._approved(plan)}
        for key, target in command.targets.items():
            symbol = symbols.get(key)
            if symbol is None:
                self.broken("INV-12", f"{key} gets the target {target} and is in no plan")
            else:
                self._targets[symbol] = max(self._targets.get(symbol, 0), target)

    def _check_claims(self, state: DeskState) -> None:
        """An order that the product calls ended is not live at the exchange (INV-04)."""
        new = [
            ref
            for ref, order in state.orders.items()
            if order.state.is_terminal and ref not in self._claimed_done
        ]
        if not new:
            return
        live = {order.order.order_ref: order for order in self._exchange.live()}
        for ref in new:
            claim = state.orders[ref].state
            self._claimed_done[ref] = claim.value
            self.reached[f"order {claim.value}"] += 1
            if ref in live and not self._has_filled(ref):
                self.broken("INV-04", f"{ref} is called {claim.value} and is {live[ref].status}")
            sent = self._sent.get(ref)
            waited = None if sent is None else self._now() - sent.at_seconds
            if claim.value == "never_arrived" and (waited or 0.0) < ABSENCE_SECONDS:
                self.broken("INV-04", f"{ref} is called never arrived after {waited} s")

    def _has_filled(self, ref: str) -> bool:
        """Whether all that was asked for is filled; what is live beside it is a twin (B19)."""
        sent = self._sent.get(ref)
        done = [o for o in self._exchange.ours() if o.order.order_ref == ref]
        return sent is not None and sum(int(order.filled) for order in done) >= sent.quantity

    def check_cancelled(self) -> None:
        """A second after a halt that cancels, every cancel is on the wire (INV-07)."""
        for order in self._exchange.live():
            if order.order_id > 0 and order.order_id not in self._cancelled_ids:
                ref = order.order.order_ref
                self.broken("INV-07", f"{ref} has no cancel a second after the halt")

    def on_exchange(self) -> None:
        """Check after something happened at the exchange."""
        self.steps += 1
        self.check_worst_case()
        if self.duties is not None:
            self.duties.on_exchange(self.plan)

    # -- the end ---------------------------------------------------------------------------------

    def on_end(self, state: DeskState) -> None:
        """Hold the end of the session against the exchange, when all faults are over."""
        for order in self._exchange.live():
            self.broken("INV-31", f"the session ended, {order.order.order_ref} is {order.status}")
        program = state.program
        if program is None:
            if self._exchange.traded():
                self.broken("INV-05", "there is no program, and something was traded")
            return
        self.reached[f"program {program.state.value}"] += 1
        if not program.sentence or (program.state.has_ended != (program.ended_at is not None)):
            self.broken("INV-31", f"the program is {program.state.value} without words")
        if program.state is not ProgramState.LOCKED:
            self._check_books(state)
            self._check_holdings()
            return
        if not self._scenario.is_exposed_to(*WAYS_TO_KEEP_A_FILL_BACK):
            self._check_executions(state)  # whoever else has traded: ours are counted right
        if not re.search(r"differ|twice|more than|broker", program.sentence):
            self.broken("INV-31", f"locked for no reason: {program.sentence}")

    def _check_books(self, state: DeskState) -> None:
        """Fills, positions and money of the product are those of the exchange."""
        if state.program is None:
            return
        believed = {str(row.plan.symbol): row.filled for row in state.program.packages.values()}
        units: dict[str, int] = dict.fromkeys(believed, 0)
        for order in self._exchange.straddles():
            symbol = str(order.contract.symbol)
            sign = 1 if order.order.action == self._sides.get(symbol) else -1
            units[symbol] = units.get(symbol, 0) + sign * int(order.filled)
        if believed != units and not self._scenario.is_exposed_to("B8"):
            self.broken("INV-05", f"the product counts {believed} filled, the exchange {units}")
        self._check_executions(state)
        self._check_complete(state, units)

    def _check_executions(self, state: DeskState) -> None:
        net: dict[int, Decimal] = defaultdict(Decimal)
        cash = Decimal(0)
        for row in state.book.executions.values():
            net[int(row.con_id)] += row.side.sign * row.quantity
            cash += row.side.sign * row.price * row.quantity * row.multiplier
        held = {con_id: quantity for con_id, quantity in net.items() if quantity}
        if held != self._exchange.traded():
            self.broken("INV-05", f"the book holds {held}, traded was {self._exchange.traded()}")
        elif abs(cash - self._exchange.cash_spent()) > Decimal("0.01") * len(state.book.executions):
            self.broken(
                "INV-10", f"the book spent {cash}, the exchange {self._exchange.cash_spent()}"
            )

    def _check_holdings(self) -> None:
        """What others did in the account during the session is told, not passed over (INV-09)."""
        if self._scenario.begins_at_once or self._scenario.crashes:
            return  # what was there at a start belongs to the external book
        held = {con_id: n for con_id, n in self._exchange.venue.truth.positions.items() if n}
        if held != self._exchange.traded():
            traded = self._exchange.traded()
            self.broken("INV-09", f"the account holds {held}, we traded {traded}, and no lock")

    def _check_complete(self, state: DeskState, units: dict[str, int]) -> None:
        program = state.program
        if program is None or program.state is not ProgramState.COMPLETED:
            return
        planned = {str(row.symbol): row.quantity for row in program.plan.packages}
        short = {name: n for name, n in planned.items() if units.get(name, 0) < n}
        if short:
            self.broken("INV-02", f"the program is called complete; {short} are not: {units}")
