"""May this link cancel? A random token in a mail, good once, for one plan, and only to cancel.

Mail scanners open links and some submit forms, so a link can do nothing but stop: GET shows a page
with one button, POST acts. Unknown, used and expired links get the same answer. Links live by the
desk's time, as plans do: with a simulated market both run as fast as it does.
"""

import secrets
from datetime import datetime

from dispersa.web.security.vault import Vault, hashed, time_text


def issue(vault: Vault, plan_hash: str, expires: datetime) -> str:
    """Make the token of a link that can cancel the plan until `expires`."""
    token = secrets.token_urlsafe(24)
    vault.change(
        "INSERT INTO links VALUES (?, ?, ?, NULL)", (hashed(token), plan_hash, time_text(expires))
    )
    return token


def plan_of(vault: Vault, token: str, now: datetime) -> str | None:
    """Return the plan that a link can still cancel, None if it can not any more."""
    rows = vault.rows(
        "SELECT plan_hash FROM links WHERE token_hash = ? AND used IS NULL AND expires > ?",
        (hashed(token), time_text(now)),
    )
    return str(rows[0][0]) if rows else None


def use(vault: Vault, token: str, now: datetime) -> str | None:
    """Take a link as used and return its plan, None if it could not be used; at most one wins."""
    plan = plan_of(vault, token, now)
    if plan is None:
        return None
    taken = vault.change(
        "UPDATE links SET used = ? WHERE token_hash = ? AND used IS NULL AND expires > ?",
        (time_text(now), hashed(token), time_text(now)),
    )
    return plan if taken == 1 else None
