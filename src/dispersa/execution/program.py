"""How do all packages become one trade? The program: slices, corridor, ends. Pure planning.

IBKR has no usable combo across underlyings, so thirty straddles are thirty orders. The program
keeps them one trade: it launches slices so that unbalanced vega, counting everything that works
or is unknown as if the worse side alone would fill, stays inside the corridor

    corridor = max(corridor_share x V, 1.5 x the largest single straddle's vega)

and it never launches on one side more than the other side can still match.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from dispersa.errors import InvalidInput, require
from dispersa.execution.plan import PlannedPackage, Role, TradePlan
from dispersa.execution.walker import Walk, WalkPolicy
from dispersa.orders import OrderRef, ProgramId

CORRIDOR_STRADDLES = 1.5


class PackageState(StrEnum):
    """Where one package of the program stands."""

    WAITING = "waiting"
    WORKING = "working"
    FILLED = "filled"
    ABANDONED = "abandoned"


class ProgramState(StrEnum):
    """Where the program stands; every end is explained in words."""

    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    PARTIAL_BALANCED = "PARTIAL_BALANCED"
    PARTIAL_UNBALANCED = "PARTIAL_UNBALANCED"
    CANCELLED = "CANCELLED"
    LOCKED = "LOCKED"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be sent for this program."""
        return self not in {ProgramState.RUNNING, ProgramState.CANCELLING}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramPolicy:
    """How a program is worked.

    `corridor_share` of V bounds unbalanced vega; the open packages of a side share the corridor,
    `slices_at_once` of them at most; `launch_interval` paces new orders; `quiet` is how long a
    cancelled package rests before its next slice; `attempts_max` walks may fail in a row before a
    package is abandoned.
    """

    corridor_share: float = 0.10
    slices_at_once: int = 4
    launch_interval: timedelta = timedelta(milliseconds=250)
    quiet: timedelta = timedelta(seconds=2)
    attempts_max: int = 5
    deadline: timedelta = timedelta(minutes=45)
    balance_tolerance: float = 0.02
    acknowledge_within: timedelta = timedelta(seconds=10)
    absence_gap: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        if not 0 < self.corridor_share <= 1 or self.slices_at_once < 1:
            raise InvalidInput(
                f"corridor_share is {self.corridor_share} and slices_at_once "
                f"{self.slices_at_once}; expected a share above 0 and at most 1, and 1 or more"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageProgress:
    """One package as worked so far; `filled` counts whole straddles from leg executions."""

    plan: PlannedPackage
    state: PackageState = PackageState.WAITING
    filled: int = 0
    order: OrderRef | None = None
    walk: Walk | None = None
    refs: tuple[OrderRef, ...] = ()
    failed_walks: int = 0
    rests_until: datetime | None = None
    reason: str = ""

    @property
    def remaining(self) -> int:
        """Straddles of the plan that are not filled."""
        return max(self.plan.quantity - self.filled, 0)

    @property
    def is_open(self) -> bool:
        """Whether more of this package may still be traded."""
        return self.state in {PackageState.WAITING, PackageState.WORKING}

    @property
    def vega_usd(self) -> float:
        """Signed vega of one straddle in the package's direction."""
        return self.plan.side.sign * self.plan.vega_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A trade being worked; a fold over the journal."""

    program: ProgramId
    plan: TradePlan
    policy: ProgramPolicy
    walk_policy: WalkPolicy
    corridor_usd: float
    started_at: datetime
    deadline_at: datetime
    packages: Mapping[str, PackageProgress]
    state: ProgramState = ProgramState.RUNNING
    last_launch_at: datetime | None = None
    imbalance_max_usd: float = 0.0
    margin_before_usd: Decimal = Decimal(0)
    sentence: str = ""
    ended_at: datetime | None = None

    def with_package(self, progress: PackageProgress) -> "Program":
        """Return the program with one package replaced."""
        return replace(self, packages={**self.packages, progress.plan.symbol: progress})

    def package_of(self, ref: OrderRef) -> PackageProgress | None:
        """Return the package that sent this order."""
        return next((row for row in self.packages.values() if ref in row.refs), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class VegaBalance:
    """Vega of a program in dollars per point: what is filled, and the worst one-sided completion.

    `filled` is signed; `highest` adds everything long that may still fill, `lowest` everything
    short.
    """

    filled: float
    highest: float
    lowest: float

    @property
    def worst(self) -> float:
        """Largest unbalanced vega that any one-sided completion would leave."""
        return max(abs(self.highest), abs(self.lowest), abs(self.filled))


def begin_program(
    program: ProgramId,
    plan: TradePlan,
    policy: ProgramPolicy,
    walk_policy: WalkPolicy,
    now: datetime,
) -> Program:
    """Return a running program with its corridor fixed."""
    require(bool(plan.packages), "a program needs at least one package")
    largest = max(package.vega_usd for package in plan.packages)
    corridor = max(policy.corridor_share * plan.vega_budget_usd, CORRIDOR_STRADDLES * largest)
    return Program(
        program=program,
        plan=plan,
        policy=policy,
        walk_policy=walk_policy,
        corridor_usd=corridor,
        started_at=now,
        deadline_at=now + policy.deadline,
        packages={package.symbol: PackageProgress(plan=package) for package in plan.packages},
    )


def balance_of(program: Program, at_risk: Mapping[str, int]) -> VegaBalance:
    """Vega balance with `at_risk` straddles per symbol still able to fill (worst case)."""
    rows = program.packages.values()
    filled = sum(row.filled * row.vega_usd for row in rows)
    open_vegas = [at_risk.get(row.plan.symbol, 0) * row.vega_usd for row in rows]
    return VegaBalance(
        filled=filled,
        highest=filled + sum(vega for vega in open_vegas if vega > 0),
        lowest=filled + sum(vega for vega in open_vegas if vega < 0),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The next part of a package to send."""

    symbol: str
    quantity: int


def next_slice(
    program: Program,
    at_risk: Mapping[str, int],
    is_quoted: Callable[[PackageProgress], bool],
    now: datetime,
) -> Slice | None:
    """Return the next slice that the corridor, the pace and the other side allow, or None.

    Only packages that `is_quoted` says can carry a decision now are considered.

    Names that are hard to fill (wide in vol points) and poor in vega go first within a side; the
    side that the filled vega lacks goes before the other.
    """
    if program.state is not ProgramState.RUNNING or not _may_launch(program, now):
        return None
    balance = balance_of(program, at_risk)
    for row in _by_urgency(program.packages.values(), balance):
        if row.state is not PackageState.WAITING or not _has_rested(row, now):
            continue
        quantity = _slice_quantity(program, row, at_risk, balance)
        if quantity > 0 and is_quoted(row):
            return Slice(symbol=row.plan.symbol, quantity=quantity)
    return None


def _may_launch(program: Program, now: datetime) -> bool:
    last = program.last_launch_at
    paced = last is None or now - last >= program.policy.launch_interval
    return paced and now < program.deadline_at


def _has_rested(row: PackageProgress, now: datetime) -> bool:
    return row.rests_until is None or now >= row.rests_until


def _by_urgency(rows: Iterable[PackageProgress], balance: VegaBalance) -> list[PackageProgress]:
    def key(row: PackageProgress) -> tuple[bool, float, float, str]:
        widens = row.vega_usd * balance.filled > 0
        width = row.plan.quote.width
        width_vol_points = (
            math.inf if width is None else float(width) * row.plan.straddle.multiplier
        ) / row.plan.vega_usd
        return (widens, -width_vol_points, row.plan.vega_usd * row.plan.quantity, row.plan.symbol)

    return sorted(rows, key=key)


def _slice_quantity(
    program: Program,
    row: PackageProgress,
    at_risk: Mapping[str, int],
    balance: VegaBalance,
) -> int:
    vega = row.plan.vega_usd
    corridor = program.corridor_usd
    room = corridor - balance.highest if row.vega_usd > 0 else corridor + balance.lowest
    largest = max(1, int(corridor / _slices_at_once(program, row) / vega))
    matched = _matchable_units(program, row, at_risk)
    return max(0, min(row.remaining, largest, int(room / vega), matched))


def _slices_at_once(program: Program, row: PackageProgress) -> int:
    """How many packages of this side share the corridor."""
    side = row.plan.side
    is_open = [
        each for each in program.packages.values() if each.is_open and each.plan.side is side
    ]
    return max(1, min(len(is_open), program.policy.slices_at_once))


def _matchable_units(program: Program, row: PackageProgress, at_risk: Mapping[str, int]) -> int:
    """Units of `row` that the opposite side can still balance, rounded to the nearest straddle."""
    same = [other for other in program.packages.values() if other.plan.side is row.plan.side]
    opposite = [
        other for other in program.packages.values() if other.plan.side is not row.plan.side
    ]
    if not opposite:
        return row.remaining
    reachable = sum(_reachable_vega(other, at_risk) for other in opposite)
    done = sum(
        (other.filled + at_risk.get(other.plan.symbol, 0)) * other.plan.vega_usd for other in same
    )
    return int((reachable - done) / row.plan.vega_usd + 0.5) if _lacks(program) else row.remaining


def _lacks(program: Program) -> bool:
    return any(row.state is PackageState.ABANDONED for row in program.packages.values())


def _reachable_vega(row: PackageProgress, at_risk: Mapping[str, int]) -> float:
    units = row.plan.quantity if row.is_open else row.filled
    return max(units, row.filled + at_risk.get(row.plan.symbol, 0)) * row.plan.vega_usd


def has_work_left(program: Program) -> bool:
    """Whether any slice could still be launched, now that nothing works."""
    settled = balance_of(program, {})
    return program.state is ProgramState.RUNNING and any(
        row.is_open and _slice_quantity(program, row, {}, settled) > 0
        for row in program.packages.values()
    )


def end_state(program: Program) -> tuple[ProgramState, str]:
    """Name the end of a program in which nothing can fill any more, and explain it in words."""
    rows = program.packages.values()
    filled = [row for row in rows if row.filled]
    net = balance_of(program, {}).filled
    tolerance = max(
        program.policy.balance_tolerance * program.plan.vega_budget_usd,
        program.plan.vega_tolerance_usd,
    )
    short = [f"{row.plan.symbol} {row.filled}/{row.plan.quantity}" for row in rows if row.remaining]
    if not short:
        return ProgramState.COMPLETED, (
            f"all {len(filled)} packages filled; net vega {net:+,.0f} $/pt"
        )
    if not filled:
        return ProgramState.CANCELLED, "nothing was filled"
    rest = ", ".join(short)
    if abs(net) <= max(tolerance, _smallest_vega(rows) / 2):
        return ProgramState.PARTIAL_BALANCED, (
            f"{rest} did not fill in full; the rest was scaled, net vega {net:+,.0f} $/pt is "
            f"within {tolerance:,.0f}"
        )
    return ProgramState.PARTIAL_UNBALANCED, (
        f"{rest} did not fill in full; net vega {net:+,.0f} $/pt is outside the tolerance of "
        f"{tolerance:,.0f}: hedge or unwind the difference"
    )


def _smallest_vega(rows: Iterable[PackageProgress]) -> float:
    return min(row.plan.vega_usd for row in rows)


__all__ = [
    "PackageProgress",
    "PackageState",
    "PlannedPackage",
    "Program",
    "ProgramPolicy",
    "ProgramState",
    "Role",
    "Slice",
    "VegaBalance",
    "balance_of",
    "begin_program",
    "end_state",
    "has_work_left",
    "next_slice",
]
