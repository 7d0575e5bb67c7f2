"""Is the daemon well? One document for the status file, /healthz and the page."""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dispersa.desk.state import DeskState, Stage
from dispersa.journal import Journal
from dispersa.runtime.build import build_id
from dispersa.runtime.daemon_alerts import Alarm
from dispersa.runtime.daemon_tasks import Supervisor
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.heartbeat import beat_age_seconds, watch_file

STATUS_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSources:
    """Where health is read from."""

    loop: DeskLoop
    journal: Journal
    supervisor: Supervisor
    alarm: Alarm
    now: Callable[[], datetime]
    next_step: Callable[[], str]


def health_document(sources: HealthSources) -> dict[str, Any]:
    """Return how the daemon is, in JSON's own types; `healthy` is the verdict."""
    state = sources.loop.state
    troubles = troubles_of(sources)
    return {
        "healthy": not troubles,
        "troubles": troubles,
        "at": sources.now().isoformat(),
        "build": build_id(),
        "pid": os.getpid(),
        "profile": state.profile,
        "phase": state.phasing.phase.value,
        "stage": state.stage.value,
        "next": sources.next_step(),
        "halted": None if state.halt is None else state.halt.level.value,
        "linked": state.linked,
        "day": None if state.phasing.day is None else state.phasing.day.isoformat(),
        "open_orders": len(state.open_orders()),
        "trades_held": len(state.programs_held),
        "last_sequence": sources.journal.last_sequence,
        "committed_sequence": sources.journal.committed_sequence,
        "channels": list(sources.alarm.channel_names),
        "watchdog_beat_seconds": watchdog_beat_seconds(sources.journal),
        "tasks": {
            name: {"failures": task.failures, "reason": task.reason or None}
            for name, task in sorted(sources.supervisor.tasks.items())
        },
    }


def watchdog_beat_seconds(journal: Journal) -> float | None:
    """Return how long ago the watchdog of this journal beat; None where none watches."""
    if journal.path is None:
        return None
    age = beat_age_seconds(watch_file(journal.path.resolve()))
    return None if age is None else round(age, 1)


def troubles_of(sources: HealthSources) -> list[str]:
    """Say in sentences what is wrong; a halt is no trouble but a wish."""
    state: DeskState = sources.loop.state
    found = []
    if not state.linked:
        found.append(f"the link to the broker is not proven: {state.link_message or 'no word yet'}")
    if sources.journal.failure is not None:
        found.append(f"the journal can not be written: {sources.journal.failure}")
    if state.locked_names():
        found.append(f"our books and the broker's differ in {', '.join(state.locked_names())}")
    if sources.alarm.trouble is not None:
        found.append(sources.alarm.trouble)
    found += [
        f"task {name} has failed: {task.reason}"
        for name, task in sorted(sources.supervisor.tasks.items())
        if task.reason
    ]
    return found


def write_status(file: Path, document: dict[str, Any]) -> None:
    """Write the status file whole, readable for its owner only."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(document, stream, allow_nan=False)
        stream.write("\n")
    part.replace(file)


async def keep_status(file: Path, document: Callable[[], dict[str, Any]]) -> None:
    """Rewrite the status file every few seconds; the last one stays for a post-mortem."""
    while True:
        write_status(file, document())
        await asyncio.sleep(STATUS_SECONDS)


def is_busy(state: DeskState) -> bool:
    """Whether a trade is being prepared or worked."""
    return state.stage not in {Stage.IDLE, Stage.DECLINED, Stage.ENDED}
