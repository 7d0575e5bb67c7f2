"""What may somebody do on the page? Every change is a POST that our own page has sent.

Stopping asks for a log-in and a reason only. What starts or loosens asks for a log-in that is in
use and for the passphrase within the last five minutes.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import urlsplit

from itsdangerous import BadData
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dispersa.desk.phases import Phase
from dispersa.errors import DispersaError
from dispersa.risk import HaltLevel
from dispersa.web.desk_page import DeskPage, named, page_of, wall_now
from dispersa.web.entering import SEE_OTHER, audit, prove_again
from dispersa.web.rendering import html
from dispersa.web.security import logins, passphrase, second_factor
from dispersa.web.security.forgery import FORM_FIELD, foreign, token_matches
from dispersa.web.security.logins import Login
from dispersa.web.views.frame import PAGES

Deed = Callable[[DeskPage, Login, FormData], Awaitable[str]]
"""Does one thing and returns what to tell the person."""

REASON_MAX = 300
TOLD, TOLD_SECONDS = "told", 30
KNOWN_PATHS = frozenset(path for path, _ in PAGES)


def posted(*, step_up: bool) -> Callable[[Deed], Callable[[Request], Awaitable[Response]]]:
    """Make a handler of a deed: checked, done, and answered by the page it came from."""

    def made(deed: Deed) -> Callable[[Request], Awaitable[Response]]:
        @wraps(deed)
        async def handler(request: Request) -> Response:
            page = page_of(request)
            login = page.login(request)
            if login is None:
                return RedirectResponse("/enter", SEE_OTHER)
            form = await request.form()
            refused = _refused(page, login, request, form)
            if refused:
                return html(request, "refused.html", status=403, sentence=refused)
            if step_up:
                lacking = await _step_up(page, login, request)
                if lacking:
                    return back(request, f"Not done: {lacking}.", bad=True)
            logins.touch(page.vault, login, wall_now())
            try:
                told = await deed(page, login, form)
            except DispersaError as error:
                return back(request, f"Not done: {error}.", bad=True)
            return back(request, told)

        return handler

    return made


def _refused(page: DeskPage, login: Login, request: Request, form: FormData) -> str:
    refused = foreign(request, page.origins)
    if refused:
        return refused
    if not token_matches(login, form.get(FORM_FIELD)):
        return "the form is not one of this log-in: open the page again"
    return ""


async def _step_up(page: DeskPage, login: Login, request: Request) -> str:
    form = await request.form()
    if not login.may_act(wall_now()) and not form.get("passphrase"):
        return "this log-in was not used for 15 minutes: type your passphrase once more"
    return await prove_again(page, request)


def back(request: Request, told: str, *, bad: bool = False) -> Response:
    """Return to the page that the form stood on, and to none but ours, with a word on it."""
    path = urlsplit(request.headers.get("referer", "")).path
    path = path if path in KNOWN_PATHS else "/"
    said = ["bad" if bad else "good", told.replace("..", ".")[:REASON_MAX]]
    sealed = page_of(request).signer.dumps(said, salt=TOLD)
    return RedirectResponse(f"{path}?{TOLD}={sealed}", SEE_OTHER)


def told_in(request: Request) -> tuple[str, str]:
    """Return the word that one of our answers carries, good or bad, and only for a short time.

    It is in the address and not in a cookie, which another tab would read away; it is sealed, so
    that nobody can put words into our mouth.
    """
    sealed = request.query_params.get(TOLD, "")
    try:
        kind, words = page_of(request).signer.loads(sealed, max_age=TOLD_SECONDS, salt=TOLD)
    except (BadData, ValueError):
        return "", ""
    return str(kind), str(words)


def _reason(form: FormData, default: str) -> str:
    text = str(form.get("reason") or "").strip()
    return (text or default)[:REASON_MAX]


@posted(step_up=False)
async def halt(page: DeskPage, login: Login, form: FormData) -> str:
    """Hold, cancel or flatten."""
    level = HaltLevel(str(form.get("level"))) if form.get("level") in _LEVELS else HaltLevel.CANCEL
    told = await page.seam.actions.halt(level, _reason(form, "halted on the page"), by=named(login))
    waits = len(told.get("open_orders", ()))
    proof = f"{waits} orders of ours not yet proven ended" if waits else "no order of ours works"
    return f"Halted ({level}): {proof}."


_LEVELS = frozenset({"hold", "cancel", "flatten"})


@posted(step_up=True)
async def resume(page: DeskPage, login: Login, form: FormData) -> str:
    """Let trading go on."""
    reason = str(form.get("reason") or "").strip()[:REASON_MAX]
    await page.seam.actions.resume(reason, by=named(login))
    return "Trading goes on."


@posted(step_up=True)
async def approve(page: DeskPage, login: Login, form: FormData) -> str:
    """Answer for the plan that was shown."""
    text = str(form.get("word") or "").strip()
    if text != "EXECUTE":
        return "Nothing was sent: the word is EXECUTE, in capitals. The plan still waits."
    page.require_factor()
    await page.seam.actions.approve(str(form.get("plan_hash") or ""), text, by=named(login))
    return "Approved. The program starts."


@posted(step_up=False)
async def cancel(page: DeskPage, login: Login, form: FormData) -> str:
    """Cancel plan, window or program."""
    plan_hash = str(form.get("plan_hash") or "") or None
    reason = _reason(form, "cancelled on the page")
    told = await page.seam.actions.cancel(reason, by=named(login), plan_hash=plan_hash)
    waits = len(told.get("open_orders", ()))
    return "Cancelled." if not waits else f"Cancelled; {waits} orders not yet proven ended."


@posted(step_up=True)
async def request_trade(page: DeskPage, login: Login, form: FormData) -> str:
    """Ask for signal and plan now."""
    del form  # everything about the trade stands in the configuration
    page.require_factor()
    await page.seam.actions.request_trade(by=named(login))
    return "Asked: the market is being read."


@posted(step_up=False)
async def note(page: DeskPage, login: Login, form: FormData) -> str:
    """Write a note into the journal."""
    text = str(form.get("text") or "").strip()[:REASON_MAX]
    if not text:
        return "Nothing was written: the note is empty."
    await page.seam.actions.note(text, by=named(login))
    return "Noted in the journal."


@posted(step_up=True)
async def change_phase(page: DeskPage, login: Login, form: FormData) -> str:
    """Ask for another phase."""
    phase = str(form.get("phase") or "")
    offered = [each.value for each in page.seam.phases]
    if phase not in offered:
        return f"Not changed: this desk works in {' or '.join(offered)}."
    if Phase(phase) is not Phase.CRAWL:
        page.require_factor()
    reason = _reason(form, "")
    await page.seam.actions.change_phase(Phase(phase), reason, by=named(login))
    return f"Asked for {phase}."


@posted(step_up=True)
async def change_passphrase(page: DeskPage, login: Login, form: FormData) -> str:
    """Set another passphrase; every other log-in ends."""
    passphrase.set_passphrase(page.vault, str(form.get("new_passphrase") or ""))
    others = [each for each in logins.listed(page.vault) if each.id_hash != login.id_hash]
    for each in others:
        logins.log_out(page.vault, each.id_hash)
    await audit(page, "changed the passphrase", by=named(login))
    return f"The passphrase is changed; {len(others)} other log-ins ended."


@posted(step_up=True)
async def offer_factor(page: DeskPage, login: Login, form: FormData) -> str:
    """Make a secret for an authenticator and show it on the next page."""
    del form  # the secret is ours to make
    page.totp_offers[login.id_hash] = second_factor.new_secret()
    return "Add the secret below to your authenticator, then type a code from it."


@posted(step_up=True)
async def enroll_factor(page: DeskPage, login: Login, form: FormData) -> str:
    """Keep the second factor once a code from it was shown."""
    secret = page.totp_offers.get(login.id_hash, "")
    now_s = wall_now().timestamp()
    if not secret or not second_factor.enroll(
        page.vault, secret, str(form.get("new_code") or ""), now_s
    ):
        return "Not set up: that code is not from this secret. Try the next one."
    del page.totp_offers[login.id_hash]
    await audit(page, "set up a second factor", by=named(login))
    return "The second factor is set up."


@posted(step_up=False)
async def end_login(page: DeskPage, login: Login, form: FormData) -> str:
    """End one log-in, or all others."""
    which = str(form.get("id") or "")
    ended = [
        each
        for each in logins.listed(page.vault)
        if each.id_hash == which or (which == "others" and each.id_hash != login.id_hash)
    ]
    for each in ended:
        logins.log_out(page.vault, each.id_hash)
    await audit(page, f"ended {len(ended)} log-ins", by=named(login))
    return f"{len(ended)} log-ins ended."


@posted(step_up=False)
async def leave(page: DeskPage, login: Login, form: FormData) -> str:
    """Log out."""
    del form  # nothing to say
    logins.log_out(page.vault, login.id_hash)
    await audit(page, "logged out", by=named(login))
    return "Logged out."
