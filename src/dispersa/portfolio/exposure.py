"""What is the book exposed to, leg by leg, straddle by straddle, name by name and as a whole?"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from dispersa.market import ConId, OptionContract, Symbol, to_float
from dispersa.portfolio.margin import modelled_margin
from dispersa.portfolio.marks import Mark, MarkSource, OptionMark, ShareMark
from dispersa.portfolio.positions import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivities:
    """Greeks of a whole position.

    `delta_shares` in share equivalents (meaningful within one underlying), `delta_usd` = delta x S,
    `gamma_usd` = S^2 x gamma (dollars of delta per 100 % move), `vega_usd` per volatility point,
    `theta_usd` per calendar day, `gross_vega_usd` the sum of absolute leg vegas.
    """

    delta_shares: float
    delta_usd: float
    gamma_usd: float
    vega_usd: float
    gross_vega_usd: float
    theta_usd: float

    def __add__(self, other: "Sensitivities") -> "Sensitivities":
        return Sensitivities(
            delta_shares=self.delta_shares + other.delta_shares,
            delta_usd=self.delta_usd + other.delta_usd,
            gamma_usd=self.gamma_usd + other.gamma_usd,
            vega_usd=self.vega_usd + other.vega_usd,
            gross_vega_usd=self.gross_vega_usd + other.gross_vega_usd,
            theta_usd=self.theta_usd + other.theta_usd,
        )


NO_SENSITIVITY = Sensitivities(
    delta_shares=0.0,
    delta_usd=0.0,
    gamma_usd=0.0,
    vega_usd=0.0,
    gross_vega_usd=0.0,
    theta_usd=0.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegExposure:
    """One contract held: signed quantity and market value, with source and time of its mark."""

    con_id: ConId
    symbol: Symbol
    option: OptionContract | None
    quantity: Decimal
    price: Decimal
    market_value: Decimal
    open_profit: Decimal
    notional: Decimal
    greeks: Sensitivities
    source: MarkSource
    marked_at: datetime

    @property
    def premium(self) -> Decimal:
        """Absolute market value of an option leg, zero for stock."""
        return abs(self.market_value) if self.option is not None else Decimal(0)

    @property
    def hedge_stock(self) -> Decimal:
        """Absolute market value of hedge stock, zero for an option."""
        return abs(self.market_value) if self.option is None else Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureSums:
    """Sums over a group of legs, in USD: absolute option value, notional, hedge stock, Greeks."""

    premium: Decimal
    market_value: Decimal
    open_profit: Decimal
    notional: Decimal
    hedge_stock: Decimal
    greeks: Sensitivities


@dataclass(frozen=True, slots=True, kw_only=True)
class StraddleExposure:
    """One strike and expiry of one underlying: `straddles` whole pairs and what is left over."""

    symbol: Symbol
    expiry: date
    strike: Decimal
    trading_class: str
    straddles: Decimal
    unpaired: Decimal
    sums: ExposureSums


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderlyingExposure:
    """Everything held on one underlying, with its modelled margin."""

    symbol: Symbol
    sums: ExposureSums
    margin: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The whole book at one time.

    `premium` is the sum of absolute package market value (both legs of a straddle have one sign,
    so it is summed by leg), `notional` the sum of |quantity| x multiplier x spot over option legs,
    `margin_modelled` the strategy-based requirement, `margin_broker` the broker's own figure or
    None where it sent none. `unmarked` names contracts that are held and have no mark: while there
    is one, nothing may be opened, because the sums are not the whole book.
    """

    at: datetime
    legs: tuple[LegExposure, ...]
    straddles: tuple[StraddleExposure, ...]
    underlyings: tuple[UnderlyingExposure, ...]
    book: ExposureSums
    margin_modelled: Decimal
    margin_broker: Decimal | None
    unmarked: tuple[ConId, ...]
    oldest_mark_at: datetime | None

    @property
    def margin(self) -> Decimal:
        """The larger of the modelled and the broker's margin."""
        if self.margin_broker is None:
            return self.margin_modelled
        return max(self.margin_modelled, self.margin_broker)

    @property
    def gross(self) -> Decimal | None:
        """Gross exposure as the gate defines it, None while a position has no mark."""
        if self.unmarked:
            return None
        return gross_exposure(
            premium=self.book.premium, margin=self.margin, hedge_stock=self.book.hedge_stock
        )


def gross_exposure(*, premium: Decimal, margin: Decimal, hedge_stock: Decimal) -> Decimal:
    """Capital that a book ties up: max(premium, margin) + |hedge stock|, in USD."""
    return max(premium, margin) + abs(hedge_stock)


def exposure_of(
    positions: Mapping[ConId, Position],
    marks: Mapping[ConId, Mark],
    *,
    at: datetime,
    margin_broker: Decimal | None = None,
) -> Exposure:
    """Value `positions` at `marks`.

    Flat positions are left out. A position without a mark is named in `unmarked` and is in no sum.
    """
    held = {con_id: row for con_id, row in positions.items() if not row.is_flat}
    legs = tuple(_leg(row, marks[con_id]) for con_id, row in held.items() if con_id in marks)
    margins = modelled_margin(held, marks)
    return Exposure(
        at=at,
        legs=legs,
        straddles=_straddles(legs),
        underlyings=tuple(
            UnderlyingExposure(
                symbol=symbol, sums=_sums(rows), margin=margins.get(symbol, Decimal(0))
            )
            for symbol, rows in _by_symbol(legs).items()
        ),
        book=_sums(legs),
        margin_modelled=sum(margins.values(), Decimal(0)),
        margin_broker=margin_broker,
        unmarked=tuple(con_id for con_id in held if con_id not in marks),
        oldest_mark_at=min((leg.marked_at for leg in legs), default=None),
    )


def _leg(position: Position, mark: Mark) -> LegExposure:
    shares = position.quantity * position.multiplier
    option = mark.contract if isinstance(mark, OptionMark) else None
    return LegExposure(
        con_id=position.con_id,
        symbol=position.symbol,
        option=option,
        quantity=position.quantity,
        price=mark.price,
        market_value=shares * mark.price,
        open_profit=shares * (mark.price - position.average_price),
        notional=abs(shares) * mark.spot if isinstance(mark, OptionMark) else Decimal(0),
        greeks=_sensitivities(shares, mark),
        source=mark.source,
        marked_at=mark.at,
    )


def _sensitivities(shares: Decimal, mark: Mark) -> Sensitivities:
    match mark:
        case OptionMark():
            return _option_sensitivities(shares, mark)
        case ShareMark():
            return _share_sensitivities(shares, mark)


def _option_sensitivities(shares: Decimal, mark: OptionMark) -> Sensitivities:
    size, spot, greeks = to_float(shares), to_float(mark.spot), mark.greeks
    return Sensitivities(
        delta_shares=size * greeks.delta,
        delta_usd=size * greeks.delta * spot,
        gamma_usd=size * greeks.gamma * spot * spot,
        vega_usd=size * greeks.vega,
        gross_vega_usd=abs(size * greeks.vega),
        theta_usd=size * greeks.theta,
    )


def _share_sensitivities(shares: Decimal, mark: ShareMark) -> Sensitivities:
    size = to_float(shares)
    return Sensitivities(
        delta_shares=size,
        delta_usd=size * to_float(mark.price),
        gamma_usd=0.0,
        vega_usd=0.0,
        gross_vega_usd=0.0,
        theta_usd=0.0,
    )


def _sums(legs: Iterable[LegExposure]) -> ExposureSums:
    rows = tuple(legs)
    return ExposureSums(
        premium=sum((leg.premium for leg in rows), Decimal(0)),
        market_value=sum((leg.market_value for leg in rows), Decimal(0)),
        open_profit=sum((leg.open_profit for leg in rows), Decimal(0)),
        notional=sum((leg.notional for leg in rows), Decimal(0)),
        hedge_stock=sum((leg.hedge_stock for leg in rows), Decimal(0)),
        greeks=sum((leg.greeks for leg in rows), NO_SENSITIVITY),
    )


def _straddles(legs: tuple[LegExposure, ...]) -> tuple[StraddleExposure, ...]:
    options = [(leg, leg.option) for leg in legs if leg.option is not None]
    groups: dict[tuple[Symbol, date, Decimal, str], list[LegExposure]] = defaultdict(list)
    for leg, option in options:
        key = (option.symbol, option.expiry, option.strike, option.trading_class)
        groups[key].append(leg)
    return tuple(
        StraddleExposure(
            symbol=symbol,
            expiry=expiry,
            strike=strike,
            trading_class=trading_class,
            straddles=_paired(rows),
            unpaired=sum((abs(leg.quantity) for leg in rows), Decimal(0)) - 2 * abs(_paired(rows)),
            sums=_sums(rows),
        )
        for (symbol, expiry, strike, trading_class), rows in sorted(groups.items())
    )


def _paired(legs: list[LegExposure]) -> Decimal:
    """Signed count of whole straddles among the legs of one strike."""
    quantities = [leg.quantity for leg in legs]
    if len(quantities) != 2 or quantities[0] * quantities[1] <= 0:
        return Decimal(0)
    return min(quantities, key=abs)


def _by_symbol(legs: Iterable[LegExposure]) -> dict[Symbol, list[LegExposure]]:
    groups: dict[Symbol, list[LegExposure]] = defaultdict(list)
    for leg in legs:
        groups[leg.symbol].append(leg)
    return groups
