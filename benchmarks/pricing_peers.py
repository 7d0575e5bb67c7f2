"""Pricing peers: the same work done by pyfeng, by numpy with scipy, and by QuantLib."""

import importlib.util
import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
import QuantLib as ql  # noqa: N813 -- its own documentation's name
from scipy import special, stats

from dispersa.pricing.kernels import implied

TODAY = ql.Date(2, ql.January, 2026)
DAY_COUNT = ql.Actual365Fixed()
_POOL = ThreadPoolExecutor(2)


@dataclass(frozen=True, slots=True)
class Normal:
    """A way to the normal distribution in numpy and scipy."""

    cdf: Callable[[np.ndarray], np.ndarray]
    pdf: Callable[[np.ndarray], np.ndarray]


STATS = Normal(stats.norm.cdf, stats.norm.pdf)
SPECIAL = Normal(special.ndtr, lambda x: np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi))


def has_pyfeng() -> bool:
    """Find pyfeng in the folder that DISPERSA_BENCH_PEERS names."""
    folder = os.environ.get("DISPERSA_BENCH_PEERS")
    if folder and folder not in sys.path:
        sys.path.append(folder)  # last, so that the project's own numpy is used by both
    if importlib.util.find_spec("pyfeng"):
        return True
    sys.stderr.write("pyfeng not found: see benchmarks/__init__.py\n")
    return False


def pyfeng_vols(
    price: np.ndarray, strike: np.ndarray, years: np.ndarray, sign: np.ndarray
) -> np.ndarray:
    import pyfeng

    return pyfeng.Bsm(0.2).impvol(price, strike, 100.0, years, cp=sign)


def numpy_greeks(  # noqa: PLR0913, PLR0917 -- an option is that many columns
    forward: np.ndarray,
    strike: np.ndarray,
    vol: np.ndarray,
    years: np.ndarray,
    discount: np.ndarray,
    sign: np.ndarray,
    spot: float,
    normal: "Normal",
) -> list[np.ndarray]:
    """Price, delta, gamma, vega, theta, rho, vanna, volga as one writes them down."""
    root = np.sqrt(years)
    s = vol * root
    d1 = np.log(forward / strike) / s + 0.5 * s
    d2 = d1 - s
    n1, n2 = normal.cdf(sign * d1), normal.cdf(sign * d2)
    density = normal.pdf(d1)
    growth = forward / spot
    price = discount * sign * (forward * n1 - strike * n2)
    delta = discount * growth * sign * n1
    gamma = discount * growth * growth * density / (forward * s)
    vega = discount * forward * density * root
    rate = -np.log(discount) / years
    carry = np.log(growth) / years
    theta = rate * price - carry * spot * delta - 0.5 * vol * vega / years
    rho = years * (spot * delta - price)
    vanna = -discount * growth * density * d2 / vol
    volga = vega * d1 * d2 / vol
    return [price, delta, gamma, vega, theta, rho, vanna, volga]


def american_chain(count: int) -> dict[str, np.ndarray]:
    """Contracts of 7 to 180 days, up to 1.5 standard deviations off, with one or two dividends."""
    rng = np.random.default_rng(7)
    days = rng.integers(7, 181, count)
    vol = rng.uniform(0.15, 0.8, count)
    width = vol * np.sqrt(days / 365)
    dividends = rng.integers(1, 3, count)
    ex_days, amounts = np.zeros((count, 2), np.int64), np.zeros((count, 2))
    for i, used in enumerate(dividends):
        ex_days[i, :used] = np.sort(rng.choice(np.arange(1, days[i]), used, replace=False))
        amounts[i, :used] = rng.uniform(0.1, 1.5, used)
    return {
        "days": days,
        "years": days / 365,
        "vol": vol,
        "strike": np.round(100 * np.exp(width * rng.uniform(-1.5, 1.5, count)), 1),
        "rate": rng.uniform(0.0, 0.06, count),
        "is_call": rng.uniform(size=count) < 0.5,
        "ex_days": ex_days,
        "amounts": amounts,
    }


def quantlib_values(chain: dict[str, np.ndarray], points: int) -> np.ndarray:
    """Price, delta, gamma (rows) by finite differences with `points` steps and points."""
    ql.Settings.instance().evaluationDate = TODAY
    return np.array([_quantlib(chain, i, points) for i in range(chain["strike"].size)]).T


def _quantlib(chain: dict[str, np.ndarray], i: int, points: int) -> list[float]:
    def flat(rate: float) -> ql.YieldTermStructureHandle:
        return ql.YieldTermStructureHandle(ql.FlatForward(TODAY, rate, DAY_COUNT))

    vol = ql.BlackConstantVol(TODAY, ql.NullCalendar(), float(chain["vol"][i]), DAY_COUNT)
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(100.0)),
        flat(0.0),
        flat(float(chain["rate"][i])),
        ql.BlackVolTermStructureHandle(vol),
    )
    used = chain["ex_days"][i] > 0
    dates = [TODAY + int(day) for day in chain["ex_days"][i][used]]
    dividends = ql.DividendVector(dates, [float(a) for a in chain["amounts"][i][used]])
    side = ql.Option.Call if chain["is_call"][i] else ql.Option.Put
    payoff = ql.PlainVanillaPayoff(side, float(chain["strike"][i]))
    option = ql.VanillaOption(payoff, ql.AmericanExercise(TODAY, TODAY + int(chain["days"][i])))
    option.setPricingEngine(ql.FdBlackScholesVanillaEngine(process, dividends, points, points))
    return [option.NPV(), option.delta(), option.gamma()]


def rms(errors: np.ndarray) -> np.ndarray:
    """Root mean square of each row."""
    return np.sqrt(np.mean(errors**2, axis=1))


@numba.njit(nogil=True)
def arithmetic(rounds: int) -> int:
    """Integers in registers alone: no memory, no vector unit, nothing to share but the core."""
    state = 1
    for _ in range(rounds):
        state = (state * 6364136223846793005 + 1442695040888963407) & 0x7FFFFFFFFFFFFFFF
    return state


CONTROL_ROUNDS = 20_000_000


def control_threads(count: int) -> None:
    """Run the control on one or two threads at once."""
    for future in [_POOL.submit(arithmetic, CONTROL_ROUNDS) for _ in range(count)]:
        future.result()


class ControlProcesses:
    """The control in two processes of their own, which share not even an interpreter."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(2, mp_context=context)
        self.run(2)  # both start and compile before anything is timed

    def run(self, count: int) -> None:
        """Run the control in one or two processes at once."""
        for future in [self._pool.submit(arithmetic, CONTROL_ROUNDS) for _ in range(count)]:
            future.result()

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


class KernelCopies:
    """The implied-vol kernel on data of its own per thread: what does the machine give?"""

    def __init__(self, x: dict[str, np.ndarray]) -> None:
        rows = [x["price"], np.full(8_000, 100.0), x["strike"], x["years"], np.ones(8_000)]
        table = np.array([row[:8_000] for row in rows] + [x["sign"][:8_000].astype(float)])
        self._copies = [(table.copy(), np.empty(8_000), np.empty(8_000)) for _ in range(2)]

    def run(self, count: int) -> None:
        """Run one or two copies at once."""
        for future in [_POOL.submit(self._work, copy) for copy in self._copies[:count]]:
            future.result()

    def _work(self, copy: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        for _ in range(20):
            implied.vols(*copy)
