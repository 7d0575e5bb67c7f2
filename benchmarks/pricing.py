"""Pricing: how fast are implied vols, Greeks and American options against their peers?

    DISPERSA_BENCH_PEERS=<folder with pyfeng> python -m benchmarks.pricing

Every ratio is taken within one run: the two sides alternate, and each counts with its best time.
Written as the table that `docs/concepts/pricing.md` shows.
"""

import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import pricing_peers as peers
from dispersa.pricing import american, american_implied, black, implied
from dispersa.pricing.american import Grid
from dispersa.pricing.contracts import Carry
from dispersa.pricing.surrogate import Surrogate
from dispersa.pricing.warm import warm

ROWS = 100_000
STRESS = Path(__file__).parent.parent / "tests" / "pricing" / "answers" / "stress.npz"
Work = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table."""

    what: str
    ours: str
    peer: str
    ratio: float | None
    goal: str


def alternate(*works: Work, rounds: int) -> list[float]:
    """Best seconds of each, measured in turn."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for i, work in enumerate(works):
            begun = time.perf_counter()
            work()
            best[i] = min(best[i], time.perf_counter() - begun)
    return best


def stress_set(rows: int) -> dict[str, np.ndarray]:
    """Total vol 0.002 to 2.5, up to eight standard deviations out of the money."""
    rng = np.random.default_rng(1)
    total = np.exp(rng.uniform(np.log(0.002), np.log(2.5), rows))
    years = rng.uniform(1 / 365, 3.0, rows)
    is_call = rng.uniform(size=rows) < 0.5
    strike = 100 * np.exp(np.where(is_call, 1, -1) * total * rng.uniform(0, 8, rows))
    vol = total / np.sqrt(years)
    price = black.price(100.0, strike, vol, years, 1.0, is_call)
    return {
        "strike": strike,
        "years": years,
        "vol": vol,
        "is_call": is_call,
        "price": price,
        "sign": np.where(is_call, 1, -1),
    }


def implied_vols() -> list[Line]:
    """European implied vols against pyfeng, one thread; then two threads against one."""
    x = stress_set(ROWS)
    option = (100.0, x["strike"], x["years"], 1.0, x["is_call"])
    found = implied.implied_vol(x["price"], *option)
    failures = int(np.count_nonzero(found.status))
    with np.load(STRESS) as exact:
        terms = (exact["strike"], 1.0, 1.0, exact["is_call"])
        digits = implied.implied_vol(exact["price"], 100.0, *terms).vol / exact["vol"] - 1

    def ours() -> object:
        return implied.implied_vol(x["price"], *option)

    def theirs() -> object:
        return peers.pyfeng_vols(x["price"], x["strike"], x["years"], x["sign"])

    lines = []
    if peers.has_pyfeng():
        us, them = alternate(ours, theirs, rounds=12)
        what = f"implied vol, stress set ({failures} failures, error {np.abs(digits).max():.1e})"
        lines.append(row_line(what, us, them, "pyfeng", ">= 6"))
    lines.append(two_threads())
    return lines


def two_threads() -> Line:
    """Four times the rows, on two threads against one.

    Beside it what the machine gives at the time, each taken in turn with the others: two wholly
    separate copies of the kernel, and a control of integer arithmetic in two threads and in two
    processes. No sharing of work can do better than those.
    """
    x = stress_set(4 * ROWS)
    option = (100.0, x["strike"], x["years"], 1.0, x["is_call"])
    copies, processes = peers.KernelCopies(x), peers.ControlProcesses()
    controls = (copies.run, peers.control_threads, processes.run)
    peers.control_threads(2)
    one, two, *given = alternate(
        lambda: implied.implied_vol(x["price"], *option),
        lambda: implied.implied_vol(x["price"], *option, 2),
        *(partial(run, count) for run in controls for count in (1, 2)),
        rounds=30,
    )
    processes.close()
    copied, threads, apart = (2 * given[i] / given[i + 1] for i in (0, 2, 4))
    what = (
        f"implied vol, two threads (cores given: separate copies of the kernel {copied:.2f}, "
        f"integer control in threads {threads:.2f}, in processes {apart:.2f})"
    )
    return row_line(what, two / 4, one / 4, "one thread", ">= 1.8")


def row_line(what: str, us: float, them: float, peer: str, goal: str, rows: int = ROWS) -> Line:
    """Times per row."""
    return Line(
        what=what,
        ours=f"{us / rows * 1e9:.0f} ns",
        peer=f"{peer} {them / rows * 1e9:.0f} ns",
        ratio=them / us,
        goal=goal,
    )


def european_greeks() -> list[Line]:
    """Price and seven Greeks against the same formulas in numpy and scipy."""
    return [line for rows in (ROWS, 20_000, 2_000) for line in _greeks_of(rows)]


def _greeks_of(rows: int) -> list[Line]:
    x = stress_set(rows)
    years, rate = x["years"], 0.03
    forward, discount = 100 * np.exp(rate * years), np.exp(-rate * years)
    terms = (forward, x["strike"], x["vol"], years, discount, x["is_call"])
    us, usual, least = alternate(
        lambda: black.greeks(*terms, 100.0),
        lambda: peers.numpy_greeks(*terms[:-1], x["sign"], 100.0, peers.STATS),
        lambda: peers.numpy_greeks(*terms[:-1], x["sign"], 100.0, peers.SPECIAL),
        rounds=40,
    )
    what = f"price and seven Greeks, {rows:,} rows"
    return [
        row_line(what, us, usual, "numpy + scipy.stats.norm", ">= 5", rows),
        row_line(what, us, least, "numpy + scipy.special.ndtr", "", rows),
    ]


def american_values() -> list[Line]:
    """Price, delta, gamma against QuantLib at equal or smaller error, both against 1200 x 1200."""
    chain = peers.american_chain(160)
    carry = Carry(ex_years=chain["ex_days"] / 365, amounts=chain["amounts"])
    names = ("strike", "vol", "years", "rate", "is_call")
    terms = [chain[name] for name in names]
    reference = peers.quantlib_values(chain, 1200)
    lines = []
    for points, grid in ((100, Grid(nodes=90, steps=25)), (200, Grid(nodes=140, steps=45))):
        theirs = peers.quantlib_values(chain, points)
        found = american.values(100.0, *terms, carry, grid=grid)
        ours = np.array([found.price, found.delta, found.gamma])
        error_us, error_them = (peers.rms(v - reference) for v in (ours, theirs))
        us, them = alternate(
            lambda grid=grid: american.values(100.0, *terms, carry, grid=grid),
            lambda points=points: peers.quantlib_values(chain, points),
            rounds=4,
        )
        count = chain["strike"].size
        errors = " ".join(f"{a:.0e}/{b:.0e}" for a, b in zip(error_us, error_them, strict=True))
        size = f"{points} x {points}"
        lines.append(
            Line(
                what=f"American with dividends, {size} (errors ours/QuantLib: {errors})",
                ours=f"{us / count * 1e6:.1f} us",
                peer=f"QuantLib {them / count * 1e6:.0f} us",
                ratio=them / us,
                goal=">= 60",
            )
        )
    return lines


def american_chain_vols() -> list[Line]:
    """Implied vols of one chain of 300 American options with a dividend; surrogate look-ups."""
    strikes = np.tile(np.linspace(70, 130, 150), 2)
    is_call = np.arange(300) < 150
    carry = Carry(ex_years=[20 / 365], amounts=[0.75])
    vols = 0.25 + 0.1 * np.log(strikes / 100) ** 2
    price = american.price(100.0, strikes, vols, 45 / 365, 0.05, is_call, carry)
    terms = (price, 100.0, strikes, 45 / 365, 0.05, is_call, carry)
    (seconds,) = alternate(lambda: american_implied.implied_vol(*terms), rounds=20)
    made = Surrogate.build(100.0, strikes, vols, 45 / 365, 0.05, is_call, carry)
    moves, shocks = np.linspace(-0.3, 0.3, 200), vols[:, None] * np.linspace(0.6, 1.8, 200)
    (looked_up,) = alternate(lambda: made.price(moves, shocks), rounds=8)
    per_price = looked_up / shocks.size
    (full,) = alternate(
        lambda: american.values(100.0, strikes, vols, 45 / 365, 0.05, is_call, carry), rounds=8
    )
    worst = made.error(moves[::20], 0.25 * np.linspace(0.7, 1.7, 10)).max()
    chain_line = Line(
        what="implied vols of a chain of 300 American options",
        ours=f"{seconds * 1e3:.1f} ms",
        peer="",
        ratio=None,
        goal="< 30 ms",
    )
    surrogate_line = Line(
        what=f"surrogate against full method (largest error {worst:.0e} on a spot of 100)",
        ours=f"{per_price * 1e9:.0f} ns",
        peer=f"full {full / 300 * 1e9:.0f} ns",
        ratio=full / 300 / per_price,
        goal="",
    )
    return [chain_line, surrogate_line]


def table(lines: list[Line]) -> str:
    """The lines as Markdown."""
    head = ["| what | ours | peer | ratio | goal |", "|---|---|---|---|---|"]
    rows = [
        f"| {x.what} | {x.ours} | {x.peer} | {f'{x.ratio:.1f}' if x.ratio else ''} | {x.goal} |"
        for x in lines
    ]
    return "\n".join([*head, *rows])


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    warm()
    begun = time.process_time()
    parts = (implied_vols, european_greeks, american_values, american_chain_vols)
    lines = [line for part in parts for line in part()]
    sys.stdout.write(table(lines) + "\n")
    load = os.getloadavg()[0]
    note = f"load {load:.1f} on {os.cpu_count()} cores; {time.process_time() - begun:.0f} s of work"
    sys.stdout.write(note + "\n")


if __name__ == "__main__":
    main()
