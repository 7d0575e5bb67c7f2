"""Which currency pairs does every market carry?

Made-up levels, quoted in the second currency, moving on their own (no share in the market factor).
Like everything here they trade in regular hours only.
"""

from dispersa.gateway.world.universe import Underlying

_PAIRS = (
    ("EUR.USD", "European Monetary Union Euro", 1.1590, 0.072),
    ("GBP.USD", "British Pound", 1.3120, 0.078),
    ("AUD.USD", "Australian Dollar", 0.6520, 0.095),
    ("NZD.USD", "New Zealand Dollar", 0.5640, 0.100),
    ("USD.JPY", "US Dollar", 154.30, 0.105),
)


def currency_pairs() -> tuple[Underlying, ...]:
    """Return the pairs as components outside all baskets, named `EUR.USD` and so on."""
    return tuple(
        Underlying(
            symbol=pair,
            long_name=name,
            sec_type="CASH",
            stock_type="",
            primary_exchange="IDEALPRO",
            spot=level,
            vol=vol,
            spread_bps=0.5,
            market_share=0.0,
            has_options=False,
        )
        for pair, name, level, vol in _PAIRS
    )
