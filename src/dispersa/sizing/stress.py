"""How large may the trade be, if the worst scenario may cost no more than the loss budget?

    V = loss_share_max * net_liquidation / (worst loss per dollar of V + cost per dollar of V)

The reference book sells (or buys) one dollar of index vega per point and holds the scheme's
component vegas in fractions of straddles, so P&L and cost are proportional to V. With component
vols unchanged the loss at correlation 1 is about ``V (A - sI)`` in vol points (quant.md 2.7): the
closed-form check beside the full revaluation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dispersa.correlation.terms import Direction
from dispersa.errors import InvalidConfig, InvalidInput, MarketDataMissing
from dispersa.market import Symbol
from dispersa.pricing import basket
from dispersa.pricing.units import VOL_POINT
from dispersa.sizing.book import Book, index_side
from dispersa.sizing.outcome import Sizing
from dispersa.sizing.policy import Scheme, SizingPolicy
from dispersa.sizing.revaluation import ScenarioResult, revalue
from dispersa.sizing.scenarios import DEFAULT_SCENARIOS, Scenario
from dispersa.sizing.targets import Columns, exposure, wanted_vegas
from dispersa.sizing.terms import StraddleTerms

CONTRACTS_PER_STRADDLE = 2
ROUND_TRIP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StressPolicy:
    """How much may be lost, in which scenarios, with which costs on top.

    Attributes
    ----------
    loss_share_max : largest loss in the worst scenario, cost included, as a share of net
        liquidation.
    half_spreads_paid : half-spreads that getting in and out costs; 2 crosses half of the spread
        each way.
    commission_usd_per_contract : per option contract and way.
    """

    loss_share_max: float = 0.02
    scenarios: tuple[Scenario, ...] = DEFAULT_SCENARIOS
    half_spreads_paid: float = 2.0
    commission_usd_per_contract: float = 0.65

    def __post_init__(self) -> None:
        if not 0 < self.loss_share_max < 1:
            raise InvalidConfig(
                f"stress.loss_share_max is {self.loss_share_max}; expected a share between 0 and 1"
            )
        if not self.scenarios:
            raise InvalidConfig("stress.scenarios is empty; expected at least one scenario")
        if not (self.half_spreads_paid >= 0 and self.commission_usd_per_contract >= 0):
            raise InvalidConfig("stress costs must be zero or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class VegaBudget:
    """Largest index vega that the loss budget carries, and every scenario at that size.

    Attributes
    ----------
    loss_per_vega, cost_per_vega : dollars per dollar of index vega, that is vol points.
    worst : name of the scenario that binds.
    first_order_loss_usd : ``V (A - sI)``, the closed-form loss at correlation 1.
    """

    direction: Direction
    net_liquidation_usd: float
    loss_budget_usd: float
    vega_usd_per_point: float
    worst: str
    loss_per_vega: float
    cost_per_vega: float
    cost_usd: float
    first_order_loss_usd: float
    rows: tuple[ScenarioResult, ...]

    def net_liquidation_for(self, vega_usd_per_point: float) -> float:
        """Account that would carry `vega_usd_per_point` with the same loss budget share."""
        return self.net_liquidation_usd * vega_usd_per_point / self.vega_usd_per_point


@dataclass(frozen=True, slots=True, kw_only=True)
class StressReport:
    """Scenarios of the whole counts actually sized, beside the budget."""

    rows: tuple[ScenarioResult, ...]
    worst: str
    worst_loss_usd: float
    """Loss of the worst scenario plus cost; negative would be a gain."""
    cost_usd: float
    loss_budget_usd: float

    @property
    def is_within_budget(self) -> bool:
        """Whether the worst scenario with cost stays inside the loss budget."""
        return self.worst_loss_usd <= self.loss_budget_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSizing:
    """A trade sized for an account: the budget, the whole counts, and the stress of those."""

    budget: VegaBudget
    sizing: Sizing
    stress: StressReport


def vega_budget(
    index: StraddleTerms,
    components: Sequence[StraddleTerms],
    direction: Direction,
    net_liquidation_usd: float,
    policy: StressPolicy,
    scheme: Scheme = Scheme.VEGA_NEUTRAL,
) -> VegaBudget:
    """Size the index vega from the loss budget.

    Raises
    ------
    InvalidInput
        If there is no trade, the account is not above zero, or no scenario loses money.
    MarketDataMissing
        If a revaluation is undefined.
    """
    if not (math.isfinite(net_liquidation_usd) and net_liquidation_usd > 0):
        raise InvalidInput(f"net liquidation is {net_liquidation_usd}; expected dollars above zero")
    unit = reference_book(index, components, direction, 1.0, scheme)
    results = revalue(unit, policy.scenarios)
    worst = min(results, key=lambda row: row.pnl_usd)
    cost = cost_usd(unit, policy)
    if cost - worst.pnl_usd <= 0:
        raise InvalidInput("no scenario loses money on this trade; add one that does")
    budget = policy.loss_share_max * net_liquidation_usd
    vega = budget / (cost - worst.pnl_usd)
    return VegaBudget(
        direction=direction,
        net_liquidation_usd=net_liquidation_usd,
        loss_budget_usd=budget,
        vega_usd_per_point=vega,
        worst=worst.scenario.name,
        loss_per_vega=-worst.pnl_usd,
        cost_per_vega=cost,
        cost_usd=cost * vega,
        first_order_loss_usd=vega * _points_to_correlation_one(index, components),
        rows=revalue(reference_book(index, components, direction, vega, scheme), policy.scenarios),
    )


def stress_book(book: Book, loss_budget_usd: float, policy: StressPolicy) -> StressReport:
    """Revalue the whole counts of a sized trade in every scenario."""
    results = revalue(book, policy.scenarios)
    worst = min(results, key=lambda row: row.pnl_usd)
    cost = cost_usd(book, policy)
    return StressReport(
        rows=results,
        worst=worst.scenario.name,
        worst_loss_usd=cost - worst.pnl_usd,
        cost_usd=cost,
        loss_budget_usd=loss_budget_usd,
    )


def reference_book(
    index: StraddleTerms,
    components: Sequence[StraddleTerms],
    direction: Direction,
    vega_usd_per_point: float,
    scheme: Scheme,
) -> Book:
    """Fractional book with exactly `vega_usd_per_point` of index vega and the scheme's targets."""
    sign = index_side(direction).sign
    count = vega_usd_per_point / index.vega_usd_per_point
    columns = Columns.of(components, {}, SizingPolicy(scheme=scheme))
    free = np.full(len(columns.names), -1, dtype=np.int64)
    wanted = wanted_vegas(columns, free, count * exposure(index, scheme))
    quantities: dict[Symbol, float] = {index.symbol: sign * count}
    for row, vega in zip(columns.names, wanted, strict=True):
        quantities[row.symbol] = -sign * float(vega) / row.vega_usd_per_point
    return Book(index=index, components=columns.names, quantities=quantities)


def cost_usd(book: Book, policy: StressPolicy) -> float:
    """Spreads and commissions of getting into `book` and out again."""
    commission = policy.commission_usd_per_contract * CONTRACTS_PER_STRADDLE * ROUND_TRIP
    return sum(
        abs(quantity) * (policy.half_spreads_paid * row.half_spread_usd + commission)
        for row, quantity in book.rows
    )


def _points_to_correlation_one(index: StraddleTerms, components: Sequence[StraddleTerms]) -> float:
    weights = basket.normalize([row.weight or 0.0 for row in components])
    vols = [row.implied_vol for row in components]
    points = (float(basket.variance(weights, vols).a) - index.implied_vol) / VOL_POINT
    if not math.isfinite(points):
        raise MarketDataMissing("the basket's mean vol is undefined; check weights and vols")
    return points
