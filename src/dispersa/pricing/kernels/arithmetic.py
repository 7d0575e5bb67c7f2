"""Arithmetic: how are exp, log, erfcx and the normal distribution evaluated without branches?

The compiler turns a loop into SIMD code only if nothing in it branches or calls a library. These
are polynomials with bit casts, good to about one unit in the last place:

- ``exp``: argument reduced by multiples of ln 2, Taylor to degree 13 on ±ln(2)/2;
- ``log``: the classic reduction m = x / 2^k in [sqrt(1/2), sqrt(2)), odd series in (m-1)/(m+1)
  with the public-domain minimax coefficients of the fdlibm library;
- ``erfcx(x) = exp(x^2) erfc(x)`` for x >= 0: (1 + 2x) erfcx(x) as a polynomial of degree 24 in
  (x - 4)/(x + 4) (Shepherd and Laframboise 1981); coefficients from a Chebyshev fit at 60 digits,
  made by ``tests/pricing/answers/generate_arithmetic.py``.
"""

from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dispersa.pricing.kernels.compiled import inlined

INV_SQRT_2PI: Final = 0.3989422804014327
INV_SQRT_2: Final = 0.7071067811865476
EXP_MIN: Final = -708.0
EXP_MAX: Final = 709.0
_MAGIC: Final = 6755399441055744.0  # 1.5 * 2^52: adding it leaves the rounded integer in low bits
_TWO_52: Final = 4503599627370496.0
_SQRT_HALF_BITS: Final = 0x3FE6A09E00000000
_ONE_BITS: Final = 0x3FF0000000000000
_MANTISSA: Final = 0x000FFFFFFFFFFFFF
_LOG2_E: Final = 1.4426950408889634
_LN2: Final = 0.6931471805599453
_LN2_HIGH: Final = 6.93147180369123816490e-01
_LN2_LOW: Final = 1.90821492927058770002e-10


def _reinterpreting(signature: Any, result: Any) -> Any:
    """Build an intrinsic that gives the same 64 bits another type, at no cost."""

    def typing(_context: Any, _value: Any) -> Any:
        def build(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], result)

        return signature, build

    return intrinsic(typing)


_bits: Any = _reinterpreting(types.int64(types.float64), ir.IntType(64))
_from_bits: Any = _reinterpreting(types.float64(types.int64), ir.DoubleType())


@inlined
def exp(x: float) -> float:
    """e^x; below -708 it stays at e^-708 (3e-308), above 709 at e^709."""
    x = x if x > EXP_MIN else EXP_MIN
    x = x if x < EXP_MAX else EXP_MAX
    shifted = x * _LOG2_E + _MAGIC
    n = shifted - _MAGIC
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    low = (1.0 + r) + r2 * (0.5 + r * 0.16666666666666666)
    mid = (0.041666666666666664 + r * 0.008333333333333333) + r2 * (
        0.001388888888888889 + r * 0.0001984126984126984
    )
    high = (2.48015873015873e-05 + r * 2.7557319223985893e-06) + r2 * (
        2.755731922398589e-07 + r * 2.505210838544172e-08
    )
    top = 2.08767569878681e-09 + r * 1.6059043836821613e-10
    p = low + r4 * (mid + r4 * (high + r4 * top))
    power: float = _from_bits((_bits(shifted) + 1023) << 52)
    return p * power


@inlined
def _log_exponent(x: float) -> float:
    """k of x = 2^k m, m in [sqrt(1/2), sqrt(2))."""
    bits = _bits(x) + (_ONE_BITS - _SQRT_HALF_BITS)
    k: float = _from_bits((bits >> 52) | _bits(_TWO_52)) - (_TWO_52 + 1023.0)
    return k


@inlined
def _log_fraction(x: float) -> float:
    """f = m - 1."""
    bits = _bits(x) + (_ONE_BITS - _SQRT_HALF_BITS)
    f: float = _from_bits((bits & _MANTISSA) + _SQRT_HALF_BITS) - 1.0
    return f


@inlined
def _log_assembled(k: float, s: float) -> float:
    """k ln 2 + ln(1 + f) from s = f / (2 + f)."""
    z = s * s
    w = z * z
    t1 = 0.3999999999940941908 + w * (0.2222219843214978396 + w * 0.1531383769920937332)
    t2 = 0.6666666666666735130 + w * (
        0.2857142874366239149 + w * (0.1818357216161805012 + w * 0.1479819860511658591)
    )
    return k * _LN2 + (2.0 * s + (s * z) * (t2 + z * t1))


@inlined
def log(x: float) -> float:
    """Natural logarithm of a positive, normal number."""
    f = _log_fraction(x)
    return _log_assembled(_log_exponent(x), f / (2.0 + f))


@inlined
def _erfcx_polynomial(t: float) -> float:
    """(1 + 2x) erfcx(x) at t = (x - 4)/(x + 4)."""
    u = t * t
    even = 3.1695881915648173e-09 + u * -2.659599690242689e-10
    even = -2.05606492756992e-08 + u * even
    even = 7.746992727017941e-08 + u * even
    even = 2.919733377963012e-07 + u * even
    even = -1.1221287012353486e-05 + u * even
    even = 0.0001506214900124047 + u * even
    even = -0.0007577732613730956 + u * even
    even = -0.016197734059799265 + u * even
    even = -0.06633036581218697 + u * even
    even = -0.10103906603630056 + u * even
    even = 0.015379652102619604 + u * even
    even = 1.2329951186255526 + u * even
    odd = -1.234686604382353e-08 + u * 9.311744978232572e-10
    odd = 1.0633855618594884e-07 + u * odd
    odd = -8.210939042560568e-07 + u * odd
    odd = 5.706604414895734e-06 + u * odd
    odd = -2.4397746422436416e-05 + u * odd
    odd = -0.00019925714661091188 + u * odd
    odd = 0.005031970067657489 + u * odd
    odd = 0.03716751552655567 + u * odd
    odd = 0.0937328349990944 + u * odd
    odd = 0.06809705425466908 + u * odd
    odd = -0.1396211168405623 + u * odd
    return even + t * odd


@inlined
def erfcx(x: float) -> float:
    """exp(x^2) erfc(x) for x >= 0."""
    return _erfcx_polynomial((x - 4.0) / (x + 4.0)) / (1.0 + 2.0 * x)
