"""How do the nodes of a Ray cluster carry out the points of a sweep?

The task goes to the cluster's object store once, and every node maps its arrays from there. A job
is one remote call. What Ray had not begun on a node that ends it moves to another itself; a call
that it gives up is reported lost, and the sweep gives it again. Nodes that join or leave change how
many jobs are under way.
"""

import os
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from dispersa.backtest.sweep.task import Finished, Job, Lost, Report, Task, carry_out
from dispersa.errors import DispersaError, InvalidInput

JOBS_PER_CORE = 2
LOOK_SECONDS = 5.0
"""How often the cluster is asked for its cores."""


class ClusterGone(DispersaError):
    """The cluster can not be reached, or went away with its head."""


class ClusterWorkers:
    """The cores of a Ray cluster."""

    def __init__(self, ray: Any, task: Task) -> None:
        self._ray = ray
        self._call = ray.remote(max_retries=0, num_cpus=1)(carry_out)
        self._task = ray.put(task)
        self._under_way: dict[Any, str] = {}
        self._capacity, self._looked = 0, 0.0

    @classmethod
    @contextmanager
    def open(cls, task: Task, where: str | None) -> Iterator[Self]:
        """Connect to `ray://HOST:PORT`; None starts Ray on this machine and ends it afterwards.

        Raises
        ------
        InvalidInput
            Ray is not installed.
        ClusterGone
            Nobody answers there, or the cluster's head went away.
        """
        ray = _ray()
        try:
            with warnings.catch_warnings():
                # That nobody answers is said by the error below, once.
                warnings.simplefilter("ignore", UserWarning)
                ray.init(
                    address=where or "local",
                    log_to_driver=False,
                    logging_level="ERROR",
                    runtime_env={"py_modules": [str(Path(__file__).parents[2])]} if where else None,
                    **({} if where else {"include_dashboard": False}),
                )
        except Exception as error:  # Ray has no narrower type for a node that does not come up
            raise ClusterGone(_unreachable(where, error)) from error
        try:
            yield cls(ray, task)
        except ConnectionError as error:
            raise ClusterGone(
                f"the connection to the cluster at {where} was lost ({error}); bring it up and "
                "repeat the command: what is finished is kept"
            ) from error
        finally:
            ray.shutdown()

    @property
    def capacity(self) -> int:
        """Two for each core that the cluster has now."""
        if time.monotonic() >= self._looked + LOOK_SECONDS:
            cores = int(self._ray.cluster_resources().get("CPU", 0))
            self._capacity = max(1, JOBS_PER_CORE * cores)
            self._looked = time.monotonic()
        return self._capacity

    def give(self, job: Job) -> None:
        """Hand a job to the cluster, which finds a core for it."""
        self._under_way[self._call.remote(self._task, job)] = job.name

    def wait(self, seconds: float) -> Sequence[Report]:
        """Reports that are there; where there is none, the first within `seconds`."""
        calls = list(self._under_way)
        ready, _ = self._ray.wait(calls, num_returns=1, timeout=seconds)
        if ready:
            ready, _ = self._ray.wait(calls, num_returns=len(calls), timeout=0)
        return [self._report(call, self._under_way.pop(call)) for call in ready]

    def _report(self, call: Any, name: str) -> Report:
        """What became of a call; Ray's errors are the ends of its workers and nodes."""
        try:
            finished: Finished = self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[0]
            return Lost(name, f"{type(error).__name__}: {reason}")
        return finished


def _unreachable(where: str | None, error: Exception) -> str:
    if where is None:
        return (
            f"Ray did not come up on this machine ({error}); try again when it is less busy, or "
            "leave --on out for processes of this machine"
        )
    return (
        f"no Ray cluster answers at {where} ({error}); start one with `ray start --head`, its "
        "client port is 10001"
    )


def _ray() -> Any:
    """Import Ray without its usage reports, or say how it is installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise InvalidInput(
            "Ray is not installed here; install dispersa with its extra `distributed` "
            "(requirements/distributed.lock), or leave --on out for the processes of this machine"
        ) from error
    return ray
