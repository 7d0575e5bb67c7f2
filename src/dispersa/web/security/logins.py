"""Who is logged in? A random id in a cookie, its hash and its times on our side.

Trading rights end after 15 idle minutes, the log-in itself after 12 hours; a new id at every
log-in (no fixation). Source: OWASP ASVS 5.0 V7; OWASP Session Management Cheat Sheet.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispersa.web.security.vault import Vault, hashed, time_text

IDLE = timedelta(minutes=15)
ABSOLUTE = timedelta(hours=12)
STEP_UP = timedelta(minutes=5)
LOGINS_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One log-in: `id_hash` names it, `proven` is when passphrase or second factor was given."""

    id_hash: str
    csrf: str
    begun: datetime
    seen: datetime
    proven: datetime
    address: str
    device: str

    def may_act(self, now: datetime) -> bool:
        """Return whether it was used in the last 15 minutes."""
        return now - self.seen <= IDLE

    def is_fresh(self, now: datetime) -> bool:
        """Return whether the person proved who they are in the last 5 minutes (step-up)."""
        return now - self.proven <= STEP_UP


def log_in(vault: Vault, now: datetime, *, address: str, device: str) -> str:
    """Begin a log-in and return the secret for the cookie; the oldest ones make room."""
    secret = secrets.token_urlsafe(32)
    at = time_text(now)
    vault.change(
        "INSERT INTO logins VALUES (?, ?, ?, ?, ?, ?, ?)",
        (hashed(secret), secrets.token_urlsafe(32), at, at, at, address, device[:200]),
    )
    vault.change(
        "DELETE FROM logins WHERE id_hash NOT IN "
        "(SELECT id_hash FROM logins ORDER BY begun DESC LIMIT ?)",
        (LOGINS_MAX,),
    )
    return secret


def find(vault: Vault, secret: str, now: datetime) -> Login | None:
    """Return the log-in of a cookie, None if it is unknown or over."""
    found = vault.rows("SELECT * FROM logins WHERE id_hash = ?", (hashed(secret),))
    if not found:
        return None
    login = _login(found[0])
    if now - login.begun > ABSOLUTE:
        log_out(vault, login.id_hash)
        return None
    return login


def touch(vault: Vault, login: Login, now: datetime) -> None:
    """Note that a person used it; what a page asks by itself does not count."""
    vault.change("UPDATE logins SET seen = ? WHERE id_hash = ?", (time_text(now), login.id_hash))


def prove(vault: Vault, login: Login, now: datetime) -> None:
    """Note that the person proved again who they are."""
    at = time_text(now)
    vault.change(
        "UPDATE logins SET seen = ?, proven = ? WHERE id_hash = ?", (at, at, login.id_hash)
    )


def log_out(vault: Vault, id_hash: str) -> None:
    """End one log-in."""
    vault.change("DELETE FROM logins WHERE id_hash = ?", (id_hash,))


def log_out_all(vault: Vault) -> int:
    """End every log-in and return how many there were."""
    return vault.change("DELETE FROM logins", ())


def listed(vault: Vault) -> tuple[Login, ...]:
    """Return every log-in, the newest first."""
    return tuple(map(_login, vault.rows("SELECT * FROM logins ORDER BY begun DESC", ())))


def _login(row: tuple[str, ...]) -> Login:
    id_hash, csrf, begun, seen, proven, address, device = row
    return Login(
        id_hash=id_hash,
        csrf=csrf,
        begun=datetime.fromisoformat(begun),
        seen=datetime.fromisoformat(seen),
        proven=datetime.fromisoformat(proven),
        address=address,
        device=device,
    )
