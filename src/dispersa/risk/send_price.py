"""Send gate: is this limit a price we can stand by? Quote, own value, collar, far side, grid."""

from datetime import timedelta
from decimal import Decimal

from dispersa.market import Side
from dispersa.orders import Purpose
from dispersa.risk.codes import DenialCode
from dispersa.risk.send_ask import Ask
from dispersa.risk.verdict import MISSING, Denial

_C = DenialCode


def quote(ask: Ask) -> Denial | None:
    """Deny unless the package quote can carry a decision."""
    oldest = timedelta(seconds=ask.limits.quote_age_max_seconds)
    quote = ask.context.quote
    if any(side is not None and not side.is_finite() for side in (quote.bid, quote.ask)):
        return ask.no(_C.QUOTE, f"{quote.bid} bid, {quote.ask} offered", "finite prices")
    fault = quote.fault(now=ask.facts.at, age_max=oldest)
    if fault is not None:
        return ask.no(_C.QUOTE, fault, f"two-sided, live and at most {oldest} old")
    return None


def price(ask: Ask) -> Denial | None:
    """Deny unless the limit lies in the collar, this side of the far quote, on the grid."""
    fair, limit = ask.context.fair_value, ask.intent.limit_price
    if fair is None or not fair.is_finite() or fair <= 0:
        return ask.no(_C.FAIR_VALUE, MISSING if fair is None else fair, "a price above zero")
    is_hedge = ask.intent.purpose is Purpose.HEDGE
    share = ask.limits.hedge_collar_share if is_hedge else ask.limits.collar_share
    width = max(share * fair, ask.limits.collar_floor_usd)
    if limit <= 0 or abs(limit - fair) > width:
        low = max(fair - width, Decimal(0))
        return ask.no(_C.COLLAR, limit, f"{low} to {fair + width}, around {fair}")
    return _far_side(ask) or _grid(ask)


def _far_side(ask: Ask) -> Denial | None:
    limit, quote = ask.intent.limit_price, ask.context.quote
    if ask.intent.side is Side.BUY and (quote.ask is None or limit > quote.ask):
        return ask.no(_C.FAR_SIDE, limit, f"at most the offer of {quote.ask}")
    if ask.intent.side is Side.SELL and (quote.bid is None or limit < quote.bid):
        return ask.no(_C.FAR_SIDE, limit, f"at least the bid of {quote.bid}")
    return None


def _grid(ask: Ask) -> Denial | None:
    limit, increments = ask.intent.limit_price, ask.context.increments
    if increments.is_valid(limit):
        return None
    return ask.no(_C.PRICE_GRID, limit, f"a multiple of {increments.increment_at(limit)}")
