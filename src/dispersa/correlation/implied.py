"""Which single correlation makes the basket of names as volatile as the index?

    clean rho = (sI^2 - B) / (A^2 - B),   A = sum w s,   B = sum w^2 s^2

with weights that sum to one over the names used and vols of one tenor and one snapshot. It is the
mean pairwise correlation weighted by w_i w_j s_i s_j, and is never clipped: a basket of few names
can read below zero or above one, and says so in its flags.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, sqrt

from dispersa.errors import MarketDataMissing
from dispersa.pricing import basket


class CorrelationFlag(StrEnum):
    """What to know before relying on an implied correlation."""

    ABOVE_ONE = "above_one"
    BELOW_ZERO = "below_zero"
    BELOW_FLOOR = "below_floor"
    FEWER_NAMES = "fewer_names"
    LOW_COVERAGE = "low_coverage"
    INDEX_VOL_MISSING = "index_vol_missing"
    WEIGHTS_MISSING = "weights_missing"
    WEIGHTS_OLD = "weights_old"

    @property
    def sentence(self) -> str:
        """The flag, for people."""
        return _SENTENCES[self]


_SENTENCES = {
    CorrelationFlag.ABOVE_ONE: "above one: the inputs are not of one time, or the basket is not "
    "the index",
    CorrelationFlag.BELOW_ZERO: "below zero: usual for a basket of few names; not comparable with "
    "an index of many",
    CorrelationFlag.BELOW_FLOOR: "below -1/(N-1): no equal correlation can give this index vol",
    CorrelationFlag.FEWER_NAMES: "fewer names have an implied vol than were asked for",
    CorrelationFlag.LOW_COVERAGE: "the names used are less than half of the index by weight",
    CorrelationFlag.INDEX_VOL_MISSING: "the index has no implied vol at this tenor",
    CorrelationFlag.WEIGHTS_MISSING: "no weights are known on or before this date",
    CorrelationFlag.WEIGHTS_OLD: "the weights are more than a week older than the chains",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationReading:
    """Clean implied correlation with the dirty ratios beside it, its bounds and its gradients.

    Attributes
    ----------
    clean
        (sI^2 - B) / (A^2 - B).
    dirty_vol_ratio, dirty_variance_ratio
        (sI / A)^2 and sI^2 / sum(w s^2): biased upward, for comparison only.
    average_vol, own_variance
        A (the index vol at correlation one) and B (the index variance at correlation zero).
    floor
        -1 / (N - 1): the lowest equal correlation that N names can have.
    per_index_vol, per_component_vol
        Change of `clean` per 1.00 of vol, all else equal.
    """

    clean: float
    dirty_vol_ratio: float
    dirty_variance_ratio: float
    index_vol: float
    average_vol: float
    own_variance: float
    floor: float
    per_index_vol: float
    per_component_vol: tuple[float, ...]

    @property
    def index_vol_at_zero(self) -> float:
        """Index vol if every pair had correlation zero: sqrt(B)."""
        return sqrt(self.own_variance)

    @property
    def index_vol_per_correlation(self) -> float:
        """Change of the index vol per 1.00 of correlation: (A^2 - B) / (2 sI)."""
        return 1 / self.per_index_vol

    @property
    def flags(self) -> tuple[CorrelationFlag, ...]:
        """Bounds that the value breaks."""
        broken = (
            (self.clean > 1, CorrelationFlag.ABOVE_ONE),
            (self.clean < 0, CorrelationFlag.BELOW_ZERO),
            (self.clean < self.floor, CorrelationFlag.BELOW_FLOOR),
        )
        return tuple(flag for is_broken, flag in broken if is_broken)


def read_correlation(
    weights: Sequence[float], vols: Sequence[float], index_vol: float
) -> CorrelationReading:
    """Read the correlation that the index vol implies for a basket.

    `weights` are renormalized to sum to one over the names given.

    Raises
    ------
    MarketDataMissing
        Fewer than two names, or a weight or vol that is not a number above zero.

    Examples
    --------
    >>> round(read_correlation([0.3, 0.4, 0.3], [0.25, 0.35, 0.18], 0.21).clean, 5)
    0.3609
    """
    _require_usable(weights, vols, index_vol)
    shares = basket.normalize(weights)
    variance = basket.variance(shares, vols)
    implied = basket.implied_correlation(shares, vols, index_vol)
    return CorrelationReading(
        clean=float(implied.clean),
        dirty_vol_ratio=float(implied.vol_ratio),
        dirty_variance_ratio=float(implied.variance_ratio),
        index_vol=index_vol,
        average_vol=float(variance.a),
        own_variance=float(variance.b),
        floor=-1 / (len(weights) - 1),
        per_index_vol=float(implied.d_index_vol),
        per_component_vol=tuple(implied.d_component_vols.tolist()),
    )


def _require_usable(weights: Sequence[float], vols: Sequence[float], index_vol: float) -> None:
    """Refuse, and say why, what has no implied correlation."""
    if len(weights) != len(vols) or len(weights) < 2:
        raise MarketDataMissing(
            f"found {len(weights)} weights and {len(vols)} vols; implied correlation needs one of "
            "each for two or more names; add names"
        )
    if not all(isfinite(number) and number > 0 for number in (*weights, *vols, index_vol)):
        raise MarketDataMissing(
            "a weight or vol is missing or not above zero; leave that name out, or wait for its vol"
        )
