"""What is a record of the journal worth telling, and in which words? One alert for one record.

`alert_for` answers for each record that the desk writes; a test holds that every kind is either
worded here or named in `SILENT` with the reason why nobody is woken for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from dispersa.alerts.alert import Alert, Severity
from dispersa.alerts.catalog import WORDINGS
from dispersa.alerts.plain_words import plain_words
from dispersa.alerts.rendering import market_time
from dispersa.desk import commands as cmd
from dispersa.desk import events as ev
from dispersa.desk import phase_commands as pc
from dispersa.desk import phase_events as pe
from dispersa.desk.controls import ClockStepped, HaltTrading, NoteBlind
from dispersa.desk.state import DeskState
from dispersa.desk.window import AlertLost, PageLost, WindowState
from dispersa.execution.alerts import AlertKind
from dispersa.execution.program import ProgramState
from dispersa.orders import LinkLost, LinkRestored, OrderDoubtful, OrderRef, OrderRejected
from dispersa.risk import HaltLevel

Record = ev.Event | cmd.Command
ITSELF = "dispersa"
"""Who takes a phase back without being asked."""
FAILURES_GRAVE = 3
"""A task that crashed so often is not coming back by itself."""

SILENT: Mapping[str, str] = MappingProxyType(
    {
        "DeskOpened": "a start; the day's opening and the link say the rest",
        "BrokerSynchronized": "the books' comparison speaks",
        "ConditionsRead": "read every few seconds; the gate refuses what it lacks",
        "BookMarked": "a valuation",
        "BookingRecorded": "made by the person who would be told",
        "ClosingRequested": "the plan that follows speaks",
        "TradeRequested": "the plan that follows speaks",
        "SignalComputed": "the verdict speaks",
        "PlanProposed": "gate and approval speak",
        "TargetsComputed": "the new targets speak",
        "OperatorAnswered": "the person who would be told has answered",
        "MarketObserved": "quotes",
        "OrderRequested": "made by the person who would be told",
        "CancelRequested": "made by the person who would be told",
        "OrderHandedOver": "usual",
        "SnapshotRead": "the books' comparison speaks",
        "OrderWithheld": "the halt that withheld it speaks",
        "OrderWorking": "usual",
        "OrderCancelled": "usual",
        "AmendRefused": "the order works on at its old limit",
        "ExecutionReported": "usual; abnormal fills are raised by themselves",
        "CommissionReported": "usual",
        "PhaseRequested": "the answer speaks",
        "PaperDaysCounted": "a count",
        "PageProven": "made by the person who would be told",
        "NoteAdded": "made by the person who would be told",
        "DayOpened": "usual",
        "AlertHandedOver": "an alert about an alert",
        "CancelReceived": "the decline that follows speaks",
        "EngineRestarted": "the window's lapse speaks",
        "Looked": "a look at the window",
        "BeginDay": "a count begins",
        "ComputeSignal": "work",
        "ComputePlan": "work",
        "ComputeClosing": "work",
        "PlaceOrder": "usual",
        "AmendOrder": "usual",
        "CancelOrder": "usual",
        "EndPackage": "the program's end speaks",
        "PausePackage": "quotes come and go",
        "ResumePackage": "quotes come and go",
        "ComputeTargets": "work",
        "ReadSnapshot": "work",
        "ApprovePlan": "the start speaks",
    }
)
"""Kinds of records that wake nobody, with the reason."""

_EFFECTS: Mapping[HaltLevel, str] = MappingProxyType(
    {
        HaltLevel.NONE: "Nothing is stopped.",
        HaltLevel.HOLD: "It opens nothing new. Orders that work stay, positions stay.",
        HaltLevel.CANCEL: "It cancels every order that works and opens nothing new. "
        "Positions stay.",
        HaltLevel.FLATTEN: "It cancels every order that works, then plans to close every position; "
        "in Crawl and Walk it waits for your approval.",
    }
)
_FILLS: Mapping[AlertKind, str] = MappingProxyType(
    {
        AlertKind.WORSE_THAN_LIMIT: "fill_wrong",
        AlertKind.ODD_SIZE: "fill_wrong",
        AlertKind.WORSE_THAN_PLAN: "fill_odd",
        AlertKind.OFF_MARKET: "fill_odd",
        AlertKind.LATE: "fill_odd",
        AlertKind.NOT_NEUTRAL: "not_neutral",
    }
)
_ENDS: Mapping[ProgramState, str] = MappingProxyType(
    {ProgramState.COMPLETED: "program_completed", ProgramState.LOCKED: "program_locked"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """When a record was written, at which place, and what the desk knew right after it.

    `link` is where the operator can look or cancel, None where there is no page.
    """

    sequence: int
    at: datetime
    state: DeskState
    link: str | None = None

    @property
    def alert_id(self) -> str:
        """Identity of what is told about this record: the same after a crash and a replay."""
        return f"{self.at:%Y%m%d}-{self.sequence}"


@dataclass(frozen=True, slots=True)
class _Told:
    """Which alarm, what fills its words, and what repeats are folded by beside its name."""

    alarm: str
    words: Mapping[str, str]
    about: str = ""
    severity: Severity | None = None


def alert_for(record: Record, occasion: Occasion) -> Alert | None:
    """Return the alert that a record is worth, None where it wakes nobody.

    Everything that comes from the broker, a person or a library goes through `plain_words`.
    """
    told = (
        _of_trade(record, occasion.state)
        or _of_orders(record, occasion.state)
        or _of_books(record)
        or _of_desk(record)
        or _of_phase(record)
        or _of_controls(record)
    )
    if told is None:
        return None
    wording = WORDINGS[told.alarm]
    words = {key: plain_words(value).rstrip(". ") for key, value in told.words.items()}
    return Alert(
        alert_id=occasion.alert_id,
        topic=f"{told.alarm} {told.about}".strip(),
        severity=told.severity or wording.severity,
        at=occasion.at,
        headline=wording.headline.format_map(words),
        happened=_sentence(wording.happened.format_map(words)),
        done=_sentence(wording.done.format_map(words)),
        options=_sentence(wording.options.format_map(words)),
        link=occasion.link,
    )


def alerts_of(records: Iterable[Record], first: Occasion) -> tuple[Alert, ...]:
    """Return the alerts of one step: the event and its commands, journaled one after the other."""
    found = []
    for place, record in enumerate(records):
        occasion = Occasion(
            sequence=first.sequence + place, at=first.at, state=first.state, link=first.link
        )
        alert = alert_for(record, occasion)
        if alert is not None:
            found.append(alert)
    return tuple(found)


def _sentence(text: str) -> str:
    """End with one full stop, begin with a capital."""
    text = text.strip()
    return text[:1].upper() + text[1:] if text[-1:] in {".", "…"} else f"{text}."


def _of_trade(record: Record, state: DeskState) -> _Told | None:
    match record:
        case cmd.AskApproval(plan_hash=plan):
            until = "its expiry" if state.plan is None else market_time(state.plan.expires_at)
            return _Told("approval_wanted", {"plan": plan[:12], "until": until}, plan)
        case pc.AnnounceStart(plan_hash=plan, policy=policy):
            seconds = f"{policy.window.total_seconds():.0f}"
            return _Told("window_opens", {"plan": plan[:12], "seconds": seconds}, plan)
        case cmd.DeclineTrade(stage="window", reason=reason):
            return _Told(_end_of_window(state), {"stage": "window", "reason": reason})
        case cmd.DeclineTrade(stage=stage, reason=reason):
            return _Told("trade_declined", {"stage": stage, "reason": reason})
        case cmd.DenyPlan(plan_hash=plan, verdict=verdict):
            broken = "; ".join(
                f"{check.code.value} {check.measured} against {check.limit}"
                for check in verdict.checks
                if not check.passed
            )
            return _Told("plan_denied", {"plan": plan[:12], "reason": broken})
        case ev.PlanImpossible(reason=reason):
            return _Told("plan_impossible", {"reason": reason})
        case ev.ProgramCancelRequested(reason=reason, by=by):
            return _Told("cancel_asked", {"reason": reason, "by": by})
        case _:
            return _of_running_trade(record)


def _end_of_window(state: DeskState) -> str:
    window = state.phasing.window
    if window is None:
        return "window_not_armed"
    return "trade_declined" if window.state is WindowState.CANCELLED else "window_lapsed"


def _of_running_trade(record: Record) -> _Told | None:
    match record:
        case cmd.StartProgram(program=program, plan_hash=plan):
            return _Told("program_started", {"program": program, "plan": plan[:12]}, program)
        case cmd.EndProgram(state=end, sentence=reason):
            words = {"reason": reason, "end": end.value}
            return _Told(_ENDS.get(end, "program_partial"), words, end.value)
        case cmd.WindDown(reason=reason):
            return _Told("winding_down", {"reason": reason})
        case cmd.Retarget(reason=reason):
            return _Told("retargeted", {"reason": reason})
        case ev.TargetsImpossible(reason=reason):
            return _Told("targets_impossible", {"reason": reason})
        case cmd.SuspectMove(is_suspected=True):
            return _Told("move_suspected", {})
        case cmd.RaiseAlert(alert=found):
            return _Told(_FILLS[found.kind], {"reason": found.sentence}, found.subject)
        case _:
            return None


def _of_orders(record: Record, state: DeskState) -> _Told | None:
    match record:
        case OrderDoubtful(ref=ref, message=reason) | cmd.DoubtOrder(ref=ref, reason=reason):
            words = {"name": _name(state, ref), "ref": ref, "reason": reason}
            return _Told("order_unknown", words, ref)
        case OrderRejected(ref=ref, code=code, message=message):
            name, reason = _name(state, ref), f"{message} (code {code})"
            return _Told("order_rejected", {"name": name, "ref": ref, "reason": reason}, name)
        case cmd.DenyOrder(package=package, denial=denial):
            words = {"name": package, "reason": denial.sentence, "mend": denial.mend}
            return _Told("order_denied", words, f"{package} {denial.code.value}")
        case _:
            return None


def _name(state: DeskState, ref: OrderRef) -> str:
    order = state.orders.get(ref)
    return "An order" if order is None else order.approved.intent.combo.symbol


def _of_books(record: Record) -> _Told | None:
    match record:
        case cmd.RecordReconciliation(reconciliation=found) if not found.agrees:
            names = ", ".join(sorted(found.locked_names))
            reason = "; ".join(row.sentence.rstrip(".") for row in found.breaks)
            return _Told("books_differ", {"names": names, "reason": reason}, names)
        case ev.SnapshotFailed(reason=reason):
            return _Told("books_unread", {"reason": reason})
        case cmd.BookLifecycle(bookings=bookings):
            names = ", ".join(sorted({row.symbol for row in bookings}))
            reason = "; ".join(f"{row.symbol} {row.kind.value}: {row.reason}" for row in bookings)
            return _Told("lifecycle_booked", {"names": names, "reason": reason}, names)
        case ev.PositionsAdopted(symbol=name, reason=reason, by=by):
            return _Told("positions_adopted", {"name": name, "reason": reason, "by": by}, name)
        case pe.UniverseChanged(as_of=day, added=added, removed=removed, moved=moved):
            parts = [f"new: {', '.join(added)}"] if added else []
            parts += [f"gone: {', '.join(removed)}"] if removed else []
            parts += [f"{name} {share:+.2%}" for name, share in moved.items()]
            return _Told("universe_changed", {"day": str(day), "reason": "; ".join(parts)})
        case _:
            return None


def _of_desk(record: Record) -> _Told | None:
    match record:
        case ev.HaltRequested(level=level, reason=reason, by=by):
            words = {"level": level.value, "reason": reason, "by": by or "A control"}
            return _Told("halted", {**words, "effect": _EFFECTS[level]}, level.value)
        case ev.ResumeRequested(reason=reason, operator=by):
            return _Told("resumed", {"reason": reason, "by": by})
        case ev.StopRequested(reason=reason):
            return _Told("stopping", {"reason": reason})
        case LinkLost(message=reason):
            return _Told("link_lost", {"reason": reason})
        case LinkRestored(data_lost=lost):
            return _Told("link_restored", {"lost": "; market data are asked for anew" * lost})
        case ev.LimitsBound(change=change) if change is not None:
            rows = ", ".join(f"{row.key} {row.before} to {row.after}" for row in change.changes)
            return _Told("limits_changed", {"reason": f"{change.actor}: {change.reason} ({rows})"})
        case _:
            return _of_day(record)


def _of_day(record: Record) -> _Told | None:
    match record:
        case pe.TaskFailed(task=task, reason=reason, failures=count, restart_seconds=wait):
            words = {"name": task, "reason": reason, "count": str(count), "seconds": f"{wait:.0f}"}
            grave = Severity.CRITICAL if count >= FAILURES_GRAVE else None
            return _Told("task_failed", words, task, grave)
        case pe.DayEnded(day=day, books_agree=False, remark=remark):
            reason = remark or "the last comparison with the broker found a difference"
            return _Told("day_broken", {"day": str(day), "reason": reason})
        case _:
            return None


def _of_phase(record: Record) -> _Told | None:
    match record:
        case pc.ChangePhase(phase=phase, by=by, reason=reason):
            words = {"phase": phase.value, "by": by, "reason": reason}
            return _Told("demoted" if by == ITSELF else "phase_changed", words)
        case pc.RefusePhase(phase=phase, reason=reason):
            return _Told("promotion_refused", {"phase": phase.value, "reason": reason})
        case PageLost(reason=reason):
            return _Told("page_lost", {"reason": reason})
        case AlertLost(reason=reason):
            return _Told("alert_lost", {"reason": reason})
        case _:
            return None


def _of_controls(record: Record) -> _Told | None:
    match record:
        case HaltTrading(rule=rule, level=level, reason=reason):
            words = {"level": level.value, "reason": reason, "by": f"The rule {rule.value}"}
            return _Told("halted", {**words, "effect": _EFFECTS[level]}, level.value)
        case ClockStepped(seconds=seconds):
            return _Told("clock_stepped", {"seconds": f"{seconds:+.1f}"})
        case NoteBlind(control=control, reason=reason) if reason:
            words = {"name": control.value.replace("_", " "), "reason": reason}
            return _Told("control_blind", words, control.value)
        case _:
            return None
