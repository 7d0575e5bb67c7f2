"""What leaves for the broker? Orders from behind a latch, cancels always.

A halt closes the latch at once, before the desk has heard of it, so that nothing which was decided
but not handed over can slip out between the two. What is withheld is told to the desk.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from dispersa.broker import Broker
from dispersa.desk import events as ev
from dispersa.desk.commands import AmendOrder, CancelOrder, Command, PlaceOrder
from dispersa.errors import BrokerError, BrokerRefused, Disconnected, Unresolved
from dispersa.orders import ApprovedOrder, OrderDoubtful, OrderRef, Purpose
from dispersa.risk import HaltLevel

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class Outbox:
    """The one place from which orders and cancels reach the broker."""

    def __init__(self, broker: Broker, *, post: Callable[[ev.Event], None], spawn: Spawn) -> None:
        self._broker = broker
        self._post = post
        self._spawn = spawn
        self._latch = HaltLevel.NONE
        self._waiting: set[OrderRef] = set()
        self._withheld: set[OrderRef] = set()
        self._overtook: set[OrderRef] = set()

    def stop(self, level: HaltLevel) -> None:
        """Let nothing out that this level forbids, from this instant on."""
        if level is HaltLevel.HOLD and self._latch is not HaltLevel.NONE:
            return
        self._latch = level

    def release(self) -> None:
        """Let orders out again."""
        self._latch = HaltLevel.NONE

    def expect(self, commands: tuple[Command, ...]) -> bool:
        """Note new orders that wait for their commit; return whether anything waits for it."""
        self._waiting |= {
            command.approved.intent.ref for command in commands if isinstance(command, PlaceOrder)
        }
        return any(isinstance(command, PlaceOrder | AmendOrder) for command in commands)

    async def cancel_first(self, commands: tuple[Command, ...]) -> None:
        """Put the cancels among `commands` on the wire; no commit is waited for."""
        refs = [command.ref for command in commands if isinstance(command, CancelOrder)]
        fresh = [ref for ref in refs if ref not in self._overtook]
        self._overtook.difference_update(refs)
        await self._cancel_each(fresh)

    async def overtake(self, refs: list[OrderRef]) -> int:
        """Cancel orders before the desk has decided it; return how many cancels go out."""
        handed_over = [ref for ref in refs if ref not in self._waiting]
        self._overtook.update(handed_over)
        await self._cancel_each(handed_over)
        return len(handed_over)

    async def send(self, command: PlaceOrder | AmendOrder) -> None:
        """Hand an order over.

        What the connection refuses before it writes (no proven link, read-only) never left; any
        other error proves nothing about what the broker has received.
        """
        approved, ref = command.approved, command.approved.intent.ref
        is_change = isinstance(command, AmendOrder)
        self._waiting.discard(ref)
        if not self._permits(approved.intent.purpose):
            if not is_change:
                self._withheld.add(ref)
            reason = f"withheld: trading was halted ({self._latch}) before it was sent"
            self._post(ev.OrderWithheld(ref=ref, reason=reason, is_change=is_change))
            return
        await self._hand_over(approved, is_change=is_change)

    async def _hand_over(self, approved: ApprovedOrder, *, is_change: bool) -> None:
        ref = approved.intent.ref
        send = self._broker.amend if is_change else self._broker.place
        try:
            order_id = await send(approved)
        except (Disconnected, BrokerRefused) as error:
            self._post(ev.OrderWithheld(ref=ref, reason=str(error), is_change=is_change))
        except (BrokerError, Unresolved) as error:
            self._post(OrderDoubtful(ref=ref, code=None, message=str(error)))
        else:
            self._post(ev.OrderHandedOver(ref=ref, order_id=order_id))

    def _permits(self, purpose: Purpose) -> bool:
        match self._latch:
            case HaltLevel.NONE:
                return True
            case HaltLevel.HOLD | HaltLevel.FLATTEN:
                return purpose is Purpose.REDUCE
            case HaltLevel.CANCEL:
                return False

    async def _cancel_each(self, refs: list[OrderRef]) -> None:
        """Start every cancel; each is on the wire, or waits for the pacer only, on return."""
        for ref in refs:
            if ref not in self._withheld:
                self._spawn(self._cancel(ref))
        if refs:
            await asyncio.sleep(0)

    async def _cancel(self, ref: OrderRef) -> None:
        try:
            await self._broker.cancel(ref)
        except (BrokerError, Unresolved) as error:
            self._post(OrderDoubtful(ref=ref, code=None, message=str(error)))
