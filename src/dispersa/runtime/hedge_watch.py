"""Who lets a delta hedge go: the phase by itself, or a person who is told that it is due?"""

import asyncio
from collections.abc import Callable
from typing import Any

from dispersa.alerts import Alert, Severity
from dispersa.desk.hedging import Hedge, HedgeVerdict
from dispersa.desk.phases import Action, Approval
from dispersa.desk.state import DeskState
from dispersa.desk.weighing import is_holding
from dispersa.errors import MarketDataMissing
from dispersa.portfolio.reconciliation import EXCHANGE_ZONE
from dispersa.runtime.control_requests import HedgesAsked
from dispersa.runtime.daily_cycle import CyclePolicies
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.health import is_busy
from dispersa.runtime.hedging import HedgeLook, look_at_deltas, send_hedges
from dispersa.runtime.trade_session import TradeSetup

CONFIRM_WORD = "EXECUTE"


class HedgeWatch:
    """Looks whether names have left their delta band, and acts as the phase says."""

    def __init__(
        self,
        setup: TradeSetup,
        loop: DeskLoop,
        policies: Callable[[], CyclePolicies],
        tell: Callable[[Alert], None],
    ) -> None:
        self._setup = setup
        self._loop = loop
        self._policies = policies
        self._tell = tell
        self._released = asyncio.Event()

    async def act(self) -> None:
        """Send what is due where the phase lets hedges go by themselves; else tell a person."""
        look = await self._look()
        wanted = _due(look)
        if look is None or not wanted or is_busy(self._loop.state):
            return
        phases = self._setup.rules.phases
        effective = self._loop.state.phasing.effective
        if phases.approval(effective, Action.HEDGE) is Approval.AUTOMATIC:
            await send_hedges(self._setup, self._loop, look)
        else:
            self._tell(self._asking(wanted))

    async def answer(self, asked: HedgesAsked) -> dict[str, Any]:
        """Say what is due now and, with the word EXECUTE, let it go; `run` sends it."""
        due = [hedge.sentence for hedge in _due(await self._look())]
        is_released = bool(due) and asked.text == CONFIRM_WORD and not is_busy(self._loop.state)
        if is_released:
            self._released.set()
        return {"due": due, "released": is_released}

    async def run(self) -> None:
        """Send what a person has let go, until cancelled; whoever asked does not wait for it."""
        while True:
            await self._released.wait()
            self._released.clear()
            if (look := await self._look()) is not None:
                await send_hedges(self._setup, self._loop, look)

    async def _look(self) -> HedgeLook | None:
        state: DeskState = self._loop.state
        if state.session is None or not is_holding(state):
            return None
        policies = self._policies()
        try:
            return await look_at_deltas(self._setup, state, policies.hedging, policies.borrow)
        except MarketDataMissing:
            return None

    def _asking(self, wanted: tuple[Hedge, ...]) -> Alert:
        at = self._setup.clock.live.now()
        day, names = at.astimezone(EXCHANGE_ZONE).date(), [hedge.symbol for hedge in wanted]
        return Alert(
            alert_id=f"hedge-{day}-{'-'.join(names)}",
            topic="hedge due",
            severity=Severity.WARNING,
            at=at,
            headline=f"A delta hedge is due in {', '.join(names)}",
            happened="; ".join(hedge.sentence for hedge in wanted),
            done="Nothing was sent: in this phase a person lets hedges go.",
            options="Look at it and send it: dispersa cycle --hedge. Told once a day for a name.",
        )


def _due(look: HedgeLook | None) -> tuple[Hedge, ...]:
    if look is None:
        return ()
    return tuple(row for row in look.hedges if row.verdict is HedgeVerdict.TRADE and row.shares)
