"""What does every answering desk of one client know and do?"""

from collections.abc import Callable

from dispersa.gateway.floor import Floor
from dispersa.gateway.model import Refusal
from dispersa.gateway.wire import replies


class Line:
    """The way back to one client: its server version and its outgoing bytes."""

    def __init__(self, floor: Floor, version: int, write: Callable[[bytes], None]) -> None:
        self.floor = floor
        self.version = version
        self.client_id = -1
        self.received = 0
        self.sent = 0
        self._write = write

    def send(self, frame: bytes) -> None:
        """Send one message."""
        self.sent += 1
        self.floor.traffic.messages_out += 1
        self._write(frame)

    def error(self, request_id: int, code: int, text: str, advanced_reject: str = "") -> None:
        """Send an error message; request id -1 where it belongs to no request."""
        self.send(replies.error(request_id, code, text, self.version, advanced_reject))

    def refuse(self, request_id: int, refusal: Refusal) -> None:
        """Send the venue's no."""
        self.error(request_id, refusal.code, refusal.text, refusal.advanced_reject)
