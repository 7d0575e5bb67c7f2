"""When does an order fill that does not cross the market?

Model (`text()` is printed on every report of simulated trading):

An order that crosses fills at the displayed quote, up to the displayed size, which comes back two
seconds later. Between the quotes, hidden interest arrives as a Poisson process in market time
whose rate depends on how far the limit has come towards the far side: with x = -1 at the near
quote, 0 at the mid and 1 at the far quote,

    rate(x) = r exp(-b (1 - x))   per second for -1 < x < 1,   0 at or beyond the near quote.

Each arrival fills at the limit price, for a whole number of units drawn geometrically around half
of the displayed size. The rates are calibrated so that a standard walk, from the mid to the far
quote in ten equal steps of five seconds, pays on average a given share of the half-spread
(effective over quoted spread): Muravyev and Pearson (2020) find about 0.75 for the average trade
(effective a quarter smaller than quoted) and below 0.40 for traders who time their orders.

    generous  0.25   better than the published figures
    base      0.40   the published figure for patient execution
    hard      0.75   the published figure for the average trade
"""

from dataclasses import dataclass
from functools import cached_property
from math import exp

import numpy as np

from dispersa.errors import InvalidInput

STEEPNESS = 2.0
WALK_STEPS = 10
WALK_STEP_SECONDS = 5.0
REFRESH_SECONDS = 2.0
"""Displayed size that was taken is back after this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillModel:
    """One preset: `rate_per_second` at the far quote and the share that it is calibrated to."""

    name: str
    rate_per_second: float
    effective_over_quoted: float

    def rate(self, aggression: float) -> float:
        """Return arrivals per second at `aggression` x (-1 near quote, 0 mid, 1 far quote)."""
        if not -1.0 < aggression < 1.0:
            return 0.0
        return self.rate_per_second * exp(-STEEPNESS * (1.0 - aggression))

    def text(self) -> str:
        """Return the sentence for reports."""
        return (
            f"Simulated fills, preset {self.name}: crossing orders fill at the displayed quote and "
            "size; between the quotes hidden interest arrives at a rate of "
            f"{self.rate_per_second:.4f} exp(-{STEEPNESS:g} (1 - x)) per second, x = 0 at the mid "
            "and 1 at the far quote. A walk from mid to far quote in ten steps of 5 s pays "
            f"{self.effective_over_quoted:.2f} of the half-spread on average "
            "(Muravyev and Pearson 2020: 0.75 for all trades, below 0.40 for timed ones)."
        )


def walk_cost(rate_per_second: float) -> float:
    """Return the mean share of the half-spread that the standard walk pays.

    `sum_k x_k P(fill at step k)` with `x_k = k / 10` and certainty at the far quote.
    """
    waiting, cost = 1.0, 0.0
    for step in range(WALK_STEPS):
        x = step / WALK_STEPS
        fills = 1.0 - exp(-rate_per_second * exp(-STEEPNESS * (1.0 - x)) * WALK_STEP_SECONDS)
        cost += waiting * fills * x
        waiting *= 1.0 - fills
    return cost + waiting


PRESETS = {
    preset.name: preset
    for preset in (
        FillModel(name="generous", rate_per_second=0.3269, effective_over_quoted=0.25),
        FillModel(name="base", rate_per_second=0.1698, effective_over_quoted=0.40),
        FillModel(name="hard", rate_per_second=0.0410, effective_over_quoted=0.75),
    )
}


def fill_model(name: str) -> FillModel:
    """Return the preset of that name."""
    if name not in PRESETS:
        raise InvalidInput(f"fill model {name!r} is unknown; choose {', '.join(PRESETS)}")
    return PRESETS[name]


class Arrivals:
    """Hidden interest that arrives for one order, drawn from its own stream."""

    def __init__(self, seed: int, perm_id: int) -> None:
        self._key = [seed, perm_id]
        self._exposure = 0.0

    @cached_property
    def _rng(self) -> np.random.Generator:
        """The stream, made when it is first drawn from: most orders wait first."""
        return np.random.default_rng(self._key)

    @cached_property
    def _threshold(self) -> float:
        return float(self._rng.exponential())

    def wait(self, rate_per_second: float, seconds: float) -> bool:
        """Let `seconds` pass at a rate; return whether interest arrived."""
        self._exposure += rate_per_second * seconds
        if self._exposure < self._threshold:
            return False
        self._exposure, self._threshold = 0.0, float(self._rng.exponential())
        return True

    def units(self, displayed: int) -> int:
        """Return the size of an arrival in whole units, geometric around half the display."""
        mean = max(1.0, 0.5 * displayed)
        return int(self._rng.geometric(1.0 / mean))

    def pick(self, count: int) -> int:
        """Return a uniform choice among `count`."""
        _ = self._threshold  # the first draw, whichever is asked for first
        return int(self._rng.integers(count))
