"""How do all packages become one trade? The program: targets, slices, corridor. Pure planning.

IBKR has no usable combo across underlyings, so thirty straddles are thirty orders. The program
keeps them one trade. Every package has a target; what is filled less or more than the target is
its gap, to be traded on the package's side or back. So filling, scaling, replacing and unwinding
are one thing: other targets.

Slices are launched so that unbalanced vega, counting everything that works or is unknown as if
the worse side alone would fill, stays inside the corridor

    corridor = max(corridor_share x V, 1.5 x the largest single straddle's vega)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from dispersa.errors import require
from dispersa.execution.alerts import Alert
from dispersa.execution.plan import PlanKind, PlannedPackage, Role, TradePlan
from dispersa.execution.policy import ProgramPolicy, Remedy, WalkPolicy
from dispersa.execution.walker import Walk
from dispersa.market import Side
from dispersa.orders import OrderRef, ProgramId, Purpose

CORRIDOR_STRADDLES = 1.5
ROUNDING = 1e-9
IMBALANCE_SECONDS = 60.0
"""Age at which an imbalance deserves all the haste that its size does."""


class PackageState(StrEnum):
    """Where one package of the program stands."""

    WAITING = "waiting"
    WORKING = "working"
    FILLED = "filled"
    ABANDONED = "abandoned"


class ProgramState(StrEnum):
    """Where the program stands; every end is explained in words.

    COMPLETED: all as planned. PARTIAL_BALANCED: less, and vega-neutral. UNWOUND: traded back to
    nothing. CANCELLED: nothing was filled. LOCKED: a person is needed.
    """

    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    UNWINDING = "UNWINDING"
    COMPLETED = "COMPLETED"
    PARTIAL_BALANCED = "PARTIAL_BALANCED"
    UNWOUND = "UNWOUND"
    CANCELLED = "CANCELLED"
    LOCKED = "LOCKED"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be sent for this program."""
        return self not in _ALIVE

    @property
    def may_launch(self) -> bool:
        """Whether new orders may be sent."""
        return self in {ProgramState.RUNNING, ProgramState.UNWINDING}


_ALIVE = frozenset({ProgramState.RUNNING, ProgramState.STOPPING, ProgramState.UNWINDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageProgress:
    """One package as worked so far.

    `target` and `filled` count whole straddles on the package's side; `filled` comes from leg
    executions of all its orders together, less what was traded back. `settles_at` is when the
    quiet period after its last fill or order end is over; `slippages` is dollars paid against the
    mid at arrival by order.
    """

    plan: PlannedPackage
    target: int
    state: PackageState = PackageState.WAITING
    filled: int = 0
    order: OrderRef | None = None
    walk: Walk | None = None
    refs: tuple[OrderRef, ...] = ()
    failed_walks: int = 0
    rests_until: datetime | None = None
    paused_at: datetime | None = None
    settles_at: datetime | None = None
    slippages: Mapping[OrderRef, Decimal] = field(default_factory=dict)
    reason: str = ""

    @property
    def gap(self) -> int:
        """Straddles still to trade on the package's side; negative: to trade back."""
        return self.target - self.filled

    @property
    def remaining(self) -> int:
        """Straddles still to trade, on whichever side."""
        return abs(self.gap)

    @property
    def side(self) -> Side:
        """Side of the next order."""
        return self.plan.side if self.gap >= 0 else self.plan.side.opposite

    @property
    def purpose(self) -> Purpose:
        """Purpose of the next order: what trades back only reduces."""
        return self.plan.purpose if self.gap >= 0 else Purpose.REDUCE

    @property
    def is_open(self) -> bool:
        """Whether more of this package may still be traded."""
        return self.state in {PackageState.WAITING, PackageState.WORKING}

    @property
    def vega_usd(self) -> float:
        """Signed vega of one straddle in the package's direction."""
        return self.plan.side.sign * self.plan.vega_usd

    @property
    def slippage_usd(self) -> Decimal:
        """Dollars paid so far against the mids at arrival."""
        return sum(self.slippages.values(), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A trade being worked; a fold over the journal.

    `fill_seconds` is how long a slice of a name took in earlier programs: the slow ones go first.
    `unproven_since` is set while the link is lost, until a full read after it; `imbalanced_since`
    while filled vega is further than half the corridor from balance.
    """

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
    remedies: tuple[Remedy, ...] = ()
    asked: Remedy | None = None
    asked_at: datetime | None = None
    may_unwind: bool = True
    rejections: int = 0
    unproven_since: datetime | None = None
    fill_seconds: Mapping[str, float] = field(default_factory=dict)
    index_spot_at_start: float | None = None
    alerts: tuple[Alert, ...] = ()
    imbalanced_since: datetime | None = None
    move_suspected_at: datetime | None = None
    sentence: str = ""
    ended_at: datetime | None = None

    def with_package(self, progress: PackageProgress) -> "Program":
        """Return the program with one package replaced."""
        return replace(self, packages={**self.packages, progress.plan.key: progress})

    def package_of(self, ref: OrderRef) -> PackageProgress | None:
        """Package that sent this order."""
        return next((row for row in self.packages.values() if ref in row.refs), None)

    def used(self, remedy: Remedy) -> int:
        """How often a remedy was used."""
        return self.remedies.count(remedy)

    @property
    def slippage_usd(self) -> Decimal:
        """Dollars paid so far against the mids at arrival, all packages."""
        return sum((row.slippage_usd for row in self.packages.values()), Decimal(0))

    @property
    def tolerance_usd(self) -> float:
        """Net vega within which the trade counts as balanced: no finer than half a straddle."""
        smallest = min(row.plan.vega_usd for row in self.packages.values())
        share = self.policy.balance_tolerance * self.plan.vega_budget_usd
        return max(share, self.plan.vega_tolerance_usd, smallest / 2)


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
    keys = [package.key for package in plan.packages]
    require(len(set(keys)) == len(keys), f"the plan names a package twice: {sorted(keys)}")
    largest = max(package.vega_usd for package in plan.packages)
    corridor = max(policy.corridor_share * plan.vega_budget_usd, CORRIDOR_STRADDLES * largest)
    if plan.kind in {PlanKind.EXIT, PlanKind.ROLL}:
        # What is held has drifted off balance: closing all of it trades that difference, too.
        corridor += abs(plan.net_vega_usd)
    index = [package.spot for package in plan.packages if package.role is Role.INDEX]
    return Program(
        program=program,
        plan=plan,
        policy=policy,
        walk_policy=walk_policy,
        corridor_usd=corridor,
        started_at=now,
        deadline_at=now + policy.deadline,
        packages={
            package.key: PackageProgress(plan=package, target=package.quantity)
            for package in plan.packages
        },
        index_spot_at_start=index[0] if index else None,
    )


def balance_of(program: Program, at_risk: Mapping[str, int]) -> VegaBalance:
    """Vega balance with `at_risk` signed straddles per package still able to fill (worst case)."""
    rows = program.packages.values()
    filled = sum(row.filled * row.vega_usd for row in rows)
    open_vegas = [at_risk.get(row.plan.key, 0) * row.plan.vega_usd for row in rows]
    return VegaBalance(
        filled=filled,
        highest=filled + sum(vega for vega in open_vegas if vega > 0),
        lowest=filled + sum(vega for vega in open_vegas if vega < 0),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The next part of a package to send."""

    key: str
    quantity: int


UnitsAllowed = Callable[[PackageProgress], int]
"""How many straddles of a package may be sent in one order now: 0 where it can not be quoted."""


def next_slice(
    program: Program, at_risk: Mapping[str, int], allowed: UnitsAllowed, now: datetime
) -> Slice | None:
    """Return the next slice that the corridor, the pace and `allowed` let out, or None.

    The side that the filled vega lacks goes before the other; within a side names that took long
    to fill or are wide in vol points go first, then those with little vega.
    """
    if not program.state.may_launch or not _may_launch(program, now):
        return None
    balance = balance_of(program, at_risk)
    for row in _in_order(program, balance):
        if not _is_ready(row, now) or _is_side_full(program, row, at_risk):
            continue
        room = slice_quantity(program, row, at_risk, balance)
        quantity = min(room, allowed(row), _in_step(program, row, balance))
        if quantity > 0:
            return Slice(key=row.plan.key, quantity=quantity)
    return None


def _in_step(program: Program, row: PackageProgress, balance: VegaBalance) -> int:
    """Straddles that may be traded back while another package's way back is blocked.

    What balances a package that can not be traded now is kept: it may never come back.
    """
    is_blocked = any(each.gap and each.paused_at for each in program.packages.values())
    if program.state is not ProgramState.UNWINDING or not is_blocked:
        return row.remaining
    most = max(abs(balance.filled), program.tolerance_usd)
    room = most - balance.highest if row.side is Side.BUY else most + balance.lowest
    return max(0, int(room / row.plan.vega_usd + ROUNDING))


def _may_launch(program: Program, now: datetime) -> bool:
    last = program.last_launch_at
    orders = sum(len(row.refs) for row in program.packages.values())
    is_paced = last is None or now - last >= program.policy.launch_interval
    has_room = orders < program.policy.orders_max or program.state is ProgramState.UNWINDING
    is_backward = program.state is ProgramState.UNWINDING
    is_clear = program.asked is None and (is_backward or program.move_suspected_at is None)
    return is_paced and has_room and is_clear


def _is_ready(row: PackageProgress, now: datetime) -> bool:
    rested = row.rests_until is None or now >= row.rests_until
    return row.state is PackageState.WAITING and row.paused_at is None and rested


def _is_side_full(program: Program, row: PackageProgress, at_risk: Mapping[str, int]) -> bool:
    working = sum(units * row.side.sign > 0 for units in at_risk.values())
    return working >= program.policy.slices_at_once


def _in_order(program: Program, balance: VegaBalance) -> list[PackageProgress]:
    def key(row: PackageProgress) -> tuple[bool, float, float, float, str]:
        widens = row.side.sign * balance.filled > 0
        slow = program.fill_seconds.get(row.plan.symbol, 0.0)
        size = row.plan.vega_usd * row.plan.quantity
        return (widens, -slow, -width_vol_points(row.plan), size, row.plan.key)

    return sorted((row for row in program.packages.values() if row.gap), key=key)


def width_vol_points(package: PlannedPackage) -> float:
    """Width of the planned quote in vol points; without a quote it counts as very wide."""
    width = package.quote.width
    if width is None:
        return float("inf")
    return float(width) * package.straddle.multiplier / package.vega_usd


def slice_quantity(
    program: Program, row: PackageProgress, at_risk: Mapping[str, int], balance: VegaBalance
) -> int:
    """Straddles of `row` that the corridor has room for; none while a larger slice may follow."""
    vega, corridor = row.plan.vega_usd, program.corridor_usd
    room = corridor - balance.highest if row.side is Side.BUY else corridor + balance.lowest
    quantity = max(0, min(row.remaining, int(room / vega + ROUNDING)))
    is_small = quantity * vega < program.policy.slice_share * corridor
    waits = is_small and quantity < row.remaining and any(at_risk.values())
    return 0 if waits else quantity


def urgency_of(
    program: Program, row: PackageProgress, balance: VegaBalance, now: datetime
) -> float:
    """How much haste a package's order deserves, 0 to 1.

        max((elapsed / deadline)^2,  |filled imbalance| / corridor x min(its age / 60 s, 1))

    the second only for an order that lessens the imbalance; trading back is always urgent.
    """
    if program.state is ProgramState.UNWINDING:
        return 1.0
    allotted = (program.deadline_at - program.started_at).total_seconds()
    elapsed = min(max((now - program.started_at).total_seconds() / allotted, 0.0), 1.0)
    since = program.imbalanced_since
    if since is None or row.side.sign * balance.filled >= 0:
        return elapsed**2
    age = min((now - since).total_seconds() / IMBALANCE_SECONDS, 1.0)
    return max(elapsed**2, min(abs(balance.filled) / program.corridor_usd, 1.0) * age)


def is_hemmed_in(program: Program, at_risk: Mapping[str, int]) -> bool:
    """Whether nothing is at risk and the corridor still has no room for any gap."""
    settled = balance_of(program, {})
    rows = [row for row in program.packages.values() if row.gap and row.is_open]
    return (
        bool(rows)
        and not any(at_risk.values())
        and not any(slice_quantity(program, row, {}, settled) for row in rows)
    )


def given_up(program: Program) -> list[PackageProgress]:
    """Packages that were given up short of their targets."""
    rows = program.packages.values()
    return [row for row in rows if row.state is PackageState.ABANDONED and row.gap]
