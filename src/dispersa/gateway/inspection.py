"""What is really so, for a test in another process: the truth over a local port of its own.

`GET /` on 127.0.0.1 answers JSON over HTTP: `/truth` (everything), `/orders`, `/executions`,
`/positions`, `/account`, `/world`, `/faults` (the catalogue) and `/messages` (what clients say).
Nothing here can be reached through the TWS port, and nothing can be changed: a fault is caused by a
script or in process. Requests that name another host than this machine are refused, so that no web
page can read them by way of a renamed address.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus

from dispersa.errors import InvalidInput
from dispersa.gateway.exchange.faults.catalogue import FAULTS as VENUE_FAULTS
from dispersa.gateway.floor import Floor
from dispersa.gateway.outages import FAULTS as SERVER_FAULTS

HOST = "127.0.0.1"
_LINE_BYTES_MAX = 8_192
_LINES_MAX = 64
_PATIENCE_SECONDS = 10.0
_OWN_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]", ""})


class Inspection:
    """A port on this machine that tells the truth about one gateway."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._server: asyncio.Server | None = None
        self._pages: dict[str, Callable[[], object]] = {
            "/": lambda: {"pages": sorted(self._pages)},
            "/truth": self._truth,
            "/faults": lambda: SERVER_FAULTS | VENUE_FAULTS,
            "/messages": self._messages,
            **{
                f"/{name}": partial(self._part, name)
                for name in ("orders", "executions", "positions", "account", "world")
            },
        }

    @property
    def port(self) -> int:
        """The port that it listens on."""
        if self._server is None:
            raise InvalidInput("the inspection port is not open; start the gateway with one")
        return int(self._server.sockets[0].getsockname()[1])

    async def open(self, port: int) -> None:
        """Listen on 127.0.0.1; raises `InvalidInput` where that can not be."""
        try:
            self._server = await asyncio.start_server(
                self._answer, HOST, port, limit=_LINE_BYTES_MAX
            )
        except OSError as error:
            raise InvalidInput(
                f"can not listen on {HOST}:{port} for inspection ({error.strerror or error}); "
                "choose another port with --inspect-port, or 0 for a free one"
            ) from error

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    # -- one request -----------------------------------------------------------------------------

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                status, body = self._respond(await _head(reader))
                writer.write(_response(status, body))
                await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, ValueError):
            # A caller that is slow, gone or no HTTP client gets no answer.
            writer.transport.abort()
        finally:
            writer.close()

    def _respond(self, lines: list[str]) -> tuple[HTTPStatus, object]:
        method, _, rest = lines[0].partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if _host_of(lines[1:]) not in _OWN_NAMES:
            return HTTPStatus.FORBIDDEN, {"error": f"ask for {HOST} by its own name"}
        if method != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, {"error": "nothing can be changed here; use GET"}
        page = self._pages.get(path)
        if page is None:
            return HTTPStatus.NOT_FOUND, {"error": f"no page {path}", "pages": sorted(self._pages)}
        return HTTPStatus.OK, page()

    # -- pages -----------------------------------------------------------------------------------

    def _truth(self) -> Mapping[str, object]:
        return self._floor.venue.truth.report()

    def _part(self, name: str) -> object:
        return self._truth()[name]

    def _messages(self) -> Mapping[str, object]:
        traffic = self._floor.traffic
        return {
            "received": traffic.messages_in,
            "sent": traffic.messages_out,
            "orders": traffic.orders,
            "fills": traffic.fills,
            "order_messages_today": self._floor.efficiency.messages,
            "order_efficiency_ratio": round(self._floor.efficiency.ratio, 3),
            "clients": [one.census().client_id for one in self._floor.attendants()],
            "lines": self._floor.lines,
        }


async def _head(reader: asyncio.StreamReader) -> list[str]:
    """Return the request line and the headers."""
    lines: list[str] = []
    while len(lines) < _LINES_MAX:
        line = (await reader.readuntil(b"\n")).decode("latin-1").rstrip("\r\n")
        if not line and lines:
            return lines
        lines.append(line)
    raise ValueError("the request has too many headers")


def _host_of(headers: list[str]) -> str:
    """Return the name in the Host header without its port, '' without one."""
    for header in headers:
        name, _, value = header.partition(":")
        if name.strip().lower() == "host":
            host = value.strip().lower()
            return host if host.endswith("]") else host.rpartition(":")[0] or host
    return ""


def _response(status: HTTPStatus, body: object) -> bytes:
    content = json.dumps(body, indent=1, allow_nan=False).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + content
