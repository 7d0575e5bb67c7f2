"""How many whole straddles of the index and of each name?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dispersa.correlation.terms import Direction
from dispersa.errors import InvalidInput, MarketDataMissing
from dispersa.market import Symbol
from dispersa.sizing.attempt import Trade, attempt, probe
from dispersa.sizing.book import index_side, sized_book
from dispersa.sizing.outcome import Infeasible, Refusal, Sizing, Workable
from dispersa.sizing.policy import SizingPolicy
from dispersa.sizing.program import Unproven
from dispersa.sizing.refusals import explain, larger_size
from dispersa.sizing.stress import (
    AccountSizing,
    StressPolicy,
    StressReport,
    VegaBudget,
    stress_book,
    vega_budget,
)
from dispersa.sizing.terms import StraddleTerms, TermsMissing, TermsSource

NO_FIXED: Mapping[Symbol, int] = {}


class VegaNeutralSizer:
    """Size index straddles against component straddles in whole counts, with a proof.

    Minimizes the distance of the component vegas ``n_i v_i`` from ``w_i V`` (``V = n_0 v_0``,
    weights renormalized over the names used) such that the legs balance within the policy's
    tolerance and every limit holds. The same input gives the same answer: the search ends by
    proof or node limit, never by time.

    Parameters
    ----------
    policy : rules and limits.
    source : where `get_option_greeks` looks; None if it is not needed.
    """

    def __init__(
        self, policy: SizingPolicy | None = None, source: TermsSource | None = None
    ) -> None:
        self._policy = policy or SizingPolicy()
        self._source = source

    @property
    def policy(self) -> SizingPolicy:
        """Rules and limits in force."""
        return self._policy

    def size(
        self,
        index: StraddleTerms,
        components: Sequence[StraddleTerms],
        direction: Direction,
        vega_budget_usd_per_point: float,
        fixed: Mapping[Symbol, int] = NO_FIXED,
    ) -> Sizing | Infeasible:
        """Find the counts, or say what is in the way.

        Parameters
        ----------
        vega_budget_usd_per_point : most index vega to trade. The index count is the largest found
            within it that has a solution, down to the policy's `index_count_share_min`.
        fixed : counts that may not change, by symbol, for a new solution around fills; the index
            too. A component fixed at zero leaves the basket. With components fixed the index
            count may go down to one. The policy's quality limits (errors, dropped weight) still
            hold; widen them where balance matters more than weights.

        Raises
        ------
        InvalidInput
            If the request contradicts itself.
        MarketDataMissing
            If a number that the scheme or a limit needs was not given.
        """
        trade = Trade(
            index=index,
            components=tuple(components),
            index_side=index_side(direction),
            fixed=fixed,
        )
        _check(trade, vega_budget_usd_per_point)
        counts = _index_counts(trade, vega_budget_usd_per_point, self._policy)
        if not counts:
            return _below_one(trade, vega_budget_usd_per_point, self._policy)
        first = attempt(trade, counts[0], self._policy)
        if isinstance(first, Sizing):
            return first
        if isinstance(first, Unproven):
            return explain(trade, counts[0], first, self._policy)
        answer = _smaller(trade, counts, self._policy)
        if isinstance(answer, Sizing):
            return answer
        return explain(trade, counts[0], answer or first, self._policy)

    def size_for_account(
        self,
        index: StraddleTerms,
        components: Sequence[StraddleTerms],
        direction: Direction,
        net_liquidation_usd: float,
        stress: StressPolicy,
    ) -> AccountSizing | Infeasible:
        """Size from the account: vega from the loss budget, whole counts, then the stress of them.

        Whole counts can lose a little more than the fractions that the budget was drawn up with;
        the size is then reduced until the worst scenario with cost is inside the budget.

        Raises
        ------
        InvalidInput, MarketDataMissing
            As `size` and `vega_budget`.
        """
        budget = vega_budget(
            index, components, direction, net_liquidation_usd, stress, self._policy.scheme
        )
        cap = self._policy.vega_max_usd_per_point
        vega = min(budget.vega_usd_per_point, math.inf if cap is None else cap)
        while True:  # each turn has at least one index straddle less
            sizing = self.size(index, components, direction, vega)
            if isinstance(sizing, Infeasible):
                # No larger account helps where the cap and not the loss budget sets the size.
                is_capped = cap is not None and cap < budget.vega_usd_per_point
                return sizing if is_capped else _in_dollars(sizing, budget)
            book = sized_book(sizing, index, components)
            report = stress_book(book, budget.loss_budget_usd, stress)
            if report.is_within_budget:
                return AccountSizing(budget=budget, sizing=sizing, stress=report)
            traded = sizing.index.vega_usd_per_point
            one_less = traded - 0.5 * index.vega_usd_per_point
            vega = min(one_less, traded * budget.loss_budget_usd / report.worst_loss_usd)
            if vega < index.vega_usd_per_point:
                return _over_budget(report, traded, net_liquidation_usd)

    def get_option_greeks(self, symbol: Symbol, dte_target: int) -> StraddleTerms:
        """Greeks of the at-the-money straddle of `symbol` nearest to `dte_target` days.

        Raises
        ------
        MarketDataMissing
            If there is no source or it has no usable straddle; never a made-up number.
        """
        if self._source is None:
            raise MarketDataMissing(
                f"no Greeks of {symbol}: the sizer was made without a source; pass one"
            )
        terms = self._source.straddle_terms(symbol, dte_target)
        if isinstance(terms, TermsMissing):
            raise MarketDataMissing(
                f"no Greeks of {symbol} near {dte_target} days: {terms.reason}; wait for usable "
                "quotes, or leave the name out"
            )
        return terms


def _in_dollars(refused: Infeasible, budget: VegaBudget) -> Infeasible:
    vega = refused.workable.vega_usd_per_point
    if vega is None:
        return refused
    account = budget.net_liquidation_for(vega)
    return replace(refused, workable=replace(refused.workable, net_liquidation_usd=account))


def _over_budget(report: StressReport, traded_usd: float, net_liquidation_usd: float) -> Infeasible:
    reason = (
        f"the smallest whole counts lose {report.worst_loss_usd:,.0f} dollars in the scenario "
        f"{report.worst!r}, cost included, and the loss budget is {report.loss_budget_usd:,.0f}"
    )
    multiple = report.worst_loss_usd / report.loss_budget_usd
    least = Workable(
        vega_usd_per_point=traded_usd,
        account_multiple=multiple,
        net_liquidation_usd=multiple * net_liquidation_usd,
    )
    return Infeasible(kind=Refusal.TOO_SMALL, reasons=(reason,), workable=least)


def _check(trade: Trade, budget: float) -> None:
    symbols = [row.symbol for row in (trade.index, *trade.components)]
    if len(set(symbols)) != len(symbols):
        raise InvalidInput(f"a symbol is named twice among {symbols}; expected each once")
    if not trade.components:
        raise InvalidInput("no components were given; expected at least one")
    weightless = [row.symbol for row in trade.components if row.weight is None]
    if weightless or trade.index.weight is not None:
        raise InvalidInput(
            f"weights: components without one {weightless}, index {trade.index.weight}; expected "
            "a weight for every component and none for the index"
        )
    if not (math.isfinite(budget) and budget > 0):
        raise InvalidInput(f"vega budget is {budget}; expected dollars per point above zero")
    unknown = set(trade.fixed) - set(symbols)
    if unknown or any(count < 0 for count in trade.fixed.values()):
        raise InvalidInput(
            f"fixed counts {dict(trade.fixed)}; expected zero or more, for symbols of this trade"
        )
    if trade.fixed.get(trade.index.symbol, 1) == 0:
        raise InvalidInput("the index count is fixed at zero; expected one or more")


def _index_counts(trade: Trade, budget: float, policy: SizingPolicy) -> Sequence[int]:
    index = trade.index
    if index.symbol in trade.fixed:
        return [trade.fixed[index.symbol]]
    most = math.floor(budget / index.vega_usd_per_point * (1 + 1e-9))
    if index.count_max is not None:
        most = min(most, index.count_max)
    most = max(most, index.count_min)
    share = 0.0 if trade.fixed else policy.index_count_share_min
    least = max(1, index.count_min, math.ceil(most * share))
    return range(most, least - 1, -1)


def _smaller(trade: Trade, counts: Sequence[int], policy: SizingPolicy) -> Sizing | Unproven | None:
    # Close to the budget every count is tried, further down a sample; around the first success the
    # counts that the sample left out are bisected.
    failed = counts[0]
    for count in _sample(counts[1:]) if not trade.fixed else counts[1:]:
        if isinstance(probe(trade, count, policy), Sizing):
            answer = attempt(trade, _largest(trade, count, failed, policy), policy)
            return answer if isinstance(answer, Sizing | Unproven) else None
        failed = count
    return None


def _sample(counts: Sequence[int]) -> Sequence[int]:
    close, far = counts[:_ALL_TRIED], counts[_ALL_TRIED:]
    stride = max(1, math.ceil(len(far) / _SAMPLED))
    return [*close, *far[stride - 1 :: stride]]


_ALL_TRIED = 8
_SAMPLED = 12


def _largest(trade: Trade, works: int, failed: int, policy: SizingPolicy) -> int:
    while failed - works > 1:
        middle = (failed + works) // 2
        if isinstance(probe(trade, middle, policy), Sizing):
            works = middle
        else:
            failed = middle
    return works


def _below_one(trade: Trade, budget: float, policy: SizingPolicy) -> Infeasible:
    index, vega = trade.index, trade.index.vega_usd_per_point
    if index.count_max is not None and index.count_max < 1:
        reason = f"liquidity allows no {index.symbol} straddle (count_max {index.count_max})"
        return Infeasible(kind=Refusal.LIMITS, reasons=(reason,))
    reason = (
        f"one {index.symbol} straddle has {vega:,.0f} dollars of vega per point and the budget is "
        f"{budget:,.0f}"
    )
    return Infeasible(
        kind=Refusal.TOO_SMALL,
        reasons=(reason,),
        workable=larger_size(trade, budget / vega, policy),
    )
