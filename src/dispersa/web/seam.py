"""What passes between the page and the daemon that hosts it? What it may read, what it may ask.

The daemon (`runtime.page_host`) makes a `DeskSeam` and hands it to `make_page(seam)` of
`dispersa.web.page`; what comes back is an ASGI application with two ways to write links. Every
action runs through the handlers of the control socket: the same refusals, the same journal
entries, the same answers. The page never sees the desk loop, the journal or the broker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from dispersa.desk.expiry import Dividend
from dispersa.desk.phases import Phase
from dispersa.desk.state import DeskState
from dispersa.journal import Entry
from dispersa.market import ConId, Quote, Symbol
from dispersa.risk import HaltLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The desk at one moment; `sequence` is the last journal entry that `state` contains.

    `window_seconds` is how long a cancel of Walk's window is still in time, None without an open
    window. `document` is the state as the control socket tells it, `health` the daemon's own, both
    in JSON's types. `quotes` are those of the running plan's contracts, where they stream;
    `dividends` those of the names that the calendar knows.
    """

    at: datetime
    sequence: int
    state: DeskState
    window_seconds: float | None
    document: dict[str, Any]
    health: dict[str, Any]
    quotes: Mapping[ConId, Quote] = field(default_factory=dict)
    dividends: Mapping[Symbol, Sequence[Dividend]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTold:
    """One alert on one channel: what it says, and whether somebody took it over.

    `state` is waiting, handed over (not: read), refused or expired; `answer` is the other side's
    last word.
    """

    alert_id: str
    at: datetime
    severity: str
    headline: str
    happened: str
    done: str
    options: str
    channel: str
    state: str
    answer: str


class DeskReads(Protocol):
    """What the page may look at; nothing here changes anything, nothing blocks."""

    def now(self) -> datetime:
        """Return the desk's time, which is the market's with a simulated gateway."""
        ...

    def reading(self) -> Reading:
        """Return the desk as it is now: state, plan, window, signal, positions, health."""
        ...

    def entries(self, after: int, count: int = 1_000) -> Sequence[Entry]:
        """Return the committed journal entries after a sequence number, at most `count`."""
        ...

    async def changed(self, after: int) -> int:
        """Wait until the journal holds more than `after` committed entries; return how many."""
        ...

    async def alerts(self, count: int) -> tuple[AlertTold, ...]:
        """Return the last alerts, the newest first, a row for each channel."""
        ...


class DeskActions(Protocol):
    """What the page may ask for. `by` names the person; each is journaled before it is answered.

    Answers are JSON objects as those of the control socket: at least `sequence`, `at`, `commands`
    and `not_recorded`. Refusals raise a `DispersaError` with a sentence for the person.
    """

    async def halt(self, level: HaltLevel, reason: str, *, by: str) -> dict[str, Any]:
        """Stop trading; cancels leave before this returns."""
        ...

    async def resume(self, reason: str, *, by: str) -> dict[str, Any]:
        """Let trading go on."""
        ...

    async def approve(self, plan_hash: str, text: str, *, by: str) -> dict[str, Any]:
        """Answer for the plan with this hash: EXECUTE starts it, anything else declines it."""
        ...

    async def cancel(self, reason: str, *, by: str, plan_hash: str | None = None) -> dict[str, Any]:
        """Cancel plan, window or program; with `plan_hash` only if it is that plan's."""
        ...

    async def request_trade(self, *, by: str) -> dict[str, Any]:
        """Ask for signal and plan now."""
        ...

    async def note(self, text: str, *, by: str) -> dict[str, Any]:
        """Write a note into the journal; also how the page audits log-ins and settings."""
        ...

    async def prove_page(self, url: str, *, by: str) -> dict[str, Any]:
        """Record that the operator has opened the test link under the public address `url`."""
        ...

    async def change_phase(
        self, phase: Phase, reason: str, *, by: str, live_waiver: str = ""
    ) -> dict[str, Any]:
        """Ask for another phase."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSeam:
    """Everything that the page gets.

    `vault_file` is where the page may keep log-ins and links, a file beside the journal.
    `public_url` is the address in alerts, None where there is none. `phases` are those that this
    desk can work in; `data_lines_max` is the login's allowance, None where nothing limits it.
    """

    profile: str
    account: str
    build: str
    host: str
    port: int
    public_url: str | None
    vault_file: Path
    reads: DeskReads
    actions: DeskActions
    phases: tuple[Phase, ...] = tuple(Phase)
    data_lines_max: int | None = None


class Page(Protocol):
    """What `make_page(seam)` gives back: the application, and links for alerts.

    `setup_code` is to be printed on the console of the process where it is not None: whoever can
    read it there may set the passphrase.
    """

    @property
    def setup_code(self) -> str | None:
        """The code that sets the first passphrase, None where one is set."""
        ...

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one connection (ASGI)."""
        ...

    def cancel_link(self, plan_hash: str, expires: datetime) -> str | None:
        """Write a one-time link that can cancel this plan; None without a public address."""
        ...

    def proof_link(self) -> str | None:
        """Write a link whose opening proves that the public address reaches this page."""
        ...


class PageMaker(Protocol):
    """`dispersa.web.page.make_page`."""

    def __call__(self, seam: DeskSeam) -> Page:
        """Make the page; raise `InvalidConfig` where it must not start."""
        ...
