"""Did our own page send this? Three checks of every request that changes something.

The token of the log-in, the exact Origin, and the browser's own word (Fetch Metadata); one alone
would do on most browsers, all three are asked. Source: OWASP CSRF Prevention Cheat Sheet.
"""

import hmac
from collections.abc import Collection

from starlette.requests import Request

from dispersa.web.security.logins import Login

FORM_FIELD = "csrf"
"""Name of the hidden field that carries the token."""
SAFE_METHODS = frozenset({"GET", "HEAD"})


def foreign(request: Request, origins: Collection[str]) -> str:
    """Return why a request that changes something is not from our page, empty if it may be."""
    origin = request.headers.get("origin")
    if origin is None or origin.lower() not in origins:
        return f"it came from {origin or 'nowhere'}, not from this page"
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return f"the browser says that it is {site}"
    return ""


def token_matches(login: Login, given: object) -> bool:
    """Compare the token of the form with the log-in's, in constant time."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(), login.csrf.encode())
