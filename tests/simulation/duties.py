"""Does the product do in time what it owes? Life cycle, imbalance, hours, answers, alerts.

Invariants 06, 11, 16, 17, 19, 32 and 33 of controls-and-faults.md, held against the exchange's
books, its calendar, and what has really arrived on the operator's phone.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from dispersa.alerts import Alert, Severity
from dispersa.desk import events as ev
from dispersa.desk.commands import (
    ComputeClosing,
    ComputePlan,
    ComputeSignal,
    ComputeTargets,
    DoubtOrder,
    EndProgram,
    ReadSnapshot,
    RecordReconciliation,
    WindDown,
)
from dispersa.desk.controls import HaltTrading
from dispersa.desk.state import DeskState
from dispersa.execution.plan import TradePlan
from dispersa.execution.program import ProgramState
from dispersa.gateway.wire import requests as r
from dispersa.gateway.world.calendar import new_york_date, session
from dispersa.orders import LinkLost, OrderDoubtful, OrderRejected, OrderState
from dispersa.runtime.desk_loop import Seen
from tests.simulation.exchange import Exchange
from tests.simulation.person import Operator
from tests.simulation.scenario import Scenario

Broken = Callable[[str, str], None]

IMBALANCE_SECONDS = 30.0
"""How long the filled vega may leave its corridor before nothing more may go the same way."""
IMBALANCE_HALT_SECONDS = 120.0
ANSWER_SECONDS = 90.0
"""How long any question that the desk has asked may stay without an answer, good or bad."""
INBOX_MAX = 2_000
UNKNOWN_SECONDS = 60.0
ALERT_SECONDS = 5.0
FOLDED_SECONDS = 600.0
TELLING = (
    ev.HaltRequested,
    HaltTrading,
    EndProgram,
    WindDown,
    OrderRejected,
    OrderDoubtful,
    DoubtOrder,
    LinkLost,
)
"""Records that a person must hear of, whatever the product thinks is worth telling."""
QUESTIONS = (ReadSnapshot, ComputeSignal, ComputePlan, ComputeClosing, ComputeTargets)
CAUSED = frozenset({"program_locked", "not_neutral"})
"""Critical alerts that a calm market may cause, too."""

_S = OrderState
LEGAL: dict[OrderState, frozenset[OrderState]] = {
    _S.INTENDED: frozenset(_S),
    _S.SENT: frozenset(_S) - {_S.INTENDED},
    _S.WORKING: frozenset(_S) - {_S.INTENDED, _S.SENT},
    _S.CANCEL_PENDING: frozenset(_S) - {_S.INTENDED, _S.SENT, _S.WORKING},
    _S.UNKNOWN: frozenset(_S) - {_S.INTENDED, _S.SENT},
    **{end: frozenset({end, _S.FILLED}) for end in OrderState if end.is_terminal},
}
"""What may follow a state: nothing leads back to a life that has ended, and a full fill outranks
every other end."""


class Duties:
    """Watches one session; what is owed and late goes to `broken`."""

    def __init__(
        self,
        scenario: Scenario,
        exchange: Exchange,
        operator: Operator,
        now: Callable[[], float],
        market_now: Callable[[], datetime],
        broken: Broken,
    ) -> None:
        self._scenario = scenario
        self._exchange = exchange
        self._operator = operator
        self._now = now
        self._market_now = market_now
        self._broken = broken
        self.reached: Counter[str] = Counter()
        self._states: dict[str, OrderState] = {}
        self._filled: dict[str, int] = {}
        self._asked: dict[str, float] = {}
        self._unknown_since: dict[str, float] = {}
        self._owed: dict[str, tuple[float, str]] = {}
        self._outside_since: float | None = None
        self._life = 0

    # -- lives of the process (INV-19) -----------------------------------------------------------

    def begin_life(self) -> int:
        """Hear that a process has started; returns the number under which it may write."""
        self._life += 1
        self._asked.clear()
        self._unknown_since.clear()
        self._owed.clear()
        return self._life

    def on_life(self, life: int, what: str) -> None:
        """Hear that a process writes: only the one that runs may."""
        if life != self._life:
            self._broken("INV-19", f"life {life} of the process {what} in life {self._life}")

    # -- the wire --------------------------------------------------------------------------------

    def on_order(self, request: r.PlaceOrder, plan: TradePlan | None) -> None:
        """Check hours and imbalance when an order is written."""
        ref, at = request.order.order_ref, self._market_now()
        hours = session(new_york_date(at))
        if hours is None or not hours.contains(at):
            self._broken("INV-17", f"{ref} left at {at:%H:%M:%S}, outside the session")
        net = self._net_vega(plan)
        since = self._outside_since
        if plan is None or net is None or since is None:
            return
        way = 1 if request.order.action == "BUY" else -1
        if way * net > 0 and request.contract.combo_legs:
            lasted = self._now() - since
            if lasted > IMBALANCE_SECONDS:
                self._broken(
                    "INV-11",
                    f"{ref} adds to a net vega of {net:+.0f} that is outside for {lasted:.0f} s",
                )

    # -- the exchange ----------------------------------------------------------------------------

    def on_exchange(self, plan: TradePlan | None) -> None:
        """Start and stop the imbalance clock."""
        net = self._net_vega(plan)
        if plan is None or net is None:
            return
        largest = max(row.vega_usd for row in plan.packages)
        corridor = max(self._scenario.program.corridor_share * plan.vega_budget_usd, 1.5 * largest)
        if abs(net) <= corridor + 1e-6:
            self._outside_since = None
        elif self._outside_since is None:
            self._outside_since = self._now()
            self.reached["imbalance"] += 1

    def _net_vega(self, plan: TradePlan | None) -> float | None:
        if plan is None or self._scenario.is_exposed_to("B21"):
            return None
        vegas = {str(row.symbol): row.vega_usd for row in (*plan.packages, *plan.reserves)}
        return sum(
            (1 if order.order.action == "BUY" else -1)
            * vegas.get(str(order.contract.symbol), 0.0)
            * int(order.filled)
            for order in self._exchange.straddles()
        )

    # -- the desk --------------------------------------------------------------------------------

    def on_desk(self, seen: Seen, waiting: int) -> None:
        """Check one step of the desk; `waiting` is how much waits in its inbox."""
        if waiting > INBOX_MAX:
            self._broken("INV-16", f"{waiting} events wait for the desk")
        self._check_life_cycle(seen.state)
        self._check_answers(seen)
        self._check_imbalance(seen.state)
        self._check_unknown(seen.state)
        self._note_owed(seen)
        self._check_owed()

    def _check_life_cycle(self, state: DeskState) -> None:
        for ref, order in state.orders.items():
            before = self._states.get(ref)
            if before is None:
                pass
            elif order.state not in LEGAL[before] and order.state is not before:
                self._broken("INV-06", f"{ref} went from {before} to {order.state}")
            elif order.filled < self._filled[ref]:
                self._broken(
                    "INV-06", f"{ref} had {self._filled[ref]} filled and now has {order.filled}"
                )
            self._states[ref], self._filled[ref] = order.state, order.filled

    def _check_answers(self, seen: Seen) -> None:
        now = self._now()
        match seen.event:
            case ev.SnapshotRead() | ev.SnapshotFailed():
                self._asked.pop("ReadSnapshot", None)
            case ev.SignalComputed() | ev.PlanProposed():
                self._forget("ComputeSignal", "ComputePlan", "ComputeClosing")
            case ev.PlanImpossible():
                self._forget("ComputeSignal", "ComputePlan", "ComputeClosing")
            case ev.TargetsComputed() | ev.TargetsImpossible():
                self._forget("ComputeTargets")
            case _:
                pass
        for command in seen.commands:
            if isinstance(command, QUESTIONS):
                self._asked.setdefault(type(command).__name__, now)
        for name, asked_at in self._asked.items():
            if now - asked_at > ANSWER_SECONDS:
                self._broken("INV-16", f"{name} has no answer after {now - asked_at:.0f} s")

    def _forget(self, *names: str) -> None:
        for name in names:
            self._asked.pop(name, None)

    def _check_imbalance(self, state: DeskState) -> None:
        since, program = self._outside_since, state.program
        if since is None or program is None or program.state is not ProgramState.RUNNING:
            return
        lasted = self._now() - since
        is_stopped = state.halt is not None or not state.linked
        if lasted > IMBALANCE_HALT_SECONDS and not is_stopped:
            self._broken("INV-11", f"outside its corridor for {lasted:.0f} s, and still running")

    # -- alerts ----------------------------------------------------------------------------------

    def _check_unknown(self, state: DeskState) -> None:
        now = self._now()
        unknown = {ref for ref, o in state.orders.items() if o.state is OrderState.UNKNOWN}
        for ref in [ref for ref in self._unknown_since if ref not in unknown]:
            del self._unknown_since[ref]
        for ref in unknown:
            lasted = now - self._unknown_since.setdefault(ref, now)
            if (
                lasted > UNKNOWN_SECONDS
                and f"order_unknown {ref}" not in self._operator.phone.topics
            ):
                self._broken("INV-32", f"{ref} is unknown for {lasted:.0f} s, and nobody was told")

    def _note_owed(self, seen: Seen) -> None:
        """Note what a person must hear of within seconds."""
        for place, record in enumerate((seen.event, *seen.commands)):
            differs = isinstance(record, RecordReconciliation) and not record.reconciliation.agrees
            if differs or isinstance(record, TELLING):
                alert_id = f"{seen.at:%Y%m%d}-{seen.sequence + place}"
                self._owed[alert_id] = (self._now(), type(record).__name__)

    def _check_owed(self) -> None:
        now = self._now()
        for alert_id, (since, kind) in list(self._owed.items()):
            if alert_id in self._operator.phone.taken:
                self.reached["alert in time"] += 1
                del self._owed[alert_id]
            elif now - since > ALERT_SECONDS:
                del self._owed[alert_id]
                if not self._was_folded(kind, now):
                    self._broken("INV-33", f"nobody was told of {kind} ({alert_id}) in 5 s")

    def _was_folded(self, kind: str, now: float) -> bool:
        """Whether the same was told shortly before, so that it is only counted now."""
        topics = FOLDS.get(kind, ())
        return any(
            topic.startswith(topics) and now - at < FOLDED_SECONDS
            for topic, at in self._operator.phone.topics.items()
            if topics
        )

    def on_alert(self, alert: Alert) -> None:
        """Hear an alert as the operator does: a calm market wakes nobody."""
        self.reached[f"alert {alert.severity}"] += 1
        name = alert.topic.partition(" ")[0]
        if self._scenario.is_calm and alert.severity is Severity.CRITICAL and name not in CAUSED:
            self._broken("INV-33", f"false alarm in a calm market: {alert.headline}")

    def on_last(self) -> None:
        """The session is over, and the alarm has had its seconds: everything owed is told."""
        self._check_owed()

    # -- the end ---------------------------------------------------------------------------------

    def on_end(self, state: DeskState) -> None:
        """Compare what each order has filled with the exchange's word (INV-06)."""
        program = state.program
        if program is None or program.state is ProgramState.LOCKED:
            return
        if self._scenario.is_exposed_to("B8", "B21"):
            return
        done: Counter[str] = Counter()
        for true in self._exchange.straddles():
            done[true.order.order_ref] += int(true.filled)
        for ref, order in state.orders.items():
            if len(order.approved.intent.combo.legs) > 1 and order.filled != done[ref]:
                self._broken(
                    "INV-06", f"{ref} counts {order.filled} filled, the exchange {done[ref]}"
                )


FOLDS: dict[str, tuple[str, ...]] = {
    "HaltTrading": ("halted",),
    "WindDown": ("winding_down",),
    "OrderRejected": ("order_rejected",),
    "OrderDoubtful": ("order_unknown",),
    "DoubtOrder": ("order_unknown",),
    "LinkLost": ("link_lost",),
    "RecordReconciliation": ("books_differ",),
}
"""Under which topic a repeat is folded; what is not named here is told every time."""
