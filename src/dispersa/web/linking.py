"""What can a link in an alert do? Cancel one plan, once, by a button; or prove that it arrived."""

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from dispersa.errors import DispersaError
from dispersa.web.desk_page import LINK_SECONDS, DeskPage, address_of, page_of
from dispersa.web.rendering import html
from dispersa.web.security import links
from dispersa.web.security.forgery import foreign
from dispersa.web.security.vault import hashed

PROOF = "proof"


async def show_cancel(request: Request) -> Response:
    """Show what the link would cancel, and one button; looking changes nothing."""
    page = page_of(request)
    token = request.path_params["token"]
    plan = links.plan_of(page.vault, token, page.seam.reads.now())
    state = page.seam.reads.reading()
    is_current = state.state.plan is not None and state.state.plan.plan_hash == plan
    return _shown(
        request, page, plan=plan, status=200 if plan else 404, is_current=is_current, told=""
    )


def _shown(
    request: Request, page: DeskPage, *, plan: str | None, status: int, is_current: bool, told: str
) -> Response:
    token = request.path_params["token"]
    reading = page.seam.reads.reading()
    return html(
        request,
        "link.html",
        status=status,
        profile=page.seam.profile,
        account=page.seam.account,
        plan_hash=plan,
        is_current=is_current,
        proof=page.signer.dumps(hashed(token)),
        seconds=reading.window_seconds if is_current else None,
        told=told,
        program=reading.state.program,
    )


async def cancel_by_link(request: Request) -> Response:
    """Cancel once; unknown, used, altered and late links get one and the same answer."""
    page = page_of(request)
    form = await request.form()
    refused = foreign(request, page.origins)
    if refused or not _is_ours(page, request.path_params["token"], form):
        return html(
            request, "refused.html", status=403, sentence=refused or "open the link once more"
        )
    plan = links.use(page.vault, request.path_params["token"], page.seam.reads.now())
    if plan is None:
        return _shown(request, page, plan=None, status=404, is_current=False, told="")
    by = f"link from {address_of(request)}"
    try:
        answer = await page.seam.actions.cancel("one-time link", by=by, plan_hash=plan)
    except DispersaError as error:
        told = f"Nothing was left to cancel: {error}."
    else:
        waits = len(answer.get("open_orders", ()))
        told = "Cancelled." if not waits else f"Cancelled; {waits} orders are not yet proven ended."
    return _shown(request, page, plan=plan, status=200, is_current=False, told=told)


def _is_ours(page: DeskPage, token: str, form: FormData) -> bool:
    """Whether the button was on a page that we have served for this very link."""
    from itsdangerous import BadData

    try:
        given = page.signer.loads(str(form.get("proof") or ""), max_age=LINK_SECONDS)
    except BadData:
        return False
    return bool(given == hashed(token))


async def show_proof(request: Request) -> Response:
    """Show the button that proves the public address."""
    page = page_of(request)
    now = page.seam.reads.now()
    known = links.plan_of(page.vault, request.path_params["token"], now) == PROOF
    return html(
        request,
        "proof.html",
        status=200 if known else 404,
        known=known,
        told="",
        proof=page.signer.dumps(hashed(request.path_params["token"])),
    )


async def prove(request: Request) -> Response:
    """Record that links arrive under the public address."""
    page = page_of(request)
    form = await request.form()
    token = request.path_params["token"]
    refused = foreign(request, page.origins)
    if refused or not _is_ours(page, token, form):
        return html(
            request, "refused.html", status=403, sentence=refused or "open the link once more"
        )
    if links.use(page.vault, token, page.seam.reads.now()) != PROOF or page.seam.public_url is None:
        return html(request, "proof.html", status=404, known=False, told="", proof="")
    try:
        await page.seam.actions.prove_page(
            page.seam.public_url, by=f"link from {address_of(request)}"
        )
    except DispersaError as error:
        told = f"Not recorded: {error}."
    else:
        told = "Proven: links in alerts reach this page."
    return html(request, "proof.html", known=True, told=told, proof="")
