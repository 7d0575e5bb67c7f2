"""Is this one connection to the gateway up, and what is asked over it?

ib_async carries and decodes the messages; around it stand a guard against frames that can not be
true, our own pacing in place of its single queue, and a deadline on every answer.
"""

import asyncio
import logging
import struct
from collections.abc import Callable, Sequence
from typing import cast

from ib_async.client import Client
from ib_async.decoder import Decoder
from ib_async.wrapper import Wrapper

from dispersa.broker.ibkr.codes import CLIENT_ID_IN_USE, WARNING_RANGE
from dispersa.broker.ibkr.deadlines import answered
from dispersa.broker.ibkr.pacer import Pacer, Urgency
from dispersa.broker.ibkr.raw import ErrorLine
from dispersa.broker.ibkr.receiver import Receiver
from dispersa.broker.ibkr.settings import IbkrSettings
from dispersa.errors import BrokerRefused, Disconnected, RequestTimedOut

logging.getLogger("ib_async").addHandler(logging.NullHandler())
log = logging.getLogger("dispersa.broker.ibkr")

FRAME_BYTES_MAX = 16 * 2**20
CLOSE_SECONDS = 2.0
FIRST_REQUEST_ID = 1_000_000_000
"""Request ids start far above order ids: the two share one number space in error messages."""
ORDER_MESSAGES = frozenset({3, 4, 5, 9, 11, 15, 53, 55, 59, 61, 62, 101, 102})
"""Messages that carry the truth about orders and positions: one that can not be read is fatal."""
DECODE_ERRORS = (
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
)


class StrictDecoder(Decoder):
    """ib_async's decoder, except that it never drops a message in silence."""

    def __init__(self, wrapper: Receiver, on_garbage: Callable[[list[str], str], None]) -> None:
        self._on_garbage = on_garbage
        super().__init__(cast("Wrapper", wrapper), 0)

    def wrap(  # type: ignore[no-untyped-def]  # as untyped as the library's own
        self,
        methodName: str,
        types: Sequence[type],
        skip: int = 2,
    ):
        """Make a handler that converts the fields and lets conversion errors out."""

        def handler(fields: list[str]) -> None:
            method = getattr(self.wrapper, methodName, None)
            if method is not None:
                pairs = zip(types, fields[skip:], strict=False)
                method(*(_convert(kind, text) for kind, text in pairs))

        return handler

    def interpret(self, fields: list[str]) -> None:
        """Decode one message and call its callback."""
        try:
            self.handlers[int(fields[0])](fields)
        except DECODE_ERRORS as error:
            self._on_garbage(fields, f"{type(error).__name__}: {error}")


def _convert(kind: type, text: str) -> object:
    if kind is str:
        return text
    if kind is bool:
        return bool(int(text or 0))
    return kind(text or 0)


class GuardedClient(Client):
    """ib_async's client with a frame guard and without a queue of its own."""

    MaxRequests = 0

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(receiver)  # type: ignore[no-untyped-call]  # the library has no types here
        self.decoder = StrictDecoder(receiver, self._garbage)
        self.fault: str | None = None

    @property
    def messages_received(self) -> int:
        """How many complete messages have arrived on this connection."""
        return int(self._numMsgRecv)

    def can_send(self) -> bool:
        """Whether a message given now reaches the socket (the library drops it in silence)."""
        transport = self.conn.transport
        return bool(self.isReady() and transport is not None and not transport.is_closing())

    def abort(self) -> None:
        """Close the socket at once."""
        if self.conn.transport is not None:
            self.conn.transport.abort()

    def _garbage(self, fields: list[str], error: str) -> None:
        kind = fields[0] if fields else "empty"
        text = f"message {kind} of {len(fields)} fields can not be read ({error})"
        if not kind.isdigit() or int(kind) in ORDER_MESSAGES:
            self.fault = text
            self.abort()
        else:
            log.warning("%s; it is ignored", text)

    def _onSocketHasData(self, data: bytes) -> None:
        try:
            super()._onSocketHasData(data)  # type: ignore[no-untyped-call]  # the library has no types here
        except DECODE_ERRORS as error:
            self.fault = f"the stream can not be read ({type(error).__name__}: {error})"
            self.abort()
            return
        if len(self._data) >= 4:
            (length,) = struct.unpack(">I", self._data[:4])
            if not 0 < length <= FRAME_BYTES_MAX:
                self.fault = f"a frame claims {length} bytes; expected 1 to {FRAME_BYTES_MAX}"
                self.abort()


def _hear(attempt: "asyncio.Future[None]") -> None:
    """Take notice of how a handshake ended that nobody waits for any more."""
    if not attempt.cancelled():
        attempt.exception()


class Link:
    """One socket with one client id; it is made, used and thrown away, never reconnected."""

    def __init__(self, *, settings: IbkrSettings, client_id: int, pacer: Pacer) -> None:
        self.client_id = client_id
        self._settings = settings
        self._pacer = pacer
        self.receiver = Receiver(tws_time_zone=settings.tws_time_zone)
        self.client = GuardedClient(self.receiver)
        self.expiries: dict[int, str] = {}
        """Real expiries (YYYYMMDD) of options that settle after their last trading day."""
        self._request_id = FIRST_REQUEST_ID
        self._one_at_a_time: dict[str, asyncio.Lock] = {}
        self._closed = asyncio.Event()
        self.early_notices: list[ErrorLine] = []
        """What the gateway said about itself before anybody else listened."""

    async def connect(self) -> None:
        """Connect, shake hands, and wait for the accounts and the next order id.

        Raises
        ------
        Disconnected
            Nobody listens, or the gateway does not finish the handshake in time.
        BrokerRefused
            The client id is in use; another one is never tried.
        """
        refusals = self.early_notices
        gone = asyncio.Event()
        self.receiver.on_notice = refusals.append
        self.receiver.on_closed = gone.set
        attempt = asyncio.ensure_future(self._shake_hands())
        closed = asyncio.ensure_future(gone.wait())
        try:
            await asyncio.wait({attempt, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not attempt.done():
                attempt.cancel()
            await asyncio.wait({attempt})
            self._explain(attempt, refusals)
        finally:
            closed.cancel()
            attempt.cancel()
            attempt.add_done_callback(_hear)
        self.receiver.on_closed = self._closed.set
        if not self.is_up:
            raise Disconnected(self._where("the gateway closed the connection at once"))

    async def _shake_hands(self) -> None:
        settings = self._settings
        await self.client.connectAsync(
            settings.host, settings.port, self.client_id, settings.deadlines.connect_seconds
        )

    def _explain(self, attempt: "asyncio.Future[None]", refusals: list[ErrorLine]) -> None:
        error = None if attempt.cancelled() else attempt.exception()
        if any(line.code == CLIENT_ID_IN_USE for line in refusals):
            raise BrokerRefused(
                self._where(
                    f"client id {self.client_id} is in use (error 326). Another dispersa or "
                    "program is connected with it: end that one, or give it another id; dispersa "
                    "never switches ids, because only the id that sent an order can cancel it"
                ),
                code=CLIENT_ID_IN_USE,
            )
        if error is None and not attempt.cancelled():
            return
        told = [r for r in refusals if r.code not in WARNING_RANGE]
        found = self.client.fault or "; ".join(f"error {r.code}: {r.text}" for r in told)
        match error:
            case TimeoutError():
                found = found or "no handshake before the deadline"
            case ConnectionRefusedError():
                found = "nobody listens there (connection refused)"
            case OSError():
                found = error.strerror or str(error) or type(error).__name__
            case _:
                pass
        raise Disconnected(self._where(found or "the gateway closed the connection")) from error

    def _where(self, found: str) -> str:
        settings = self._settings
        return (
            f"no connection to TWS or IB Gateway at {settings.host}:{settings.port}: {found}. "
            "Expected a gateway whose log-in is finished (second factor), with API access enabled "
            "on this port (paper: TWS 7497, Gateway 4002); start it or correct host and port"
        )

    @property
    def is_up(self) -> bool:
        """Whether a message given now would reach the socket."""
        return self.client.can_send()

    @property
    def server_version(self) -> int:
        """The protocol version that the server chose."""
        return int(self.client.serverVersion())

    async def wait_closed(self) -> None:
        """Return when the socket is gone."""
        await self._closed.wait()

    def drop(self) -> None:
        """Close the socket at once; everybody who waits gets `Disconnected`."""
        self.client.abort()

    async def close(self) -> None:
        """Close the socket in order."""
        if self.client.conn.transport is None:
            return
        self.receiver.on_closed = self._closed.set
        self.client.disconnect()
        closed = asyncio.ensure_future(self._closed.wait())
        await asyncio.wait({closed}, timeout=CLOSE_SECONDS)
        closed.cancel()
        self.client.abort()

    # Sending and asking

    async def send(self, urgency: Urgency, what: str, message: Callable[[], None]) -> None:
        """Wait for a turn and send; raise `Disconnected` when it can not reach the socket."""
        await self._pacer.turn(urgency)
        self.send_now(what, message)

    def send_now(self, what: str, message: Callable[[], None]) -> None:
        """Send without waiting for a turn (the caller has had it)."""
        if not self.is_up:
            raise Disconnected(f"{what} was not sent: the link of client {self.client_id} is down")
        message()

    def new_request_id(self) -> int:
        """Take a number for a request, never one of an order."""
        self._request_id += 1
        return self._request_id

    async def ask(
        self, what: str, message: Callable[[int], None], *, seconds: float
    ) -> list[object]:
        """Ask a numbered question and return the rows of its answer."""
        return await self.ask_as(self.new_request_id(), what, message, seconds=seconds)

    async def ask_as(
        self, request_id: int, what: str, message: Callable[[int], None], *, seconds: float
    ) -> list[object]:
        """Ask under a number that the caller chose."""
        await self._pacer.turn(Urgency.DATA)
        waiting = self.receiver.questions.open(request_id, what)
        try:
            self.send_now(what, lambda: message(request_id))
            return await answered(waiting.future, seconds, what)
        finally:
            self.receiver.questions.close(request_id)

    async def ask_shared(
        self, key: str, message: Callable[[], None], *, seconds: float
    ) -> list[object]:
        """Ask a question that IB does not number; such questions go one at a time."""
        async with self._one_at_a_time.setdefault(key, asyncio.Lock()):
            await self._pacer.turn(Urgency.DATA)
            if not self.is_up:
                raise Disconnected(f"{key} was not asked: client {self.client_id} is down")
            waiting = self.receiver.questions.open_shared(key)
            is_behind = waiting.markers_to_skip > 0
            try:
                message()
                return await answered(waiting.future, seconds, key)
            except RequestTimedOut:
                if is_behind:  # which answer is whose can not be told on this link any more
                    self.drop()
                raise
            finally:
                self.receiver.questions.close_shared(key)
