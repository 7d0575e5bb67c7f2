"""Does the stress of a held book agree with the independent scenario vectors (block H)?"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ledger import option, option_mark

from dispersa.errors import MarketDataMissing
from dispersa.market import ConId, Right, Symbol
from dispersa.portfolio import (
    Basket,
    BookStress,
    Exposure,
    Mark,
    Position,
    exposure_of,
    stress_of,
)
from dispersa.portfolio.reconciliation import EXCHANGE_ZONE
from dispersa.pricing import black
from dispersa.pricing.units import vega_per_point

EXPIRY_DAY = date(2026, 12, 18)
AT = datetime(2026, 12, 18, 16, tzinfo=EXCHANGE_ZONE) - timedelta(days=30)
RATE = 0.045
VECTORS = Path(__file__).parents[3] / "shared" / "reference" / "vectors.json"


@pytest.fixture(scope="module")
def block() -> dict[str, Any]:
    if not VECTORS.exists():
        pytest.skip("the reference vectors are not here")
    found: dict[str, Any] = json.loads(VECTORS.read_text())["H_scenario_book"]
    return found


def legs(block: dict[str, Any]) -> Iterator[tuple[Position, Mark]]:
    rows = [{"name": "IDX", **block["index"]}, *block["components"]]
    for n, row in enumerate(rows):
        years, spot = row["days"] / 365, row["spot"]
        forward = spot * np.exp((row["rate"] - row["div_yield"]) * years)
        for right in Right:
            contract = replace(
                option(10 * n + (right is Right.PUT), right, symbol=row["name"]),
                strike=Decimal(str(row["strike"])),
                expiry=EXPIRY_DAY,
            )
            greeks = black.greeks(
                forward, row["strike"], row["vol"], years, np.exp(-row["rate"] * years),
                right is Right.CALL, spot=spot,
            )  # fmt: skip
            mark = option_mark(
                contract, price=f"{float(greeks.price):.12f}", spot=str(spot),
                vega=float(vega_per_point(greeks.vega)), at=AT,
            )  # fmt: skip
            mark = replace(mark, greeks=replace(mark.greeks, implied_vol=row["vol"]))
            yield (
                Position(
                    con_id=contract.con_id,
                    symbol=contract.symbol,
                    multiplier=100,
                    quantity=Decimal(str(row["contracts"])),
                    average_price=mark.price,
                    realized=Decimal(0),
                    cash=Decimal(0),
                    commission=Decimal(0),
                ),
                mark,
            )


def book_of(block: dict[str, Any]) -> tuple[Exposure, dict[ConId, Mark], Basket]:
    rows = list(legs(block))
    marks = {mark.con_id: mark for _, mark in rows}
    weights = {Symbol(row["name"]): row["weight"] for row in block["components"]}
    found = exposure_of({row.con_id: row for row, _ in rows}, marks, at=AT)
    return found, marks, Basket(index=Symbol("IDX"), weights=weights)


@pytest.fixture(scope="module")
def stress(block: dict[str, Any]) -> BookStress:
    exposure, marks, basket = book_of(block)
    return stress_of(exposure, marks, basket, rate=RATE)


def test_correlation_and_its_slope_agree_with_the_vectors(
    block: dict[str, Any], stress: BookStress
) -> None:
    assert stress.correlation == pytest.approx(block["initial_implied_corr"], rel=1e-9)
    slope = block["correlation_sensitivity_first_order_dollars_per_0_01"]
    assert stress.correlation_usd_per_point == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("correlation +0.10", "corr_plus_0.10"),
        ("correlation -0.10", "corr_minus_0.10"),
        ("correlation 0.8", "corr_to_0.8"),
        ("correlation 1", "corr_to_1"),
    ],
)
def test_named_scenarios_agree_with_the_vectors(
    block: dict[str, Any], stress: BookStress, ours: str, theirs: str
) -> None:
    expected = {row["scenario"]: row["pnl_total"] for row in block["scenarios"]}
    assert dict(stress.named)[ours] == pytest.approx(expected[theirs], abs=0.01)


def test_names_up_at_the_same_correlation_earn_and_all_vols_up_earn_nothing(
    stress: BookStress,
) -> None:
    named = dict(stress.named)
    assert named["names +5 points"] == pytest.approx(5_163, abs=1)
    assert abs(named["all vols +1 point"]) < 60


def test_the_grid_holds_today_and_its_corner_agrees_with_the_named(stress: BookStress) -> None:
    axes = stress.axes
    spot, vol = axes.spot_moves.index(0.0), axes.vol_points.index(0.0)
    plane = stress.pnl_usd[spot][vol]
    assert plane[axes.correlation_points.index(0.0)] == pytest.approx(0.0, abs=1e-6)
    assert plane[axes.correlation_points.index(10.0)] == pytest.approx(
        dict(stress.named)["correlation +0.10"], abs=1e-6
    )
    assert stress.worst_usd <= min(plane)


def test_a_book_without_marks_or_without_its_index_is_refused(block: dict[str, Any]) -> None:
    exposure, marks, basket = book_of(block)
    with pytest.raises(MarketDataMissing, match="no mark"):
        stress_of(replace(exposure, unmarked=(ConId(1),)), marks, basket, rate=RATE)
    with pytest.raises(MarketDataMissing, match="needed for a correlation"):
        stress_of(exposure, marks, replace(basket, index=Symbol("SPX")), rate=RATE)
