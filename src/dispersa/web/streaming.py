"""How does a browser learn that something happened? One event stream, resumed by number."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from dispersa.journal import Entry
from dispersa.web.desk_page import DeskPage, page_of

STREAMS_MAX = 64
BEAT_SECONDS = 1.0
TOGETHER_SECONDS = 0.03
"""What is journaled within this time is told together."""


async def stream(request: Request) -> Response:
    """Tell new journal entries, and a beat each second with the desk's time.

    `Last-Event-ID`, which browsers send by themselves, is where to go on: nothing is left out.
    """
    page = page_of(request)
    if page.login(request) is None:
        return PlainTextResponse("log in first\n", 403)
    if page.streams >= STREAMS_MAX:
        return PlainTextResponse("too many streams\n", 503)
    given = request.headers.get("last-event-id", "")
    known = page.seam.reads.reading().sequence
    after = min(int(given), known) if given.isdecimal() and len(given) < 16 else known
    return StreamingResponse(
        _events(request, page, after),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(request: Request, page: DeskPage, after: int) -> AsyncIterator[str]:
    page.streams += 1
    news = asyncio.ensure_future(page.seam.reads.changed(after))
    try:
        yield "retry: 1000\n\n"
        while page.login(request) is not None:
            yield _beat(page)
            await asyncio.wait({news}, timeout=BEAT_SECONDS)
            if not news.done():
                continue
            for entries in _portions(page, after):
                after = entries[-1].sequence
                told = [[entry.sequence, entry.kind] for entry in entries]
                yield f"id: {after}\nevent: entries\ndata: {json.dumps(told)}\n\n"
                await asyncio.sleep(TOGETHER_SECONDS)
            news = asyncio.ensure_future(page.seam.reads.changed(after))
        yield "event: over\ndata: {}\n\n"
    finally:
        news.cancel()
        page.streams -= 1


def _portions(page: DeskPage, after: int) -> Iterator[Sequence[Entry]]:
    while entries := page.seam.reads.entries(after):
        after = entries[-1].sequence
        yield entries


def _beat(page: DeskPage) -> str:
    at = page.seam.reads.now()
    return f"event: beat\ndata: {json.dumps({'at': at.isoformat()})}\n\n"
