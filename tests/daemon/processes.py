"""A gateway process and a daemon process, and what a test asks of them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dispersa.desk import phase_commands as pc
from dispersa.desk import phase_events as pe
from dispersa.desk.codec import decode_state, encode
from dispersa.desk.phases import Evidence, Phase
from dispersa.desk.state import DeskState
from dispersa.errors import DispersaError
from dispersa.journal import Journal, NewEntry
from dispersa.runtime import control_requests as ask
from dispersa.runtime.build import build_id
from dispersa.runtime.control_client import ControlClient

PATIENCE_SECONDS = 600.0
URL = "https://desk.example.org"


@dataclass
class DaemonProcess:
    """The daemon of one journal, which may be started again."""

    journal: Path
    env: dict[str, str]
    speed: float
    clock: str
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.daemon.engine", str(self.speed), self.clock],
                stderr=log,
                stdout=log,
                env=self.env,
            )
        self.until(lambda state: state.linked and state.phasing.day is not None)

    @property
    def log(self) -> Path:
        return self.journal.with_suffix(".log")

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the process and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def ask(self, request: ask.ControlRequest) -> Any:
        return ControlClient(self.journal).ask(request)

    def state(self) -> DeskState:
        document = self.ask(ask.StatusAsked(whole=True))["state"]
        return decode_state(json.dumps(document).encode())

    def until(self, holds: Callable[[DeskState], bool]) -> DeskState:
        """Wait until the desk's state is as wanted."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            try:
                state = self.state()
            except DispersaError:
                time.sleep(0.2)
                continue
            if holds(state):
                return state
            time.sleep(0.1)
        raise AssertionError(f"not reached; the log ends with {self.log.read_text()[-3000:]}")

    def step_clock(self, seconds: float) -> None:
        Path(self.env["DISPERSA_TEST_STEP"]).write_text(str(seconds))


@contextmanager
def gateway(speed: float, start: str) -> Iterator[int]:
    """Run a gateway of three names; yields its port."""
    words = [
        sys.executable, "-m", "dispersa", "gateway", "--port", "0", "--names", "3", "--seed", "1",
        "--speed", str(speed), "--start", start,
    ]  # fmt: skip
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().rsplit(":", 1)[1])
        finally:
            process.terminate()


@contextmanager
def daemon(
    folder: Path, broker_port: int, *, speed: float, clock: str = "loop", **settings: str
) -> Iterator[DaemonProcess]:
    """Prepare a daemon process; the test starts it."""
    step = folder / "step"
    step.write_text("0")
    journal = folder / "journal.sqlite3"
    env = {
        **os.environ,
        "DISPERSA_TEST_STEP": str(step),
        "DISPERSA__BROKER__PORT": str(broker_port),
        "DISPERSA__UNIVERSE__NAMES": "2",
        "DISPERSA__JOURNAL__PATH": str(journal),
        "DISPERSA__WEB__PORT": str(free_port()),
        "DISPERSA__WEB__PUBLIC_URL": URL,
        "DISPERSA__SCHEDULE__ENTER": "false",
        "DISPERSA__SIZING__VEGA_MAX_USD_PER_POINT": "3000",
        "DISPERSA__SIZING__TOLERANCE": "0.05",  # two names rarely balance to one percent
        **settings,
    }
    found = DaemonProcess(journal, env, speed, clock)
    try:
        yield found
    finally:
        if found.process is not None and found.process.poll() is None:
            found.process.kill()
            found.process.wait()


def mail_settings(port: int) -> dict[str, str]:
    """Settings of a mail server on loopback."""
    return {
        "DISPERSA__ALERTS__EMAIL_TO": '["ann@example.org"]',
        "DISPERSA__ALERTS__SMTP_HOST": "127.0.0.1",
        "DISPERSA__ALERTS__SMTP_PORT": str(port),
        "DISPERSA__ALERTS__SMTP_SECURITY": "none",
        "DISPERSA__ALERTS__ALLOW_PRIVATE_TARGETS": "true",
    }


def promoted(journal: Path, phase: Phase, at: str = "2026-11-20T08:00:00-05:00") -> None:
    """Write a journal in which a person has gone to this phase and proven the page, at a time."""
    written = datetime.fromisoformat(at).astimezone(UTC)
    records = (
        pe.PageProven(url=URL, by="ann"),
        pc.ChangePhase(phase=phase, by="ann", reason="test", evidence=Evidence()),
    )
    with Journal.open(journal, build_id=build_id(), now=lambda: written) as found:
        for record in records:
            kind, value = encode(record)
            found.append([NewEntry.of(kind, value)])
        found.flush()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
