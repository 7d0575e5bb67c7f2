"""How do market data, reference data and account values get here from IBKR?"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import cast

from ib_async.objects import BarData

from dispersa.broker.ibkr import history, reads, sentinels
from dispersa.broker.ibkr.chains import Chains, together
from dispersa.broker.ibkr.contracts import tradable
from dispersa.broker.ibkr.definitions import Definitions
from dispersa.broker.ibkr.lines import DATA_TYPE_NUMBERS, Line, LineBook
from dispersa.broker.ibkr.link import Link
from dispersa.broker.ibkr.pacer import Urgency
from dispersa.broker.ibkr.settings import IbkrSettings
from dispersa.broker.protocol import BarContent, Clock, DailyBar, OptionListing
from dispersa.errors import Disconnected, MarketDataMissing
from dispersa.market import (
    ConId,
    Greeks,
    OptionContract,
    PriceIncrements,
    Quote,
    Symbol,
    TradingSession,
    Underlying,
    to_float,
)
from dispersa.orders import AccountReading, Combo, VixReading

VIX = Symbol("VIX")
HISTORY_REQUESTS_OPEN_MAX = 20
"""IBKR allows 50 open history requests; queued ones time out together."""
POLL_SECONDS = 0.1
OPEN_INTEREST_TICKS = "101"
"""Generic tick list that brings ticks 27 and 28, call and put open interest."""

Contract = OptionContract | Underlying


class IbkrFeed:
    """The data side; every wait has a deadline."""

    def __init__(self, *, settings: IbkrSettings, clock: Clock, account: str) -> None:
        self._settings = settings
        self._clock = clock
        self._account = account
        self._link: Link | None = None
        self._chains: Chains | None = None
        self._lines = LineBook(
            clock=clock,
            lines_max=settings.market_data_lines_max,
            kind=settings.market_data_kind,
        )
        self._wanted: tuple[Contract, ...] = ()
        self._one_summary = asyncio.Lock()
        self._history_slots = asyncio.Semaphore(HISTORY_REQUESTS_OPEN_MAX)
        self._definitions = Definitions()
        self._definitions_day: date | None = None

    # The link comes and goes

    async def attach(self, link: Link) -> None:
        """Use a fresh link: ask for the kind of data, and renew every line."""
        self._link = link
        link.receiver.ticks = self._lines
        number = DATA_TYPE_NUMBERS[self._settings.market_data_kind]
        await link.send(
            Urgency.DATA, "market data type", lambda: link.client.reqMarketDataType(number)
        )
        wanted, self._wanted = self._wanted, ()
        await self.subscribe(wanted)

    def detach(self) -> None:
        """Forget a lost link: quotes are gone until the lines are renewed."""
        kept = (*self._wanted, *self._lines.clear())
        self._wanted = tuple({row.con_id: row for row in kept}.values())
        self._link = None
        self._chains = None

    async def renew_lines(self) -> None:
        """Cancel and open every line again (1101: the broker lost them; 1102: to be sure)."""
        self._wanted = contracts = self._lines.contracts
        await self.unsubscribe(contracts)
        await self.subscribe(contracts)
        self._wanted = ()

    # BrokerFeed: reference data

    async def underlying(self, symbol: Symbol) -> Underlying:
        """Qualify a stock, ETF or index."""
        return await self._reference().underlying(symbol)

    async def listings(self, underlying: Underlying) -> tuple[OptionListing, ...]:
        """Trading classes with their expiries and strikes."""
        return await self._reference().listings(underlying)

    async def options(
        self, underlying: Underlying, expiry: date, strikes: Sequence[Decimal]
    ) -> tuple[OptionContract, ...]:
        """Qualify calls and puts at these strikes; strikes that do not exist are left out."""
        return await self._reference().options(underlying, expiry, strikes)

    async def price_increments(self, contract: Contract) -> PriceIncrements:
        """Price grid of a contract on its routing exchange."""
        return await self._reference().price_increments(contract)

    async def combo_increments(self, combo: Combo) -> PriceIncrements:
        """Price grid of a combo's net price: the finest step of its legs, at every price.

        IBKR gives no contract details of a BAG. Its net price moves in the legs' smallest step:
        0.05 for SPX combos although legs from 3 dollars move by 0.10, a cent for equity options.
        """
        grids = [await self.price_increments(leg.contract) for leg in combo.legs]
        if len(grids) == 1:
            return grids[0]
        step = min(step for grid in grids for _, step in grid.steps)
        return PriceIncrements(steps=((Decimal(0), step),))

    async def session(self, underlying: Underlying) -> TradingSession:
        """Liquid trading hours of today by the broker's contract details.

        Raises
        ------
        MarketDataMissing
            The market is closed today, or the broker lists no hours.
        """
        return await self._reference().session(underlying)

    # BrokerFeed: market data

    async def subscribe(self, contracts: Sequence[Contract]) -> None:
        """Stream quotes (and, for options, model Greeks on ticks 10 to 13) until `unsubscribe`.

        Raises
        ------
        MarketDataMissing
            There are not enough market data lines; nothing was subscribed.
        """
        link = self._up_link()
        new = {row.con_id: row for row in contracts if row.con_id not in self._lines}
        self._lines.require_free(len(new))
        numbers = {con_id: link.new_request_id() for con_id in new}
        for con_id, contract in new.items():
            self._lines.add(contract, numbers[con_id])
        for con_id, contract in new.items():
            await self._open_line(link, contract, numbers[con_id])

    async def unsubscribe(self, contracts: Sequence[Contract]) -> None:
        """Stop streaming and give the market data lines back."""
        link = self._up_link()
        for contract in contracts:
            number = self._lines.remove(contract.con_id)
            if number is not None:
                await self._close_line(link, number)

    async def sample(
        self, contracts: Sequence[Contract], *, seconds: float
    ) -> Mapping[ConId, tuple[Quote | None, Greeks | None]]:
        """Stream and cancel: read many contracts through the few lines that are free.

        Each contract keeps its line until it has a bid, an offer and (options) Greeks, or until
        `seconds` are over for it; then the line goes to the next contract. What is missing is None.
        """
        found: dict[ConId, tuple[Quote | None, Greeks | None]] = {}
        waiting = deque({row.con_id: row for row in contracts}.values())
        if not all(row.con_id in self._lines for row in waiting):
            self._lines.require_free(1)
        turns = max(1, min(len(waiting), self._lines.free))

        async def read_next() -> None:
            while waiting:
                row = waiting.popleft()
                found[row.con_id] = await self._read_one(row, seconds)

        await together(read_next() for _ in range(turns))
        return found

    def quotes(self) -> Mapping[ConId, Quote]:
        """Latest quote of every subscribed contract that has one."""
        return self._lines.quotes()

    def greeks(self) -> Mapping[ConId, Greeks]:
        """Latest complete model Greeks of every subscribed option that has some."""
        return self._lines.greeks()

    def open_interest(self) -> Mapping[ConId, int]:
        """Contracts open in every subscribed option, as of the last night, where known.

        Empty unless `IbkrSettings.open_interest_wanted`: it costs two more ticks an option.
        """
        return self._lines.open_interest()

    def line_faults(self) -> Mapping[ConId, str]:
        """Why subscribed contracts have no data, as the broker put it."""
        return self._lines.faults([row.con_id for row in self._lines.contracts])

    @property
    def lines_in_use(self) -> int:
        """Market data lines that are open now."""
        return len(self._lines)

    async def vix(self) -> VixReading:
        """The VIX index, or `MarketDataMissing`."""
        underlying = await self.underlying(VIX)
        await self.subscribe([underlying])
        seconds = self._settings.deadlines.first_quote_seconds
        for _ in range(max(1, round(seconds / POLL_SECONDS))):
            line = self._lines.line(underlying.con_id)
            reading = None if line is None else vix_reading(line)
            if reading is not None:
                return reading
            if line is not None and line.fault:
                break
            await asyncio.sleep(POLL_SECONDS)
        reason = self.line_faults().get(underlying.con_id, f"no tick within {seconds:g} s")
        raise MarketDataMissing(
            f"the VIX is not known ({reason}); expected a level. Check the market data "
            "subscription for CBOE indices: without it nothing is opened"
        )

    # BrokerFeed: account, history, time

    async def account(self) -> AccountReading:
        """Account values, read now."""
        link = self._up_link()
        async with self._one_summary:
            return await reads.ask_account(
                link,
                account=self._account,
                at=self._clock.now(),
                seconds=self._settings.deadlines.request_seconds,
            )

    async def daily_bars(
        self, underlying: Underlying, content: BarContent, *, days: int
    ) -> tuple[DailyBar, ...]:
        """Daily history, oldest first, ending with the last complete day.

        Prices in dollars; volatilities are annualized fractions.
        """
        what = f"{underlying.symbol} {content.value}"
        contract = tradable(underlying)
        async with self._history_slots:
            link = self._up_link()
            rows = await link.ask(
                f"daily bars of {what}",
                lambda number: link.client.reqHistoricalData(
                    reqId=number,
                    contract=contract,
                    endDateTime="",
                    durationStr=history.duration_of(days),
                    barSizeSetting="1 day",
                    whatToShow=content.value,
                    useRTH=True,
                    formatDate=1,
                    keepUpToDate=False,
                    chartOptions=[],
                ),
                seconds=self._settings.deadlines.history_seconds,
            )
        now = self._clock.now()
        return history.complete_days(cast("list[BarData]", rows), now=now, days=days, what=what)

    async def server_time(self) -> datetime:
        """The broker's clock."""
        link = self._up_link()
        rows = await link.ask_shared(
            "current time",
            link.client.reqCurrentTime,
            seconds=self._settings.deadlines.request_seconds,
        )
        return cast("datetime", rows[-1])

    # Leaves

    def _up_link(self) -> Link:
        if self._link is None or not self._link.is_up:
            raise Disconnected("the data link is down; wait until it is connected again")
        return self._link

    def _reference(self) -> Chains:
        """Reference data of this link and this day: definitions are learned anew every day."""
        link = self._up_link()
        today = self._clock.now().astimezone(history.NEW_YORK).date()
        if self._definitions_day != today:
            settings = self._settings
            name = f"{settings.host}-{settings.port}-{self._account}"
            self._definitions = Definitions.load(settings.cache_folder, name=name, day=today)
            self._definitions_day = today
            self._chains = None
        if self._chains is None:
            self._chains = Chains(
                link,
                definitions=self._definitions,
                deadlines=self._settings.deadlines,
                clock=self._clock,
            )
        return self._chains

    async def _open_line(self, link: Link, contract: Contract, number: int) -> None:
        wire_contract = tradable(contract)
        is_wanted = self._settings.open_interest_wanted and isinstance(contract, OptionContract)
        more = OPEN_INTEREST_TICKS if is_wanted else ""
        await link.send(
            Urgency.DATA,
            f"market data of {contract.symbol}",
            lambda: link.client.reqMktData(number, wire_contract, more, False, False, []),
        )

    async def _close_line(self, link: Link, number: int) -> None:
        await link.send(
            Urgency.DATA, "end of market data", lambda: link.client.cancelMktData(number)
        )

    async def _read_one(
        self, contract: Contract, seconds: float
    ) -> tuple[Quote | None, Greeks | None]:
        """Stream one contract until it is complete; a line that others hold stays open."""
        own = [] if contract.con_id in self._lines else [contract]
        await self.subscribe(own)
        try:
            for _ in range(max(1, round(seconds / POLL_SECONDS))):
                if self._is_complete(contract):
                    break
                await asyncio.sleep(POLL_SECONDS)
            return self._reading(contract.con_id)
        finally:
            await self.unsubscribe(own)

    def _is_complete(self, contract: Contract) -> bool:
        line = self._lines.line(contract.con_id)
        if line is None or line.fault:
            return True
        quote, greeks = self._reading(contract.con_id)
        two_sided = quote is not None and quote.mid is not None
        return two_sided and (greeks is not None or isinstance(contract, Underlying))

    def _reading(self, con_id: ConId) -> tuple[Quote | None, Greeks | None]:
        line = self._lines.line(con_id)
        if line is None or line.fault:
            return None, None
        return line.quote(), line.greeks


def vix_reading(line: Line) -> VixReading | None:
    """Read the level of an index line: its last value, else the middle of bid and offer."""
    quote = line.quote()
    if quote is None:
        return None
    level = sentinels.quoted_price(line.last) or quote.mid
    return None if level is None else VixReading(level=to_float(level), quote=quote)
