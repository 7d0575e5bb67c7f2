"""How are page and health served? By uvicorn on the desk's own event loop, on one socket each."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from dispersa.errors import InvalidConfig

App = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application."""
STOP_SECONDS = 1
BACKLOG = 128


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the engine."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Hang up on event streams, which never end by themselves, half way through the patience.

        What is being answered has that long; uvicorn would cancel streams with a traceback each.
        """
        patience = self.config.timeout_graceful_shutdown or 0
        asyncio.get_running_loop().call_later(patience / 2, self._hang_up)
        await super().shutdown(sockets)

    def _hang_up(self) -> None:
        for connection in tuple(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """Bind the page's socket; port 0 takes any free one.

    Raises
    ------
    InvalidConfig
        If the address can not be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise InvalidConfig(
            f"the page can not listen on {host}:{port} ({error.strerror or error}); "
            "choose another web.port, or end what listens there"
        ) from error
    bound.setblocking(False)
    return bound


@asynccontextmanager
async def served(
    app: App, bound: socket.socket, *, speed: float = 1.0
) -> AsyncIterator[asyncio.Task[None]]:
    """Serve on a bound socket as long as the block runs; yields the server's own task.

    `speed` is how many times as fast the event loop's time runs: the server's own timeouts are of
    the wall clock.
    """
    server = _Server(_settings(app, speed))
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        if task.done():
            await task
            raise InvalidConfig("the page did not start; its log says why")
        yield task
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task
        bound.close()


async def serve(app: App, host: str, port: int) -> None:
    """Serve until cancelled, or until the server ends by itself.

    Raises
    ------
    InvalidConfig
        If the address can not be bound.
    """
    async with served(app, listen(host, port)) as task:
        await asyncio.wait({task})


def _settings(app: App, speed: float) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_keep_alive=round(30 * speed),
        timeout_graceful_shutdown=round(STOP_SECONDS * speed),
        h11_max_incomplete_event_size=16 * 1024,
        limit_concurrency=256,
        ws="none",
    )
