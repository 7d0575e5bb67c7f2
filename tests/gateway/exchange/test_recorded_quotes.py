"""Recorded quotes as the market: it opens with them, to the tick, and goes on from date to date."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dispersa.errors import InvalidInput
from dispersa.gateway.model import Contract, Refusal
from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.venue import market_start
from dispersa.gateway.world.calendar import morning_of
from dispersa.gateway.world.quotefile import quotefile_source
from tests.gateway.exchange.bench import Bench

DAY, NEXT = date(2025, 11, 25), date(2025, 11, 26)


def rows(day: date, spot: float) -> list[dict[str, object]]:
    """Quotes of one made-up name; the call at 110 has no bid."""
    found: list[dict[str, object]] = []
    for strike in range(80, 125, 5):
        for side, sign in (("call", 1), ("put", -1)):
            mid = max(sign * (spot - strike), 0.0) + 4.0 * np.exp(-(((strike - spot) / 12) ** 2))
            mid, half = round(mid + 0.3, 2), 0.05 if strike < 110 else 0.10
            bid = 0.0 if (strike, side) == (110, "call") else round(mid - half, 2)
            found.append({
                "date": day.isoformat(), "symbol": "ABC", "type": side, "expiration": "2025-12-19",
                "strike": float(strike), "bid": bid, "ask": round(mid + half, 2), "volume": 5.0,
                "spot_price": spot,
            })  # fmt: skip
            found.append(found[-1] | {"expiration": "2026-01-16"})
    return found


def bench_of(path: Path, day: date | None = None, names: int | None = None) -> Bench:
    settings = GatewaySettings(market=path, market_date=day, seed=2, step_seconds=5.0, names=names)
    return Bench(GatewaySettings(market=path, market_date=day, seed=2, step_seconds=5.0,
                                 names=names, start=market_start(settings)))  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    table = pl.DataFrame([*rows(DAY, 100.0), *rows(NEXT, 103.0)])
    table.write_parquet(tmp_path / "quotes.parquet")
    return tmp_path / "quotes.parquet"


@pytest.mark.parametrize(
    ("strike", "right"), [(100.0, "C"), (100.0, "P"), (90.0, "P"), (115.0, "C")]
)
def test_market_opens_with_the_recorded_quotes(path: Path, strike: float, right: str) -> None:
    bench = bench_of(path)
    assert bench.time == morning_of(DAY)
    side = "call" if right == "C" else "put"
    (row,) = [r for r in rows(DAY, 100.0) if (r["strike"], r["type"]) == (strike, side)
              and r["expiration"] == "2025-12-19"]  # fmt: skip
    bid, ask = bench.quote(bench.option("ABC", strike, right, "20251219"))
    assert (bid, ask) == (pytest.approx(row["bid"], abs=0.04), pytest.approx(row["ask"], abs=0.04))


def test_what_was_not_quoted_is_not_quoted(path: Path) -> None:
    bench = bench_of(path)
    assert bench.quote(bench.option("ABC", 110.0, "C", "20251219")) == (-1.0, -1.0)


def test_next_date_opens_at_its_own_quotes(path: Path) -> None:
    bench = bench_of(path)
    bench.run(5, step=5)
    call = bench.option("ABC", 100.0, "C", "20251219")
    bench.jump(morning_of(NEXT) - timedelta(minutes=29, seconds=55))
    assert bench.venue.truth.spots["ABC"] == pytest.approx(103.0, rel=3e-3)
    bid, ask = bench.quote(call)
    assert 0.5 * (bid + ask) == pytest.approx(3.0 + 4.0 * np.exp(-((3 / 12) ** 2)) + 0.3, abs=0.35)


def test_wrong_files_dates_and_numbers_are_refused(path: Path, tmp_path: Path) -> None:
    for day, names in ((date(2025, 1, 1), None), (DAY, 9)):
        with pytest.raises(InvalidInput, match=r"has no quotes|names=9"):
            quotefile_source(path, day, names)
    pl.DataFrame({"bid": [1.0], "ask": [2.0]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(InvalidInput, match="layouts"):
        quotefile_source(tmp_path / "other.parquet", None, None)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "symbol", "day"),
    [("quotes_2026_feb", "SPY", "2026-02-11"), ("quotes_2025_nov", "NVDA", "2025-11-25")],
)
def test_real_recordings_come_back(test_data: Path, folder: str, symbol: str, day: str) -> None:
    path = test_data / folder / "chains.parquet"
    if not path.is_file():
        pytest.skip(f"no recorded quotes: {path} is not a file")
    bench = bench_of(path, date.fromisoformat(day))
    table = pl.read_parquet(path)
    names = {"snap_date": "date", "optionType": "type", "expirationDate": "expiration",
             "underlyingPrice": "spot_price"}  # fmt: skip
    table = table.rename({old: new for old, new in names.items() if old in table.columns})
    near = table.filter(
        (pl.col("date") == day) & (pl.col("symbol") == symbol) & (pl.col("bid") > 0)
        & (pl.col("strike") / pl.col("spot_price")).is_between(0.95, 1.05)
        & (pl.col("expiration").str.to_date() - pl.lit(day).str.to_date()).dt.total_days()
        .is_between(20, 40)
    ).unique(["type", "expiration", "strike"], keep="first", maintain_order=True)  # fmt: skip
    misses = []
    for row in near.iter_rows(named=True):
        expiry, right = row["expiration"][:10].replace("-", ""), row["type"][0].upper()
        found = bench.venue.contract_details(Contract(
            symbol=symbol, sec_type="OPT", last_trade_date=expiry, strike=row["strike"],
            right=right, exchange="SMART", currency="USD",
        ))  # fmt: skip
        if not isinstance(found, Refusal):
            bid, ask = bench.quote(found[0].contract)
            misses.append(max(abs(bid - row["bid"]), abs(ask - row["ask"])))
    assert len(misses) > 20
    assert np.median(misses) <= 0.05
