"""How does the production code that reads a market read a past one? The broker's data side."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from dispersa.backtest.contracts import listed_expiries, listed_strikes
from dispersa.backtest.valuing import Contract, Valuer
from dispersa.broker.protocol import BarContent, DailyBar, OptionListing
from dispersa.errors import InvalidInput, MarketDataMissing
from dispersa.market import (
    PENNY,
    ConId,
    Greeks,
    OptionContract,
    PriceIncrements,
    Quote,
    Right,
    Symbol,
    TradingSession,
    Underlying,
)
from dispersa.market.contracts import STANDARD_MULTIPLIER
from dispersa.orders import AccountReading, Combo, VixReading


class PastFeed:
    """`BrokerFeed` on the day that the valuer stands on; every answer is there at once."""

    def __init__(self, valuer: Valuer, session: TradingSession) -> None:
        self.at = session.opens
        self._valuer = valuer
        self._session = session
        self._streamed: dict[ConId, Contract] = {}

    async def underlying(self, symbol: Symbol) -> Underlying:
        """Qualify a name that is seen today."""
        name = self._valuer.day.names.get(symbol)
        if name is None:
            raise MarketDataMissing(f"{symbol} is not in the data of {self._valuer.day.day}")
        return self._valuer.contracts.underlying(name)

    async def listings(self, underlying: Underlying) -> tuple[OptionListing, ...]:
        """One standard class: the day's expiries and strikes."""
        name = self._valuer.day.names[underlying.symbol]
        return (
            OptionListing(
                symbol=name.symbol,
                trading_class=name.symbol.replace(" ", ""),
                multiplier=STANDARD_MULTIPLIER,
                expiries=listed_expiries(name, self._valuer.day.day),
                strikes=listed_strikes(name),
            ),
        )

    async def options(
        self, underlying: Underlying, expiry: date, strikes: Sequence[Decimal]
    ) -> tuple[OptionContract, ...]:
        """Calls and puts at these strikes."""
        name = self._valuer.day.names[underlying.symbol]
        smile = name.smiles.get(expiry)
        known = None if smile is None else {Decimal(str(each)) for each in smile.strikes}
        return tuple(
            self._valuer.contracts.option(name, expiry, strike, right)
            for strike in strikes
            if known is None or strike in known
            for right in Right
        )

    async def price_increments(self, contract: OptionContract | Underlying) -> PriceIncrements:
        """One cent."""
        del contract
        return PENNY

    async def combo_increments(self, combo: Combo) -> PriceIncrements:
        """One cent."""
        del combo
        return PENNY

    async def subscribe(self, contracts: Sequence[OptionContract | Underlying]) -> None:
        """Stream quotes."""
        self._streamed.update({each.con_id: each for each in contracts})

    async def unsubscribe(self, contracts: Sequence[OptionContract | Underlying]) -> None:
        """Stop streaming."""
        for each in contracts:
            self._streamed.pop(each.con_id, None)

    async def sample(
        self, contracts: Sequence[OptionContract | Underlying], *, seconds: float
    ) -> Mapping[ConId, tuple[Quote | None, Greeks | None]]:
        """Quotes of contracts, each once."""
        del seconds
        quotes = self._valuer.quotes(contracts, self.at)
        return {each.con_id: (quotes.get(each.con_id), None) for each in contracts}

    def quotes(self) -> Mapping[ConId, Quote]:
        """Quotes of what is streamed."""
        return self._valuer.quotes(tuple(self._streamed.values()), self.at)

    def line_faults(self) -> Mapping[ConId, str]:
        """None: what the data lacks is not listed."""
        return {}

    def greeks(self) -> Mapping[ConId, Greeks]:
        """Own Greeks of the streamed options, in the place of the broker's model."""
        options = [each for each in self._streamed.values() if isinstance(each, OptionContract)]
        return self._valuer.greeks(options, self.at)

    def open_interest(self) -> Mapping[ConId, int]:
        """Open interest where the data knows it."""
        found: dict[ConId, int] = {}
        for each in self._streamed.values():
            name = self._valuer.day.names.get(each.symbol)
            if name is not None and name.open_interest is not None:
                found[each.con_id] = name.open_interest
        return found

    async def vix(self) -> VixReading:
        """The day's VIX."""
        level = self._valuer.day.vix
        if level is None:
            raise MarketDataMissing(f"the data has no VIX of {self._valuer.day.day}")
        return vix_reading(level, self.at)

    async def account(self) -> AccountReading:
        """Not asked here: the run tells the desk its account."""
        raise InvalidInput("a past feed has no account; the run reads it from its exchange")

    async def daily_bars(
        self, underlying: Underlying, content: BarContent, *, days: int
    ) -> tuple[DailyBar, ...]:
        """Not asked here: the signal's histories come from the source."""
        del underlying, content, days
        raise InvalidInput("a past feed has no bars; histories come from the run's source")

    async def session(self, underlying: Underlying) -> TradingSession:
        """The day's session."""
        del underlying
        return self._session

    async def server_time(self) -> datetime:
        """The moment that the run stands at."""
        return self.at


def vix_reading(level: float, at: datetime) -> VixReading:
    """VIX as quoted at this moment."""
    price = Decimal(str(round(level, 2)))
    return VixReading(level=level, quote=Quote(bid=price, ask=price, at=at))
