"""Which pages are there to look at? Each from one reading; looking changes nothing."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, time
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from dispersa.journal import Entry
from dispersa.journal.export import entry_document
from dispersa.web.acting import told_in
from dispersa.web.desk_page import DeskPage, page_of, wall_now
from dispersa.web.entering import SEE_OTHER
from dispersa.web.formats import EXCHANGE_ZONE
from dispersa.web.rendering import html
from dispersa.web.seam import Reading
from dispersa.web.searching import PAGE_ROWS, Found
from dispersa.web.security import logins, second_factor
from dispersa.web.security.logins import Login
from dispersa.web.views.events import QUIET, ROUTINE, TONES, title
from dispersa.web.views.frame import frame
from dispersa.web.views.overview import overview_view
from dispersa.web.views.plan import may_ask, plan_view
from dispersa.web.views.positions import positions_view
from dispersa.web.views.program import program_view
from dispersa.web.views.risk import risk_view
from dispersa.web.views.signal import signal_view

Values = dict[str, Any]
View = Callable[[DeskPage, Request, Reading], Coroutine[Any, Any, Values]]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

TIMELINE_ROWS, PROGRAM_LOG_ROWS = 18, 14
ALERTS_READ = 40
SIGNALS_SHOWN = 500


def shown(template: str, view: View) -> Handler:
    """Make a handler of a page: for those who are logged in, with the frame around it."""

    async def handler(request: Request) -> Response:
        page = page_of(request)
        login = page.login(request)
        if login is None:
            return RedirectResponse("/enter", SEE_OTHER)
        if "x-live" not in request.headers:
            logins.touch(page.vault, login, wall_now())
        reading = page.seam.reads.reading()
        values = await view(page, request, reading)
        return html(request, template, **await _around(page, request, login, reading), **values)

    return handler


async def _around(page: DeskPage, request: Request, login: Login, reading: Reading) -> Values:
    alerts = await page.seam.reads.alerts(ALERTS_READ)
    kind, words = told_in(request)
    return {
        "frame": frame(reading, page.seam.profile, page.seam.account, alerts),
        "path": request.url.path,
        "csrf": login.csrf,
        "fresh": login.is_fresh(wall_now()) and login.may_act(wall_now()),
        "needs_code": second_factor.is_enrolled(page.vault),
        "told": words,
        "told_bad": kind == "bad",
        "build": page.seam.build,
        "tone_of": TONES,
        "title_of": title,
    }


async def overview(page: DeskPage, request: Request, reading: Reading) -> Values:
    """Am I safe, what happens now, what do I hold, is there a trade?"""
    del request
    return {
        **overview_view(reading, [value for _, value in page.index.worth_since(_day_of(reading))]),
        "timeline": page.index.latest(TIMELINE_ROWS, without=ROUTINE),
        "may_ask": may_ask(reading.state),
    }


async def signal(page: DeskPage, request: Request, reading: Reading) -> Values:
    """Is there a trade?"""
    del request
    sequences = page.index.of_kind("SignalComputed", SIGNALS_SHOWN)
    past: list[Entry] = []
    if len(sequences) > 1:
        past = [entry for number in sequences for entry in page.seam.reads.entries(number - 1, 1)]
    return {**signal_view(reading, past), "may_ask": may_ask(reading.state)}


async def plan(page: DeskPage, request: Request, reading: Reading) -> Values:
    """What would be traded, and may it start?"""
    del request
    live_lacks_factor = page.seam.profile == "live" and not second_factor.is_enrolled(page.vault)
    ask = may_ask(reading.state)
    return {**plan_view(reading), "lacks_factor": live_lacks_factor, "may_ask": ask}


async def program(page: DeskPage, request: Request, reading: Reading) -> Values:
    """What is being worked?"""
    del request
    return {
        **program_view(reading),
        "log": page.index.latest(PROGRAM_LOG_ROWS, without=QUIET),
        "may_ask": may_ask(reading.state),
    }


async def positions(page: DeskPage, request: Request, reading: Reading) -> Values:
    """What is held?"""
    del page, request
    return positions_view(reading)


async def risk(page: DeskPage, request: Request, reading: Reading) -> Values:
    """How much room is left?"""
    del request
    return risk_view(reading, data_lines_max=page.seam.data_lines_max)


async def journal(page: DeskPage, request: Request, reading: Reading) -> Values:
    """What happened?"""
    words, kind = request.query_params.get("q", "")[:200], request.query_params.get("kind", "")
    before = _number(request.query_params.get("before"))
    rows = await asyncio.to_thread(page.index.search, words, kind=kind, before=before)
    chosen = _number(request.query_params.get("entry"))
    return {
        "rows": rows,
        "words": words,
        "kind": kind,
        "kinds": page.index.kinds(),
        "older": rows[-1].sequence if len(rows) == PAGE_ROWS else None,
        "indexed": page.index.last,
        "behind": max(reading.sequence - page.index.last, 0),
        "trouble": page.index.trouble,
        "chosen": None if chosen is None else _chosen(page, chosen),
    }


def _day_of(reading: Reading) -> datetime:
    """Midnight in New York before this reading."""
    return datetime.combine(reading.at.astimezone(EXCHANGE_ZONE), time(), EXCHANGE_ZONE)


def _chosen(page: DeskPage, sequence: int) -> Values | None:
    entries = page.seam.reads.entries(sequence - 1, 1) if sequence > 0 else ()
    if not entries:
        return None
    entry = entries[0]
    cause: Found | None = None if entry.cause is None else page.index.one(entry.cause)
    return {
        "document": entry_document(entry),
        "cause": cause,
        "effects": page.index.effects(sequence),
    }


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 16 else None


async def export(request: Request) -> Response:
    """Give one page of the journal as JSON lines."""
    import json

    page = page_of(request)
    if page.login(request) is None:
        return RedirectResponse("/enter", SEE_OTHER)
    after = _number(request.query_params.get("after")) or 0
    rows = [json.dumps(entry_document(entry)) for entry in page.seam.reads.entries(after)]
    answer = PlainTextResponse("".join(f"{row}\n" for row in rows), media_type="application/jsonl")
    answer.headers["Content-Disposition"] = 'attachment; filename="journal.jsonl"'
    return answer


async def settings(page: DeskPage, request: Request, reading: Reading) -> Values:
    """Who is logged in, and how is this set up?"""
    login = page.login(request)
    offer = None if login is None else page.totp_offers.get(login.id_hash)
    return {
        "logins": logins.listed(page.vault),
        "own": None if login is None else login.id_hash,
        "offer": offer,
        "offer_address": None if offer is None else second_factor.address(offer, "dispersa"),
        "enrolled": second_factor.is_enrolled(page.vault),
        "profile": page.seam.profile,
        "public_url": page.seam.public_url,
        "proven": reading.state.phasing.page_proven,
        "phasing": reading.state.phasing,
        "phases": [phase.value for phase in page.seam.phases],
        "health": reading.health,
        "notes": page.vault.notes(20),
        "zone": EXCHANGE_ZONE.key,
    }


PAGES: dict[str, tuple[str, View]] = {
    "/": ("overview.html", overview),
    "/signal": ("signal.html", signal),
    "/plan": ("plan.html", plan),
    "/program": ("program.html", program),
    "/positions": ("positions.html", positions),
    "/risk": ("risk.html", risk),
    "/journal": ("journal.html", journal),
    "/settings": ("settings.html", settings),
}
"""Template and view by path."""
