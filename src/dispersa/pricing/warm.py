"""Warm: are all kernels compiled and on disk before they are first needed?

    python -m dispersa.pricing.warm

Compiling takes some twenty seconds once per machine and version; loading the cached machine code
takes well under a second.
"""

import sys
import time

from dispersa.pricing import american, american_implied, black, implied, straddle
from dispersa.pricing.american import Carry
from dispersa.pricing.surrogate import Surrogate


def warm() -> float:
    """Run every kernel once on one small contract; return the seconds that took."""
    begun = time.perf_counter()
    price = black.price(100.0, 100.0, 0.2, 0.1, 1.0, True)
    black.greeks(100.0, 100.0, 0.2, 0.1, 1.0, True, 100.0)
    implied.implied_vol(price, 100.0, 100.0, 0.1, 1.0, True)
    straddle.implied_vol(2 * price, 100.0, 100.0, 0.1, 1.0)
    carry = Carry(ex_years=[0.05], amounts=[0.5])
    put = american.price(100.0, 100.0, 0.2, 0.1, 0.04, False, carry)
    american_implied.implied_vol(put, 100.0, 100.0, 0.1, 0.04, False, carry)
    Surrogate.build(100.0, 100.0, 0.2, 0.1, 0.04, False, carry)
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.stdout.write(f"pricing kernels ready in {warm():.1f} s\n")
