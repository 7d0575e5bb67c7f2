"""What follows when a package can not be filled? Other targets for the rest.

Each remedy answers with a target for every package; the program then trades the gaps, forward or
back. What is filled, or may still fill, is taken as it is.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dispersa.errors import MarketDataMissing
from dispersa.execution.plan import PlanKind, PlannedPackage, Role, TradePlan
from dispersa.execution.policy import Remedy
from dispersa.execution.program import PackageProgress, PackageState, Program, given_up
from dispersa.orders import Purpose
from dispersa.sizing import Infeasible, Sizing, SizingPolicy, StraddleTerms, VegaNeutralSizer

Targets = Mapping[str, int]

BALANCE_BEFORE_WEIGHTS = SizingPolicy(
    weight_error_max=10.0, weight_error_total_max=1.0, dropped_weight_max=0.99
)
"""Around fills the sides must match; how near each name is to its weight matters less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveRequest:
    """What a worker needs to size the rest anew: the plan, what is fixed, and the bounds.

    `least` and `most` are straddles by package key: filled or still able to fill, and the most
    that the plan's approval allows.
    """

    plan: TradePlan
    fixed: Targets
    least: Targets
    most: Targets
    with_reserves: bool


def next_remedy(program: Program) -> Remedy | None:
    """The remedy that is due, None when nothing was given up or all are used up."""
    if not given_up(program):
        return None
    for remedy, limit in program.policy.remedies:
        if program.used(remedy) < limit and _applies(program, remedy):
            return remedy
    return None


def _applies(program: Program, remedy: Remedy) -> bool:
    """A new solution needs an index to balance against and a program that still opens."""
    match remedy:
        case Remedy.RESOLVE:
            return _may_resolve(program)
        case Remedy.REPLACE:
            return _may_resolve(program) and bool(program.plan.reserves)
        case Remedy.SCALE | Remedy.UNWIND:
            return program.plan.kind is PlanKind.DISPERSION


def _may_resolve(program: Program) -> bool:
    is_trade = program.plan.kind is PlanKind.DISPERSION
    lost = {row.plan.role for row in given_up(program)}
    backward = any(row.gap < 0 for row in given_up(program))
    return is_trade and program.may_unwind and lost == {Role.COMPONENT} and not backward


def resolve_request(program: Program, at_risk: Mapping[str, int], remedy: Remedy) -> ResolveRequest:
    """Describe the problem that is left, fills fixed."""
    rows = program.packages.values()
    growth = 1 + program.policy.growth_max
    return ResolveRequest(
        plan=program.plan,
        fixed={row.plan.key: row.filled for row in rows if row.state is PackageState.ABANDONED},
        least={row.plan.key: row.filled + abs(at_risk.get(row.plan.key, 0)) for row in rows},
        most={row.plan.key: math.ceil(row.plan.quantity * growth) for row in rows},
        with_reserves=remedy is Remedy.REPLACE,
    )


def resolve(request: ResolveRequest) -> Targets | str:
    """Size the rest anew; a sentence says why there is no solution. Slow: for a worker."""
    packages = [*request.plan.packages]
    if request.with_reserves:
        packages += [each for each in request.plan.reserves if each.key not in request.least]
    index = [each for each in packages if each.role is Role.INDEX]
    if len(index) != 1:
        return "there is no one index package to size against"
    try:
        terms = {each.key: _terms(each, request) for each in packages}
    except MarketDataMissing as error:
        return str(error)
    components = [terms[each.key] for each in packages if each.role is Role.COMPONENT]
    sized = VegaNeutralSizer(BALANCE_BEFORE_WEIGHTS).size(
        terms[index[0].key],
        components,
        request.plan.direction,
        request.plan.vega_budget_usd,
        fixed={
            each.symbol: request.fixed[each.key] for each in packages if _is_fixed(each, request)
        },
    )
    return _targets(packages, sized)


def _is_fixed(package: PlannedPackage, request: ResolveRequest) -> bool:
    return package.key in request.fixed


def _targets(packages: list[PlannedPackage], sized: Sizing | Infeasible) -> Targets | str:
    if isinstance(sized, Infeasible):
        return sized.sentence
    return {each.key: sized.counts.get(each.symbol, 0) for each in packages}


def _terms(package: PlannedPackage, request: ResolveRequest) -> StraddleTerms:
    mid, width = package.quote.mid, package.quote.width
    if mid is None or width is None:
        raise MarketDataMissing(f"{package.symbol} had no two-sided quote in the plan")
    straddle = package.straddle
    return StraddleTerms(
        symbol=package.symbol,
        weight=package.weight,
        spot=package.spot,
        strike=float(straddle.strike),
        forward=package.forward,
        discount=package.discount,
        years=package.years,
        implied_vol=package.implied_vol,
        vega_usd_per_point=package.vega_usd,
        theta_usd_per_day=package.theta_usd,
        cash_gamma_usd=package.cash_gamma_usd,
        delta_usd=package.delta_usd,
        premium_usd=float(mid) * straddle.multiplier,
        half_spread_usd=float(width) / 2 * straddle.multiplier,
        count_min=request.least.get(package.key, 0),
        count_max=request.most.get(package.key, package.quantity),
        multiplier=straddle.multiplier,
        style=straddle.call.style,
    )


def scaled(program: Program, *, only_back: bool = False) -> Targets:
    """Shrink the larger side until both sides' vegas match: unfilled straddles before filled ones.

    What was given up stays as it is. With `only_back` nothing new is opened at all, and what can
    not be traded back keeps as much of the other side as balances it. Signs: a side is + for
    packages that are long vega, - for those that are short.
    """
    rows = list(program.packages.values())
    targets = {row.plan.key: _held_or_wanted(row, only_back=only_back) for row in rows}
    for _ in range(2):  # unfilled straddles first, then filled ones
        excess = _net(rows, targets)
        heavy = [row for row in rows if row.vega_usd * excess > 0 and _is_free(row)]
        floors = {row.plan.key: row.filled for row in heavy}
        _shrink(heavy, targets, floors, abs(_net(rows, targets)))
        _shrink(heavy, targets, dict.fromkeys(floors, 0), abs(_net(rows, targets)))
    if only_back:
        _keep(rows, targets, _net(rows, targets))
    return targets


def _keep(rows: list[PackageProgress], targets: dict[str, int], excess: float) -> None:
    """Hold on to what is held against `excess` dollars of vega, the largest straddles first."""
    against = [row for row in rows if row.vega_usd * excess < 0 and _is_free(row)]
    left = abs(excess)
    for row in sorted(against, key=lambda each: -each.plan.vega_usd):
        held = max(row.filled - targets[row.plan.key], 0)
        units = min(held, int(max(left, 0.0) / row.plan.vega_usd + 0.5))
        targets[row.plan.key] += units
        left -= units * row.plan.vega_usd


def _held_or_wanted(row: PackageProgress, *, only_back: bool) -> int:
    if row.state is PackageState.ABANDONED:
        return row.filled
    return min(row.filled, row.target) if only_back else row.target


def _is_free(row: PackageProgress) -> bool:
    """What could not be opened any more can still be traded back, unless that failed, too."""
    return row.state is not PackageState.ABANDONED or row.gap >= 0


def _net(rows: list[PackageProgress], targets: Targets) -> float:
    return sum(targets[row.plan.key] * row.vega_usd for row in rows)


def _shrink(
    rows: list[PackageProgress], targets: dict[str, int], floors: Targets, excess: float
) -> None:
    """Take `excess` dollars of vega off these rows in proportion, then straddle by straddle."""
    room = {row.plan.key: max(targets[row.plan.key] - floors[row.plan.key], 0) for row in rows}
    total = sum(room[row.plan.key] * row.plan.vega_usd for row in rows)
    if total <= 0:
        return
    share = min(1.0, excess / total)
    for row in rows:
        units = int(room[row.plan.key] * share)
        targets[row.plan.key] -= units
        room[row.plan.key] -= units
        excess -= units * row.plan.vega_usd
    for row in sorted(rows, key=lambda each: -each.plan.vega_usd):
        units = min(room[row.plan.key], int(max(excess, 0.0) / row.plan.vega_usd + 0.5))
        targets[row.plan.key] -= units
        excess -= units * row.plan.vega_usd


def unwound(program: Program) -> Targets:
    """Trade back all that was opened; where a name can not be traded back, stay balanced."""
    if any(row.gap < 0 for row in given_up(program)):
        return scaled(program, only_back=True)
    return {
        row.plan.key: 0 if row.plan.purpose is Purpose.OPEN else row.filled
        for row in program.packages.values()
    }


def is_too_small(program: Program, targets: Targets) -> bool:
    """Whether so little of the planned trade is left that it is better given back."""
    rows = program.packages.values()
    planned = sum(row.plan.quantity * row.plan.vega_usd for row in rows)
    left = sum(targets[row.plan.key] * row.plan.vega_usd for row in rows)
    return left < program.policy.scale_share_min * planned
