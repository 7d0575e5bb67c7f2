"""What are the best whole counts for one given index count?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from dispersa.market import Side, Symbol
from dispersa.sizing.book import Book, margin_usd, totals
from dispersa.sizing.outcome import CountCause, NaiveRounding, SizedStraddle, Sizing
from dispersa.sizing.policy import Norm, SizingPolicy
from dispersa.sizing.program import (
    Counts,
    Effort,
    NoCounts,
    Program,
    Row,
    Solved,
    Unproven,
)
from dispersa.sizing.solver import solve
from dispersa.sizing.targets import Columns, Targets, TooSmall, exposure, targets
from dispersa.sizing.terms import StraddleTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What is to be sized: index against components, the index on `index_side`."""

    index: StraddleTerms
    components: tuple[StraddleTerms, ...]
    index_side: Side
    fixed: Mapping[Symbol, int]


Attempt: TypeAlias = Sizing | TooSmall | NoCounts | Unproven


def attempt(trade: Trade, index_count: int, policy: SizingPolicy) -> Attempt:
    """Size `trade` with exactly `index_count` index straddles."""
    index_exposure = index_count * exposure(trade.index, policy.scheme)
    columns = Columns.of(trade.components, trade.fixed, policy)
    wanted = targets(columns, index_exposure, policy)
    if isinstance(wanted, TooSmall):
        return wanted
    program = Program(
        vega=np.array([row.vega_usd_per_point for row in wanted.names]),
        target=wanted.target,
        lower=wanted.lower,
        upper=wanted.upper,
        rows=tuple(_rows(trade, wanted.names, index_count, policy)),
    )
    effort = Effort(
        gap=policy.gap, node_limit=policy.node_limit, wall_seconds_max=policy.wall_seconds_max
    )
    answer = solve(program, policy.norm, effort)
    if not isinstance(answer, Solved):
        return answer
    return _judged(_sizing(trade, index_count, wanted, program, answer, policy), policy)


def probe(trade: Trade, index_count: int, policy: SizingPolicy) -> Attempt:
    """Ask only whether there is a solution: in L1, with little effort for how good it is."""
    quick = replace(policy, norm=Norm.L1, gap=PROBE_GAP, node_limit=PROBE_NODES)
    return attempt(trade, index_count, quick)


PROBE_GAP = 0.01
PROBE_NODES = 200


def _judged(sizing: Sizing, policy: SizingPolicy) -> Sizing | TooSmall:
    error = sizing.weight_error_total
    if error <= policy.weight_error_total_max:
        return sizing
    reason = (
        f"the best whole counts miss their target vegas by {error:.0%} in total; at most "
        f"{policy.weight_error_total_max:.0%} is allowed"
    )
    return TooSmall(reason=reason, dropped=sizing.dropped)


def _rows(
    trade: Trade, names: Sequence[StraddleTerms], index_count: int, policy: SizingPolicy
) -> list[Row]:
    index, count = trade.index, index_count
    balance = count * exposure(index, policy.scheme)
    slack = policy.tolerance * balance
    rows = [
        Row(
            name="neutrality",
            coefficients=np.array([exposure(row, policy.scheme) for row in names]),
            low=balance - slack,
            high=balance + slack,
            unit=balance,
        )
    ]
    if policy.premium_max_usd is not None:
        premiums = [row.premium_usd for row in names]
        left = policy.premium_max_usd - count * index.premium_usd
        rows.append(_cap("premium", premiums, left, policy.premium_max_usd))
    if policy.margin_max_usd is not None:
        margins = [margin_usd(row, trade.index_side.opposite) for row in names]
        left = policy.margin_max_usd - count * margin_usd(index, trade.index_side)
        rows.append(_cap("margin", margins, left, policy.margin_max_usd))
    if policy.delta_max_usd is not None:
        deltas = [row.delta_usd for row in names]
        rows.append(_band("delta", deltas, count * index.delta_usd, policy.delta_max_usd))
    if policy.cash_gamma_max_usd is not None:
        gammas = [row.cash_gamma_usd for row in names]
        rows.append(_band("gamma", gammas, count * index.cash_gamma_usd, policy.cash_gamma_max_usd))
    return rows


def _cap(name: str, per_straddle: Sequence[float], left: float, limit: float) -> Row:
    return Row(name=name, coefficients=np.array(per_straddle), low=-np.inf, high=left, unit=limit)


def _band(name: str, per_straddle: Sequence[float], index_leg: float, limit: float) -> Row:
    # The components are held against the index, so their net is the difference, either way round.
    return Row(
        name=name,
        coefficients=np.array(per_straddle),
        low=index_leg - limit,
        high=index_leg + limit,
        unit=abs(index_leg) + limit,
    )


def _sizing(
    trade: Trade,
    index_count: int,
    wanted: Targets,
    program: Program,
    answer: Solved,
    policy: SizingPolicy,
) -> Sizing:
    nearest = program.nearest()
    components = tuple(
        _sized(trade.index_side.opposite, row, wanted, at, (answer.counts, nearest))
        for at, row in enumerate(wanted.names)
    )
    index = _sized_index(trade, index_count)
    quantities = {row.symbol: row.quantity for row in (index, *components)}
    book = Book(index=trade.index, components=wanted.names, quantities=quantities)
    return Sizing(
        scheme=policy.scheme,
        norm=policy.norm,
        index=index,
        components=components,
        dropped=wanted.dropped,
        totals=totals(book),
        neutrality_error=_neutrality_error(program, answer.counts),
        objective=answer.objective,
        bound=answer.bound,
        gap=answer.gap,
        nodes=answer.nodes,
        naive=_naive(program, nearest, policy.norm),
    )


def _sized(
    side: Side, row: StraddleTerms, wanted: Targets, at: int, counts: tuple[Counts, Counts]
) -> SizedStraddle:
    count, nearest = (int(column[at]) for column in counts)
    return SizedStraddle(
        symbol=row.symbol,
        side=side,
        count=count,
        naive_count=nearest,
        weight=float(wanted.weights[at]),
        target_usd_per_point=float(wanted.target[at]),
        vega_usd_per_point=count * row.vega_usd_per_point,
        premium_usd=count * row.premium_usd,
        cause=wanted.cause(at, count, nearest),
    )


def _sized_index(trade: Trade, count: int) -> SizedStraddle:
    vega = count * trade.index.vega_usd_per_point
    return SizedStraddle(
        symbol=trade.index.symbol,
        side=trade.index_side,
        count=count,
        naive_count=count,
        weight=1.0,
        target_usd_per_point=vega,
        vega_usd_per_point=vega,
        premium_usd=count * trade.index.premium_usd,
        cause=CountCause.FIXED if trade.index.symbol in trade.fixed else CountCause.BUDGET,
    )


def _neutrality_error(program: Program, counts: Counts) -> float:
    row = program.rows[0]
    return float(row.coefficients @ counts) / row.unit - 1.0


def _naive(program: Program, nearest: Counts, norm: Norm) -> NaiveRounding:
    return NaiveRounding(
        neutrality_error=_neutrality_error(program, nearest),
        objective=program.objective(nearest, norm),
        is_feasible=program.is_feasible(nearest),
    )
