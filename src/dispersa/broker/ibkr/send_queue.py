"""Which order messages wait for their turn, and can still be taken back?"""

import asyncio

from dispersa.broker.ibkr.pacer import Pacer, Urgency
from dispersa.orders import OrderRef


class SendQueue:
    """Order messages between our decision and the socket."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._waiting: dict[OrderRef, asyncio.Future[None]] = {}

    def __contains__(self, ref: object) -> bool:
        return ref in self._waiting

    @property
    def refs(self) -> tuple[OrderRef, ...]:
        """References of the messages that wait."""
        return tuple(self._waiting)

    async def turn(self, ref: OrderRef) -> bool:
        """Wait for a turn; return False when the message was taken back while it waited."""
        waiting = asyncio.ensure_future(self._pacer.turn(Urgency.ORDER))
        self._waiting[ref] = waiting
        try:
            await asyncio.wait({waiting})
        finally:
            self._waiting.pop(ref, None)
            waiting.cancel()
        return not waiting.cancelled()

    def take_back(self, ref: OrderRef) -> bool:
        """Take a message back; return whether one was waiting."""
        waiting = self._waiting.get(ref)
        return waiting is not None and waiting.cancel()
