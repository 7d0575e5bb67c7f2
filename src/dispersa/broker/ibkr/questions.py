"""Which questions wait for an answer on one link?"""

import asyncio
from dataclasses import dataclass, field

from dispersa.broker.ibkr.codes import told
from dispersa.errors import BrokerRefused


@dataclass(slots=True)
class Waiting:
    """A request whose answer comes in rows and ends with a marker."""

    what: str
    future: "asyncio.Future[list[object]]"
    rows: list[object] = field(default_factory=list)
    markers_to_skip: int = 0


class Questions:
    """Open questions, by number or by kind, and the rows of their answers."""

    def __init__(self) -> None:
        self._by_id: dict[int, Waiting] = {}
        self._shared: dict[str, Waiting] = {}
        self._unanswered: dict[str, int] = {}

    def get(self, request_id: int) -> Waiting | None:
        """Return the question that has this number."""
        return self._by_id.get(request_id)

    def fail_all(self, error: Exception) -> None:
        """End every question with an error: the link is gone."""
        for waiting in (*self._by_id.values(), *self._shared.values()):
            if not waiting.future.done():
                waiting.future.set_exception(error)

    # With a number of their own

    def open(self, request_id: int, what: str) -> Waiting:
        """Begin to collect the answer to a numbered request."""
        waiting = Waiting(what, asyncio.get_running_loop().create_future())
        self._by_id[request_id] = waiting
        return waiting

    def close(self, request_id: int) -> None:
        """Stop collecting."""
        self._by_id.pop(request_id, None)

    def row(self, request_id: int, row: object) -> None:
        """Keep one row of a numbered answer."""
        waiting = self._by_id.get(request_id)
        if waiting is not None:
            waiting.rows.append(row)

    def end(self, request_id: int) -> None:
        """Complete a numbered answer."""
        waiting = self._by_id.get(request_id)
        if waiting is not None and not waiting.future.done():
            waiting.future.set_result(waiting.rows)

    def fail(self, request_id: int, error: Exception) -> bool:
        """End a numbered request with an error; return whether anybody waited."""
        waiting = self._by_id.get(request_id)
        if waiting is None:
            return False
        if not waiting.future.done():
            waiting.future.set_exception(error)
        return True

    # Numbered by their kind only: one at a time, late answers are skipped

    def open_shared(self, key: str) -> Waiting:
        """Begin to collect an answer that has no number.

        End markers of earlier requests that were given up are still to come: they, and the rows
        before them, belong to those requests and are skipped.
        """
        waiting = Waiting(key, asyncio.get_running_loop().create_future())
        waiting.markers_to_skip = self._unanswered.get(key, 0)
        self._unanswered[key] = waiting.markers_to_skip + 1
        self._shared[key] = waiting
        return waiting

    def close_shared(self, key: str) -> None:
        """Stop collecting."""
        self._shared.pop(key, None)

    def shared_row(self, key: str, row: object) -> None:
        """Keep one row of an answer without a number."""
        waiting = self._shared.get(key)
        if waiting is not None:
            waiting.rows.append(row)

    def end_shared(self, key: str) -> None:
        """Count an end marker; the last one that is due completes the answer."""
        self._unanswered[key] = max(self._unanswered.get(key, 0) - 1, 0)
        waiting = self._shared.get(key)
        if waiting is None:
            return
        if waiting.markers_to_skip:
            waiting.markers_to_skip -= 1
            waiting.rows.clear()
        elif not waiting.future.done():
            waiting.future.set_result(waiting.rows)

    def refuse_shared(self, code: int, text: str) -> None:
        """End questions without a number: Read-Only mode refuses them so, without a marker."""
        for key, waiting in self._shared.items():
            if not waiting.future.done():
                self._unanswered[key] = max(self._unanswered.get(key, 0) - 1, 0)
                error = BrokerRefused(told(key, code, text), code=code)
                waiting.future.set_exception(error)
