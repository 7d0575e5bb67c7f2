"""What does the sizer answer: how many of each straddle, or why none?"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dispersa.market import Side, Symbol
from dispersa.sizing.policy import Norm, Scheme


class CountCause(StrEnum):
    """Why a count is what it is."""

    BUDGET = "budget"
    """The index: the largest count within the vega budget that has a solution."""
    FIXED = "fixed"
    """It was given: filled, or not to be changed."""
    NEAREST = "nearest"
    """The whole count nearest to the vega wanted."""
    CAPPED = "capped"
    """The most that liquidity or the caps per name allow; the other names share the rest."""
    FILLED = "filled"
    """No less than what is filled already, which is more than wanted."""
    BALANCED = "balanced"
    """Moved off the nearest count to balance the legs or keep a limit of the whole trade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedStraddle:
    """One package of the trade: `count` straddles to hold on `side`.

    Attributes
    ----------
    weight : renormalized over the names used; 1 for the index.
    naive_count : what rounding each name by itself would give.
    target_usd_per_point : vega wanted, unsigned; for the index the vega that it has.
    vega_usd_per_point : vega of the count, unsigned.
    premium_usd : mid value of the count, unsigned.
    cause : why the count is not simply the fraction wanted.
    """

    symbol: Symbol
    side: Side
    count: int
    naive_count: int
    weight: float
    target_usd_per_point: float
    vega_usd_per_point: float
    premium_usd: float
    cause: CountCause

    @property
    def quantity(self) -> int:
        """Signed count."""
        return self.side.sign * self.count

    @property
    def residual_usd_per_point(self) -> float:
        """Vega of the count less the vega wanted."""
        return self.vega_usd_per_point - self.target_usd_per_point

    @property
    def weight_error(self) -> float:
        """Residual as a share of the vega wanted; zero for a name that was wanted at zero."""
        wanted = self.target_usd_per_point
        return self.residual_usd_per_point / wanted if wanted else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedName:
    """A name left out, with its share of the basket and the reason."""

    symbol: Symbol
    weight: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookTotals:
    """Signed sums over the whole trade, index included; `gross_*`, premium and cost unsigned."""

    net_vega_usd_per_point: float
    gross_vega_usd_per_point: float
    net_theta_usd_per_day: float
    net_cash_gamma_usd: float
    net_delta_usd: float
    net_premium_usd: float
    """Cash paid for the trade at mid; negative is cash received."""
    gross_premium_usd: float
    half_spread_cost_usd: float
    """Cost of crossing half of every spread once."""
    margin_usd: float | None
    """Modeled: premium of what is bought plus requirement of what is sold; None if not modeled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NaiveRounding:
    """The same trade with each name rounded to its nearest count, for comparison."""

    neutrality_error: float
    objective: float
    is_feasible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """Whole straddle counts with the proof of how good they are.

    Attributes
    ----------
    neutrality_error : (component exposure - index exposure) / index exposure in the scheme's own
        measure; with the vega-neutral scheme net vega over V.
    objective, bound : distance from the targets in `norm`, and the proven lower bound of it.
    gap : ``(objective - bound) / objective``.
    """

    scheme: Scheme
    norm: Norm
    index: SizedStraddle
    components: tuple[SizedStraddle, ...]
    dropped: tuple[DroppedName, ...]
    totals: BookTotals
    neutrality_error: float
    objective: float
    bound: float
    gap: float
    nodes: int
    naive: NaiveRounding

    @property
    def counts(self) -> Mapping[Symbol, int]:
        """Unsigned counts by symbol, index first."""
        return {row.symbol: row.count for row in (self.index, *self.components)}

    @property
    def quantities(self) -> Mapping[Symbol, int]:
        """Signed counts by symbol, index first."""
        return {row.symbol: row.quantity for row in (self.index, *self.components)}

    @property
    def weight_error_total(self) -> float:
        """``sum |residual| / sum target`` over the components."""
        missed = sum(abs(row.residual_usd_per_point) for row in self.components)
        return missed / sum(row.target_usd_per_point for row in self.components)


class Refusal(StrEnum):
    """What kind of no."""

    TOO_SMALL = "too_small"
    """Whole straddles are too coarse for this size."""
    LIMITS = "limits"
    """The limits leave no whole counts."""
    UNPROVEN = "unproven"
    """The search ran into its wall limit, or found nothing within its node limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workable:
    """What would make the trade possible, each change by itself; None where it would not help.

    Attributes
    ----------
    vega_usd_per_point : smallest index vega found that can be traded with everything else as it
        is, dollar caps growing in proportion.
    account_multiple : that size over the one asked for, so also account over account.
    net_liquidation_usd : the account itself, where the size came from one.
    names_count : most names (heaviest first) that can be traded at the size asked for.
    tolerance : smallest neutrality tolerance found that has a solution at the size asked for.
    """

    vega_usd_per_point: float | None = None
    account_multiple: float | None = None
    net_liquidation_usd: float | None = None
    names_count: int | None = None
    tolerance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Infeasible:
    """No size, with the reasons in words and what would work."""

    kind: Refusal
    reasons: tuple[str, ...]
    dropped: tuple[DroppedName, ...] = ()
    workable: Workable = Workable()
    bound: float | None = None
    """Best proven lower bound of the objective when the search ran out; None otherwise."""

    @property
    def sentence(self) -> str:
        """The whole refusal for people: what was found, and what to do."""
        return " ".join([*(f"{reason}." for reason in self.reasons), self._advice()])

    def _advice(self) -> str:
        ways = []
        if self.workable.vega_usd_per_point is not None:
            ways.append(
                f"trade {self.workable.vega_usd_per_point:,.0f} dollars of vega per point, with "
                f"an account {self._account()}"
            )
        if self.workable.names_count is not None:
            ways.append(f"trade only the {self.workable.names_count} heaviest names")
        if self.workable.tolerance is not None:
            ways.append(f"allow a neutrality tolerance of {self.workable.tolerance:.2%}")
        if not ways:
            return "No larger size, smaller basket or looser tolerance alone would work."
        return f"What would work: {'; or '.join(ways)}."

    def _account(self) -> str:
        times = f"{self.workable.account_multiple:.1f} times as large"
        if self.workable.net_liquidation_usd is None:
            return times
        return f"of {self.workable.net_liquidation_usd:,.0f} dollars ({times})"
