"""May this whole plan be worked? Every control answers, so that a person sees all of them.

This is the planner's half of the hard limits. The send gate holds the same limits in code of its
own and neither calls the other: a mistake in one is caught by the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import TypeVar
from zoneinfo import ZoneInfo

from dispersa.market import DataKind
from dispersa.market.quotes import CLOCK_SKEW_MAX
from dispersa.orders import Purpose
from dispersa.portfolio import gross_exposure
from dispersa.risk.codes import CONTROLS, DenialCode
from dispersa.risk.facts import (
    NO_USE,
    EdgeWaived,
    GateFacts,
    HaltLevel,
    PlannedPackage,
    PlanRequest,
    Use,
)
from dispersa.risk.limits import Cap, Limits
from dispersa.risk.verdict import MISSING, Check, GateVerdict, check_of

Number = Decimal | float | int
N = TypeVar("N", Decimal, float)

_C = DenialCode
_HALTED_FOR = {
    HaltLevel.NONE: frozenset[Purpose](),
    HaltLevel.HOLD: frozenset({Purpose.OPEN, Purpose.HEDGE}),
    HaltLevel.CANCEL: frozenset(Purpose),
    HaltLevel.FLATTEN: frozenset({Purpose.OPEN, Purpose.HEDGE}),
}


def check_plan(limits: Limits, request: PlanRequest, facts: GateFacts) -> GateVerdict:
    """Ask every control that binds the plan's purpose; the four default checks come first."""
    checks = [
        check
        for check in _every_check(limits, request, facts)
        if request.purpose in CONTROLS[check.code].binds
    ]
    return GateVerdict(purpose=request.purpose, at=facts.at, checks=tuple(checks))


def _every_check(limits: Limits, request: PlanRequest, facts: GateFacts) -> Iterator[Check]:
    yield _net_liquidation(limits, facts)
    yield _vix(limits, facts)
    yield _below(_C.ACTIVE_POSITIONS, facts.active_positions, limits.active_positions_max)
    yield _gross_exposure(limits, facts)
    yield _edge(limits, request)
    yield _margin(limits, request, facts)
    yield from _account_checks(limits, facts)
    yield from _desk_checks(limits, request, facts)
    yield from _name_checks(limits, request, facts)
    yield _shape(request)
    if request.packages and not _faulty(request.packages):
        yield from _cap_checks(limits, request.packages, facts)
    started = None if facts.uses is None else facts.uses.programs_today + 1
    yield _at_most(_C.DAY_PROGRAMS, started, limits.programs_per_day_max)
    yield _messages_of_day(limits, request, facts)
    yield _below(_C.REJECTS_IN_A_ROW, facts.rejects_in_a_row, limits.rejects_in_a_row_max)


def _net_liquidation(limits: Limits, facts: GateFacts) -> Check:
    account = facts.account
    value = _known(account.net_liquidation) if account is not None else None
    floor = limits.net_liquidation_min_usd
    return check_of(
        _C.NET_LIQUIDATION,
        passed=value is not None and value > floor,
        measured=_text(value),
        limit=f"above {_text(floor)}",
    )


def _vix(limits: Limits, facts: GateFacts) -> Check:
    limit = f"below {_text(limits.vix_max)}, live and at most {limits.vix_age_max_seconds:g} s old"
    reading = facts.vix
    level = _known(reading.level) if reading is not None else None
    if reading is None or level is None:
        found = facts.vix_missing or MISSING
        return check_of(_C.VIX, passed=False, measured=found, limit=limit)
    age = _age_seconds(reading.quote.at, facts.at)
    fresh = age is not None and age <= limits.vix_age_max_seconds
    is_live = reading.quote.kind is DataKind.LIVE
    return check_of(
        _C.VIX,
        passed=fresh and is_live and 0 < level < limits.vix_max,
        measured=f"{level:.2f} ({reading.quote.kind}, {_age_text(age)} old)",
        limit=limit,
    )


def _gross_exposure(limits: Limits, facts: GateFacts) -> Check:
    account, after = facts.account, facts.exposure_after
    capital = _known(account.net_liquidation) if account is not None else None
    premium, margin = _known(after.premium_usd), _known(after.margin_usd)
    stock = _known(after.hedge_stock_usd)
    share = limits.gross_exposure_share_max
    if capital is None or premium is None or margin is None or stock is None:
        limit = f"below {share:.0%} of net liquidation"
        return check_of(_C.GROSS_EXPOSURE, passed=False, measured=MISSING, limit=limit)
    gross = gross_exposure(premium=abs(premium), margin=abs(margin), hedge_stock=stock)
    return check_of(
        _C.GROSS_EXPOSURE,
        passed=gross < share * capital,
        measured=_text(gross),
        limit=f"below {_text(share * capital)} ({share:.0%} of net liquidation)",
    )


def _edge(limits: Limits, request: PlanRequest) -> Check:
    limit = f"above {limits.edge_min_vol_points:g}"
    edge = request.edge
    if isinstance(edge, EdgeWaived):
        is_labeled = bool(edge.label.strip())
        measured = f"waived as {edge.label!r}" if is_labeled else "waived without a label"
        return check_of(_C.EDGE, passed=is_labeled, measured=measured, limit=limit)
    value = _known(edge.vol_points)
    return check_of(
        _C.EDGE,
        passed=value is not None and value > limits.edge_min_vol_points,
        measured=_text(value),
        limit=limit,
    )


def _margin(limits: Limits, request: PlanRequest, facts: GateFacts) -> Check:
    account = facts.account
    funds = _known(account.available_funds) if account is not None else None
    capital = _known(account.net_liquidation) if account is not None else None
    increase = _known(request.margin_modelled_usd)
    if increase is not None and request.margin_what_if_usd is not None:
        what_if = _known(request.margin_what_if_usd)
        increase = None if what_if is None else max(increase, what_if)
    share = limits.margin_headroom_share_min
    if funds is None or capital is None or increase is None:
        limit = f"at least {share:.0%} of net liquidation"
        return check_of(_C.MARGIN, passed=False, measured=MISSING, limit=limit)
    left, needed = funds - max(increase, Decimal(0)), share * capital
    return check_of(
        _C.MARGIN,
        passed=left >= needed,
        measured=f"{_text(left)} ({_text(funds)} less {_text(increase)})",
        limit=f"at least {_text(needed)} ({share:.0%} of net liquidation)",
    )


def _account_checks(limits: Limits, facts: GateFacts) -> Iterator[Check]:
    account, expected = facts.account, f"{facts.account_expected} in USD"
    if account is None:
        found = facts.account_missing or MISSING
        for code in (_C.ACCOUNT, _C.ACCOUNT_AGE, _C.PAPER_OR_LIVE):
            yield check_of(code, passed=False, measured=found, limit=expected)
        return
    right = account.account == facts.account_expected != "" and account.currency == "USD"
    found = f"{account.account} in {account.currency}"
    yield check_of(_C.ACCOUNT, passed=right, measured=found, limit=expected)
    age = _age_seconds(account.at, facts.at)
    yield check_of(
        _C.ACCOUNT_AGE,
        passed=age is not None and age <= limits.account_age_max_seconds,
        measured=_age_text(age),
        limit=f"at most {limits.account_age_max_seconds:g}",
    )
    yield check_of(
        _C.PAPER_OR_LIVE,
        passed=account.is_paper or facts.is_live_allowed,
        measured="paper" if account.is_paper else "live",
        limit="paper or live" if facts.is_live_allowed else "paper",
    )


def _desk_checks(limits: Limits, request: PlanRequest, facts: GateFacts) -> Iterator[Check]:
    yield check_of(
        _C.HALTED,
        passed=request.purpose not in _HALTED_FOR[facts.halt],
        measured="running" if facts.halt is HaltLevel.NONE else f"halted at {facts.halt}",
        limit=f"a state that lets {request.purpose} out",
    )
    proven = facts.are_links_proven
    yield check_of(
        _C.LINK, passed=proven, measured="proven" if proven else "not proven", limit="proven"
    )
    yield _session(limits, facts)
    yield _quiet_window(limits, facts)
    age = None if facts.reconciled_at is None else _age_seconds(facts.reconciled_at, facts.at)
    yield check_of(
        _C.RECONCILED,
        passed=age is not None and age <= limits.reconciliation_age_max_seconds,
        measured=_age_text(age),
        limit=f"at most {limits.reconciliation_age_max_seconds:g} ago",
    )


def _session(limits: Limits, facts: GateFacts) -> Check:
    start, end = limits.session_start_margin_seconds, limits.session_end_margin_seconds
    limit = f"{start:g} s after the opening to {end:g} s before the close"
    session = facts.session
    if session is None:
        return check_of(_C.SESSION, passed=False, measured=MISSING, limit=limit)
    since_open = (facts.at - session.opens).total_seconds()
    until_close = session.time_left(facts.at).total_seconds()
    return check_of(
        _C.SESSION,
        passed=session.is_open(facts.at) and since_open >= start and until_close >= end,
        measured=f"{since_open:.0f} s after the opening, {until_close:.0f} s before the close",
        limit=limit,
    )


def _quiet_window(limits: Limits, facts: GateFacts) -> Check:
    inside = [
        window
        for window in limits.quiet_windows
        if window.holds(facts.at.astimezone(ZoneInfo(window.zone)).time())
    ]
    found = f"inside {inside[0].start} to {inside[0].end} {inside[0].zone}" if inside else "outside"
    return check_of(_C.QUIET_WINDOW, passed=not inside, measured=found, limit="outside")


def _name_checks(limits: Limits, request: PlanRequest, facts: GateFacts) -> Iterator[Check]:
    names = {package.symbol for package in request.packages}
    lists = (
        (_C.NAME_LOCKED, facts.locked_names),
        (_C.NAME_UNKNOWN, facts.unknown_names),
        (_C.RESTRICTED, limits.restricted),
    )
    for code, listed in lists:
        found = sorted(names.intersection(listed))
        measured = ", ".join(found) or "none"
        yield check_of(code, passed=not found, measured=measured, limit="none")


def _faulty(packages: Sequence[PlannedPackage]) -> list[str]:
    """Names of packages whose numbers can not be used."""
    return [
        package.symbol
        for package in packages
        if package.quantity < 1
        or package.contracts_per_unit < 1
        or package.multiplier < 1
        or not _is_positive(package.premium_usd)
        or not _is_positive(package.vega_usd)
    ]


def _is_positive(value: Number | None) -> bool:
    return value is not None and _is_finite(value) and value > 0


def _shape(request: PlanRequest) -> Check:
    faulty = _faulty(request.packages)
    names = [package.symbol for package in request.packages]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names:
        measured = "empty"
    elif faulty or twice:
        measured = f"without usable numbers for {faulty}, naming {twice} twice"
    else:
        measured = f"{request.direction}, {len(names)} packages"
    return check_of(
        _C.PLAN_SHAPE,
        passed=bool(names) and not faulty and not twice,
        measured=measured,
        limit="each name once, with quantity, premium and vega above zero",
    )


def _cap_checks(
    limits: Limits, packages: Sequence[PlannedPackage], facts: GateFacts
) -> Iterator[Check]:
    wanted: dict[str, Use] = {package.symbol: _use(package) for package in packages}
    total = sum(wanted.values(), NO_USE)
    uses = facts.uses
    yield from _capped("PACKAGE", wanted, limits.package)
    yield from _capped("PROGRAM", {"program": total}, limits.program)
    if uses is None:
        for scope in ("DAY", "UNDERLYING", "BOOK"):
            yield from _capped(scope, {}, limits.book)
        return
    names = {name: uses.by_name.get(name, NO_USE) + use for name, use in wanted.items()}
    yield from _capped("DAY", {"day": uses.day + total}, limits.day)
    yield from _capped("UNDERLYING", names, limits.underlying)
    yield from _capped("BOOK", {"book": uses.book + total}, limits.book)


def _use(package: PlannedPackage) -> Use:
    return Use(
        premium_usd=package.premium_usd or Decimal(0),
        vega_usd=package.vega_usd or 0.0,
        contracts=package.quantity * package.contracts_per_unit,
    )


def _capped(scope: str, uses: Mapping[str, Use], cap: Cap) -> Iterator[Check]:
    """Hold the largest use of each measure against its cap, naming whose it is.

    No use at all means that it is not known, and fails.
    """
    measures: tuple[tuple[str, dict[str, Number], Number], ...] = (
        ("PREMIUM", {name: use.premium_usd for name, use in uses.items()}, cap.premium_usd_max),
        ("VEGA", {name: use.vega_usd for name, use in uses.items()}, cap.vega_usd_max),
        ("CONTRACTS", {name: use.contracts for name, use in uses.items()}, cap.contracts_max),
    )
    for measure, values, most in measures:
        code = DenialCode[f"{scope}_{measure}"]
        if not values or not all(_is_finite(value) for value in values.values()):
            limit = f"at most {_text(most)}"
            yield check_of(code, passed=False, measured=MISSING, limit=limit)
            continue
        name = max(values, key=lambda key: values[key])
        yield check_of(
            code,
            passed=0 <= values[name] <= most,
            measured=f"{_text(values[name])} ({name})",
            limit=f"at most {_text(most)}",
        )


def _messages_of_day(limits: Limits, request: PlanRequest, facts: GateFacts) -> Check:
    needed = facts.messages.today + len(request.packages)
    is_opening = request.purpose is Purpose.OPEN
    most = limits.messages_for_opening_max if is_opening else limits.messages_per_day_max
    return _at_most(_C.MESSAGES_OF_DAY, needed, most)


def _below(code: DenialCode, value: int | None, limit: int) -> Check:
    return check_of(
        code,
        passed=value is not None and 0 <= value < limit,
        measured=MISSING if value is None else str(value),
        limit=f"below {limit}",
    )


def _at_most(code: DenialCode, value: Number | None, limit: Number) -> Check:
    known = value is not None and _is_finite(value)
    return check_of(
        code,
        passed=known and value is not None and 0 <= value <= limit,
        measured=_text(value) if known else MISSING,
        limit=f"at most {_text(limit)}",
    )


def _known(value: N | None) -> N | None:
    return value if value is not None and _is_finite(value) else None


def _is_finite(value: Number) -> bool:
    """Whether it is a number at all; a signaling NaN is asked in its own way."""
    return value.is_finite() if isinstance(value, Decimal) else isfinite(value)


def _age_seconds(then: datetime, now: datetime) -> float | None:
    """Age of a reading; None when it can not be told or lies in the future."""
    if then.tzinfo is None or then - now > CLOCK_SKEW_MAX:
        return None
    return (now - then).total_seconds()


def _age_text(age: float | None) -> str:
    return MISSING if age is None else f"{age:.1f} s"


def _text(value: Number | None) -> str:
    if value is None:
        return MISSING
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
