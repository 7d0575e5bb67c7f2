"""Is this request meant for us? The Host allow-list, before anything else is looked at.

A page on the internet can point a name of its own at 127.0.0.1 (DNS rebinding); the browser then
sends our cookies to nobody, but its requests would reach us. They name that host, so a list of the
exact names under which the page is reached stops them. Source: OWASP ASVS 5.0, V13 and V4.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


def allowed_hosts(port: int, public_url: str | None) -> frozenset[str]:
    """Return the Host values under which the page may be reached.

    >>> sorted(allowed_hosts(8765, "https://desk.example.org"))
    ['127.0.0.1:8765', '[::1]:8765', 'desk.example.org', 'localhost:8765']
    """
    local = {f"127.0.0.1:{port}", f"[::1]:{port}", f"localhost:{port}"}
    return frozenset(local if public_url is None else local | {urlsplit(public_url).netloc.lower()})


def allowed_origins(port: int, public_url: str | None) -> frozenset[str]:
    """Return the Origin values of our own pages."""
    local = {f"http://{host}" for host in allowed_hosts(port, None)}
    if public_url is None:
        return frozenset(local)
    parts = urlsplit(public_url)
    return frozenset(local | {f"{parts.scheme}://{parts.netloc.lower()}"})


class HostGuard:
    """Refuses every request whose Host is not ours, before routing, log-in or body."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        if scope["type"] in {"http", "websocket"} and not self._is_ours(scope):
            refusal = PlainTextResponse("This page is not served under that name.\n", 421)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        given = Headers(scope=scope).getlist("host")
        return len(given) == 1 and given[0].lower() in self._hosts
