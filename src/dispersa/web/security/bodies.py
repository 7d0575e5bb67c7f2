"""How much may a request send, and how slowly? Little, and not slowly.

An oversized or dripping body must not hold memory or a worker while there is trading to do.
"""

import asyncio

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES_MAX = 64 * 1024
BODY_SECONDS_MAX = 10.0


class _TooMuch(Exception):
    """The body is longer than it may be."""


class BodyGuard:
    """Refuses bodies over 64 KiB (413) and bodies that take longer than 10 s (408)."""

    def __init__(self, app: ASGIApp, *, seconds_max: float = BODY_SECONDS_MAX) -> None:
        self._app = app
        self._seconds_max = seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole body first, then serve the request with it."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds_max):
                body = await _read(scope, receive)
        except _TooMuch:
            await PlainTextResponse("The request is too long.\n", 413)(scope, receive, send)
            return
        except TimeoutError:
            await PlainTextResponse("The request came too slowly.\n", 408)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


async def _read(scope: Scope, receive: Receive) -> bytes:
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        raise _TooMuch
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            raise _TooMuch
        more = message.get("more_body", False)
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body once, then whatever comes after it."""
    given = False

    async def next_message() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message
