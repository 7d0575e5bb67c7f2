"""Does the page do its work in a real browser?

The stages are prepared: a recorded day for what is to be seen, and for what is to be done a real
desk whose broker the test scripts. The phases against gateway and daemon as processes are in
`test_phases_in_browser.py`.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    StorageState,
    ViewportSize,
    expect,
    sync_playwright,
)

from dispersa.desk.phases import Phase
from dispersa.desk.state import Halt, Stage
from dispersa.risk import HaltLevel
from dispersa.web.desk_page import wall_now
from dispersa.web.page import WebPage
from dispersa.web.security import logins, passphrase
from dispersa.web.serving import listen
from tests.daemon.processes import promoted
from tests.web.browser import WORDS, launch
from tests.web.desk_stage import (
    DeskProcess,
    announce,
    desk_process,
    let_seconds_pass,
    open_desk,
)
from tests.web.stage import Serving, serving, stage_on
from tests.web.stage import Stage as PageStage
from tests.web.story import lines, number_of

PAGES = ("", "signal", "plan", "program", "positions", "risk", "journal", "settings")
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text() + ";0"
SHOTS = Path(os.environ.get("DISPERSA_SHOTS", "build/screenshots"))
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)
pytestmark = pytest.mark.timeout(600)

Theme = Literal["dark", "light"]
DESKTOP, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)
LOOKS: dict[str, tuple[ViewportSize, Theme]] = {
    "desktop-dark": (DESKTOP, "dark"),
    "desktop-light": (DESKTOP, "light"),
    "phone-dark": (PHONE, "dark"),
    "phone-light": (PHONE, "light"),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = launch(playwright)
        yield found
        found.close()


@dataclass
class Staged:
    """A page on its stage, and a browser that is logged in."""

    stage: PageStage
    serving: Serving
    context: BrowserContext

    def tell(self, number: int) -> None:
        """Tell the story up to this line; the page has it in its index afterwards."""
        desk, index = self.stage.desk, self.stage.page._page.index
        self.serving.do(lambda: desk.tell(number))
        self.serving.until(lambda: index.last == desk.journal.last_sequence)


@pytest.fixture
def staged(browser: Browser, tmp_path: Path) -> Iterator[Staged]:
    bound = listen("127.0.0.1", 0)
    port = bound.getsockname()[1]
    stage = stage_on(tmp_path, port=port)
    with serving(stage, bound) as served, inside(browser, stage.page, port) as context:
        yield Staged(stage=stage, serving=served, context=context)
    stage.page.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskProcess]:
    with desk_process(tmp_path) as found:
        yield found


@contextmanager
def inside(browser: Browser, page: WebPage | None, port: int) -> Iterator[BrowserContext]:
    """A browser with a log-in whose passphrase was just given."""
    assert page is not None
    vault = page._page.vault
    if not passphrase.is_set(vault):
        passphrase.set_passphrase(vault, WORDS)
    secret = logins.log_in(vault, wall_now(), address="127.0.0.1", device="Chromium")
    address = f"http://127.0.0.1:{port}"
    kept = StorageState(
        cookies=[
            {
                "name": "dispersa",
                "value": secret,
                "domain": "127.0.0.1",
                "path": "/",
                "expires": -1,
                "httpOnly": True,
                "secure": False,
                "sameSite": "Strict",
            }
        ],
        origins=[],
    )
    made = browser.new_context(base_url=address, storage_state=kept)
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@contextmanager
def tab(context: BrowserContext) -> Iterator[Page]:
    """Open a tab, and find no error of a script and no broken policy when it closes."""
    made = context.new_page()
    problems: list[str] = []
    made.on("pageerror", lambda error: problems.append(str(error)))

    def listen_to(said: ConsoleMessage) -> None:
        if "Content Security" in said.text:
            problems.append(said.text)

    made.on("console", listen_to)
    yield made
    made.close()
    assert problems == []


def open_page(page: Page, name: str) -> None:
    page.goto(f"/{name}")
    page.wait_for_selector("body[data-ready]")


def pictured(page: Page, name: str, looks: tuple[str, ...] = tuple(LOOKS)) -> None:
    """Look at a page in each look: axe in both themes, no sideways scrolling, and a picture."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    checked: set[Theme] = set()
    for look in looks:
        size, theme = LOOKS[look]
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, f"{name} is {too_wide} pixels too wide"
        if theme not in checked:
            checked.add(theme)
            assert serious(page) == [], name
        page.screenshot(path=SHOTS / f"{name}-{look}.png", full_page=True)


def serious(page: Page) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:160]}"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
    ]


FEW = ("desktop-light", "phone-dark")


def test_every_page_is_sound_in_every_look_and_kept_as_a_picture(staged: Staged) -> None:
    with tab(staged.context) as page:
        for name in ("signal", "plan", "program", "positions"):
            open_page(page, name)
            expect(page.locator(".empty")).to_be_visible()
        open_page(page, "")
        pictured(page, "empty-overview", FEW)
        desk = staged.stage.desk
        for stage, name in ((Stage.SIGNAL, "signal"), (Stage.PLAN, "plan")):
            desk.state = replace(desk.state, stage=stage)
            open_page(page, name)
            expect(page.locator(".empty h2")).to_contain_text(re.compile("Reading|on its way"))
        pictured(page, "loading-plan", FEW)
        page.goto("about:blank")  # or the page reloads itself for what it is told
        staged.tell(number_of("AskApproval", nth=2))
        open_page(page, "plan")
        pictured(page, "plan")
        page.goto("about:blank")
        staged.tell(number_of("PlaceOrder", nth=16) + 9)
        open_page(page, "program")
        pictured(page, "program")
        page.goto("about:blank")
        staged.tell(len(lines()))
        for name in ("", "signal", "positions", "risk", "journal", "settings"):
            open_page(page, name)
            pictured(page, name or "overview")


@pytest.mark.parametrize("profile", ["paper", "live"])
def test_paper_and_live_say_so_in_band_title_and_icon(
    browser: Browser, tmp_path: Path, profile: str
) -> None:
    bound = listen("127.0.0.1", 0)
    port = bound.getsockname()[1]
    stage = stage_on(tmp_path, profile=profile, port=port)
    with serving(stage, bound), inside(browser, stage.page, port) as context, tab(context) as page:
        open_page(page, "")
        expect(page.locator(f".band-{profile}")).to_contain_text(profile.upper())
        expect(page).to_have_title(re.compile(profile.upper()))
        expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile(profile))
        pictured(page, f"band-{profile}", FEW)
    stage.page.close()


def test_pages_outside_the_frame_and_in_trouble_are_sound(staged: Staged) -> None:
    staged.tell(number_of("PlaceOrder", nth=16) + 9)
    desk = staged.stage.desk
    with tab(staged.context) as page:
        halt = Halt(level=HaltLevel.CANCEL, reason="the market is wild", by="ann", since=desk.at)
        desk.state = replace(desk.state, halt=halt, linked=False, link_message="no answer for 9 s")
        open_page(page, "")
        expect(page.locator(".halt")).to_contain_text("the market is wild")
        pictured(page, "halted", FEW)
        open_page(page, "no-such-page")
        pictured(page, "refused", FEW)
        page.goto("/link/no-such-token")
        pictured(page, "link-used", FEW)
        staged.context.clear_cookies()
        open_page(page, "enter")
        pictured(page, "log-in", FEW)


def test_the_screen_follows_the_desk_without_a_reload(staged: Staged) -> None:
    staged.tell(number_of("StartProgram"))
    with tab(staged.context) as page:
        open_page(page, "program")
        page.evaluate("window.stays = true")
        filled = page.locator("tr", has_text="TSLA").locator(".num").first
        expect(filled).to_contain_text("0/74")
        staged.tell(number_of("EndProgram") - 30)
        expect(filled).to_contain_text("74/74")
        expect(page.locator("#live-log")).to_contain_text("BUY")
        assert page.evaluate("window.stays")
        staged.tell(len(lines()))
        expect(page.locator("body")).to_have_attribute(
            "data-sequence", str(staged.stage.desk.journal.last_sequence)
        )
        expect(page.locator("#live-program")).to_contain_text("all 9 packages filled")
        expect(page.get_by_role("button", name="Cancel this program")).to_have_count(0)


def test_hover_reads_the_chart_and_the_words_of_a_person_find_an_entry(staged: Staged) -> None:
    staged.tell(len(lines()))
    with tab(staged.context) as page:
        open_page(page, "signal")
        page.locator(".chart").first.hover(position={"x": 400, "y": 80})
        expect(page.locator(".chart .readout").first).to_contain_text("implied")
        open_page(page, "journal")
        page.get_by_role("searchbox").fill("rested worst")
        page.get_by_role("button", name="Search").click()
        expect(page.locator(".entries tbody tr").first).to_contain_text("rested 30 s at its worst")
        page.locator(".entries tbody a").first.click()
        expect(page.locator(".entry")).to_contain_text("Cause")


def test_crawl_answers_once_in_time_and_only_to_execute(
    browser: Browser, desk: DeskProcess
) -> None:
    desk.do(lambda found: found.open())
    with (
        inside(browser, desk.page, desk.port) as context,
        tab(context) as page,
        tab(context) as late,
    ):
        open_page(late, "plan")
        late.fill("#word", "EXECUTE")
        open_page(page, "plan")
        page.fill("#word", "execute")
        page.get_by_role("button", name="Start the program").click()
        expect(page.locator(".told")).to_contain_text("the word is EXECUTE")
        assert desk.state.stage is Stage.APPROVAL
        page.fill("#word", "EXECUTE")
        page.get_by_role("button", name="Start the program").dblclick()
        expect(page.locator(".told")).to_contain_text("Approved")
        late.get_by_role("button", name="Start the program").click()
        expect(late.locator(".told")).to_contain_text("Not done: no plan waits")
        open_page(page, "journal?kind=StartProgram")
        expect(page.locator(".entries tbody tr")).to_have_count(1)


def test_an_expired_plan_says_so_and_starts_nothing(browser: Browser, desk: DeskProcess) -> None:
    desk.do(lambda found: found.open())
    plan = desk.state.plan
    assert plan is not None
    with inside(browser, desk.page, desk.port) as context, tab(context) as page:
        open_page(page, "plan")
        page.fill("#word", "EXECUTE")
        assert desk.bench is not None
        desk.bench.clock.at = plan.expires_at + timedelta(seconds=1)
        expect(page.locator(".answer")).to_contain_text("has expired")
        page.get_by_role("button", name="Start the program").click()
        expect(page.locator(".told")).to_be_visible()
        assert desk.state.stage is Stage.DECLINED
        assert desk.state.orders == {}
        open_page(page, "plan")
        expect(page.locator("#live-plan")).to_contain_text("expired")


def test_walks_window_is_cancelled_by_a_thumb_and_nothing_starts(
    browser: Browser, tmp_path: Path
) -> None:
    promoted(tmp_path / "journal.sqlite3", Phase.WALK)
    with (
        desk_process(tmp_path) as desk,
        inside(browser, desk.page, desk.port) as context,
        tab(context) as page,
    ):
        desk.do(announce)
        page.set_viewport_size(PHONE)
        open_page(page, "")
        page.get_by_role("link", name="Read the plan and answer").click()
        expect(page.get_by_role("img", name="60 seconds left to cancel")).to_be_visible()
        desk.do(lambda found: let_seconds_pass(found, 18))
        expect(page.get_by_role("img", name="42 seconds left to cancel")).to_be_visible()
        button = page.get_by_role("button", name="CANCEL", exact=True)
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 48
        pictured(page, "window", ("phone-dark", "phone-light", "desktop-dark", "desktop-light"))
        button.click()
        expect(page.locator(".told")).to_contain_text("Cancelled")
        assert desk.state.stage is Stage.DECLINED


def test_walks_window_is_cancelled_in_time_from_the_keyboard(
    browser: Browser, tmp_path: Path
) -> None:
    promoted(tmp_path / "journal.sqlite3", Phase.WALK)
    with (
        desk_process(tmp_path) as desk,
        inside(browser, desk.page, desk.port) as context,
        tab(context) as page,
    ):
        desk.do(announce)
        open_page(page, "plan")
        page.get_by_role("button", name="CANCEL", exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.locator(".told")).to_contain_text("Cancelled")
        expect(page.locator("#live-plan")).to_contain_text("cancelled by page 127.0.0.1")
        desk.do(lambda found: let_seconds_pass(found, 70))
        assert desk.state.stage is Stage.DECLINED
        assert desk.state.orders == {}


def test_a_window_does_not_survive_a_restart_and_log_in_and_journal_do(
    browser: Browser, tmp_path: Path
) -> None:
    promoted(tmp_path / "journal.sqlite3", Phase.WALK)
    with (
        desk_process(tmp_path) as desk,
        inside(browser, desk.page, desk.port) as context,
        tab(context) as page,
    ):
        desk.do(announce)
        open_page(page, "plan")
        expect(page.locator(".ring")).to_be_visible()
        desk.stop()
        expect(page.locator("#connection")).to_contain_text("Not connected")
        expect(page.locator("body")).to_have_class("stale")
        page.screenshot(path=SHOTS / "disconnected-desktop-light.png")
        desk.start()
        desk.do(open_desk)
        expect(page.locator("#connection")).to_be_hidden()
        expect(page.locator(".ring")).to_have_count(0)
        expect(page.locator("#live-plan")).to_contain_text("the engine was restarted")
        assert desk.state.orders == {}
        open_page(page, "journal?kind=AnnounceStart")
        expect(page.locator(".entries tbody tr")).to_have_count(1)


def test_a_late_cancel_finds_the_program_at_work_and_cancels_that(
    browser: Browser, tmp_path: Path
) -> None:
    promoted(tmp_path / "journal.sqlite3", Phase.WALK)
    with (
        desk_process(tmp_path) as desk,
        inside(browser, desk.page, desk.port) as context,
        tab(context) as page,
    ):
        desk.do(announce)
        open_page(page, "plan")
        expect(page.locator(".ring")).to_be_visible()
        desk.do(lambda found: let_seconds_pass(found, 62))
        desk.do(lambda found: found.tick(8))
        assert desk.state.stage is Stage.EXECUTION, desk.state.decline_reason
        expect(page.locator(".ring")).to_have_count(0)
        expect(page.get_by_role("button", name="CANCEL", exact=True)).to_have_count(0)
        open_page(page, "program")
        page.get_by_role("button", name="Cancel this program").click()
        expect(page.locator(".told")).to_contain_text("Cancelled")
        assert desk.bench is not None
        assert {ref for _, ref in desk.bench.broker.cancelled} == set(desk.state.orders)


def test_twenty_tabs_share_one_stream_and_the_last_one_cancels_all(
    browser: Browser, desk: DeskProcess
) -> None:
    desk.do(lambda found: found.start_program())
    desk.do(lambda found: found.tick(8))
    assert desk.state.open_orders()
    with inside(browser, desk.page, desk.port) as context:
        streams: list[str] = []
        context.on(
            "request", lambda sent: streams.append(sent.url) if "/stream" in sent.url else None
        )
        tabs = [context.new_page() for _ in range(20)]
        for each in tabs:
            open_page(each, "journal")
        assert len(streams) == 1
        last = tabs[-1]
        last.locator("summary", has_text="CANCEL ALL").click()
        last.fill("details[open] [name=reason]", "twenty tabs are open")
        last.get_by_role("button", name="Cancel all now").click()
        expect(last.locator(".halt")).to_contain_text("twenty tabs are open")
        expect(last.locator(".halt .verdict")).to_contain_text("No order of ours works")
        tabs[0].bring_to_front()
        expect(tabs[0].locator(".halt")).to_contain_text("twenty tabs are open")
        tabs[0].locator("summary", has_text="Resume").click()
        tabs[0].fill(".resume [name=reason]", "the test goes on")
        tabs[0].get_by_role("button", name="Resume", exact=True).click()
        expect(tabs[0].locator(".halt")).to_have_count(0)
        assert desk.state.halt is None


def test_a_page_of_somebody_else_can_not_press_our_buttons(
    browser: Browser, desk: DeskProcess
) -> None:
    desk.do(lambda found: found.open())
    foreign = """<form method="post" action="{}/halt"><input name="level" value="flatten"></form>
    <script>document.forms[0].submit()</script>"""
    with inside(browser, desk.page, desk.port) as context:
        page = context.new_page()
        page.route(
            "http://evil.example.org/",
            lambda route: route.fulfill(
                content_type="text/html", body=foreign.format(desk.address)
            ),
        )
        page.goto("http://evil.example.org/")
        page.wait_for_url(f"{desk.address}/**")
        expect(page.locator("body")).not_to_contain_text("Halted")
        assert desk.state.halt is None
        open_page(page, "")
        expect(page.locator("#live-cards")).to_contain_text("Waiting for a person")
