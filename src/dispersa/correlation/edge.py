"""What does the trade that we would do earn after cost, in vol points of index vega?

    gross = (sI_implied - sI_forecast) - sum (vega_i / V) (s_i_implied - s_i_forecast)

for LONG_DISPERSION, which sells the index and buys the names; SHORT_DISPERSION earns its negative.
The vega shares are those of the counts actually traded: w_i for a perfectly vega-neutral book.
Costs are subtracted from either direction:

    round trip = spread_I + sum (vega_i / V) spread_i         quoted straddle spreads, vol points
    hedging    = (k_I + sum (vega_i / V) k_i) sqrt(2 / pi) / (2 sqrt(dt))

A spread is quoted in full: half of it is paid on entry, half on exit. Hedging is Leland's (1985)
first-order cost in volatility of rehedging every dt years against a proportional share spread k.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt

from dispersa.correlation.realized import TRADING_DAYS_PER_YEAR

VOL_POINTS = 100.0
"""Vol points in a volatility of 1.00."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLeg:
    """One underlying of the trade.

    `vega_share` is its straddle vega over the index vega V, without sign (1 for the index itself);
    vols are decimals; `spread_vol_points` is the quoted width of its straddle in vol points;
    `share_spread` is the quoted width of the shares it is hedged with, as a fraction of their
    price.
    """

    vega_share: float
    implied_vol: float
    forecast_vol: float
    spread_vol_points: float
    share_spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Expected result of LONG_DISPERSION and the cost of either direction, in vol points."""

    gross: float
    round_trip: float
    hedging: float

    @property
    def cost(self) -> float:
        """Round trip and hedging together."""
        return self.round_trip + self.hedging

    @property
    def net_long(self) -> float:
        """What LONG_DISPERSION keeps."""
        return self.gross - self.cost

    @property
    def net_short(self) -> float:
        """What SHORT_DISPERSION keeps."""
        return -self.gross - self.cost


def edge_after_cost(index: EdgeLeg, names: Sequence[EdgeLeg], hedges_per_day: float) -> Edge:
    """Edge of a trade with the given vega shares, rehedged `hedges_per_day` times."""
    legs = (index, *names)
    rich_index = index.implied_vol - index.forecast_vol
    rich_names = sum(leg.vega_share * (leg.implied_vol - leg.forecast_vol) for leg in names)
    step_years = 1 / (TRADING_DAYS_PER_YEAR * hedges_per_day)
    leland = sqrt(2 / pi) / (2 * sqrt(step_years))
    return Edge(
        gross=VOL_POINTS * (rich_index - rich_names),
        round_trip=sum(leg.vega_share * leg.spread_vol_points for leg in legs),
        hedging=VOL_POINTS * leland * sum(leg.vega_share * leg.share_spread for leg in legs),
    )
