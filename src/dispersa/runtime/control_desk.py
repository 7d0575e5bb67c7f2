"""How does a running desk answer on its socket? The questions of `control_requests`, one by one."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from dispersa.desk import events as ev
from dispersa.desk.codec import encode_state
from dispersa.desk.phase_commands import RefusePhase
from dispersa.desk.phase_events import NoteAdded, PageProven, PhaseRequested
from dispersa.desk.state import DeskState, Stage
from dispersa.errors import Denied, Halted, InvalidInput
from dispersa.journal import Journal, JournalFailed
from dispersa.journal.export import entry_document
from dispersa.portfolio import positions_from
from dispersa.reports.book_tables import (
    orders_document,
    reconciliation_document,
    status_document,
)
from dispersa.reports.trade_json import trade_document
from dispersa.risk import HaltLevel
from dispersa.runtime import control_requests as ask
from dispersa.runtime.build import build_id
from dispersa.runtime.control import ALIVE_SECONDS, Answering, ControlServer, Streaming
from dispersa.runtime.control_path import socket_path
from dispersa.runtime.desk_loop import DeskLoop, Seen

NEWS_POLL_SECONDS = 0.05


def control_server(
    loop: DeskLoop,
    journal: Journal,
    *,
    lift: Callable[[], None],
    more: Mapping[str, Answering[Any]],
) -> ControlServer:
    """Make the server of a desk that owns the journal file.

    `lift` takes the sentinel away before a resume, `more` adds or replaces answers.
    """
    if journal.path is None:
        raise InvalidInput("a journal in memory has no socket: nobody else can find it")
    desk = DeskAnswers(loop, journal, lift)
    return ControlServer(
        socket_path(journal.path),
        build=build_id(),
        answers={**desk.answers(), **more},
        streams={"subscribe": Streaming(ask.EntriesAsked, desk.entries)},
    )


def how_to_reach() -> str:
    """Say what a second owner is told about this process."""
    return (
        f"the dispersa process {os.getpid()}; reach it with `dispersa status`, `dispersa halt` and "
        "`dispersa resume`"
    )


class DeskAnswers:
    """The answers of one desk."""

    def __init__(self, loop: DeskLoop, journal: Journal, lift: Callable[[], None]) -> None:
        self._loop = loop
        self._journal = journal
        self._lift = lift

    def answers(self) -> dict[str, Answering[Any]]:
        """Return what can be asked of any desk."""
        return {
            "status": Answering(ask.StatusAsked, self.status),
            "halt": Answering(ask.HaltAsked, self.halt),
            "resume": Answering(ask.ResumeAsked, self.resume),
            "approve": Answering(ask.ApprovalGiven, self.approve),
            "cancel_program": Answering(ask.ProgramCancelAsked, self.cancel_program),
            "request_trade": Answering(ask.TradeAsked, self.request_trade),
            "note": Answering(ask.NoteGiven, self.note),
            "prove_page": Answering(ask.PageProofGiven, self.prove_page),
            "change_phase": Answering(ask.PhaseAsked, self.change_phase),
        }

    async def status(self, asked: ask.StatusAsked) -> dict[str, Any]:
        """Return the read model, and the whole state where it is asked for."""
        document = read_model(self._loop.state) | {
            "pid": os.getpid(),
            "journal": str(self._journal.path),
            "last_sequence": self._journal.last_sequence,
            "committed_sequence": self._journal.committed_sequence,
            "journal_failure": self._journal.failure,
            "journal_recovery": self._journal.recovery,
        }
        return document | ({"state": encode_state(self._loop.state)} if asked.whole else {})

    async def halt(self, asked: ask.HaltAsked) -> dict[str, Any]:
        """Stop trading."""
        if asked.level is HaltLevel.NONE:
            raise InvalidInput("a halt has the level hold, cancel or flatten; to go on, resume")
        reason, by = _words(asked.reason, asked.by)
        seen = await self._loop.halt(asked.level, reason, by=by)
        return await self.told(seen) | {"open_orders": _open_orders(seen.state)}

    async def resume(self, asked: ask.ResumeAsked) -> dict[str, Any]:
        """Let trading go on."""
        reason, by = _words(asked.reason, asked.by)
        self._lift()
        return await self.told(await self._loop.resume(reason, by=by))

    async def approve(self, asked: ask.ApprovalGiven) -> dict[str, Any]:
        """Hand an answer to the plan that waits."""
        state = self._loop.state
        if state.stage is not Stage.APPROVAL or state.plan is None:
            raise Halted(f"no plan waits for approval; the desk is at {state.stage}")
        event = ev.OperatorAnswered(plan_hash=asked.plan_hash, text=asked.text, operator=asked.by)
        return await self.told(await self._loop.tell(event))

    async def cancel_program(self, asked: ask.ProgramCancelAsked) -> dict[str, Any]:
        """Cancel what is prepared or worked, ahead of everything that waits."""
        reason, by = _words(asked.reason, asked.by)
        event = ev.ProgramCancelRequested(reason=reason, by=by, plan_hash=asked.plan_hash)
        seen = await self._loop.overtake(event)
        return await self.told(seen) | {"open_orders": _open_orders(seen.state)}

    async def request_trade(
        self, asked: ask.TradeAsked, *, edge_waiver: str | None = None
    ) -> dict[str, Any]:
        """Ask for today's trade."""
        state = self._loop.state
        if state.stage not in {Stage.IDLE, Stage.DECLINED, Stage.ENDED}:
            raise Halted(f"a trade is under way, at {state.stage}; wait for its end or cancel it")
        event = ev.TradeRequested(requested_by=asked.by, edge_waiver=edge_waiver, phase=asked.phase)
        return await self.told(await self._loop.tell(event))

    async def note(self, asked: ask.NoteGiven) -> dict[str, Any]:
        """Keep what a person wants to be remembered."""
        text, by = _words(asked.text, asked.by)
        return await self.told(await self._loop.tell(NoteAdded(text=text, by=by)))

    async def prove_page(self, asked: ask.PageProofGiven) -> dict[str, Any]:
        """Record that the operator has reached the page from outside."""
        url, by = _words(asked.url, asked.by)
        return await self.told(await self._loop.tell(PageProven(url=url, by=by)))

    async def change_phase(self, asked: ask.PhaseAsked) -> dict[str, Any]:
        """Ask for another phase; what speaks against it is said as a refusal."""
        reason, by = _words(asked.reason, asked.by)
        waiver = asked.live_waiver.strip()
        seen = await self._loop.tell(
            PhaseRequested(phase=asked.phase, by=by, reason=reason, live_waiver=waiver)
        )
        refused = [each for each in seen.commands if isinstance(each, RefusePhase)]
        if refused:
            raise Denied(refused[0].reason)
        return await self.told(seen)

    async def entries(self, asked: ask.EntriesAsked) -> AsyncIterator[dict[str, Any]]:
        """Yield committed entries in order, and a sign of life while there is none."""
        after = asked.after
        loop = asyncio.get_running_loop()
        told_at = loop.time() - ALIVE_SECONDS
        while True:
            if self._journal.committed_sequence > after:
                for entry in self._journal.entries(after=after):
                    yield {"entry": entry_document(entry)}
                    after = entry.sequence
                told_at = loop.time()
            elif loop.time() - told_at >= ALIVE_SECONDS:
                yield {"alive": after}
                told_at = loop.time()
            await asyncio.sleep(NEWS_POLL_SECONDS)

    async def told(self, seen: Seen) -> dict[str, Any]:
        """Say what came of it, and whether it is on the disk."""
        try:
            await self._journal.committed(seen.sequence)
        except JournalFailed as error:
            recorded: str | None = str(error)
        else:
            recorded = None
        return {
            "sequence": seen.sequence,
            "at": seen.at.isoformat(),
            "commands": [type(command).__name__ for command in seen.commands],
            "not_recorded": recorded,
            **status_document(seen.state),
        }


def read_model(state: DeskState) -> dict[str, Any]:
    """Return the desk as people look at it, in JSON's own types."""
    halt, snapshot, plan = state.halt, state.snapshot, state.plan
    return status_document(state) | {
        "account": state.account_expected or None,
        "linked": state.linked,
        "link_message": state.link_message or None,
        "halt": None
        if halt is None
        else {
            "level": halt.level.value,
            "reason": halt.reason,
            "by": halt.by,
            "since": halt.since.isoformat(),
        },
        "stopping": state.stopping or None,
        "phase": phase_document(state),
        "plan": None
        if plan is None
        else {"hash": plan.plan_hash, "expires_at": plan.expires_at.isoformat()},
        "trade": trade_document(state, journal_ok=True),
        "orders": orders_document(state)["orders"],
        "positions": [
            {"con_id": con_id, "quantity": float(position.quantity)}
            for con_id, position in sorted(positions_from(state.book).items())
        ],
        "reconciliation": None
        if state.reconciliation is None
        else reconciliation_document(state.reconciliation),
        "books_read_at": None if snapshot is None else snapshot.at.isoformat(),
        "net_liquidation": _net_liquidation(state),
        "vix": None if state.vix is None else state.vix.level,
    }


def phase_document(state: DeskState) -> dict[str, Any]:
    """Return phase, window and evidence with plain values."""
    phasing = state.phasing
    window = phasing.window
    return {
        "phase": phasing.phase.value,
        "effective": phasing.effective.value,
        "since": None if phasing.since is None else phasing.since.isoformat(),
        "changed_by": phasing.changed_by or None,
        "reason": phasing.reason or None,
        "evidence": phasing.evidence.sentence,
        "page_proven": phasing.page_proven or None,
        "paper_days": phasing.paper_days,
        "day": None if phasing.day is None else phasing.day.isoformat(),
        "day_ended": None if phasing.day_ended is None else phasing.day_ended.isoformat(),
        "window": None
        if window is None
        else {
            "plan": window.plan_hash,
            "state": window.state.value,
            "since": window.since.wall.isoformat(),
            "reason": window.reason,
        },
    }


def _net_liquidation(state: DeskState) -> float | None:
    if state.account is None or state.account.net_liquidation is None:
        return None
    return float(state.account.net_liquidation)


def _open_orders(state: DeskState) -> list[dict[str, Any]]:
    return [
        {"ref": order.approved.intent.ref, "state": order.state.value}
        for order in state.open_orders()
    ]


def _words(reason: str, by: str) -> tuple[str, str]:
    if not reason.strip() or not by.strip():
        raise InvalidInput("a reason and a name are needed; expected both, in words")
    return reason.strip(), by.strip()
