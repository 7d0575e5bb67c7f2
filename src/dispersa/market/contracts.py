"""What can be traded: underlyings, options on them, and the straddle of two options."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from dispersa.errors import InvalidInput
from dispersa.market.ids import ConId, Symbol

STANDARD_MULTIPLIER = 100


class Right(StrEnum):
    """Call or put."""

    CALL = "C"
    PUT = "P"


class ExerciseStyle(StrEnum):
    """When the holder may exercise."""

    AMERICAN = "american"
    EUROPEAN = "european"


class Settlement(StrEnum):
    """What is delivered, and at which print of the expiry day."""

    SHARES = "shares"
    CASH_PM = "cash_pm"
    CASH_AM = "cash_am"


class UnderlyingKind(StrEnum):
    """What kind of thing an option is written on."""

    STOCK = "stock"
    ETF = "etf"
    INDEX = "index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Underlying:
    """A stock, an ETF or an index on which options are listed."""

    con_id: ConId
    symbol: Symbol
    kind: UnderlyingKind
    currency: str = "USD"
    primary_exchange: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionContract:
    """One listed option, as the broker defines it."""

    con_id: ConId
    symbol: Symbol
    expiry: date
    strike: Decimal
    right: Right
    multiplier: int = STANDARD_MULTIPLIER
    trading_class: str = ""
    currency: str = "USD"
    style: ExerciseStyle = ExerciseStyle.AMERICAN
    settlement: Settlement = Settlement.SHARES

    def days_to_expiry(self, today: date) -> int:
        """Calendar days from `today` to expiry."""
        return (self.expiry - today).days

    @property
    def label(self) -> str:
        """How a trader writes it, for example ``QQQ 18DEC26 500 C``."""
        terms = f"{self.symbol} {self.expiry:%d%b%y} {self.strike.normalize():f} {self.right}"
        return terms.upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Straddle:
    """A call and a put of the same underlying, expiry and strike, one of each."""

    call: OptionContract
    put: OptionContract

    def __post_init__(self) -> None:
        if self.call.right is not Right.CALL or self.put.right is not Right.PUT:
            raise InvalidInput(f"a straddle is one call and one put; got {self.call}, {self.put}")
        if self._terms(self.call) != self._terms(self.put):
            raise InvalidInput(
                f"straddle legs differ: {self.call.label} against {self.put.label}; expected the "
                "same underlying, expiry, strike, multiplier and trading class"
            )

    @staticmethod
    def _terms(leg: OptionContract) -> tuple[object, ...]:
        return (leg.symbol, leg.expiry, leg.strike, leg.multiplier, leg.trading_class)

    @property
    def symbol(self) -> Symbol:
        """Underlying of both legs."""
        return self.call.symbol

    @property
    def expiry(self) -> date:
        """Expiry of both legs."""
        return self.call.expiry

    @property
    def strike(self) -> Decimal:
        """Strike of both legs."""
        return self.call.strike

    @property
    def multiplier(self) -> int:
        """Shares per contract."""
        return self.call.multiplier

    @property
    def legs(self) -> tuple[OptionContract, OptionContract]:
        """Call, then put."""
        return (self.call, self.put)

    @property
    def label(self) -> str:
        """How a trader writes it, for example ``QQQ 18DEC26 500 straddle``."""
        terms = f"{self.symbol} {self.expiry:%d%b%y} {self.strike.normalize():f}"
        return f"{terms.upper()} straddle"
