"""Send gate: is the desk in a state to send anything? Halt, links, account, hours, names, pace."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from dispersa.orders import Purpose
from dispersa.risk.codes import DenialCode
from dispersa.risk.facts import HaltLevel
from dispersa.risk.send_ask import SKEW, Ask
from dispersa.risk.verdict import MISSING, Denial

_C = DenialCode


def halted(ask: Ask) -> Denial | None:
    """Deny while the desk is halted for this purpose."""
    halt, purpose = ask.facts.halt, ask.intent.purpose
    if halt is HaltLevel.NONE:
        return None
    if purpose is Purpose.REDUCE and halt is not HaltLevel.CANCEL:
        return None
    return ask.no(_C.HALTED, f"halted at {halt}", f"a state that lets {purpose} out")


def link(ask: Ask) -> Denial | None:
    """Deny unless both links to the broker are proven good."""
    if ask.facts.are_links_proven:
        return None
    return ask.no(_C.LINK, "not proven", "proven")


def account(ask: Ask) -> Denial | None:
    """Deny unless the order goes to the configured account, in the configured mode, in USD."""
    account, expected = ask.facts.account, ask.facts.account_expected
    if account is None:
        return ask.no(_C.ACCOUNT, ask.facts.account_missing or MISSING, expected)
    if not expected or account.account != expected or ask.intent.account != expected:
        found = f"{account.account} for an order of {ask.intent.account}"
        return ask.no(_C.ACCOUNT, found, expected)
    if account.currency != "USD":
        return ask.no(_C.ACCOUNT, f"in {account.currency}", "in USD")
    if not account.is_paper and not ask.facts.is_live_allowed:
        return ask.no(_C.PAPER_OR_LIVE, "live", "paper")
    return None


def session(ask: Ask) -> Denial | None:
    """Deny unless the market is open and not near its opening or close."""
    session, at, limits = ask.facts.session, ask.facts.at, ask.limits
    if session is None:
        return ask.no(_C.SESSION, MISSING, "an open session")
    first = session.opens + timedelta(seconds=limits.session_start_margin_seconds)
    last = session.closes - timedelta(seconds=limits.session_end_margin_seconds)
    if first <= at <= last and at < session.closes:
        return None
    return ask.no(_C.SESSION, at.isoformat(), f"{first.isoformat()} to {last.isoformat()}")


def quiet(ask: Ask) -> Denial | None:
    """Deny inside a quiet window: the gateway may be restarting."""
    for window in ask.limits.quiet_windows:
        clock = ask.facts.at.astimezone(ZoneInfo(window.zone)).time()
        over_midnight = window.start > window.end
        after, before = clock >= window.start, clock < window.end
        if (after or before) if over_midnight else (after and before):
            found = f"inside {window.start} to {window.end} {window.zone}"
            return ask.no(_C.QUIET_WINDOW, found, "outside")
    return None


def reconciled(ask: Ask) -> Denial | None:
    """Deny unless our books agreed with the broker a short time ago."""
    then, most = ask.facts.reconciled_at, ask.limits.reconciliation_age_max_seconds
    if then is None or then.tzinfo is None:
        return ask.no(_C.RECONCILED, MISSING, f"at most {most:g}")
    age = ask.facts.at - then
    if -SKEW <= age <= timedelta(seconds=most):
        return None
    return ask.no(_C.RECONCILED, f"{age.total_seconds():.0f}", f"at most {most:g}")


def name(ask: Ask) -> Denial | None:
    """Deny unless the name is free of breaks, unknown orders and restrictions."""
    symbol = ask.intent.combo.symbol
    if symbol in ask.facts.locked_names:
        return ask.no(_C.NAME_LOCKED, symbol, "a name without a break")
    if symbol in ask.facts.unknown_names:
        return ask.no(_C.NAME_UNKNOWN, symbol, "a name without an unknown order")
    if symbol in ask.limits.restricted:
        return ask.no(_C.RESTRICTED, symbol, "a name that is not restricted")
    return None


def messages(ask: Ask) -> Denial | None:
    """Deny unless the message budgets of second, order and day have room."""
    sent, limits = ask.facts.messages, ask.limits
    if not 0 <= sent.last_second < limits.messages_per_second_max:
        most = f"below {limits.messages_per_second_max}"
        return ask.no(_C.MESSAGE_RATE, sent.last_second, most)
    # The last message of an order is kept for its cancel.
    if not 0 <= ask.context.messages_of_order < limits.messages_per_order_max - 1:
        most = f"below {limits.messages_per_order_max - 1}"
        return ask.no(_C.MESSAGES_OF_ORDER, ask.context.messages_of_order, most)
    is_opening = ask.intent.purpose is Purpose.OPEN
    per_day = limits.messages_for_opening_max if is_opening else limits.messages_per_day_max
    if not 0 <= sent.today < per_day:
        return ask.no(_C.MESSAGES_OF_DAY, sent.today, f"below {per_day}")
    return None


def taken(ask: Ask) -> Denial | None:
    """Deny after so many rejections in a row: a person finds out why before anything follows."""
    rejects, most = ask.facts.rejects_in_a_row, ask.limits.rejects_in_a_row_max
    if 0 <= rejects < most:
        return None
    return ask.no(_C.REJECTS_IN_A_ROW, rejects, f"below {most}")


def efficiency(ask: Ask) -> Denial | None:
    """Deny unless orders execute often enough for the messages they take."""
    sent, limits = ask.facts.messages, ask.limits
    if sent.today < limits.efficiency_counts_from_messages:
        return None
    ratio = (sent.today + 1) / (max(sent.orders_executed_today, 0) + 1)
    if ratio <= limits.messages_per_execution_max:
        return None
    most = f"at most {limits.messages_per_execution_max:g}"
    return ask.no(_C.MESSAGE_EFFICIENCY, f"{ratio:.1f}", most)
