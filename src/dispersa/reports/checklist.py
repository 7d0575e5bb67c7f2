"""What must a person look at before the open, during the day, after the close, each week?

Each line says how it stands now: ok, attention, or unknown; and what to do about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from dispersa.desk.state import DeskState
from dispersa.market import TradingSession
from dispersa.orders import OrderState
from dispersa.reports.limit_rows import limit_row
from dispersa.reports.watch_view import Engine, nearest, span

DISK_FREE_MIN_BYTES = 2_000_000_000
BACKUP_DAYS_MAX = 7
BOOKS_AGE_MAX = timedelta(hours=1)
LIMIT_SHARE_HIGH = 0.8
_COLORS = {"ok": "green", "attention": "bold yellow", "unknown": "cyan"}


class Part(StrEnum):
    """When a line is due."""

    BEFORE = "before the open"
    DURING = "during the day"
    AFTER = "after the close"
    WEEKLY = "each week"


class Stand(StrEnum):
    """How a line stands."""

    OK = "ok"
    ATTENTION = "attention"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line; `mend` is empty where nothing is to be done.

    `yours` where only a person can tell; it then never counts against the exit code.
    """

    part: Part
    what: str
    stand: Stand
    found: str
    mend: str = ""
    yours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known beside the journal.

    `session` is that of `day`, None when the exchange is closed. `last_report` is the newest
    day that has a report, `backup_at` when the newest backup was written, `unsent` how many alerts
    of the day nobody took over (None where there is no outbox).
    """

    at: datetime
    day: date
    engine: Engine
    session: TradingSession | None
    channels: int
    last_report: date | None
    backup_at: datetime | None
    unsent: int | None
    disk_free_bytes: int


def checklist(state: DeskState, around: Surroundings) -> tuple[Item, ...]:
    """Return every line with its standing."""
    return (
        *_before(state, around),
        *_during(state, around),
        *_after(state, around),
        *_weekly(around),
    )


def exit_code(items: Sequence[Item]) -> int:
    """0 where all is well, 1 where something needs attention, 6 where only something is unknown."""
    counted = [item.stand for item in items if not item.yours]
    if Stand.ATTENTION in counted:
        return 1
    return 6 if Stand.UNKNOWN in counted else 0


def checklist_table(items: Sequence[Item]) -> Table:
    """Show the lines by part."""
    made = Table(box=box.SIMPLE_HEAD, title="Checklist", title_justify="left", title_style="bold")
    for column in ("", "what", "found", "to do"):
        made.add_column(column, overflow="fold")
    part: Part | None = None
    for item in items:
        if item.part is not part:
            made.add_section()
            made.add_row("", Text(item.part.value.upper(), style="bold"), "", "")
            part = item.part
        stand = Text(item.stand.value, style=_COLORS[item.stand])
        made.add_row(stand, Text(item.what), Text(item.found), Text(item.mend))
    return made


def checklist_document(items: Sequence[Item]) -> dict[str, Any]:
    """Return the lines with plain values."""
    rows = [
        {
            "part": item.part.value,
            "what": item.what,
            "standing": item.stand.value,
            "found": item.found,
            "mend": item.mend or None,
            "only_you_can_tell": item.yours,
        }
        for item in items
    ]
    return {"items": rows, "exit_code": exit_code(items)}


def _judged(part: Part, what: str, good: bool | None, found: str, mend: str) -> Item:
    """Judge one line: None is unknown; the mend is only for what is not well."""
    stand = Stand.UNKNOWN if good is None else Stand.OK if good else Stand.ATTENTION
    return Item(part=part, what=what, stand=stand, found=found, mend="" if good else mend)


def _before(state: DeskState, around: Surroundings) -> tuple[Item, ...]:
    before = Part.BEFORE
    return (
        _engine(around),
        _session(around),
        _halt(state),
        _books(state, around),
        _judged(
            before,
            "no order of unknown outcome",
            not (unknown := _unknown(state)),
            ", ".join(unknown) or "none",
            "search for the reference in TWS, then `dispersa reconcile`",
        ),
        _judged(
            before,
            "alerts reach you",
            around.channels > 0,
            f"{around.channels} channels configured",
            "configure [alerts], then `dispersa alerts test`",
        ),
        _expiries(state, around),
        Item(
            part=before,
            what="earnings, dividends and news of the names held",
            stand=Stand.UNKNOWN,
            found="only you can tell",
            mend="look at the calendar of the names in `dispersa positions`",
            yours=True,
        ),
    )


def _engine(around: Surroundings) -> Item:
    pid = around.engine.pid
    found = "none runs" if pid is None else f"process {pid}"
    return _judged(Part.BEFORE, "the engine runs", pid is not None, found, "start `dispersa run`")


def _session(around: Surroundings) -> Item:
    session = around.session
    if session is None:
        found = f"the exchange is closed on {around.day}"
    else:
        found = f"{session.opens:%H:%M} to {session.closes:%H:%M} UTC on {around.day}"
    return _judged(Part.BEFORE, "trading hours of the day", True, found, "")


def _halt(state: DeskState) -> Item:
    halt = state.halt
    found = "none" if halt is None else f"{halt.level.value}: {halt.reason}"
    mend = "clear the cause, then `dispersa resume --reason …`"
    return _judged(Part.BEFORE, "trading is not halted", halt is None, found, mend)


def _books(state: DeskState, around: Surroundings) -> Item:
    what, found = "our books and the broker's agree", state.reconciliation
    mend = "run `dispersa reconcile` and compare with TWS"
    if found is None or state.reconciled_at is None:
        return _judged(Part.BEFORE, what, None, "never compared", mend)
    age = around.at - state.reconciled_at
    words = f"compared {span(age.total_seconds())} ago"
    if not found.agrees:
        names = ", ".join(sorted(found.locked_names))
        return _judged(Part.BEFORE, what, False, f"locked: {names}; {words}", mend)
    return _judged(Part.BEFORE, what, True if age <= BOOKS_AGE_MAX else None, words, mend)


def _unknown(state: DeskState) -> list[str]:
    return [ref for ref, row in state.orders.items() if row.state is OrderState.UNKNOWN]


def _expiries(state: DeskState, around: Surroundings) -> Item:
    from dispersa.reports.eod_pnl import contracts_of

    held = _held(state)
    contracts = contracts_of(state)
    rows = [contracts[con_id] for con_id in held if con_id in contracts]
    soon = [row for row in rows if row.days_to_expiry(around.day) <= 1]
    nearest_one = min((row.expiry for row in rows), default=None)
    found = "nothing is held" if nearest_one is None else f"the nearest is {nearest_one}"
    if soon:
        found = ", ".join(sorted(row.label for row in soon))
    mend = "decide today: close, roll, or let it settle"
    return _judged(Part.BEFORE, "nothing expires today or tomorrow", not soon, found, mend)


def _held(state: DeskState) -> list[Any]:
    from dispersa.desk.weighing import positions

    return [con_id for con_id, row in positions(state).items() if not row.is_flat]


def _during(state: DeskState, around: Surroundings) -> tuple[Item, ...]:
    alive = around.engine.pid is not None
    linked = state.linked if alive else None
    words = "both links proven" if state.linked else state.link_message or "not connected"
    rows = nearest(state, around.at)
    high = [row for row in rows if row[1] is None or row[1] >= LIMIT_SHARE_HIGH]
    shown = high or list(rows[:1])
    full = "; ".join(f"{limit_row(*row)[0]} {limit_row(*row)[3]}" for row in shown)
    return (
        _judged(
            Part.DURING,
            "the link to the broker is proven",
            linked,
            words if alive else "not known without an engine",
            "look at TWS or Gateway; `dispersa doctor`",
        ),
        _judged(
            Part.DURING,
            "no limit is nearly full",
            None if state.limits is None else not high,
            full or "no limits are journaled",
            "trade less, or change a limit in the configuration with a reason",
        ),
        _program(state),
    )


def _program(state: DeskState) -> Item:
    program = state.program
    if program is None:
        return _judged(Part.DURING, "the program goes as planned", True, "none", "")
    grave = program.state.value == "LOCKED" or bool(program.alerts)
    found = f"{program.state.value} {program.sentence}".strip()
    mend = "`dispersa watch`; compare fills with TWS"
    return _judged(Part.DURING, "the program goes as planned", not grave, found, mend)


def _after(state: DeskState, around: Surroundings) -> tuple[Item, ...]:
    ended, opened = state.phasing.day_ended, state.phasing.day
    closed_off = None if opened is None else ended == opened
    held, marks = _held(state), state.marks
    fresh = [con_id for con_id in held if con_id in marks and marks[con_id].at.date() >= around.day]
    return (
        _judged(
            Part.AFTER,
            "the last trading day was closed off",
            closed_off,
            f"opened {opened or 'never'}, ended {ended or 'never'}",
            "let `dispersa run` go on until after the close",
        ),
        _judged(
            Part.AFTER,
            "every position is valued today",
            len(fresh) == len(held),
            f"{len(fresh)} of {len(held)}",
            "without an engine nobody reads marks; `dispersa exposure` values now",
        ),
        _judged(
            Part.AFTER,
            "the report of that day is written",
            None
            if ended is None
            else around.last_report is not None and around.last_report >= ended,
            f"newest {around.last_report or 'none'}",
            "`dispersa report eod`",
        ),
        _judged(
            Part.AFTER,
            "every alert of the day was handed over",
            None if around.unsent is None else around.unsent == 0,
            "no outbox beside the journal"
            if around.unsent is None
            else f"{around.unsent} were not",
            "`dispersa alerts test`, and mend the channel that fails",
        ),
    )


def _weekly(around: Surroundings) -> tuple[Item, ...]:
    backup = around.backup_at
    days = None if backup is None else (around.at - backup).total_seconds() / 86_400
    free = around.disk_free_bytes
    return (
        _judged(
            Part.WEEKLY,
            "the journal was backed up",
            days is not None and days <= BACKUP_DAYS_MAX,
            "no backup beside the journal" if days is None else f"{days:.1f} days ago",
            "`dispersa journal backup`, and keep a copy on another machine",
        ),
        _judged(
            Part.WEEKLY,
            "the disk has room",
            free >= DISK_FREE_MIN_BYTES,
            f"{free / 1e9:.1f} GB free",
            "make room; the journal stops trading when it can not write",
        ),
        *(
            Item(
                part=Part.WEEKLY,
                what=what,
                stand=Stand.UNKNOWN,
                found="only you can tell",
                mend=mend,
                yours=True,
            )
            for what, mend in (
                ("a test alert reached your phone", "`dispersa alerts test`"),
                ("a backup was restored elsewhere", "`dispersa journal restore`"),
                ("the week's report was read", "`dispersa report week`"),
                ("the halt was tried", "`dispersa halt --reason drill`, then resume"),
            )
        ),
    )
