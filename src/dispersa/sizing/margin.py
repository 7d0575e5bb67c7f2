"""What margin does a short straddle ask for by the strategy-based (Reg-T) rules?

    side         = price + max(rate * S - out_of_the_money, 10 % of S [call] or of K [put])
    requirement  = multiplier * (the greater side + the other option's price)

rate is 20 % for stocks and ETFs and 15 % for a broad index. Source: FINRA rule 4210(f)(2) as
brokers publish it. What is bought is paid in full, and names give no relief to the index: the
broker's what-if is asked when connected, and the larger of the two binds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dispersa.errors import MarketDataMissing
from dispersa.market import Symbol, UnderlyingKind
from dispersa.pricing import margin


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortPair:
    """One call and one put sold on the same underlying; prices and strikes per share."""

    spot: float
    call_strike: float
    put_strike: float
    call_price: float
    put_price: float
    kind: UnderlyingKind
    multiplier: int = 100


def short_pair_margin_usd(pair: ShortPair) -> float:
    """Requirement of one pair in dollars.

    >>> short_pair_margin_usd(
    ...     ShortPair(
    ...         spot=45, call_strike=47, put_strike=43, call_price=2.1, put_price=1.2,
    ...         kind=UnderlyingKind.STOCK,
    ...     )
    ... )
    1030.0
    """
    rate = _rate(pair.kind)
    call = margin.short_call(pair.spot, pair.call_strike, pair.call_price, rate)
    put = margin.short_put(pair.spot, pair.put_strike, pair.put_price, rate)
    required = margin.short_pair(call, put, pair.call_price, pair.put_price)
    return round(pair.multiplier * required, 6)


def _rate(kind: UnderlyingKind) -> float:
    match kind:
        case UnderlyingKind.INDEX:
            return margin.INDEX_RATE
        case UnderlyingKind.STOCK | UnderlyingKind.ETF:
            return margin.STOCK_RATE


class MarginSource(StrEnum):
    """Whose number binds."""

    MODELED = "modeled"
    BROKER = "broker"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginView:
    """Own model and the broker's what-ifs side by side, dollars."""

    modeled_usd: float
    broker_usd: float | None
    binding_usd: float
    binding: MarginSource


def margin_view(modeled_usd: float | None, what_ifs: Mapping[Symbol, float] | None) -> MarginView:
    """Compare the modeled margin with the sum of the packages' what-ifs; the larger binds.

    Each package is previewed alone, so the sum counts no relief between packages. `what_ifs` is
    None when no broker is connected.

    Raises
    ------
    MarketDataMissing
        If nothing was modeled, or a what-if is not a finite number of zero or more.
    """
    if modeled_usd is None:
        raise MarketDataMissing(
            "the margin was not modeled; give short_margin_usd for every straddle that is sold"
        )
    if what_ifs is None:
        return MarginView(
            modeled_usd=modeled_usd,
            broker_usd=None,
            binding_usd=modeled_usd,
            binding=MarginSource.MODELED,
        )
    doubtful = {name: usd for name, usd in what_ifs.items() if not 0 <= usd < SENTINEL_USD}
    if doubtful:
        raise MarketDataMissing(
            f"margin what-ifs {doubtful} are no amounts; expected dollars, zero or more; ask again"
        )
    broker_usd = sum(what_ifs.values())
    larger = MarginSource.BROKER if broker_usd > modeled_usd else MarginSource.MODELED
    return MarginView(
        modeled_usd=modeled_usd,
        broker_usd=broker_usd,
        binding_usd=max(broker_usd, modeled_usd),
        binding=larger,
    )


SENTINEL_USD = 1e15
"""Above every real amount and below the broker's marker for no value (1.797e308)."""
