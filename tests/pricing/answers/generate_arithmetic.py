"""Make stress.npz and check the coefficients of erfcx, with mpmath at 40 to 60 digits.

    pip install --target <folder> mpmath && PYTHONPATH=<folder> python <this file>

stress.npz holds 2,000 out-of-the-money European options on a forward of 100 without rates, priced
with 40 digits and rounded once: total vol from 0.002 to 2.5, up to 8 standard deviations out of
the money, one year. The polynomial of `kernels.arithmetic.erfcx` is printed.
"""

import sys
from pathlib import Path

import mpmath as mp
import numpy as np

SEED = 20261123
ROWS = 2_000
DEGREE = 24
NODES = 64
TARGET = Path(__file__).with_name("stress.npz")


def price(forward: float, strike: float, vol: float, is_call: bool) -> float:
    """Black's formula for one year, undiscounted."""
    f, k, s = (mp.mpf(float(x)) for x in (forward, strike, vol))
    d1 = mp.log(f / k) / s + s / 2
    d2 = d1 - s
    if is_call:
        return float(f * mp.ncdf(d1) - k * mp.ncdf(d2))
    return float(k * mp.ncdf(-d2) - f * mp.ncdf(-d1))


def stress() -> dict[str, np.ndarray]:
    """Draw the rows and price them."""
    rng = np.random.default_rng(SEED)
    vol = np.exp(rng.uniform(np.log(0.002), np.log(2.5), ROWS))
    is_call = rng.uniform(size=ROWS) < 0.5
    strike = 100 * np.exp(np.where(is_call, 1, -1) * vol * rng.uniform(0, 8, ROWS))
    rows = zip(strike, vol, is_call, strict=True)
    return {
        "strike": strike,
        "vol": vol,
        "is_call": is_call,
        "price": np.array([price(100.0, *row) for row in rows]),
    }


def erfcx_polynomial() -> list[float]:
    """Coefficients of (1 + 2x) erfcx(x) in t = (x - 4)/(x + 4), from a Chebyshev fit."""

    def function(t: mp.mpf) -> mp.mpf:
        x = 4 * (1 + t) / (1 - t)
        tail = sum((-1) ** n * mp.fac2(2 * n - 1) / (2 * x * x) ** n for n in range(8))
        near = mp.exp(x * x) * mp.erfc(x) if x < 1000 else tail / (x * mp.sqrt(mp.pi))
        return (1 + 2 * x) * near

    angles = [mp.pi * (k + mp.mpf(1) / 2) / NODES for k in range(NODES)]
    values = [function(mp.cos(angle)) for angle in angles]
    series = [
        2 * mp.fsum(v * mp.cos(j * a) for v, a in zip(values, angles, strict=True)) / NODES
        for j in range(DEGREE + 1)
    ]
    series[0] /= 2
    monomials = [mp.mpf(0)] * (DEGREE + 1)
    before, current = [mp.mpf(1)], [mp.mpf(0), mp.mpf(1)]
    for coefficient in series:
        for power, factor in enumerate(before):
            monomials[power] += coefficient * factor
        following = [mp.mpf(0), *(2 * factor for factor in current)]
        for power, factor in enumerate(before):
            following[power] -= factor
        before, current = current, following
    return [float(m) for m in monomials]


def main() -> None:
    """Write the file, print the coefficients."""
    mp.mp.dps = 40
    provenance = f"mpmath {mp.__version__} at 40 digits, seed {SEED}; see generate_arithmetic.py"
    np.savez_compressed(TARGET, provenance=provenance, **stress())
    mp.mp.dps = 60
    sys.stdout.write("\n".join(map(repr, erfcx_polynomial())) + "\n")


if __name__ == "__main__":
    main()
