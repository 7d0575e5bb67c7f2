"""What does one chain show, and which straddle stands at the money? Read within the line budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from dispersa.broker import BrokerFeed
from dispersa.errors import MarketDataMissing
from dispersa.market import (
    AtmStraddle,
    ChainRow,
    ConId,
    Greeks,
    OptionChain,
    OptionContract,
    Quote,
    Symbol,
    Underlying,
)
from dispersa.runtime.market_reading import (
    TenorWindow,
    read_market,
    standard_listing,
)
from dispersa.runtime.snapshot_keeping import Keep, keep_nothing
from dispersa.runtime.step_clock import Clock
from dispersa.runtime.valuation import nearest_to_forward, value_expiry

PATIENCE = timedelta(seconds=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Quotes and Greeks of some contracts, as far as the broker sent them in time."""

    quotes: Mapping[ConId, Quote]
    greeks: Mapping[ConId, Greeks]


async def read_contracts(
    feed: BrokerFeed,
    contracts: Sequence[OptionContract | Underlying],
    patience: timedelta = PATIENCE,
) -> Snapshot:
    """Stream contracts through the free lines, each until it has answered or patience ends."""
    read = await feed.sample(contracts, seconds=patience.total_seconds())
    return Snapshot(
        quotes={con_id: quote for con_id, (quote, _) in read.items() if quote is not None},
        greeks={con_id: greeks for con_id, (_, greeks) in read.items() if greeks is not None},
    )


async def read_chain(
    feed: BrokerFeed, symbol: Symbol, expiry: date, *, clock: Clock, keep: Keep = keep_nothing
) -> OptionChain:
    """Read every option of one expiry; what the broker did not send is named row by row.

    What was read is handed to `keep`.

    Raises
    ------
    MarketDataMissing
        If the symbol or the expiry is not listed, or the underlying is not quoted.
    """
    underlying = await feed.underlying(symbol)
    listing = standard_listing(await feed.listings(underlying), symbol)
    if expiry not in listing.expiries:
        near = sorted(listing.expiries, key=lambda day: abs(day - expiry))[:4]
        raise MarketDataMissing(
            f"{symbol} lists no options that expire on {expiry}; the nearest expiries are "
            + ", ".join(day.isoformat() for day in sorted(near))
        )
    options = await feed.options(underlying, expiry, listing.strikes)
    read = await read_contracts(feed, [underlying, *options])
    spot = read.quotes.get(underlying.con_id)
    if spot is None or spot.mid is None:
        raise MarketDataMissing(f"{symbol} is not quoted; check hours and data permissions")
    ordered = sorted(options, key=lambda each: (each.strike, each.right))
    chain = OptionChain(
        underlying=underlying,
        spot=spot.mid,
        expiry=expiry,
        at=clock.now(),
        rows=tuple(_row(option, read) for option in ordered),
    )
    keep(chain)
    return chain


def _row(option: OptionContract, read: Snapshot) -> ChainRow:
    quote, greeks = read.quotes.get(option.con_id), read.greeks.get(option.con_id)
    missing = [word for word, part in (("quote", quote), ("model Greeks", greeks)) if part is None]
    return ChainRow(
        contract=option,
        quote=quote,
        greeks=greeks,
        missing=f"the broker sent no {' and no '.join(missing)} in time" if missing else "",
    )


async def read_atm_straddle(
    feed: BrokerFeed,
    symbol: Symbol,
    target_dte: int,
    *,
    rate: float,
    clock: Clock,
    keep: Keep = keep_nothing,
) -> AtmStraddle:
    """Find and value the straddle whose expiry is nearest to `target_dte` days.

    The strike is the one closest to the parity-implied forward. What was read is handed to `keep`.
    """
    window = TenorWindow(target_days=target_dte, days_min=1, days_max=max(2 * target_dte, 60))
    reading = await read_market(feed, [symbol], window=window, clock=clock)
    keep(reading)
    name = reading.names[symbol]
    valued = nearest_to_forward(
        value_expiry(name, reading.expiry, now=reading.at, rate=rate), symbol
    )
    return AtmStraddle(
        straddle=valued.straddle,
        actual_dte=(reading.expiry - reading.today).days,
        spot=name.spot,
        forward=valued.forward,
        quote=valued.reading.quote,
        implied_vol=valued.implied_vol,
        delta=valued.delta,
        gamma=valued.gamma,
        vega=valued.vega,
        theta=valued.theta,
        broker_vega=valued.broker_vega,
    )
