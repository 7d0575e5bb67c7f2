"""Where did the P&L come from?

Per contract held from one time to the next, with q0 the quantity at the start:

    P&L   = change of market value + change of cash - change of commission + dividends
    held  = q0 x multiplier x (end mark - start mark), split by the Greeks at the start:
            delta dS + gamma dS^2/2 + theta dt + vega dv + vanna dS dv + volga dv^2/2 + residual
    trades = change of cash + (q1 - q0) x multiplier x end mark: fills against the end mark

Vega of the index is split into what the component vols did at the starting correlation, what
correlation did, and the strike's own vol against the at-the-money vol; vega of a component is all
component vol. Every part is exact money and the residual is what is left, so the parts sum to the
P&L to the last digit, by construction and in every group; the residual is shown, never spread.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

from dispersa.errors import MarketDataMissing
from dispersa.market import ConId, Symbol, to_decimal, to_float
from dispersa.portfolio.marks import Mark, OptionMark
from dispersa.portfolio.positions import Position

ZERO = Decimal(0)
SECONDS_PER_DAY = 86_400.0
SHARE_MULTIPLIER = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PnlParts:
    """P&L by cause, in USD; the parts sum to `total`."""

    delta: Decimal = ZERO
    gamma: Decimal = ZERO
    theta: Decimal = ZERO
    vega_components: Decimal = ZERO
    vega_correlation: Decimal = ZERO
    vega_strike: Decimal = ZERO
    vanna: Decimal = ZERO
    volga: Decimal = ZERO
    hedges: Decimal = ZERO
    trades: Decimal = ZERO
    dividends: Decimal = ZERO
    commissions: Decimal = ZERO
    residual: Decimal = ZERO

    def __add__(self, other: "PnlParts") -> "PnlParts":
        return PnlParts(
            **{
                spec.name: getattr(self, spec.name) + getattr(other, spec.name)
                for spec in fields(self)
            }
        )

    @property
    def vega(self) -> Decimal:
        """All of vega: component vols, correlation, the strike's own vol."""
        return self.vega_components + self.vega_correlation + self.vega_strike

    @property
    def total(self) -> Decimal:
        """P&L after commission."""
        return sum((getattr(self, spec.name) for spec in fields(self)), ZERO)


NO_PNL = PnlParts()


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexVolMove:
    """Change of the index vol in points, split by `pricing.attribution.index_vol_change`."""

    components_points: float
    correlation_points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LegPnl:
    """P&L of one contract over the period."""

    con_id: ConId
    symbol: Symbol
    parts: PnlParts


@dataclass(frozen=True, slots=True, kw_only=True)
class PnlAttribution:
    """P&L of a book, a program or a package from `start` to `end`, by leg and by name."""

    start: datetime
    end: datetime
    legs: tuple[LegPnl, ...]
    names: tuple[tuple[Symbol, PnlParts], ...]
    book: PnlParts


@dataclass(frozen=True, slots=True, kw_only=True)
class Valued:
    """Positions and marks at one time."""

    at: datetime
    positions: Mapping[ConId, Position]
    marks: Mapping[ConId, Mark]


def attribute_pnl(
    start: Valued,
    end: Valued,
    *,
    index_moves: Mapping[Symbol, IndexVolMove],
    dividends: Mapping[ConId, Decimal],
) -> PnlAttribution:
    """Split the P&L between two valuations of the same fold of executions.

    Parameters
    ----------
    index_moves
        Split of each index's vol change; a name that is not in it is a component.
    dividends
        Cash received (or paid, negative) per contract of stock in the period, in USD.

    Raises
    ------
    MarketDataMissing
        If a position held at the start or at the end has no mark there, or a dividend belongs to
        a contract that was never held: the sum would not be the change of the account.
    """
    _require_marks(start, "start")
    _require_marks(end, "end")
    con_ids = sorted(start.positions.keys() | end.positions.keys())
    strays = dividends.keys() - set(con_ids)
    if strays:
        raise MarketDataMissing(
            f"dividends of contracts {sorted(strays)} belong to no position; expected contracts "
            "that were held: book them outside this trade"
        )
    legs = tuple(_leg(con_id, start, end, index_moves, dividends) for con_id in con_ids)
    by_name: dict[Symbol, PnlParts] = defaultdict(PnlParts)
    for leg in legs:
        by_name[leg.symbol] += leg.parts
    return PnlAttribution(
        start=start.at,
        end=end.at,
        legs=legs,
        names=tuple(by_name.items()),
        book=sum((leg.parts for leg in legs), NO_PNL),
    )


def _require_marks(valued: Valued, when: str) -> None:
    bare = [
        con_id
        for con_id, row in valued.positions.items()
        if not row.is_flat and con_id not in valued.marks
    ]
    if bare:
        raise MarketDataMissing(
            f"contracts {bare} are held at the {when} and have no mark; expected one of each: "
            "value them before attributing P&L"
        )


def _leg(
    con_id: ConId,
    start: Valued,
    end: Valued,
    index_moves: Mapping[Symbol, IndexVolMove],
    dividends: Mapping[ConId, Decimal],
) -> LegPnl:
    before, after = start.positions.get(con_id), end.positions.get(con_id)
    known = end.positions[con_id] if before is None else before
    money = _Money(before, after, start.marks.get(con_id), end.marks.get(con_id))
    dividend = dividends.get(con_id, ZERO)
    plain = PnlParts(dividends=dividend, commissions=-money.commission)
    move = _move(start, end, money)
    if known.multiplier != SHARE_MULTIPLIER:
        greek = NO_PNL if move is None else _greek_parts(move, index_moves.get(known.symbol))
        parts = plain + greek + PnlParts(trades=money.traded)
        residual = money.total + dividend - money.commission - parts.total
        return LegPnl(con_id=con_id, symbol=known.symbol, parts=parts + PnlParts(residual=residual))
    parts = plain + PnlParts(hedges=money.total)
    return LegPnl(con_id=con_id, symbol=known.symbol, parts=parts)


@dataclass(frozen=True, slots=True)
class _Money:
    """Exact money of one contract over the period."""

    before: Position | None
    after: Position | None
    start_mark: Mark | None
    end_mark: Mark | None

    @property
    def shares_before(self) -> Decimal:
        return _shares(self.before)

    @property
    def cash(self) -> Decimal:
        return _field(self.after, "cash") - _field(self.before, "cash")

    @property
    def commission(self) -> Decimal:
        return _field(self.after, "commission") - _field(self.before, "commission")

    @property
    def total(self) -> Decimal:
        """Change of market value and cash, before commission and dividends."""
        value_before = _value(self.before, self.start_mark)
        return _value(self.after, self.end_mark) - value_before + self.cash

    @property
    def traded(self) -> Decimal:
        """Fills against the end mark; all of it, for what was closed and is marked no more."""
        if self.end_mark is None:
            return self.total
        change = _shares(self.after) - self.shares_before
        return self.cash + change * self.end_mark.price


def _shares(position: Position | None) -> Decimal:
    return ZERO if position is None else position.quantity * position.multiplier


def _field(position: Position | None, name: str) -> Decimal:
    value: Decimal = ZERO if position is None else getattr(position, name)
    return value


def _value(position: Position | None, mark: Mark | None) -> Decimal:
    """Market value; a flat position needs no mark."""
    return ZERO if mark is None else _shares(position) * mark.price


@dataclass(frozen=True, slots=True)
class _Move:
    """What happened to one option held from the start: shares, marks, days."""

    shares: float
    start: OptionMark
    spot_change: float
    vol_points: float
    days: float


def _move(start: Valued, end: Valued, money: _Money) -> _Move | None:
    """Move of the quantity held from the start; None where nothing was held or marked."""
    before, after = money.start_mark, money.end_mark
    if not money.shares_before:
        return None
    if not isinstance(before, OptionMark) or not isinstance(after, OptionMark):
        return None
    return _Move(
        shares=to_float(money.shares_before),
        start=before,
        spot_change=to_float(after.spot - before.spot),
        vol_points=100.0 * (after.greeks.implied_vol - before.greeks.implied_vol),
        days=(end.at - start.at).total_seconds() / SECONDS_PER_DAY,
    )


def _greek_parts(move: _Move, index_move: IndexVolMove | None) -> PnlParts:
    greeks, size = move.start.greeks, move.shares
    spot, points = move.spot_change, move.vol_points
    second = move.start.second_order
    components = points if index_move is None else index_move.components_points
    correlation = 0.0 if index_move is None else index_move.correlation_points
    strike = points - components - correlation
    return PnlParts(
        delta=to_decimal(size * greeks.delta * spot),
        gamma=to_decimal(size * 0.5 * greeks.gamma * spot * spot),
        theta=to_decimal(size * greeks.theta * move.days),
        vega_components=to_decimal(size * greeks.vega * components),
        vega_correlation=to_decimal(size * greeks.vega * correlation),
        vega_strike=to_decimal(size * greeks.vega * strike),
        vanna=ZERO if second is None else to_decimal(size * second.vanna * spot * points),
        volga=ZERO if second is None else to_decimal(size * 0.5 * second.volga * points * points),
    )
