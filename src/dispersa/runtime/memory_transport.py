"""How do client and server meet without a socket? Connections that live in one process's memory.

They behave as TCP does on one machine: bytes arrive in order, late, in pieces of any size, and
what was under way when a side breaks off may be lost from its end. Latency, pieces and losses are
drawn from a seed, so that one seed always tells the same story.
"""

import asyncio
import errno
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dispersa.errors import BrokenInvariant, InvalidInput

WRITE_HIGH_BYTES = 64 * 1024
"""asyncio's own mark: a writer with more bytes than this under way is asked to pause."""
RESET_CHANCE = 0.5
"""How often the other end of a broken connection hears of a reset and not of an end."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemory:
    """How connections in memory behave.

    `latency_seconds_max` bounds what each delivery takes; `split_chance` is how often a delivery
    ends somewhere inside what is under way (from 0 to below 1, so that all arrives in the end).
    """

    seed: int = 0
    latency_seconds_max: float = 0.0
    split_chance: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.split_chance < 1 or self.latency_seconds_max < 0:
            raise InvalidInput(
                f"split_chance is {self.split_chance} and latency_seconds_max "
                f"{self.latency_seconds_max}; expected 0 to below 1, and 0 or more"
            )


class Weather:
    """What befalls bytes on their way, drawn from one seed in the order of the questions."""

    def __init__(self, terms: InMemory) -> None:
        self._terms = terms
        self._chance = random.Random(terms.seed)  # noqa: S311 - reproducible on purpose
        self.deliveries = 0
        """How many pieces have been delivered so far."""

    def latency_seconds(self) -> float:
        """Draw how long the next delivery takes."""
        longest = self._terms.latency_seconds_max
        return self._chance.uniform(0.0, longest) if longest else 0.0

    def piece_bytes(self, waiting: int) -> int:
        """Draw how many of the waiting bytes arrive together."""
        self.deliveries += 1
        if waiting > 1 and self._chance.random() < self._terms.split_chance:
            return self._chance.randint(1, waiting)
        return waiting

    def survivors_bytes(self, waiting: int) -> int:
        """Draw how many of the bytes under way still arrive after the writer broke off."""
        return self._chance.randint(0, waiting)

    def is_reset(self) -> bool:
        """Draw whether a broken-off connection ends with a reset or like any other."""
        return self._chance.random() < RESET_CHANCE


class MemoryTransport(asyncio.Transport):
    """One end of a connection: what is written here arrives at the other end's protocol."""

    def __init__(
        self,
        weather: Weather,
        loop: asyncio.AbstractEventLoop,
        *,
        here: Address,
        there: Address,
    ) -> None:
        super().__init__({"peername": there, "sockname": here, "socket": None})
        self._weather = weather
        self._loop = loop
        self._peer: MemoryTransport
        self._protocol: asyncio.BaseProtocol
        self._incoming = bytearray()
        self._ending: Exception | bool = False
        self._is_due = False
        self._is_reading = True
        self._has_sent_end = False
        self._is_closing = False
        self._is_lost = False
        self._is_paused = False
        self._high_bytes = WRITE_HIGH_BYTES
        self._low_bytes = WRITE_HIGH_BYTES // 4
        self.on_lost: Callable[[], None] | None = None
        """Called once the protocol has heard of the end."""

    def pair(self, peer: "MemoryTransport") -> None:
        """Join two ends."""
        self._peer, peer._peer = peer, self  # noqa: SLF001 - both are of this class

    def start(self, protocol: asyncio.BaseProtocol) -> None:
        """Tell the protocol that it is connected."""
        self._protocol = protocol
        protocol.connection_made(self)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Send what arrives from now on to another protocol."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who gets what arrives."""
        return self._protocol

    # -- out -------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; what is written to an end that is gone is lost, as with TCP."""
        if self._is_lost or self._is_closing:
            return
        if self._has_sent_end:
            raise RuntimeError("cannot write after write_eof()")
        if data:
            self._peer.arrive(bytes(data))
            self._ask_to_pause()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send several pieces in one go."""
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """Say that nothing more will be written."""
        if not self._has_sent_end and not self._is_closing:
            self._has_sent_end = True
            self._peer.arrive_end(True)

    def can_write_eof(self) -> bool:
        """Return that the end of writing can be told."""
        return True

    def get_write_buffer_size(self) -> int:
        """Return how many bytes are under way."""
        return len(self._peer._incoming)  # noqa: SLF001 - both are of this class

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low and the high mark."""
        return self._low_bytes, self._high_bytes

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks between which the protocol is asked to pause and to go on."""
        if high is None:
            high = WRITE_HIGH_BYTES if low is None else 4 * low
        self._high_bytes = high
        self._low_bytes = high // 4 if low is None else low

    def _ask_to_pause(self) -> None:
        if not self._is_paused and self.get_write_buffer_size() > self._high_bytes:
            self._is_paused = True
            self._protocol.pause_writing()

    def taken(self) -> None:
        """Hear that the other end took bytes in."""
        if self._is_paused and self.get_write_buffer_size() <= self._low_bytes:
            self._is_paused = False
            self._protocol.resume_writing()

    # -- in --------------------------------------------------------------------------------------

    def arrive(self, data: bytes) -> None:
        """Take bytes under way; the protocol gets them later."""
        if not self._is_closing and not self._is_lost:
            self._incoming += data
            self._schedule()

    def arrive_end(self, ending: Exception | bool) -> None:
        """Take the end of the stream under way: True, or the error that it ends with."""
        if not self._is_closing and not self._is_lost:
            self._ending = ending
            self._schedule()

    def cut(self) -> None:
        """Lose what the other end can no longer send: a part of what is under way."""
        del self._incoming[self._weather.survivors_bytes(len(self._incoming)) :]

    def is_reading(self) -> bool:
        """Whether the protocol takes bytes."""
        return self._is_reading and not self._is_closing

    def pause_reading(self) -> None:
        """Leave what arrives under way."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Take bytes again."""
        self._is_reading = True
        self._schedule()

    def _schedule(self) -> None:
        if self._is_due or not self.is_reading() or not (self._incoming or self._ending):
            return
        self._is_due = True
        if delay := self._weather.latency_seconds():
            self._loop.call_later(delay, self._deliver)
        else:
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._is_due = False
        if not self.is_reading() or self._is_lost:
            return
        if self._incoming:
            size = self._weather.piece_bytes(len(self._incoming))
            piece = bytes(self._incoming[:size])
            del self._incoming[:size]
            self._peer.taken()
            self._hand_over(piece)
            self._schedule()
        elif self._ending:
            ending, self._ending = self._ending, False
            self._end(ending)

    def _hand_over(self, piece: bytes) -> None:
        """Give the protocol its bytes; one that can not bear them loses its connection."""
        protocol = self._protocol
        if not isinstance(protocol, asyncio.Protocol):
            raise BrokenInvariant(f"{protocol!r} is no asyncio.Protocol; streams of bytes need one")
        try:
            protocol.data_received(piece)
        except Exception as error:  # noqa: BLE001 - asyncio's own transports end like this
            self._fail(error)

    def _end(self, ending: Exception | bool) -> None:
        if isinstance(ending, Exception):
            self._lose(ending)
        elif isinstance(self._protocol, asyncio.Protocol) and not self._protocol.eof_received():
            self.close()

    def _fail(self, error: Exception) -> None:
        context: Mapping[str, Any] = {
            "message": "Fatal error: protocol.data_received() call failed.",
            "exception": error,
            "transport": self,
            "protocol": self._protocol,
        }
        self._loop.call_exception_handler(dict(context))
        self._break_off(error)

    # -- the end ---------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        """Whether this end is closed or about to be."""
        return self._is_closing

    def close(self) -> None:
        """Stop reading, let what was written arrive, then end."""
        if not self._is_closing:
            self.write_eof()
            self._leave(None)

    def abort(self) -> None:
        """End at once; some of what was written may never arrive."""
        self._break_off(None)

    def _break_off(self, error: Exception | None) -> None:
        if self._is_closing:
            return
        self._peer.cut()
        self._has_sent_end = True
        reset = ConnectionResetError(errno.ECONNRESET, "connection reset by peer")
        self._peer.arrive_end(reset if self._weather.is_reset() else True)
        self._leave(error)

    def _leave(self, error: Exception | None) -> None:
        self._is_closing = True
        self._incoming.clear()
        self._loop.call_soon(self._lose, error)

    def _lose(self, error: Exception | None) -> None:
        if self._is_lost:
            return
        self._is_lost = self._is_closing = True
        self._incoming.clear()
        self._protocol.connection_lost(error)
        if self.on_lost is not None:
            self.on_lost()
