"""What has the person typed? One line of standard input, without a thread that can not be ended."""

import asyncio
import io
import os
import sys

CHUNK_BYTES = 4096
_left = bytearray()


async def typed_line() -> str:
    """Wait for one line of standard input, empty at its end; a cancelled wait leaves nothing."""
    try:
        descriptor = sys.stdin.fileno()
    except io.UnsupportedOperation:
        return sys.stdin.readline()
    while b"\n" not in _left:
        await _until_readable(descriptor)
        chunk = os.read(descriptor, CHUNK_BYTES)
        if not chunk:
            break
        _left.extend(chunk)
    line, _, rest = bytes(_left).partition(b"\n")
    _left[:] = rest
    return line.decode(errors="replace")


async def _until_readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()

    def tell() -> None:
        if not readable.done():
            readable.set_result(None)

    try:
        loop.add_reader(descriptor, tell)
    except PermissionError:  # a plain file, which is always readable
        return
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)
