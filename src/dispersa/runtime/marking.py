"""What is the book worth now? Marks from own vols, never from last prices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from dispersa.broker import BrokerFeed
from dispersa.market import (
    ConId,
    Greeks,
    GreeksSource,
    OptionContract,
    Quote,
    Right,
    Straddle,
    Symbol,
    Underlying,
)
from dispersa.orders import PositionReading
from dispersa.portfolio import (
    Mark,
    MarkSource,
    OptionMark,
    Position,
    SecondOrder,
    ShareMark,
)
from dispersa.pricing import black
from dispersa.pricing.units import theta_per_day, vega_per_point
from dispersa.runtime.chain_reading import Snapshot, read_contracts
from dispersa.runtime.market_reading import NameReading, StraddleReading, pair_up
from dispersa.runtime.step_clock import Clock
from dispersa.runtime.valuation import ValuedStraddle, value_held

POINTS = 100.0
"""Vol points in 1.00 of vol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """The option positions of one underlying and expiry, and the straddles around them."""

    underlying: Underlying
    expiry: date
    straddles: tuple[Straddle, ...]


async def read_marks(
    feed: BrokerFeed, positions: Sequence[PositionReading], *, rate: float, clock: Clock
) -> Mapping[ConId, Mark]:
    """Mark options by own vols and shares at the mid; one without a usable quote is left out."""
    groups = await _groups(feed, positions)
    shares = await _shares(feed, positions)
    contracts: list[OptionContract | Underlying] = []
    for group in groups:
        contracts.append(group.underlying)
        contracts.extend(leg for pair in group.straddles for leg in pair.legs)
    contracts.extend(shares)
    read = await read_contracts(feed, list({c.con_id: c for c in contracts}.values()))
    marks: dict[ConId, Mark] = {}
    for group in groups:
        marks |= _marks(group, read, clock.now(), rate)
    return marks | _share_marks(shares, read)


async def _shares(feed: BrokerFeed, positions: Sequence[PositionReading]) -> tuple[Underlying, ...]:
    """Stocks and funds held; a position that the symbol does not lead to is left out."""
    found = []
    for row in positions:
        if row.option is None and row.quantity:
            underlying = await feed.underlying(row.symbol)
            if underlying.con_id == row.con_id:
                found.append(underlying)
    return tuple(found)


def _share_marks(shares: Sequence[Underlying], read: Snapshot) -> dict[ConId, Mark]:
    marks: dict[ConId, Mark] = {}
    for stock in shares:
        quote = read.quotes.get(stock.con_id)
        if quote is not None and quote.mid is not None:
            marks[stock.con_id] = ShareMark(
                con_id=stock.con_id,
                symbol=stock.symbol,
                price=quote.mid,
                source=MarkSource.QUOTE_MID,
                at=quote.at,
            )
    return marks


async def _groups(feed: BrokerFeed, positions: Sequence[PositionReading]) -> list[_Held]:
    """Pair what is held, class by class; a leg without its partner is read with the listed one."""
    held: dict[tuple[Symbol, date, str], list[OptionContract]] = {}
    for row in positions:
        if row.option is not None and row.quantity:
            key = (row.symbol, row.option.expiry, row.option.trading_class)
            held.setdefault(key, []).append(row.option)
    groups = []
    for (symbol, expiry, _), own in sorted(held.items()):
        underlying = await feed.underlying(symbol)
        rights: dict[Decimal, set[Right]] = {}
        for option in own:
            rights.setdefault(option.strike, set()).add(option.right)
        single = sorted(strike for strike, found in rights.items() if len(found) == 1)
        listed = await feed.options(underlying, expiry, single) if single else ()
        known = {(row.strike, row.right): row for row in (*listed, *own)}
        pairs = pair_up(tuple(known.values()))
        groups.append(_Held(underlying=underlying, expiry=expiry, straddles=pairs))
    return groups


def _marks(held: _Held, read: Snapshot, now: datetime, rate: float) -> Mapping[ConId, Mark]:
    spot = read.quotes.get(held.underlying.con_id)
    if spot is None or spot.mid is None:
        return {}
    rows = tuple(row for pair in held.straddles if (row := _reading(pair, read)) is not None)
    if not rows:
        return {}
    name = NameReading(
        underlying=held.underlying,
        spot=spot.mid,
        spot_quote=spot,
        straddles={held.expiry: rows},
        increments=None,
    )
    valued = value_held(name, held.expiry, now=now, rate=rate)
    at_mid = {
        leg.con_id: _mid_mark(leg, quote, held.underlying, spot.mid)
        for row in rows
        for leg, quote in zip(row.straddle.legs, (row.call, row.put), strict=True)
    }
    return at_mid | {
        leg.con_id: _mark(leg, row, held.underlying, spot.mid, now)
        for row in valued
        for leg in row.straddle.legs
    }


def _mid_mark(
    leg: OptionContract, quote: Quote, underlying: Underlying, spot: Decimal
) -> OptionMark:
    """Mark a leg that no vol explains at its mid: it has no time value left, delta is all or none.

    Such a pair is far from the money or about to expire; its source says that no vol stands behind.
    """
    is_call = leg.right is Right.CALL
    is_in = spot > leg.strike if is_call else spot < leg.strike
    mid = quote.mid or Decimal(0)
    return OptionMark(
        contract=leg,
        price=mid,
        spot=spot,
        greeks=Greeks(
            implied_vol=0.0,
            delta=(1.0 if is_call else -1.0) if is_in else 0.0,
            gamma=0.0,
            vega=0.0,
            theta=0.0,
            price=float(mid),
            underlying_price=float(spot),
            source=GreeksSource.OWN,
            at=quote.at,
        ),
        underlying=underlying.kind,
        source=MarkSource.QUOTE_MID,
        at=quote.at,
    )


def _with_bid(quote: Quote | None) -> Quote | None:
    """An option for which nobody bids is offered still: it is worth between nothing and that."""
    if quote is None or quote.bid is not None or quote.ask is None:
        return quote
    return replace(quote, bid=Decimal(0))


def _reading(pair: Straddle, read: Snapshot) -> StraddleReading | None:
    call, put = (_with_bid(read.quotes.get(leg.con_id)) for leg in pair.legs)
    if call is None or put is None or call.mid is None or put.mid is None:
        return None
    return StraddleReading(
        straddle=pair,
        call=call,
        put=put,
        call_greeks=read.greeks.get(pair.call.con_id),
        put_greeks=read.greeks.get(pair.put.con_id),
    )


def _mark(
    leg: OptionContract, row: ValuedStraddle, underlying: Underlying, spot: Decimal, now: datetime
) -> OptionMark:
    """Price one leg by the straddle's own vol."""
    greeks = black.greeks(
        row.forward,
        float(leg.strike),
        row.implied_vol,
        row.years,
        row.discount,
        leg == row.straddle.call,
        spot=float(spot),
    )
    price = float(greeks.price)
    return OptionMark(
        contract=leg,
        price=Decimal(repr(round(price, 6))),
        spot=spot,
        greeks=Greeks(
            implied_vol=row.implied_vol,
            delta=float(greeks.delta),
            gamma=float(greeks.gamma),
            vega=float(vega_per_point(greeks.vega)),
            theta=float(theta_per_day(greeks.theta)),
            price=price,
            underlying_price=float(spot),
            source=GreeksSource.OWN,
            at=now,
        ),
        underlying=underlying.kind,
        source=MarkSource.OWN_VOL,
        at=row.reading.quote.at,
        second_order=SecondOrder(
            vanna=float(greeks.vanna) / POINTS, volga=float(greeks.volga) / POINTS**2
        ),
    )


def position_of(row: PositionReading) -> Position:
    """The broker's position in our own shape; its average cost includes the multiplier."""
    multiplier = 1 if row.option is None else row.option.multiplier
    average = row.average_cost / multiplier
    return Position(
        con_id=row.con_id,
        symbol=row.symbol,
        multiplier=multiplier,
        quantity=row.quantity,
        average_price=average,
        realized=Decimal(0),
        cash=-average * row.quantity * multiplier,
        commission=Decimal(0),
    )
