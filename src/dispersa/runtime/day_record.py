"""What happened on one trading day? Gathered from the journal by replay, so past days can be told.

Nothing is written and no engine is needed. Alerts are worded anew from their records; whether
somebody took them over stands in the outbox beside the journal.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from dispersa.alerts.alert import Alert
from dispersa.alerts.rendering import masked
from dispersa.alerts.wording import Occasion, alert_for
from dispersa.correlation.terms import Signal
from dispersa.desk import commands as cmd
from dispersa.desk import events as ev
from dispersa.desk import phase_events as pe
from dispersa.desk.facts import gate_facts
from dispersa.desk.state import DeskState
from dispersa.desk.weighing import held, positions
from dispersa.errors import InvalidInput
from dispersa.execution.outcome import ProgramOutcome, outcome_of
from dispersa.execution.plan import Role
from dispersa.journal import Entry, read_entries
from dispersa.market import Symbol
from dispersa.orders import OrderState
from dispersa.reports.eod_facts import (
    Ahead,
    AlertRow,
    BreakRow,
    DayBooks,
    DayDesk,
    DayFacts,
    DayMoney,
    DayPoint,
    ExpiryRow,
    HandOver,
    HeldRow,
    Missing,
)
from dispersa.reports.eod_pnl import Close, attributed, held_rows, pnl_of
from dispersa.risk import HaltLevel
from dispersa.risk.headroom import LimitUse, limit_uses
from dispersa.runtime.day_events import next_day
from dispersa.runtime.day_fold import Told, day_of, told
from dispersa.runtime.day_handover import hand_overs

EX_DATES = Missing(
    reason="the journal holds no dividend dates; look up the ex-dates of the names held short"
)
REALIZED_DAYS = 21


@dataclass(slots=True)
class _Day:
    """One day while it is being read."""

    day: date
    before: DeskState
    after: DeskState
    last_at: datetime
    entries: int = 0
    programs: dict[str, ProgramOutcome] = field(default_factory=dict)
    breaks: list[BreakRow] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    opened: pe.DayOpened | None = None
    ended: pe.DayEnded | None = None
    has_signal: bool = False


def day_facts(journal: Path, day: date | None) -> DayFacts:
    """Gather a day from a journal file; None is the last day that the journal holds.

    Raises
    ------
    InvalidInput
        If there is no journal, or it holds nothing of that day.
    """
    if not journal.exists():
        raise InvalidInput(f"there is no journal at {journal}; nothing has been traded with it")
    return gathered(read_entries(journal), day, journal)


def gathered(entries: Iterable[Entry], day: date | None, journal: Path) -> DayFacts:
    """Gather a day from entries; as `day_facts`."""
    closes: list[Close] = []
    points: list[DayPoint] = []
    current: _Day | None = None
    names: set[Symbol] = set()
    for step in told(entries):
        if day is not None and step.day > day:
            break
        if current is None or step.day != current.day:
            if current is not None:
                _close(current, closes, points)
            before = DeskState() if current is None else current.after
            current = _Day(day=step.day, before=before, after=before, last_at=step.at)
        _take(current, step, names)
    if current is None or (day is not None and current.day != day):
        raise InvalidInput(_nothing_of(day, current, journal))
    _close(current, closes, points)
    return _facts(current, closes, points, frozenset(names), journal)


def _nothing_of(day: date | None, last: _Day | None, journal: Path) -> str:
    known = "it is empty" if last is None else f"the day before it in the journal is {last.day}"
    return f"{journal} holds nothing of {day or 'any day'}: {known}; choose another --date"


def _take(day: _Day, step: Told, names: set[Symbol]) -> None:
    """Take one record into its day."""
    day.after, day.last_at = step.state, step.at
    day.entries += 1
    record = step.record
    match record:
        case ev.SignalComputed():
            day.has_signal = True
        case ev.PlanProposed(plan=plan):
            names |= {row.symbol for row in plan.packages if row.role is Role.INDEX}
        case cmd.DeclineTrade(stage=stage, reason=reason):
            day.declined.append(f"{stage}: {reason}")
        case cmd.EndProgram() | cmd.RecordReconciliation():
            _take_program(day, step.state)
            if isinstance(record, cmd.RecordReconciliation):
                _take_break(day, step, record)
        case pe.NoteAdded(text=text, by=by):
            day.notes.append(f"{by}: {text}")
        case pe.DayOpened():
            day.opened = record
        case pe.DayEnded():
            day.ended = record
        case _:
            pass
    alert = alert_for(record, Occasion(sequence=step.sequence, at=step.at, state=step.state))
    if alert is not None:
        day.alerts.append(alert)


def _take_program(day: _Day, state: DeskState) -> None:
    program = state.program
    if program is not None and day_of(program.started_at) == day.day:
        found = outcome_of(program, state.orders, state.book, state.messages_sent)
        day.programs[program.program] = found


def _take_break(day: _Day, step: Told, record: cmd.RecordReconciliation) -> None:
    found = record.reconciliation
    names = tuple(sorted(found.locked_names))
    if found.agrees or (day.breaks and day.breaks[-1].names == names):
        return
    sentences = tuple(row.sentence for row in found.breaks)
    day.breaks.append(BreakRow(at=step.at, names=names, sentences=sentences))


def _close(day: _Day, closes: list[Close], points: list[DayPoint]) -> None:
    """End a day: its valuation, and its point in the charts."""
    _take_program(day, day.after)
    close = Close.of(day.after, day.day, day.last_at, has_signal=day.has_signal)
    closes.append(close)
    signal = day.after.signal if day.has_signal else None
    realized = None
    if signal is not None:
        rows = [row.clean for row in signal.realized if row.days == REALIZED_DAYS]
        realized = rows[0] if rows else None
    outcomes = day.programs.values()
    points.append(
        DayPoint(
            day=day.day,
            pnl_usd=pnl_of(close),
            net_liquidation_usd=_net_liquidation(day.after, day.day),
            implied_correlation=None if signal is None else signal.implied_correlation,
            realized_correlation=realized,
            programs=len(day.programs),
            breaks=len(day.breaks),
            slippage_usd=sum((row.slippage_usd for row in outcomes), Decimal(0)),
            fees_usd=_fees(day),
        )
    )


def _fees(day: _Day) -> Decimal:
    """Commission that became known on the day."""
    after, before = day.after.book.commissions, day.before.book.commissions
    total = sum((row.amount for row in after.values()), Decimal(0))
    return total - sum((row.amount for row in before.values()), Decimal(0))


def _facts(
    day: _Day,
    closes: list[Close],
    points: list[DayPoint],
    names: frozenset[Symbol],
    journal: Path,
) -> DayFacts:
    close = closes[-1]
    before = closes[-2] if len(closes) > 1 else None
    split = attributed(before, close, names)
    rows = held_rows(close)
    money = DayMoney(
        net_liquidation_usd=points[-1].net_liquidation_usd,
        gross_exposure_usd=_gross(day.after),
        pnl_day_usd=split.pnl_usd,
        pnl_inception_usd=points[-1].pnl_usd,
        commissions_usd=_commissions(day),
        attribution=split.attribution,
        attribution_note=split.note,
    )
    return DayFacts(
        day=day.day,
        journal=str(journal),
        desk=_desk(day),
        signal=_signal(day),
        declined=tuple(day.declined),
        held=rows,
        money=money,
        programs=tuple(day.programs.values()),
        limits=_limits(day.after, day.last_at),
        books=_books(day),
        alerts=_alert_rows(day, journal),
        ahead=Ahead(
            next_day=next_day(day.day), expiries=_expiries(rows, day.day), ex_dates=EX_DATES
        ),
        curve=tuple(points),
        notes=tuple(day.notes),
    )


def _desk(day: _Day) -> DayDesk:
    state, halt = day.after, day.after.halt
    return DayDesk(
        profile=state.profile or "unknown",
        account=masked(state.account_expected),
        phase=state.phasing.phase,
        evidence=state.phasing.evidence,
        halt=HaltLevel.NONE if halt is None else halt.level,
        halt_reason="" if halt is None else halt.reason,
        is_half_day=day.opened is not None and day.opened.is_half_day,
        has_ended=day.ended is not None,
        last_at=day.last_at,
        entries=day.entries,
    )


def _books(day: _Day) -> DayBooks:
    state = day.after
    found = state.reconciliation
    gap = Missing(reason="no comparison with the broker is journaled")
    return DayBooks(
        reconciled_at=_reconciled(state, day.day),
        agree=gap if found is None else found.agrees,
        breaks=tuple(day.breaks),
        locked_names=tuple(sorted(state.locked_names())),
        unknown_orders=_unknown(state),
        executions=sum(day_of(row.at) == day.day for row in state.book.executions.values()),
    )


def _signal(day: _Day) -> Signal | Missing:
    if day.has_signal and day.after.signal is not None:
        return day.after.signal
    return Missing(reason="no signal was computed on this day")


def _unknown(state: DeskState) -> tuple[str, ...]:
    return tuple(r for r, o in state.orders.items() if o.state is OrderState.UNKNOWN)


def _gross(state: DeskState) -> Decimal | Missing:
    """Return what the gate and `dispersa status` count, by the newest marks."""
    found = held(state)
    own = [row for row in positions(state).values() if not row.is_flat]
    if len(own) > len(found.legs):
        return Missing(reason=f"{len(own) - len(found.legs)} of {len(own)} positions have no mark")
    return found.gross or Decimal(0)


def _net_liquidation(state: DeskState, day: date) -> Decimal | Missing:
    read = state.account
    if read is None:
        why = state.account_missing or "the account was never read"
        return Missing(reason=f"net liquidation: {why}")
    if read.net_liquidation is None:
        return Missing(reason="the broker sent no net liquidation")
    if day_of(read.at) != day:
        return Missing(reason=f"the account was last read on {day_of(read.at)}")
    return read.net_liquidation


def _commissions(day: _Day) -> Decimal | Missing:
    book = day.after.book
    bare = book.executions.keys() - book.commissions.keys()
    today = [key for key in bare if day_of(book.executions[key].at) == day.day]
    if today:
        return Missing(reason=f"{len(today)} executions have no commission report yet")
    return _fees(day)


def _reconciled(state: DeskState, day: date) -> datetime | Missing:
    at = state.reconciled_at
    if at is None or day_of(at) != day:
        return Missing(reason="the books were not compared with the broker's on this day")
    return at


def _limits(state: DeskState, at: datetime) -> tuple[LimitUse, ...] | Missing:
    if state.limits is None:
        return Missing(reason="no limits are journaled; they are bound when a desk starts")
    return limit_uses(state.limits, gate_facts(state, at))


def _expiries(rows: tuple[HeldRow, ...], day: date) -> tuple[ExpiryRow, ...]:
    days = sorted({row.expiry for row in rows if row.expiry is not None})
    return tuple(
        ExpiryRow(
            expiry=expiry,
            days=(expiry - day).days,
            contracts=tuple(row.contract for row in rows if row.expiry == expiry),
        )
        for expiry in days
    )


def _alert_rows(day: _Day, journal: Path) -> tuple[AlertRow, ...]:
    found = hand_overs(journal, day.day)
    if isinstance(found, Missing):
        return tuple(_alert_row(row, found) for row in day.alerts)
    known: dict[str, tuple[Alert, tuple[HandOver, ...]]] = dict(found)
    gap = Missing(reason="it was not queued, or only counted as a repeat")
    rows = []
    for alert in day.alerts:
        _, over = known.pop(alert.alert_id, (alert, ()))
        rows.append(_alert_row(alert, over or gap))
    rows += [_alert_row(alert, over) for alert, over in known.values()]
    return tuple(sorted(rows, key=lambda row: row.at))


def _alert_row(alert: Alert, over: tuple[HandOver, ...] | Missing) -> AlertRow:
    return AlertRow(
        alert_id=alert.alert_id,
        at=alert.at,
        severity=alert.severity.value,
        headline=alert.headline,
        happened=alert.happened,
        handed_over=over,
    )
