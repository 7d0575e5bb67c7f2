"""What follows when packages can not be filled, and how does the program end?"""

from datetime import datetime, timedelta

from dispersa.desk import events as ev
from dispersa.desk.commands import (
    Command,
    ComputeTargets,
    EndProgram,
    RaiseAlert,
    Retarget,
)
from dispersa.desk.program_view import ProgramView
from dispersa.execution.alerts import Alert, AlertKind
from dispersa.execution.endings import ending, is_neutral
from dispersa.execution.plan import PlanKind
from dispersa.execution.policy import Remedy
from dispersa.execution.program import Program, ProgramState, balance_of, given_up
from dispersa.execution.remedies import (
    Targets,
    is_too_small,
    next_remedy,
    resolve_request,
    scaled,
    unwound,
)

ANSWER_WITHIN = timedelta(seconds=30)
DENIALS_MAX = 20


def remedy(view: ProgramView, event: ev.Event) -> Command | None:
    """Find other targets when a package was given up, or when a stopped trade is unbalanced."""
    program = view.program
    if program.state is ProgramState.STOPPING:
        return _balance_back(view)
    if not program.state.may_launch:
        return None
    if isinstance(event, ev.TargetsComputed) and program.asked is event.remedy:
        return Retarget(
            remedy=event.remedy, targets=event.targets, reason=_lost(program, "sized anew")
        )
    if program.asked is not None:
        return _overdue(view)
    chosen = next_remedy(program)
    match chosen:
        case None:
            return None
        case Remedy.RESOLVE | Remedy.REPLACE if program.state is ProgramState.RUNNING:
            request = resolve_request(program, view.at_risk, chosen)
            return ComputeTargets(remedy=chosen, request=request)
        case Remedy.UNWIND:
            return _give_back(program)
        case _:
            return _scale(view)


def _overdue(view: ProgramView) -> Command | None:
    """A worker that does not answer in time leaves scaling, which needs none."""
    since = view.program.asked_at
    if since is None or view.at - since <= ANSWER_WITHIN:
        return None
    return _scale(view)


def _scale(view: ProgramView) -> Command:
    program = view.program
    targets = scaled(program, only_back=program.state is ProgramState.UNWINDING)
    may_return = program.used(Remedy.UNWIND) < program.policy.limit_of(Remedy.UNWIND)
    if is_too_small(program, targets) and may_return and program.state is ProgramState.RUNNING:
        return _give_back(program)
    return Retarget(
        remedy=Remedy.SCALE, targets=targets, reason=_lost(program, "the larger side is scaled")
    )


def _give_back(program: Program) -> Command:
    reason = _lost(program, "too little of the trade is left, it is traded back")
    return Retarget(remedy=Remedy.UNWIND, targets=unwound(program), reason=reason)


def _lost(program: Program, what: str) -> str:
    names = ", ".join(row.plan.key for row in given_up(program))
    return f"{names} could not be traded as planned: {what}"


def _balance_back(view: ProgramView) -> Command | None:
    """After a stop: trade the imbalance back, if that is allowed and nothing works any more."""
    program = view.program
    if not program.may_unwind or not view.may_send or view.state.open_orders():
        return None
    if program.plan.kind is not PlanKind.DISPERSION or is_neutral(program):
        return None
    targets = scaled(program, only_back=True)
    if not _changes(program, targets):
        return None
    reason = f"{program.sentence}: the imbalance is traded back"
    return Retarget(remedy=Remedy.UNWIND, targets=targets, reason=reason)


def _changes(program: Program, targets: Targets) -> bool:
    return any(targets[key] != row.filled for key, row in program.packages.items())


def is_settled(view: ProgramView) -> bool:
    """Whether nothing works and nothing more would be launched."""
    program = view.program
    if view.state.open_orders() or program.asked is not None:
        return False
    if program.state is ProgramState.STOPPING:
        return _balance_back(view) is None
    if next_remedy(program) is not None:
        return False
    return not any(
        row.is_open and (row.gap or _needs_repair(view, row.plan.key))
        for row in program.packages.values()
    )


def _needs_repair(view: ProgramView, key: str) -> bool:
    row = view.program.packages[key]
    has_tries = row.failed_walks < view.program.policy.attempts_max
    is_allowed = view.state.denials.get(key, 0) <= DENIALS_MAX
    return has_tries and is_allowed and not view.legs(row).is_whole


def quiet_from(view: ProgramView) -> datetime:
    """When the quiet period after the last change of any order is over."""
    changes = [order.ended_at for order in view.state.orders.values() if order.ended_at]
    last_fill = [view.state.last_fill_at] if view.state.last_fill_at else []
    return max([view.program.started_at, *changes, *last_fill]) + view.program.policy.quiet


def proof_due(view: ProgramView) -> datetime:
    """When a full read proves the end: in quiet, and past the grace of fills it did not show."""
    found = view.state.reconciliation
    is_settling = found is not None and bool(found.settling)
    return quiet_from(view) + (view.rules.fill_grace if is_settling else timedelta(0))


def end_program(view: ProgramView) -> Command | None:
    """End once all is settled, costs are in and a full read made afterward has been compared."""
    state = view.state
    read_at = state.snapshot_at
    if state.snapshot is None or read_at is None or not is_settled(view):
        return None
    if read_at < proof_due(view):
        return None
    waits = any(state.book.lacks_commission(ref) for ref in state.orders)
    if waits and view.at - quiet_from(view) < view.rules.settle_within:
        return None
    return _alarm(view) or _ending(view)


def _alarm(view: ProgramView) -> Command | None:
    """Vega neutrality is verified on what was filled; outside its tolerance people are told."""
    program = view.program
    told = any(alert.kind is AlertKind.NOT_NEUTRAL for alert in program.alerts)
    if told or program.plan.kind is not PlanKind.DISPERSION or is_neutral(program):
        return None
    net = balance_of(program, {}).filled
    text = f"net vega {net:+,.0f} $/pt after the fills, tolerance {program.tolerance_usd:,.0f}"
    alert = Alert(kind=AlertKind.NOT_NEUTRAL, subject=program.program, sentence=text)
    return RaiseAlert(program=program.program, alert=alert)


def _ending(view: ProgramView) -> EndProgram:
    state, program = view.state, view.program
    refs = [ref for row in program.packages.values() for ref in row.refs]
    was_filled = any(state.orders[ref].filled for ref in refs)
    ended, sentence = ending(program, was_filled=was_filled)
    lone = [row.plan.key for row in program.packages.values() if not view.legs(row).is_whole]
    if lone:
        ended = ProgramState.LOCKED
        sentence = f"{sentence}; legs of {', '.join(lone)} are held without their partners"
    breaks = () if state.reconciliation is None else state.reconciliation.breaks
    if breaks:
        ended = ProgramState.LOCKED
        told = "; ".join(each.sentence for each in breaks)
        sentence = f"{sentence}; our books and the broker's differ: {told}"
    return EndProgram(state=ended, sentence=sentence)
