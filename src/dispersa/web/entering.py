"""How does somebody get in, and out again? Set-up, log-in, log-out."""

import asyncio
import math

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dispersa.errors import DispersaError, InvalidInput
from dispersa.web.desk_page import DeskPage, address_of, named, page_of, wall_now
from dispersa.web.rendering import html
from dispersa.web.security import logins, passphrase, second_factor
from dispersa.web.security.forgery import foreign

ACCOUNT = "the account"
SEE_OTHER = 303


async def show_entry(request: Request) -> Response:
    """Show the log-in, or the set-up where no passphrase is set."""
    page = page_of(request)
    if page.login(request) is not None:
        return RedirectResponse("/", SEE_OTHER)
    return _form(request, page)


def _form(request: Request, page: DeskPage, error: str = "", status: int = 200) -> Response:
    return html(
        request,
        "enter.html",
        status=status,
        profile=page.seam.profile,
        account=page.seam.account,
        is_set=passphrase.is_set(page.vault),
        needs_code=second_factor.is_enrolled(page.vault),
        error=error,
    )


async def enter(request: Request) -> Response:
    """Log in, or set the first passphrase and log in."""
    page = page_of(request)
    refused = foreign(request, page.origins)
    if refused:
        return _form(request, page, f"Refused: {refused}.", 403)
    wait = _wait_s(page, request)
    if wait:
        return _form(request, page, f"Too many wrong tries. Wait {wait} s.", 429)
    form = await request.form()
    try:
        if passphrase.is_set(page.vault):
            right = await _is_right(page, form.get("passphrase"), form.get("code"))
        else:
            right = await _set_up(page, form.get("setup"), form.get("passphrase"))
    except InvalidInput as error:
        return _form(request, page, f"{str(error)[0].upper()}{str(error)[1:]}.", 422)
    if not right:
        _count_failure(page, request)
        return _form(request, page, "That is not right.", 403)
    return await _let_in(request, page)


def _wait_s(page: DeskPage, request: Request) -> int:
    now = wall_now()
    waits = (page.throttle.wait(key, now) for key in (address_of(request), ACCOUNT))
    return math.ceil(max(wait.total_seconds() for wait in waits))


def _count_failure(page: DeskPage, request: Request) -> None:
    for key in (address_of(request), ACCOUNT):
        page.throttle.failed(key, wall_now())


async def _is_right(page: DeskPage, words: object, code: object) -> bool:
    """Check passphrase and second factor; argon2 runs in a thread, the desk goes on."""
    right = await asyncio.to_thread(passphrase.is_right, page.vault, str(words or ""))
    if not right or not second_factor.is_enrolled(page.vault):
        return right
    return second_factor.is_right(page.vault, str(code or ""), wall_now().timestamp())


async def _set_up(page: DeskPage, code: object, words: object) -> bool:
    if not page.setup.is_right(str(code or "")):
        return False
    await asyncio.to_thread(passphrase.set_passphrase, page.vault, str(words or ""))
    return True


async def _let_in(request: Request, page: DeskPage) -> Response:
    for key in (address_of(request), ACCOUNT):
        page.throttle.succeeded(key)
    old = page.login(request)
    if old is not None:
        logins.log_out(page.vault, old.id_hash)
    device = request.headers.get("user-agent", "unknown")
    secret = logins.log_in(page.vault, wall_now(), address=address_of(request), device=device)
    answer = RedirectResponse("/", SEE_OTHER)
    set_cookie(request, page, answer, secret)
    login = logins.find(page.vault, secret, wall_now())
    if login is not None:
        await audit(page, "logged in", by=named(login))
    return answer


def set_cookie(request: Request, page: DeskPage, answer: Response, secret: str) -> None:
    """Give the browser its secret: not for scripts, not for other sites, gone after 12 hours."""
    answer.set_cookie(
        page.cookie_name(request),
        secret,
        max_age=int(logins.ABSOLUTE.total_seconds()),
        path="/",
        secure=page.is_public(request),
        httponly=True,
        samesite="strict",
    )


async def audit(page: DeskPage, text: str, *, by: str) -> None:
    """Note in the journal what somebody did on the page; a desk that has ended takes no note."""
    try:
        await page.seam.actions.note(text, by=by)
    except DispersaError:
        page.vault.note(wall_now(), f"{text} (not in the journal)", by)


async def prove_again(page: DeskPage, request: Request) -> str:
    """Check passphrase (and second factor) once more for a step-up; return why not, or nothing."""
    login = page.login(request)
    if login is None:
        return "log in again"
    if login.is_fresh(wall_now()):
        return ""
    wait = _wait_s(page, request)
    if wait:
        return f"too many wrong tries; wait {wait} s"
    form = await request.form()
    if not form.get("passphrase"):
        return "type your passphrase once more: it was last given more than 5 minutes ago"
    if not await _is_right(page, form.get("passphrase"), form.get("code")):
        _count_failure(page, request)
        return "that is not right"
    logins.prove(page.vault, login, wall_now())
    return ""
