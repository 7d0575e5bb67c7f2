"""Which universe do the rows of a chains file make?"""

from collections.abc import Mapping

from dispersa.errors import InvalidInput
from dispersa.gateway.world.chainmath import NameRows
from dispersa.gateway.world.currencies import currency_pairs
from dispersa.gateway.world.universe import Underlying, Universe

_FUNDS = {
    "QQQ": "INVESCO QQQ TRUST SERIES 1",
    "SPY": "SPDR S&P 500 ETF TRUST",
    "IWM": "ISHARES RUSSELL 2000 ETF",
    "SMH": "VANECK SEMICONDUCTOR ETF",
    "XLF": "FINANCIAL SELECT SECTOR SPDR",
}
_CASH_INDICES = {
    "NDX": ("QQQ", 41.0, "NASDAQ 100 Stock Index", "NASDAQ"),
    "SPX": ("SPY", 10.0, "S&P 500 Stock Index", "CBOE"),
}
_STRADDLE_SPREADS = {
    "SPY": 0.003, "QQQ": 0.007, "NVDA": 0.009, "TSLA": 0.009, "META": 0.011, "AAPL": 0.017,
    "GOOG": 0.013, "GOOGL": 0.013, "AMZN": 0.015, "MSFT": 0.013, "AVGO": 0.015, "AMD": 0.014,
    "PLTR": 0.026, "NFLX": 0.049, "JPM": 0.060, "TSM": 0.060, "LLY": 0.079, "IWM": 0.008,
}  # fmt: skip
"""Straddle widths over mid that data.md reports, and a few neighbors of theirs."""
FILE_YIELD = 0.005
"""Yield of every name; files have none."""
_VOLUME_REFERENCE = 200_000
_SPREAD_AT_REFERENCE = 0.016


def straddle_spread(symbol: str, option_volume: int) -> float:
    """Return a name's straddle width over mid: known, or `0.016 (200,000 / volume)^0.35`.

    Between 1.2 % and 8 %; the law passes near the known names of data.md.
    """
    if symbol in _STRADDLE_SPREADS:
        return _STRADDLE_SPREADS[symbol]
    scaled = _SPREAD_AT_REFERENCE * (_VOLUME_REFERENCE / max(option_volume, 1)) ** 0.35
    return float(min(max(scaled, 0.012), 0.08))


def members_of(
    count: int | None,
    weights: Mapping[str, Mapping[str, float]],
    vols: Mapping[str, float],
    path: str,
) -> list[str]:
    """Return the components to carry: the largest of QQQ that have volatilities, or all.

    All means the members of any basket and the plain funds. A fund that multiplies or inverts
    another's moves is no stock that moves with the market factor, so it is left out.
    """
    for fund in ("QQQ", "SPY"):
        if fund in weights and fund in vols:
            break
    else:
        raise InvalidInput(f"{path} holds neither QQQ nor SPY with weights; nothing can be traded")
    ranked = sorted(weights[fund], key=lambda symbol: -weights[fund][symbol])
    usable = [symbol for symbol in ranked if symbol in vols and symbol not in ("QQQ", "SPY")]
    if count is None:
        members = {symbol for basket in weights.values() for symbol in basket}
        others = (set(vols) & (members | set(_FUNDS))) - set(usable) - {"QQQ", "SPY"}
        return [*usable, *sorted(others)]
    if not 1 <= count <= len(usable):
        raise InvalidInput(
            f"{path} holds {len(usable)} members of {fund} with implied volatilities, "
            f"found names={count}; choose 1 to {len(usable)}"
        )
    return usable[:count]


def universe_of(
    label: str,
    tables: Mapping[str, NameRows],
    vols: Mapping[str, float],
    weights: Mapping[str, Mapping[str, float]],
    members: list[str],
) -> Universe:
    """Return components, funds and cash indices with their baskets.

    What a basket holds beyond the listed members is one hidden remainder with the fund's own
    volatility.
    """
    components = [stock_of(tables[symbol], vols[symbol]) for symbol in members]
    indices: list[Underlying] = []
    baskets: dict[str, dict[str, float]] = {}
    for fund in ("QQQ", "SPY"):
        if fund not in tables or fund not in weights:
            continue
        indices.append(stock_of(tables[fund], 0.0))
        baskets[fund] = {s: weights[fund][s] for s in members if s in weights[fund]}
        missing = 1.0 - sum(baskets[fund].values())
        if missing > 1e-9:
            rest = remainder(fund, vols[fund])
            components.append(rest)
            baskets[fund][rest.symbol] = missing
    for index, (fund, multiple, name, exchange) in _CASH_INDICES.items():
        if fund in baskets:
            indices.append(cash_index(index, name, exchange, multiple * tables[fund].spot))
            baskets[index] = baskets[fund]
    return Universe(
        label=label,
        components=(*components, *currency_pairs()),
        indices=tuple(indices),
        baskets=baskets,
        vix_source="SPX" if "SPX" in baskets else "NDX",
    )


def stock_of(rows: NameRows, vol: float) -> Underlying:
    """Return a name of the file as an underlying."""
    spread = straddle_spread(rows.symbol, rows.option_volume)
    is_fund = rows.symbol in _FUNDS
    return Underlying(
        symbol=rows.symbol,
        long_name=_FUNDS.get(rows.symbol, rows.symbol),
        stock_type="ETF" if is_fund else "COMMON",
        primary_exchange="ARCA" if rows.symbol in {"SPY", "IWM", "XLF"} else "NASDAQ",
        spot=rows.spot,
        vol=vol,
        dividend_yield=FILE_YIELD,
        straddle_spread=spread,
        spread_bps=0.3 if is_fund else 0.6 + 60.0 * max(spread - 0.009, 0.0),
        display_size=max(5, round(0.5 / spread)),
        day_volume=50_000_000 if is_fund else 8_000_000,
    )


def remainder(fund: str, vol: float) -> Underlying:
    """Return the hidden rest of a basket."""
    return Underlying(
        symbol=f"(REST OF {fund})",
        long_name=f"Unlisted remainder of {fund}",
        spot=100.0,
        vol=vol,
        is_hidden=True,
        has_options=False,
    )


def cash_index(symbol: str, name: str, exchange: str, level: float) -> Underlying:
    """Return an index without options."""
    return Underlying(
        symbol=symbol,
        long_name=name,
        sec_type="IND",
        stock_type="",
        primary_exchange=exchange,
        spot=round(level, 2),
        dividend_yield=FILE_YIELD,
        has_options=False,
    )
