"""How is trading halted and resumed from outside, with or without an engine that listens?

Asked first is the engine. Where none listens, the sentinel file and the journal keep the halt for
the next start; where one runs and stays silent, the sentinel file is what it finds.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispersa.desk import events as ev
from dispersa.desk.codec import encode
from dispersa.desk.state import Halt
from dispersa.errors import Halted, InvalidInput, RequestTimedOut
from dispersa.journal import Journal, JournalDamaged, JournalFailed, JournalOwned, NewEntry
from dispersa.risk import HaltLevel
from dispersa.runtime.build import build_id
from dispersa.runtime.control_client import ControlClient, EngineNotRunning
from dispersa.runtime.control_requests import HaltAsked, ResumeAsked
from dispersa.runtime.replay import replay_file
from dispersa.runtime.sentinel import (
    Sentinel,
    lift_sentinel,
    read_sentinel,
    sentinel_file,
    write_sentinel,
)

if TYPE_CHECKING:
    from dispersa.runtime.cancel_ours import Cancelled

ENGINE_SECONDS = 3.0
"""An engine that has not acknowledged by then is told through the file."""


class Reached(StrEnum):
    """Who has taken a halt in."""

    ENGINE = "engine"
    JOURNAL = "journal"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a halt or a resume, in words; `told` is the engine's answer."""

    reached: Reached
    sentence: str
    told: dict[str, Any] | None


def halt(
    journal: Path,
    halting: Sentinel,
    *,
    now: Callable[[], datetime],
    cancel: "Callable[[], Cancelled] | None" = None,
) -> Answer:
    """Halt by the fastest way that works; what is returned survives a restart.

    `cancel` is called where no engine runs and the level cancels.
    """
    journal = journal.resolve()
    asked = HaltAsked(level=halting.level, reason=halting.reason, by=halting.by)
    try:
        told = ControlClient(journal).ask(asked, seconds=ENGINE_SECONDS)
    except EngineNotRunning:
        write_sentinel(journal, halting)
        recorded = _record_halt(journal, halting, now)
        return recorded if halting.level is HaltLevel.HOLD else _cancelled(recorded, cancel)
    except RequestTimedOut:
        file = write_sentinel(journal, halting)
        return Answer(
            reached=Reached.FILE,
            sentence=f"the engine has not answered within {ENGINE_SECONDS:.0f} s; {file} is "
            "written and stops it as soon as it looks. If it hangs, end its process",
            told=None,
        )
    return Answer(reached=Reached.ENGINE, sentence=_engine_sentence(told), told=told)


def resume(journal: Path, *, reason: str, by: str, now: Callable[[], datetime]) -> Answer:
    """Lift the halt; raise `InvalidInput` where there is none."""
    journal = journal.resolve()
    try:
        told = ControlClient(journal).ask(ResumeAsked(reason=reason, by=by))
    except EngineNotRunning:
        return _record_resume(journal, ev.ResumeRequested(reason=reason, operator=by), now)
    return Answer(reached=Reached.ENGINE, sentence="trading goes on", told=told)


def _record_halt(journal: Path, halting: Sentinel, now: Callable[[], datetime]) -> Answer:
    event = ev.HaltRequested(level=halting.level, reason=halting.reason, by=halting.by)
    file = sentinel_file(journal)
    try:
        _append(journal, event, now)
    except (JournalOwned, JournalDamaged, JournalFailed) as error:
        return Answer(
            reached=Reached.FILE,
            sentence=f"{file} is written and holds for the engine that looks next; the journal "
            f"could not take the halt: {error}",
            told=None,
        )
    return Answer(
        reached=Reached.JOURNAL,
        sentence=f"halted ({halting.level}); it holds for the next start, "
        f"by the journal and by {file}",
        told=None,
    )


def _cancelled(recorded: Answer, cancel: "Callable[[], Cancelled] | None") -> Answer:
    """Cancel without an engine, as its client, and say what stays."""
    if cancel is None:
        done = (
            "nothing was cancelled: the next start cancels what still works; until then look at "
            "the broker's own screen"
        )
    else:
        done = cancel().sentence
    return replace(recorded, sentence=f"{recorded.sentence}. No engine runs; {done}")


def _record_resume(journal: Path, event: ev.ResumeRequested, now: Callable[[], datetime]) -> Answer:
    file, halt = read_sentinel(journal), recorded_halt(journal)
    if file is None and halt is None:
        raise InvalidInput("trading is not halted; there is nothing to resume")
    lift_sentinel(journal, seen=file)
    try:
        _append(journal, event, now)
    except JournalOwned as error:
        raise Halted(f"{error}; the halt stands in its journal: resume again") from error
    return Answer(
        reached=Reached.JOURNAL, sentence="resumed; the next start trades again", told=None
    )


def recorded_halt(journal: Path) -> Halt | None:
    """Return the halt that the journal holds, None without one or without a journal."""
    return replay_file(journal).state.halt if journal.is_file() else None


def _append(journal: Path, event: ev.Event, now: Callable[[], datetime]) -> None:
    contact = f"process {os.getpid()}, which records a halt"
    with Journal.open(journal, build_id=build_id(), now=now, contact=contact) as found:
        kind, value = encode(event)
        found.append([NewEntry.of(kind, value)])
        found.flush()


def _engine_sentence(told: dict[str, Any]) -> str:
    orders = told["open_orders"]
    waits = f"{len(orders)} order(s) of ours not yet proven ended" if orders else "no order works"
    unrecorded = "" if told["not_recorded"] is None else f" NOT RECORDED: {told['not_recorded']}"
    return f"halted ({told['halted']}); {waits}{unrecorded}"
