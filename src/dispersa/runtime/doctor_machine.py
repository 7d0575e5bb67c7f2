"""Is this machine ready: disk, journal, calendar, quiet windows, weights, alerts?"""

import os
import shutil
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dispersa.errors import DispersaError
from dispersa.journal import verify
from dispersa.reports.findings import Finding, Standing
from dispersa.runtime.config.settings import Settings

GIGABYTE = 1e9
DISK_FAILS_BELOW_GB, DISK_WARNS_BELOW_GB = 0.2, 2.0
"""The journal of a busy day takes some tens of megabytes; a full disk stops trading."""
WEIGHTS_AGE_WARNS_DAYS = 45

Check = Callable[[], Finding]


def machine_checks(settings: Settings) -> tuple[Check, ...]:
    """Return the checks of this machine, in order."""
    return tuple(
        partial(check, settings)
        for check in (_disk, _journal, _calendar, _quiet, _weights, _alerts)
    )


def _ok(check: str, found: str) -> Finding:
    return Finding(check=check, standing=Standing.OK, found=found)


def _warn(check: str, found: str, mend: str) -> Finding:
    return Finding(check=check, standing=Standing.WARNING, found=found, mend=mend)


def _failed(check: str, found: str, mend: str) -> Finding:
    return Finding(check=check, standing=Standing.FAILED, found=found, mend=mend)


def _disk(settings: Settings) -> Finding:
    folder = _existing(settings.journal_file.parent)
    free_gb = shutil.disk_usage(folder).free / GIGABYTE
    found = f"{free_gb:,.1f} GB free under {folder}"
    mend = "free space there, or name another disk with journal.path"
    if not os.access(folder, os.W_OK | os.X_OK):
        return _failed("disk", f"{folder} can not be written", "correct its owner or permissions")
    if free_gb < DISK_FAILS_BELOW_GB:
        return _failed("disk", found, mend)
    if free_gb < DISK_WARNS_BELOW_GB:
        return _warn("disk", found, mend)
    return _ok("disk", found)


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists already."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _journal(settings: Settings) -> Finding:
    path = settings.journal_file
    if not path.exists():
        return _ok("journal", f"{path} does not exist yet; the first trade makes it")
    try:
        checked = verify(path)
    except DispersaError as error:
        return _failed("journal", str(error), "name another file with journal.path, or restore it")
    if checked.is_intact:
        return _ok("journal", checked.sentence)
    return _failed(
        "journal",
        checked.sentence,
        "keep the file as it is and restore a backup: `dispersa journal restore --help`",
    )


def _calendar(settings: Settings) -> Finding:
    """Whether the exchange's calendar reaches far enough, and what it says about today."""
    today = datetime.now(ZoneInfo("America/New_York")).date()
    session = session_of(today)
    last = last_session()
    if (last - today).days < settings.universe.dte_max:
        return _failed(
            "calendar",
            f"the exchange calendar ends on {last}",
            "bring dispersa and its exchange_calendars up to date",
        )
    if session is None:
        return _ok("calendar", f"no session on {today} in New York; calendar known until {last}")
    opens, closes = (each.astimezone(ZoneInfo("America/New_York")) for each in session)
    return _ok("calendar", f"session {today} {opens:%H:%M} to {closes:%H:%M} New York time")


def session_of(day: date) -> tuple[datetime, datetime] | None:
    """Opening and close of the New York stock exchange on a day, None when it is closed."""
    calendar = _new_york_stock_exchange()
    if not calendar.is_session(str(day)):
        return None
    opens, closes = calendar.session_open(str(day)), calendar.session_close(str(day))
    return opens.to_pydatetime(), closes.to_pydatetime()


def last_session() -> date:
    """Last day that the exchange calendar knows."""
    last: date = _new_york_stock_exchange().last_session.date()
    return last


def _new_york_stock_exchange() -> Any:
    from exchange_calendars import get_calendar

    with warnings.catch_warnings():
        # The library's own use of pandas, which the caller can not mend.
        warnings.simplefilter("ignore", DeprecationWarning)
        return get_calendar("XNYS")


def _quiet(settings: Settings) -> Finding:
    windows = settings.risk.limits().quiet_windows
    told = ", ".join(f"{row.start:%H:%M} to {row.end:%H:%M} {row.zone}" for row in windows)
    if not windows:
        return _warn(
            "restart window",
            "no quiet window is set",
            "set risk.quiet_windows around the daily restart of TWS or IB Gateway",
        )
    now = datetime.now(UTC)
    inside = [row for row in windows if row.holds(now.astimezone(ZoneInfo(row.zone)).time())]
    if inside and settings.profile != "sim":
        return _warn("restart window", f"now is inside {told}: nothing is sent", "wait for its end")
    return _ok("restart window", f"nothing is sent from {told}")


def _weights(settings: Settings) -> Finding:
    from dispersa.history.weights import read_weights
    from dispersa.market import Symbol

    path = settings.universe.weights
    if path is None:
        if settings.profile == "sim":
            return _ok("weights", "the simulated market brings its own")
        return _failed(
            "weights",
            "universe.weights is not set",
            "name a CSV with date, symbol, weight, etf; without it no signal is made",
        )
    mend = "bring a newer file of the index's weights"
    try:
        basket = read_weights(path, Symbol(settings.universe.index)).baskets[-1]
    except (DispersaError, OSError) as error:
        return _failed("weights", str(error), mend)
    age_days = (datetime.now(UTC).date() - basket.as_of).days
    found = f"{len(basket.weights)} weights of {basket.index} as of {basket.as_of}"
    if age_days > WEIGHTS_AGE_WARNS_DAYS:
        return _warn("weights", f"{found}, {age_days} days old", mend)
    return _ok("weights", found)


def _alerts(settings: Settings) -> Finding:
    """Look at every channel that is configured, its secrets and its target; nothing is sent."""
    from dispersa.runtime.alerting import channels, unreachable
    from dispersa.runtime.config.alerting import contradictions_in

    mend = "correct the keys of [alerts]; `dispersa alerts test` sends over every channel"
    half = contradictions_in(settings.alerts)
    if half:
        return _failed("alerts", "; ".join(half), mend)
    try:
        ways = channels(settings, settings.account or "")
    except DispersaError as error:
        return _failed("alerts", str(error), mend)
    if not ways:
        if settings.profile == "sim":
            return _ok("alerts", "no channel is set; the simulated market needs none")
        return _warn(
            "alerts",
            "no channel is set: nobody is told when something goes wrong",
            "set alerts.email_to and alerts.smtp_host, or sms_to, or notifications, then run "
            "`dispersa alerts test`",
        )
    names = ", ".join(way.name for way in ways)
    if barred := unreachable(settings):
        return _failed("alerts", f"{names}: {'; '.join(barred)}", mend)
    return _ok("alerts", f"{names}; `dispersa alerts test` sends over each")
