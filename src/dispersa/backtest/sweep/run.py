"""How does a sweep run to its end, whatever happens to its workers?

Every point that is not finished is given to a worker; every report becomes a row of the ledger
before anything else is done. A point whose worker ended is given again, up to three times: after
that the point is taken for the cause, and the row says so.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dispersa.backtest.sweep.ledger import Ledger, Row, Scalar
from dispersa.backtest.sweep.search import Search
from dispersa.backtest.sweep.space import Point, identity
from dispersa.backtest.sweep.task import Finished, Job, Lost, Workers
from dispersa.errors import InvalidInput

WORKERS_LOST_MAX = 3
WAIT_SECONDS = 0.5
TABLE_SECONDS = 2.0
TABLE_SHARE_MAX = 0.02
"""The table is replaced at most this often, and for at most this share of the time."""

Prepare = Callable[[Point], object]
"""From a point to what the task is called with; raises `InvalidInput` for a point that is none."""
Show = Callable[[int, int], None]
"""Is told how many of the points that were open at the start are done, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a sweep ended: its rows in the order of its points, and what was found or lost."""

    rows: tuple[Row, ...]
    held_before: int
    workers_lost: int

    @property
    def failed(self) -> int:
        """Number of rows without an answer."""
        return sum(row.error is not None for row in self.rows)


class _Table:
    """Writes the table of the ledger now and then, and never for long."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._next = time.monotonic() + TABLE_SECONDS

    def write_if_due(self) -> None:
        began = time.monotonic()
        if began >= self._next:
            self._ledger.write_table()
            ended = time.monotonic()
            self._next = ended + max(TABLE_SECONDS, (ended - began) / TABLE_SHARE_MAX)


class _Sweep:
    """The points under way and the reports that come of them."""

    def __init__(self, prepare: Prepare, workers: Workers, ledger: Ledger, total: int) -> None:
        self.prepare, self.workers, self.ledger = prepare, workers, ledger
        self.held_before = len(ledger.rows)
        self.total = total
        self.lost = 0
        self.table = _Table(ledger)

    def run_round(self, points: Sequence[Point], show: Show) -> list[Row]:
        """Carry out the points that are not finished; return the rows of all, in order."""
        named = {identity(point): point for point in points}
        waiting = deque(name for name in named if name not in self.ledger.rows)
        tries: dict[str, int] = {}
        under_way: set[str] = set()
        while waiting or under_way:
            while waiting and len(under_way) < self.workers.capacity:
                name = waiting.popleft()
                if self._give(name, named[name]):
                    under_way.add(name)
            for report in self.workers.wait(WAIT_SECONDS) if under_way else ():
                under_way.discard(report.name)
                if not self._take(report, named[report.name], tries):
                    waiting.append(report.name)
            self.table.write_if_due()
            if done := len(self.ledger.rows) - self.held_before:
                show(done, self.total - self.held_before)
        return [self.ledger.rows[name] for name in named]

    def _give(self, name: str, point: Point) -> bool:
        """Give a point to the workers; one that the configuration refuses is a row at once."""
        try:
            argument = self.prepare(point)
        except InvalidInput as refusal:
            self.ledger.add(_row(point, error=str(refusal)))
            return False
        self.workers.give(Job(name, argument))
        return True

    def _take(self, report: Finished | Lost, point: Point, tries: dict[str, int]) -> bool:
        """Make a row of a report; False if the point must be tried again."""
        lost = tries.get(report.name, 0)
        if isinstance(report, Finished):
            self.ledger.add(
                Row(
                    point=point,
                    answer=report.answer,
                    error=report.error,
                    seconds=report.seconds,
                    worker=report.worker,
                    workers_lost=lost,
                )
            )
            return True
        self.lost += 1
        tries[report.name] = lost + 1
        if lost + 1 < WORKERS_LOST_MAX:
            return False
        error = f"{lost + 1} workers ended while they had this point; the last: {report.reason}"
        self.ledger.add(_row(point, error=error, workers_lost=lost + 1))
        return True


def run_sweep(
    search: Search, prepare: Prepare, workers: Workers, ledger: Ledger, show: Show
) -> Outcome:
    """Try every point of the search that the ledger does not hold, and keep each as it ends.

    A point that `prepare` refuses (keys that contradict each other) is a row with that error.
    """
    sweep = _Sweep(prepare, workers, ledger, search.count)
    past: list[Row] = []
    while points := search.next_round(past):
        past.extend(sweep.run_round(points, show))
    return Outcome(rows=tuple(past), held_before=sweep.held_before, workers_lost=sweep.lost)


def _row(point: Point, *, error: str, workers_lost: int = 0) -> Row:
    answer: Mapping[str, Scalar] = {}
    return Row(
        point=point, answer=answer, error=error, seconds=0.0, worker="", workers_lost=workers_lost
    )
