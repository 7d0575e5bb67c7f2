"""Which browser drives the page in tests, and how is a desk with its page started for it?"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Error, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
START_SECONDS, STOP_SECONDS = 90.0, 30.0
WORDS = "four unrelated words here"


def find_chromium() -> str | None:
    """Find a Chromium on the PATH, else Debian's package when root; None for playwright's own.

    Raises `RuntimeError` that says what to install where there is none at all.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is not None:
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-q"], check=False, capture_output=True)
        subprocess.run(
            ["apt-get", "install", "-y", "-q", "chromium"], check=False, capture_output=True
        )
        found = shutil.which("chromium")
        if found is not None:
            return found
    done = subprocess.run(
        [sys.executable, "-m", "playwright", "install", "chromium"],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(
            "no browser for the tests of the page: install chromium (Debian: apt-get install "
            f"chromium), or let playwright fetch its own; it says: {done.stderr[-300:]}"
        )
    return None


def launch(playwright: Playwright) -> Browser:
    """Start the browser without a window."""
    path = find_chromium()
    try:
        return playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
    except Error as error:
        raise RuntimeError(f"{path or 'chromium'} does not start: {error}") from error


def free_port() -> int:
    """Find a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class DemoProcess:
    """`dispersa demo --web` as a process of its own; it may be ended and started again."""

    folder: Path
    port: int
    speed: float
    process: subprocess.Popen[bytes] | None = None
    code: str = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    def start(self) -> None:
        """Start it and wait until it has greeted."""
        command = [sys.executable, "-m", "dispersa", "demo", "--web", "--names", "3"]
        command += ["--speed", str(self.speed), "--port", str(self.port)]
        command += ["--journal", str(self.folder / "journal.sqlite3")]
        with self.log.open("wb") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=file)
        until = time.monotonic() + START_SECONDS
        while "Ctrl-C ends" not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the demo did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.1)
        found = re.search(r"Set-up code:\s+(\S+)", self.log.read_text())
        self.code = found[1] if found else self.code

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it and return how it ended."""
        assert self.process is not None
        self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()


@contextmanager
def demo(folder: Path, *, speed: float) -> Iterator[DemoProcess]:
    """Run a demo as long as the block does."""
    made = DemoProcess(folder=folder, port=free_port(), speed=speed)
    made.start()
    try:
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.stop()
