"""What stands on every page? Who trades, on which account, is it connected, is it safe to go on?"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dispersa.desk.state import DeskState
from dispersa.orders import Order, OrderState
from dispersa.web.seam import AlertTold, Reading

PAGES = (
    ("/", "Overview"),
    ("/signal", "Signal"),
    ("/plan", "Plan"),
    ("/program", "Program"),
    ("/positions", "Positions"),
    ("/risk", "Risk"),
    ("/journal", "Journal"),
    ("/settings", "Settings"),
)
BANDS = {"sim": "SIM", "paper": "PAPER", "live": "LIVE"}
ALERTS_SHOWN = 8


def frame(reading: Reading, profile: str, account: str, alerts: Sequence[AlertTold]) -> Any:
    """Return what the top of every page shows."""
    state = reading.state
    return {
        "band": BANDS.get(profile, profile.upper()),
        "profile": profile,
        "account": account or state.account_expected,
        "at": reading.at,
        "sequence": reading.sequence,
        "linked": state.linked,
        "link_message": state.link_message,
        "phase": phase_of(reading),
        "vix": None if state.vix is None else state.vix.level,
        "session": session_words(state, reading.at),
        "halt": None if state.halt is None else halt_proof(state),
        "stopping": state.stopping,
        "pages": PAGES,
        "alerts": alerts[:ALERTS_SHOWN],
        "alerts_count": len({alert.alert_id for alert in alerts}),
        "waits": waits_for_a_person(reading),
    }


def phase_of(reading: Reading) -> str:
    """Return the phase that the desk works in."""
    return reading.state.phasing.effective.value


def session_words(state: DeskState, at: datetime) -> str:
    """Say whether the market is open, and until when."""
    session = state.session
    if session is None:
        return "session unknown"
    if at < session.opens:
        return f"opens {_minute(session.opens)}"
    return f"closes {_minute(session.closes)}" if at < session.closes else "closed"


def _minute(at: datetime) -> str:
    from dispersa.web.formats import minute

    return minute(at)


def halt_proof(state: DeskState) -> dict[str, Any]:
    """Return the halt with its proof: what is known to have ended, and what is not."""
    halt = state.halt
    assert halt is not None  # noqa: S101 - the caller has looked
    orders = list(state.orders.values())
    unknown = [_named(order) for order in orders if order.state is OrderState.UNKNOWN]
    waiting = [
        _named(order)
        for order in orders
        if order.state.may_fill and order.state is not OrderState.UNKNOWN
    ]
    cancelled = [
        order
        for order in orders
        if order.state.is_terminal and order.ended_at is not None and order.ended_at >= halt.since
    ]
    return {
        "level": halt.level.value,
        "reason": halt.reason,
        "by": halt.by,
        "since": halt.since,
        "cancelled": len(cancelled),
        "waiting": waiting,
        "unknown": unknown,
        "is_proven": not waiting and not unknown,
    }


def _named(order: Order) -> str:
    intent = order.approved.intent
    return f"{intent.side.value} {intent.combo.symbol} ({order.state.value.replace('_', ' ')})"


def waits_for_a_person(reading: Reading) -> str:
    """Say what a person has to do now, empty if nothing."""
    from dispersa.desk.state import Stage

    if reading.window_seconds is not None:
        return "A program starts by itself unless you cancel"
    if reading.state.stage is Stage.APPROVAL:
        return "A plan waits for EXECUTE"
    return ""
