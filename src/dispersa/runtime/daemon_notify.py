"""How does systemd learn that the daemon is ready and alive? Datagrams on NOTIFY_SOCKET."""

import asyncio
import os
import socket

BEAT_SECONDS = 5.0


def notify(state: str) -> bool:
    """Send one state such as READY=1; False where nobody asked to be told."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
        line.settimeout(1.0)
        line.sendto(state.encode(), address)
    return True


def beat_seconds() -> float:
    """Return how often to say that we live: half of what systemd waits, at most 5 s."""
    asked = os.environ.get("WATCHDOG_USEC", "")
    if not asked.isdigit() or int(asked) <= 0:
        return BEAT_SECONDS
    return min(BEAT_SECONDS, int(asked) / 2_000_000)


async def beat() -> None:
    """Say READY once, then that the event loop runs; until cancelled."""
    notify("READY=1")
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(beat_seconds())
