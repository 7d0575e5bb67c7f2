"""Which market do the settings ask for?"""

from datetime import date

from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.world.chainfile import ChainFile, chainfile_source
from dispersa.gateway.world.quotefile import is_quotefile, quotefile_source
from dispersa.gateway.world.source import MarketSource, synthetic_source


def market_source(settings: GatewaySettings, day: date) -> MarketSource:
    """Return the market that the settings ask for."""
    if settings.market is None:
        return synthetic_source(day, settings.names)
    if is_quotefile(settings.market):
        return quotefile_source(settings.market, settings.market_date, settings.names)
    request = ChainFile(
        chains=settings.market,
        day=settings.market_date,
        weights=settings.weights,
        names=settings.names,
    )
    return chainfile_source(request)
