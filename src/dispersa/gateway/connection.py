"""How does one TCP connection live: hello, start, messages, limits, end?"""

import asyncio
import math
from collections import deque
from enum import Enum

from dispersa.gateway.answers.desk import Line
from dispersa.gateway.dispatch import Counter
from dispersa.gateway.floor import Floor
from dispersa.gateway.tape import Track
from dispersa.gateway.wire import replies
from dispersa.gateway.wire import requests as r
from dispersa.gateway.wire.decode import decode, request_id_of
from dispersa.gateway.wire.fields import MalformedField
from dispersa.gateway.wire.frames import FrameError, FrameReader, Hello, parse_hello

LOWEST_VERSION = 157
_TURN_BYTES = 65_536
"""A client that has been sent this much at once waits until the others were heard."""


class _Stage(Enum):
    HELLO = "waiting for the hello"
    START = "waiting for startApi"
    OPEN = "started"
    CLOSED = "closed"


class Connection(asyncio.Protocol):
    """One client's connection; whatever it does, it can harm nobody but itself."""

    def __init__(self, floor: Floor, track: Track | None = None) -> None:
        self._floor = floor
        self._track = track
        self._reader = FrameReader(floor.settings.rules.frame_bytes_max)
        self._stage = _Stage.HELLO
        self._transport: asyncio.Transport | None = None
        self._unsent = bytearray()
        self._waiting: deque[bytes] = deque()
        self._is_turn_due = False
        self._is_waited_for = False
        self._is_flush_due = False
        self._line: Line | None = None
        self._counter: Counter | None = None
        self._allowance = _Allowance(floor)
        self._deadline: asyncio.TimerHandle | None = None
        self._delay_seconds = 0.0
        self._is_silent = False
        self._is_cut = False

    @property
    def client_id(self) -> int:
        """The id that the client started with, -1 before."""
        return -1 if self._line is None else self._line.client_id

    # -- asyncio.Protocol ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the hello, but not for ever."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        if self._floor.conditions.is_login_pending:
            self.abort()
            return
        self._floor.connections[self] = None
        seconds = self._floor.rules.handshake_seconds * self._floor.settings.speed
        self._deadline = self._floor.loop.call_later(seconds, self._refuse_connection)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; a stream that is no conversation ends the connection."""
        if self._is_closed():
            return
        try:
            payloads = self._reader.feed(data)
        except FrameError:
            self._refuse_connection()
            return
        self._waiting.extend(payloads)
        if not self._is_turn_due:
            self._serve()

    def _serve(self) -> None:
        """Answer what has been read; after a large answer the other clients have their turn."""
        self._is_turn_due = False
        while self._waiting and not self._is_closed():
            self._on_payload(self._waiting.popleft())
            if self._waiting and len(self._unsent) > _TURN_BYTES:
                self._is_turn_due = self._is_waited_for = True
                self._pause_reading()
                self._floor.loop.call_soon(self._serve)
                return
        if self._is_waited_for:
            self._is_waited_for = False
            self._resume_reading()

    def _pause_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        transport = self._transport
        if transport is not None and not transport.is_closing() and not self._is_silent:
            transport.resume_reading()

    def eof_received(self) -> bool:
        """Close when the client has no more to say."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's
        """Forget the client; its orders live on."""
        self._stage = _Stage.CLOSED
        self._waiting.clear()
        self._floor.connections.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
        if self._counter is not None:
            self._floor.leave(self._counter)
            self._counter.close()
            self._counter = None

    # -- out -------------------------------------------------------------------------------------

    def write(self, frame: bytes) -> None:
        """Send bytes; those of one turn of the event loop travel together."""
        if self._delay_seconds:
            self._floor.loop.call_later(self._delay_seconds, self._write_now, frame)
        else:
            self._write_now(frame)

    def _write_now(self, frame: bytes) -> None:
        if self._is_closed():
            return
        if self._track is not None:
            self._track("out", frame[4:])
        self._unsent += frame
        if len(self._unsent) > self._floor.rules.unsent_bytes_max:
            self.abort()
            return
        if not self._is_flush_due:
            self._is_flush_due = True
            self._floor.loop.call_soon(self._flush)

    def close(self) -> None:
        """Send what is waiting, then close."""
        self._flush()
        self._stage = _Stage.CLOSED
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close without waiting for a client that does not read."""
        self._stage = _Stage.CLOSED
        self._unsent.clear()
        if self._transport is not None:
            self._transport.abort()

    # -- faults ----------------------------------------------------------------------------------

    def mute(self, seconds: float) -> None:
        """Neither read nor send for some time."""
        if self._transport is not None:
            self._transport.pause_reading()
        self.hold()
        if math.isfinite(seconds):
            self._floor.loop.call_later(seconds, self._unmute)

    def _unmute(self) -> None:
        self._is_silent = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self._flush()

    def hold(self) -> None:
        """Send nothing any more."""
        self._is_silent = True

    def cut_next_frame(self) -> None:
        """Send all but the end of what is sent next, then close."""
        self._is_cut = True

    def delay(self, seconds: float) -> None:
        """Send everything so much later; 0 ends it."""
        self._delay_seconds = seconds

    def _is_closed(self) -> bool:
        return self._stage is _Stage.CLOSED

    def _flush(self) -> None:
        self._is_flush_due = False
        transport = self._transport
        if transport is None or not self._unsent or transport.is_closing() or self._is_silent:
            return
        data = bytes(self._unsent[:-3] if self._is_cut else self._unsent)
        self._unsent.clear()
        transport.write(data)
        if self._is_cut:
            self.close()
        if transport.get_write_buffer_size() > self._floor.rules.unsent_bytes_max:
            self.abort()

    def _refuse_connection(self) -> None:
        self._floor.traffic.refused_connections += 1
        self.close()

    # -- in --------------------------------------------------------------------------------------

    def _on_payload(self, payload: bytes) -> None:
        if self._track is not None:
            self._track("in", payload)
        if self._stage is _Stage.HELLO:
            self._on_hello(payload)
            return
        self._floor.traffic.messages_in += 1
        if self._line is not None:
            self._line.received += 1
        if self._line is not None and not self._allowance.take():
            self._line.error(-1, 100, self._allowance.complaint())
            self.close()
            return
        self._on_message(payload)

    def _on_hello(self, payload: bytes) -> None:
        try:
            version = self._agreed_version(parse_hello(payload))
        except FrameError:
            self._refuse_connection()
            return
        self._line = Line(self._floor, version, self.write)
        self._stage = _Stage.START
        self.write(replies.hello(version, self._floor.clock.now()))

    def _agreed_version(self, hello: Hello) -> int:
        cap = self._floor.conditions.version_cap or self._floor.settings.max_server_version
        version = min(hello.version_max, cap)
        if version < max(hello.version_min, LOWEST_VERSION):
            raise FrameError(f"versions {hello.version_min}..{hello.version_max} are not spoken")
        return version

    def _on_message(self, payload: bytes) -> None:
        line = self._line
        if line is None or self._is_lost(payload, line.client_id):
            return
        try:
            request = decode(payload, line.version)
        except MalformedField as error:
            text = f"Server error when reading an API client request. {error}"
            line.error(request_id_of(payload), 320, text)
            return
        if self._counter is not None:
            self._counter.answer(request)
        elif isinstance(request, r.StartApi):
            self._start(line, request.client_id)
        else:
            line.error(-1, 321, "Error validating request: startApi has to come first")

    def _is_lost(self, payload: bytes, client_id: int) -> bool:
        conditions = self._floor.conditions
        kind = payload.partition(b"\0")[0].decode("latin-1")
        if kind == "3" and conditions.on_order is not None and conditions.on_order(client_id):
            return True
        return kind in conditions.unanswered_messages

    def _start(self, line: Line, client_id: int) -> None:
        line.client_id = client_id
        counter = Counter(line)
        if not self._floor.enter(counter):
            line.error(
                -1,
                326,
                "Unable to connect as the client id is already in use. Retry with a unique "
                "client id.",
            )
            self.close()
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self._counter = counter
        self._stage = _Stage.OPEN
        counter.greet()


class _Allowance:
    """IBKR's limit on messages per second, as a bucket that refills."""

    def __init__(self, floor: Floor) -> None:
        self._loop = floor.loop
        self._limit = floor.rules.messages_per_second_max
        self._left = float(self._limit or 0)
        self._checked_at = self._loop.time()

    def take(self) -> bool:
        """Count one message; False where it is one too many."""
        if not self._limit:
            return True
        now = self._loop.time()
        refill = (now - self._checked_at) * self._limit
        self._left = min(float(self._limit), self._left + refill)
        self._checked_at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def complaint(self) -> str:
        """Return IBKR's sentence."""
        return (
            f"Max rate of messages per second has been exceeded:max={self._limit} rec>{self._limit}"
        )
