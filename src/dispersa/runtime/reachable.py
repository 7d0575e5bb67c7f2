"""How can a running desk be stopped from outside? Socket, sentinel file and signals, in one place.

SIGTERM and SIGINT ask for a clean end: working orders are cancelled, the proof is waited for, and
what stays is said. SIGUSR1 is the halt CANCEL, SIGUSR2 the halt FLATTEN; both stay until somebody
resumes.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any

from dispersa.desk import events as ev
from dispersa.journal import Journal
from dispersa.risk import HaltLevel
from dispersa.runtime.control import Answering
from dispersa.runtime.control_desk import control_server
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.sentinel import Sentinel, SentinelWatch

STOP_PATIENCE_SECONDS = 10.0
HALTING = MappingProxyType({signal.SIGUSR1: HaltLevel.CANCEL, signal.SIGUSR2: HaltLevel.FLATTEN})
_NOTHING: Mapping[str, Answering[Any]] = MappingProxyType({})

Work = Callable[[], Coroutine[Any, Any, None]]


class Reach:
    """The ways into one desk; `work` is what must run beside it."""

    def __init__(
        self, loop: DeskLoop, journal: Journal, *, answers: Mapping[str, Answering[Any]] = _NOTHING
    ) -> None:
        """Obey a sentinel that is there already; `answers` adds questions to the socket."""
        self._loop = loop
        self._journal = journal
        self._answers = answers
        self._sentinel = None if journal.path is None else SentinelWatch(journal.path)
        found = None if self._sentinel is None else self._sentinel.news()
        if found is not None and not self._is_known(found):
            loop.post(ev.HaltRequested(level=found.level, reason=found.reason, by=found.by))

    def work(self, *, signals: bool) -> list[Work]:
        """Return what runs beside the desk; a journal in memory has neither socket nor file.

        `signals` for whoever owns the process.
        """
        work: list[Work] = [self._obey_signals] if signals else []
        if self._sentinel is None:
            return work
        watch = self._sentinel
        return [*work, self._serve, lambda: watch.run(self._obey)]

    def lift(self) -> None:
        """Take the sentinel away before a resume, where there is one."""
        if self._sentinel is not None:
            self._sentinel.lift()

    async def _serve(self) -> None:
        async with control_server(self._loop, self._journal, lift=self.lift, more=self._answers):
            await _for_ever()

    async def _obey(self, found: Sentinel) -> None:
        if not self._is_known(found):
            await self._loop.halt(found.level, found.reason, by=found.by)

    def _is_known(self, found: Sentinel) -> bool:
        """Whether the desk is halted by this very file already: a restart finds it again."""
        halt = self._loop.state.halt
        return halt is not None and (halt.level, halt.reason) == (found.level, found.reason)

    async def _obey_signals(self) -> None:
        events = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            events.add_signal_handler(number, self._stop, number.name)
        for number, level in HALTING.items():
            events.add_signal_handler(number, self._halt, number.name, level)
        try:
            await _for_ever()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, *HALTING):
                events.remove_signal_handler(number)

    def _stop(self, name: str) -> None:
        self._loop.spawn(self._end(name))

    async def _end(self, name: str) -> None:
        await self._loop.stop(name, patience=STOP_PATIENCE_SECONDS)

    def _halt(self, name: str, level: HaltLevel) -> None:
        self._loop.spawn(self._stop_trading(name, level))

    async def _stop_trading(self, name: str, level: HaltLevel) -> None:
        await self._loop.halt(level, f"signal {name}", by="signal")


async def _for_ever() -> None:
    """Wait until cancelled."""
    await asyncio.Event().wait()
