"""Is the edge that of the actual trade, after its actual cost?"""

from math import pi, sqrt

import pytest

from dispersa.correlation.edge import EdgeLeg, edge_after_cost

WEIGHTS = (0.3, 0.25, 0.2, 0.15, 0.1)
IMPLIED = (0.28, 0.24, 0.35, 0.45, 0.22)
REALIZED = (0.31, 0.19, 0.33, 0.52, 0.25)
HALF_SPREADS = (0.35, 0.40, 0.55, 0.60, 0.75)


def leg(share: float, implied: float, forecast: float, spread: float, shares: float) -> EdgeLeg:
    return EdgeLeg(
        vega_share=share,
        implied_vol=implied,
        forecast_vol=forecast,
        spread_vol_points=spread,
        share_spread=shares,
    )


def test_gross_edge_equals_the_first_order_pnl_of_the_vega_neutral_straddles() -> None:
    # Answer file, block G: 0.015 from the index, 0.006 from the names, per 1.00 of vol.
    index = leg(1, 0.18, 0.165, 0, 0)
    names = [leg(w, i, r, 0, 0) for w, i, r in zip(WEIGHTS, IMPLIED, REALIZED, strict=True)]
    edge = edge_after_cost(index, names, 1)
    assert edge.gross == pytest.approx(2.1, rel=1e-12)
    assert edge.net_long == edge.gross
    assert edge.net_short == -edge.gross


def test_round_trip_is_twice_the_one_way_cost_of_the_basket() -> None:
    # Answer file, block K: half spreads as given and 0.1 for the index cost 0.58 one way.
    index = leg(1, 0.18, 0.18, 2 * 0.1, 0)
    names = [leg(w, 0.3, 0.3, 2 * h, 0) for w, h in zip(WEIGHTS, HALF_SPREADS, strict=True)]
    assert edge_after_cost(index, names, 1).round_trip == pytest.approx(1.16, rel=1e-12)


def test_hedging_cost_is_lelands_for_each_leg() -> None:
    # 0.02 % on the index and on one name, hedged daily: k sqrt(2/pi) / (2 sqrt(1/252)) each.
    edge = edge_after_cost(leg(1, 0.2, 0.2, 0, 2e-4), [leg(1, 0.3, 0.3, 0, 2e-4)], 1)
    assert edge.hedging == pytest.approx(2 * 100 * 2e-4 * sqrt(2 / pi) / 2 * sqrt(252))
    assert edge.net_long == edge.net_short == -edge.hedging


def test_hedging_four_times_a_day_costs_twice_as_much() -> None:
    once, four = (
        edge_after_cost(leg(1, 0.2, 0.2, 0, 1e-4), [leg(1, 0.3, 0.3, 0, 1e-4)], n).hedging
        for n in (1, 4)
    )
    assert four == pytest.approx(2 * once)


def test_actual_vega_shares_count_and_not_the_weights() -> None:
    index = leg(1, 0.20, 0.18, 0, 0)
    names = [leg(0.4, 0.30, 0.29, 0, 0), leg(0.7, 0.40, 0.41, 0, 0)]
    assert edge_after_cost(index, names, 1).gross == pytest.approx(2 - 0.4 + 0.7)
