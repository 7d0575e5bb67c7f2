"""What would a set of counts add up to?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dispersa.correlation.terms import Direction
from dispersa.errors import InvalidInput, MarketDataMissing
from dispersa.market import Side, Symbol
from dispersa.sizing.outcome import BookTotals, Sizing
from dispersa.sizing.terms import StraddleTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Index and component straddles with signed quantities; quantities may be fractional."""

    index: StraddleTerms
    components: tuple[StraddleTerms, ...]
    quantities: Mapping[Symbol, float]

    @property
    def rows(self) -> tuple[tuple[StraddleTerms, float], ...]:
        """Terms with signed quantity, index first."""
        return tuple((row, self.quantities[row.symbol]) for row in (self.index, *self.components))


def index_side(direction: Direction) -> Side:
    """Side of the index straddle.

    Raises
    ------
    InvalidInput
        For NO_TRADE.
    """
    match direction:
        case Direction.LONG_DISPERSION:
            return Side.SELL
        case Direction.SHORT_DISPERSION:
            return Side.BUY
        case Direction.NO_TRADE:
            raise InvalidInput("the direction is NO_TRADE; size a trade only when there is one")


def sized_book(sizing: Sizing, index: StraddleTerms, components: Sequence[StraddleTerms]) -> Book:
    """Put the terms back beside the counts of a sizing."""
    by_symbol = {row.symbol: row for row in components}
    return Book(
        index=index,
        components=tuple(by_symbol[row.symbol] for row in sizing.components),
        quantities=sizing.quantities,
    )


def totals(book: Book) -> BookTotals:
    """Add up a book, signed."""
    rows = book.rows
    vegas = [quantity * row.vega_usd_per_point for row, quantity in rows]
    premiums = [quantity * row.premium_usd for row, quantity in rows]
    return BookTotals(
        net_vega_usd_per_point=sum(vegas),
        gross_vega_usd_per_point=sum(map(abs, vegas)),
        net_theta_usd_per_day=sum(quantity * row.theta_usd_per_day for row, quantity in rows),
        net_cash_gamma_usd=sum(quantity * row.cash_gamma_usd for row, quantity in rows),
        net_delta_usd=sum(quantity * row.delta_usd for row, quantity in rows),
        net_premium_usd=sum(premiums),
        gross_premium_usd=sum(map(abs, premiums)),
        half_spread_cost_usd=sum(abs(quantity) * row.half_spread_usd for row, quantity in rows),
        margin_usd=_margin(rows),
    )


def _margin(rows: Sequence[tuple[StraddleTerms, float]]) -> float | None:
    if any(quantity < 0 and row.short_margin_usd is None for row, quantity in rows):
        return None
    return sum(
        abs(quantity) * margin_usd(row, Side.BUY if quantity > 0 else Side.SELL)
        for row, quantity in rows
        if quantity
    )


def margin_usd(row: StraddleTerms, side: Side) -> float:
    """Margin of one straddle: its premium when bought, its modeled requirement when sold.

    Raises
    ------
    MarketDataMissing
        If it is sold and no requirement was modeled.
    """
    if side is Side.BUY:
        return row.premium_usd
    if row.short_margin_usd is None:
        raise MarketDataMissing(
            f"{row.symbol} would be sold short, but its margin was not modeled; give "
            "short_margin_usd (dispersa.sizing.margin), or set no margin limit"
        )
    return row.short_margin_usd
