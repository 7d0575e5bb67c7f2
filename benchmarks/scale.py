"""Scale: what do names, days and points of the configuration cost, and what would all of them?

    python -m benchmarks.scale

Three costs add up: the scan of the chain file, once; the columns that it leaves behind, which every
worker maps; and the desk, for each point of a sweep and each day. Each is measured at several
sizes, as seconds of the processor (the machine may be shared), and carried on in a straight line to
500 names x 10 years of all chains, about a billion rows.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scan import LAYOUT
from benchmarks.scan_market import make_market, write_market
from dispersa.backtest import BacktestSettings, Entry, run
from dispersa.backtest.sources import Invented, open_source
from dispersa.backtest.worlds import WorldSettings
from dispersa.history.band import read_band

FILES = ((25, 100), (50, 200), (100, 300))
WORLDS = ((4, 150), (4, 200), (8, 150))
WARMUP = 100
ALL_NAMES, ALL_DAYS, ALL_ROWS = 500, 2_520, 1_000_000_000
STRIKES_KEPT = 6
BYTES_PER_STRIKE = 8 * 5
BYTES_PER_GROUP = 8 * 5
EXPIRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    rows: int
    megabytes: float
    seconds: float
    kept_megabytes: float


def scanned(names: int, days: int, folder: Path) -> Scan:
    path = folder / "chains.parquet"
    rows = write_market(make_market(names, days), path)
    read_band(path, layout=LAYOUT)  # warm: code and pages
    began = time.process_time()
    band = read_band(path, layout=LAYOUT)
    seconds = time.process_time() - began
    kept = band.strike_count * BYTES_PER_STRIKE + band.group_count * BYTES_PER_GROUP
    return Scan(
        rows=rows, megabytes=path.stat().st_size / 1e6, seconds=seconds, kept_megabytes=kept / 1e6
    )


def desk_seconds(names: int, days: int, entry: Entry) -> float:
    """Seconds of one point: the desk over so many days of an invented market."""
    source = open_source(Invented(world=WorldSettings(names=names, days=days)))
    began = time.process_time()
    run(BacktestSettings(entry=entry), source)
    return time.process_time() - began


def main() -> None:
    print("| names x dates | rows | file MB | scan s | s per million rows | kept MB |")
    print("|---|---|---|---|---|---|")
    scans = []
    with tempfile.TemporaryDirectory() as folder:
        for names, days in FILES:
            scan = scanned(names, days, Path(folder))
            scans.append(scan)
            print(
                f"| {names} x {days} | {scan.rows:,} | {scan.megabytes:.0f} | {scan.seconds:.2f} "
                f"| {scan.seconds / scan.rows * 1e6:.3f} | {scan.kept_megabytes:.1f} |",
                flush=True,
            )
    print("\n| names | days traded | entry | s per point | ms per day |")
    print("|---|---|---|---|---|")
    for names, days in WORLDS:
        for entry in (Entry.SIGNAL, Entry.ALWAYS):
            seconds = desk_seconds(names, days, entry)
            traded = days - WARMUP
            print(
                f"| {names} | {traded} | {entry} | {seconds:.1f} | {seconds / traded * 1e3:.0f} |",
                flush=True,
            )
    largest = scans[-1]
    groups = ALL_NAMES * ALL_DAYS * EXPIRIES
    kept = groups * (STRIKES_KEPT * BYTES_PER_STRIKE + BYTES_PER_GROUP) / 1e9
    print(
        f"\n{ALL_NAMES} names x {ALL_DAYS:,} days, {ALL_ROWS:,} rows: "
        f"{largest.megabytes / largest.rows * ALL_ROWS / 1e3:.0f} GB of file, "
        f"{largest.seconds / largest.rows * ALL_ROWS / 60:.1f} minutes of one core to scan, once; "
        f"{kept:.1f} GB of columns at {EXPIRIES} expiries a day, mapped by all workers of a node"
    )


if __name__ == "__main__":
    main()
