"""Which underlyings, expiries, strikes, price grids and hours does the broker list?"""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar, cast

from ib_async.contract import Contract, ContractDetails
from ib_async.objects import OptionChain, PriceIncrement

from dispersa.broker.ibkr import sentinels
from dispersa.broker.ibkr.codes import NO_DEFINITION
from dispersa.broker.ibkr.contracts import (
    EVERY_STRIKE,
    SMART,
    by_id,
    contract_of,
    day_from,
    is_standard_class,
    options_query,
    read_option,
    read_underlying,
    underlying_query,
)
from dispersa.broker.ibkr.definitions import Definitions
from dispersa.broker.ibkr.hours import session_on
from dispersa.broker.ibkr.link import Link
from dispersa.broker.ibkr.settings import Deadlines
from dispersa.broker.protocol import Clock, OptionListing
from dispersa.errors import BrokerRefused, MarketDataMissing
from dispersa.market import (
    ConId,
    OptionContract,
    PriceIncrements,
    Settlement,
    Symbol,
    TradingSession,
    Underlying,
    UnderlyingKind,
    to_float,
)
from dispersa.market.contracts import STANDARD_MULTIPLIER

T = TypeVar("T")

NARROW_QUESTIONS_MAX = 24
"""More missing strikes than this are asked for with their whole expiry."""


async def together(questions: Iterable[Coroutine[object, object, T]]) -> list[T]:
    """Ask all at once; the first error cancels the rest and is raised."""
    tasks = [asyncio.ensure_future(question) for question in questions]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


class Chains:
    """Reference data of one data link, with the day's definitions as memory."""

    def __init__(
        self, link: Link, *, definitions: Definitions, deadlines: Deadlines, clock: Clock
    ) -> None:
        self._link = link
        self._definitions = definitions
        self._deadlines = deadlines
        self._clock = clock
        self._underlyings: dict[Symbol, tuple[Underlying, ContractDetails]] = {}

    async def underlying(self, symbol: Symbol) -> Underlying:
        """Qualify a stock, ETF or index; asked once per connection."""
        if symbol not in self._underlyings:
            found = await self._details(underlying_query(symbol), symbol)
            underlying = read_underlying(symbol, found)
            details = next(d for d in found if contract_of(d).conId == underlying.con_id)
            self._keep_rule(details)
            self._underlyings[symbol] = (underlying, details)
        return self._underlyings[symbol][0]

    async def session(self, underlying: Underlying) -> TradingSession:
        """Liquid trading hours of today."""
        await self.underlying(underlying.symbol)
        details = self._underlyings[underlying.symbol][1]
        return session_on(details.liquidHours, details.timeZoneId, now=self._clock.now())

    async def listings(self, underlying: Underlying) -> tuple[OptionListing, ...]:
        """Standard trading classes with their expiries and strikes."""
        known = self._definitions.listings.get(underlying.con_id)
        if known is None:
            known = await self._ask_listings(underlying)
            self._definitions.listings[underlying.con_id] = known
            self._definitions.save()
        return known

    async def options(
        self, underlying: Underlying, expiry: date, strikes: Sequence[Decimal]
    ) -> tuple[OptionContract, ...]:
        """Qualify calls and puts at these strikes.

        A few strikes are asked one narrow question each; many are asked for at once, as the whole
        expiry, which is one message instead of one for each strike.
        """
        options = self._definitions.options
        missing = [s for s in strikes if (underlying.con_id, expiry, s) not in options]
        if len(missing) > NARROW_QUESTIONS_MAX:
            answers = await self._ask_expiry(underlying, expiry, missing)
        else:
            rows = await together(self._ask_strike(underlying, expiry, s) for s in missing)
            answers = dict(zip(missing, rows, strict=True))
        for strike, answer in answers.items():
            options[underlying.con_id, expiry, strike] = answer
        if missing:
            self._definitions.save()
        found = [row for s in strikes for row in options[underlying.con_id, expiry, s]]
        return tuple(sorted(found, key=lambda row: (row.strike, row.right)))

    async def price_increments(self, contract: OptionContract | Underlying) -> PriceIncrements:
        """Price grid on the routing exchange, by market rule (never by the smallest tick)."""
        rule = self._definitions.rule_of.get(contract.con_id)
        if rule is None:
            for details in await self._details(by_id(contract), contract.symbol):
                self._keep_rule(details)
            rule = self._definitions.rule_of.get(contract.con_id)
        if rule is None:
            raise MarketDataMissing(
                f"the broker names no market rule for contract {contract.con_id} on {SMART}; "
                "without its price grid it can not be traded"
            )
        if rule not in self._definitions.rules:
            self._definitions.rules[rule] = await self._ask_rule(rule)
            self._definitions.save()
        return self._definitions.rules[rule]

    # Questions

    async def _details(self, query: Contract, what: str) -> list[ContractDetails]:
        """Ask for contract details; no definition is an empty answer."""
        try:
            rows = await self._link.ask(
                f"contract details of {what}",
                lambda number: self._link.client.reqContractDetails(number, query),
                seconds=self._deadlines.contract_seconds,
            )
        except BrokerRefused as error:
            if error.code == NO_DEFINITION:
                return []
            raise
        return cast("list[ContractDetails]", rows)

    async def _ask_listings(self, underlying: Underlying) -> tuple[OptionListing, ...]:
        kind = "IND" if underlying.kind is UnderlyingKind.INDEX else "STK"
        rows = await self._link.ask(
            f"option lists of {underlying.symbol}",
            lambda number: self._link.client.reqSecDefOptParams(
                number, underlying.symbol, "", kind, underlying.con_id
            ),
            seconds=self._deadlines.contract_seconds,
        )
        found = read_listings(underlying.symbol, cast("list[OptionChain]", rows))
        if not found:
            raise MarketDataMissing(
                f"{underlying.symbol} has no standard options at the broker (classes found: "
                f"{sorted({row.tradingClass for row in cast('list[OptionChain]', rows)})})"
            )
        return found

    async def _ask_strike(
        self, underlying: Underlying, expiry: date, strike: Decimal
    ) -> tuple[OptionContract, ...]:
        query = options_query(underlying, expiry, to_float(strike))
        found = await self._details(query, f"{underlying.symbol} {expiry} {strike}")
        return self._standard(underlying, expiry, strike, found)

    async def _ask_expiry(
        self, underlying: Underlying, expiry: date, strikes: Sequence[Decimal]
    ) -> dict[Decimal, tuple[OptionContract, ...]]:
        """Ask for every strike of an expiry; what the broker does not name does not exist."""
        query = options_query(underlying, expiry, EVERY_STRIKE)
        found: dict[Decimal | None, list[ContractDetails]] = defaultdict(list)
        for row in await self._details(query, f"{underlying.symbol} {expiry}"):
            found[sentinels.strike(contract_of(row).strike)].append(row)
        return {s: self._standard(underlying, expiry, s, found.get(s, [])) for s in strikes}

    def _standard(
        self,
        underlying: Underlying,
        expiry: date,
        strike: Decimal,
        found: Sequence[ContractDetails],
    ) -> tuple[OptionContract, ...]:
        """Keep the call and the put of one strike that deliver the standard number of shares."""
        standard = [row for row in found if _is_standard(underlying.symbol, contract_of(row))]
        if found and not standard:
            raise BrokerRefused(
                f"{underlying.symbol} {expiry} {strike} exists only as adjusted option "
                f"{sorted({contract_of(row).tradingClass for row in found})}; dispersa trades "
                "standard deliverables only: choose another strike, expiry or name"
            )
        for row in standard:
            self._keep_rule(row)
        return one_per_right([read_option(row, underlying) for row in standard])

    async def _ask_rule(self, rule: int) -> PriceIncrements:
        rows = await self._link.ask_shared(
            f"market rule {rule}",
            lambda: self._link.client.reqMarketRule(rule),
            seconds=self._deadlines.request_seconds,
        )
        return read_rule(cast("list[PriceIncrement]", rows))

    def _keep_rule(self, details: ContractDetails) -> None:
        exchanges = details.validExchanges.split(",")
        rules = details.marketRuleIds.split(",")
        pairs = dict(zip(exchanges, rules, strict=False))
        contract = contract_of(details)
        rule = pairs.get(SMART) or pairs.get(contract.exchange, "")
        if rule.strip().isdigit():
            self._definitions.rule_of[ConId(contract.conId)] = int(rule)


def _is_standard(symbol: str, contract: Contract) -> bool:
    return is_standard_class(symbol, contract.tradingClass, contract.multiplier)


def one_per_right(options: Sequence[OptionContract]) -> tuple[OptionContract, ...]:
    """Keep one call and one put: of several classes the one that settles at the close.

    Raises
    ------
    BrokerRefused
        Several contracts fit all the same.
    """
    by_right: dict[str, list[OptionContract]] = defaultdict(list)
    for option in options:
        by_right[option.right].append(option)
    return tuple(_only(rows) for rows in by_right.values())


def _only(rows: list[OptionContract]) -> OptionContract:
    closing = [row for row in rows if row.settlement is not Settlement.CASH_AM] or rows
    if len({row.con_id for row in closing}) != 1:
        raise BrokerRefused(
            f"{closing[0].label} is ambiguous: contracts {sorted(row.con_id for row in closing)}"
        )
    return closing[0]


def read_listings(symbol: Symbol, rows: Iterable[OptionChain]) -> tuple[OptionListing, ...]:
    """Merge the exchanges of each standard class; adjusted classes are left out."""
    expiries: dict[str, set[date]] = defaultdict(set)
    strikes: dict[str, set[Decimal]] = defaultdict(set)
    for row in rows:
        if is_standard_class(symbol, row.tradingClass, row.multiplier):
            expiries[row.tradingClass] |= {day_from(text) for text in row.expirations}
            found = (sentinels.strike(value) for value in row.strikes)
            strikes[row.tradingClass] |= {strike for strike in found if strike is not None}
    return tuple(
        OptionListing(
            symbol=symbol,
            trading_class=trading_class,
            multiplier=STANDARD_MULTIPLIER,
            expiries=tuple(sorted(expiries[trading_class])),
            strikes=tuple(sorted(strikes[trading_class])),
        )
        for trading_class in sorted(expiries)
    )


def read_rule(rows: Sequence[PriceIncrement]) -> PriceIncrements:
    """Read a market rule."""
    pairs = [(sentinels.price(row.lowEdge), sentinels.price(row.increment)) for row in rows]
    steps = tuple((edge, step) for edge, step in pairs if edge is not None and step is not None)
    if not steps or len(steps) != len(rows):
        raise MarketDataMissing(f"market rule {list(rows)} can not be read; expected edge and step")
    return PriceIncrements(steps=steps)
