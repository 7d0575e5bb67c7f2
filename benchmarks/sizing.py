"""How long does it take to size a trade, to explain a refusal, and to revalue the book?

Run with ``python -m benchmarks.sizing``. Targets: 30 names under 0.3 s, 100 under 1 s, 500 under
4 s with a proven gap of at most 0.1 %; 10,000 scenarios of 31 straddles under 0.5 s. The first
solve of a process also imports scipy.optimize (about a second), which is not counted.
"""

import math
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from dispersa.correlation.terms import Direction
from dispersa.market import Symbol
from dispersa.sizing import (
    DEFAULT_SCENARIOS,
    Infeasible,
    Sizing,
    SizingPolicy,
    StraddleTerms,
    VegaNeutralSizer,
    revalue,
)
from dispersa.sizing.book import sized_book
from dispersa.sizing.grid import GridAxes, scenario_grid

YEARS = 30 / 365
RATE = 0.045
VEGA_PER_SPOT = 2 * math.sqrt(YEARS / (2 * math.pi))
BUDGETS_USD_PER_POINT = {30: 20_000.0, 100: 200_000.0, 500: 2_000_000.0}
TARGET_SECONDS = {30: 0.3, 100: 1.0, 500: 4.0}
GAP_MAX = 1e-3
REPEATS = 5
LONG = Direction.LONG_DISPERSION


def straddle(symbol: str, weight: float | None, spot: float, vol: float) -> StraddleTerms:
    """At-the-money American straddle of 30 days at 4.5 %; Greeks as at zero rates."""
    vega = VEGA_PER_SPOT * spot
    return StraddleTerms(
        symbol=Symbol(symbol),
        weight=weight,
        spot=spot,
        strike=spot,
        forward=spot * math.exp(RATE * YEARS),
        discount=math.exp(-RATE * YEARS),
        years=YEARS,
        implied_vol=vol,
        vega_usd_per_point=vega,
        theta_usd_per_day=-100 * vega * vol / (2 * YEARS) / 365,
        cash_gamma_usd=100 * vega / (vol * YEARS),
        delta_usd=4.0 * spot,
        premium_usd=100 * vega * vol,
        half_spread_usd=2.0 * vega * vol,
        short_margin_usd=20.0 * spot + 100 * vega * vol,
    )


def market(seed: int, names: int) -> tuple[StraddleTerms, list[StraddleTerms]]:
    """Index and components with exponential weights, log-normal prices and vols."""
    rng = np.random.default_rng(seed)
    weights = rng.exponential(1.0, names) + 0.15
    weights /= weights.sum()
    spots = np.exp(rng.normal(5.2, 0.7, names))
    vols = 0.3 * np.exp(rng.normal(0.0, 0.3, names))
    components = [
        straddle(f"N{at:03d}", *map(float, row))
        for at, row in enumerate(zip(weights, spots, vols, strict=True))
    ]
    return straddle("INDEX", None, 500.0, 0.18), components


def seconds(work: Callable[[], object]) -> float:
    """Median wall time of several runs."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def sizes() -> None:
    """Print one line for each number of names and tolerance."""
    for names, budget in BUDGETS_USD_PER_POINT.items():
        for tolerance in (1e-2, 1e-3, 1e-4):
            sizer = VegaNeutralSizer(SizingPolicy(tolerance=tolerance, gap=GAP_MAX))
            took, gaps = [], []
            for seed in range(REPEATS):
                index, components = market(seed, names)
                start = time.perf_counter()
                answer = sizer.size(index, components, LONG, budget)
                took.append(time.perf_counter() - start)
                assert isinstance(answer, Sizing), answer
                gaps.append(answer.gap)
            assert max(gaps) <= GAP_MAX
            print(
                f"{names:4d} names, tolerance {tolerance:.2%}: median {median(took):.3f} s, "
                f"worst {max(took):.3f} s (target {TARGET_SECONDS[names]:.1f}), "
                f"largest gap {max(gaps):.1e}"
            )


def refusals() -> None:
    """Print how long a refusal with its advice takes."""
    for names, budget in ((30, 1_000.0), (100, 4_000.0), (500, 20_000.0)):
        index, components = market(1, names)
        sizer = VegaNeutralSizer()
        answer = sizer.size(index, components, LONG, budget)
        assert isinstance(answer, Infeasible)
        took = seconds(lambda: sizer.size(index, components, LONG, budget))  # noqa: B023
        print(f"{names:4d} names, refused with advice: {took:.3f} s")


def scenarios() -> None:
    """Print how long 10,000 scenarios of 31 straddles take."""
    index, components = market(2, 30)
    sizing = VegaNeutralSizer().size(index, components, LONG, 20_000.0)
    assert isinstance(sizing, Sizing)
    book = sized_book(sizing, index, components)
    ten = tuple(np.linspace(-0.2, 0.2, 10).tolist())
    axes = GridAxes(
        spot_moves=ten,
        vol_points=tuple(np.linspace(-5, 20, 10).tolist()),
        correlation_shifts=ten,
        days=tuple(np.linspace(0, 10, 10).tolist()),
    )
    revalue(book, DEFAULT_SCENARIOS)
    took = seconds(lambda: revalue(book, DEFAULT_SCENARIOS))
    print(f"{len(book.rows)} American straddles, default scenario set: {took:.3f} s")
    scenario_grid(book, axes)
    took = seconds(lambda: scenario_grid(book, axes))
    print(f"{len(book.rows)} American straddles, 10,000 scenarios: {took:.3f} s (target 0.5)")


def main() -> None:
    """Measure everything."""
    warm_index, warm_components = market(0, 30)
    VegaNeutralSizer().size(warm_index, warm_components, LONG, 20_000.0)
    sizes()
    refusals()
    scenarios()


if __name__ == "__main__":
    main()
