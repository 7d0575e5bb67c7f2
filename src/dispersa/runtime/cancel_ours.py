"""How are our orders cancelled when no engine does it? As its client, one reference at a time.

Never a global cancel: what other programs and people work on the account is not ours to end.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic

from dispersa.broker.ibkr.connection import IbkrConnection, connect
from dispersa.broker.ibkr.settings import IbkrSettings
from dispersa.errors import BrokerError, Unresolved
from dispersa.orders import BrokerSnapshot, OpenOrderReading, OrderRef
from dispersa.runtime.clock import WallClock

LOOK_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """What is gone and what still works; `left` is None where the broker could not be read."""

    gone: tuple[OrderRef, ...]
    left: tuple[OrderRef, ...] | None
    problem: str = ""

    @property
    def sentence(self) -> str:
        """Say what was cancelled and what stays."""
        if self.left is None:
            return f"the broker's orders could not be read ({self.problem}): look at its own screen"
        done = f"{len(self.gone)} order(s) of ours cancelled"
        if not self.left:
            return f"{done}, none is left"
        return f"{done}; STILL THERE: {', '.join(self.left)}. Look at the broker's own screen"


def orders_of(snapshot: BrokerSnapshot, prefix: str) -> tuple[OpenOrderReading, ...]:
    """Return the open orders whose references are ours."""
    return tuple(row for row in snapshot.open_orders if row.ref.startswith(f"{prefix}-"))


@contextlib.asynccontextmanager
async def connected(settings: IbkrSettings) -> AsyncIterator[IbkrConnection]:
    """Connect, drop the reports that nobody here needs, and close in order."""
    connection = await connect(settings, WallClock())
    drain = asyncio.create_task(_drain(connection))
    try:
        yield connection
    finally:
        drain.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await drain
        await connection.close()


async def cancel_ours(
    settings: IbkrSettings, *, prefix: str, settle_seconds: float, wait_seconds: float
) -> Cancelled:
    """Cancel every order of ours and wait up to `settle_seconds` until reads show none.

    `wait_seconds` is for a client id that is still taken, and for a broker that does not answer.
    """
    asked: set[OrderRef] = set()
    left: tuple[OrderRef, ...] | None = None
    problem = ""
    deadline = monotonic() + settle_seconds + wait_seconds
    while left is None or (left and monotonic() < deadline):
        try:
            async with connected(settings) as connection:
                left = await _until_none(connection, prefix, asked, settle_seconds)
        except BrokerError as error:
            problem = str(error)
        if left == () or monotonic() >= deadline:
            break
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    return Cancelled(gone=tuple(sorted(asked - set(left or ()))), left=left, problem=problem)


async def _until_none(
    connection: IbkrConnection, prefix: str, asked: set[OrderRef], seconds: float
) -> tuple[OrderRef, ...]:
    began = monotonic()
    left = _refs(await connection.orders.snapshot(), prefix)
    while left and monotonic() - began < seconds:
        for ref in left:
            asked.add(ref)
            with contextlib.suppress(Unresolved):
                await connection.orders.cancel(ref)
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        left = _refs(await connection.orders.snapshot(), prefix)
    return left


def _refs(snapshot: BrokerSnapshot, prefix: str) -> tuple[OrderRef, ...]:
    return tuple(row.ref for row in orders_of(snapshot, prefix))


async def _drain(connection: IbkrConnection) -> None:
    async for _ in connection.orders.reports():
        pass
