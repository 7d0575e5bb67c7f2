"""Are both links to IBKR up, proven good, and to the account that is meant?

Data and orders use a socket each. When one is lost, falls silent or the broker reports its own
link down, nothing risky may be sent any more (`LinkLost`); both are made again with growing
pauses, always with the same client ids, and checked like the first time. `LinkRestored` means that
both answer: it is then for the desk to read a snapshot and settle every order before it goes on.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from dispersa.broker.ibkr.accounts import guarded_account, is_paper
from dispersa.broker.ibkr.codes import (
    LINK_LOST_CODES,
    LINK_RESTORED_DATA_KEPT,
    LINK_RESTORED_DATA_LOST,
)
from dispersa.broker.ibkr.feed import IbkrFeed
from dispersa.broker.ibkr.link import Link, log
from dispersa.broker.ibkr.orders import IbkrOrders
from dispersa.broker.ibkr.pacer import Pacer
from dispersa.broker.ibkr.raw import ErrorLine
from dispersa.broker.ibkr.settings import IbkrSettings
from dispersa.broker.protocol import Clock
from dispersa.errors import BrokerError, BrokerRefused
from dispersa.orders import LinkLost, LinkRestored

BEATS = 4
"""A link is silent when nothing came in so many beats, although we asked for the time."""
FIRST_PAUSE_SECONDS = 1.0
STABLE_SECONDS = 30.0
"""A link that lived so long starts the pauses between attempts anew."""


NOTICES_KEPT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message of the gateway that concerns no request and no order."""

    at: datetime
    code: int
    text: str


async def connect(settings: IbkrSettings, clock: Clock) -> "IbkrConnection":
    """Connect both links, check the account, and keep them alive until `close`.

    Raises
    ------
    Disconnected
        Nobody listens, or no handshake in time.
    BrokerRefused
        Wrong account, live without opt-in, account and port of different kinds, client id in use.
    """
    pacer = Pacer(
        per_second=settings.messages_per_second, reserved=settings.messages_reserved_for_orders
    )
    pair: tuple[Link, ...] = ()
    try:
        orders, data = pair = await _open_pair(settings, pacer)
        account = guarded_account(settings, orders.receiver.accounts)
        connection = IbkrConnection(settings=settings, clock=clock, pacer=pacer, account=account)
        await connection.start((orders, data))
    except BaseException:
        pacer.close()
        await asyncio.gather(*(link.close() for link in pair))
        raise
    return connection


async def _open_pair(settings: IbkrSettings, pacer: Pacer) -> tuple[Link, Link]:
    """Open the order link, then the data link; both or none."""
    orders = Link(settings=settings, client_id=settings.order_client_id, pacer=pacer)
    data = Link(settings=settings, client_id=settings.data_client_id, pacer=pacer)
    await orders.connect()
    try:
        await data.connect()
    except BaseException:
        await orders.close()
        raise
    return orders, data


class IbkrConnection:
    """Both links of one account: `orders` to trade, `feed` to read."""

    def __init__(self, *, settings: IbkrSettings, clock: Clock, pacer: Pacer, account: str) -> None:
        self._settings = settings
        self._clock = clock
        self._pacer = pacer
        self._links: tuple[Link, ...] = ()
        self._broken: str | None = "not connected yet"
        self._upstream_broken: str | None = None
        self._upstream_losses = 0
        self._keeper: asyncio.Task[None] | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._is_closing = False
        self.account = account
        self.is_paper = is_paper(account)
        self.notices: deque[Notice] = deque(maxlen=NOTICES_KEPT)
        """What the gateway said about itself lately: links and data farms."""
        self.server_version = 0
        self.orders = IbkrOrders(
            settings=settings,
            clock=clock,
            pacer=pacer,
            account=account,
            unproven=lambda: self.unproven,
        )
        self.feed = IbkrFeed(settings=settings, clock=clock, account=account)

    @property
    def unproven(self) -> str | None:
        """Why nothing risky may be sent now; None while both links are proven good."""
        if self._broken is None and not all(link.is_up for link in self._links):
            return "a socket was closed"
        return self._broken or self._upstream_broken

    async def start(self, pair: tuple[Link, Link]) -> None:
        """Take the first pair of links into use."""
        await self._adopt(pair)
        self._restored(data_lost=False)
        self._keeper = asyncio.ensure_future(self._keep())

    async def close(self) -> None:
        """End the links in order; working orders stay at the broker."""
        self._is_closing = True
        for task in (self._keeper, self._renewal):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        self._broken = "the connection was closed"
        await asyncio.gather(*(link.close() for link in self._links))
        await self.orders.close()
        self._pacer.close()

    # Keeping the links

    async def _adopt(self, pair: tuple[Link, Link]) -> None:
        orders, data = pair
        self._links = pair
        self._upstream_broken = None
        for link in pair:
            link.receiver.on_notice = self._notice
            for line in link.early_notices:
                self._notice(line)
        self.server_version = min(link.server_version for link in pair)
        self.orders.attach(orders)
        await self.feed.attach(data)

    async def _keep(self) -> None:
        while True:
            began = asyncio.get_running_loop().time()
            reason = await self._first_failure()
            self._lost(reason)
            lived = asyncio.get_running_loop().time() - began
            await self._reconnect(patient=lived < STABLE_SECONDS)

    async def _first_failure(self) -> str:
        watches = [asyncio.ensure_future(self._watch(link)) for link in self._links]
        try:
            await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            return next(watch for watch in watches if watch.done()).result()
        finally:
            for watch in watches:
                watch.cancel()

    async def _watch(self, link: Link) -> str:
        """Return when the link is gone or silent; one beat is a fraction of the silence."""
        beat = self._settings.deadlines.silence_seconds / BEATS
        closed = asyncio.ensure_future(link.wait_closed())
        heard, silent_beats = link.client.messages_received, 0
        try:
            while silent_beats < BEATS:
                if silent_beats and link.is_up:
                    link.client.reqCurrentTime()
                await asyncio.wait({closed}, timeout=beat)
                if closed.done():
                    cause = link.client.fault or "the socket was closed"
                    return f"client {link.client_id}: {cause}"
                silent_beats = 0 if link.client.messages_received > heard else silent_beats + 1
                heard = link.client.messages_received
        finally:
            closed.cancel()
        return f"client {link.client_id}: silent for {beat * BEATS:g} s, heartbeats unanswered"

    def _lost(self, reason: str) -> None:
        self._broken = reason
        self.orders.emit(LinkLost(message=reason))
        self.orders.detach()
        self.feed.detach()
        for link in self._links:
            link.drop()
        self._links = ()

    async def _reconnect(self, *, patient: bool) -> None:
        longest = self._settings.deadlines.reconnect_seconds_max
        pause = min(FIRST_PAUSE_SECONDS * (4 if patient else 1), longest)
        while True:
            await asyncio.sleep(pause)
            try:
                await self._connect_again()
            except BrokerError as error:
                self._still_lost(str(error))
                pause = min(pause * 2, longest)
            else:
                self._restored(data_lost=True)
                return

    def _still_lost(self, reason: str) -> None:
        """Report why we can not connect again, each reason once."""
        log.warning("not connected: %s", reason)
        if reason != self._broken:
            self.orders.emit(LinkLost(message=reason))
        self._broken = reason

    async def _connect_again(self) -> None:
        pair = await _open_pair(self._settings, self._pacer)
        try:
            self._require_same_account(pair[0])
            await self._adopt(pair)
        except BaseException:
            self.orders.detach()
            self.feed.detach()
            self._links = ()
            await asyncio.gather(*(link.close() for link in pair))
            raise

    def _require_same_account(self, link: Link) -> None:
        if guarded_account(self._settings, link.receiver.accounts) != self.account:
            raise BrokerRefused("the gateway came back with another account; log in as before")

    def _restored(self, *, data_lost: bool) -> None:
        self._broken = None
        if self._upstream_broken is not None:
            self.orders.emit(LinkLost(message=self._upstream_broken))
            return
        self.orders.pay_owed_cancels()
        self.orders.emit(
            LinkRestored(
                account=self.account,
                server_version=self.server_version,
                data_lost=data_lost,
                at=self._clock.now(),
            )
        )

    # The broker's own link

    def _notice(self, line: ErrorLine) -> None:
        self.notices.append(Notice(at=self._clock.now(), code=line.code, text=line.text))
        if line.code in LINK_LOST_CODES:
            self._upstream_lost(f"error {line.code}: {line.text}")
        elif line.code in (LINK_RESTORED_DATA_LOST, LINK_RESTORED_DATA_KEPT):
            self._upstream_restored(data_lost=line.code == LINK_RESTORED_DATA_LOST)
        else:
            log.info("gateway: %s %s", line.code, line.text)

    def _upstream_lost(self, reason: str) -> None:
        if self.unproven is None:
            self.orders.emit(LinkLost(message=reason))
        self._upstream_broken = reason
        self._upstream_losses += 1

    def _upstream_restored(self, *, data_lost: bool) -> None:
        """Renew the lines (after 1102 to be sure), then report; both links tell the same."""
        if self._upstream_broken is None or self._renewal is not None or self._is_closing:
            return
        self._renewal = asyncio.ensure_future(self._renew(data_lost=data_lost))

    async def _renew(self, *, data_lost: bool) -> None:
        losses = self._upstream_losses
        try:
            await self.feed.renew_lines()
        except BrokerError as error:
            log.warning("market data could not be renewed, connecting again: %s", error)
            for link in self._links:
                link.drop()
            return
        finally:
            self._renewal = None
        if self._broken is None and losses == self._upstream_losses:
            self._upstream_broken = None
            self._restored(data_lost=data_lost)
