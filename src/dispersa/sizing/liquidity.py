"""How many straddles of a name may we trade without being its market?"""

import math
from dataclasses import dataclass

from dispersa.errors import InvalidConfig, MarketDataMissing
from dispersa.market import Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityPolicy:
    """Bounds on one package; None switches a bound off.

    Attributes
    ----------
    quote_size_multiple_max : times the smallest size quoted on either side of either leg; above
        one because a package is worked in slices while quotes refill.
    open_interest_share_max : share of the smaller leg's open interest.
    """

    quote_size_multiple_max: float | None = 10.0
    open_interest_share_max: float | None = 0.05

    def __post_init__(self) -> None:
        for name in ("quote_size_multiple_max", "open_interest_share_max"):
            bound = getattr(self, name)
            if bound is not None and not (math.isfinite(bound) and bound > 0):
                raise InvalidConfig(f"liquidity.{name} is {bound}; expected above 0, or none")


def liquid_count(
    symbol: Symbol,
    quote_size: int | None,
    open_interest: int | None,
    policy: LiquidityPolicy,
) -> int | None:
    """Most straddles of `symbol` within the policy; None when every bound is switched off.

    Parameters
    ----------
    quote_size : smallest size in contracts among both sides of both legs.
    open_interest : the smaller of call and put, in contracts.

    Raises
    ------
    MarketDataMissing
        If a bound is on and its number was not read.
    """
    bounds = (
        ("size at the quote", policy.quote_size_multiple_max, quote_size),
        ("open interest", policy.open_interest_share_max, open_interest),
    )
    counts = []
    for name, share, contracts in bounds:
        if share is None:
            continue
        if contracts is None or contracts < 0:
            raise MarketDataMissing(
                f"{symbol}: {name} is {contracts}; expected contracts, zero or more; wait for it, "
                "or switch its bound off in the liquidity policy"
            )
        counts.append(math.floor(share * contracts))
    return min(counts) if counts else None
