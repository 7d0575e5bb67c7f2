"""Scan: at-the-money vols and implied correlation by date, from fifty million option rows.

    python -m benchmarks.scan [FILE]

The file (250 names x 1,000 dates x 4 expiries x 25 strikes x 2, about 400 MB) is made where FILE
says, or in the temporary folder, and removed again; one that is there already is used and left.
Peers are lazy polars queries in processes of their own: the same answer (mean of call and put,
linear between the two strikes that enclose the spot), checked against ours, and a lighter one (the
one strike nearest to the spot). Times are those of whole processes without their imports; the
machine may be shared, so seconds of processor are printed beside them. Target: 3x, under 2 GB.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.scan_market import Market, make_market, write_market
from dispersa.correlation.by_date import BasketChoice, implied_by_date
from dispersa.correlation.tenor import vol_panel
from dispersa.history.band import read_band
from dispersa.history.layouts import ChainLayout
from dispersa.market import Basket, Symbol, Weight
from dispersa.pricing.atm import AtTheMoney, at_the_money_vols

NAMES, DATES = 250, 1_000
TARGET, TARGET_GB = 3.0, 2.0
LAYOUT = ChainLayout(
    name="long",
    columns={n: n for n in ("date", "symbol", "expiry", "strike", "right", "spot", "iv")},
)
GROUP = ("date", "symbol", "expiry")
Answer = tuple[float, float]


def basket(market: Market) -> Basket:
    rows = zip(market.symbols[1:], market.weights.tolist(), strict=True)
    return Basket(
        index=Symbol("IDX"),
        as_of=date(2026, 1, 2),
        weights=tuple(Weight(symbol=Symbol(name), weight=share) for name, share in rows),
    )


def ours(path: Path) -> Answer:
    """Band, vols, tenor, correlation by date: the product's own road."""
    market = make_market(NAMES, DATES)
    known = basket(market)
    began, cpu = time.perf_counter(), time.process_time()
    chains = read_band(path, layout=LAYOUT)
    panel = vol_panel(chains, 30, AtTheMoney.SPOT, 0.0)
    days = implied_by_date(panel, lambda _: known, Symbol("IDX"), BasketChoice(top=NAMES))
    taken = time.perf_counter() - began, time.process_time() - cpu
    clean = np.array([day.implied.clean for day in days if day.implied is not None])
    error = float(np.abs(clean - market.correlation[: clean.size]).max())
    assert clean.size == DATES
    assert error < 0.02, f"off the planted correlation by {error}"
    return taken


def same(path: Path) -> Answer:
    """The same at-the-money vols by a lazy query, without the tenor and the correlation."""
    began, cpu = time.perf_counter(), time.process_time()
    both = (
        pl.scan_parquet(path)
        .filter(pl.col("iv") > 0)
        .group_by(*GROUP, "strike")
        .agg(pl.col("spot").first(), pl.col("iv").mean(), sides=pl.len())
        .filter(pl.col("sides") == 2)
    )
    below, above = pl.col("strike") <= pl.col("spot"), pl.col("strike") > pl.col("spot")
    low = both.filter(below).group_by(GROUP).agg(pl.all().sort_by("strike").last())
    high = both.filter(above).group_by(GROUP).agg(pl.all().sort_by("strike").first())
    joined = low.join(high, on=GROUP, suffix="_high").with_columns(
        atm=pl.col("iv")
        + (pl.col("spot") - pl.col("strike"))
        / (pl.col("strike_high") - pl.col("strike"))
        * (pl.col("iv_high") - pl.col("iv"))
    )
    found = joined.select(*GROUP, "atm").collect(engine="streaming")
    taken = time.perf_counter() - began, time.process_time() - cpu
    chains = read_band(path, layout=LAYOUT)
    expected = np.nansum(at_the_money_vols(chains, AtTheMoney.SPOT, 0.0))
    np.testing.assert_allclose(found["atm"].sum(), expected, rtol=1e-12)
    return taken


def nearest(path: Path) -> Answer:
    """A lighter question: the vols of the one strike nearest to the spot."""
    began, cpu = time.perf_counter(), time.process_time()
    off = (pl.col("strike") - pl.col("spot")).abs()
    query = (
        pl.scan_parquet(path)
        .filter(pl.col("iv") > 0)
        .group_by(*GROUP, "right")
        .agg(pl.col("iv").sort_by(off).first())
        .group_by(GROUP)
        .agg(pl.col("iv").mean())
    )
    assert query.collect(engine="streaming").height
    return time.perf_counter() - began, time.process_time() - cpu


def measured(work: Callable[[Path], Answer], path: Path) -> tuple[float, float, float]:
    """Seconds, seconds of processor and peak GB of the work in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours_end, theirs = context.Pipe()
    process = context.Process(target=answer, args=(work, path, theirs))
    process.start()
    theirs.close()
    found: tuple[float, float, float] = ours_end.recv()
    process.join()
    return found


def answer(work: Callable[[Path], Answer], path: Path, pipe: Connection) -> None:
    seconds, cpu = work(path)
    pipe.send((seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))


def main(*named: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(named[0]) if named else Path(folder) / "chains.parquet"
        if not path.exists():
            rows = write_market(make_market(NAMES, DATES), path)
            print(f"{rows:,} rows, {path.stat().st_size / 1e6:.0f} MB\n")
        works = {"band, tenor, correlation by date": ours, "polars, same vols": same}
        works["polars, nearest strike"] = nearest
        measured(ours, path)  # compiles the kernel where it never ran, and warms the file's pages
        found = {what: measured(work, path) for what, work in works.items()}
    base = found["band, tenor, correlation by date"]
    print("| what | seconds | of processor | peak GB | x ours | x ours, processor |")
    print("|---|---|---|---|---|---|")
    for what, (seconds, cpu, peak) in found.items():
        print(
            f"| {what} | {seconds:.1f} | {cpu:.1f} | {peak:.2f} | {seconds / base[0]:.1f} "
            f"| {cpu / base[1]:.1f} |"
        )
    print(f"\ntarget: {TARGET:.0f}x the same vols by polars, under {TARGET_GB:.0f} GB")


if __name__ == "__main__":
    main(*sys.argv[1:])
