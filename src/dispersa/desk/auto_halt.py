"""Must trading stop by itself? One pure rule per fault, each with its reason in words."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from dispersa.desk import events as ev
from dispersa.desk.commands import Command, ReadSnapshot
from dispersa.desk.controls import (
    BeginDay,
    ClockStepped,
    Control,
    DayStart,
    HaltPolicy,
    HaltRule,
    HaltTrading,
    NoteBlind,
)
from dispersa.desk.facts import rejects_in_a_row
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState, Stage
from dispersa.execution.plan import Role
from dispersa.orders import OrderRejected
from dispersa.risk import HaltLevel

EXCHANGE_ZONE = ZoneInfo("America/New_York")
SNAPSHOT_RETRY = timedelta(seconds=5)
_WEIGHT = {HaltLevel.NONE: 0, HaltLevel.HOLD: 1, HaltLevel.CANCEL: 2, HaltLevel.FLATTEN: 3}

Rule = Callable[[DeskRules, DeskState, datetime, ev.Event], str | None]


def decide_automatic(
    rules: DeskRules, state: DeskState, at: datetime, event: ev.Event
) -> Command | None:
    """Return what the automatic halts call for: a halt, a note for one, or a second read."""
    noted = _begin_day(state, at, event) or next(_blindness(state, event), None)
    if noted is not None:
        return noted
    present = HaltLevel.NONE if state.halt is None else state.halt.level
    for rule, why in RULES.items():
        level = rules.halts.level(rule)
        if _WEIGHT[level] <= _WEIGHT[present]:
            continue
        reason = why(rules, state, at, event)
        if reason is not None:
            return HaltTrading(rule=rule, level=level, reason=reason)
    return _second_read(rules.halts, state, at)


def books_differ(rules: DeskRules, state: DeskState, _at: datetime, _event: ev.Event) -> str | None:
    """Whether a read after the grace still shows a difference that no person has looked at."""
    since, found = state.controls.differs_since, state.reconciliation
    if since is None or found is None or _was_resumed_after(state, since):
        return None
    lasted = (found.at - since).total_seconds()
    if lasted < rules.halts.reconciliation_seconds:
        return None
    told = "; ".join(each.sentence for each in found.breaks)
    return f"our books and the broker's have differed for {lasted:.0f} s: {told}"


def has_lost(rules: DeskRules, state: DeskState, _at: datetime, _event: ev.Event) -> str | None:
    """Whether net liquidation has fallen too far since the day's first reading."""
    day = state.controls.day
    now = None if state.account is None else state.account.net_liquidation
    if day is None or now is None:
        return None
    fall = day.net_liquidation - now
    allowed = rules.halts.loss_share_max * abs(day.net_liquidation)
    if fall <= allowed:
        return None
    return (
        f"net liquidation has fallen by {fall:,.0f} USD since the start of {day.day} "
        f"({day.net_liquidation:,.0f}); expected at most {allowed:,.0f} "
        f"({rules.halts.loss_share_max:.1%})"
    )


def clock_stepped(
    rules: DeskRules, _state: DeskState, _at: datetime, event: ev.Event
) -> str | None:
    """Whether the machine's clock has just been moved: every age and deadline is in doubt."""
    most = rules.halts.clock_step_seconds_max
    if not isinstance(event, ClockStepped) or abs(event.seconds) <= most:
        return None
    return (
        f"this machine's clock was moved by {event.seconds:+.1f} s; expected steps of at most "
        f"{most:g} s: check its time server"
    )


def link_silent(rules: DeskRules, state: DeskState, at: datetime, _event: ev.Event) -> str | None:
    """Whether the broker has been silent for too long while a program is worked."""
    since = state.controls.unlinked_since
    if since is None or not _is_at_work(state) or _was_resumed_after(state, since):
        return None
    lasted = (at - since).total_seconds()
    if lasted <= rules.halts.link_seconds_max:
        return None
    return (
        f"no link to the broker for {lasted:.0f} s while a program is worked; expected at most "
        f"{rules.halts.link_seconds_max:g} s: {state.link_message}"
    )


def control_blind(rules: DeskRules, state: DeskState, at: datetime, _event: ev.Event) -> str | None:
    """Whether a control of the running program has had nothing to compute from for too long."""
    if not _is_at_work(state) or not state.linked:
        return None
    for control, blind in state.controls.blind.items():
        lasted = (at - max(blind.since, state.resumed_at or blind.since)).total_seconds()
        if lasted > rules.halts.blind_seconds_max:
            return f"the control {control} can not compute for {lasted:.0f} s: {blind.reason}"
    return None


def rejected(rules: DeskRules, state: DeskState, _at: datetime, event: ev.Event) -> str | None:
    """Whether the broker has rejected so many orders in a row that a person must look."""
    if not isinstance(event, OrderRejected):
        return None
    count, most = rejects_in_a_row(state), rules.gate.limits.rejects_in_a_row_max
    if count < most:
        return None
    return f"the broker has rejected {count} orders in a row (limit {most}): {event.message}"


RULES: dict[HaltRule, Rule] = {
    HaltRule.LOSS: has_lost,
    HaltRule.CLOCK: clock_stepped,
    HaltRule.REJECTS: rejected,
    HaltRule.RECONCILIATION: books_differ,
    HaltRule.LINK: link_silent,
    HaltRule.BLIND: control_blind,
}


def _is_at_work(state: DeskState) -> bool:
    return state.stage is Stage.EXECUTION


def _was_resumed_after(state: DeskState, since: datetime) -> bool:
    return state.resumed_at is not None and state.resumed_at >= since


def _begin_day(state: DeskState, at: datetime, event: ev.Event) -> BeginDay | None:
    if not isinstance(event, ev.ConditionsRead) or event.account is None:
        return None
    found = event.account.net_liquidation
    if found is None:
        return None
    today, known = at.astimezone(EXCHANGE_ZONE).date(), state.controls.day
    if known is not None and known.day == today:
        return None
    return BeginDay(start=DayStart(day=today, net_liquidation=found))


def _blindness(state: DeskState, event: ev.Event) -> Iterator[NoteBlind]:
    """Say what has just become unreadable, or readable again."""
    for control, reason in _readings(state, event):
        if bool(reason) is not (control in state.controls.blind):
            yield NoteBlind(control=control, reason=reason)


def _readings(state: DeskState, event: ev.Event) -> Iterator[tuple[Control, str]]:
    match event:
        case ev.ConditionsRead():
            worth = None if event.account is None else event.account.net_liquidation
            yield Control.ACCOUNT, _missing(worth, event.account_missing)
            yield Control.VIX, _missing(event.vix, event.vix_missing)
        case ev.MarketObserved() if state.program is not None and _is_at_work(state):
            for row in state.program.plan.packages:
                quote = event.quotes.get(row.underlying_con_id)
                if row.role is Role.INDEX:
                    mid: Decimal | None = None if quote is None else quote.mid
                    yield Control.INDEX_MOVE, _missing(mid, f"{row.symbol} is not quoted")
        case _:
            return


def _missing(value: object | None, reason: str) -> str:
    return (reason or "it could not be read") if value is None else ""


def _second_read(policy: HaltPolicy, state: DeskState, at: datetime) -> ReadSnapshot | None:
    """Ask the broker once more, after the grace, whether the books still differ."""
    since, read = state.controls.differs_since, state.reconciled_at
    failed = state.snapshot_failed_at
    if since is None or read is None or not state.linked or state.snapshot_request is not None:
        return None
    due = since + timedelta(seconds=policy.reconciliation_seconds)
    if at < due or read >= due or (failed is not None and at - failed < SNAPSHOT_RETRY):
        return None
    return ReadSnapshot(reason="our books and the broker's differ")
