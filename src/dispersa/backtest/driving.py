"""How is the desk driven through a past day? By the same `step`, event by event, in virtual time.

The driver stands where live the event loop stands: it tells the desk what happened, carries its
commands to the exchange, and answers what the desk asks to be computed.
"""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from dispersa.backtest.exchange import PastExchange
from dispersa.desk import events as ev
from dispersa.desk.commands import (
    AmendOrder,
    AskApproval,
    CancelOrder,
    Command,
    ComputeClosing,
    ComputePlan,
    ComputeSignal,
    ComputeTargets,
    PlaceOrder,
    ReadSnapshot,
)
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState, Stage
from dispersa.desk.step import step
from dispersa.errors import require
from dispersa.execution.remedies import resolve
from dispersa.market import ConId, Quote
from dispersa.orders import AccountReading, BrokerSnapshot, VixReading

OPERATOR = "backtest"
TICK = timedelta(seconds=1)
SLOW_TICK = timedelta(seconds=5)
SLOW_AFTER = timedelta(minutes=3)
CONDITIONS_EVERY = timedelta(seconds=15)
EVENTS_MAX = 1_000_000


class Answers(Protocol):
    """The slow work that the desk asks for, answered from the past."""

    def signal(self) -> ev.Event:
        """Today's signal."""
        ...

    def plan(self, state: DeskState, edge_waiver: str | None) -> ev.Event:
        """A sized plan."""
        ...

    def closing(self, state: DeskState, asked: ComputeClosing) -> ev.Event:
        """The plan that closes or rolls a trade."""
        ...


class World(Protocol):
    """What the driver reads of the day: account, VIX, quotes."""

    def account(self, at: datetime) -> AccountReading:
        """Account values."""
        ...

    def vix(self, at: datetime) -> VixReading | None:
        """VIX, None where it is not known."""
        ...

    def quotes(self, state: DeskState, at: datetime) -> dict[ConId, Quote]:
        """Quotes of the running program's legs and underlyings."""
        ...


class PastDesk:
    """One desk over the days of a run; `state` and `now` only go forward."""

    def __init__(
        self,
        *,
        rules: DeskRules,
        exchange: PastExchange,
        world: World,
        answers: Answers,
        saw: Callable[[ev.Event, tuple[Command, ...]], None],
    ) -> None:
        self.state = DeskState()
        self.now = datetime.min.replace(tzinfo=UTC)
        self._rules = rules
        self._exchange = exchange
        self._world = world
        self._answers = answers
        self._saw = saw
        self._waiting: deque[ev.Event] = deque()

    @property
    def rules(self) -> DeskRules:
        """The rules that the desk decides by."""
        return self._rules

    def tell(self, event: ev.Event) -> None:
        """Tell the desk one thing, and everything that follows from it at once."""
        self._waiting.append(event)
        self._settle()

    def read_conditions(self) -> None:
        """Tell the desk account and VIX as of now."""
        vix = self._world.vix(self.now)
        missing = "" if vix is not None else "the data has no VIX of this day"
        account = self._world.account(self.now)
        self.tell(ev.ConditionsRead(account=account, vix=vix, vix_missing=missing))

    def work(self) -> None:
        """Let market time pass until the program under way has ended."""
        began, told = self.now, self.now
        while self.state.stage is Stage.EXECUTION:
            waited = SLOW_TICK if self.now - began > SLOW_AFTER else TICK
            self.now += waited
            self._post(self._exchange.pass_time(self.now, waited))
            if self.now - told >= CONDITIONS_EVERY:
                told = self.now
                self.read_conditions()
            self.tell(ev.MarketObserved(quotes=self._world.quotes(self.state, self.now)))
            require(
                self.now - began < 3 * self._rules.program_policy.deadline,
                "a program does not end within three times its deadline",
            )

    def _post(self, reports: Iterable[ev.Event]) -> None:
        self._waiting.extend(reports)
        self._settle()

    def _settle(self) -> None:
        count = 0
        while self._waiting:
            event = self._waiting.popleft()
            state, commands = step(self._rules, self.state, self.now, event)
            if commands or not isinstance(event, ev.MarketObserved):
                self.state = state
                self._saw(event, commands)
            for command in commands:
                self._carry_out(command)
            count += 1
            require(count < EVENTS_MAX, "the desk and its exchange answer each other without end")

    def _carry_out(self, command: Command) -> None:
        match command:
            case PlaceOrder(approved=approved):
                self._waiting.append(ev.OrderHandedOver(ref=approved.intent.ref))
                self._waiting.extend(self._exchange.place(approved, self.now))
            case AmendOrder(approved=approved):
                self._waiting.extend(self._exchange.amend(approved, self.now))
            case CancelOrder(ref=ref):
                self._waiting.extend(self._exchange.cancel(ref))
            case ReadSnapshot():
                self._waiting.append(ev.SnapshotRead(snapshot=self._snapshot()))
            case ComputeSignal():
                self._waiting.append(self._answers.signal())
            case ComputePlan(edge_waiver=waiver):
                self._waiting.append(self._answers.plan(self.state, waiver))
            case ComputeClosing():
                self._waiting.append(self._answers.closing(self.state, command))
            case ComputeTargets():
                self._waiting.append(_resized(command))
            case AskApproval(plan_hash=plan_hash):
                self._waiting.append(
                    ev.OperatorAnswered(plan_hash=plan_hash, text="EXECUTE", operator=OPERATOR)
                )
            case _:
                return

    def _snapshot(self) -> BrokerSnapshot:
        return self._exchange.snapshot(self._world.account(self.now), self.now)


def _resized(asked: ComputeTargets) -> ev.Event:
    found = resolve(asked.request)
    if isinstance(found, str):
        return ev.TargetsImpossible(remedy=asked.remedy, reason=found)
    return ev.TargetsComputed(remedy=asked.remedy, targets=found)
