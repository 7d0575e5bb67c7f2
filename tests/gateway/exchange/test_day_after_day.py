"""A chains file whose dates follow each other is replayed as days pass."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dispersa.gateway.model import Tick, TickPrice
from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.world.calendar import morning_of
from tests.gateway.exchange.bench import Bench

DAYS = ("2026-07-08", "2026-07-09", "2026-07-10")
SPOTS = {"QQQ": (700.0, 710.0, 705.0), "SPY": (640.0, 645.0, 641.0), "AAPL": (300.0, 310.0, 31.0),
         "MSFT": (400.0, 395.0, 401.0)}  # fmt: skip
VOLS = {"QQQ": 22.0, "SPY": 15.0, "AAPL": 28.0, "MSFT": 30.0}
WEIGHTS = {"QQQ": {"AAPL": 0.6, "MSFT": 0.4}, "SPY": {"AAPL": 0.55, "MSFT": 0.45}}
EXPIRY = "20260807"


def rows() -> list[dict[str, Any]]:
    """Two ordinary days; on the third Apple has split ten for one. Volatility rises by the day."""
    found = []
    for number, day in enumerate(DAYS):
        for symbol, spots in SPOTS.items():
            step = 0.5 if spots[number] < 100 else 5.0
            for expiry in ("2026-07-17", "2026-08-07", "2026-08-21"):
                found += [
                    {"date": day, "symbol": symbol, "expiry": expiry,
                     "strike": round(spots[number] / step) * step + k * step, "spot": spots[number],
                     "c_iv": VOLS[symbol] + 5 * number, "p_iv": VOLS[symbol] + 5 * number,
                     "c_vol": 10, "p_vol": 10}
                    for k in range(-8, 9)
                ]  # fmt: skip
    return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    text = [pl.col(name).cast(pl.Categorical) for name in ("date", "symbol", "expiry")]
    pl.DataFrame(rows()).with_columns(text).write_parquet(tmp_path / "chains.parquet")
    weights = [{"date": day, "symbol": s, "weight": w, "etf": fund} for day in DAYS
               for fund, members in WEIGHTS.items() for s, w in members.items()]  # fmt: skip
    pl.DataFrame(weights).write_csv(tmp_path / "estimated_weights.csv.gz", compression="gzip")
    return bench_of(tmp_path / "chains.parquet", date(2026, 7, 8))


def bench_of(path: Path, day: date, names: int | None = None) -> Bench:
    settings = GatewaySettings(
        market=path, market_date=day, start=morning_of(day), seed=3, step_seconds=5.0, names=names
    )
    return Bench(settings)


def opened(day: date) -> datetime:
    return morning_of(day) - timedelta(minutes=29, seconds=55)


def test_every_day_opens_at_the_files_levels_and_volatilities(bench: Bench) -> None:
    bench.run(5, step=5)
    truth = bench.venue.truth
    bench.jump(opened(date(2026, 7, 9)))
    for symbol in SPOTS:
        assert truth.spots[symbol] == pytest.approx(SPOTS[symbol][1], rel=2e-3)
        assert truth.implied_vols[symbol] == pytest.approx((VOLS[symbol] + 5) / 100, rel=0.02)
    basket = bench.venue.world.surface.basket_weights(bench.venue.world.state)
    assert basket.sum(axis=1) == pytest.approx(1.0)


def test_lines_holdings_and_orders_go_on_over_the_night(bench: Bench) -> None:
    bench.run(5, step=5)
    ticks: list[Tick] = []
    call = bench.option("MSFT", 400.0, "C", EXPIRY)
    bench.venue.subscribe(call, (), ticks.append)
    bench.place(call, "BUY", 2)
    order = bench.place(call, "SELL", 1, limit_price=200.0, tif="GTC")
    bench.run(60, step=5)
    before = bench.quote(call)
    bench.jump(opened(date(2026, 7, 9)))
    after = bench.quote(call)
    assert bench.option("MSFT", 400.0, "C", EXPIRY).con_id == call.con_id
    assert bench.venue.truth.positions == {call.con_id: 2}
    assert bench.status(order) == "Submitted"
    assert after != before
    prices = [t.price for t in ticks if isinstance(t, TickPrice) and t.kind == 1]
    assert prices[-1] == after[0]
    # A strike that only the new day lists is there too.
    assert bench.option("AAPL", 350.0, "C", EXPIRY).strike == 350.0


def test_split_of_the_file_is_carried_out(bench: Bench) -> None:
    bench.run(5, step=5)
    call = bench.option("AAPL", 300.0, "C", EXPIRY)
    bench.place(call, "BUY", 3)
    bench.run(60, step=5)
    bench.jump(opened(date(2026, 7, 9)))
    bench.run(5, step=5)
    bench.jump(opened(date(2026, 7, 10)))
    after = bench.option("AAPL", 30.0, "C", EXPIRY)
    assert bench.venue.truth.positions == {after.con_id: 30}
    assert bench.venue.truth.spots["AAPL"] == pytest.approx(31.0, rel=3e-3)
    assert bench.venue.truth.spots["QQQ"] == pytest.approx(705.0, rel=3e-3)


@pytest.mark.real_data
def test_real_dates_follow_each_other_over_a_real_split(test_data: Path) -> None:
    path = test_data / "us_chains_2026" / "chains.parquet"
    if not path.is_file():
        pytest.skip(f"no real chains: {path} is not a file")
    bench = bench_of(path, date(2026, 6, 11))
    bench.run(5, step=5)
    stock = bench.place(bench.stock("KLAC"), "BUY", 10)
    bench.run(60, step=5)
    assert bench.status(stock) == "Filled"
    before = bench.venue.truth.spots["KLAC"]
    bench.jump(opened(date(2026, 6, 12)))
    assert list(bench.venue.truth.positions.values()) == [100]
    assert bench.venue.truth.spots["KLAC"] == pytest.approx(before / 10, rel=0.2)
    known = bench.venue.source.next_day
    assert known is not None
    levels = known(date(2026, 6, 12)).levels
    for symbol in ("QQQ", "SPY", "NVDA", "KLAC"):
        assert bench.venue.truth.spots[symbol] == pytest.approx(levels[symbol], rel=5e-3)
