"""Which names stand for the index, and with which weights?"""

from dataclasses import dataclass
from datetime import date

from dispersa.errors import InvalidInput
from dispersa.market.ids import Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """Share of one name in the index, as a fraction of one."""

    symbol: Symbol
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """Dated weights of the names of one index, heaviest first."""

    index: Symbol
    as_of: date
    weights: tuple[Weight, ...]

    def __post_init__(self) -> None:
        symbols = [row.symbol for row in self.weights]
        if len(set(symbols)) != len(symbols):
            raise InvalidInput(f"{self.index} basket of {self.as_of} names a symbol twice")
        if not self.weights or any(not 0 < row.weight <= 1 for row in self.weights):
            raise InvalidInput(
                f"{self.index} basket of {self.as_of}: every weight must be above 0 and at most 1"
            )

    @property
    def coverage(self) -> float:
        """Sum of the weights: how much of the index these names are."""
        return sum(row.weight for row in self.weights)

    def heaviest(self, count: int) -> "Basket":
        """Return the `count` heaviest names with their raw weights."""
        ranked = sorted(self.weights, key=lambda row: (-row.weight, row.symbol))
        return Basket(index=self.index, as_of=self.as_of, weights=tuple(ranked[:count]))

    def renormalized(self) -> dict[Symbol, float]:
        """Weights over the names present, summing to one."""
        total = self.coverage
        return {row.symbol: row.weight / total for row in self.weights}
