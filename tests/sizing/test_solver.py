"""The integer program against enumeration of every count."""

from collections.abc import Callable
from itertools import product
from typing import TypeAlias

import numpy as np
import pytest

from dispersa.sizing.policy import Norm
from dispersa.sizing.program import Answer, Effort, NoCounts, Program, Row, Solved, Unproven
from dispersa.sizing.solver import searched, solve

Way: TypeAlias = Callable[[Program, Norm, Effort], Answer]
EXACT = Effort(gap=0.0, node_limit=100_000, wall_seconds_max=60.0)


def neutrality(vega: np.ndarray, total: float, slack: float) -> Row:
    return Row(
        name="neutrality", coefficients=vega, low=total - slack, high=total + slack, unit=total
    )


def random_program(rng: np.random.Generator) -> Program:
    """A small program: two to five names, up to four straddles wanted of each, up to three rows."""
    names = int(rng.choice([2, 2, 3, 3, 4, 5]))  # the larger ones take most of the time
    vega = rng.uniform(20.0, 200.0, names)
    target = vega * rng.uniform(0.4, 4.0, names)
    lower = rng.integers(0, 2, names)
    upper = lower + rng.integers(2, 7, names)
    total = float(target.sum())
    slack = total * float(rng.choice([0.002, 0.01, 0.03, 0.08]))
    rows = [neutrality(vega, total, slack)]
    for name in ("premium", "delta")[: int(rng.integers(0, 3))]:
        coefficients = rng.uniform(-1.0, 3.0, names) * vega
        middle = float(coefficients @ (target / vega))
        reach = abs(middle) * float(rng.uniform(0.05, 0.5)) + 10.0
        rows.append(
            Row(
                name=name,
                coefficients=coefficients,
                low=-np.inf if name == "premium" else middle - reach,
                high=middle + reach,
                unit=abs(middle) + reach,
            )
        )
    return Program(vega=vega, target=target, lower=lower, upper=upper, rows=tuple(rows))


def by_hand(program: Program, norm: Norm) -> float | None:
    """Smallest objective over every count within the bounds; None where none is feasible."""
    ranges = [range(low, high + 1) for low, high in zip(program.lower, program.upper, strict=True)]
    counts = np.array(list(product(*ranges)))
    kept = np.ones(len(counts), dtype=bool)
    for row in program.rows:
        sums = counts @ row.coefficients
        kept &= (sums >= row.low) & (sums <= row.high)
    if not kept.any():
        return None
    errors = np.abs(counts[kept] * program.vega - program.target)
    match norm:
        case Norm.L1:
            return float(errors.sum(axis=1).min())
        case Norm.L2:
            return float((errors**2).sum(axis=1).min())
        case Norm.LARGEST:
            return float((errors / program.target).max(axis=1).min())


@pytest.mark.parametrize(("norm", "instances"), [(Norm.L1, 300), (Norm.L2, 60), (Norm.LARGEST, 60)])
def test_optimum_equals_enumeration_on_random_small_programs(norm: Norm, instances: int) -> None:
    rng = np.random.default_rng(20261122)
    feasible = 0
    for number in range(instances):
        program = random_program(rng)
        expected = by_hand(program, norm)
        answer = searched(program, norm, EXACT)
        if expected is None:
            assert isinstance(answer, NoCounts), number
            continue
        feasible += 1
        assert isinstance(answer, Solved), (number, answer)
        assert answer.objective == pytest.approx(expected, rel=2e-9), number
        assert answer.bound <= answer.objective
        assert answer.gap <= 2e-6, (number, answer)
    assert instances * 0.3 < feasible < instances


@pytest.mark.parametrize("norm", Norm)
def test_small_programs_are_solved_exactly_without_a_search(norm: Norm) -> None:
    rng = np.random.default_rng(7)
    for number in range(1000):
        program = random_program(rng)
        expected = by_hand(program, norm)
        answer = solve(program, norm, EXACT)
        if expected is None:
            assert isinstance(answer, NoCounts), number
        else:
            assert isinstance(answer, Solved), number
            assert answer.objective == pytest.approx(expected, rel=1e-12), number
            assert answer.gap == 0.0


@pytest.mark.parametrize("way", [solve, searched])
def test_limit_met_exactly_is_feasible(way: Way) -> None:
    vega = np.array([10.0, 20.0])
    row = Row(name="neutrality", coefficients=vega, low=99.0, high=100.0, unit=100.0)
    program = Program(
        vega=vega,
        target=np.array([47.0, 48.0]),
        lower=np.zeros(2, dtype=np.int64),
        upper=np.full(2, 9),
        rows=(row,),
    )
    answer = way(program, Norm.L1, EXACT)
    assert isinstance(answer, Solved)
    # 6 and 2 miss by 13 + 8, 4 and 3 by 7 + 12: the only pairs near that add up to 100.
    assert list(answer.counts) == [4, 3]
    assert answer.objective == pytest.approx(19.0)


@pytest.mark.parametrize("way", [solve, searched])
def test_limit_missed_by_a_hair_is_never_accepted(way: Way) -> None:
    # 100.00005 is inside HiGHS's feasibility tolerance of 1e-6 relative, but not inside the limit.
    vega = np.array([10.000005, 9.0])
    row = Row(name="cap", coefficients=vega, low=-np.inf, high=100.0, unit=100.0)
    program = Program(
        vega=vega,
        target=np.array([100.00005, 0.1]),
        lower=np.array([0, 0]),
        upper=np.array([20, 0]),
        rows=(row,),
    )
    answer = way(program, Norm.L1, EXACT)
    assert isinstance(answer, Solved)
    assert list(answer.counts) == [9, 0]
    assert answer.bound <= answer.objective


def test_squares_beyond_the_first_ladder_are_still_optimal() -> None:
    # A cap pushes one name 30 straddles from its target: beyond ladders of 4 and 16 steps.
    vega = np.array([10.0, 10.0])
    row = Row(name="cap", coefficients=vega, low=-np.inf, high=400.0, unit=400.0)
    program = Program(
        vega=vega,
        target=np.array([500.0, 500.0]),
        lower=np.zeros(2, dtype=np.int64),
        upper=np.full(2, 100),
        rows=(row,),
    )
    answer = searched(program, Norm.L2, EXACT)
    assert isinstance(answer, Solved)
    assert list(answer.counts) == [20, 20]


def tight_program(seed: int, names: int, tolerance: float) -> Program:
    rng = np.random.default_rng(seed)
    vega = rng.uniform(20, 200, names)
    target = vega * rng.uniform(2, 9, names)
    total = float(target.sum())
    return Program(
        vega=vega,
        target=target,
        lower=np.ones(names, dtype=np.int64),
        upper=np.full(names, 20),
        rows=(neutrality(vega, total, tolerance * total),),
    )


def test_time_limit_is_a_refusal_with_a_bound() -> None:
    program = tight_program(5, 60, 1e-9)
    hurried = Effort(gap=0.0, node_limit=10**7, wall_seconds_max=0.3)
    answer = solve(program, Norm.L1, hurried)
    assert isinstance(answer, Unproven)
    assert "time" in answer.reason.lower()
    assert float(program.error(program.nearest()).sum()) <= answer.bound * (1 + 1e-9)


def test_node_limit_returns_the_gap_that_was_proven_and_the_same_again() -> None:
    program = tight_program(11, 25, 1e-6)
    short = Effort(gap=0.0, node_limit=3, wall_seconds_max=60.0)
    first, second = solve(program, Norm.L1, short), solve(program, Norm.L1, short)
    assert isinstance(first, Solved)
    assert 0 < first.gap < 1
    assert isinstance(second, Solved)
    assert (list(first.counts), first.bound) == (list(second.counts), second.bound)


def test_search_writes_nothing_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    # With HiGHS's presolve this program ends in a solver error that is printed from C++, where
    # `--json` has its one document.
    vega = np.array([70.0, 90.0])
    program = Program(
        vega=vega,
        target=np.array([250.0, 250.0]),
        lower=np.array([3, 2]),
        upper=np.array([5, 3]),
        rows=(neutrality(vega, 500.0, 0.5),),
    )
    assert isinstance(searched(program, Norm.L1, EXACT), NoCounts)
    rng = np.random.default_rng(3)
    for _ in range(50):
        searched(random_program(rng), Norm.L1, EXACT)
    assert capfd.readouterr() == ("", "")
