"""What does the operator hear and do? Two alert channels, and a browser on the real page."""

import random
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

from dispersa.alerts import Alert, AlertPolicy, Outbox
from dispersa.alerts.delivery import TryLater
from dispersa.journal import Journal
from dispersa.runtime.build import build_id
from dispersa.runtime.control_desk import DeskAnswers
from dispersa.runtime.daemon_alerts import Alarm
from dispersa.runtime.daemon_tasks import Supervisor
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.health import HealthSources, health_document
from dispersa.runtime.page_host import HostedActions, HostedReads
from dispersa.web.page import WebPage, make_page
from dispersa.web.seam import DeskSeam

HOST, PAGE_PORT = "127.0.0.1", 8765
ADDRESS = f"{HOST}:{PAGE_PORT}"
WORDS = "correct horse battery staple"
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Phone:
    """A channel that takes alerts over, and notes when; silent, it asks to try later."""

    per_hour = 10_000

    def __init__(self, name: str, now: Callable[[], float]) -> None:
        self.name = name
        self._now = now
        self.is_silent = False
        self.taken: dict[str, float] = {}
        """When each alert was taken over, by its id."""
        self.topics: dict[str, float] = {}
        """When the last alert of each topic was taken over."""
        self.on_alert: Callable[[Alert], None] = lambda _: None

    def send(self, alert: Alert) -> str:
        """Take one alert over."""
        if self.is_silent:
            raise TryLater("451 try again later")
        self.taken[alert.alert_id] = self.topics[alert.topic] = self._now()
        self.on_alert(alert)
        return "250 taken"


class DurableOutbox(Outbox):
    """An outbox that outlives the process, as its file does."""

    def __init__(self) -> None:
        super().__init__(None)

    def close(self) -> None:
        """Keep what there is."""


class Operator:
    """One person: two channels, a browser, and a desk that changes with every restart."""

    def __init__(self, seed: int, now: Callable[[], float]) -> None:
        self._chance = random.Random(f"person {seed}")
        self.phone = Phone("phone", now)
        self.mail = Phone("mail", now)
        self._outbox = DurableOutbox()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._browser: Browser | None = None
        self._make_page: Callable[[], WebPage] | None = None
        self._page: WebPage | None = None

    def alarm(self, now: Callable[[], datetime]) -> Alarm:
        """Make the production alarm of one life of the process."""
        return Alarm(lambda: self._outbox, (self.phone, self.mail), now, AlertPolicy())

    def faces(
        self, desk: DeskLoop, journal: Journal, alarm: Alarm, now: Callable[[], datetime]
    ) -> None:
        """Put the page in front of this life's desk; it is made when somebody opens it."""
        self.leaves()

        def made() -> WebPage:
            self._folder = self._folder or tempfile.TemporaryDirectory()
            vault = Path(self._folder.name) / "page.sqlite3"
            return make_page(_seam(desk, journal, alarm, now, vault))

        self._make_page = made

    def leaves(self) -> None:
        """Lose the page, as when the process that serves it ends."""
        if self._page is not None:
            self._page.close()
        self._page, self._browser, self._make_page = None, None, None

    def close(self) -> None:
        """Throw the vault away."""
        self.leaves()
        if self._folder is not None:
            self._folder.cleanup()

    async def browser(self) -> "Browser | None":
        """Return a browser that is logged in, None while no process serves the page."""
        if self._browser is None and self._make_page is not None:
            with self._seeded_secrets():
                self._page = self._make_page()
                browser = Browser(self._page)
                await browser.enter(self._page.setup_code)
            self._browser = browser
        return self._browser

    @contextmanager
    def _seeded_secrets(self) -> Iterator[None]:
        """Draw log-ins from the seed: the first characters of their hash stand in the journal."""
        source = self._chance
        with (
            patch.object(secrets, "token_hex", lambda size=32: source.randbytes(size).hex()),
            patch.object(secrets, "token_urlsafe", lambda size=32: source.randbytes(size).hex()),
        ):
            yield


def _seam(
    desk: DeskLoop, journal: Journal, alarm: Alarm, now: Callable[[], datetime], vault: Path
) -> DeskSeam:
    supervisor = Supervisor(desk.post)
    sources = HealthSources(
        loop=desk,
        journal=journal,
        supervisor=supervisor,
        alarm=alarm,
        now=now,
        next_step=lambda: "",
    )
    return DeskSeam(
        profile="sim",
        account="DU1234567",
        build=build_id(),
        host=HOST,
        port=PAGE_PORT,
        public_url=None,
        vault_file=vault,
        reads=HostedReads(
            desk,
            journal,
            alarm,
            clock=now,
            window_seconds=lambda _: None,
            health=lambda: health_document(sources),
            quotes=dict,
        ),
        actions=HostedActions(DeskAnswers(desk, journal, lift=lambda: None)),
    )


class Browser:
    """Asks the page as a browser would, without a socket between."""

    def __init__(self, page: WebPage) -> None:
        self._page = page
        self._cookie = ""
        self._csrf = ""

    async def enter(self, setup_code: str | None) -> None:
        """Set the passphrase where none is set, and log in."""
        fields = {"passphrase": WORDS, "setup": setup_code or ""}
        status, headers, _ = await self._ask("POST", "/enter", fields)
        cookie = headers.get("set-cookie", "").partition(";")[0]
        if status != 303 or not cookie:
            raise AssertionError(f"the page did not let us in: {status}")
        self._cookie = cookie

    async def look(self, path: str) -> int:
        """Open a page and return its status."""
        status, _, body = await self._ask("GET", path)
        found = CSRF.search(body)
        self._csrf = found.group(1) if found else self._csrf
        return status

    async def post(self, path: str, **fields: str) -> int:
        """Send one of the page's forms and return the status."""
        if not self._csrf:
            await self.look("/")
        status, _, _ = await self._ask("POST", path, {"csrf": self._csrf, **fields})
        return status

    async def forge(self, path: str, **fields: str) -> int:
        """Send a form from a foreign page that rides on our cookie, and return the status."""
        origin = "https://evil.example"
        return (await self._ask("POST", path, fields, origin=origin))[0]

    async def rebind(self, path: str) -> int:
        """Ask under a name that is not ours and return the status."""
        return (await self._ask("GET", path, host="evil.example:8765"))[0]

    async def _ask(
        self,
        method: str,
        path: str,
        fields: dict[str, str] | None = None,
        *,
        host: str = ADDRESS,
        origin: str = f"http://{ADDRESS}",
    ) -> tuple[int, dict[str, str], str]:
        body = urlencode(fields or {}).encode()
        headers = [(b"host", host.encode()), (b"cookie", self._cookie.encode())]
        if method == "POST":
            headers += [
                (b"origin", origin.encode()),
                (b"content-type", b"application/x-www-form-urlencoded"),
                (b"content-length", str(len(body)).encode()),
            ]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
            "client": (HOST, 50_000),
            "server": (HOST, PAGE_PORT),
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self._page(scope, receive, send)
        told = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
        text = b"".join(message.get("body", b"") for message in sent[1:]).decode()
        return int(sent[0]["status"]), told, text
