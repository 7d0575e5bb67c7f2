"""Send gate: can we afford it? Capital, margin, exposure, VIX, positions, edge, caps by scope."""

from datetime import timedelta
from decimal import Decimal

from dispersa.market import DataKind
from dispersa.risk.codes import DenialCode
from dispersa.risk.facts import NO_USE, EdgeWaived, Use
from dispersa.risk.limits import Cap
from dispersa.risk.send_ask import SKEW, Ask
from dispersa.risk.verdict import MISSING, Denial

_C = DenialCode


def order_size(ask: Ask) -> Denial | None:
    """Deny unless the order lies within its own caps."""
    use = _order_use(ask)
    if use is None:
        return ask.no(_C.ORDER_PREMIUM, MISSING, "premium and vega above zero")
    return _over(ask, use, ask.limits.order, "ORDER")


def _order_use(ask: Ask) -> Use | None:
    """Worst use of the order: the larger of limit and fair premium; None if unknown."""
    premium, vega = ask.context.unit_premium, ask.context.unit_vega
    if premium is None or not premium.is_finite() or premium <= 0:
        return None
    if vega is None or not 0 < vega < float("inf"):
        return None
    at_limit = ask.intent.limit_price * ask.intent.combo.multiplier
    return Use(
        premium_usd=max(premium, at_limit) * ask.units,
        vega_usd=vega * ask.units,
        contracts=ask.contracts,
    )


def _over(ask: Ask, use: Use, cap: Cap, scope: str) -> Denial | None:
    """Deny unless each measure is proven to lie within its cap (NaN is not)."""
    if not (use.premium_usd.is_finite() and 0 <= use.premium_usd <= cap.premium_usd_max):
        most = f"at most {cap.premium_usd_max:,}"
        return ask.no(DenialCode[f"{scope}_PREMIUM"], f"{use.premium_usd:,.2f}", most)
    if not 0 <= use.vega_usd <= cap.vega_usd_max:
        most = f"at most {cap.vega_usd_max:,}"
        return ask.no(DenialCode[f"{scope}_VEGA"], f"{use.vega_usd:,.2f}", most)
    if not 0 <= use.contracts <= cap.contracts_max:
        return ask.no(
            DenialCode[f"{scope}_CONTRACTS"], use.contracts, f"at most {cap.contracts_max}"
        )
    return None


def opening_size(ask: Ask) -> Denial | None:
    """Deny unless order, package, program, day, name and book stay within their caps."""
    use, uses, limits = _order_use(ask), ask.facts.uses, ask.limits
    if use is None:
        return ask.no(_C.ORDER_PREMIUM, MISSING, "premium and vega above zero")
    if uses is None:
        return ask.no(_C.BOOK_PREMIUM, MISSING, "a book in which every position has a mark")
    if not 0 <= uses.programs_today < limits.programs_per_day_max:
        most = f"below {limits.programs_per_day_max}"
        return ask.no(_C.DAY_PROGRAMS, uses.programs_today, most)
    of_name = uses.by_name.get(ask.intent.combo.symbol, NO_USE)
    return (
        _over(ask, use, limits.order, "ORDER")
        or _over(ask, ask.context.package_use + use, limits.package, "PACKAGE")
        or _over(ask, ask.context.program_use + use, limits.program, "PROGRAM")
        or _over(ask, uses.day + use, limits.day, "DAY")
        or _over(ask, of_name + use, limits.underlying, "UNDERLYING")
        or _over(ask, uses.book + use, limits.book, "BOOK")
    )


def capital(ask: Ask) -> Denial | None:
    """Deny unless capital, gross exposure and margin headroom allow an opening order."""
    account, limits = ask.facts.account, ask.limits
    least = limits.net_liquidation_min_usd
    capital = account.net_liquidation if account is not None else None
    if account is None or capital is None or not capital.is_finite():
        return ask.no(_C.NET_LIQUIDATION, MISSING, f"above {least:,}")
    if capital <= least:
        return ask.no(_C.NET_LIQUIDATION, f"{capital:,}", f"above {least:,}")
    age = ask.facts.at - account.at if account.at.tzinfo is not None else None
    if age is None or not -SKEW <= age <= timedelta(seconds=limits.account_age_max_seconds):
        return ask.no(_C.ACCOUNT_AGE, age, f"at most {limits.account_age_max_seconds:g}")
    return _gross(ask, capital) or _headroom(ask, capital)


def _gross(ask: Ask, capital: Decimal) -> Denial | None:
    after, most = ask.facts.exposure_after, ask.limits.gross_exposure_share_max * capital
    parts = (after.premium_usd, after.margin_usd, after.hedge_stock_usd)
    sizes = [abs(part) for part in parts if part is not None and part.is_finite()]
    if len(sizes) < len(parts):
        return ask.no(_C.GROSS_EXPOSURE, MISSING, f"below {most:,.2f}")
    gross = (sizes[0] if sizes[0] > sizes[1] else sizes[1]) + sizes[2]
    if gross < most:
        return None
    return ask.no(_C.GROSS_EXPOSURE, f"{gross:,.2f}", f"below {most:,.2f}")


def _headroom(ask: Ask, capital: Decimal) -> Denial | None:
    account, increase = ask.facts.account, ask.context.margin_increase
    funds = account.available_funds if account is not None else None
    least = ask.limits.margin_headroom_share_min * capital
    if funds is None or increase is None or not (funds.is_finite() and increase.is_finite()):
        return ask.no(_C.MARGIN, MISSING, f"at least {least:,.2f}")
    left = funds - increase if increase > 0 else funds
    if left >= least:
        return None
    return ask.no(_C.MARGIN, f"{left:,.2f}", f"at least {least:,.2f}")


def calm_market(ask: Ask) -> Denial | None:
    """Deny unless VIX is low enough, live and fresh."""
    reading, limits = ask.facts.vix, ask.limits
    expected = f"below {limits.vix_max:g}, live and fresh"
    if reading is None:
        return ask.no(_C.VIX, ask.facts.vix_missing or MISSING, expected)
    quote = reading.quote
    if quote.kind is not DataKind.LIVE or quote.at.tzinfo is None:
        return ask.no(_C.VIX, f"{reading.level} ({quote.kind})", expected)
    age = ask.facts.at - quote.at
    if not -SKEW <= age <= timedelta(seconds=limits.vix_age_max_seconds):
        return ask.no(_C.VIX, f"{reading.level} ({age} old)", expected)
    if not 0 < reading.level < limits.vix_max:
        return ask.no(_C.VIX, reading.level, expected)
    return None


def few_positions(ask: Ask) -> Denial | None:
    """Deny unless another dispersion position may be opened."""
    active, most = ask.facts.active_positions, ask.limits.active_positions_max
    if active is not None and 0 <= active < most:
        return None
    return ask.no(_C.ACTIVE_POSITIONS, MISSING if active is None else active, f"below {most}")


def edge_left(ask: Ask) -> Denial | None:
    """Deny unless the trade still pays, or the edge is waived under a label."""
    least = ask.limits.edge_min_vol_points
    edge = ask.context.edge
    if isinstance(edge, EdgeWaived):
        if edge.label.strip():
            return None
        return ask.no(_C.EDGE, "waived without a label", f"above {least:g}")
    points = edge.vol_points
    if points is not None and least < points < float("inf"):
        return None
    return ask.no(_C.EDGE, MISSING if points is None else points, f"above {least:g}")


def hedge_value(ask: Ask) -> Denial | None:
    """Deny unless a hedge lies within the cap of one hedge order."""
    value = ask.intent.limit_price * ask.units
    most = ask.limits.hedge_order_usd_max
    if value <= most:
        return None
    return ask.no(_C.HEDGE_VALUE, f"{value:,.2f}", f"at most {most:,}")
