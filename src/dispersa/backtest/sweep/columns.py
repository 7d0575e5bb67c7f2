"""How do many processes read the same columns without a copy for each?

A task is pickled with its arrays left out (protocol 5 hands them over as buffers); the arrays are
written behind each other into one file, which every process maps read-only. However many workers
there are, the columns are in memory once, and the system may drop and reread their pages.
"""

import mmap
import pickle
from dataclasses import dataclass
from pathlib import Path

from dispersa.backtest.sweep.task import Task

ALIGNMENT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTask:
    """A task whose arrays lie in a file.

    `spans` are the first byte and the length of each array in `path`.
    """

    pickled: bytes
    path: Path
    spans: tuple[tuple[int, int], ...]

    def open(self) -> Task:
        """Bring the task to life; its arrays are read-only views of the file."""
        if not self.spans:
            return _loaded(self.pickled, [])
        with self.path.open("rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        arrays = [mapped[first : first + length] for first, length in self.spans]
        return _loaded(self.pickled, arrays)


def share(task: Task, path: Path) -> SharedTask:
    """Write the arrays of a task to `path`; what is left of it is small."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(task, protocol=5, buffer_callback=buffers.append)
    spans = []
    with path.open("wb") as file:
        for buffer in buffers:
            file.write(bytes(-file.tell() % ALIGNMENT))
            spans.append((file.tell(), buffer.raw().nbytes))
            file.write(buffer.raw())
        file.write(bytes(ALIGNMENT))  # a file of nothing could not be mapped
    return SharedTask(pickled=pickled, path=path, spans=tuple(spans))


def _loaded(pickled: bytes, arrays: list[memoryview]) -> Task:
    task: Task = pickle.loads(pickled, buffers=arrays)  # noqa: S301 -- made by our parent process
    return task
