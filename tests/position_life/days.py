"""What a desk does day after day with what it holds, each day compared with the broker's ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from dispersa.desk import events as ev
from dispersa.desk.expiry import Dividend
from dispersa.desk.hedging import Borrow
from dispersa.desk.lifecycle import explanations
from dispersa.desk.state import DeskState
from dispersa.desk.weighing import positions
from dispersa.gateway.model import Contract, Refusal
from dispersa.market import (
    ConId,
    ExerciseStyle,
    OptionContract,
    Right,
    Settlement,
    Side,
    Straddle,
    Symbol,
)
from dispersa.orders import Purpose
from dispersa.portfolio import Cause, OptionMark
from dispersa.runtime.daily_cycle import CyclePolicies, DayLook, look_at_day
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.hedging import send_hedges
from dispersa.runtime.market_reading import pair_up
from dispersa.runtime.settling import adopt, awake, book_dividends, mark_book
from dispersa.runtime.single_orders import TradeLeg, combo_request, work
from dispersa.runtime.trade_session import TradeSetup
from tests.position_life.life import Life

ZERO = Decimal(0)
MORNING = time(15, 0, tzinfo=UTC)
"""Ten o'clock in New York."""


@dataclass
class Diary:
    """One life with what is known beside the books, and what every day came to."""

    life: Life
    cash: Decimal
    lends: Mapping[Symbol, Borrow]
    external_cash: Decimal = ZERO
    values: dict[date, Decimal] = field(default_factory=dict)
    """Worth of our own positions by the broker's ledger and the desk's marks, by day."""
    looks: dict[date, DayLook] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    dividends: int = 0
    sold: dict[Symbol, tuple[Decimal, int]] = field(default_factory=dict)
    """Strike and number of straddles sold outside a trade, by name."""
    state: DeskState = field(default_factory=DeskState)

    def calendar(self) -> Mapping[Symbol, tuple[Dividend, ...]]:
        """Every dividend that the simulated companies pay."""
        return {
            Symbol(each.symbol): tuple(
                Dividend(ex_date=day, amount=amount) for day, amount in each.dividends
            )
            for each in self.life.venue.world.universe.components
        }

    async def until(self, day: date) -> None:
        """Sleep to the morning of a day."""
        await self.life.sleep_until(datetime.combine(day, MORNING))

    async def live(self, day: date, *, hedge: bool = True) -> None:
        """Wake on a day, book, compare with the broker to share and cent, mark, look and hedge."""
        await self.until(day)
        async with self.life.desk() as setup, awake(setup) as desk:
            await self.book(setup, desk)
            await mark_book(setup, desk)
            self.compare(desk.state)
            self.values[day] = self.worth(desk.state)
            policies = CyclePolicies(dividends=self.calendar(), borrow=self.lends)
            look = await look_at_day(setup, desk.state, policies)
            self.looks[day] = look
            if hedge and look.hedges is not None:
                self.sent += await send_hedges(setup, desk, look.hedges)
            self.state = desk.state
        self.compare(self.state)

    async def book(self, setup: TradeSetup, desk: DeskLoop) -> None:
        """Book dividends; accept what the books differ by, with a reason, as a person would."""
        self.dividends += await book_dividends(setup, desk, self.calendar())
        locked = sorted(desk.state.locked_names())
        for name in locked:
            found = next((row for row in explanations(desk.state) if row.symbol == name), None)
            is_cash = found is not None and found.cause is Cause.CASH_SETTLED
            value = self.settlement(desk.state, name) if is_cash else None
            said = await adopt(desk, name, reason="as the notice says", by="test", settlement=value)
            self.adopted.append(said)
        if locked:
            snapshot = await setup.connection.orders.snapshot()
            await desk.tell(ev.SnapshotRead(snapshot=snapshot))

    def settlement(self, state: DeskState, name: Symbol) -> Decimal:
        """Settlement value that explains the cash that went: what the statement would say.

        Straddles that were sold at one strike pay |S - K| each; S is on the side where it stands.
        """
        strike, units = self.sold[name]
        paid = self.cash_of(state) - (self.life.cash() - self.cash - self.external_cash)
        spot = Decimal(self.life.venue.truth.spots[name])
        away = paid / (100 * units)
        value = strike + away if spot > strike else strike - away
        assert abs(value / spot - 1) < Decimal("0.02")
        return value

    def cash_of(self, state: DeskState) -> Decimal:
        """What our own trades brought in, by our book."""
        rows = positions(state).values()
        return sum((row.cash + row.income - row.commission for row in rows), ZERO)

    def compare(self, state: DeskState) -> None:
        """Our book plus the external one is the broker's, share by share and cent by cent."""
        ours = {key: row.quantity for key, row in positions(state).items() if not row.is_flat}
        for row in state.baseline:
            ours[row.con_id] = ours.get(row.con_id, ZERO) + row.quantity
        assert {key: size for key, size in ours.items() if size} == self.life.holdings()
        assert self.life.cash() - self.cash == self.cash_of(state) + self.external_cash
        assert not state.locked_names()

    def worth(self, state: DeskState) -> Decimal:
        """Cash and holdings of the broker's ledger, less what is external, at the desk's marks."""
        outside = {row.con_id: row.quantity for row in state.baseline}
        value = ZERO
        for con_id, quantity in self.life.holdings().items():
            own = quantity - outside.get(con_id, ZERO)
            if own:
                mark = state.marks[con_id]
                unit = mark.contract.multiplier if isinstance(mark, OptionMark) else 1
                value += own * unit * mark.price
        return self.life.cash() - self.cash - self.external_cash + value

    async def sell_straddle(self, symbol: str, trading_class: str, expiry: date, units: int) -> str:
        """Sell straddles at the money outside any trade, through the gate."""
        async with self.life.desk() as setup, awake(setup) as desk:
            feed = setup.connection.feed
            underlying = await feed.underlying(Symbol(symbol))
            spot = Decimal(self.life.venue.truth.spots[symbol])
            listings = await feed.listings(underlying)
            strikes = next(row.strikes for row in listings if row.trading_class == trading_class)
            near = sorted(strikes, key=lambda each: abs(each - spot))[:20]
            found = pair_up(await feed.options(underlying, expiry, near))
            pairs = [each for each in found if each.call.trading_class == trading_class]
            pair = min(pairs, key=lambda each: abs(each.strike - spot))
            return await self.sell(setup, desk, pair, units)

    async def sell(self, setup: TradeSetup, desk: DeskLoop, pair: Straddle, units: int) -> str:
        """Sell straddles at the bid."""
        legs = [TradeLeg(leg, Side.SELL, units) for leg in pair.legs]
        sides = (setup.connection.feed, setup.connection.orders)
        request = await combo_request(sides, legs, purpose=Purpose.OPEN, by="test")
        worked = await work(desk, setup.rules, request)
        self.state, self.sold[pair.symbol] = desk.state, (pair.strike, units)
        return worked.sentence

    def morning_straddle(self, symbol: str, trading_class: str, last_trade: date) -> Straddle:
        """The straddle next to the money of a class that settles in the morning after this day.

        The feed prefers classes that settle at the close, so it is taken from the exchange.
        """
        spot = self.life.venue.truth.spots[symbol]
        wanted = Contract(
            symbol=symbol,
            sec_type="OPT",
            last_trade_date=f"{last_trade:%Y%m%d}",
            trading_class=trading_class,
        )
        found = self.life.venue.contract_details(wanted)
        assert not isinstance(found, Refusal)
        strike = min((row.contract.strike for row in found), key=lambda each: abs(each - spot))
        call, put = (
            OptionContract(
                con_id=ConId(row.contract.con_id),
                symbol=Symbol(symbol),
                expiry=last_trade + timedelta(days=1),
                strike=Decimal(str(strike)),
                right=Right(row.contract.right),
                trading_class=trading_class,
                style=ExerciseStyle.EUROPEAN,
                settlement=Settlement.CASH_AM,
            )
            for row in sorted(found, key=lambda row: row.contract.right)
            if row.contract.strike == strike
        )
        return Straddle(call=call, put=put)

    async def trade_by_hand(self, symbol: str) -> None:
        """Let somebody else buy 100 shares in the same account."""
        before = self.life.cash()
        self.life.venue.faults.arm("D1", symbol=symbol)
        await self.life.sleep_until(self.life.clock.live.now().replace(minute=30))
        self.external_cash += self.life.cash() - before
