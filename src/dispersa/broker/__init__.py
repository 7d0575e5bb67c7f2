"""How do we talk to a broker? The seam; `broker.ibkr` is its implementation on ib_async."""

from dispersa.broker.protocol import Broker, BrokerFeed, OptionListing, WhatIf

__all__ = ["Broker", "BrokerFeed", "OptionListing", "WhatIf"]
