"""Real chains with bid and ask: every row gets a number or a reason, and the numbers are sane."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from dispersa.pricing import american_implied, forwards, quality, smile
from dispersa.pricing.quality import Status


@pytest.mark.real_data
def test_every_quote_of_a_real_day_gets_a_vol_or_a_reason(test_data: Path) -> None:
    file = test_data / "quotes_2026_feb" / "chains.parquet"
    if not file.is_file():
        pytest.skip(f"no real chains: {file} is absent")
    import polars as pl

    frame = pl.read_parquet(file)
    frame = frame.with_columns(pl.col(pl.Categorical).cast(pl.String))
    for (symbol,), rows in frame.filter(pl.col("snap") == 1).group_by("symbol"):
        spot = float(rows["underlyingPrice"].median())
        today = date.fromisoformat(str(rows["snap_date"][0])[:10])
        days = np.array(
            [(date.fromisoformat(str(e)[:10]) - today).days for e in rows["expirationDate"]]
        )
        bid, ask = rows["bid"].to_numpy().astype(float), rows["ask"].to_numpy().astype(float)
        strike = rows["strike"].to_numpy().astype(float)
        is_call = np.array([str(t).lower().startswith("c") for t in rows["optionType"]])
        judged = quality.of_quotes(bid, ask, spread_max=0.5)
        near = (days > 2) & (days < 120) & (np.abs(np.log(strike / spot)) < 0.15)
        keep = near & (judged == Status.OK)
        years = np.maximum(days, 1) / 365
        mid = 0.5 * (bid + ask)
        terms = (spot, strike[near], years[near], 0.037, is_call[near])
        found = american_implied.implied_vol(mid[near], *terms)
        assert np.array_equal(np.isfinite(found.vol), found.status == Status.OK), symbol
        assert not np.any(found.status == Status.NO_CONVERGENCE), symbol
        solved = found.status[keep[near]] == Status.OK
        assert solved.mean() > 0.9, symbol
        assert 0.03 < np.median(found.vol[keep[near]][solved]) < 1.5, symbol


@pytest.mark.real_data
def test_forward_and_smile_of_a_real_expiry_are_close_to_the_spot(test_data: Path) -> None:
    file = test_data / "quotes_2026_feb" / "chains.parquet"
    if not file.is_file():
        pytest.skip(f"no real chains: {file} is absent")
    import polars as pl

    frame = pl.read_parquet(file)
    frame = frame.with_columns(pl.col(pl.Categorical).cast(pl.String))
    rows = frame.filter((pl.col("snap") == 1) & (pl.col("symbol") == "SPY"))
    today = date.fromisoformat(str(rows["snap_date"][0])[:10])
    expiries = sorted({str(e)[:10] for e in rows["expirationDate"]})
    expiry = min(expiries, key=lambda e: abs((date.fromisoformat(e) - today).days - 30))
    chosen = rows.filter(pl.col("expirationDate").cast(pl.String).str.slice(0, 10) == expiry)
    sides = {
        side: chosen.filter(pl.col("optionType").str.to_lowercase().str.starts_with(side))
        for side in ("c", "p")
    }
    both = sides["c"].join(sides["p"], on="strike", suffix="_put").sort("strike")
    strike, cb, ca, pb, pa = (
        both[name].to_numpy().astype(float)
        for name in ("strike", "bid", "ask", "bid_put", "ask_put")
    )
    spot, years = (
        float(chosen["underlyingPrice"].median()),
        (date.fromisoformat(expiry) - today).days / 365,
    )
    forward = forwards.parity_forward(
        strike, cb, ca, pb, pa, spot, years, float(np.exp(-0.037 * years)), moneyness_max=0.05
    )
    assert forward.status is Status.OK
    assert forward.forward == pytest.approx(spot, rel=0.01)
    mid = np.where(strike < forward.forward, 0.5 * (pb + pa), 0.5 * (cb + ca))
    terms = (spot, strike, years, 0.037, strike >= forward.forward)
    vols = american_implied.implied_vol(np.where(mid > 0.05, mid, np.nan), *terms).vol
    near = np.abs(np.log(strike / forward.forward)) < 0.12
    fitted = smile.fit(strike[near], vols[near], forward.forward, years)
    assert fitted.rms_error < 0.02
    assert fitted.status in {Status.OK, Status.ARBITRAGE}
