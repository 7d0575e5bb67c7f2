"""How do we talk to a broker? The seam; `broker.ibkr` is its implementation on ib_async."""

from dispersa.broker.protocol import (
    BarContent,
    Broker,
    BrokerFeed,
    Clock,
    DailyBar,
    OptionListing,
    WhatIf,
)

__all__ = ["BarContent", "Broker", "BrokerFeed", "Clock", "DailyBar", "OptionListing", "WhatIf"]
