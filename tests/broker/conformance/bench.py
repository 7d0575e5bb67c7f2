"""What a conformance case works with: a gateway, a connection to it, and one straddle to trade."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import TypeVar

from dispersa.broker.ibkr import Deadlines, IbkrConnection, IbkrSettings, connect
from dispersa.broker.protocol import Clock
from dispersa.gateway.events import Event
from dispersa.gateway.server import RunningGateway, serve
from dispersa.gateway.settings import GatewaySettings, Rules
from dispersa.market import (
    OptionContract,
    Quote,
    Right,
    Side,
    Straddle,
    Symbol,
    Underlying,
    straddle_quote,
)
from dispersa.orders import (
    ApprovedOrder,
    BrokerReport,
    Combo,
    ExecutionReported,
    OrderIntent,
    OrderRef,
    PackageId,
    ProgramId,
    Purpose,
    straddle_combo,
)

T = TypeVar("T")

DEADLINES = Deadlines(
    connect_seconds=5,
    request_seconds=5,
    contract_seconds=5,
    history_seconds=10,
    what_if_seconds=5,
    snapshot_seconds=5,
    first_quote_seconds=5,
    silence_seconds=2,
    fill_gap_seconds=0.2,
    reconnect_seconds_max=0.5,
)
PENNY = Decimal("0.01")
_numbers = count(1)


class Ledger:
    """Reports of one connection as they come."""

    def __init__(self, connection: IbkrConnection) -> None:
        self.reports: list[BrokerReport] = []
        self.task = asyncio.ensure_future(self._pump(connection))

    async def _pump(self, connection: IbkrConnection) -> None:
        async for report in connection.orders.reports():
            self.reports.append(report)

    def of(self, ref: OrderRef) -> list[BrokerReport]:
        return [report for report in self.reports if _ref_of(report) == ref]

    async def wait(self, kind: type[T], *, ref: OrderRef | None = None, times: int = 1) -> list[T]:
        """Wait until `times` reports of a kind have come."""

        def found() -> list[T]:
            rows = self.reports if ref is None else self.of(ref)
            return [row for row in rows if isinstance(row, kind)]

        async with asyncio.timeout(8):
            while len(found()) < times:
                await asyncio.sleep(0.01)
        return found()


def _ref_of(report: BrokerReport) -> OrderRef | None:
    if isinstance(report, ExecutionReported):
        return report.execution.order_ref
    return getattr(report, "ref", None)


@asynccontextmanager
async def linked(
    settings: IbkrSettings, clock: Clock
) -> AsyncIterator[tuple[IbkrConnection, Ledger]]:
    connection = await connect(settings, clock)
    ledger = Ledger(connection)
    try:
        yield connection, ledger
    finally:
        await connection.close()
        await ledger.task


@dataclass
class Bench:
    """One gateway (or a real paper account), one connection, one straddle near the money."""

    settings: IbkrSettings
    clock: Clock
    connection: IbkrConnection
    ledger: Ledger
    gateway: RunningGateway | None
    underlying: Underlying
    straddle: Straddle
    strikes: tuple[Decimal, ...] = field(default=())

    @property
    def orders(self):  # type: ignore[no-untyped-def]
        return self.connection.orders

    @property
    def feed(self):  # type: ignore[no-untyped-def]
        return self.connection.feed

    @property
    def combo(self) -> Combo:
        return straddle_combo(self.straddle)

    def leg_quote(self, leg: OptionContract) -> Quote:
        return self.connection.feed.quotes()[leg.con_id]

    def quote(self) -> Quote:
        return straddle_quote(*(self.leg_quote(leg) for leg in self.straddle.legs))

    def far(self, side: Side = Side.BUY) -> Decimal:
        """A valid limit that does not fill."""
        quote = self.quote()
        assert quote.bid is not None
        assert quote.ask is not None
        limit = quote.bid * Decimal("0.8") if side is Side.BUY else quote.ask * Decimal("1.2")
        return limit.quantize(PENNY)

    def near(self, side: Side = Side.BUY) -> Decimal:
        """A limit that fills at once: through the other side."""
        quote = self.quote()
        assert quote.bid is not None
        assert quote.ask is not None
        limit = quote.ask + 10 * PENNY if side is Side.BUY else quote.bid - 10 * PENNY
        return limit.quantize(PENNY)

    def order(
        self,
        limit: Decimal,
        *,
        side: Side = Side.BUY,
        quantity: int = 1,
        combo: Combo | None = None,
        purpose: Purpose = Purpose.OPEN,
        ref: str = "",
    ) -> ApprovedOrder:
        intent = OrderIntent(
            ref=OrderRef(ref or f"conformance-{self.clock.now():%H%M%S}-{next(_numbers)}"),
            program=ProgramId("conformance"),
            package=PackageId("conformance/straddle"),
            purpose=purpose,
            account=self.connection.account,
            combo=combo or self.combo,
            side=side,
            quantity=quantity,
            limit_price=limit,
        )
        return ApprovedOrder(
            intent=intent, revision=0, approved_at=self.clock.now(), passed=("conformance",)
        )

    @asynccontextmanager
    async def another(self, **changes: object) -> AsyncIterator[tuple[IbkrConnection, Ledger]]:
        """A second connection with client ids of its own."""
        ids = {"data_client_id": 31, "order_client_id": 32}
        settings = replace(self.settings, **{**ids, **changes})  # type: ignore[arg-type]
        async with linked(settings, self.clock) as pair:
            yield pair

    def inject(self, event: Event) -> None:
        """Let the simulated gateway say something of its own accord."""
        assert self.gateway is not None
        self.gateway.floor.publish(event)


def with_limit(order: ApprovedOrder, limit: Decimal) -> ApprovedOrder:
    intent = replace(order.intent, limit_price=limit)
    return replace(order, intent=intent, revision=order.revision + 1)


async def build(
    settings: IbkrSettings,
    clock: Clock,
    connection: IbkrConnection,
    gateway: RunningGateway | None,
    symbol: str,
) -> Bench:
    """Choose the straddle nearest the money with at least three weeks to go, and quote it."""
    feed = connection.feed
    underlying = await feed.underlying(Symbol(symbol))
    listing = (await feed.listings(underlying))[0]
    await feed.subscribe([underlying])
    spot = await _until(lambda: feed.quotes().get(underlying.con_id))
    assert spot.mid is not None
    earliest = clock.now().date() + timedelta(days=21)
    expiry = next(day for day in listing.expiries if day >= earliest)
    mid = spot.mid
    nearest = sorted(listing.strikes, key=lambda strike: abs(strike - mid))
    options: tuple[OptionContract, ...] = ()
    strike = nearest[0]
    for strike in nearest:
        options = await feed.options(underlying, expiry, [strike])
        if len(options) == 2:
            break
    call = next(row for row in options if row.right is Right.CALL)
    put = next(row for row in options if row.right is Right.PUT)
    await feed.subscribe([call, put])
    await _until(lambda: feed.quotes().get(call.con_id))
    await _until(lambda: feed.quotes().get(put.con_id))
    return Bench(
        settings=settings,
        clock=clock,
        connection=connection,
        ledger=Ledger(connection),
        gateway=gateway,
        underlying=underlying,
        straddle=Straddle(call=call, put=put),
        strikes=listing.strikes,
    )


async def _until(read: Callable[[], T | None]) -> T:
    async with asyncio.timeout(8):
        while (found := read()) is None:
            await asyncio.sleep(0.02)
    return found


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(8):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def gateway(rules: Rules | None = None, **changes: object) -> AsyncIterator[RunningGateway]:
    """A simulated gateway with few names and quick steps."""
    settings = GatewaySettings(
        **{"port": 0, "names": 2, "step_seconds": 0.0625, **changes},  # type: ignore[arg-type]
        rules=rules or Rules(),
    )
    running = await serve(settings)
    try:
        yield running
    finally:
        await running.close()


@asynccontextmanager
async def bench_on(running: RunningGateway, **changes: object) -> AsyncIterator[Bench]:
    """A bench of its own on a gateway of its own."""
    settings = IbkrSettings(
        **{"port": running.port, "deadlines": DEADLINES, **changes}  # type: ignore[arg-type]
    )
    connection = await connect(settings, running.clock)
    bench = await build(settings, running.clock, connection, running, "QQQ")
    try:
        yield bench
    finally:
        await connection.close()
        await bench.ledger.task


Run = Callable[[Bench], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of the conformance table."""

    number: int
    scenario: str
    expected: str
    simulated_only: bool
    run: Run


CASES: dict[int, Case] = {}


def case(
    number: int, scenario: str, expected: str, *, simulated_only: bool = False
) -> Callable[[Run], Run]:
    """Enter a case into the table."""

    def enter(run: Run) -> Run:
        assert number not in CASES, f"case {number} exists"
        CASES[number] = Case(
            number=number,
            scenario=scenario,
            expected=expected,
            simulated_only=simulated_only,
            run=run,
        )
        return run

    return enter
