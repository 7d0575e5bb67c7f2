"""What does a running desk do with what it holds while the market is open? Mark, book, end, hedge.

An exit rule asks for the closing as a person would: it is planned, checked by the gate, and waits
for what the phase wants (a word, a window, or nothing). Each rule asks once a day for a trade.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from dispersa.desk import events as ev
from dispersa.desk.state import DeskState
from dispersa.desk.weighing import is_holding
from dispersa.orders import ProgramId
from dispersa.portfolio.reconciliation import EXCHANGE_ZONE
from dispersa.runtime.daily_cycle import CyclePolicies, trades_today
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.health import is_busy
from dispersa.runtime.settling import book_dividends, mark_book
from dispersa.runtime.trade_session import TradeSetup

EVERY = timedelta(minutes=5)
BEFORE_CLOSE = timedelta(minutes=1)
"""The last marks of a day are taken so long before the close, while there are quotes."""


class HoldingWatch:
    """Marks the book through the session and asks for the closings that exit rules want."""

    def __init__(
        self,
        setup: TradeSetup,
        loop: DeskLoop,
        policies: Callable[[], CyclePolicies],
        hedge: Callable[[], Awaitable[None]],
    ) -> None:
        self._setup = setup
        self._loop = loop
        self._read_policies = policies
        self.policies = CyclePolicies()
        self._hedge = hedge
        self._asked: set[tuple[str, ProgramId, str]] = set()

    async def run(self) -> None:
        """Look again and again until cancelled; `policies` are those of the last look."""
        self.policies = self._read_policies()
        while True:
            await asyncio.sleep(self._pause().total_seconds())
            if self._may_look(self._loop.state):
                await self._look()

    def _pause(self) -> timedelta:
        session = self._loop.state.session
        if session is None:
            return EVERY
        last = session.closes - BEFORE_CLOSE - self._now()
        return min(EVERY, last) if last > timedelta(0) else EVERY

    def _may_look(self, state: DeskState) -> bool:
        session = state.session
        is_open = session is not None and session.opens < self._now() < session.closes
        return is_open and state.linked and not is_busy(state) and is_holding(state)

    async def _look(self) -> None:
        """Mark what is held and ask for the first closing that is due; without one, hedge."""
        self.policies = policies = self._read_policies()
        await book_dividends(self._setup, self._loop, policies.dividends)
        await mark_book(self._setup, self._loop)
        today = self._now().astimezone(EXCHANGE_ZONE).date()
        for row in trades_today(self._loop.state, policies, today):
            if row.exit is None:
                continue
            key = (today.isoformat(), row.trade, row.exit.reason.value)
            if key in self._asked:
                continue
            self._asked.add(key)
            event = ev.ClosingRequested(
                trade=row.trade,
                reason=row.exit.sentence,
                requested_by=f"exit rule {row.exit.reason.value}",
                rolls=row.exit.rolls,
            )
            await self._loop.tell(event)
            return
        await self._hedge()

    def _now(self) -> datetime:
        return self._setup.clock.live.now()
