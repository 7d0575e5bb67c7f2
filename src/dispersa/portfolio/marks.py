"""At which price and with which Greeks is each contract valued, who says so, and when?"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from dispersa.errors import InvalidInput
from dispersa.market import ConId, Greeks, OptionContract, Symbol, UnderlyingKind


class MarkSource(StrEnum):
    """Where a mark comes from; last trades are never a source."""

    OWN_VOL = "own_vol"
    QUOTE_MID = "quote_mid"
    BROKER_MODEL = "broker_model"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondOrder:
    """How vega itself moves, per share: `vanna` with a dollar of spot, `volga` with a vol point.

    Vega in dollars per point: vanna is 1/100 of that per 1.00 of vol, volga 1/10,000.
    """

    vanna: float
    volga: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionMark:
    """Value of one option, per share, with Greeks per share (vega per point, theta per day).

    `spot` is the price of its underlying; `underlying` says which margin rate applies.
    `second_order` is None where vanna and volga were not computed: their P&L is then residual.
    """

    contract: OptionContract
    price: Decimal
    spot: Decimal
    greeks: Greeks
    underlying: UnderlyingKind
    source: MarkSource
    at: datetime
    second_order: SecondOrder | None = None

    def __post_init__(self) -> None:
        if not self.price.is_finite() or self.price < 0:
            raise InvalidInput(
                f"{self.contract.label} is marked at {self.price}; expected a price from zero"
            )
        _require_spot(self.spot, self.contract.label)

    @property
    def con_id(self) -> ConId:
        """Contract that is marked."""
        return self.contract.con_id

    @property
    def symbol(self) -> Symbol:
        """Underlying of the contract."""
        return self.contract.symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareMark:
    """Value of one share of hedge stock."""

    con_id: ConId
    symbol: Symbol
    price: Decimal
    source: MarkSource
    at: datetime

    def __post_init__(self) -> None:
        _require_spot(self.price, self.symbol)


Mark = OptionMark | ShareMark


def _require_spot(price: Decimal, name: str) -> None:
    if not price.is_finite() or price <= 0:
        raise InvalidInput(f"{name} has an underlying price of {price}; expected one above zero")
