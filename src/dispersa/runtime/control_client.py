"""How does a command talk to the engine that owns the journal? One connection, lines of JSON."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dispersa import errors
from dispersa.errors import DispersaError, RequestTimedOut
from dispersa.runtime.control_path import socket_path
from dispersa.runtime.control_requests import (
    SCHEMA,
    ControlRequest,
    EntriesAsked,
    question_line,
)

CONNECT_SECONDS, ANSWER_SECONDS = 1.0, 35.0
SILENCE_SECONDS = 20.0
"""A stream says at least every few seconds that it lives."""


class EngineNotRunning(DispersaError):
    """Nobody owns the journal, or its owner does not listen."""

    exit_code = 4


class ControlClient:
    """Asks the engine of one journal; plain blocking calls, for commands."""

    def __init__(self, journal: Path) -> None:
        self._path = socket_path(journal)

    @property
    def path(self) -> Path:
        """The socket's address."""
        return self._path

    def ask(self, request: ControlRequest, *, seconds: float = ANSWER_SECONDS) -> Any:
        """Return the engine's answer.

        Raises
        ------
        EngineNotRunning
            Nobody listens.
        RequestTimedOut
            The engine has not answered in time: nothing may be concluded.
        DispersaError
            What the engine refused with, as the same class.
        """
        with self._asked(request, seconds=seconds) as lines:
            for line in lines:
                return _answer(line)
        raise RequestTimedOut(_SILENT.format(path=self._path))

    def subscribe(self, after: int) -> Iterator[dict[str, Any]]:
        """Yield the journal's entries after `after`, then each new one; ends with the engine."""
        with self._asked(EntriesAsked(after=after), seconds=SILENCE_SECONDS) as lines:
            for line in lines:
                if "ok" in line:
                    _answer(line)
                if "entry" in line:
                    yield line["entry"]

    @contextmanager
    def _asked(
        self, request: ControlRequest, *, seconds: float
    ) -> Iterator[Iterator[dict[str, Any]]]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(CONNECT_SECONDS)
            try:
                connection.connect(str(self._path))
            except OSError as error:
                raise EngineNotRunning(
                    f"no engine listens at {self._path} ({error.strerror or error}); "
                    "start one with `dispersa run` or `dispersa trade`"
                ) from error
            connection.settimeout(seconds)
            try:
                connection.sendall(question_line(request))
                with connection.makefile("rb") as file:
                    yield map(_line, file)
            except (TimeoutError, ConnectionError) as error:
                raise RequestTimedOut(_SILENT.format(path=self._path)) from error


_SILENT = (
    "the engine at {path} has not answered; nothing may be concluded. "
    "Look at `dispersa status`; if it hangs, end its process"
)


def _line(line: bytes) -> dict[str, Any]:
    body = json.loads(line)
    if not isinstance(body, dict) or body.get("schema") != SCHEMA:
        raise DispersaError(
            f"the engine answered {line[:80]!r}; expected schema {SCHEMA}: "
            "use the command line of the engine's build"
        )
    return body


def _answer(line: dict[str, Any]) -> Any:
    if line["ok"]:
        return line["answer"]
    error = line["error"]
    kind = getattr(errors, error["name"], DispersaError)
    if not (isinstance(kind, type) and issubclass(kind, DispersaError)):
        kind = DispersaError
    raise kind(error["sentence"])
