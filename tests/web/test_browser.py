"""Does the page do its work in a real browser, against a real desk and gateway?

One demo of three names and one browser serve one test of many steps, in their order: what is
expensive is starting them, and each step begins where the one before has ended.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from dispersa.desk.phases import Phase
from dispersa.desk.state import DeskState, Stage
from dispersa.desk.window import Instant, Window, WindowState
from dispersa.execution.plan import TradePlan
from dispersa.journal import Entry, read_entries
from dispersa.runtime.replay import replayed
from dispersa.web.serving import listen
from tests.web.browser import WORDS, DemoProcess, demo, launch
from tests.web.stage import serving, stage_on

PAGES = ("", "signal", "plan", "program", "positions", "risk", "journal", "settings")
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
SHOTS = Path(os.environ.get("DISPERSA_SHOTS", "build/screenshots"))
PATIENCE_MS = 60_000
expect.set_options(timeout=30_000)
LOOKS = {
    "desktop-dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "desktop-light": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "phone-dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
    "phone-light": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[DemoProcess]:
    with demo(tmp_path, speed=3.0) as process:
        yield process


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = launch(playwright)
        yield found
        found.close()


@pytest.fixture
def context(browser: Browser, running: DemoProcess) -> Iterator[BrowserContext]:
    made = browser.new_context(base_url=running.address)
    made.set_default_timeout(PATIENCE_MS)
    page = made.new_page()
    page.goto("/")
    page.fill("[name=setup]", running.code)
    page.fill("[name=passphrase]", WORDS)
    page.get_by_role("button", name="Set passphrase").click()
    page.wait_for_selector(".cards")
    page.close()
    yield made
    made.close()


@contextmanager
def tab(context: BrowserContext) -> Iterator[Page]:
    """Open a tab, and find no error of a script and no broken policy when it closes."""
    made = context.new_page()
    problems: list[str] = []
    made.on("pageerror", lambda error: problems.append(str(error)))
    made.on(
        "console", lambda said: problems.append(said.text) if "Content Security" in said.text else 0
    )
    yield made
    made.close()
    assert problems == []


def plan_shown(page: Page) -> None:
    """Ask for a plan and wait until it stands on the page."""
    page.goto("/plan")
    page.get_by_role("button", name="Read the market").click()
    page.goto("/plan")
    page.wait_for_selector("#word")


def empty_pages_say_what_is_missing_and_what_to_do(page: Page) -> None:
    for name in ("signal", "plan", "program", "positions"):
        page.goto(f"/{name}")
        expect(page.locator(".empty")).to_be_visible()


def a_plan_is_declined_in_time_and_the_other_tab_sees_it(
    page: Page, context: BrowserContext
) -> None:
    plan_shown(page)
    other = context.new_page()
    other.goto("/")
    expect(other.locator("#live-cards")).to_contain_text("Waiting for a person")
    page.fill("#word", "execute")
    page.get_by_role("button", name="Start the program").click()
    expect(page.locator(".told")).to_contain_text("the word is EXECUTE")
    page.get_by_role("button", name="Decline the plan").click()
    expect(page.locator(".told")).to_contain_text("Cancelled")
    other.bring_to_front()
    expect(other.locator("#live-cards")).to_contain_text("No trade")
    other.close()


def execute_starts_once_for_a_double_click_and_a_late_second_tab(
    page: Page, context: BrowserContext
) -> None:
    plan_shown(page)
    late = context.new_page()
    late.goto("/plan")
    late.fill("#word", "EXECUTE")
    page.fill("#word", "EXECUTE")
    page.get_by_role("button", name="Start the program").dblclick()
    expect(page.locator(".told")).to_contain_text("Approved")
    late.get_by_role("button", name="Start the program").click()
    expect(late.locator(".told")).to_contain_text("Not done")
    late.close()
    page.goto("/journal?kind=StartProgram")
    expect(page.locator(".entries tbody tr")).to_have_count(1)


def the_running_program_moves_by_itself_and_survives_a_reload(page: Page) -> None:
    page.goto("/program")
    page.wait_for_selector(".chart canvas")
    before = int(page.evaluate("document.body.dataset.sequence"))
    expect(page.locator("body")).not_to_have_attribute("data-sequence", str(before))
    page.reload()
    assert int(page.evaluate("document.body.dataset.sequence")) > before


def one_stream_serves_twenty_tabs_and_cancel_works_in_the_last(
    page: Page, context: BrowserContext
) -> None:
    streams: list[str] = []
    context.on(
        "request", lambda sent: streams.append(sent.url) if sent.url.endswith("/stream") else None
    )
    tabs = [page, *(context.new_page() for _ in range(19))]
    for tab in tabs:
        tab.goto("/journal")
    assert len(streams) == 1
    last = tabs[-1]
    last.bring_to_front()
    last.locator("summary", has_text="CANCEL ALL").click()
    last.fill("details[open] [name=reason]", "twenty tabs are open")
    last.get_by_role("button", name="Cancel all now").click()
    expect(last.locator(".halt")).to_contain_text("twenty tabs are open")
    expect(last.locator(".halt .verdict")).to_contain_text("No order of ours works")
    tabs[0].bring_to_front()
    expect(tabs[0].locator(".halt")).to_contain_text("twenty tabs are open")
    for tab in tabs[1:]:
        tab.close()


def a_halt_stays_on_every_page_until_somebody_resumes_with_a_reason(page: Page) -> None:
    for name in ("", "journal"):
        page.goto(f"/{name}")
        expect(page.locator(".halt")).to_be_visible()
    page.locator("summary", has_text="Resume").click()
    page.fill(".resume [name=reason]", "the test goes on")
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.locator(".halt")).to_have_count(0)


def a_lost_connection_is_said_and_mended(page: Page, running: DemoProcess) -> None:
    assert running.process is not None
    page.goto("/")
    page.wait_for_selector("body[data-ready]")
    running.process.send_signal(signal.SIGSTOP)
    try:
        expect(page.locator("#connection")).to_contain_text("Not connected")
        expect(page.locator("body")).to_have_class("stale")
    finally:
        running.process.send_signal(signal.SIGCONT)
    expect(page.locator("#connection")).to_be_hidden(timeout=PATIENCE_MS)


def axe_finds_nothing_serious_on_any_page(page: Page) -> None:
    found: list[str] = []
    for name in PAGES:
        page.goto(f"/{name}")
        page.wait_for_selector("body[data-ready]")
        page.evaluate(AXE.read_text() + ";0")
        results = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [
            f"/{name}: {each['id']}: {each['nodes'][0]['html'][:120]}"
            for each in results["violations"]
            if each["impact"] in {"serious", "critical"}
        ]
    assert found == []


def every_page_fits_its_screen_and_is_kept_as_a_picture(
    browser: Browser, context: BrowserContext, address: str, look: str
) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    made = browser.new_context(
        base_url=address, storage_state=context.storage_state(), **LOOKS[look]
    )
    page = made.new_page()
    for name in PAGES:
        page.goto(f"/{name}")
        page.wait_for_selector("body[data-ready]")
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, f"/{name} is {too_wide} pixels too wide"
        page.screenshot(path=SHOTS / f"{name or 'overview'}-{look}.png", full_page=True)
    made.close()


def a_restart_of_the_server_keeps_log_in_and_journal(page: Page, running: DemoProcess) -> None:
    page.goto("/")
    page.wait_for_selector("body[data-ready]")
    began = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - began < 20
    running.start()
    expect(page.locator("#connection")).to_be_hidden(timeout=PATIENCE_MS)
    page.goto("/journal?kind=StartProgram")
    expect(page.locator(".entries tbody tr")).to_have_count(1)


def planned(running: DemoProcess) -> tuple[DeskState, TradePlan]:
    """The demo's own state at the moment when its first plan waited for an answer."""
    read: list[Entry] = []
    for entry in read_entries(running.folder / "journal.sqlite3"):
        read.append(entry)
        if entry.kind == "AskApproval":
            break
    state = replayed(read)
    assert state.plan is not None
    return state, state.plan


def walks_window_is_cancelled_in_time_and_says_so_when_it_is_late(
    browser: Browser, running: DemoProcess
) -> None:
    state, plan = planned(running)
    bound = listen("127.0.0.1", 0)
    port = bound.getsockname()[1]
    stage = stage_on(running.folder / "walk", port=port)
    at = Instant(wall=plan.created_at, monotonic_ns=0)
    window = Window(
        plan_hash=plan.plan_hash,
        state=WindowState.OPEN,
        since=at,
        seen=at,
        reason="handed over by email",
    )
    phasing = replace(state.phasing, phase=Phase.WALK, window=window)
    stage.desk.state = replace(state, stage=Stage.WINDOW, phasing=phasing)
    stage.desk.at, stage.desk.window_seconds = plan.created_at, 42.4
    made = browser.new_context(base_url=f"http://127.0.0.1:{port}", **LOOKS["phone-dark"])
    with serving(stage, bound), tab(made) as page:
        page.goto("/enter")
        page.fill("[name=setup]", stage.page.setup_code or "")
        page.fill("[name=passphrase]", WORDS)
        page.get_by_role("button", name="Set passphrase").click()
        page.get_by_role("link", name="Read the plan and answer").click()
        expect(page.get_by_role("img", name="42 seconds left to cancel")).to_be_visible()
        button = page.get_by_role("button", name="CANCEL", exact=True)
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 48
        page.screenshot(path=SHOTS / "window-phone-dark.png")
        page.keyboard.press("Tab")
        button.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".told")).to_contain_text("Cancelled")
        assert stage.desk.asked[-1][1]["plan_hash"] == plan.plan_hash
        late = replace(window, state=WindowState.ELAPSED, reason="nobody cancelled")
        stage.desk.state = replace(stage.desk.state, phasing=replace(phasing, window=late))
        stage.desk.window_seconds = None
        page.goto("/plan")
        expect(page.locator(".window")).to_contain_text("nobody cancelled")
        expect(button).to_have_count(0)
        stage.desk.state, stage.desk.at = state, plan.expires_at
        page.goto("/plan")
        expect(page.locator(".answer")).to_contain_text("has expired")
    made.close()
    stage.page.close()


@pytest.mark.skipif(
    "DISPERSA_BROWSER" not in os.environ,
    reason="it takes up to ten minutes on two slow cores: DISPERSA_BROWSER=1 runs it",
)
@pytest.mark.timeout(900)
def test_the_page_does_its_work_in_a_real_browser(
    browser: Browser, context: BrowserContext, running: DemoProcess
) -> None:
    with tab(context) as page:
        empty_pages_say_what_is_missing_and_what_to_do(page)
        a_plan_is_declined_in_time_and_the_other_tab_sees_it(page, context)
        execute_starts_once_for_a_double_click_and_a_late_second_tab(page, context)
        the_running_program_moves_by_itself_and_survives_a_reload(page)
        for look in LOOKS:
            every_page_fits_its_screen_and_is_kept_as_a_picture(
                browser, context, running.address, look
            )
        axe_finds_nothing_serious_on_any_page(page)
        one_stream_serves_twenty_tabs_and_cancel_works_in_the_last(page, context)
        a_halt_stays_on_every_page_until_somebody_resumes_with_a_reason(page)
        a_lost_connection_is_said_and_mended(page, running)
        a_restart_of_the_server_keeps_log_in_and_journal(page, running)
    running.stop()
    walks_window_is_cancelled_in_time_and_says_so_when_it_is_late(browser, running)
