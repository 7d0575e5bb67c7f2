"""What does `dispersa gateway` do from its first to its last moment?"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from dispersa.gateway.inspection import HOST
from dispersa.gateway.server import serve
from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.tape import Player, Recorder, read_tape
from dispersa.gateway.watch import watch

LoopMaker = Callable[[float], asyncio.AbstractEventLoop]
"""Makes an event loop whose time runs this many times as fast as the wall clock."""


def run(
    settings: GatewaySettings,
    new_loop: LoopMaker,
    *,
    record: Path | None = None,
    replay: Path | None = None,
) -> None:
    """Run a gateway until SIGTERM or SIGINT; print `listening on HOST:PORT` when it is ready.

    `record` keeps every frame in a file; `replay` plays such a file instead of a market. Raises
    `InvalidInput` where the settings, a file or the port can not be used.
    """
    with asyncio.Runner(loop_factory=partial(new_loop, settings.speed)) as runner:
        if replay is not None:
            runner.run(_replay(settings, replay))
        else:
            runner.run(_serve(settings, record))


async def _serve(settings: GatewaySettings, record: Path | None) -> None:
    loop = asyncio.get_running_loop()
    recorder = None if record is None else Recorder(record, loop.time)
    try:
        async with await serve(settings, recorder) as gateway:
            jobs: list[Awaitable[None]] = [gateway.world]
            if sys.stderr.isatty():
                jobs.append(watch(gateway.floor))
            inspection = None if gateway.inspection is None else gateway.inspection.port
            await _until_told(jobs, (gateway.host, gateway.port), inspection)
    finally:
        if recorder is not None:
            recorder.close()


async def _replay(settings: GatewaySettings, tape: Path) -> None:
    async with Player(read_tape(tape)) as player:
        await _until_told([], await player.listen(settings.host, settings.port))


def _say_ready(host: str, port: int, inspection: int | None) -> None:
    print(f"listening on {host}:{port}", flush=True)
    if inspection is not None:
        print(f"inspection on http://{HOST}:{inspection}/", flush=True)


async def _until_told(
    jobs: list[Awaitable[None]], address: tuple[str, int], inspection: int | None = None
) -> None:
    """Wait for SIGTERM or SIGINT; a job that ends before is a defect, and its error is raised.

    Says that the gateway is ready only when a signal would already end it cleanly.
    """
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    _say_ready(*address, inspection)
    tasks = [asyncio.ensure_future(job) for job in (told.wait(), *jobs)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
