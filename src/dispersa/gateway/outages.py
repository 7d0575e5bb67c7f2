"""Which faults of connection and login can the server cause, and how?

Numbers are those of controls-and-faults.md section 4, group A, and B37. What strikes for some
time is measured on the event loop.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from math import isfinite

from dispersa.errors import InvalidInput
from dispersa.gateway import events
from dispersa.gateway.floor import Every, Floor, Link
from dispersa.gateway.wire.frames import frame
from dispersa.gateway.wire.texts import message

FAULTS = {
    "A1": "nothing listens on the port",
    "A2": "the connection is half open: nothing is read and nothing is sent",
    "A3": "the connection ends while a frame is half sent",
    "A4": "the connection ends after the next order is taken, before any answer",
    "A5": "1100: connectivity to IBKR is lost; `value` 2103, 2105, 2157 or 2110: only a farm's",
    "A6": "1102: connectivity restored, data kept",
    "A7": "1101: connectivity restored, market data subscriptions lost",
    "A8": "1300: the port has changed; every connection ends",
    "A9": "the gateway restarts at the moment of the next order, which is lost",
    "A10": "the gateway restarts and nextValidId rolls back",
    "A11": "nextValidId is `value`, by default near the end of 32 bits",
    "A12": "the login waits for a second factor: connections are closed at once",
    "A13": "the client id is in use",
    "A14": "10197: a competing session takes the market data",
    "A15": "the login has other accounts: `value`, comma separated",
    "A16": "the server version is `value`, by default 157",
    "A17": "the Read-Only API setting is on",
    "A18": "the link flaps: every connection ends every three seconds",
    "A19": "everything to the client arrives `seconds` late",
    "A20": "a malformed frame: `value` is huge, negative, zero, truncated, utf8, extra or type",
    "B37": "requests with the message id `value`, by default contract details, get no answer",
}
_FLAP_SECONDS = 3.0
_LOST = {
    1100: "Connectivity between IB and TWS has been lost.",
    2103: "Market data farm connection is broken:usfarm",
    2105: "HMDS data farm connection is broken:ushmds",
    2157: "Sec-def data farm connection is broken:secdefnj",
    2110: "Connectivity between TWS and server is broken. It will be restored automatically.",
}
_LATE_ORDER_ID = 2**31 - 2
_MALFORMED = {
    "huge": (2**31 - 1).to_bytes(4, "big"),
    "negative": b"\xff\xff\xff\xff",
    "zero": b"\0\0\0\0",
    "truncated": frame(b"3\x001\0"),
    "utf8": frame(b"4\x002\0-1\x002104\0\xff\xfe\xc3\x28\0\0"),
    "extra": message("9", "1", "1", "surplus"),
    "type": message("3", "x", "Submitted", "many", "few", "", "", "", "", "", "", ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One fault: for one client or (None) for all, for `seconds` where it has a duration."""

    code: str
    client_id: int | None = None
    seconds: float = 2.0
    value: str = ""


Pause = Callable[[float], Coroutine[None, None, None]]
"""Stops listening and listens again so many seconds later."""


class Outages:
    """Strikes the connections of one gateway."""

    def __init__(
        self, floor: Floor, pause_listening: Callable[[float], Coroutine[None, None, None]]
    ) -> None:
        self._floor = floor
        self._pause_listening = pause_listening
        self._strikes: dict[str, Callable[[Outage], None]] = {
            "A1": lambda outage: self._stop_listening(outage.seconds),
            "A2": lambda outage: self._each(outage, lambda link: link.mute(outage.seconds)),
            "A3": lambda outage: self._each(outage, lambda link: link.cut_next_frame()),
            "A4": lambda _: self._at_next_order(lost=False, restart_seconds=0.0),
            "A5": self._lose_connectivity,
            "A6": lambda _: self._notify(
                1102,
                "Connectivity between IB and TWS has been restored- data maintained.",
            ),
            "A7": lambda _: self._lose_data(),
            "A8": lambda _: self._change_port(),
            "A9": lambda outage: self._at_next_order(lost=True, restart_seconds=outage.seconds),
            "A10": lambda outage: self._restart(outage.seconds),
            "A11": self._set_next_id,
            "A12": lambda outage: self._for(outage, "is_login_pending"),
            "A13": self._take_client_id,
            "A14": self._compete,
            "A15": self._set_accounts,
            "A16": self._cap_version,
            "A17": lambda outage: self._for(outage, "is_read_only"),
            "A18": self._flap,
            "A19": lambda outage: self._each(outage, lambda link: link.delay(outage.seconds)),
            "A20": self._malform,
            "B37": self._leave_unanswered,
        }

    def strike(self, outage: Outage) -> None:
        """Cause a fault now; raises `InvalidInput` for a number that is none of the server's."""
        if outage.code not in FAULTS:
            raise InvalidInput(
                f"the server has no fault {outage.code!r}; it has {', '.join(FAULTS)}"
            )
        self._strikes[outage.code](outage)

    # -- links -----------------------------------------------------------------------------------

    def _each(self, outage: Outage, harm: Callable[[Link], None]) -> None:
        for link in list(self._floor.connections):
            if outage.client_id is None or link.client_id == outage.client_id:
                harm(link)

    def _abort_all(self) -> None:
        for link in list(self._floor.connections):
            link.abort()

    def _stop_listening(self, seconds: float) -> None:
        task = self._floor.loop.create_task(self._pause_listening(seconds))
        self._floor.background.add(task)
        task.add_done_callback(self._floor.background.discard)

    def _restart(self, seconds: float) -> None:
        self._floor.roll_back_order_ids()
        self._abort_all()
        self._stop_listening(seconds)

    def _at_next_order(self, *, lost: bool, restart_seconds: float) -> None:
        def harm(client_id: int) -> bool:
            self._floor.conditions.on_order = None
            self._floor.loop.call_soon(self._abort_all)
            self._each(Outage(code="A4", client_id=client_id), lambda link: link.hold())
            if restart_seconds:
                self._stop_listening(restart_seconds)
            return lost

        self._floor.conditions.on_order = harm

    def _flap(self, outage: Outage) -> None:
        flaps = Every(self._floor.loop, _FLAP_SECONDS, self._abort_all)
        if isfinite(outage.seconds):
            self._floor.loop.call_later(outage.seconds, flaps.stop)

    def _malform(self, outage: Outage) -> None:
        raw = _MALFORMED.get(outage.value or "huge")
        if raw is None:
            raise InvalidInput(f"A20 has no {outage.value!r}; it has {', '.join(_MALFORMED)}")
        self._each(outage, lambda link: link.write(raw))

    # -- news ------------------------------------------------------------------------------------

    def _notify(self, code: int, text: str) -> None:
        self._floor.publish(events.Notice(code=code, text=text))

    def _lose_connectivity(self, outage: Outage) -> None:
        code = int(outage.value or 1100)
        if code not in _LOST:
            raise InvalidInput(f"A5 has no {code}; it has {', '.join(map(str, _LOST))}")
        self._notify(code, _LOST[code])

    def _lose_data(self) -> None:
        for attendant in self._floor.attendants():
            attendant.lose_market_data()
        self._notify(1101, "Connectivity between IB and TWS has been restored- data lost.")

    def _change_port(self) -> None:
        self._notify(1300, "TWS socket port has been reset and this connection is being dropped.")
        for link in list(self._floor.connections):
            link.close()

    def _compete(self, outage: Outage) -> None:
        for attendant in self._floor.attendants():
            attendant.refuse_market_data(10197, "No market data during competing live session")
        self._for(outage, "has_competing_session")

    # -- conditions ------------------------------------------------------------------------------

    def _for(self, outage: Outage, name: str) -> None:
        setattr(self._floor.conditions, name, True)
        if isfinite(outage.seconds):
            self._floor.loop.call_later(
                outage.seconds, setattr, self._floor.conditions, name, False
            )

    def _set_next_id(self, outage: Outage) -> None:
        self._floor.conditions.next_order_id = int(outage.value or _LATE_ORDER_ID)

    def _take_client_id(self, outage: Outage) -> None:
        if outage.client_id is None:
            raise InvalidInput("A13 needs the client id that is in use")
        taken, client_id = self._floor.conditions.taken_client_ids, outage.client_id
        taken.add(client_id)
        if isfinite(outage.seconds):
            self._floor.loop.call_later(outage.seconds, taken.discard, client_id)

    def _set_accounts(self, outage: Outage) -> None:
        self._floor.conditions.accounts = tuple((outage.value or "U7654321").split(","))

    def _cap_version(self, outage: Outage) -> None:
        self._floor.conditions.version_cap = int(outage.value or 157)

    def _leave_unanswered(self, outage: Outage) -> None:
        unanswered, wanted = self._floor.conditions.unanswered_messages, outage.value or "9"
        unanswered.add(wanted)
        if isfinite(outage.seconds):
            self._floor.loop.call_later(outage.seconds, unanswered.discard, wanted)
