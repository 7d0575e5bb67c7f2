"""What does a desk give the page that it hosts? Readings, and the ways to ask.

The page asks through the control socket's own handlers; it never sees desk, journal or broker.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from dispersa.alerts import Delivery
from dispersa.desk.expiry import Dividend
from dispersa.desk.phases import Phase
from dispersa.desk.state import DeskState
from dispersa.journal import Entry, Journal, JournalFailed
from dispersa.market import ConId, Quote, Symbol
from dispersa.risk import HaltLevel
from dispersa.runtime import control_requests as ask
from dispersa.runtime.control_desk import DeskAnswers, read_model
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.web.seam import AlertTold, Reading

PROBE_SECONDS = 10.0


class AlertsSent(Protocol):
    """Knows what became of alerts."""

    async def recent(self, count: int) -> tuple[Delivery, ...]:
        """Return the deliveries of the last alerts, the newest first."""
        ...


@dataclass(frozen=True, slots=True)
class HostedReads:
    """What the page may look at."""

    loop: DeskLoop
    journal: Journal
    alarm: AlertsSent
    _: KW_ONLY
    clock: Callable[[], datetime]
    window_seconds: Callable[[DeskState], float | None]
    health: Callable[[], dict[str, Any]]
    quotes: Callable[[], Mapping[ConId, Quote]]
    dividends: Callable[[], Mapping[Symbol, Sequence[Dividend]]] = dict

    def now(self) -> datetime:
        """Return the desk's time."""
        return self.clock()

    def reading(self) -> Reading:
        """Return the desk as it is now."""
        state = self.loop.state
        return Reading(
            at=self.clock(),
            sequence=self.journal.last_sequence,
            state=state,
            window_seconds=self.window_seconds(state),
            document=read_model(state),
            health=self.health(),
            quotes=self.quotes(),
            dividends=self.dividends(),
        )

    def entries(self, after: int, count: int = 1_000) -> Sequence[Entry]:
        """Return the committed journal entries after a sequence number, at most `count`."""
        if after >= self.journal.committed_sequence:
            return ()
        return tuple(islice(self.journal.entries(after=after), count))

    async def changed(self, after: int) -> int:
        """Wait until the journal holds more than `after` committed entries.

        A journal that has failed grows no more; what it holds stays readable.
        """
        try:
            return await self.journal.grown(after)
        except JournalFailed:
            never: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            return await never

    async def alerts(self, count: int) -> tuple[AlertTold, ...]:
        """Return the last alerts, the newest first."""
        return tuple(map(_told, await self.alarm.recent(count)))


class HostedActions:
    """What the page may ask for, by the handlers of the control socket.

    `edge_waiver` is the label under which trades are asked for, None where the verdict binds.
    """

    def __init__(self, answers: DeskAnswers, *, edge_waiver: str | None = None) -> None:
        self._answers = answers
        self._edge_waiver = edge_waiver

    async def halt(self, level: HaltLevel, reason: str, *, by: str) -> dict[str, Any]:
        """Stop trading."""
        return await self._answers.halt(ask.HaltAsked(level=level, reason=reason, by=by))

    async def resume(self, reason: str, *, by: str) -> dict[str, Any]:
        """Let trading go on."""
        return await self._answers.resume(ask.ResumeAsked(reason=reason, by=by))

    async def approve(self, plan_hash: str, text: str, *, by: str) -> dict[str, Any]:
        """Answer for the plan with this hash."""
        given = ask.ApprovalGiven(plan_hash=plan_hash, text=text, by=by)
        return await self._answers.approve(given)

    async def cancel(self, reason: str, *, by: str, plan_hash: str | None = None) -> dict[str, Any]:
        """Cancel plan, window or program."""
        asked = ask.ProgramCancelAsked(reason=reason, by=by, plan_hash=plan_hash)
        return await self._answers.cancel_program(asked)

    async def request_trade(self, *, by: str) -> dict[str, Any]:
        """Ask for signal and plan now."""
        return await self._answers.request_trade(
            ask.TradeAsked(by=by), edge_waiver=self._edge_waiver
        )

    async def note(self, text: str, *, by: str) -> dict[str, Any]:
        """Write a note into the journal."""
        return await self._answers.note(ask.NoteGiven(text=text, by=by))

    async def prove_page(self, url: str, *, by: str) -> dict[str, Any]:
        """Record that the operator has opened the test link."""
        return await self._answers.prove_page(ask.PageProofGiven(url=url, by=by))

    async def change_phase(
        self, phase: Phase, reason: str, *, by: str, live_waiver: str = ""
    ) -> dict[str, Any]:
        """Ask for another phase."""
        asked = ask.PhaseAsked(phase=phase, reason=reason, by=by, live_waiver=live_waiver)
        return await self._answers.change_phase(asked)


async def probe(host: str, port: int) -> str | None:
    """Say why nobody answers HTTP at this address, None where somebody does."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"HEAD / HTTP/1.0\r\nHost: localhost\r\n\r\n")
                await writer.drain()
                found = await reader.readexactly(5)
            finally:
                writer.close()
    except asyncio.IncompleteReadError:
        return f"the page at {host}:{port} closed the connection"
    except (OSError, TimeoutError) as error:
        return f"the page at {host}:{port} does not answer ({type(error).__name__})"
    return None if found == b"HTTP/" else f"what answers at {host}:{port} is not the page"


def _told(row: Delivery) -> AlertTold:
    alert = row.alert
    return AlertTold(
        alert_id=alert.alert_id,
        at=alert.at,
        severity=alert.severity.value,
        headline=alert.headline,
        happened=alert.happened,
        done=alert.done,
        options=alert.options,
        channel=row.channel,
        state=row.state.value,
        answer=row.answer,
    )
