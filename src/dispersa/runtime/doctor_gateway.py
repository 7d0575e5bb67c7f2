"""Is what the gateway gives enough to trade: account, clock, hours, data, lines, permissions?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from dispersa.broker.ibkr import IbkrConnection
from dispersa.broker.ibkr.accounts import shown
from dispersa.errors import BrokerRefused, MarketDataMissing
from dispersa.market import (
    DataKind,
    OptionContract,
    Quote,
    Right,
    Side,
    Straddle,
    Symbol,
    Underlying,
)
from dispersa.orders import OrderRef, straddle_combo
from dispersa.reports.findings import Finding, Standing
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.doctor_machine import session_of
from dispersa.runtime.live import SKEW_MAX, BrokerClock
from dispersa.runtime.market_reading import standard_listing

SERVER_VERSION_TESTED = 176
FARM_BROKEN, FARM_WELL = frozenset({2103, 2105, 2157, 2110}), frozenset({2104, 2106, 2158})
FIRST_QUOTE_SECONDS, LINES_SECONDS, POLL_SECONDS = 12.0, 3.0, 0.1
LINES_PER_NAME, VIX_LINES = 3, 1
NEIGHBORS = 60
"""Strikes around the money that are looked up: enough options to fill the lines."""
READ_ONLY = 321
PRECAUTION_CODES = frozenset({109, 163, 383})
PERMISSION_CODES = frozenset({203, 412, 460})
TOO_MANY_LINES = "101"
PROBE_REF = OrderRef("dispersa-doctor")

IN_HOURS = "run again while the market is open"
SUBSCRIBE = (
    "subscribe to US stocks, OPRA options and CBOE indices in the account portal, share them with "
    "the paper account, and log other sessions of this user out"
)
BROKER_CHECKS: Mapping[str, str] = {
    "server version": "bring TWS or IB Gateway up to date",
    "data farms": "wait some minutes; then restart TWS or IB Gateway",
    "clock": "set this machine's clock by a time server",
    "account": "look at the account in TWS, then run this again",
    "trading hours": "compare the hours in TWS with the exchange's; trade only where they agree",
    "market data": SUBSCRIBE,
    "VIX": SUBSCRIBE + "; without the VIX nothing is opened",
    "Greeks": SUBSCRIBE,
    "data lines": "close watch lists in TWS, lower universe.names, or buy quote boosters",
    "buying": "see that the account may trade options and combos",
    "selling": "apply for the options level that allows uncovered straddles",
    "order precautions": "switch on 'Bypass Order Precautions for API Orders' (API, Precautions)",
}
"""The checks behind a connection in order, each with the mend of an error that it meets."""


def _says(check: str, standing: Standing, found: str, mend: str = "") -> Finding:
    return Finding(
        check=check,
        standing=standing,
        found=found,
        mend="" if standing is Standing.OK else mend or BROKER_CHECKS[check],
    )


Check = Callable[[], Awaitable[Finding]]


def gateway_checks(
    settings: Settings, connection: IbkrConnection, clock: BrokerClock
) -> dict[str, Check]:
    """Return the checks by name, in the order in which they must run."""
    seen = _Examination(settings=settings, connection=connection, clock=clock)
    checks = (
        seen.version,
        seen.farms,
        seen.skew,
        seen.account,
        seen.hours,
        seen.quotes,
        seen.vix,
        seen.greeks,
        seen.lines,
        seen.buying,
        seen.selling,
        seen.precautions,
    )
    return dict(zip(BROKER_CHECKS, checks, strict=True))


@dataclass(slots=True, kw_only=True)
class _Examination:
    """One connected examination: what a check found and a later one needs."""

    settings: Settings
    connection: IbkrConnection
    clock: BrokerClock
    _index: Underlying | None = None
    _options: tuple[OptionContract, ...] = field(default=())
    _straddle: Straddle | None = None
    _limit: Decimal | None = None

    # The gateway itself

    async def version(self) -> Finding:
        found = f"{self.connection.server_version}"
        if self.connection.server_version < SERVER_VERSION_TESTED:
            found += f"; tested are {SERVER_VERSION_TESTED} and above"
            return _says("server version", Standing.WARNING, found)
        return _says("server version", Standing.OK, found)

    async def farms(self) -> Finding:
        latest = {}
        for notice in self.connection.notices:
            if notice.code in FARM_BROKEN | FARM_WELL:
                latest[notice.text.rpartition(":")[2].strip()] = notice
        broken = [row for row in latest.values() if row.code in FARM_BROKEN]
        if broken:
            told = "; ".join(f"error {row.code}: {row.text}" for row in broken)
            return _says("data farms", Standing.WARNING, told)
        return _says("data farms", Standing.OK, f"{len(latest)} report well, none broken")

    async def skew(self) -> Finding:
        broker_time = await self.connection.feed.server_time()
        if self.settings.profile == "sim":
            self.clock.align(broker_time)
            return _says("clock", Standing.OK, f"follows the simulated {broker_time:%F %T} UTC")
        skew = self.clock.now() - broker_time
        found = f"{skew.total_seconds():+.1f} s against the broker's whole seconds"
        standing = Standing.OK if abs(skew) <= SKEW_MAX else Standing.FAILED
        return _says("clock", standing, f"{found}; at most {SKEW_MAX.total_seconds():.0f} s")

    async def account(self) -> Finding:
        account = await self.connection.feed.account()
        kind = "paper" if account.is_paper else "live"
        found = f"{shown(account.account)} ({kind}) in {account.currency}"
        if account.currency != "USD":
            return _says(
                "account",
                Standing.FAILED,
                f"{found}; limits and sizes are in dollars, every order would be denied",
                "use an account whose base currency is USD",
            )
        if account.net_liquidation is None or account.available_funds is None:
            return _says("account", Standing.FAILED, f"{found}; worth or funds are not reported")
        worth = f"{account.net_liquidation:,.0f}, available {account.available_funds:,.0f}"
        if account.available_funds <= 0:
            return _says("account", Standing.FAILED, f"{found}, worth {worth}", "fund the account")
        return _says("account", Standing.OK, f"{found}, worth {worth}")

    async def hours(self) -> Finding:
        """Compare the broker's hours of today with the exchange's calendar."""
        index = await self._underlying()
        today = self.clock.now().astimezone().date()
        known = session_of(today)
        try:
            told = await self.connection.feed.session(index)
        except MarketDataMissing as error:
            standing = Standing.OK if known is None else Standing.FAILED
            return _says("trading hours", standing, str(error))
        found = f"{told.opens:%F %H:%M} to {told.closes:%H:%M}"
        if known is not None and (told.opens, told.closes) == known:
            return _says("trading hours", Standing.OK, f"{found}, as in the exchange's calendar")
        expected = "closed" if known is None else f"{known[0]:%H:%M} to {known[1]:%H:%M} UTC"
        return _says("trading hours", Standing.FAILED, f"{found}; the calendar says {expected}")

    # Market data

    async def quotes(self) -> Finding:
        """Stream the index, then the straddle nearest its level."""
        index = await self._underlying()
        (spot,) = await self._stream([index])
        await self._choose(index, spot.mid or Decimal(0))
        legs = await self._stream(self._chosen.legs)
        increments = await self.connection.feed.combo_increments(straddle_combo(self._chosen))
        middle = sum((quote.mid or Decimal(0) for quote in legs), Decimal(0))
        self._limit = increments.round_passive(middle, Side.BUY)
        kinds = {quote.kind for quote in (spot, *legs)}
        expiry = self._chosen.expiry
        found = f"{index.symbol} {spot.mid}, straddle {expiry} {self._chosen.strike} at {middle}"
        if kinds == {DataKind.LIVE}:
            return _says("market data", Standing.OK, f"{found}, all live")
        told = f"{found}, {', '.join(sorted(kind.value for kind in kinds))}"
        if kinds <= {DataKind.LIVE, DataKind.FROZEN}:
            return _says(
                "market data", Standing.WARNING, told, "run again while the market is open"
            )
        return _says("market data", Standing.FAILED, f"{told}: no decision rests on delayed data")

    async def vix(self) -> Finding:
        reading = await self.connection.feed.vix()
        kind = reading.quote.kind
        found = f"{reading.level:.2f}, {kind.value}"
        if kind is DataKind.LIVE:
            return _says("VIX", Standing.OK, found)
        if kind is DataKind.FROZEN:
            return _says("VIX", Standing.WARNING, found, IN_HOURS)
        return _says("VIX", Standing.FAILED, found)

    async def greeks(self) -> Finding:
        legs, feed = self._chosen.legs, self.connection.feed
        await _patiently(lambda: all(leg.con_id in feed.greeks() for leg in legs))
        known = feed.greeks()
        missing = [leg.label for leg in legs if leg.con_id not in known]
        if missing:
            return _says(
                "Greeks",
                Standing.WARNING,
                f"the broker's model sends none for {', '.join(missing)}; dispersa's own stand in "
                "for the signal, single orders are denied without",
            )
        told = ", ".join(f"{leg.right.value} {known[leg.con_id].delta:+.3f}" for leg in legs)
        return _says("Greeks", Standing.OK, f"model deltas {told}")

    async def lines(self) -> Finding:
        """Open as many lines as a trade needs, at most the configured number."""
        names = self.settings.universe.names + 1
        needed = LINES_PER_NAME * names + VIX_LINES
        most = self.settings.broker.market_data_lines_max
        feed = self.connection.feed
        held = {row.con_id for row in self._chosen.legs}
        wanted = min(needed, most) - feed.lines_in_use
        extra = [row for row in self._options if row.con_id not in held][: max(0, wanted)]
        await feed.subscribe(extra)
        try:
            await asyncio.sleep(LINES_SECONDS)
            refused = [why for why in feed.line_faults().values() if TOO_MANY_LINES in why]
            opened = feed.lines_in_use
        finally:
            await feed.unsubscribe(extra)
        if refused:
            found = f"{len(refused)} of {opened} lines were refused: {refused[0]}"
            return _says("data lines", Standing.FAILED, found)
        found = f"{opened} lines at once; {names} names take {needed} of {most}"
        if needed > most:
            return _says("data lines", Standing.WARNING, found)
        return _says("data lines", Standing.OK, found)

    # Orders, never sent

    async def buying(self) -> Finding:
        return await self._preview("buying", 1)

    async def selling(self) -> Finding:
        return await self._preview("selling", -1)

    async def precautions(self) -> Finding:
        return _says(
            "order precautions",
            Standing.UNTESTED,
            "the gateway does not tell its presets and precautions",
            "see that 'Bypass Order Precautions for API Orders' is on (API, Precautions); the "
            "self-test of a paper session and `dispersa paper-test` prove it with an order",
        )

    async def _preview(self, check: str, quantity: int) -> Finding:
        if self._limit is None:
            raise MarketDataMissing("no straddle is quoted, so that no order can be previewed")
        try:
            answer = await self.connection.orders.what_if(
                combo=straddle_combo(self._chosen),
                order_ref=PROBE_REF,
                limit_price=self._limit,
                quantity=quantity,
            )
        except BrokerRefused as error:
            return _says(check, Standing.FAILED, str(error), _mend_of(check, error))
        change = answer.initial_margin_change
        if change is None:
            return _says(check, Standing.WARNING, "previewed without a margin", "look in TWS")
        return _says(check, Standing.OK, f"1 straddle previewed, initial margin {change:+,.0f}")

    # Leaves

    @property
    def _chosen(self) -> Straddle:
        if self._straddle is None:
            raise MarketDataMissing("not tried, because no straddle to try it on was found")
        return self._straddle

    async def _underlying(self) -> Underlying:
        if self._index is None:
            symbol = Symbol(self.settings.universe.index)
            self._index = await self.connection.feed.underlying(symbol)
        return self._index

    async def _choose(self, index: Underlying, near: Decimal) -> None:
        """Take the straddle nearest a level, and its neighbors for the lines."""
        feed, universe = self.connection.feed, self.settings.universe
        listing = standard_listing(await feed.listings(index), index.symbol)
        wanted = self.clock.now().date() + timedelta(days=universe.dte_target)
        expiry = min(listing.expiries, key=lambda day: abs(day - wanted))
        strikes = sorted(listing.strikes, key=lambda strike: abs(strike - near))
        self._options = await feed.options(index, expiry, strikes[:NEIGHBORS])
        by_strike = {(row.strike, row.right): row for row in self._options}
        for strike in strikes[:NEIGHBORS]:
            call, put = (by_strike.get((strike, right)) for right in (Right.CALL, Right.PUT))
            if call is not None and put is not None:
                self._straddle = Straddle(call=call, put=put)
                return
        raise MarketDataMissing(f"{index.symbol} lists no straddle of {expiry} near {near}")

    async def _stream(self, contracts: Sequence[OptionContract | Underlying]) -> tuple[Quote, ...]:
        """Stream until all have a middle; a line without one is named with the broker's words."""
        feed = self.connection.feed
        await feed.subscribe(contracts)
        ids = {contract.con_id for contract in contracts}
        await _patiently(
            lambda: all(_has_level(feed.quotes().get(i)) or i in feed.line_faults() for i in ids)
        )
        quotes, faults = feed.quotes(), feed.line_faults()
        for contract in contracts:
            if not _has_level(quotes.get(contract.con_id)):
                name = contract.label if isinstance(contract, OptionContract) else contract.symbol
                why = faults.get(contract.con_id, f"no tick in {FIRST_QUOTE_SECONDS:.0f} s")
                raise MarketDataMissing(f"{name} is not quoted: {why}")
        return tuple(quotes[contract.con_id] for contract in contracts)


def _has_level(quote: Quote | None) -> bool:
    return quote is not None and quote.mid is not None


async def _patiently(is_done: Callable[[], bool]) -> None:
    """Wait until something holds, at most as long as a first quote may take."""
    for _ in range(round(FIRST_QUOTE_SECONDS / POLL_SECONDS)):
        if is_done():
            return
        await asyncio.sleep(POLL_SECONDS)


def _mend_of(check: str, error: BrokerRefused) -> str:
    """What a person does about a refused preview, by its code."""
    if error.code == READ_ONLY and "read-only" in str(error).lower():
        return "switch off 'Read-Only API' (Global Configuration, API, Settings)"
    if error.code in PRECAUTION_CODES:
        return BROKER_CHECKS["order precautions"]
    if error.code in PERMISSION_CODES:
        return "apply for the permission in the account portal, then log in again"
    return BROKER_CHECKS[check]
