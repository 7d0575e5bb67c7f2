"""Tasks that worker processes can load: they count, fail, or end the process that runs them."""

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dispersa.errors import MarketDataMissing


@dataclass(frozen=True)
class Sum:
    """Adds a and b to the sum of its columns; leaves a mark for each call."""

    marks: Path
    columns: np.ndarray

    def __call__(self, point: Mapping[str, Any]) -> Mapping[str, Any]:
        mark = self.marks / f"{point['a']}-{point['b']}"
        with mark.open("a") as file:
            file.write("x")
        total = float(self.columns.sum()) + point["a"] + point["b"]
        return {"total": total, "is_mapped": not self.columns.flags.owndata}


@dataclass(frozen=True)
class EndsItsProcess:
    """Kills the process that runs it, once for every point with b of zero, or always."""

    marks: Path
    always: bool = False

    def __call__(self, point: Mapping[str, Any]) -> Mapping[str, Any]:
        mark = self.marks / f"{point['a']}-{point['b']}"
        with mark.open("a") as file:
            file.write("x")
        if point["b"] == 0 and (self.always or mark.stat().st_size == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        return {"total": point["a"] + point["b"]}


@dataclass(frozen=True)
class Refuses:
    """Has no data for a of one, and a fault for a of two."""

    def __call__(self, point: Mapping[str, Any]) -> Mapping[str, Any]:
        if point["a"] == 1:
            raise MarketDataMissing("no chain on that day; import it")
        return {"quotient": 1 / (point["a"] - 2)}


@dataclass(frozen=True)
class Sleeps:
    """Takes a while, and tells that it ran."""

    seconds: float
    marks: Path | None = None

    def __call__(self, point: Mapping[str, Any]) -> Mapping[str, Any]:
        time.sleep(self.seconds)
        if self.marks is not None:
            with (self.marks / str(point["a"])).open("a") as file:
                file.write("x")
        return {"a": point["a"]}


class CanNotBeLoaded:
    """Fails in the process that is to run it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.abort, ())

    def __call__(self, point: Mapping[str, Any]) -> Mapping[str, Any]:
        return dict(point)
