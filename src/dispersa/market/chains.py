"""What does the option chain of one expiry show?"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from dispersa.market.contracts import OptionContract, Right, Underlying
from dispersa.market.greeks import Greeks
from dispersa.market.quotes import Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRow:
    """One option as quoted; `missing` says in words what the broker did not send."""

    contract: OptionContract
    quote: Quote | None
    greeks: Greeks | None
    missing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionChain:
    """All listed options of one underlying and expiry, ascending in strike, calls first."""

    underlying: Underlying
    spot: Decimal
    expiry: date
    at: datetime
    rows: tuple[ChainRow, ...]

    def at_strike(self, strike: Decimal, right: Right) -> ChainRow | None:
        """Return the row of one option, None if it is not listed."""
        for row in self.rows:
            if row.contract.strike == strike and row.contract.right is right:
                return row
        return None
