"""What does one chain show, and which straddle stands at the money? Read within the line budget."""

import asyncio
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
from dispersa.runtime.step_clock import Clock
from dispersa.runtime.valuation import nearest_to_forward, value_expiry

LINES_AT_ONCE = 80
PATIENCE = timedelta(seconds=12)
POLL_SECONDS = 0.05


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
    """Stream contracts, a batch at a time, until each has answered or patience ends."""
    quotes: dict[ConId, Quote] = {}
    greeks: dict[ConId, Greeks] = {}
    for start in range(0, len(contracts), LINES_AT_ONCE):
        batch = contracts[start : start + LINES_AT_ONCE]
        await feed.subscribe(batch)
        try:
            await _wait(feed, batch, patience)
            quotes |= {c.con_id: q for c in batch if (q := feed.quotes().get(c.con_id))}
            greeks |= {c.con_id: g for c in batch if (g := feed.greeks().get(c.con_id))}
        finally:
            await feed.unsubscribe(batch)
    return Snapshot(quotes=quotes, greeks=greeks)


async def _wait(
    feed: BrokerFeed, batch: Sequence[OptionContract | Underlying], patience: timedelta
) -> None:
    """Return when every contract is quoted (options with Greeks), or when patience ends."""
    try:
        async with asyncio.timeout(patience.total_seconds()):
            while not all(_has_answered(feed, contract) for contract in batch):
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        return


def _has_answered(feed: BrokerFeed, contract: OptionContract | Underlying) -> bool:
    quote = feed.quotes().get(contract.con_id)
    quoted = quote is not None and quote.mid is not None
    return quoted and (isinstance(contract, Underlying) or contract.con_id in feed.greeks())


async def read_chain(
    feed: BrokerFeed, symbol: Symbol, expiry: date, *, clock: Clock
) -> OptionChain:
    """Read every option of one expiry; what the broker did not send is named row by row.

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
    return OptionChain(
        underlying=underlying,
        spot=spot.mid,
        expiry=expiry,
        at=clock.now(),
        rows=tuple(_row(option, read) for option in ordered),
    )


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
    feed: BrokerFeed, symbol: Symbol, target_dte: int, *, rate: float, clock: Clock
) -> AtmStraddle:
    """Find and value the straddle whose expiry is nearest to `target_dte` days.

    The strike is the one closest to the parity-implied forward.
    """
    window = TenorWindow(target_days=target_dte, days_min=1, days_max=max(2 * target_dte, 60))
    reading = await read_market(feed, [symbol], window=window, clock=clock)
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
