"""What is the page, as an application? Guards first, then routes; nothing is open by default."""

import asyncio
import ipaddress
import secrets
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from itsdangerous import URLSafeTimedSerializer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from dispersa.errors import InvalidConfig
from dispersa.web import acting, entering, linking, looking
from dispersa.web.desk_page import DeskPage
from dispersa.web.rendering import STATIC, html
from dispersa.web.seam import DeskSeam
from dispersa.web.security import links, passphrase
from dispersa.web.security.bodies import BodyGuard
from dispersa.web.security.headers import HeaderGuard
from dispersa.web.security.hosts import HostGuard, allowed_hosts
from dispersa.web.security.passphrase import SetupCode
from dispersa.web.security.vault import Vault
from dispersa.web.streaming import stream

PROOF_LIFE = timedelta(hours=1)
POSTS = {
    "/halt": acting.halt,
    "/resume": acting.resume,
    "/approve": acting.approve,
    "/cancel": acting.cancel,
    "/request-trade": acting.request_trade,
    "/note": acting.note,
    "/phase": acting.change_phase,
    "/settings/passphrase": acting.change_passphrase,
    "/settings/offer": acting.offer_factor,
    "/settings/enroll": acting.enroll_factor,
    "/settings/logins": acting.end_login,
    "/leave": acting.leave,
}
FILES = {
    path.relative_to(STATIC).as_posix(): path
    for path in STATIC.rglob("*")
    if path.suffix in {".css", ".js", ".svg"}
}
"""Every file that is served, by its name: a path that is not in here is not looked for."""


class WebPage:
    """The page of one desk: an ASGI application, and links for alerts."""

    def __init__(self, page: DeskPage) -> None:
        self._page = page
        self._app = _application(page)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one connection."""
        await self._app(scope, receive, send)

    @property
    def setup_code(self) -> str | None:
        """The code that sets the first passphrase, None where one is set."""
        return None if passphrase.is_set(self._page.vault) else self._page.setup.text

    async def follow(self) -> None:
        """Keep the journal's index up to date; runs as long as the page does."""
        await self._page.index.follow(self._page.seam.reads)

    def cancel_link(self, plan_hash: str, expires: datetime) -> str | None:
        """Write a one-time link that can cancel this plan; None without a public address."""
        if self._page.seam.public_url is None:
            return None
        token = links.issue(self._page.vault, plan_hash, expires)
        return f"{self._page.seam.public_url.rstrip('/')}/link/{token}"

    def proof_link(self) -> str | None:
        """Write a link whose opening proves that the public address reaches this page."""
        if self._page.seam.public_url is None:
            return None
        until = self._page.seam.reads.now() + PROOF_LIFE
        token = links.issue(self._page.vault, linking.PROOF, until)
        return f"{self._page.seam.public_url.rstrip('/')}/proof/{token}"

    def close(self) -> None:
        """Close the vault."""
        self._page.vault.close()


def make_page(seam: DeskSeam) -> WebPage:
    """Make the page of a desk.

    Raises
    ------
    InvalidConfig
        If it would listen beyond this machine without TLS in front of it, or its vault is open to
        others.
    """
    _require_safe(seam)
    vault = Vault(seam.vault_file)
    vault.set_fact_once("signing", secrets.token_urlsafe(32))
    key = vault.fact("signing") or ""
    return WebPage(
        DeskPage(
            seam=seam,
            vault=vault,
            setup=SetupCode(),
            signer=URLSafeTimedSerializer(key, salt="link"),
        )
    )


def _require_safe(seam: DeskSeam) -> None:
    if _is_loopback(seam.host):
        return
    if seam.public_url is None or not seam.public_url.startswith("https://"):
        raise InvalidConfig(
            f"web.host is {seam.host!r}, which other machines reach, and web.public_url is "
            f"{seam.public_url!r}; expected 127.0.0.1, or a proxy that speaks TLS and its https "
            "address as web.public_url"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _application(page: DeskPage) -> Starlette:
    seam = page.seam
    tls = seam.public_url is not None

    @asynccontextmanager
    async def following(_app: Starlette) -> Any:
        task = asyncio.create_task(page.index.follow(seam.reads))
        try:
            yield
        finally:
            task.cancel()

    app = Starlette(
        routes=_routes(),
        middleware=[
            Middleware(HostGuard, hosts=allowed_hosts(seam.port, seam.public_url)),
            Middleware(HeaderGuard, tls=tls),
            Middleware(BodyGuard),
        ],
        exception_handlers={404: _missing, 405: _missing, 500: _failed},
        lifespan=following,
    )
    app.state.page = page
    return app


def _routes() -> list[BaseRoute]:
    pages = [
        Route(path, looking.shown(template, view), methods=["GET"])
        for path, (template, view) in looking.PAGES.items()
    ]
    posts = [Route(path, deed, methods=["POST"]) for path, deed in POSTS.items()]
    return [
        *pages,
        *posts,
        Route("/enter", entering.show_entry, methods=["GET"]),
        Route("/enter", entering.enter, methods=["POST"]),
        Route("/stream", stream, methods=["GET"]),
        Route("/journal/export", looking.export, methods=["GET"]),
        Route("/link/{token}", linking.show_cancel, methods=["GET"]),
        Route("/link/{token}", linking.cancel_by_link, methods=["POST"]),
        Route("/proof/{token}", linking.show_proof, methods=["GET"]),
        Route("/proof/{token}", linking.prove, methods=["POST"]),
        Route("/static/{name:path}", _file, methods=["GET"]),
    ]


async def _file(request: Request) -> Response:
    path = FILES.get(request.path_params["name"])
    if path is None:
        return PlainTextResponse("no such file\n", 404)
    return FileResponse(path, headers={"Cache-Control": "private, max-age=3600"})


async def _missing(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    sentence = "there is nothing here" if status == 404 else "that can not be asked in this way"
    return html(request, "refused.html", status=status, sentence=sentence)


async def _failed(request: Request, error: Exception) -> Response:
    del error  # it is in the log; a page tells nobody how it is built
    return html(
        request, "refused.html", status=500, sentence="the page has failed; the desk goes on"
    )
