"""What does the market show today? Chains and quotes around the money, within the line budget.

For every name two expiries are read that bracket the target tenor, and in each the strikes on
both sides of the money: enough for an at-the-money vol at constant maturity and for the straddle
that would be traded. Lines are given back as soon as a name has been read.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from dispersa.broker import BrokerFeed, OptionListing
from dispersa.errors import InvalidInput, MarketDataMissing
from dispersa.execution.plan import DroppedName
from dispersa.market import (
    ConId,
    Greeks,
    OptionContract,
    PriceIncrements,
    Quote,
    Straddle,
    Symbol,
    Underlying,
    straddle_quote,
)
from dispersa.orders import straddle_combo
from dispersa.runtime.step_clock import Clock

STRIKES_EACH_SIDE = 1
NAMES_AT_ONCE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class TenorWindow:
    """Which expiries may be traded, in calendar days from today."""

    target_days: int = 30
    days_min: int = 21
    days_max: int = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class StraddleReading:
    """One straddle with its legs' quotes and, where the broker sent them, its model Greeks.

    `open_interest` is the smaller of call and put, None where the broker did not send both.
    """

    straddle: Straddle
    call: Quote
    put: Quote
    call_greeks: Greeks | None
    put_greeks: Greeks | None
    open_interest: int | None = None

    @property
    def quote(self) -> Quote:
        """Quote of the package from its legs."""
        return straddle_quote(self.call, self.put)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameReading:
    """One underlying as read: its quote and its straddles by expiry.

    `increments` is the price grid of its straddles, None where nothing is to be ordered.
    """

    underlying: Underlying
    spot: Decimal
    spot_quote: Quote
    straddles: Mapping[date, tuple[StraddleReading, ...]]
    increments: PriceIncrements | None

    @property
    def symbol(self) -> Symbol:
        """Symbol of the underlying."""
        return self.underlying.symbol

    def open_interest(self, expiry: date) -> int | None:
        """Open interest of the straddle nearest to the spot, None where it is not known."""
        straddles = self.straddles.get(expiry, ())
        if not straddles:
            return None
        nearest = min(straddles, key=lambda one: abs(one.straddle.strike - self.spot))
        return nearest.open_interest


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketReading:
    """All names that could be read, the expiry to trade, and why others are missing."""

    at: datetime
    today: date
    expiry: date
    names: Mapping[Symbol, NameReading]
    dropped: tuple[DroppedName, ...]

    def without(self, left_out: Sequence[DroppedName]) -> "MarketReading":
        """The same reading with these names dropped for their reasons."""
        gone = {row.symbol for row in left_out}
        kept = {symbol: name for symbol, name in self.names.items() if symbol not in gone}
        return replace(self, names=kept, dropped=(*self.dropped, *left_out))

    def only(self, symbols: Sequence[Symbol]) -> "MarketReading":
        """The same reading of these names alone."""
        kept = {symbol: self.names[symbol] for symbol in symbols if symbol in self.names}
        return replace(self, names=kept, dropped=())


async def read_market(
    feed: BrokerFeed,
    symbols: Sequence[Symbol],
    *,
    window: TenorWindow,
    clock: Clock,
    quote_patience: timedelta = timedelta(seconds=12),
) -> MarketReading:
    """Read the index (first symbol) and its names; a name that can not be read is dropped.

    Raises
    ------
    MarketDataMissing
        If the index itself can not be read, or no expiry lies in the window.
    """
    index = symbols[0]
    found, dropped = await _listings(feed, symbols)
    today = (await feed.session(found[index][0])).opens.date()
    expiries = choose_expiries({k: v[1] for k, v in found.items()}, index, window, today)
    room = asyncio.Semaphore(NAMES_AT_ONCE)

    async def read(symbol: Symbol) -> NameReading | DroppedName:
        async with room:
            underlying, listing = found[symbol]
            try:
                return await _read_name(feed, underlying, listing, expiries, quote_patience)
            except MarketDataMissing as error:
                return DroppedName(symbol=symbol, reason=str(error))

    rows = await asyncio.gather(*(read(symbol) for symbol in found))
    names = {row.symbol: row for row in rows if isinstance(row, NameReading)}
    missing = [row for row in rows if isinstance(row, DroppedName)]
    if index not in names:
        raise MarketDataMissing(f"the index {index} can not be read: {missing[0].reason}")
    return MarketReading(
        at=clock.now(),
        today=today,
        expiry=expiries[0],
        names=names,
        dropped=(*dropped, *missing),
    )


Listed = Mapping[Symbol, tuple[Underlying, OptionListing]]


async def _listings(
    feed: BrokerFeed, symbols: Sequence[Symbol]
) -> tuple[Listed, tuple[DroppedName, ...]]:
    found: dict[Symbol, tuple[Underlying, OptionListing]] = {}
    dropped: list[DroppedName] = []
    for symbol in symbols:
        try:
            underlying = await feed.underlying(symbol)
            found[symbol] = (underlying, standard_listing(await feed.listings(underlying), symbol))
        except (InvalidInput, MarketDataMissing) as error:
            if symbol == symbols[0]:
                raise
            dropped.append(DroppedName(symbol=symbol, reason=str(error)))
    return found, tuple(dropped)


def standard_listing(listings: Sequence[OptionListing], symbol: Symbol) -> OptionListing:
    """Return the listing of the standard 100-share class; adjusted classes carry another name."""
    root = symbol.replace(" ", "")
    for listing in listings:
        if listing.trading_class == root and listing.multiplier == 100:
            return listing
    raise MarketDataMissing(f"no standard option class is listed on {symbol}")


def choose_expiries(
    listings: Mapping[Symbol, OptionListing], index: Symbol, window: TenorWindow, today: date
) -> tuple[date, ...]:
    """Return the expiry to trade, then the one that brackets the target tenor from the other side.

    The traded expiry is the one closest to the target, inside the window, among those that the
    most names share with the index.
    """
    own = listings[index].expiries
    shared = {day: sum(day in row.expiries for row in listings.values()) for day in own}
    allowed = [day for day in own if window.days_min <= (day - today).days <= window.days_max]
    if not allowed:
        raise MarketDataMissing(
            f"{index} lists no expiry {window.days_min} to {window.days_max} days from {today}; "
            "widen the window of days to expiry"
        )
    most = max(shared[day] for day in allowed)
    target = today + timedelta(days=window.target_days)
    common = [day for day in allowed if shared[day] == most]
    traded = min(common, key=lambda day: (abs(day - target), day))
    if traded == target:
        return (traded,)
    beyond = [day for day in own if (day > target) != (traded > target) and day > today]
    beyond = [day for day in beyond if shared[day] >= shared[traded]] or beyond
    return (traded, *sorted(beyond, key=lambda day: abs(day - target))[:1])


async def _read_name(
    feed: BrokerFeed,
    underlying: Underlying,
    listing: OptionListing,
    expiries: Sequence[date],
    patience: timedelta,
) -> NameReading:
    await feed.subscribe([underlying])
    straddles: dict[date, tuple[StraddleReading, ...]] = {}
    try:
        spot_quote, spot = await _spot(feed, underlying, patience)
        for expiry in expiries:
            if expiry in listing.expiries:
                straddles[expiry] = await _read_expiry(
                    feed, underlying, listing, expiry, spot, patience
                )
    finally:
        await feed.unsubscribe([underlying])
    usable = [row for rows in straddles.values() for row in rows]
    if not straddles.get(expiries[0]) or not usable:
        raise MarketDataMissing(
            f"{underlying.symbol} has no two-sided straddle at {expiries[0]} around {spot}"
        )
    increments = await feed.combo_increments(straddle_combo(usable[0].straddle))
    return NameReading(
        underlying=underlying,
        spot=spot,
        spot_quote=spot_quote,
        straddles=straddles,
        increments=increments,
    )


async def _spot(
    feed: BrokerFeed, underlying: Underlying, patience: timedelta
) -> tuple[Quote, Decimal]:
    async def quoted() -> tuple[Quote, Decimal]:
        while True:
            quote = feed.quotes().get(underlying.con_id)
            if quote is not None and quote.mid is not None:
                return quote, quote.mid
            if fault := feed.line_faults().get(underlying.con_id):
                raise MarketDataMissing(
                    f"{underlying.symbol} is not quoted: {fault.rstrip('.')}; subscribe to this "
                    "data, share it with the paper account, log other sessions of this user out"
                )
            await asyncio.sleep(0.05)

    try:
        async with asyncio.timeout(patience.total_seconds()):
            return await quoted()
    except TimeoutError:
        raise MarketDataMissing(
            f"{underlying.symbol} was not quoted within {patience.total_seconds():.0f} s; "
            "check market data permissions and hours"
        ) from None


async def _read_expiry(
    feed: BrokerFeed,
    underlying: Underlying,
    listing: OptionListing,
    expiry: date,
    spot: Decimal,
    patience: timedelta,
) -> tuple[StraddleReading, ...]:
    options: tuple[OptionContract, ...] = ()
    for around in (STRIKES_EACH_SIDE, STRIKES_EACH_SIDE + 4):
        options = await feed.options(
            underlying, expiry, strikes_around(listing.strikes, spot, around)
        )
        if len(pair_up(options)) >= 2 * STRIKES_EACH_SIDE:
            break
    pairs = nearest_pairs(pair_up(options), spot)
    legs = [leg for pair in pairs for leg in pair.legs]
    await feed.subscribe(legs)
    try:
        await _wait_for_quotes(feed, legs, patience)
        return tuple(
            reading for pair in pairs if (reading := _straddle_reading(feed, pair)) is not None
        )
    finally:
        await feed.unsubscribe(legs)


def strikes_around(strikes: Sequence[Decimal], spot: Decimal, each_side: int) -> list[Decimal]:
    """Return the listed strikes nearest to `spot`, `each_side` at or below it and above it."""
    below = [strike for strike in strikes if strike <= spot][-each_side:]
    above = [strike for strike in strikes if strike > spot][:each_side]
    return [*below, *above]


def pair_up(options: Sequence[OptionContract]) -> tuple[Straddle, ...]:
    """Join calls and puts of one strike and class into straddles, ascending in strike."""
    by_strike: dict[tuple[Decimal, str], dict[str, OptionContract]] = {}
    for option in options:
        by_strike.setdefault((option.strike, option.trading_class), {})[option.right] = option
    return tuple(
        Straddle(call=legs["C"], put=legs["P"])
        for _, legs in sorted(by_strike.items())
        if {"C", "P"} <= legs.keys()
    )


def nearest_pairs(pairs: Sequence[Straddle], spot: Decimal) -> list[Straddle]:
    """Return the straddles at the strikes next to `spot` on both sides."""
    below = [pair for pair in pairs if pair.strike <= spot][-STRIKES_EACH_SIDE:]
    above = [pair for pair in pairs if pair.strike > spot][:STRIKES_EACH_SIDE]
    return [*below, *above]


async def _wait_for_quotes(
    feed: BrokerFeed, legs: Sequence[OptionContract], patience: timedelta
) -> None:
    """Wait until every leg is quoted with model Greeks, or patience ends; what is there counts."""

    async def complete() -> None:
        while not all(
            (quote := feed.quotes().get(leg.con_id)) is not None
            and quote.mid is not None
            and leg.con_id in feed.greeks()
            for leg in legs
        ):
            await asyncio.sleep(0.05)

    try:
        async with asyncio.timeout(patience.total_seconds()):
            await complete()
    except TimeoutError:
        return


def _straddle_reading(feed: BrokerFeed, straddle: Straddle) -> StraddleReading | None:
    quotes, greeks = feed.quotes(), feed.greeks()
    call, put = quotes.get(straddle.call.con_id), quotes.get(straddle.put.con_id)
    if call is None or put is None or call.mid is None or put.mid is None:
        return None
    return StraddleReading(
        straddle=straddle,
        call=call,
        put=put,
        call_greeks=greeks.get(straddle.call.con_id),
        put_greeks=greeks.get(straddle.put.con_id),
        open_interest=_smaller(feed.open_interest(), straddle),
    )


def _smaller(open_interest: Mapping[ConId, int], straddle: Straddle) -> int | None:
    found = [open_interest.get(leg.con_id) for leg in straddle.legs]
    known = [one for one in found if one is not None]
    return min(known) if len(known) == len(found) else None
