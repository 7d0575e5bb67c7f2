"""A small trade and a scripted broker's answers, for driving the desk without a wire.

Every number is chosen by hand: one index straddle with 200 $/pt of vega against two names with
40 and 25 $/pt, so that 10 x 200 = 30 x 40 + 32 x 25 = 2,000 $/pt on each side.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache

from dispersa.correlation.terms import Direction, Signal, SignalPolicy
from dispersa.desk import events as ev
from dispersa.desk.codec import decode, encode
from dispersa.desk.commands import (
    AmendOrder,
    AskApproval,
    CancelOrder,
    Command,
    ComputeTargets,
    PlaceOrder,
)
from dispersa.desk.evolve import Record
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState, Stage
from dispersa.desk.step import step
from dispersa.execution.plan import PlannedPackage, Role, TradePlan
from dispersa.execution.policy import ProgramPolicy, WalkPolicy
from dispersa.execution.remedies import resolve
from dispersa.journal import canonical_json
from dispersa.market import (
    PENNY,
    ConId,
    OptionContract,
    Quote,
    Right,
    Side,
    Straddle,
    Symbol,
    TradingSession,
)
from dispersa.orders import (
    AccountReading,
    ApprovedOrder,
    BrokerSnapshot,
    Commission,
    CommissionReported,
    CompletedOrderReading,
    ExecId,
    Execution,
    ExecutionReported,
    OpenOrderReading,
    OrderCancelled,
    OrderRef,
    OrderWorking,
    PermId,
    PositionReading,
    VixReading,
)
from dispersa.risk import Gate, Limits

T0 = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
EXPIRY = date(2026, 12, 18)
ACCOUNT = "DU1234567"
TICK = timedelta(milliseconds=250)
NAMES = {"QQQ": (1, 600.0, 200.0), "AAA": (11, 200.0, 40.0), "BBB": (21, 150.0, 25.0)}


@cache
def straddle(symbol: str) -> Straddle:
    con_id, spot, _ = NAMES[symbol]
    call, put = (
        OptionContract(
            con_id=ConId(con_id + shift),
            symbol=Symbol(symbol),
            expiry=EXPIRY,
            strike=Decimal(int(spot)),
            right=right,
            trading_class=symbol,
        )
        for shift, right in ((1, Right.CALL), (2, Right.PUT))
    )
    return Straddle(call=call, put=put)


@cache
def fair(symbol: str) -> Decimal:
    package = planned(symbol, Side.BUY, 1, at=T0)
    value = package.fair_value(package.spot)
    assert value is not None
    return value.quantize(Decimal("0.02"))


def planned(symbol: str, side: Side, quantity: int, *, at: datetime) -> PlannedPackage:
    con_id, spot, vega = NAMES[symbol]
    return PlannedPackage(
        symbol=Symbol(symbol),
        role=Role.INDEX if symbol == "QQQ" else Role.COMPONENT,
        straddle=straddle(symbol),
        underlying_con_id=ConId(con_id),
        side=side,
        quantity=quantity,
        weight=None if symbol == "QQQ" else 0.5,
        implied_vol=0.25,
        spot=spot,
        forward=spot,
        discount=1.0,
        years=28 / 365,
        vega_usd=vega,
        theta_usd=-50.0,
        delta_usd=0.0,
        cash_gamma_usd=1e6,
        quote=Quote(bid=Decimal("9.90"), ask=Decimal("10.10"), bid_size=50, ask_size=50, at=at),
        increments=PENNY,
        cost_expected_usd=Decimal(100),
        broker_vega_usd=vega,
    )


def plan(at: datetime = T0) -> TradePlan:
    return TradePlan(
        created_at=at,
        expires_at=at + timedelta(minutes=5),
        account=ACCOUNT,
        direction=Direction.LONG_DISPERSION,
        index=Symbol("QQQ"),
        expiry_days=28,
        packages=(
            planned("QQQ", Side.SELL, 10, at=at),
            planned("AAA", Side.BUY, 30, at=at),
            planned("BBB", Side.BUY, 32, at=at),
        ),
        vega_budget_usd=2000.0,
        vega_tolerance_usd=20.0,
        dropped=(),
        stress=(),
        margin_modeled_usd=Decimal(200_000),
        margin_what_if_usd=Decimal(180_000),
        edge_vol_points=0.5,
        edge_waived=None,
        sizing_note="",
    )


def account(at: datetime = T0) -> AccountReading:
    return AccountReading(
        account=ACCOUNT,
        is_paper=True,
        currency="USD",
        net_liquidation=Decimal(5_000_000),
        available_funds=Decimal(4_000_000),
        initial_margin=Decimal(0),
        maintenance_margin=Decimal(0),
        total_cash=Decimal(5_000_000),
        at=at,
    )


def signal() -> Signal:
    return Signal(
        as_of=T0,
        tenor_days=30,
        index=Symbol("QQQ"),
        direction=Direction.LONG_DISPERSION,
        considered=Direction.LONG_DISPERSION,
        edge_gross=1.0,
        edge_net=0.5,
        thresholds=SignalPolicy(),
        reasons=(),
    )


@cache
def rules() -> DeskRules:
    return DeskRules(gate=Gate(Limits()), order_prefix="test")


@cache
def rules_of(policy: ProgramPolicy, walk_policy: WalkPolicy) -> DeskRules:
    return replace(rules(), program_policy=policy, walk_policy=walk_policy)


@dataclass
class Scene:
    """A desk, its clock, its journal as text, and a broker that fills what it is told to fill."""

    state: DeskState = field(default_factory=DeskState)
    now: datetime = T0
    journal: list[tuple[datetime, str, str]] = field(default_factory=list)
    sent: list[ApprovedOrder] = field(default_factory=list)
    amended: list[ApprovedOrder] = field(default_factory=list)
    cancelled: list[OrderRef] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    silent: bool = False
    live: dict[OrderRef, ApprovedOrder] = field(default_factory=dict)
    arrived: dict[OrderRef, ApprovedOrder] = field(default_factory=dict)
    worst: float = 0.0
    planned: TradePlan = field(default_factory=plan)
    policy: ProgramPolicy = field(default_factory=ProgramPolicy)
    walk_policy: WalkPolicy = field(default_factory=WalkPolicy)
    stubborn: frozenset[str] = frozenset()
    quoteless: frozenset[str] = frozenset()
    times: tuple[Decimal, Decimal] = (Decimal(1), Decimal(1))
    vix: float = 17.1
    asked: ComputeTargets | None = None

    @property
    def rules(self) -> DeskRules:
        return rules_of(self.policy, self.walk_policy)

    def tell(self, event: ev.Event) -> tuple[Command, ...]:
        """Send one event to the desk, record it, and note what leaves."""
        state, commands = step(self.rules, self.state, self.now, event)
        records: Iterable[Record] = (event, *commands)
        if commands or not isinstance(event, ev.MarketObserved):
            self.journal.extend((self.now, *_text(record)) for record in records)
            self.state = state
        for command in commands:
            self._note(command)
        return commands

    def _note(self, command: Command) -> None:
        match command:
            case PlaceOrder(approved=approved):
                self.sent.append(approved)
                if not self.silent:
                    self.live[approved.intent.ref] = approved
                    self.arrived[approved.intent.ref] = approved
            case AmendOrder(approved=approved):
                self.amended.append(approved)
                self.live[approved.intent.ref] = approved
            case CancelOrder(ref=ref):
                self.cancelled.append(ref)
            case ComputeTargets():
                self.asked = command
            case _:
                return

    def open(self) -> None:
        """Bring the desk to the point where the program starts."""
        self.open_until_asked()
        self.answer("EXECUTE")

    def open_until_asked(self) -> None:
        """Bring the desk to the question for EXECUTE."""
        asked = self.open_until_proposed()
        assert isinstance(asked[-1], AskApproval), asked

    def conditions(
        self, *, vix: float | None = None, net_liquidation: Decimal = Decimal(5_000_000)
    ) -> ev.ConditionsRead:
        """Account and VIX as read now."""
        half, vix = Decimal("0.1"), self.vix if vix is None else vix
        level = Decimal(str(vix))
        quote = Quote(bid=level - half, ask=level + half, at=self.now)
        read = replace(account(self.now), net_liquidation=net_liquidation)
        return ev.ConditionsRead(account=read, vix=VixReading(level=vix, quote=quote))

    def open_until_proposed(
        self, *, net_liquidation: Decimal = Decimal(5_000_000)
    ) -> tuple[Command, ...]:
        """Bring the desk to its answer to the proposed plan."""
        self.tell(ev.DeskOpened(profile="sim", account=ACCOUNT, live_allowed=False))
        session = TradingSession(opens=T0 - timedelta(minutes=30), closes=T0 + timedelta(hours=6))
        self.tell(ev.BrokerSynchronized(snapshot=self.snapshot(), session=session))
        self.tell(self.conditions(net_liquidation=net_liquidation))
        self.tell(ev.TradeRequested(requested_by="test", edge_waiver=None))
        self.tell(ev.SignalComputed(signal=signal()))
        return self.tell(ev.PlanProposed(plan=self.planned))

    def answer(self, text: str) -> tuple[Command, ...]:
        assert self.state.plan is not None
        return self.tell(
            ev.OperatorAnswered(plan_hash=self.state.plan.plan_hash, text=text, operator="test")
        )

    def quotes(self) -> ev.MarketObserved:
        """Quotes of every leg and underlying: straddle mid at fair value, 1 % wide.

        Calls and puts are quoted at `times` their planned value.
        """
        quotes: dict[ConId, Quote] = {}
        for symbol, (con_id, spot, _) in NAMES.items():
            for each, times in zip(straddle(symbol).legs, self.times, strict=True):
                middle = (times * fair(symbol) / 2).quantize(Decimal("0.01"))
                half = (middle / 100).quantize(Decimal("0.01"))
                bid = None if symbol in self.quoteless else middle - half
                quotes[each.con_id] = Quote(
                    bid=bid, ask=middle + half, bid_size=50, ask_size=50, at=self.now
                )
            stock = Decimal(str(spot))
            quotes[ConId(con_id)] = Quote(
                bid=stock - Decimal("0.01"), ask=stock + Decimal("0.01"), at=self.now
            )
        return ev.MarketObserved(quotes=quotes)

    def tick(self, count: int = 1, *, every: timedelta = TICK) -> None:
        """Let time pass: quotes each tick, account and VIX each ten seconds."""
        for _ in range(count):
            self.now += every
            if (self.now - T0) % timedelta(seconds=10) < every:
                self.tell(self.conditions())
            self.tell(self.quotes())

    def reports_of_fill(self, approved: ApprovedOrder, units: int, tag: str) -> list[ev.Event]:
        """What the broker says when `units` of an order fill: legs and their commissions."""
        intent = approved.intent
        events: list[ev.Event] = []
        for number, leg in enumerate(intent.combo.legs, start=2):
            execution = Execution(
                exec_id=ExecId(f"{tag}.{number:02d}.01"),
                order_ref=intent.ref,
                perm_id=perm_id(intent.ref),
                account=ACCOUNT,
                con_id=leg.contract.con_id,
                symbol=intent.combo.symbol,
                side=intent.side,
                quantity=Decimal(units),
                price=intent.limit_price / 2,
                multiplier=100,
                at=self.now,
            )
            self.executions.append(execution)
            events.append(ExecutionReported(execution=execution))
            events.append(CommissionReported(commission=commission(execution)))
        return events

    def working(self, approved: ApprovedOrder) -> OrderWorking:
        intent = approved.intent
        return OrderWorking(
            ref=intent.ref, perm_id=perm_id(intent.ref), limit_price=intent.limit_price
        )

    def snapshot(self) -> BrokerSnapshot:
        """The broker's books as this script keeps them."""
        held: dict[ConId, Decimal] = {}
        for row in self.executions:
            held[row.con_id] = held.get(row.con_id, Decimal(0)) + row.side.sign * row.quantity
        legs = {leg.con_id: leg for name in NAMES for leg in straddle(name).legs}
        return BrokerSnapshot(
            account=account(self.now),
            positions=tuple(
                PositionReading(
                    con_id=con_id,
                    symbol=legs[con_id].symbol,
                    quantity=quantity,
                    average_cost=Decimal(500),
                    option=legs[con_id],
                )
                for con_id, quantity in held.items()
                if quantity
            ),
            open_orders=tuple(_open(row, self._units(ref)) for ref, row in self.live.items()),
            completed_orders=tuple(
                CompletedOrderReading(
                    ref=ref, perm_id=perm_id(ref), filled=self._units(ref), status="Cancelled"
                )
                for ref in self.arrived
                if ref not in self.live
            ),
            executions=tuple(self.executions),
            commissions=tuple(commission(row) for row in self.executions),
            at=self.now,
        )

    def _units(self, ref: OrderRef) -> Decimal:
        """Whole combo units that the script has filled of one order."""
        legs: dict[ConId, Decimal] = {}
        for row in self.executions:
            if row.order_ref == ref:
                legs[row.con_id] = legs.get(row.con_id, Decimal(0)) + row.quantity
        wanted = len(self.arrived[ref].intent.combo.legs)
        return min(legs.values()) if len(legs) == wanted else Decimal(0)

    def fill_everything(self, rng: random.Random, ticks: int = 4000) -> None:
        """Acknowledge, fill in random parts, confirm cancels, answer reads, until it has ended."""
        for _ in range(ticks):
            if self.state.stage is Stage.ENDED:
                return
            self.tick()
            number = (self.now - T0) // TICK
            for approved in list(self.live.values()):
                self._work(approved, rng, number)
            self._compute()
            for ref in [ref for ref in self.cancelled if ref in self.live]:
                del self.live[ref]
                self.tell(OrderCancelled(ref=ref, message="cancelled"))
            if self.state.snapshot_request is not None:
                self.tell(ev.SnapshotRead(snapshot=self.snapshot()))

    def _compute(self) -> None:
        """Answer what the desk has asked its worker."""
        if self.asked is None:
            return
        asked, self.asked = self.asked, None
        found = resolve(asked.request)
        if isinstance(found, str):
            self.tell(ev.TargetsImpossible(remedy=asked.remedy, reason=found))
        else:
            self.tell(ev.TargetsComputed(remedy=asked.remedy, targets=found))

    def _work(self, approved: ApprovedOrder, rng: random.Random, number: int) -> None:
        ref = approved.intent.ref
        order = self.state.orders[ref]
        if order.acknowledged_at is None or order.amend_pending:
            self.tell(self.working(approved))
        elif rng.random() < 0.2 and approved.intent.combo.symbol not in self.stubborn:
            units = rng.randint(1, order.remaining)
            for report in self.reports_of_fill(approved, units, f"{ref}-{number}"):
                self.tell(report)
            if self.state.orders[ref].remaining == 0:
                del self.live[ref]


def perm_id(ref: OrderRef) -> PermId:
    return PermId(sum(map(ord, ref)))


def commission(execution: Execution) -> Commission:
    return Commission(
        exec_id=execution.exec_id, amount=Decimal("0.65") * execution.quantity, currency="USD"
    )


def _open(approved: ApprovedOrder, filled: Decimal) -> OpenOrderReading:
    intent = approved.intent
    return OpenOrderReading(
        ref=intent.ref,
        perm_id=perm_id(intent.ref),
        client_id=12,
        symbol=intent.combo.symbol,
        side=intent.side,
        quantity=Decimal(intent.quantity),
        filled=filled,
        limit_price=intent.limit_price,
        status="Submitted",
    )


def _text(record: Record) -> tuple[str, str]:
    kind, value = encode(record)
    return kind, canonical_json(value)


def replay(scene: Scene) -> list[tuple[datetime, Record]]:
    """The journal's records, read back from their text."""
    return [(at, decode(kind, payload)) for at, kind, payload in scene.journal]
