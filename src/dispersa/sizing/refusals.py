"""Which limit is in the way, and what would make the trade possible?"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from dispersa.sizing.attempt import Trade, probe
from dispersa.sizing.outcome import Infeasible, Refusal, Sizing, Workable
from dispersa.sizing.policy import SizingPolicy
from dispersa.sizing.program import NoCounts, Unproven
from dispersa.sizing.targets import NAMES_MIN, TooSmall

SEARCH_MULTIPLE_MAX = 4096
"""An account this many times as large is no advice."""


def explain(
    trade: Trade, index_count: int, refused: TooSmall | NoCounts | Unproven, policy: SizingPolicy
) -> Infeasible:
    """Turn a refused attempt at `index_count` into reasons and advice."""
    match refused:
        case Unproven(bound=bound, reason=reason):
            sentence = (
                f"the search stopped before an answer was proven ({reason}); raise its limits, "
                "loosen the tolerance or use fewer names"
            )
            return Infeasible(kind=Refusal.UNPROVEN, reasons=(sentence,), bound=bound)
        case TooSmall(reason=reason, dropped=dropped):
            caps = _binding(trade, policy, index_count, _CAPS)
            return Infeasible(
                kind=Refusal.LIMITS if caps else Refusal.TOO_SMALL,
                reasons=(reason, *caps),
                dropped=dropped,
                workable=workable(trade, index_count, policy),
            )
        case NoCounts():
            return Infeasible(
                kind=Refusal.LIMITS,
                reasons=_binding(trade, policy, index_count, (*_QUALITY, *_CAPS)) or (_TOGETHER,),
                workable=workable(trade, index_count, policy),
            )


def _binding(
    trade: Trade, policy: SizingPolicy, index_count: int, limits: Sequence["_Limit"]
) -> tuple[str, ...]:
    # A limit is binding by itself when taking it away, and nothing else, gives a solution.
    return tuple(
        sentence
        for sentence, relaxed, loose in _relaxations(trade, policy, limits)
        if _works(relaxed, index_count, loose)
    )


def _works(trade: Trade, index_count: int, policy: SizingPolicy) -> bool:
    return isinstance(probe(trade, index_count, policy), Sizing)


_TOGETHER = (
    "no whole counts keep all limits together, and no single limit is the cause; raise the limits "
    "together or trade another size"
)


def _relaxations(
    trade: Trade, policy: SizingPolicy, limits: Sequence["_Limit"]
) -> Iterator[tuple[str, Trade, SizingPolicy]]:
    for limit in limits:
        value = limit.read(policy)
        if value is not None:
            yield limit.sentence.format(value), trade, limit.loosen(policy)
    if any(row.count_max is not None for row in trade.components):
        liquid = tuple(replace(row, count_max=None) for row in trade.components)
        yield (
            "liquidity (count_max) leaves too few straddles of the names it binds",
            replace(trade, components=liquid),
            policy,
        )
    if trade.fixed:
        freed = replace(trade, fixed={})
        yield "the counts already fixed leave no balance to the others", freed, policy


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """One limit of the policy: its value, its name in words, the policy without it."""

    read: Callable[[SizingPolicy], float | None]
    loosen: Callable[[SizingPolicy], SizingPolicy]
    sentence: str


_QUALITY = (
    _Limit(
        read=lambda policy: policy.tolerance,
        loosen=lambda policy: replace(policy, tolerance=1.0),
        sentence="no whole counts balance the two legs within the tolerance of {:.2%}",
    ),
    _Limit(
        read=lambda policy: policy.weight_error_max,
        loosen=lambda policy: replace(policy, weight_error_max=1e3),
        sentence="no whole counts keep every name within {:.0%} of its target vega",
    ),
)
_CAPS = (
    _Limit(
        read=lambda policy: policy.name_premium_max_usd,
        loosen=lambda policy: replace(policy, name_premium_max_usd=None),
        sentence="the premium cap of {:,.0f} dollars per name is in the way",
    ),
    _Limit(
        read=lambda policy: policy.name_vega_max_usd_per_point,
        loosen=lambda policy: replace(policy, name_vega_max_usd_per_point=None),
        sentence="the vega cap of {:,.0f} dollars per point and name is in the way",
    ),
    _Limit(
        read=lambda policy: policy.premium_max_usd,
        loosen=lambda policy: replace(policy, premium_max_usd=None),
        sentence="the premium cap of {:,.0f} dollars is in the way",
    ),
    _Limit(
        read=lambda policy: policy.margin_max_usd,
        loosen=lambda policy: replace(policy, margin_max_usd=None),
        sentence="the margin cap of {:,.0f} dollars is in the way",
    ),
    _Limit(
        read=lambda policy: policy.delta_max_usd,
        loosen=lambda policy: replace(policy, delta_max_usd=None),
        sentence="the net delta cap of {:,.0f} dollars is in the way",
    ),
    _Limit(
        read=lambda policy: policy.cash_gamma_max_usd,
        loosen=lambda policy: replace(policy, cash_gamma_max_usd=None),
        sentence="the net cash gamma cap of {:,.0f} dollars is in the way",
    ),
)


def workable(trade: Trade, index_count: int, policy: SizingPolicy) -> Workable:
    """Find the smallest larger size, the most names and the least tolerance that would work."""
    larger = Workable()
    if trade.index.symbol not in trade.fixed:
        larger = larger_size(trade, float(index_count), policy)
    return replace(
        larger,
        names_count=_fewer_names(trade, index_count, policy),
        tolerance=_looser(trade, index_count, policy),
    )


def larger_size(trade: Trade, index_count: float, policy: SizingPolicy) -> Workable:
    """Find the smallest size above `index_count` (a fraction below one straddle) that works."""

    def works(count: int) -> bool:
        return _works(trade, count, _grown(policy, count / index_count))

    fails = math.floor(index_count)
    count = max(1, 2 * fails)
    while not works(count):
        if count > SEARCH_MULTIPLE_MAX * index_count:
            return Workable()
        fails, count = count, 2 * count
    found = _first(works, fails, count)
    vega = found * trade.index.vega_usd_per_point
    return Workable(vega_usd_per_point=vega, account_multiple=found / index_count)


def _grown(policy: SizingPolicy, multiple: float) -> SizingPolicy:
    def times(cap: float | None) -> float | None:
        return None if cap is None else cap * multiple

    return replace(
        policy,
        name_premium_max_usd=times(policy.name_premium_max_usd),
        name_vega_max_usd_per_point=times(policy.name_vega_max_usd_per_point),
        premium_max_usd=times(policy.premium_max_usd),
        margin_max_usd=times(policy.margin_max_usd),
        delta_max_usd=times(policy.delta_max_usd),
        cash_gamma_max_usd=times(policy.cash_gamma_max_usd),
    )


def _fewer_names(trade: Trade, index_count: int, policy: SizingPolicy) -> int | None:
    ranked = sorted(trade.components, key=lambda row: (-(row.weight or 0.0), row.symbol))

    def works(dropped: int) -> bool:
        heaviest = replace(trade, components=tuple(ranked[: len(ranked) - dropped]))
        return _works(heaviest, index_count, policy)

    most = len(ranked) - NAMES_MIN
    if trade.fixed or most < 1:
        return None
    dropped = 1
    while dropped < most and not works(dropped):
        dropped *= 2
    dropped = min(dropped, most)
    if not works(dropped):
        return None
    return len(ranked) - _first(works, dropped // 2, dropped)


def _first(works: Callable[[int], bool], fails: int, succeeds: int) -> int:
    # Rounding is not quite monotone, so this is a size that works, and nearly the smallest.
    while succeeds - fails > 1:
        middle = (fails + succeeds) // 2
        if works(middle):
            succeeds = middle
        else:
            fails = middle
    return succeeds


def _looser(trade: Trade, index_count: int, policy: SizingPolicy) -> float | None:
    best = probe(trade, index_count, replace(policy, tolerance=1.0))
    if not isinstance(best, Sizing):
        return None
    low, high = policy.tolerance, abs(best.neutrality_error)
    while high - low > TOLERANCE_STEP * high:
        middle = (low + high) / 2
        answer = probe(trade, index_count, replace(policy, tolerance=middle))
        if isinstance(answer, Sizing):
            high = abs(answer.neutrality_error)
        else:
            low = middle
    return math.ceil(high * 1e4 - 1e-6) / 1e4


TOLERANCE_STEP = 0.02
"""Relative precision of the advised tolerance."""
