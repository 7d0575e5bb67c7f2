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

from dispersa.desk.events import HaltRequested, ResumeRequested
from dispersa.desk.state import DeskState
from dispersa.execution.plan import TradePlan
from dispersa.execution.program import ProgramState
from dispersa.gateway.wire import requests as r
from dispersa.runtime.desk_loop import Seen
from tests.simulation.disk import Intents
from tests.simulation.exchange import Exchange
from tests.simulation.scenario import Scenario

MESSAGES_PER_SECOND_MAX = 45
ABSENCE_SECONDS = 30.0
COLLAR_SHARE = 0.10
"""How far a limit may ever be from the true value: the gate's collar, doubled for stale quotes."""
COLLAR_FLOOR = 0.25
WAYS_TO_OVERFILL = ("B2", "B19", "B26")
"""Faults after which the exchange itself fills more than was asked for."""


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
        self._sent: dict[str, Sent] = {}
        self._ref_of_id: dict[int, str] = {}
        self._written: dict[bool, deque[float]] = defaultdict(deque)
        self._halted_at: float | None = None
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
        found = {(leg.con_id, leg.ratio, leg.action) for leg in request.contract.combo_legs}
        if legs is not None and found != {(con_id, 1, "BUY") for con_id in legs}:
            self.broken("INV-12", f"{ref} has the legs {sorted(found)}, approved were {legs}")

    def _approved_legs(self, symbol: str) -> tuple[int, ...] | None:
        if self.plan is None:
            return None
        for package in self.plan.packages:
            if package.symbol == symbol:
                return tuple(leg.con_id for leg in package.straddle.legs)
        return ()

    def _check_collar(self, ref: str, request: r.PlaceOrder) -> None:
        """No limit is further beyond the true value than any collar allows."""
        con_ids = tuple(leg.con_id for leg in request.contract.combo_legs)
        _, value, _ = self._exchange.fair(con_ids)
        limit = request.order.limit_price
        if limit is None or not con_ids:
            return
        beyond = (limit - value) * (1 if request.order.action == "BUY" else -1)
        if beyond > max(COLLAR_SHARE * value, COLLAR_FLOOR):
            self.broken(
                "INV-12", f"{ref} {request.order.action} at {limit}, its true value is {value:.2f}"
            )

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
        self._check_quantity(ref, symbol, int(request.order.quantity))

    def _may_still_arrive(self, ref: str, sent: Sent) -> bool:
        """Whether an order is not at the exchange, and was sent too lately to be given up."""
        is_known = any(order.order.order_ref == ref for order in self._exchange.ours())
        refused = ref in self._claimed_done
        return not is_known and not refused and self._now() - sent.at_seconds < ABSENCE_SECONDS

    def _check_quantity(self, ref: str, symbol: str, quantity: int) -> None:
        """Filled plus live plus asked never exceeds what was approved for the name."""
        planned = self._planned().get(symbol)
        if planned is None or self._scenario.is_exposed_to(*WAYS_TO_OVERFILL):
            return
        ours = [order for order in self._exchange.ours() if order.contract.symbol == symbol]
        done = sum(int(order.filled) for order in ours)
        working = sum(int(order.remaining) for order in ours if not order.is_done)
        if done + working + quantity > planned:
            self.broken(
                "INV-02",
                f"{ref} asks for {quantity} {symbol}; {done} are filled, {working} work, "
                f"{planned} were approved",
            )

    def _planned(self) -> dict[str, int]:
        if self.plan is None:
            return {}
        return {str(package.symbol): package.quantity for package in self.plan.packages}

    # -- exposure --------------------------------------------------------------------------------

    def check_worst_case(self) -> None:
        """Check filled vega plus the worse one-sided completion against the corridor (INV-08)."""
        plan = self.plan
        if plan is None or self._scenario.is_exposed_to(*WAYS_TO_OVERFILL):
            return
        vegas = {str(row.symbol): row.side.sign * row.vega_usd for row in plan.packages}
        filled = high = low = 0.0
        for order in self._exchange.ours():
            vega = vegas.get(str(order.contract.symbol), 0.0)
            filled += vega * int(order.filled)
            at_risk = 0.0 if order.is_done else vega * int(order.remaining)
            high, low = high + max(at_risk, 0.0), low + min(at_risk, 0.0)
        largest = max(abs(vega) for vega in vegas.values())
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
            self.plan = seen.state.plan
        self._check_claims(seen.state)

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
            if ref in live:
                self.broken("INV-04", f"{ref} is called {claim.value} and is {live[ref].status}")
            sent = self._sent.get(ref)
            waited = None if sent is None else self._now() - sent.at_seconds
            if claim.value == "never_arrived" and (waited or 0.0) < ABSENCE_SECONDS:
                self.broken("INV-04", f"{ref} is called never arrived after {waited} s")

    def on_exchange(self) -> None:
        """Check after something happened at the exchange."""
        self.steps += 1
        self.check_worst_case()

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
        elif not re.search(r"differ|twice|more than|broker", program.sentence):
            self.broken("INV-31", f"locked for no reason: {program.sentence}")

    def _check_books(self, state: DeskState) -> None:
        """Fills, positions and money of the product are those of the exchange."""
        if state.program is None:
            return
        believed = {str(row.plan.symbol): row.filled for row in state.program.packages.values()}
        units: dict[str, int] = dict.fromkeys(believed, 0)
        symbols = {o.order.order_ref: str(o.contract.symbol) for o in self._exchange.ours()}
        for ref, filled in self._exchange.units_filled().items():
            units[symbols[ref]] = units.get(symbols[ref], 0) + filled
        if believed != units and not self._scenario.is_exposed_to("B8"):
            self.broken("INV-05", f"the product counts {believed} filled, the exchange {units}")
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
        self._check_complete(state, units)

    def _check_complete(self, state: DeskState, units: dict[str, int]) -> None:
        program = state.program
        if program is None or program.state is not ProgramState.COMPLETED:
            return
        short = {name: n for name, n in self._planned().items() if units.get(name, 0) < n}
        if short:
            self.broken("INV-02", f"the program is called complete; {short} are not: {units}")
