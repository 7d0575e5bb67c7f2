"""What does the option chain of one expiry show?"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from dispersa.market.contracts import OptionContract, Right, Straddle, Underlying
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AtmStraddle:
    """The at-the-money straddle nearest to a tenor, valued by our own numbers.

    Per share: `vega` dollars per vol point, `theta` dollars per calendar day.
    """

    straddle: Straddle
    actual_dte: int
    spot: Decimal
    forward: float
    quote: Quote
    implied_vol: float
    delta: float
    gamma: float
    vega: float
    theta: float
    broker_vega: float | None

    @property
    def call_contract(self) -> OptionContract:
        """The call."""
        return self.straddle.call

    @property
    def put_contract(self) -> OptionContract:
        """The put."""
        return self.straddle.put
