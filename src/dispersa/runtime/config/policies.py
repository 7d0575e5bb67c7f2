"""Which keys belong to a room's own policy? Defaults and ranges are the rooms', not ours.

Each class mirrors one policy, key by key (a test holds that none is missing), takes every default
from it and makes one with `policy()`.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from dispersa.correlation.terms import SignalPolicy
from dispersa.execution.policy import (
    PRESETS,
    PriceUnit,
    ProgramPolicy,
    RepriceStyle,
    WalkPolicy,
)
from dispersa.runtime.config.keys import (
    Amount,
    Count,
    Flag,
    Number,
    Section,
    choice,
    count,
    flag,
    number,
    number_above,
    optional_number,
)
from dispersa.runtime.planning import PlanningPolicy
from dispersa.sizing.policy import Norm, Scheme, SizingPolicy
from dispersa.sizing.stress import StressPolicy

_SIGNAL = SignalPolicy()
_SIZING = SizingPolicy()
_STRESS = StressPolicy()
_PLANNING = PlanningPolicy()
_PROGRAM = ProgramPolicy()


class SignalSection(Section):
    """When the market pays for a trade."""

    edge_min_vol_points: Number = number(
        _SIGNAL.edge_min_vol_points,
        0,
        50,
        "vol points of index vega",
        "Edge after cost below which nothing is traded.",
    )
    premium_min: Number = number(
        _SIGNAL.premium_min,
        -1,
        1,
        "fraction",
        "Implied less forecast correlation below which nothing is traded.",
    )
    coverage_min: Number = number(
        _SIGNAL.coverage_min, 0, 1, "fraction", "Smallest weight used over weight in the file."
    )
    names_min: Count = count(_SIGNAL.names_min, 2, 500, "names", "Fewest names with a vol.")
    history_days_min: Count = count(
        _SIGNAL.history_days_min, 21, 2520, "days", "Fewest trading days of history."
    )
    horizon_days: Count = count(
        _SIGNAL.horizon_days, 5, 252, "days", "Trading days that the forecasts look ahead."
    )
    prior_months: Number = number(
        _SIGNAL.prior_months, 0, 1200, "months", "Weight of the prior against history's own months."
    )
    hedges_per_day: Number = number(
        _SIGNAL.hedges_per_day, 0, 100, "hedges", "Delta hedges a day that the cost assumes."
    )
    allow_short_dispersion: Flag = flag(
        _SIGNAL.allow_short_dispersion, "Also trade the mirror: buy the index, sell components."
    )

    def policy(self) -> SignalPolicy:
        """Return the policy of room `correlation`."""
        return SignalPolicy(**dict(self))


class StressSection(Section):
    """How much may be lost in the worst scenario; it sets the size."""

    loss_share_max: Number = number_above(
        _STRESS.loss_share_max, 0, 0.5, "share of net liquidation", "Largest loss, cost included."
    )
    half_spreads_paid: Number = number(
        _STRESS.half_spreads_paid, 0, 10, "half-spreads", "What getting in and out costs."
    )
    commission_usd_per_contract: Number = number(
        _STRESS.commission_usd_per_contract, 0, 50, "USD", "Commission per contract and way."
    )

    def policy(self) -> StressPolicy:
        """Return the policy of room `sizing`, with its standard scenarios."""
        return StressPolicy(**dict(self))


def _share(name: str, meaning: str) -> Any:
    return number_above(getattr(_SIZING, name), 0, 1, "share", meaning)


def _size_cap(unit: str, meaning: str, example: float) -> Any:
    return optional_number(0, 1e12, unit, meaning, example=example)


class SizingSection(Section):
    """How many whole straddles."""

    scheme: Literal["vega_neutral", "theta_neutral", "gamma_neutral", "premium_neutral"] = choice(
        _SIZING.scheme.value,
        Literal["vega_neutral", "theta_neutral", "gamma_neutral", "premium_neutral"],
        "What index and components have equal.",
    )
    norm: Literal["l1", "l2", "largest"] = choice(
        _SIZING.norm.value,
        Literal["l1", "l2", "largest"],
        "How the distance from the target vegas is measured.",
    )
    tolerance: Number = _share("tolerance", "Mismatch of the two sides, of the index side.")
    weight_error_max: Number = number_above(
        _SIZING.weight_error_max, 0, 10, "share", "Largest rounding error of one name."
    )
    weight_error_total_max: Number = _share(
        "weight_error_total_max", "Largest rounding error of all names together."
    )
    dropped_weight_max: Number = number(
        _SIZING.dropped_weight_max, 0, 0.99, "share", "Most basket weight that may be dropped."
    )
    index_count_share_min: Number = _share(
        "index_count_share_min", "Smallest part of the budget's index count that may be used."
    )
    name_premium_max_usd: Number | None = _size_cap("USD", "Premium of one name.", 500_000)
    name_vega_max_usd_per_point: Number | None = _size_cap("USD", "Vega of one name.", 5_000)
    vega_max_usd_per_point: Number | None = _size_cap(
        "USD", "Vega of one leg; never more than half of risk.program.vega_usd_max.", 7_500
    )
    premium_max_usd: Number | None = _size_cap("USD", "Premium of the whole trade.", 5_000_000)
    margin_max_usd: Number | None = _size_cap("USD", "Margin of the whole trade.", 5_000_000)
    delta_max_usd: Number | None = _size_cap("USD", "Net delta of the whole trade.", 1_000_000)
    cash_gamma_max_usd: Number | None = _size_cap("USD", "Net cash gamma.", 1_000_000)
    names_max: Count | None = count(
        None, 2, 500, "names", "Keep only the heaviest names.", example=20
    )
    gap: Number = number(
        _SIZING.gap, 0, 0.01, "share", "Proven distance from the optimum at which search may stop."
    )
    node_limit: Count = count(
        _SIZING.node_limit,
        1,
        10_000_000,
        "nodes",
        "Search nodes after which the best so far is it.",
    )
    wall_seconds_max: Number = number_above(
        _SIZING.wall_seconds_max, 0, 600, "s", "Longest search; beyond it sizing is refused."
    )

    def policy(self) -> SizingPolicy:
        """Return the policy of room `sizing`."""
        values = {**dict(self), "scheme": Scheme(self.scheme), "norm": Norm(self.norm)}
        return SizingPolicy(**values)


class PlanningSection(Section):
    """What a plan may contain."""

    rate: Number = number(_PLANNING.rate, -0.05, 0.25, "a year", "Interest rate.")
    spread_max_vol_points: Number = number_above(
        _PLANNING.spread_max_vol_points, 0, 100, "vol points", "Widest straddle that is traded."
    )
    broker_vega_gap_max: Number = number_above(
        _PLANNING.broker_vega_gap_max, 0, 10, "share", "Largest gap to the broker model's vega."
    )
    size_at_quote_multiple: Count = count(
        _PLANNING.size_at_quote_multiple,
        1,
        10_000,
        "times",
        "A package is at most so many times the smaller size quoted.",
    )
    open_interest_share_max: Number | None = optional_number(
        0,
        1,
        "share",
        "A package is at most this part of the smaller leg's open interest; no bound if left out. "
        "Where it is set and a name's open interest is not sent, the name is left out.",
        example=0.05,
    )
    slippage_share: Number = number(
        _PLANNING.slippage_share, 0, 1, "share", "Part of the half-spread that a walk should pay."
    )
    commission_per_contract_usd: Amount = number(
        _PLANNING.commission_per_contract_usd, 0, 50, "USD", "Commission per contract."
    )
    reserves_max: Count = count(
        _PLANNING.reserves_max,
        0,
        20,
        "names",
        "Names that may stand in for one that does not fill.",
    )

    def policy(self) -> PlanningPolicy:
        """Return the planning policy."""
        return PlanningPolicy(**dict(self))


class ExecutionSection(Section):
    """How a package is walked and a program is worked; keys left out follow the preset."""

    preset: Literal["passive", "standard", "urgent", "roadmap"] = choice(
        "standard",
        Literal["passive", "standard", "urgent", "roadmap"],
        "How patient and how generous; 'roadmap' is one cent every five seconds, resubmitted.",
    )
    wait_seconds: Number | None = optional_number(
        0, 600, "s", "Wait before a step towards the far side.", example=5
    )
    cap_share_of_mid: Amount | None = optional_number(
        0,
        0.25,
        "share of mid",
        "Most that a walk gives; never above half the spread.",
        example=0.02,
    )
    cap_steps: Count | None = count(
        None, 1, 100, "steps", "Steps from the mid to the cap.", example=8
    )
    unit: Literal["price", "vol"] | None = choice(
        None,
        Literal["price", "vol"],
        "What a walk counts in: dollars from the mid, or vol points from the vol at arrival.",
    )
    cap_vol_points: Number | None = optional_number(
        0, 10, "vol points", "Most that a walk in vol points gives.", example=0.5
    )
    amend_steps: Count | None = count(
        None, 1, 100, "steps", "Steps that a limit must have come to be worth a message.", example=3
    )
    step_floor: Amount | None = optional_number(
        0, 10, "USD", "Smallest step, unless the tick is larger.", example=0.01
    )
    step_fixed: Amount | None = optional_number(
        0, 10, "USD", "A fixed step in place of cap divided by steps.", example=0.01
    )
    slippage_max: Amount | None = optional_number(
        0, 100, "USD", "A fixed cap in place of the share of mid.", example=0.1
    )
    rest_at_cap_seconds: Number | None = optional_number(
        0, 3600, "s", "Rest at the cap before the walk gives up.", example=30
    )
    quote_age_max_seconds: Number | None = optional_number(
        0, 300, "s", "Quotes older than this pause the walk.", example=3
    )
    style: Literal["amend", "cancel_replace"] | None = choice(
        None,
        Literal["amend", "cancel_replace"],
        "Move a limit in place, or by cancel, confirm and resubmit.",
    )
    corridor_share: Number = number_above(
        _PROGRAM.corridor_share, 0, 1, "share of V", "Most unbalanced vega while working."
    )
    slices_at_once: Count = count(
        _PROGRAM.slices_at_once, 1, 100, "orders", "Orders of one side at a time, at most."
    )
    budget_multiple: Number = number_above(
        _PROGRAM.budget_multiple,
        0,
        10,
        "times the plan's expected cost",
        "Slippage that the whole program may pay; shared so that it buys the most vega.",
    )
    index_move_max: Number = number_above(
        _PROGRAM.index_move_max, 0, 1, "share", "Move of the index that stops the program."
    )
    launch_interval_seconds: Number = number(
        _PROGRAM.launch_interval.total_seconds(), 0, 60, "s", "Pause between new orders."
    )
    attempts_max: Count = count(
        _PROGRAM.attempts_max, 1, 100, "walks", "Walks that may fail in a row."
    )
    deadline_minutes: Number = number_above(
        _PROGRAM.deadline.total_seconds() / 60, 0, 390, "minutes", "Time for the whole program."
    )
    balance_tolerance: Number = number_above(
        _PROGRAM.balance_tolerance, 0, 1, "share of V", "Vega imbalance at the end without alarm."
    )

    def walk_policy(self) -> WalkPolicy:
        """Return the preset with the keys that were set."""
        wanted = {
            "wait": _seconds(self.wait_seconds),
            "cap_share_of_mid": self.cap_share_of_mid,
            "cap_steps": self.cap_steps,
            "unit": None if self.unit is None else PriceUnit(self.unit),
            "cap_vol_points": self.cap_vol_points,
            "amend_steps": self.amend_steps,
            "step_floor": self.step_floor,
            "step_fixed": self.step_fixed,
            "slippage_max": self.slippage_max,
            "rest_at_cap": _seconds(self.rest_at_cap_seconds),
            "quote_age_max": _seconds(self.quote_age_max_seconds),
            "style": None if self.style is None else RepriceStyle(self.style),
        }
        changes: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
        return replace(PRESETS[self.preset], **changes)

    def program_policy(self) -> ProgramPolicy:
        """Return how a program is worked."""
        return replace(
            _PROGRAM,
            corridor_share=self.corridor_share,
            slices_at_once=self.slices_at_once,
            budget_multiple=self.budget_multiple,
            index_move_max=self.index_move_max,
            launch_interval=timedelta(seconds=self.launch_interval_seconds),
            attempts_max=self.attempts_max,
            deadline=timedelta(minutes=self.deadline_minutes),
            balance_tolerance=self.balance_tolerance,
        )


def _seconds(value: float | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=value)
