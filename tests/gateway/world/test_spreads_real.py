"""Are simulated quotes as wide as real ones?  Against quotes_2026_feb and quotes_2025_nov."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dispersa.gateway.world.calendar import morning_of
from dispersa.gateway.world.source import synthetic_source
from dispersa.gateway.world.spreads import option_widths
from dispersa.gateway.world.world import World
from tests.gateway.world.test_world import keys_of

pytestmark = pytest.mark.real_data
_FEB = {"day": "snap_date", "side": "optionType", "expiry": "expirationDate",
        "spot": "underlyingPrice"}  # fmt: skip
_NOV = {"day": "date", "side": "type", "expiry": "expiration", "spot": "spot_price"}


def quotes_of(path: Path, names: dict[str, str]) -> pl.DataFrame:
    """Return two-sided quotes of one to 400 days, with the value at the money and the width s."""
    frame = pl.read_parquet(path).select(
        pl.col("symbol", "strike", "bid", "ask"),
        *(pl.col(column).alias(name) for name, column in names.items()),
    )
    frame = frame.with_columns(
        years=(pl.col("expiry").str.to_date() - pl.col("day").str.to_date()).dt.total_days() / 365,
        sign=pl.when(pl.col("side").str.to_lowercase() == "call").then(1.0).otherwise(-1.0),
        mid=(pl.col("bid") + pl.col("ask")) / 2, width=pl.col("ask") - pl.col("bid"),
    ).filter(
        (pl.col("bid") > 0) & (pl.col("width") > 0) & pl.col("years").is_between(1 / 365, 400 / 365)
        & (pl.col("day") != "2025-11-28")  # a half day, captured after the close
    )  # fmt: skip
    keys = ["day", "symbol", "expiry"]
    pairs = frame.group_by(*keys, "strike", "spot", "years").agg(
        value=pl.col("mid").mean(), spread=pl.col("width").sum() / pl.col("mid").sum(), n=pl.len()
    ).filter(pl.col("n") >= 2)  # fmt: skip
    near = pairs.sort((pl.col("strike") - pl.col("spot")).abs()).group_by(keys).first()
    s = near.filter(pl.col("years").is_between(14 / 365, 77 / 365)).group_by("symbol").agg(
        s=pl.col("spread").median()
    )  # fmt: skip
    return frame.join(near.select(*keys, a="value"), on=keys).join(s, on="symbol")


def deviations_of(frame: pl.DataFrame) -> np.ndarray:
    spot, strike = frame["spot"].to_numpy(), frame["strike"].to_numpy()
    scale = np.sqrt(2 * np.pi) * frame["a"].to_numpy() / spot
    return np.asarray(frame["sign"].to_numpy() * np.log(spot / strike) / scale)


@pytest.mark.parametrize(
    ("folder", "names"), [("quotes_2026_feb", _FEB), ("quotes_2025_nov", _NOV)], ids=["feb", "nov"]
)
def test_the_models_widths_are_those_of_real_quotes(
    test_data: Path, folder: str, names: dict[str, str]
) -> None:
    path = test_data / folder / "chains.parquet"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    frame = quotes_of(path, names)
    z = deviations_of(frame)
    made = option_widths(z, frame["years"].to_numpy(), frame["a"].to_numpy(), frame["s"].to_numpy())
    ratios = np.log(np.maximum(made, 0.01) / frame["width"].to_numpy())
    days = frame["years"].to_numpy() * 365
    for low, high in ((-4.0, -1.5), (-1.5, -0.5), (-0.35, 0.35), (0.5, 1.5), (1.5, 4.0)):
        for first, last in ((1, 14), (15, 80), (81, 400)):
            rows = (z >= low) & (z <= high) & (days >= first) & (days <= last)
            assert rows.sum() > 50
            assert abs(np.median(ratios[rows])) < np.log(2.2), (low, high, first, last)
    overall = [abs(np.median(ratios[(z > -2) & (z < 0.35) & (days > 14)]))]
    assert max(overall) < np.log(1.35), overall


def test_far_options_of_the_synthetic_market_lack_bids_as_often_as_real_ones(
    test_data: Path,
) -> None:
    path = test_data / "quotes_2026_feb" / "chains.parquet"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    real = pl.read_parquet(path)
    share = real.select((pl.col("bid").fill_null(0.0) <= 0.0).mean()).item()
    day = date(2026, 11, 20)
    world = World(synthetic_source(day), seed=1, step_seconds=30.0, start=morning_of(day))
    world.advance(morning_of(day) + timedelta(minutes=1))
    bids = np.concatenate([
        world.price(world.batch(keys_of(world, symbol, days))).quotes.bids
        for symbol in ("SPY", "QQQ", "AAPL", "AMZN", "NVDA", "TSLA") for days in (1, 7, 28, 84)
    ])  # fmt: skip
    assert abs(np.isnan(bids).mean() - share) < 0.10
