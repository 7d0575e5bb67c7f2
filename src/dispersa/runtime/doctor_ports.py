"""Nobody answers as expected: which of the usual causes is it, and how is it mended?"""

import asyncio
import contextlib

from dispersa.broker.ibkr.accounts import LIVE_PORTS, PAPER_PORTS
from dispersa.errors import BrokerError, BrokerRefused
from dispersa.runtime.config.settings import Settings

KNOCK_SECONDS = 1.0


async def why_unreachable(settings: Settings, error: BrokerError) -> str:
    """Return the mend for a connection that could not be made."""
    if isinstance(error, BrokerRefused):
        return "log in to the account that the configuration names, or correct the configuration"
    host, port = settings.broker.host, settings.port
    if await _listens(host, port):
        return (
            f"something listens on port {port} and is not ready: finish the login (second factor) "
            "in TWS or IB Gateway, accept the connection if it asks, see that this address is "
            "among its trusted ones, and that the port is its API port"
        )
    elsewhere = [
        f"{other} ({what})"
        for other, what in _ports_of(settings).items()
        if other != port and await _listens(host, other)
    ]
    if elsewhere:
        return f"port {', '.join(elsewhere)} does listen: set broker.port to it, if that is yours"
    return (
        "start TWS or IB Gateway and log in; in TWS switch on 'Enable ActiveX and Socket Clients' "
        "(Global Configuration, API, Settings) and compare the port there with broker.port; "
        "without an account, run `dispersa gateway` beside this"
    )


def _ports_of(settings: Settings) -> dict[int, str]:
    """Ports where a login of this profile's kind listens by default."""
    return LIVE_PORTS if settings.profile == "live" else PAPER_PORTS


async def _listens(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(KNOCK_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
