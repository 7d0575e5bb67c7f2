"""How is one point carried out, wherever that is, and what is reported of it?"""

import os
import platform
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dispersa.backtest.sweep.ledger import Scalar
from dispersa.errors import DispersaError

Task = Callable[[Any], Mapping[str, Scalar]]
"""Picklable; from what a point was prepared into to its answer: a flat row."""


@dataclass(frozen=True, slots=True)
class Job:
    """One point on its way to a worker: its identity, and what the task is called with."""

    name: str
    argument: object


@dataclass(frozen=True, slots=True)
class Finished:
    """A job came to its end: with an answer, or with the error that says why there is none."""

    name: str
    answer: Mapping[str, Scalar]
    error: str | None
    seconds: float
    worker: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker ended while it had the job, which therefore is not finished."""

    name: str
    reason: str


Report = Finished | Lost


class Workers(Protocol):
    """What carries out jobs: processes of this machine, or a cluster."""

    @property
    def capacity(self) -> int:
        """How many jobs to have under way, so that no worker waits for the next."""

    def give(self, job: Job) -> None:
        """Take a job; its report comes from `wait`, exactly once."""

    def wait(self, seconds: float) -> Sequence[Report]:
        """Reports that are there, or that come within `seconds`."""


def carry_out(task: Task, job: Job) -> Finished:
    """Call the task, and tell how it ended and how long that took."""
    began = time.perf_counter()
    answer: Mapping[str, Scalar] = {}
    error = None
    try:
        answer = dict(task(job.argument))
    except DispersaError as refusal:
        error = str(refusal)
    except Exception as fault:  # noqa: BLE001 -- one point must not end a sweep; the row tells it
        at = traceback.extract_tb(fault.__traceback__)[-1]
        error = f"{type(fault).__name__} in {at.name}, line {at.lineno}: {fault}"
    return Finished(
        name=job.name,
        answer=answer,
        error=error,
        seconds=time.perf_counter() - began,
        worker=f"{platform.node()}:{os.getpid()}",
    )
