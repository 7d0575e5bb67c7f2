"""Does a person at a browser get through Crawl, Walk and Run, against gateway and daemon processes?

One gateway, one daemon and one browser serve one test of many steps, in their order. Market time
runs 8 times as fast as the clock, so that Walk's 60 seconds leave 7 for a click.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from dispersa.desk.phases import Phase
from dispersa.desk.state import DeskState, Stage
from dispersa.execution.program import ProgramState
from dispersa.journal import read_entries, verify
from dispersa.runtime import control_requests as ask
from dispersa.web.security import passphrase
from dispersa.web.security.vault import Vault
from tests.alerts.sinks import MailSink, mail_server
from tests.daemon.processes import URL, DaemonProcess, daemon, gateway, mail_settings, promoted
from tests.web.browser import WORDS, launch

pytestmark = [
    pytest.mark.skipif(
        "DISPERSA_DAEMON_PROCESSES" not in os.environ,
        reason="minutes of processes: make soak, or set DISPERSA_DAEMON_PROCESSES=1",
    ),
    pytest.mark.timeout(1500),
]
SPEED = 8.0
MORNING = "2026-11-20T10:00:00-05:00"
PATIENCE_MS = 240_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DaemonProcess]:
    with (
        mail_server(MailSink()) as mail,
        gateway(SPEED, MORNING) as port,
        daemon(tmp_path, port, speed=SPEED, **mail_settings(mail)) as found,
    ):
        vault = Vault(found.journal.with_suffix(".web.sqlite3"))
        passphrase.set_passphrase(vault, WORDS)
        vault.close()
        yield found


@pytest.fixture
def page(desk: DaemonProcess) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        made = browser.new_page(base_url=f"http://127.0.0.1:{desk.env['DISPERSA__WEB__PORT']}")
        made.set_default_timeout(PATIENCE_MS)
        yield made
        browser.close()


def is_over(state: DeskState) -> bool:
    return state.stage in {Stage.DECLINED, Stage.ENDED}


def log_in(page: Page) -> None:
    page.goto("/")
    page.fill("[name=passphrase]", WORDS)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector(".cards")


def type_passphrase(page: Page, form: str) -> None:
    """Prove again who we are where the page asks for it: five minutes may have passed."""
    field = page.locator(f"{form} [name=passphrase]")
    if field.count():
        field.fill(WORDS)


def request(page: Page) -> None:
    page.goto("/plan")
    type_passphrase(page, "form[action='/request-trade']")
    page.get_by_role("button", name="Read the market").click()
    page.goto("/plan")


def change_phase(page: Page, phase: str) -> None:
    page.goto("/settings")
    page.select_option("[name=phase]", phase)
    page.fill("form[action='/phase'] [name=reason]", f"the test goes on to {phase}")
    type_passphrase(page, "form[action='/phase']")
    page.get_by_role("button", name="Ask for it").click()
    expect(page.locator(".told")).to_contain_text(f"Asked for {phase}")


def crawl_starts_on_execute_pressed_twice(page: Page, desk: DaemonProcess) -> None:
    request(page)
    page.wait_for_selector("#word")
    page.fill("#word", "EXECUTE")
    type_passphrase(page, "form[action='/approve']")
    page.get_by_role("button", name="Start the program").dblclick()
    expect(page.locator(".told")).to_contain_text("Approved")
    page.goto("/program")
    page.wait_for_selector(".chart canvas")
    completed(desk)
    expect(page.locator("#live-program")).to_contain_text("filled")


def completed(desk: DaemonProcess) -> None:
    program = desk.until(is_over).program
    assert program is not None
    assert program.state in {ProgramState.COMPLETED, ProgramState.PARTIAL_BALANCED}, (
        program.sentence
    )


def walk_is_cancelled_in_time(page: Page, desk: DaemonProcess) -> None:
    request(page)
    page.wait_for_selector(".ring")
    page.get_by_role("button", name="CANCEL", exact=True).click()
    expect(page.locator(".told")).to_contain_text("Cancelled")
    assert "cancelled by page" in desk.until(is_over).decline_reason


def walk_does_not_start_after_a_restart_in_the_window(page: Page, desk: DaemonProcess) -> None:
    request(page)
    page.wait_for_selector(".ring")
    desk.end(signal.SIGKILL)
    expect(page.locator("#connection")).to_contain_text("Not connected")
    desk.start()
    expect(page.locator("#connection")).to_be_hidden()
    expect(page.locator("#live-plan")).to_contain_text("restarted")
    assert is_over(desk.state())


def run_starts_by_itself_and_cancel_all_stops_it(page: Page, desk: DaemonProcess) -> None:
    request(page)
    desk.until(lambda state: bool(state.open_orders()))
    page.locator("summary", has_text="CANCEL ALL").click()
    page.fill("details[open] [name=reason]", "enough for today")
    page.get_by_role("button", name="Cancel all now").click()
    expect(page.locator(".halt")).to_contain_text("enough for today")
    expect(page.locator(".halt .verdict")).to_contain_text("No order of ours works")
    assert desk.state().open_orders() == ()


def test_a_person_goes_through_crawl_walk_and_run(page: Page, desk: DaemonProcess) -> None:
    desk.start()
    log_in(page)
    crawl_starts_on_execute_pressed_twice(page, desk)
    change_phase(page, "walk")
    desk.ask(ask.PageProofGiven(url=URL, by="ann"))
    walk_is_cancelled_in_time(page, desk)
    walk_does_not_start_after_a_restart_in_the_window(page, desk)
    request(page)
    page.wait_for_selector(".ring")
    page.wait_for_selector(".ring", state="detached")
    desk.until(lambda state: state.stage is Stage.EXECUTION)
    completed(desk)
    change_phase(page, "run")
    run_starts_by_itself_and_cancel_all_stops_it(page, desk)
    assert desk.end() == 0, desk.log.read_text()[-2000:]
    assert verify(desk.journal).is_intact
    kinds = [entry.kind for entry in read_entries(desk.journal)]
    assert kinds.count("StartProgram") == 3


def test_walk_starts_by_itself_and_a_late_cancel_ends_the_program(
    page: Page, desk: DaemonProcess
) -> None:
    promoted(desk.journal, Phase.WALK)
    desk.start()
    log_in(page)
    request(page)
    page.wait_for_selector(".ring")
    page.wait_for_selector(".ring", state="detached")
    desk.until(lambda state: state.stage is Stage.EXECUTION)
    page.goto("/program")
    page.get_by_role("button", name="Cancel this program").click()
    expect(page.locator(".told")).to_contain_text("Cancelled")
    program = desk.until(is_over).program
    assert program is not None
    assert "cancelled by page" in program.sentence
    assert desk.state().open_orders() == ()
