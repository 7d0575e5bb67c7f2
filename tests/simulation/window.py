"""Does Walk's window ever let a program start that it must not? Seeded stories of one window.

The window is a pure machine, so that a story needs no gateway: looks, hand-overs, cancels, stalls,
steps of the wall clock, restarts and lost pages are drawn from the seed. What the machine says at
the end is held against the list of what has happened, by rules of its own (INV-26).
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dispersa.desk.window import (
    ENDED,
    AlertHandedOver,
    AlertLost,
    CancelReceived,
    EngineRestarted,
    Instant,
    Looked,
    Observation,
    PageLost,
    Window,
    WindowPolicy,
    WindowState,
    advance,
    announced,
)

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
FULL_SECONDS = 61.0
STALL_SECONDS = 5.0
STEP_SECONDS = 1.0
LATE_SECONDS = 120.0
STORY_SECONDS = 260.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One thing that happened: when by the true time, and by how much the wall clock was off."""

    seconds: float
    what: str
    wall_off: float


def story(seed: int) -> list[Happened]:
    """Draw what happens to one window, in the order of time."""
    chance = random.Random(f"window {seed}")
    rare = {
        "cancel": 0.5, "lost": 0.08, "page": 0.12, "restart": 0.12, "stall": 0.15, "step": 0.2,
        "second hand-over": 0.3,
    }  # fmt: skip
    handed = chance.choice([chance.uniform(0.5, 20.0), chance.uniform(100.0, 140.0)])
    found = {
        what: chance.uniform(0.0, handed + 70.0) for what in rare if chance.random() < rare[what]
    }
    if "cancel" in found and chance.random() < 0.5:
        found["cancel"] = handed + chance.choice([0.0, 59.9, 60.0, 60.9, 60.999, 61.3])
    off = chance.choice([-3.0, -1.2, 1.2, 3600.0])
    stall = found.pop("stall", None)
    step = found.pop("step", None)
    rows = [("handed over", handed), *found.items()]
    looks = [round(n * chance.uniform(0.9, 1.0), 3) for n in range(1, int(STORY_SECONDS))]
    if stall is not None:
        looks = [at for at in looks if not stall <= at <= stall + 8.0]
        rows = [(what, at) for what, at in rows if not stall <= at <= stall + 8.0]
    rows += [("look", at) for at in looks]
    rows.sort(key=lambda row: row[1])
    return [
        Happened(seconds=at, what=what, wall_off=off if step is not None and at >= step else 0.0)
        for what, at in rows
    ]


def run(seed: int) -> Window:
    """Let the production machine see one story."""
    window = announced("plan", _instant(0.0, 0.0))
    for row in story(seed):
        window = advance(window, _seen(row), WindowPolicy())
    return window


def violations(seed: int) -> list[str]:
    """Return what a story has broken, in words; nothing where all is well."""
    rows, window = story(seed), run(seed)
    may, why = _may_start(rows)
    found = []
    if window.state is WindowState.ELAPSED and not may:
        found.append(f"the program starts although {why}")
    if may and window.state is not WindowState.ELAPSED:
        found.append(f"nobody objected, and it is {window.state}: {window.reason}")
    if window.state not in ENDED:
        found.append(f"the window never ends: {window.state}")
    return found


def _may_start(rows: list[Happened]) -> tuple[bool, str]:
    """Walk through the story by the rules of the catalogue, not the machine's."""
    opened: Happened | None = None
    last, last_off = 0.0, 0.0
    for row in rows:
        if row.what in {"cancel", "lost", "page", "restart"}:
            return False, f"there was a {row.what} at {row.seconds:.1f} s"
        if row.seconds - last > STALL_SECONDS:
            return False, f"the process stood still before {row.seconds:.1f} s"
        begun_off = 0.0 if opened is None else opened.wall_off
        if abs(row.wall_off - begun_off) > STEP_SECONDS:
            return False, f"the clock was stepped before {row.seconds:.1f} s"
        last, last_off = row.seconds, row.wall_off
        if (row.what == "handed over" and opened is None) or (
            row.what == "second hand-over" and opened is None
        ):
            opened = row
        if opened is None:
            if row.what == "look" and row.seconds > LATE_SECONDS:
                return False, "nobody had taken the alert over in time"
        elif row.what == "look" and row.seconds - opened.seconds >= FULL_SECONDS:
            return True, ""
    return False, f"it never ran its length (last look {last:.0f} s, off {last_off})"


def _instant(seconds: float, off: float) -> Instant:
    return Instant(wall=NOON + timedelta(seconds=seconds + off), monotonic_ns=round(seconds * 1e9))


def _seen(row: Happened) -> Observation:
    at = _instant(row.seconds, row.wall_off)
    match row.what:
        case "handed over":
            return AlertHandedOver(at=at, channel="mail")
        case "second hand-over":
            return AlertHandedOver(at=at, channel="phone")
        case "cancel":
            return CancelReceived(at=at, by="phone")
        case "lost":
            return AlertLost(at=at, reason="550 no")
        case "page":
            return PageLost(at=at, reason="no answer")
        case "restart":
            return EngineRestarted(at=at)
        case _:
            return Looked(at=at)
