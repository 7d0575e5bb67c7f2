"""How is every chain that the product sees kept, without anybody waiting for the disk?

Readings are handed over in memory and written by one thread, in order. A store that can not be
written costs the snapshots, never the trade: the first reason is kept for whoever wants to tell it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from dispersa.errors import DispersaError
from dispersa.market import DataKind, Greeks, OptionChain, Quote, Right, Symbol
from dispersa.runtime.market_reading import MarketReading, NameReading

if TYPE_CHECKING:
    from dispersa.history.keeping import SnapshotSide

EXCHANGE_ZONE = ZoneInfo("America/New_York")
WAITING_MAX = 4_096
"""Names that may wait for the disk; more are left out and counted."""
DRAIN_SECONDS = 20.0

Seen = MarketReading | OptionChain
Keep = Callable[[Seen], None]


def keep_nothing(_seen: Seen) -> None:
    """Keep no snapshot: for markets that are made up on the spot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sighting:
    """One underlying as it was seen, still in the terms of the market."""

    symbol: Symbol
    spot: float | None
    sides: tuple[tuple[date, float, Right, Quote | None, Greeks | None], ...]
    moment: datetime
    day: date


@dataclass(slots=True, kw_only=True)
class SnapshotKeeper:
    """Takes readings at once and writes them to the store of `root` in the background."""

    root: Path
    source: str
    kept: int = 0
    left_out: int = 0
    problem: str | None = None
    _waiting: "asyncio.Queue[_Sighting | None]" = field(
        default_factory=lambda: asyncio.Queue(WAITING_MAX + 1)
    )

    def keep(self, seen: Seen) -> None:
        """Hand over what was just read; returns without waiting."""
        for sighting in _sightings(seen):
            if self._waiting.qsize() >= WAITING_MAX:
                self.left_out += 1
            else:
                self._waiting.put_nowait(sighting)

    async def run(self) -> None:
        """Write what is handed over until `finish`."""
        while (sighting := await self._waiting.get()) is not None:
            try:
                self.kept += await asyncio.to_thread(_write, self.root, self.source, sighting)
            except (DispersaError, OSError) as error:
                self.left_out += 1
                self.problem = self.problem or f"snapshots were not kept in {self.root}: {error}"

    async def finish(self, writing: "asyncio.Task[None]") -> None:
        """Write what still waits, up to `DRAIN_SECONDS`, and stop."""
        self._waiting.put_nowait(None)
        done, _ = await asyncio.wait({writing}, timeout=DRAIN_SECONDS)
        if not done:
            writing.cancel()
            self.problem = self.problem or f"the disk of {self.root} is too slow for snapshots"


@asynccontextmanager
async def keeping(root: Path, source: str) -> AsyncIterator[SnapshotKeeper]:
    """Keep snapshots while the block runs, and have them on disk when it ends."""
    keeper = SnapshotKeeper(root=root, source=source)
    writing = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        await keeper.finish(writing)


def _sightings(seen: Seen) -> Iterable[_Sighting]:
    match seen:
        case MarketReading():
            for name in seen.names.values():
                yield _of_name(name, seen)
        case OptionChain():
            rows = ((row.contract, row.quote, row.greeks) for row in seen.rows)
            yield _Sighting(
                symbol=seen.underlying.symbol,
                spot=float(seen.spot),
                sides=tuple(
                    (seen.expiry, float(option.strike), option.right, quote, greeks)
                    for option, quote, greeks in rows
                ),
                moment=seen.at,
                day=seen.at.astimezone(EXCHANGE_ZONE).date(),
            )


def _of_name(name: NameReading, reading: MarketReading) -> _Sighting:
    pairs = [(expiry, row) for expiry, rows in name.straddles.items() for row in rows]
    sides = [
        (expiry, float(row.straddle.strike), right, quote, greeks)
        for expiry, row in pairs
        for right, quote, greeks in (
            (Right.CALL, row.call, row.call_greeks),
            (Right.PUT, row.put, row.put_greeks),
        )
    ]
    return _Sighting(
        symbol=name.symbol,
        spot=float(name.spot),
        sides=tuple(sides),
        moment=reading.at,
        day=reading.today,
    )


def _write(root: Path, source: str, sighting: _Sighting) -> int:
    """Append one sighting to the store; runs in a thread of its own. Returns files written."""
    from dispersa.history.keeping import SnapshotSide, SnapshotStrike, keep_snapshot
    from dispersa.history.store import HistoryStore

    calls: dict[tuple[date, float], SnapshotSide] = {}
    puts: dict[tuple[date, float], SnapshotSide] = {}
    for expiry, strike, right, quote, greeks in sighting.sides:
        (calls if right is Right.CALL else puts)[expiry, strike] = _side(quote, greeks)
    nothing = SnapshotSide()
    strikes = [
        SnapshotStrike(
            expiry=key[0], strike=key[1], call=calls.get(key, nothing), put=puts.get(key, nothing)
        )
        for key in sorted({*calls, *puts})
    ]
    if not strikes:
        return 0
    kinds = {side[3].kind for side in sighting.sides if side[3] is not None} - {DataKind.LIVE}
    delayed = "".join(f", {kind.value} quotes" for kind in sorted(kinds))
    seen = (sighting.moment, sighting.day)
    path = keep_snapshot(
        HistoryStore(root=root), sighting.symbol, sighting.spot, strikes, seen, source + delayed
    )
    return int(path is not None)


def _side(quote: Quote | None, greeks: Greeks | None) -> "SnapshotSide":
    from dispersa.history.keeping import SnapshotSide

    bid, ask = (None, None) if quote is None else (quote.bid, quote.ask)
    return SnapshotSide(
        bid=None if bid is None else float(bid),
        ask=None if ask is None else float(ask),
        iv=None if greeks is None else greeks.implied_vol,
        delta=None if greeks is None else greeks.delta,
    )
