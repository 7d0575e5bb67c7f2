"""When do prices jump, and how far?

Jumps come on top of the diffusion with the same factor structure, so that the correlation between
two names stays what it is: the market jumps as a whole `jumps_per_year` times, every name by itself
as often, each time by a normal amount. In units of a day's diffusive deviation

    size ~ N(0, 252 p / n),    n jumps a year, p = `jump_share`,

so that jumps add the share `p` to the variance of every name.
"""

from dataclasses import dataclass

import numpy as np

from dispersa.gateway.world.kernels import Floats
from dispersa.gateway.world.universe import Correlation

DAYS_PER_YEAR = 252.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Jumps:
    """Jumps of the market (rows) and of each name (rows, names), in daily deviations."""

    market: Floats
    own: Floats

    def moves(self, common: Floats) -> Floats:
        """Return `sqrt(c) M + sqrt(1 - c) O` by row and name, `c` the common share of a name."""
        joined: Floats = np.sqrt(common) * self.market[:, None] + np.sqrt(1.0 - common) * self.own
        return joined

    def rows(self, first: int, count: int) -> "Jumps":
        """Return some of the rows."""
        return Jumps(market=self.market[first : first + count], own=self.own[first : first + count])


def draw_jumps(
    rng: np.random.Generator, motion: Correlation, rows: int, names: int, days: float
) -> Jumps:
    """Draw the jumps of `rows` steps of `days` trading days each."""
    table = np.zeros((rows, 1 + names))
    per_day = motion.jumps_per_year / DAYS_PER_YEAR
    count = int(rng.poisson(per_day * days * table.size))
    if count:
        size = np.sqrt(motion.jump_share / per_day)
        places = rng.integers(0, table.size, count)
        np.add.at(table.reshape(-1), places, size * rng.standard_normal(count))
    return Jumps(market=table[:, 0], own=table[:, 1:])
