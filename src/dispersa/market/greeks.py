"""How does one option react, per share, and who says so?"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class GreeksSource(StrEnum):
    """Where a set of Greeks comes from."""

    OWN = "own"
    BROKER_MODEL = "broker_model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks:
    """Sensitivities of one option, per share of the underlying.

    Units as IBKR sends them: `implied_vol` annualized decimal, `delta` per dollar, `gamma` per
    dollar squared, `vega` in dollars per volatility point (0.01), `theta` in dollars per calendar
    day. Every field is finite: sentinels and NaN are stopped at the connector.
    """

    implied_vol: float
    delta: float
    gamma: float
    vega: float
    theta: float
    price: float
    underlying_price: float
    source: GreeksSource
    at: datetime
