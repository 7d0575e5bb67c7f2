"""At which prices may an order rest?"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from dispersa.errors import InvalidInput
from dispersa.market.sides import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceIncrements:
    """The price grid of a contract: from each low edge upward, the step between valid prices.

    Parameters
    ----------
    steps
        Pairs (low edge, increment) with ascending edges, the first edge zero. Negative combo
        prices use the grid of their absolute value. Source: IBKR market rules
        (reqMarketRule), which give exactly these pairs.
    """

    steps: tuple[tuple[Decimal, Decimal], ...]

    def __post_init__(self) -> None:
        edges = [edge for edge, _ in self.steps]
        if not edges or edges[0] != 0 or edges != sorted(set(edges)):
            raise InvalidInput(f"price grid edges are {edges}; expected ascending from zero")
        if any(increment <= 0 for _, increment in self.steps):
            raise InvalidInput(f"price grid {self.steps} has a step that is not above zero")

    def increment_at(self, price: Decimal) -> Decimal:
        """Step of the grid at `price`."""
        size = abs(price)
        return next(step for edge, step in reversed(self.steps) if edge <= size)

    def is_valid(self, price: Decimal) -> bool:
        """Whether an order may rest at `price`."""
        return price % self.increment_at(price) == 0

    def round_passive(self, price: Decimal, side: Side) -> Decimal:
        """Nearest valid price that is not more aggressive: down for a buy, up for a sell."""
        step = self.increment_at(price)
        rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
        return (price / step).to_integral_value(rounding=rounding) * step


PENNY = PriceIncrements(steps=((Decimal(0), Decimal("0.01")),))
"""One cent at every price: SMART-routed US equity options and stocks above one dollar."""
