"""When does the gateway restart by itself, and what does that do?

IBKR's gateway restarts every night (23:45 New York time in recorded logs): every connection ends,
nothing listens for a while, and nextValidId rolls back.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dispersa.gateway.clock import NEW_YORK
from dispersa.gateway.outages import Outage

if TYPE_CHECKING:
    from dispersa.gateway.server import RunningGateway


def next_restart(now: datetime, hour: float) -> datetime:
    """Return the next instant at which it is `hour` o'clock (23.75 = 23:45) in New York."""
    here = now.astimezone(NEW_YORK)
    minutes = round(hour * 60)
    wanted = here.replace(hour=minutes // 60 % 24, minute=minutes % 60, second=0, microsecond=0)
    return wanted if wanted > here else wanted + timedelta(days=1)


def schedule_restarts(gateway: "RunningGateway") -> None:
    """Restart the gateway at the hour of its rules, night after night; never, where it is None."""
    hour = gateway.floor.rules.restart_hour
    if hour is None:
        return

    def restart() -> None:
        gateway.outages.strike(Outage(code="A10", seconds=gateway.floor.rules.restart_seconds))
        schedule_restarts(gateway)

    now = gateway.clock.now()
    seconds = (next_restart(now, hour) - now).total_seconds()
    gateway.floor.loop.call_later(seconds, restart)
