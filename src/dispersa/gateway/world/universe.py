"""Which underlyings does a simulated market carry, and with which parameters?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from dispersa.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Underlying:
    """One stock, fund or index.

    `vol` is the 30-day at-the-money implied volatility at the start (fraction; a basket's is a
    consequence of its members and is left at 0). `straddle_spread` is the width of the
    near-the-money straddle over its mid, `spread_bps` the stock's own width in basis points.
    `dividends` are ex-dates and cash amounts per share; where there are any, they stand in place
    of the yield. `slope` and `curve` are the SSVI parameters of its smile. A hidden underlying is
    the unlisted
    remainder of a basket. `market_share` is 1 for what moves with the market factor, 0 for what
    does not.
    """

    symbol: str
    long_name: str
    sec_type: str = "STK"
    stock_type: str = "COMMON"
    industry: str = ""
    category: str = ""
    primary_exchange: str = "NASDAQ"
    spot: float
    vol: float = 0.0
    dividend_yield: float = 0.0
    straddle_spread: float = 0.02
    spread_bps: float = 1.0
    display_size: int = 20
    slope: float = -0.3
    curve: float = 0.7
    day_volume: int = 5_000_000
    earnings: tuple[date, ...] = ()
    dividends: tuple[tuple[date, float], ...] = ()
    market_share: float = 1.0
    is_hidden: bool = False
    has_options: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """The chosen correlations: implied at 30 days, realized by the paths, and their motion.

    `realized` applies to the returns of all components alike (one factor). `vol_premium` is
    realized over implied volatility. Deviations are of Ornstein-Uhlenbeck type with the given
    stationary standard deviation and speed per trading day. Jumps (module `jumps`) come on top of
    the diffusion and add `jump_share` to its variance.
    """

    implied: float = 0.40
    realized: float = 0.32
    vol_premium: float = 0.92
    correlation_sd: float = 0.06
    correlation_speed: float = 0.06
    common_vol_sd: float = 0.18
    common_vol_speed: float = 0.04
    own_vol_sd: float = 0.12
    own_vol_speed: float = 0.05
    leverage: float = -0.6
    jump_share: float = 0.08
    jumps_per_year: float = 6.0

    @property
    def jump_scale(self) -> float:
        """Return realized over diffusive volatility, `sqrt(1 + p)`."""
        share = self.jump_share if self.jumps_per_year > 0.0 else 0.0
        return math.sqrt(1.0 + share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """A whole market: components first, then baskets over them.

    `baskets` maps a basket's symbol to the weights of its members at the start, summing to one.
    `label` says where the numbers come from and is shown to people.
    """

    label: str
    components: tuple[Underlying, ...]
    indices: tuple[Underlying, ...]
    baskets: Mapping[str, Mapping[str, float]]
    vix_source: str = "SPX"
    rate: float = 0.04
    correlation: Correlation = field(default_factory=Correlation)

    def __post_init__(self) -> None:
        """Refuse a basket with unknown members or weights that do not sum to one."""
        known = {name.symbol for name in self.components}
        for symbol, weights in self.baskets.items():
            if missing := sorted(set(weights) - known):
                raise InvalidInput(
                    f"basket {symbol} names {', '.join(missing)}, which the market does not "
                    "carry; add them or drop them from the basket"
                )
            total = sum(weights.values())
            if abs(total - 1.0) > 1e-6:
                raise InvalidInput(f"weights of {symbol} sum to {total:.6f}, expected 1")

    @property
    def listed(self) -> tuple[Underlying, ...]:
        """Return everything that can be traded or quoted."""
        return tuple(u for u in (*self.components, *self.indices) if not u.is_hidden)

    @property
    def weights(self) -> dict[str, dict[str, float]]:
        """Return each basket's weights over its listed members (they may sum to less than 1)."""
        hidden = {name.symbol for name in self.components if name.is_hidden}
        return {
            symbol: {name: w for name, w in weights.items() if name not in hidden}
            for symbol, weights in self.baskets.items()
        }
