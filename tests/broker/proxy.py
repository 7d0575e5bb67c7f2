"""A TCP proxy between connector and gateway that chops, delays and cuts the stream."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Faults:
    """What happens to the bytes; a cut comes after a random number of bytes, in mid-frame."""

    seed: int
    chunk_bytes_max: int = 4096
    delay_seconds_max: float = 0.0
    cut_after_bytes: tuple[int, int] | None = None
    cuts: int = 0
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def fuse(self) -> int | None:
        return None if self.cut_after_bytes is None else self.dice.randint(*self.cut_after_bytes)


async def _carry(
    reader: asyncio.StreamReader, writers: tuple[asyncio.StreamWriter, ...], faults: Faults
) -> None:
    """Copy one direction; a reset of one side resets the other."""
    try:
        await _pump(reader, writers, faults)
    except ConnectionError:
        for writer in writers:
            writer.transport.abort()


async def _pump(
    reader: asyncio.StreamReader, writers: tuple[asyncio.StreamWriter, ...], faults: Faults
) -> None:
    """Copy one direction; when the fuse burns down, cut both in the middle of what was read."""
    fuse = faults.fuse()
    while data := await reader.read(65536):
        while data:
            size = faults.dice.randint(1, faults.chunk_bytes_max)
            piece, data = data[:size], data[size:]
            if fuse is not None:
                fuse -= len(piece)
                if fuse <= 0:
                    faults.cuts += 1
                    writers[0].write(piece[: len(piece) // 2])
                    for writer in writers:
                        writer.transport.abort()
                    return
            writers[0].write(piece)
            if faults.delay_seconds_max:
                await asyncio.sleep(faults.dice.uniform(0, faults.delay_seconds_max))
    writers[0].close()


@asynccontextmanager
async def proxied(port: int, faults: Faults) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(
                _carry(reader, (back_writer, writer), faults),
                _carry(back_reader, (writer, back_writer), faults),
            )
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()
            back_writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await server.wait_closed()
