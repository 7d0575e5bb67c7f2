"""Which market does the gateway carry when no file is given?

Well-known Nasdaq-100 tickers with SYNTHETIC prices, volatilities and weights: plausible sizes,
not the market's. QQQ and NDX are the basket of these names; SPY and SPX are half that basket and
half an unlisted remainder, so that VIX has a broad index to be computed from.
"""

from dataclasses import replace
from datetime import date, timedelta

from dispersa.errors import InvalidInput
from dispersa.gateway.world.calendar import is_trading_day
from dispersa.gateway.world.currencies import currency_pairs
from dispersa.gateway.world.universe import Underlying, Universe

LABEL = "built-in synthetic market (real tickers, made-up numbers)"

# symbol, company, industry, spot, 30-day vol, weight in per mille, straddle spread, yield
_NAMES: tuple[tuple[str, str, str, float, float, float, float, float], ...] = (
    ("NVDA", "NVIDIA CORP", "Technology", 182.40, 0.385, 118.0, 0.009, 0.0003),
    ("AAPL", "APPLE INC", "Technology", 268.20, 0.245, 106.0, 0.012, 0.0040),
    ("MSFT", "MICROSOFT CORP", "Technology", 478.60, 0.225, 98.0, 0.011, 0.0070),
    ("AVGO", "BROADCOM INC", "Technology", 342.10, 0.420, 72.0, 0.014, 0.0070),
    ("AMZN", "AMAZON.COM INC", "Communications", 224.30, 0.290, 66.0, 0.013, 0.0),
    ("GOOGL", "ALPHABET INC-CL A", "Communications", 288.90, 0.285, 58.0, 0.013, 0.0030),
    ("META", "META PLATFORMS INC-CLASS A", "Communications", 602.50, 0.310, 45.0, 0.011, 0.0035),
    ("TSLA", "TESLA INC", "Consumer, Cyclical", 398.70, 0.520, 44.0, 0.009, 0.0),
    ("NFLX", "NETFLIX INC", "Communications", 108.40, 0.330, 30.0, 0.020, 0.0),
    ("COST", "COSTCO WHOLESALE CORP", "Consumer, Cyclical", 902.10, 0.195, 28.0, 0.020, 0.0055),
    ("PLTR", "PALANTIR TECHNOLOGIES INC-A", "Technology", 158.90, 0.560, 27.0, 0.022, 0.0),
    ("AMD", "ADVANCED MICRO DEVICES", "Technology", 208.60, 0.510, 25.0, 0.012, 0.0),
    ("CSCO", "CISCO SYSTEMS INC", "Communications", 76.20, 0.230, 22.0, 0.024, 0.0210),
    ("TMUS", "T-MOBILE US INC", "Communications", 212.70, 0.220, 19.0, 0.035, 0.0170),
    ("AMAT", "APPLIED MATERIALS INC", "Technology", 228.40, 0.420, 15.0, 0.025, 0.0080),
    ("LRCX", "LAM RESEARCH CORP", "Technology", 146.80, 0.450, 15.0, 0.024, 0.0070),
    ("MU", "MICRON TECHNOLOGY INC", "Technology", 212.30, 0.550, 18.0, 0.016, 0.0022),
    ("LIN", "LINDE PLC", "Basic Materials", 416.50, 0.190, 14.0, 0.060, 0.0140),
    ("PEP", "PEPSICO INC", "Consumer, Non-cyclical", 146.90, 0.195, 14.0, 0.035, 0.0380),
    ("INTU", "INTUIT INC", "Technology", 652.30, 0.300, 13.0, 0.045, 0.0070),
    ("QCOM", "QUALCOMM INC", "Technology", 172.60, 0.330, 13.0, 0.022, 0.0200),
    ("AMGN", "AMGEN INC", "Consumer, Non-cyclical", 336.80, 0.240, 13.0, 0.045, 0.0280),
    ("INTC", "INTEL CORP", "Technology", 36.40, 0.520, 12.0, 0.018, 0.0),
    ("ISRG", "INTUITIVE SURGICAL INC", "Consumer, Non-cyclical", 558.20, 0.300, 12.0, 0.050, 0.0),
    ("TXN", "TEXAS INSTRUMENTS INC", "Technology", 162.80, 0.310, 11.0, 0.030, 0.0340),
    ("BKNG", "BOOKING HOLDINGS INC", "Communications", 4885.0, 0.260, 11.0, 0.055, 0.0080),
    ("GILD", "GILEAD SCIENCES INC", "Consumer, Non-cyclical", 124.60, 0.255, 11.0, 0.035, 0.0250),
    ("KLAC", "KLA CORP", "Technology", 1158.0, 0.400, 11.0, 0.050, 0.0065),
    ("ADBE", "ADOBE INC", "Technology", 322.40, 0.320, 10.0, 0.028, 0.0),
    ("PANW", "PALO ALTO NETWORKS INC", "Technology", 188.50, 0.340, 10.0, 0.026, 0.0),
    ("HON", "HONEYWELL INTERNATIONAL INC", "Industrial", 194.70, 0.215, 9.5, 0.050, 0.0240),
    ("ADI", "ANALOG DEVICES INC", "Technology", 238.90, 0.320, 9.0, 0.045, 0.0165),
    ("CRWD", "CROWDSTRIKE HOLDINGS INC - A", "Technology", 512.60, 0.420, 9.0, 0.022, 0.0),
    (
        "VRTX",
        "VERTEX PHARMACEUTICALS INC",
        "Consumer, Non-cyclical",
        432.10,
        0.265,
        8.5,
        0.060,
        0.0,
    ),
    ("CMCSA", "COMCAST CORP-CLASS A", "Communications", 27.30, 0.300, 8.0, 0.040, 0.0480),
    (
        "ADP",
        "AUTOMATIC DATA PROCESSING",
        "Consumer, Non-cyclical",
        254.20,
        0.205,
        8.0,
        0.065,
        0.0250,
    ),
    ("SBUX", "STARBUCKS CORP", "Consumer, Cyclical", 84.60, 0.290, 7.5, 0.030, 0.0290),
    ("MELI", "MERCADOLIBRE INC", "Communications", 2062.0, 0.380, 7.5, 0.060, 0.0),
    ("CEG", "CONSTELLATION ENERGY", "Utilities", 342.80, 0.480, 7.0, 0.055, 0.0045),
    ("MRVL", "MARVELL TECHNOLOGY INC", "Technology", 82.70, 0.560, 7.0, 0.024, 0.0029),
)

_REMAINDER = Underlying(
    symbol="(REST OF SPX)",
    long_name="Unlisted remainder of the broad index",
    spot=100.0,
    vol=0.150,
    is_hidden=True,
    has_options=False,
)

_INDEX_SMILE = {"slope": -0.62, "curve": 0.60}


def _component(
    row: tuple[str, str, str, float, float, float, float, float], start: date
) -> Underlying:
    symbol, company, industry, spot, vol, weight, spread, dividend = row
    return Underlying(
        symbol=symbol,
        long_name=company,
        industry=industry,
        spot=spot,
        vol=vol,
        dividend_yield=dividend,
        straddle_spread=spread,
        spread_bps=0.6 + 60.0 * max(spread - 0.009, 0.0),
        display_size=max(5, round(0.6 / spread)),
        day_volume=round(4e8 * weight / spot),
        earnings=earnings_dates(symbol, start),
        dividends=dividend_dates(symbol, start, dividend * spot / 4.0),
    )


def dividend_dates(symbol: str, start: date, amount: float) -> tuple[tuple[date, float], ...]:
    """Return made-up quarterly ex-dates and the amount to the cent, none below a cent."""
    if round(amount, 2) < 0.01:
        return ()
    first, shift = 1 + sum(map(ord, symbol)) % 3, sum(map(ord, symbol)) % 17
    dates = []
    for year in range(start.year, start.year + 3):
        for month in range(first, 13, 3):
            day = date(year, month, 8) + timedelta(days=shift)
            while not is_trading_day(day):
                day += timedelta(days=1)
            dates.append((day, round(amount, 2)))
    return tuple(dates)


def earnings_dates(symbol: str, start: date) -> tuple[date, ...]:
    """Return made-up report dates (before the open), one per quarter, spread over a season.

    A season is the four weeks from the 20th of January, April, July and October, so that around
    the turn of a season some names report within a month and others do not.
    """
    shift = sum(map(ord, symbol)) % 28
    dates = []
    for year in range(start.year - 3, start.year + 3):
        for month in (1, 4, 7, 10):
            day = date(year, month, 20) + timedelta(days=shift)
            while not is_trading_day(day):
                day += timedelta(days=1)
            dates.append(day)
    return tuple(dates)


def _indices() -> tuple[Underlying, ...]:
    def index(symbol: str, name: str, spot: float, spread: float, **rest: object) -> Underlying:
        return Underlying(
            symbol=symbol, long_name=name, spot=spot, straddle_spread=spread,
            **_INDEX_SMILE, **rest,  # type: ignore[arg-type]  # all numbers
        )  # fmt: skip

    fund = {"stock_type": "ETF", "spread_bps": 0.3, "day_volume": 50_000_000}
    level = {"sec_type": "IND", "stock_type": "", "primary_exchange": "CBOE"}
    return (
        index("QQQ", "INVESCO QQQ TRUST SERIES 1", 598.40, 0.007, dividend_yield=0.0055,
              display_size=60, **fund),
        index("SPY", "SPDR S&P 500 ETF TRUST", 659.20, 0.003, dividend_yield=0.0115,
              display_size=120, primary_exchange="ARCA", **fund),
        index("NDX", "NASDAQ 100 Stock Index", 24_560.0, 0.018, dividend_yield=0.0055,
              display_size=10, **(level | {"primary_exchange": "NASDAQ"})),
        index("SPX", "S&P 500 Stock Index", 6_602.0, 0.006, dividend_yield=0.0115,
              display_size=40, **level),
        index("XSP", "S&P 500 Mini-SPX Index", 660.20, 0.012, dividend_yield=0.0115,
              display_size=20, **level),
    )  # fmt: skip


def synthetic_weights(names: int | None = None) -> dict[str, float]:
    """Return the weights of the QQQ basket, largest first, summing to one over all names.

    `names` keeps only the largest; their weights are not scaled up again.
    """
    total = sum(row[5] for row in _NAMES)
    ranked = sorted(_NAMES, key=lambda row: -row[5])
    return {row[0]: row[5] / total for row in ranked[:names]}


def synthetic_universe(start: date, names: int | None = None) -> Universe:
    """Return the built-in market as of `start`; `names` lists only the largest components.

    The names that are not listed stay in the baskets as hidden members: the index does not
    change its value or its volatility when fewer components are listed.
    """
    if names is not None and not 1 <= names <= len(_NAMES):
        raise InvalidInput(
            f"the built-in market has {len(_NAMES)} components, found names={names}; "
            f"choose 1 to {len(_NAMES)}"
        )
    weights = synthetic_weights()
    listed = set(list(weights)[: names or len(_NAMES)])
    components = tuple(
        component
        if component.symbol in listed
        else replace(component, is_hidden=True, has_options=False)
        for component in (_component(row, start) for row in _NAMES)
    )
    broad = {symbol: 0.5 * weight for symbol, weight in weights.items()}
    broad[_REMAINDER.symbol] = 0.5
    return Universe(
        label=LABEL,
        components=(*components, _REMAINDER, *currency_pairs()),
        indices=_indices(),
        baskets={"QQQ": weights, "NDX": weights, "SPY": broad, "SPX": broad, "XSP": broad},
    )
