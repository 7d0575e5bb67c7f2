"""What do all handlers share? The desk's seam, the vault, the index, and who is logged in."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from itsdangerous import URLSafeTimedSerializer
from starlette.requests import Request

from dispersa.errors import Denied
from dispersa.web.seam import DeskSeam
from dispersa.web.searching import JournalIndex
from dispersa.web.security import logins, second_factor
from dispersa.web.security.hosts import allowed_origins
from dispersa.web.security.logins import Login
from dispersa.web.security.passphrase import SetupCode
from dispersa.web.security.throttle import Throttle
from dispersa.web.security.vault import Vault

COOKIE, SECURE_COOKIE = "dispersa", "__Host-dispersa"
LINK_SECONDS = 15 * 60


def wall_now() -> datetime:
    """Return the time of the wall clock: log-ins do not follow a simulated market's."""
    return datetime.now(UTC)


@dataclass(slots=True)
class DeskPage:
    """One running page; `streams` counts the open event streams."""

    seam: DeskSeam
    vault: Vault
    setup: SetupCode
    signer: URLSafeTimedSerializer
    throttle: Throttle = field(default_factory=Throttle)
    index: JournalIndex = field(default_factory=JournalIndex)
    streams: int = 0
    totp_offers: dict[str, str] = field(default_factory=dict)
    """Secret of a second factor that is being set up, by log-in: kept only once it was shown."""

    @property
    def origins(self) -> frozenset[str]:
        """Origins of our own pages."""
        return allowed_origins(self.seam.port, self.seam.public_url)

    @property
    def public_host(self) -> str | None:
        """Host of the public address, behind which TLS is spoken."""
        return None if self.seam.public_url is None else urlsplit(self.seam.public_url).netloc

    def is_public(self, request: Request) -> bool:
        """Whether the request came through the public address."""
        return request.headers.get("host", "").lower() == (self.public_host or "").lower()

    def cookie_name(self, request: Request) -> str:
        """Name of the log-in's cookie: bound to the host where TLS is spoken."""
        return SECURE_COOKIE if self.is_public(request) else COOKIE

    def login(self, request: Request) -> Login | None:
        """Return who is logged in, None if nobody."""
        secret = request.cookies.get(self.cookie_name(request))
        return None if not secret else logins.find(self.vault, secret, wall_now())

    def require_factor(self) -> None:
        """Refuse what moves money where the account is live and has no second factor."""
        if self.seam.profile == "live" and not second_factor.is_enrolled(self.vault):
            raise Denied(
                "a live account needs a second factor: set one up under Settings, then try again"
            )


def page_of(request: Request) -> DeskPage:
    """Return the page that a request is for."""
    page = request.app.state.page
    assert isinstance(page, DeskPage)  # noqa: S101 - set when the application was made
    return page


def named(login: Login) -> str:
    """Name a log-in in the journal: the page, the address, and the beginning of its id."""
    return f"page {login.address} {login.id_hash[:6]}"


def address_of(request: Request) -> str:
    """Address of the other side; a proxy's own, whatever it forwards."""
    return "unknown" if request.client is None else request.client.host
