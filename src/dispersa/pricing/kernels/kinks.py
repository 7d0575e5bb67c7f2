"""Kinks: what does fourth-order smoothing add to a payoff's kink, node by node?

The payoff is convolved with the kernel whose Fourier transform is ``sinc(w/2)^4 (1 + 2/3
sin^2(w/2))`` (Kreiss, Thomee and Widlund 1970), so that a fourth-order scheme keeps its order.
"""

from dispersa.pricing.kernels.compiled import inlined


@inlined
def _spline_ramp(x: float) -> float:
    """The cubic B-spline convolved with max(x, 0)."""
    total = 0.0
    for i in range(5):
        y = x + 2.0 - i
        weight = (1.0, -4.0, 6.0, -4.0, 1.0)[i]
        total += weight * y**5 if y > 0.0 else 0.0
    return total / 120.0


@inlined
def kink(x: float) -> float:
    """Added to a unit change of slope, x nodes away from it."""
    u = -abs(x)
    here = _spline_ramp(u)
    around = _spline_ramp(u + 1.0) + _spline_ramp(u - 1.0)
    return here + (here - 0.5 * around) / 3.0 if u > -3.0 else 0.0


@inlined
def bend(k: int) -> float:
    """Added to y^2 for nodes y below the kink and 0 above, k whole nodes above it."""
    size = 13.0 / 540.0 if abs(k) == 1 else (1.0 / 2160.0 if abs(k) == 2 else 0.0)
    return size if k < 0 else -size


@inlined
def twist(k: int) -> float:
    """Added to y^3 for nodes y below the kink and 0 above, k whole nodes above it."""
    if k == 0:
        return -23.0 / 168.0
    return -29.0 / 1260.0 if abs(k) == 1 else (-1.0 / 5040.0 if abs(k) == 2 else 0.0)
