"""QQQ against its real names: which accounts can carry the trade?"""

import math
from pathlib import Path

import pytest

from dispersa.correlation.tenor import vol_panel
from dispersa.correlation.terms import Direction
from dispersa.history.chains import read_chains
from dispersa.history.weights import read_weights
from dispersa.market import Symbol, UnderlyingKind
from dispersa.pricing import straddle
from dispersa.pricing.atm import AtTheMoney
from dispersa.sizing import (
    AccountSizing,
    Infeasible,
    ShortPair,
    StraddleTerms,
    StressPolicy,
    VegaNeutralSizer,
    short_pair_margin_usd,
)

RATE, YEARS = 0.04, 30 / 365
HALF_SPREAD_SHARE = 0.026  # of premium: median of the ten most liquid underlyings, quant.md
LONG = Direction.LONG_DISPERSION


def _terms(symbol: Symbol, weight: float | None, spot: float, vol: float) -> StraddleTerms:
    discount = math.exp(-RATE * YEARS)
    forward = spot / discount
    greeks = straddle.greeks(forward, spot, vol, YEARS, discount, spot)
    price = float(greeks.price)
    pair = ShortPair(
        spot=spot,
        call_strike=spot,
        put_strike=spot,
        call_price=price / 2,
        put_price=price / 2,
        kind=UnderlyingKind.ETF,
    )
    return StraddleTerms(
        symbol=symbol,
        weight=weight,
        spot=spot,
        strike=spot,
        forward=forward,
        discount=discount,
        years=YEARS,
        implied_vol=vol,
        vega_usd_per_point=float(greeks.vega),
        theta_usd_per_day=float(greeks.theta) * 100 / 365,
        cash_gamma_usd=float(greeks.gamma) * spot * spot * 100,
        delta_usd=float(greeks.delta) * spot * 100,
        premium_usd=price * 100,
        half_spread_usd=price * 100 * HALF_SPREAD_SHARE,
        short_margin_usd=short_pair_margin_usd(pair),
    )


@pytest.fixture(scope="module")
def real_market(test_data: Path) -> tuple[StraddleTerms, list[StraddleTerms]]:
    """QQQ and its 40 heaviest names with a vol, on the last date of the file."""
    folder = test_data / "us_chains_2026"
    weights = read_weights(folder / "estimated_weights.csv.gz", "QQQ")
    basket = weights.baskets[-1].heaviest(40)
    wanted = [Symbol("QQQ"), *(row.symbol for row in basket.weights)]
    chains = read_chains(folder / "chains.parquet", wanted)
    panel = vol_panel(chains, 30, AtTheMoney.SPOT, 0.0)
    last = len(chains.dates) - 1
    spots = {
        chains.symbols[symbol]: float(spot)
        for symbol, spot, day in zip(
            chains.symbol_index, chains.spot, chains.date_index, strict=True
        )
        if day == last
    }
    vols = dict(zip(panel.symbols, panel.vols[last].tolist(), strict=True))
    rows = [
        _terms(row.symbol, row.weight, spots[row.symbol], vols[row.symbol])
        for row in basket.weights
        if row.symbol in spots and math.isfinite(vols[row.symbol])
    ]
    index = _terms(Symbol("QQQ"), None, spots[Symbol("QQQ")], vols[Symbol("QQQ")])
    return index, rows


@pytest.mark.real_data
def test_thirty_real_names_need_a_large_account(
    real_market: tuple[StraddleTerms, list[StraddleTerms]],
) -> None:
    index, names = real_market
    sizer = VegaNeutralSizer()
    small = sizer.size_for_account(index, names[:30], LONG, 250_000.0, StressPolicy())
    assert isinstance(small, Infeasible), small
    assert small.workable.net_liquidation_usd is not None
    assert 250_000 < small.workable.net_liquidation_usd < 20e6
    large = sizer.size_for_account(index, names[:30], LONG, 20e6, StressPolicy())
    assert isinstance(large, AccountSizing)
    assert large.sizing.weight_error_total < 0.10
    assert abs(large.sizing.neutrality_error) <= 0.01


@pytest.mark.real_data
def test_ten_real_names_need_less_than_thirty(
    real_market: tuple[StraddleTerms, list[StraddleTerms]],
) -> None:
    index, names = real_market
    sizer = VegaNeutralSizer()
    needed = [
        sizer.size_for_account(index, names[:count], LONG, 50_000.0, StressPolicy())
        for count in (10, 30)
    ]
    accounts = [
        answer.workable.net_liquidation_usd for answer in needed if isinstance(answer, Infeasible)
    ]
    assert None not in accounts
    ten, thirty = accounts  # about 1.9 and 4.9 million dollars
    assert ten is not None
    assert thirty is not None
    assert 1e6 < ten < thirty < 8e6
