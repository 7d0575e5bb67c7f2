"""What can a person see of a running gateway?"""

import asyncio
from typing import TYPE_CHECKING

from dispersa.gateway.floor import Floor
from dispersa.gateway.wire.times import LOGIN_ZONE

if TYPE_CHECKING:
    from rich.table import Table

_REFRESH_SECONDS = 0.5


async def watch(floor: Floor) -> None:
    """Show a live table on stderr until cancelled."""
    from rich.console import Console
    from rich.live import Live

    meter = _Meter(floor)
    with Live(console=Console(stderr=True), auto_refresh=False) as live:
        while True:
            live.update(table(floor, meter.per_second()), refresh=True)
            await asyncio.sleep(_REFRESH_SECONDS * floor.settings.speed)


class _Meter:
    """Messages per second on the wall, in both directions."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._at = floor.loop.time()
        self._counted = 0

    def per_second(self) -> float:
        """Return the rate since the last call."""
        traffic, now = self._floor.traffic, self._floor.loop.time()
        total = traffic.messages_in + traffic.messages_out
        seconds = (now - self._at) / self._floor.settings.speed
        rate = (total - self._counted) / max(seconds, 1e-9)
        self._at, self._counted = now, total
        return rate


def table(floor: Floor, messages_per_second: float) -> "Table":
    """Return the present state: clients, orders, fills, messages per second."""
    from rich.table import Table

    traffic = floor.traffic
    local = floor.clock.now().astimezone(LOGIN_ZONE)
    shown = Table(
        title=f"simulated IB Gateway · {local:%Y-%m-%d %H:%M:%S %Z}",
        caption=(
            f"{traffic.orders} orders · {traffic.fills} fills · {floor.lines} lines\n"
            f"{messages_per_second:,.0f} messages/s\n"
            f"{traffic.refused_connections} connections refused\n" + "\n".join(traffic.recent)
        ),
    )
    for heading in ("client", "version", "lines", "received", "sent"):
        shown.add_column(heading, justify="right")
    for attendant in floor.attendants():
        census = attendant.census()
        shown.add_row(
            str(census.client_id),
            str(census.version),
            str(census.lines),
            f"{census.received:,}",
            f"{census.sent:,}",
        )
    return shown
