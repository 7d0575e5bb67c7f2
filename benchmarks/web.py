"""How fast is the page? From an event to a browser's screen, first paint, a week's journal."""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Page, sync_playwright
from tests.web.browser import WORDS, demo, launch

from dispersa.journal import Journal, NewEntry
from dispersa.web.searching import JournalIndex

WEEK_ENTRIES = 200_000
SEARCHES = ("NVDA", "margin", "rested worst", "no such words", "")
NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)


def main() -> None:
    """Print the three numbers."""
    _search()
    with (
        tempfile.TemporaryDirectory() as folder,
        demo(Path(folder), speed=1.0) as running,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        page = browser.new_page(base_url=running.address)
        page.goto("/")
        page.fill("[name=setup]", running.code)
        page.fill("[name=passphrase]", WORDS)
        page.get_by_role("button", name="Set passphrase").click()
        page.wait_for_selector(".cards")
        _first_paint(page)
        _live_update(page)
        browser.close()


def _first_paint(page: Page) -> None:
    for name in ("", "signal", "plan", "program", "positions", "risk", "journal", "settings"):
        paints = []
        for _ in range(5):
            page.goto(f"/{name}")
            page.wait_for_selector("body[data-ready]")
            paints.append(page.evaluate(_PAINT))
        print(f"first paint of /{name}: median {median(paints):.0f} ms, worst {max(paints):.0f} ms")


_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
_WATCH = """() => { window.seen = null; const part = document.getElementById('live-foot');
new MutationObserver(() => { window.seen = performance.timeOrigin + performance.now(); })
.observe(part, {childList: true, subtree: true, characterData: true}); }"""


def _live_update(page: Page) -> None:
    """From the note's handler at the desk to the changed number on another tab's screen."""
    page.goto("/")
    page.wait_for_selector("body[data-ready]")
    page.evaluate(_WATCH)
    token = page.locator("[name=csrf]").first.get_attribute("value")
    took = []
    for number in range(20):
        page.evaluate("window.seen = null")
        began = page.evaluate("performance.timeOrigin + performance.now()")
        page.evaluate(_NOTE, {"csrf": token, "text": f"note {number}"})
        while page.evaluate("window.seen") is None:
            time.sleep(0.005)
        took.append(page.evaluate("window.seen") - began)
        time.sleep(0.3)
    worst = max(took)
    print(f"event to screen, with its own request: median {median(took):.0f} ms, worst {worst:.0f}")


_NOTE = """async (note) => { fetch('/note', {method: 'POST', redirect: 'manual',
headers: {'content-type': 'application/x-www-form-urlencoded'},
body: new URLSearchParams(note)}); }"""


def _search() -> None:
    index = JournalIndex()
    journal = Journal.in_memory(build_id="bench", now=lambda: NOON, monotonic_ns=lambda: 0)
    began = time.perf_counter()
    for first in range(0, WEEK_ENTRIES, 1000):
        journal.append([_entry(number) for number in range(first, first + 1000)])
        index.add(tuple(journal.entries(after=first)))
    filled = time.perf_counter() - began
    print(f"index of {WEEK_ENTRIES:,} entries: {filled:.0f} s to write and fill")
    for words in SEARCHES:
        began = time.perf_counter()
        found = index.search(words)
        took = 1000 * (time.perf_counter() - began)
        print(f"search for {words!r}: {len(found)} rows in {took:.1f} ms")


def _entry(number: int) -> NewEntry:
    name = ("NVDA", "AAPL", "QQQ", "MSFT")[number % 4]
    value: dict[str, Any] = {
        "ref": f"desk-{number // 5}",
        "symbol": name,
        "reason": "rested 30 s at its worst price" if number % 7 else "margin is short",
        "at": (NOON + timedelta(seconds=number)).isoformat(),
    }
    return NewEntry.of("CancelOrder" if number % 3 else "OrderWorking", value)
