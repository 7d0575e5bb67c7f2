"""Who is connected, what do they share, and who gets to see which event?"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from dispersa.gateway import events
from dispersa.gateway.clock import NEW_YORK, Clock
from dispersa.gateway.conditions import Conditions
from dispersa.gateway.efficiency import OrderEfficiency
from dispersa.gateway.port import VenuePort
from dispersa.gateway.settings import GatewaySettings, Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """One client in numbers."""

    client_id: int
    version: int
    lines: int
    received: int
    sent: int


class Attendant(Protocol):
    """What the floor knows of a client that has started: where its events go."""

    @property
    def client_id(self) -> int:
        """The id that it started with."""
        ...

    def census(self) -> Census:
        """Return its numbers."""
        ...

    def order_event(self, event: events.OpenOrder | events.OrderStatus | events.OrderError) -> None:
        """Take news of one of its own orders."""
        ...

    def fill_event(self, event: events.Execution | events.CommissionReport) -> None:
        """Take an execution or its commission."""
        ...

    def account_event(self, event: events.Position | events.AccountChanged) -> None:
        """Take a change of holdings or money."""
        ...

    def notice(self, event: events.Notice) -> None:
        """Take a message that concerns everybody."""
        ...

    def lose_market_data(self) -> None:
        """Forget every market data line."""
        ...

    def refuse_market_data(self, code: int, text: str) -> None:
        """Say on every market data line that there is none."""
        ...


class Link(Protocol):
    """A connection, as far as the floor and its faults have to know it."""

    @property
    def client_id(self) -> int:
        """The id that its client started with, -1 before."""
        ...

    def write(self, frame: bytes) -> None:
        """Send bytes."""
        ...

    def close(self) -> None:
        """Send what is waiting, then close."""
        ...

    def abort(self) -> None:
        """Close without waiting for a client that does not read."""
        ...

    def mute(self, seconds: float) -> None:
        """Neither read nor send for some time."""
        ...

    def hold(self) -> None:
        """Send nothing any more."""
        ...

    def cut_next_frame(self) -> None:
        """Send all but the end of what is sent next, then close."""
        ...

    def delay(self, seconds: float) -> None:
        """Send everything so much later; 0 ends it."""
        ...


class Traffic:
    """Counts of messages and orders, for people who watch."""

    def __init__(self) -> None:
        self.messages_in = 0
        self.messages_out = 0
        self.orders = 0
        self.fills = 0
        self.refused_connections = 0
        self.recent: deque[str] = deque(maxlen=8)


class Floor:
    """The part of a gateway that its clients share."""

    def __init__(self, venue: VenuePort, clock: Clock, settings: GatewaySettings) -> None:
        self.venue = venue
        self.clock = clock
        self.settings = settings
        self.loop = asyncio.get_running_loop()
        self.traffic = Traffic()
        self.connections: dict[Link, None] = {}  # in the order of their coming
        self.background: set[asyncio.Task[None]] = set()
        self.conditions = Conditions()
        self.efficiency = OrderEfficiency()
        self._attendants: dict[int, Attendant] = {}
        self._order_ids: dict[int, int] = {}
        self._lines = 0
        venue.listen(self._on_event)

    @property
    def rules(self) -> Rules:
        """The named rule switches."""
        return self.settings.rules

    @property
    def lines(self) -> int:
        """How many market data lines are in use, over all clients."""
        return self._lines

    def attendants(self) -> list[Attendant]:
        """Return the clients that have started, by client id."""
        return [self._attendants[client_id] for client_id in sorted(self._attendants)]

    def enter(self, attendant: Attendant) -> bool:
        """Let a client in; False where its id is in use."""
        taken = self.conditions.taken_client_ids
        if attendant.client_id in self._attendants or attendant.client_id in taken:
            return False
        self._attendants[attendant.client_id] = attendant
        return True

    def leave(self, attendant: Attendant) -> None:
        """Forget a client; its orders live on."""
        if self._attendants.get(attendant.client_id) is attendant:
            del self._attendants[attendant.client_id]

    def next_order_id(self, client_id: int) -> int:
        """Return the lowest order id that this client has not used."""
        if self.conditions.next_order_id is not None:
            return self.conditions.next_order_id
        return self._order_ids.get(client_id, 0) + 1

    def use_order_id(self, client_id: int, order_id: int) -> None:
        """Remember that this client has used an order id."""
        self._order_ids[client_id] = max(order_id, self._order_ids.get(client_id, 0))

    def roll_back_order_ids(self) -> None:
        """Forget every order id, as a gateway may that has been restarted."""
        self._order_ids.clear()

    def order_message(self) -> bool:
        """Count a submission, revision or cancel; return whether it is one too many."""
        self.efficiency.message(self._new_york_day())
        most = self.rules.order_efficiency_max
        return bool(self.rules.order_efficiency_refuses and most and self.efficiency.ratio > most)

    def _new_york_day(self) -> date:
        return self.clock.now().astimezone(NEW_YORK).date()

    def take_lines(self, count: int) -> None:
        """Count market data lines in use up or down."""
        self._lines += count

    def publish(self, event: events.Event) -> None:
        """Tell an event to those who may hear of it, as if the venue had reported it."""
        self._on_event(event)

    def _on_event(self, event: events.Event) -> None:
        match event:
            case events.OpenOrder() | events.OrderStatus() | events.OrderError():
                self._count(event)
                owner = self._attendants.get(event.client_id)
                if owner is not None:
                    owner.order_event(event)
            case events.Execution() | events.CommissionReport():
                self._count(event)
                for attendant in self._witnesses(event.client_id):
                    attendant.fill_event(event)
            case events.Position() | events.AccountChanged():
                for attendant in self.attendants():
                    attendant.account_event(event)
            case events.Notice():
                for attendant in self.attendants():
                    attendant.notice(event)

    def _witnesses(self, client_id: int) -> Iterator[Attendant]:
        everybody = self.rules.executions_live_to_all_clients
        for attendant in self.attendants():
            if everybody or attendant.client_id in {client_id, self.settings.master_client_id}:
                yield attendant

    def _count(self, event: events.Event) -> None:
        if isinstance(event, events.Execution):
            self.traffic.fills += 1
            self.efficiency.executed(event.perm_id, self._new_york_day())
            self.traffic.recent.append(
                f"{event.side} {event.shares} {event.contract.symbol} "
                f"{event.contract.sec_type} at {event.price:g}"
            )


class Every:
    """Calls something again and again on an event loop until stopped."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, call: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._call = call
        self._handle = loop.call_later(seconds, self._run)

    def _run(self) -> None:
        self._handle = self._loop.call_later(self._seconds, self._run)
        self._call()

    def stop(self) -> None:
        """Call no more."""
        self._handle.cancel()
