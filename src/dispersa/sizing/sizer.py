"""How many whole straddles of the index and of each name?"""

import math
from collections.abc import Mapping, Sequence

from dispersa.correlation.terms import Direction
from dispersa.errors import InvalidInput, MarketDataMissing
from dispersa.market import Symbol
from dispersa.sizing.attempt import Trade, attempt
from dispersa.sizing.book import index_side
from dispersa.sizing.outcome import Infeasible, Refusal, Sizing
from dispersa.sizing.policy import SizingPolicy
from dispersa.sizing.program import NoCounts, Unproven
from dispersa.sizing.refusals import explain
from dispersa.sizing.targets import TooSmall
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
        vega_budget_usd_per_point : most index vega to trade. The index count is the largest one
            within it that has a solution, down to the policy's `index_count_share_min`.
        fixed : counts that may not change, by symbol, for a new solution around fills; the index
            too. A component fixed at zero leaves the basket. With components fixed the index
            count may go down to one.

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
            return _below_one(index, vega_budget_usd_per_point)
        refusal: TooSmall | NoCounts | None = None
        for count in counts:
            answer = attempt(trade, count, self._policy)
            match answer:
                case Sizing():
                    return answer
                case Unproven():
                    return explain(trade, count, answer, self._policy)
                case TooSmall() | NoCounts():
                    refusal = refusal or answer
        return explain(trade, counts[0], refusal or NoCounts(), self._policy)

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
    share = 0.0 if trade.fixed else policy.index_count_share_min
    least = max(1, index.count_min, math.ceil(most * share))
    return range(most, least - 1, -1)


def _below_one(index: StraddleTerms, budget: float) -> Infeasible:
    vega = index.vega_usd_per_point
    reason = (
        f"one {index.symbol} straddle has {vega:,.0f} dollars of vega per point and the budget is "
        f"{budget:,.0f}, with at most {index.count_max or 'any number'} by liquidity"
    )
    return Infeasible(kind=Refusal.TOO_SMALL, reasons=(reason,))
