"""Does the whole way work, from the chain to a position of one contract? The roadmap's six lines.

The facade stands above this room, so it comes in by its protocol.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol

from dispersa.desk.state import DeskState
from dispersa.errors import Denied, DispersaError, InvalidInput, MarketDataMissing, Unresolved
from dispersa.market import AtmStraddle, Greeks, OptionChain, OptionContract
from dispersa.orders import OrderOutcome, OrderRef
from dispersa.reports.findings import Finding, Standing
from dispersa.runtime.book_reading import ActivePosition
from dispersa.runtime.config.settings import Settings

TENOR_DAYS = 30
CONNECT_SECONDS = 15.0
FILL_SECONDS, CANCEL_SECONDS, POSITION_SECONDS = 60.0, 15.0, 15.0
POLL_SECONDS = 0.5
OFFERS_TRIED_MAX = 20
"""Quotes tried in a row: the gate denies a limit that the offer has just left."""

CHECKS = {
    "connect": "start IB Gateway (or `dispersa gateway`); compare [broker] with its API settings",
    "option chain": "see that the name has listed options and that data permissions cover them",
    "Greeks": "see that options and underlying are quoted live; run this in market hours",
    "combo order": "mend what the sentence names and run again; a denied order was not sent",
    "monitor": "look at `dispersa orders` and at the broker's own screen before running again",
    "position": "run `dispersa reconcile`, compare with the broker's own screen",
}
"""The six lines in order, each with its mend."""


class PaperTrader(Protocol):
    """What the test asks of `dispersa.Trader`."""

    @property
    def state(self) -> DeskState:
        """The desk's state as of its last event."""
        ...

    async def get_option_chain(self, symbol: str, expiration: date) -> OptionChain:
        """Read the chain of one expiry."""
        ...

    async def get_atm_straddle_contract(self, symbol: str, target_dte: int) -> AtmStraddle:
        """Find the straddle to buy."""
        ...

    async def get_option_greeks(self, contract: OptionContract) -> Greeks:
        """Read the broker's model Greeks."""
        ...

    async def monitor_order_status(self, order_id: OrderRef, timeout: float = 30) -> OrderOutcome:
        """Wait for an order."""
        ...

    async def cancel_order(self, order_id: OrderRef, *, reason: str) -> None:
        """Ask for a cancel."""
        ...

    async def get_active_positions(self) -> tuple[ActivePosition, ...]:
        """Read the account's open positions."""
        ...


Buy = Callable[[AtmStraddle, Decimal], Awaitable[OrderRef]]
"""Buys one straddle at a limit through the gate; raises `Denied`."""


def require_not_live(settings: Settings) -> None:
    """Refuse the profile that trades real money: this test buys a straddle."""
    if settings.profile == "live":
        raise InvalidInput(
            "profile is 'live' and this test buys one straddle; expected 'sim' or 'paper': name a "
            "configuration of such a profile with --config"
        )


def not_connected(error: DispersaError) -> tuple[Finding, ...]:
    """Return the findings of a test that ended before it began."""
    return _with_untried((_failed("connect", str(error)),))


async def paper_test(trader: PaperTrader, buy: Buy, symbol: str) -> tuple[Finding, ...]:
    """Walk the six lines on a connected trader; the first failure ends the test.

    The straddle that was bought stays in the account; an order that does not fill is cancelled.
    """
    test = _Walk(trader, buy, symbol)
    steps = (test.connected, test.chain, test.greeks, test.submit, test.monitor, test.position)
    findings: list[Finding] = []
    for check, step in zip(CHECKS, steps, strict=True):
        try:
            found = await step()
        except DispersaError as error:
            return _with_untried((*findings, _failed(check, str(error))))
        findings.append(Finding(check=check, standing=Standing.OK, found=found))
    return tuple(findings)


def _failed(check: str, found: str) -> Finding:
    return Finding(check=check, standing=Standing.FAILED, found=found, mend=CHECKS[check])


def _with_untried(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Add the lines after a failure, which were not tried and so did not pass."""
    broken = findings[-1].check
    untried = [
        Finding(
            check=check,
            standing=Standing.FAILED,
            found=f"not tried, because {broken} failed",
            mend=f"mend {broken} first",
        )
        for check in list(CHECKS)[len(findings) :]
    ]
    return (*findings, *untried)


class _Walk:
    """The test on its way: what one line found and a later one needs."""

    def __init__(self, trader: PaperTrader, buy: Buy, symbol: str) -> None:
        self._trader = trader
        self._buy = buy
        self._symbol = symbol
        self._found: AtmStraddle | None = None
        self._order: OrderRef | None = None
        self._before: dict[int, Decimal] = {}

    async def connected(self) -> str:
        """Wait until the desk has taken in what the broker's books say."""
        deadline = asyncio.get_running_loop().time() + CONNECT_SECONDS
        while (account := self._trader.state.account) is None or account.net_liquidation is None:
            if asyncio.get_running_loop().time() >= deadline:
                raise MarketDataMissing(
                    f"the broker reported no net liquidation in {CONNECT_SECONDS:.0f} s"
                )
            await asyncio.sleep(POLL_SECONDS)
        if not account.is_paper:
            raise Denied("the account is a live one; expected a simulated or paper account")
        worth = f"{account.net_liquidation:,.2f} {account.currency}"
        return f"profile {self._trader.state.profile}, paper account worth {worth}"

    async def chain(self) -> str:
        self._found = await self._trader.get_atm_straddle_contract(self._symbol, TENOR_DAYS)
        expiry = self._found.straddle.expiry
        chain = await self._trader.get_option_chain(self._symbol, expiry)
        quoted = sum(row.quote is not None for row in chain.rows)
        if not quoted:
            raise MarketDataMissing(f"none of {len(chain.rows)} options of {expiry} is quoted")
        return f"{quoted} of {len(chain.rows)} options of {expiry} quoted, spot {chain.spot}"

    async def greeks(self) -> str:
        straddle = self._straddle
        call = await self._trader.get_option_greeks(straddle.call_contract)
        put = await self._trader.get_option_greeks(straddle.put_contract)
        text = (
            f"strike {straddle.straddle.strike}: "
            f"call delta {call.delta:+.3f} vega {call.vega:.3f}, "
            f"put delta {put.delta:+.3f} vega {put.vega:.3f}"
        )
        if not (0 < call.delta < 1 and -1 < put.delta < 0 and call.vega > 0 and put.vega > 0):
            raise MarketDataMissing(f"{text}; expected a call and a put with positive vegas")
        return text

    async def submit(self) -> str:
        self._before = await self._held()
        for _ in range(OFFERS_TRIED_MAX):
            straddle = await self._trader.get_atm_straddle_contract(self._symbol, TENOR_DAYS)
            offer = straddle.quote.ask
            if offer is None:
                raise MarketDataMissing(f"the {self._symbol} straddle has no offer to buy at")
            try:
                self._order = await self._buy(straddle, offer)
            except Denied as denial:
                if "far side" not in str(denial):
                    raise
                continue
            self._found = straddle
            return f"1 straddle at the offer {offer}, order {self._order}"
        raise Denied(f"the offer moved away from each of {OFFERS_TRIED_MAX} limits before sending")

    async def monitor(self) -> str:
        outcome = await self._trader.monitor_order_status(self._sent, timeout=FILL_SECONDS)
        order = self._trader.state.orders[self._sent]
        if outcome is OrderOutcome.FILLED:
            return f"{outcome}, {order.filled} of {order.approved.intent.quantity} filled"
        what = f"{outcome} after {FILL_SECONDS:.0f} s: {order.message or 'no word of the broker'}"
        if not order.state.is_terminal:
            await self._trader.cancel_order(self._sent, reason="paper-test did not fill")
            end = await self._trader.monitor_order_status(self._sent, timeout=CANCEL_SECONDS)
            what += f"; asked for the cancel, which left it {end}"
        raise Unresolved(f"order {self._sent} did not fill: {what}")

    async def position(self) -> str:
        """Expect one more of both legs; the broker's books may lag behind the fill."""
        legs = self._straddle.straddle.legs
        expected = {leg.con_id: self._before.get(leg.con_id, Decimal(0)) + 1 for leg in legs}
        deadline = asyncio.get_running_loop().time() + POSITION_SECONDS
        while True:
            held = await self._held()
            text = ", ".join(f"{leg.label} {held.get(leg.con_id, 0)}" for leg in legs)
            if all(held.get(con_id) == quantity for con_id, quantity in expected.items()):
                return text
            if asyncio.get_running_loop().time() >= deadline:
                wanted = ", ".join(f"{leg.label} {expected[leg.con_id]}" for leg in legs)
                raise Unresolved(f"the broker shows {text}; expected {wanted}")
            await asyncio.sleep(POLL_SECONDS)

    async def _held(self) -> dict[int, Decimal]:
        positions = await self._trader.get_active_positions()
        return {row.con_id: row.quantity for row in positions}

    @property
    def _straddle(self) -> AtmStraddle:
        if self._found is None:
            raise InvalidInput("no straddle was found yet; walk the lines in their order")
        return self._found

    @property
    def _sent(self) -> OrderRef:
        if self._order is None:
            raise InvalidInput("no order was sent yet; walk the lines in their order")
        return self._order
