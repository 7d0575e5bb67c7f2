"""What does the desk want of a size, and what counts as too small?"""

import math
from dataclasses import dataclass
from enum import StrEnum

from dispersa.errors import InvalidConfig


class Scheme(StrEnum):
    """What the component leg and the index leg have equal (quant.md 2.2)."""

    VEGA_NEUTRAL = "vega_neutral"
    """``sum n_i vega_i = n_0 vega_0``: neutral to an equal point move of every vol."""
    THETA_NEUTRAL = "theta_neutral"
    """``sum n_i theta_i = n_0 theta_0``: neutral to time and to proportional vol moves."""
    GAMMA_NEUTRAL = "gamma_neutral"
    """``sum n_i cash_gamma_i = n_0 cash_gamma_0``."""
    PREMIUM_NEUTRAL = "premium_neutral"
    """``sum n_i premium_i = n_0 premium_0``: no net cash."""


class Norm(StrEnum):
    """How the distance of the component vegas ``n_i v_i`` from their targets ``t_i`` is measured.

    `gap` and the proven bound are in the norm's own objective.
    """

    L1 = "l1"
    """``sum |n_i v_i - t_i|``, dollars per point."""
    L2 = "l2"
    """``sum (n_i v_i - t_i)^2``, squared: spreads an unavoidable error over the names."""
    LARGEST = "largest"
    """``max |n_i v_i - t_i| / t_i`` first, then L1 among the counts that reach it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingPolicy:
    """Rules for whole straddle counts; shares are fractions of one, money is US dollars.

    Attributes
    ----------
    tolerance : allowed mismatch of the two legs' neutral exposure, as a share of the index leg's.
    weight_error_max : largest ``|n_i v_i - t_i| / t_i`` of one name. A name without a whole count
        inside it is dropped; together with `dropped_weight_max` this is what refuses thirty names
        on a small account instead of rounding them to one.
    weight_error_total_max : largest ``sum |n_i v_i - t_i| / V``.
    dropped_weight_max : most basket weight that may be dropped before the trade is refused.
    index_count_share_min : when the index count is free, smallest share of the budget's count that
        may be used if the full count has no solution.
    name_premium_max_usd, name_vega_max_usd_per_point : caps on one component.
    vega_max_usd_per_point : cap on one leg of the trade when it is sized from the loss budget.
    premium_max_usd, margin_max_usd : caps on the whole trade, index included. Premium is the sum
        of absolute package values; margin is premium of what is bought plus the modeled
        requirement of what is sold.
    delta_max_usd, cash_gamma_max_usd : caps on the absolute net of the whole trade.
    names_max : keep only this many names, the heaviest that can be traded.
    gap : proven relative distance from the optimum at which the search may stop.
    node_limit : branch-and-bound nodes after which the best solution is returned with the gap
        proven so far; reproducible, unlike a time limit.
    wall_seconds_max : one search running longer than this is a refusal.
    """

    scheme: Scheme = Scheme.VEGA_NEUTRAL
    norm: Norm = Norm.L1
    tolerance: float = 0.01
    weight_error_max: float = 0.5
    weight_error_total_max: float = 0.25
    dropped_weight_max: float = 0.10
    index_count_share_min: float = 0.8
    name_premium_max_usd: float | None = None
    name_vega_max_usd_per_point: float | None = None
    vega_max_usd_per_point: float | None = None
    premium_max_usd: float | None = None
    margin_max_usd: float | None = None
    delta_max_usd: float | None = None
    cash_gamma_max_usd: float | None = None
    names_max: int | None = None
    gap: float = 1e-4
    node_limit: int = 5_000
    wall_seconds_max: float = 30.0

    def __post_init__(self) -> None:
        for name in _SHARES:
            self._require(name, 0 < getattr(self, name) <= 1, "above 0 and at most 1")
        self._require("dropped_weight_max", 0 <= self.dropped_weight_max < 1, "from 0 to below 1")
        self._require("gap", 0 <= self.gap <= 0.01, "from 0 to 0.01")
        self._require("weight_error_max", self.weight_error_max > 0, "above 0")
        self._require("node_limit", self.node_limit >= 1, "1 or more")
        self._require("wall_seconds_max", self.wall_seconds_max > 0, "above 0")
        for name in _CAPS:
            cap = getattr(self, name)
            self._require(name, cap is None or (math.isfinite(cap) and cap > 0), "above 0, or none")
        self._require("names_max", self.names_max is None or self.names_max >= 2, "2 or more")

    def _require(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise InvalidConfig(f"sizing.{name} is {getattr(self, name)}; expected {expected}")


_SHARES = ("tolerance", "weight_error_total_max", "index_count_share_min")
_CAPS = (
    "name_premium_max_usd",
    "name_vega_max_usd_per_point",
    "vega_max_usd_per_point",
    "premium_max_usd",
    "margin_max_usd",
    "delta_max_usd",
    "cash_gamma_max_usd",
)
