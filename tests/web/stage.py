"""Which desk does the page stand before in tests? One that answers from memory, asks noted down."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from starlette.types import Message, Scope

from dispersa.desk.phases import Phase
from dispersa.desk.state import DeskState
from dispersa.errors import Halted
from dispersa.journal import Entry, Journal, NewEntry
from dispersa.risk import HaltLevel
from dispersa.web.page import WebPage, make_page
from dispersa.web.seam import AlertTold, DeskSeam, Reading
from dispersa.web.serving import served
from tests.web.story import Telling

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
PORT = 8765
ORIGIN = f"http://127.0.0.1:{PORT}"
T = TypeVar("T")
WORDS = "correct horse battery staple"


@dataclass
class StageDesk:
    """Reads from a state that tests set; every ask is kept in `asked`."""

    journal: Journal = field(init=False)
    state: DeskState = field(default_factory=DeskState)
    telling: Telling = field(default_factory=Telling)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    alerts_told: tuple[AlertTold, ...] = ()
    plan_hash: str | None = None
    window_seconds: float | None = None
    at: datetime = NOON
    health: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.journal = Journal.in_memory(
            build_id="test", now=self.now, monotonic_ns=lambda: 0, journal_id="stage"
        )
        self._places: list[int] = []

    def tell(self, number: int) -> None:
        """Tell the recorded story up to this line."""
        for line in self.telling.until(number):
            self.at, self.state = line.at, self.telling.state
            cause = None if line.cause is None else self._places[line.cause - 1]
            entry = NewEntry(kind=line.kind, payload=line.payload, cause=cause)
            self._places.append(self.journal.append([entry])[0].sequence)

    def now(self) -> datetime:
        return self.at

    def reading(self) -> Reading:
        return Reading(
            at=self.at,
            sequence=self.journal.last_sequence,
            state=self.state,
            window_seconds=self.window_seconds,
            document={},
            health=self.health,
            quotes=self.telling.quotes,
        )

    def entries(self, after: int, count: int = 1_000) -> Sequence[Entry]:
        return tuple(self.journal.entries(after=after))[:count]

    async def changed(self, after: int) -> int:
        return await self.journal.grown(after)

    async def alerts(self, count: int) -> tuple[AlertTold, ...]:
        return self.alerts_told[:count]

    async def _note_down(self, what: str, **values: Any) -> dict[str, Any]:
        self.asked.append((what, values))
        self.journal.append([NewEntry.of("NoteAdded", {"text": what, "by": "test"})])
        return {"sequence": self.journal.last_sequence, "open_orders": []}

    async def halt(self, level: HaltLevel, reason: str, *, by: str) -> dict[str, Any]:
        return await self._note_down("halt", level=level, reason=reason, by=by)

    async def resume(self, reason: str, *, by: str) -> dict[str, Any]:
        return await self._note_down("resume", reason=reason, by=by)

    async def approve(self, plan_hash: str, text: str, *, by: str) -> dict[str, Any]:
        if plan_hash != self.plan_hash:
            raise Halted("no plan waits for approval")
        return await self._note_down("approve", plan_hash=plan_hash, text=text, by=by)

    async def cancel(self, reason: str, *, by: str, plan_hash: str | None = None) -> dict[str, Any]:
        return await self._note_down("cancel", reason=reason, by=by, plan_hash=plan_hash)

    async def request_trade(self, *, by: str) -> dict[str, Any]:
        return await self._note_down("request_trade", by=by)

    async def note(self, text: str, *, by: str) -> dict[str, Any]:
        return await self._note_down("note", text=text, by=by)

    async def prove_page(self, url: str, *, by: str) -> dict[str, Any]:
        return await self._note_down("prove_page", url=url, by=by)

    async def change_phase(
        self, phase: Phase, reason: str, *, by: str, live_waiver: str = ""
    ) -> dict[str, Any]:
        return await self._note_down(
            "change_phase", phase=phase, reason=reason, by=by, live_waiver=live_waiver
        )

    def names_asked(self) -> list[str]:
        """What was asked, log-ins and other notes left aside."""
        return [what for what, _ in self.asked if what != "note"]


@dataclass
class Stage:
    """A page before its desk, and one browser that keeps cookies."""

    desk: StageDesk
    page: WebPage
    cookies: dict[str, str] = field(default_factory=dict)

    async def ask(
        self,
        path: str,
        form: dict[str, str] | None = None,
        *,
        headers: dict[str, str] | None = None,
        method: str | None = None,
        chunks: Sequence[bytes] | None = None,
    ) -> "Answer":
        """Send one request as our own page would; `headers` add to or replace its own."""
        from urllib.parse import urlencode

        body = urlencode(form or {}).encode()
        sent = {"host": f"127.0.0.1:{PORT}", "user-agent": "test"}
        if form is not None:
            sent |= {
                "origin": ORIGIN,
                "sec-fetch-site": "same-origin",
                "content-type": "application/x-www-form-urlencoded",
                "content-length": str(len(body)),
            }
        if self.cookies:
            sent["cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        sent |= headers or {}
        path, _, query = path.partition("?")
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method or ("GET" if form is None else "POST"),
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in sent.items() if v],
            "client": ("127.0.0.1", 5000),
            "server": ("127.0.0.1", PORT),
        }
        return await self._send(scope, list(chunks or [body]))

    async def _send(self, scope: Scope, parts: list[bytes]) -> "Answer":
        messages: list[Message] = []

        async def receive() -> Message:
            if parts:
                part = parts.pop(0)
                return {"type": "http.request", "body": part, "more_body": bool(parts)}
            await asyncio.sleep(60)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            messages.append(message)

        await self.page(scope, receive, send)
        start = messages[0]
        headers = [(k.decode().lower(), v.decode("latin-1")) for k, v in start["headers"]]
        body = b"".join(message.get("body", b"") for message in messages[1:])
        answer = Answer(status=start["status"], headers=headers, text=body.decode())
        for key, value in headers:
            if key == "set-cookie":
                name, _, rest = value.partition("=")
                secret = rest.partition(";")[0].strip('"')
                if secret and "Max-Age=0" not in value:
                    self.cookies[name] = secret
                else:
                    self.cookies.pop(name, None)
        return answer

    async def set_up(self) -> "Answer":
        """Set the passphrase by the set-up code and log in."""
        return await self.ask("/enter", {"setup": self.page.setup_code or "", "passphrase": WORDS})

    async def token(self) -> str:
        """Return the CSRF token of the log-in."""
        import re

        found = re.search(r'name="csrf" value="([^"]+)"', (await self.ask("/settings")).text)
        assert found is not None
        return found[1]

    async def act(self, path: str, **form: str) -> "Answer":
        """Post one of our own forms."""
        return await self.ask(path, {"csrf": await self.token(), **form})


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    text: str

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


def stage_on(
    folder: Path,
    *,
    profile: str = "sim",
    public_url: str | None = None,
    port: int = PORT,
    phases: tuple[Phase, ...] = tuple(Phase),
) -> Stage:
    """Set a page up before a desk in memory."""
    desk = StageDesk()
    seam = DeskSeam(
        profile=profile,
        account="DU1234567",
        build="test",
        host="127.0.0.1",
        port=port,
        public_url=public_url,
        vault_file=folder / "vault",
        reads=desk,
        actions=desk,
        phases=phases,
    )
    return Stage(desk=desk, page=make_page(seam))


@dataclass
class Serving:
    """A page that is being served: what the test does to its desk is done on its loop."""

    loop: asyncio.AbstractEventLoop

    def do(self, deed: Callable[[], T]) -> T:
        """Do something on the page's loop and wait for it."""

        async def done() -> T:
            return deed()

        return asyncio.run_coroutine_threadsafe(done(), self.loop).result(30)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait on the page's loop until something holds."""

        async def held() -> None:
            while not holds():
                await asyncio.sleep(0.01)

        asyncio.run_coroutine_threadsafe(held(), self.loop).result(60)


@contextmanager
def serving(stage: Stage, bound: socket.socket) -> Iterator[Serving]:
    """Serve a stage's page to real browsers, on a loop of its own in a thread."""
    loop = asyncio.new_event_loop()
    over = asyncio.Event()
    begun = threading.Event()

    async def serve() -> None:
        async with served(stage.page, bound):
            begun.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert begun.wait(30)
    try:
        yield Serving(loop)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(30)
        loop.close()
