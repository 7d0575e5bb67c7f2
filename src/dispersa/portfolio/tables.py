"""How does an exposure look as rows, for a table or a file?"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from dispersa.market import Symbol
from dispersa.portfolio.exposure import Exposure, ExposureSums, LegExposure

Cell = str | int | float | Decimal | None


def leg_rows(exposure: Exposure, *, at: datetime) -> tuple[dict[str, Cell], ...]:
    """One row per contract held, units in the column names; `mark_age_seconds` is as of `at`."""
    return tuple(_leg_row(leg, at) for leg in exposure.legs)


def _leg_row(leg: LegExposure, at: datetime) -> dict[str, Cell]:
    option = leg.option
    return {
        "symbol": leg.symbol,
        "contract": f"{leg.symbol} shares" if option is None else option.label,
        "con_id": leg.con_id,
        "expiry": None if option is None else option.expiry.isoformat(),
        "strike": None if option is None else option.strike,
        "right": None if option is None else option.right.value,
        "quantity": leg.quantity,
        "mark": leg.price,
        "mark_source": leg.source.value,
        "mark_age_seconds": (at - leg.marked_at).total_seconds(),
        "market_value_usd": leg.market_value,
        "open_profit_usd": leg.open_profit,
        "notional_usd": leg.notional,
        "delta_shares": leg.greeks.delta_shares,
        "delta_usd": leg.greeks.delta_usd,
        "gamma_usd": leg.greeks.gamma_usd,
        "vega_usd_per_point": leg.greeks.vega_usd,
        "theta_usd_per_day": leg.greeks.theta_usd,
    }


def name_rows(exposure: Exposure) -> tuple[dict[str, Cell], ...]:
    """One row per underlying, and the book as the last row."""
    names = [_sum_row(row.symbol, row.sums, row.margin) for row in exposure.underlyings]
    return (*names, _sum_row("book", exposure.book, exposure.margin_modelled))


def _sum_row(name: str, sums: ExposureSums, margin: Decimal) -> dict[str, Cell]:
    return {
        "symbol": name,
        "premium_usd": sums.premium,
        "market_value_usd": sums.market_value,
        "open_profit_usd": sums.open_profit,
        "notional_usd": sums.notional,
        "hedge_stock_usd": sums.hedge_stock,
        "margin_modelled_usd": margin,
        "delta_usd": sums.greeks.delta_usd,
        "gamma_usd": sums.greeks.gamma_usd,
        "vega_usd_per_point": sums.greeks.vega_usd,
        "gross_vega_usd_per_point": sums.greeks.gross_vega_usd,
        "theta_usd_per_day": sums.greeks.theta_usd,
    }


def correlation_usd_per_point(
    exposure: Exposure,
    *,
    index: Symbol,
    index_vol: float,
    components: Mapping[Symbol, tuple[float, float]],
) -> float:
    """First-order P&L of one point (0.01) of implied correlation, component vols unchanged.

        V (A^2 - B) / (2 sI) / 100,  A = sum w s,  B = sum w^2 s^2

    V is the book's vega on the index in USD per vol point times 100, `components` gives weight and
    vol of each name. Asymmetric for large moves: see full revaluation. Source: quantitative
    reference, section 2.1.
    """
    from dispersa.pricing import basket

    vega = sum(row.sums.greeks.vega_usd for row in exposure.underlyings if row.symbol == index)
    weights = [weight for weight, _ in components.values()]
    vols = [vol for _, vol in components.values()]
    per_unit = basket.correlation_sensitivity(weights, vols, index_vol, vega * 100.0)
    return float(per_unit) / 100.0
