"""How much of each limit is used, and how much is left?"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from dispersa.market import to_decimal
from dispersa.portfolio import gross_exposure
from dispersa.risk.codes import CONTROLS, DenialCode
from dispersa.risk.facts import GateFacts, Use
from dispersa.risk.limits import Cap, Limits

_C = DenialCode


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """One limit: what is used (None when it is not known), what is allowed, in its unit.

    `is_floor` marks limits that must be exceeded (net liquidation); `whose` names the name that
    a limit per name is about.
    """

    code: DenialCode
    subject: str
    unit: str
    used: Decimal | None
    limit: Decimal
    is_floor: bool = False
    whose: str = ""

    @property
    def headroom(self) -> Decimal | None:
        """What is left before the limit, negative beyond it; None when the use is not known."""
        if self.used is None:
            return None
        return self.used - self.limit if self.is_floor else self.limit - self.used


def limit_uses(limits: Limits, facts: GateFacts) -> tuple[LimitUse, ...]:
    """List every limit that has a running use, in the order of the gate's checks."""
    return (*_capital_uses(limits, facts), *_cap_uses(limits, facts), *_pace_uses(limits, facts))


def _capital_uses(limits: Limits, facts: GateFacts) -> Iterator[LimitUse]:
    account, after = facts.account, facts.exposure_after
    capital = _finite(account.net_liquidation) if account is not None else None
    floor = Decimal(limits.net_liquidation_min_usd)
    yield _row(_C.NET_LIQUIDATION, capital, floor, is_floor=True)
    level = None if facts.vix is None else _finite(_exact(facts.vix.level))
    yield _row(_C.VIX, level, to_decimal(limits.vix_max))
    active = None if facts.active_positions is None else Decimal(facts.active_positions)
    yield _row(_C.ACTIVE_POSITIONS, active, Decimal(limits.active_positions_max))
    premium, margin = _finite(after.premium_usd), _finite(after.margin_usd)
    stock = _finite(after.hedge_stock_usd)
    if capital is not None:
        gross = None
        if premium is not None and margin is not None and stock is not None:
            gross = gross_exposure(premium=premium, margin=margin, hedge_stock=stock)
        yield _row(_C.GROSS_EXPOSURE, gross, limits.gross_exposure_share_max * capital)
        funds = _finite(account.available_funds) if account is not None else None
        least = limits.margin_headroom_share_min * capital
        yield _row(_C.MARGIN, funds, least, is_floor=True)


def _cap_uses(limits: Limits, facts: GateFacts) -> Iterator[LimitUse]:
    uses = facts.uses
    if uses is None:
        for scope, cap in (("DAY", limits.day), ("BOOK", limits.book)):
            yield from _scope(scope, None, cap, "")
        return
    yield from _scope("DAY", uses.day, limits.day, "")
    for name, use in uses.by_name.items():
        yield from _scope("UNDERLYING", use, limits.underlying, name)
    yield from _scope("BOOK", uses.book, limits.book, "")
    started = Decimal(uses.programs_today)
    yield _row(_C.DAY_PROGRAMS, started, Decimal(limits.programs_per_day_max))


def _scope(scope: str, use: Use | None, cap: Cap, whose: str) -> Iterator[LimitUse]:
    premium = None if use is None else _finite(use.premium_usd)
    vega = None if use is None else _finite(_exact(use.vega_usd))
    contracts = None if use is None else Decimal(use.contracts)
    yield _row(DenialCode[f"{scope}_PREMIUM"], premium, Decimal(cap.premium_usd_max), whose=whose)
    yield _row(DenialCode[f"{scope}_VEGA"], vega, to_decimal(cap.vega_usd_max), whose=whose)
    yield _row(DenialCode[f"{scope}_CONTRACTS"], contracts, Decimal(cap.contracts_max), whose=whose)


def _pace_uses(limits: Limits, facts: GateFacts) -> Iterator[LimitUse]:
    sent = facts.messages
    per_second = Decimal(limits.messages_per_second_max)
    yield _row(_C.MESSAGE_RATE, Decimal(sent.last_second), per_second)
    yield _row(_C.MESSAGES_OF_DAY, Decimal(sent.today), Decimal(limits.messages_per_day_max))
    ratio = Decimal(sent.today) / (max(sent.orders_executed_today, 0) + 1)
    yield _row(_C.MESSAGE_EFFICIENCY, ratio, to_decimal(limits.messages_per_execution_max))
    rejects = Decimal(facts.rejects_in_a_row)
    yield _row(_C.REJECTS_IN_A_ROW, rejects, Decimal(limits.rejects_in_a_row_max))


def _row(
    code: DenialCode,
    used: Decimal | None,
    limit: Decimal,
    *,
    is_floor: bool = False,
    whose: str = "",
) -> LimitUse:
    control = CONTROLS[code]
    return LimitUse(
        code=code,
        subject=control.subject,
        unit=control.unit,
        used=used,
        limit=limit,
        is_floor=is_floor,
        whose=whose,
    )


def _finite(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value.is_finite() else None


def _exact(value: float) -> Decimal:
    """Keep NaN and infinity visible to `_finite`: a use that is not a number is not known."""
    return Decimal(str(value))
