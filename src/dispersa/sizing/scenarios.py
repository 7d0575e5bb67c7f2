"""Which market moves must the trade survive?"""

from dataclasses import dataclass
from typing import Final

from dispersa.errors import InvalidConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One instant move of the whole market.

    Component vols move first; the index vol then follows from them and the correlation,
    ``sI^2 = B + rho (A^2 - B)``; last, the parallel and index-only shifts are added.

    Attributes
    ----------
    correlation_to : implied correlation after the move, as a fraction; None to start from today's.
    correlation_shift : added to today's correlation; the sum is held between min(today's, 0) and 1.
    component_vol_points : added to every component vol.
    parallel_vol_points : added to every vol, the index's too, whatever the correlation.
    index_vol_points : added to the index vol alone: an index skew steeper than the names'.
    spot_move : relative move of every underlying.
    name_gap : relative gap of one name alone, the index following by its weight; the worst name
        is reported.
    days : calendar days that pass.
    """

    name: str
    correlation_to: float | None = None
    correlation_shift: float = 0.0
    component_vol_points: float = 0.0
    parallel_vol_points: float = 0.0
    index_vol_points: float = 0.0
    spot_move: float = 0.0
    name_gap: float = 0.0
    days: float = 0.0

    def __post_init__(self) -> None:
        if self.correlation_to is not None and self.correlation_shift:
            raise InvalidConfig(
                f"scenario {self.name} both sets and shifts the correlation; expected one of them"
            )
        if self.correlation_to is not None and not -1 <= self.correlation_to <= 1:
            raise InvalidConfig(
                f"scenario {self.name}: correlation_to is {self.correlation_to}; expected a "
                "fraction from -1 to 1"
            )
        if min(self.spot_move, self.name_gap) <= -1 or self.days < 0:
            raise InvalidConfig(
                f"scenario {self.name}: spot_move {self.spot_move}, name_gap {self.name_gap}, days "
                f"{self.days}; expected moves above -100 % and days of zero or more"
            )


DEFAULT_SCENARIOS: Final = (
    Scenario(name="correlation to 1", correlation_to=1.0),
    # Largest one-day rise of COR1M: 32.3 to 82.9 on 5 February 2018 (quant.md section 6).
    Scenario(name="correlation +50 points", correlation_shift=0.50),
    Scenario(name="correlation -50 points", correlation_shift=-0.50),
    # 99 % of one-day moves of COR1M are within 12.4 points.
    Scenario(name="correlation +12 points", correlation_shift=0.12),
    Scenario(name="correlation -12 points", correlation_shift=-0.12),
    Scenario(name="names +5 vol points", component_vol_points=5.0),
    Scenario(name="names -5 vol points", component_vol_points=-5.0),
    Scenario(name="all vols +1 point", parallel_vol_points=1.0),
    Scenario(name="all vols +10 points", parallel_vol_points=10.0),
    Scenario(
        name="names +10 vol points, correlation 0.8",
        component_vol_points=10.0,
        correlation_to=0.8,
    ),
    Scenario(
        name="names +10 vol points, correlation 0.8, spot -10 %",
        component_vol_points=10.0,
        correlation_to=0.8,
        spot_move=-0.10,
    ),
    Scenario(name="spot -10 %", spot_move=-0.10),
    Scenario(name="spot +10 %", spot_move=0.10),
    Scenario(name="spot -5 %, index skew +3 points", spot_move=-0.05, index_vol_points=3.0),
    Scenario(name="one name +25 %", name_gap=0.25),
    Scenario(name="one name -25 %", name_gap=-0.25),
)
"""Correlation to 1 and jumps as COR1M has shown, vols up, index skew, and gaps."""
