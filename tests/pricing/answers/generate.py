"""Make quantlib.npz: 20,000 contracts as QuantLib prices them (run by hand; takes a quarter hour).

    python tests/pricing/answers/generate.py

The first 6,000 are European without dividends (AnalyticEuropeanEngine: price, delta, gamma, vega,
theta, rho). The other 14,000 are American with zero to three cash dividends or a yield
(FdBlackScholesVanillaEngine, Douglas scheme, 600 time steps and 800 space points: price, delta,
gamma); one in five uses the escrowed dividend model, the others the jump of the spot. Inputs come
from a seeded generator and are rounded to what the file stores, so they are exact.
"""

import sys
from pathlib import Path

import numpy as np
import QuantLib as ql  # noqa: N813 -- its own documentation's name

SEED = 20261122
EUROPEAN, AMERICAN = 6_000, 14_000
TIME_STEPS, SPACE_POINTS = 600, 800
TODAY = ql.Date(2, ql.January, 2026)
DAY_COUNT = ql.Actual365Fixed()
TARGET = Path(__file__).with_name("quantlib.npz")


def contracts() -> dict[str, np.ndarray]:
    """Draw the inputs."""
    rng = np.random.default_rng(SEED)
    n = EUROPEAN + AMERICAN
    is_american = np.arange(n) >= EUROPEAN
    days = np.round(np.exp(rng.uniform(0, np.log(1095), n))).astype(np.int64)
    vol = np.round(np.exp(rng.uniform(np.log(0.03), np.log(3.0), n)), 4)
    width = np.minimum(vol * np.sqrt(days / 365), 1.2)
    strike = np.round(100 * np.exp(width * rng.uniform(-3, 3, n)), 2)
    rate = np.round(rng.uniform(-0.01, 0.08, n), 4)
    dividends = np.where(is_american, rng.integers(0, 4, n), 0)
    dividends = np.minimum(dividends, np.maximum(days - 1, 0))
    has_yield = (dividends == 0) & (rng.uniform(size=n) < 0.5)
    dividend_yield = np.round(np.where(has_yield, rng.uniform(0, 0.06, n), 0.0), 4)
    ex_days, amounts = np.zeros((n, 3), np.int64), np.zeros((n, 3))
    for i in np.flatnonzero(dividends):
        count = dividends[i]
        ex_days[i, :count] = np.sort(rng.choice(np.arange(1, days[i]), count, replace=False))
        amounts[i, :count] = np.round(rng.uniform(0.1, 3.0, count), 2)
    return {
        "is_american": is_american,
        "is_call": rng.uniform(size=n) < 0.5,
        "escrowed": is_american & (dividends > 0) & (rng.uniform(size=n) < 0.2),
        "strike": strike,
        "days": days,
        "vol": vol,
        "rate": rate,
        "dividend_yield": dividend_yield,
        "ex_days": ex_days,
        "amounts": amounts,
    }


def process(c: dict[str, np.ndarray], i: int) -> ql.BlackScholesMertonProcess:
    """Geometric Brownian motion from spot 100."""

    def flat(rate: float) -> ql.YieldTermStructureHandle:
        return ql.YieldTermStructureHandle(ql.FlatForward(TODAY, rate, DAY_COUNT))

    vol = ql.BlackConstantVol(TODAY, ql.NullCalendar(), float(c["vol"][i]), DAY_COUNT)
    return ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(100.0)),
        flat(float(c["dividend_yield"][i])),
        flat(float(c["rate"][i])),
        ql.BlackVolTermStructureHandle(vol),
    )


def american_engine(c: dict[str, np.ndarray], i: int) -> ql.PricingEngine:
    """Finite differences with the row's dividends."""
    used = c["ex_days"][i] > 0
    dates = [TODAY + int(day) for day in c["ex_days"][i][used]]
    schedule = ql.DividendVector(dates, [float(a) for a in c["amounts"][i][used]])
    models = ql.FdBlackScholesVanillaEngine
    model = models.Escrowed if c["escrowed"][i] else models.Spot
    return ql.FdBlackScholesVanillaEngine(
        process(c, i), schedule, TIME_STEPS, SPACE_POINTS, 0,
        ql.FdmSchemeDesc.Douglas(), False, -1.0, model,
    )  # fmt: skip


def answer(c: dict[str, np.ndarray], i: int) -> list[float]:
    """Price, delta, gamma, vega, theta, rho; the last three are NaN for American rows."""
    expiry = TODAY + int(c["days"][i])
    side = ql.Option.Call if c["is_call"][i] else ql.Option.Put
    payoff = ql.PlainVanillaPayoff(side, float(c["strike"][i]))
    if not c["is_american"][i]:
        option = ql.VanillaOption(payoff, ql.EuropeanExercise(expiry))
        option.setPricingEngine(ql.AnalyticEuropeanEngine(process(c, i)))
        first = [option.NPV(), option.delta(), option.gamma()]
        return [*first, option.vega(), option.theta(), option.rho()]
    option = ql.VanillaOption(payoff, ql.AmericanExercise(TODAY, expiry))
    option.setPricingEngine(american_engine(c, i))
    return [option.NPV(), option.delta(), option.gamma(), np.nan, np.nan, np.nan]


def main() -> None:
    """Price every row and write the file."""
    ql.Settings.instance().evaluationDate = TODAY
    c = contracts()
    rows = np.array([answer(c, i) for i in range(EUROPEAN + AMERICAN)])
    names = ["price", "delta", "gamma", "vega", "theta", "rho"]
    answers = dict(zip(names, rows.T, strict=True))
    provenance = f"QuantLib {ql.__version__}, numpy {np.__version__}, seed {SEED}; see generate.py"
    np.savez_compressed(TARGET, provenance=provenance, spot=100.0, **c, **answers)
    sys.stdout.write(f"{TARGET.name}: {TARGET.stat().st_size} bytes, {provenance}\n")


if __name__ == "__main__":
    main()
