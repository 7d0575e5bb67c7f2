"""What is the implied correlation now that one vol has changed?

The two sums behind the clean correlation move with one name at a time:

    A += w_i (new - old),   B += w_i^2 (new^2 - old^2),   rho = (sI^2 - B) / (A^2 - B)

Each step rounds; after `REFRESH_EVERY` steps both sums are taken anew, so that errors can not pile
up over a day of ticks.
"""

from array import array
from collections.abc import Sequence

import numpy as np

from dispersa.errors import MarketDataMissing

REFRESH_EVERY = 10_000


class RunningCorrelation:
    """Clean implied correlation under a stream of vols; weights are renormalized once.

    Raises
    ------
    MarketDataMissing
        Fewer than two names, or a weight or vol that is not a number above zero, at the start or
        in an update; the state is then as before.
    """

    __slots__ = (
        "_average",
        "_index_vol",
        "_own",
        "_steps",
        "_vols",
        "_vols_view",
        "_weights",
        "_weights_view",
    )

    _average: float
    _index_vol: float
    _own: float
    _steps: int

    def __init__(self, weights: Sequence[float], vols: Sequence[float], index_vol: float) -> None:
        if len(weights) != len(vols) or len(weights) < 2:
            raise MarketDataMissing(
                f"found {len(weights)} weights and {len(vols)} vols; expected one of each for two "
                "or more names"
            )
        for number in (*weights, *vols, index_vol):
            _require_above_zero(number)
        total = sum(weights)
        self._weights = array("d", (weight / total for weight in weights))
        self._vols = array("d", vols)
        self._weights_view = np.frombuffer(self._weights)
        self._vols_view = np.frombuffer(self._vols)
        self._index_vol = index_vol
        self.recompute()

    @property
    def clean(self) -> float:
        """The correlation as of the last update."""
        cross = self._average * self._average - self._own
        return (self._index_vol * self._index_vol - self._own) / cross

    def update(self, position: int, vol: float) -> float:
        """Take the new vol of one name; return the correlation."""
        if not 0 < vol < 1e6:
            _require_above_zero(vol)
        weight = self._weights[position]
        old = self._vols[position]
        self._vols[position] = vol
        average = self._average + weight * (vol - old)
        own = self._own + weight * weight * (vol * vol - old * old)
        self._average = average
        self._own = own
        self._steps += 1
        if self._steps >= REFRESH_EVERY:
            return self.recompute()
        return (self._index_vol * self._index_vol - own) / (average * average - own)

    def update_index(self, vol: float) -> float:
        """Take the new vol of the index; return the correlation."""
        _require_above_zero(vol)
        self._index_vol = vol
        return self.clean

    def recompute(self) -> float:
        """Take both sums anew over all names; return the correlation."""
        weighted = self._weights_view * self._vols_view
        self._average = float(weighted.sum())
        self._own = float(weighted @ weighted)
        self._steps = 0
        return self.clean


def _require_above_zero(number: float) -> None:
    """Refuse NaN, infinity, zero and below."""
    if not 0 < number < float("inf"):
        raise MarketDataMissing(
            f"found {number} for a weight or vol; expected a number above zero; leave it out"
        )
