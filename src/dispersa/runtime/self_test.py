"""Can this paper session place and cancel an order at all? One order far away, through the gate.

It finds what a preview can not: order precautions that hold API orders back, presets that change
them, a cancel that is not answered.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Protocol

from dispersa.desk.state import DeskState
from dispersa.errors import BrokerRefused, Denied, MarketDataMissing, Unresolved
from dispersa.market import AtmStraddle
from dispersa.orders import OrderOutcome, OrderRef, OrderState
from dispersa.reports.findings import Finding, Standing

CHECK = "self-test"
TENOR_DAYS = 30
FAR_SHARE = Decimal("0.96")
"""Of the mid: far below the bid of a liquid straddle, inside the gate's collar of 5 %."""
WORKS_SECONDS, CANCEL_SECONDS, LOOKS = 10.0, 20.0, 50
MEND = (
    "switch on 'Bypass Order Precautions for API Orders' (Global Configuration, API, Precautions), "
    "look at the order in TWS, then run again"
)


class TestedTrader(Protocol):
    """What the test asks of `dispersa.Trader`."""

    @property
    def state(self) -> DeskState:
        """The desk's state as of its last event."""
        ...

    async def get_atm_straddle_contract(self, symbol: str, target_dte: int) -> AtmStraddle:
        """Find the straddle to place the order on."""
        ...

    async def monitor_order_status(self, order_id: OrderRef, timeout: float = 30) -> OrderOutcome:
        """Wait for an order."""
        ...

    async def cancel_order(self, order_id: OrderRef, *, reason: str) -> None:
        """Ask for a cancel."""
        ...


Buy = Callable[[AtmStraddle, Decimal], Awaitable[OrderRef]]
"""Sends an order for one straddle at a limit through the gate; raises `Denied`."""


async def self_test(trader: TestedTrader, buy: Buy, symbol: str) -> Finding:
    """Place one order for a straddle of `symbol` far below the market and cancel it.

    A denial by our own gate is no failure of the broker's side: the test is then left out.

    Raises
    ------
    BrokerRefused
        The broker refused the order, or did not confirm that it works.
    Unresolved
        The cancel was not confirmed, or the order filled.
    """
    found = await trader.get_atm_straddle_contract(symbol, TENOR_DAYS)
    if found.quote.mid is None:
        raise MarketDataMissing(f"the {symbol} straddle is not quoted; no self-test is possible")
    limit = (found.quote.mid * FAR_SHARE).quantize(Decimal("0.05"))
    try:
        ref = await buy(found, limit)
    except Denied as denial:
        return Finding(
            check=CHECK,
            standing=Standing.UNTESTED,
            found=f"our own gate denied the order: {denial}",
            mend="nothing, if you know the reason: the same gate stands before every trade",
        )
    works, waited = False, OrderOutcome.TIMEOUT
    for _ in range(LOOKS):
        waited = await trader.monitor_order_status(ref, timeout=WORKS_SECONDS / LOOKS)
        works = trader.state.orders[ref].state is OrderState.WORKING
        if works or waited is not OrderOutcome.TIMEOUT:
            break
    if not trader.state.orders[ref].state.is_terminal:
        await trader.cancel_order(ref, reason="the self-test is over")
        waited = await trader.monitor_order_status(ref, timeout=CANCEL_SECONDS)
    if waited is OrderOutcome.REJECTED or not works:
        raise BrokerRefused(
            f"the self-test order {ref} did not work at the broker ({waited}: "
            f"{trader.state.orders[ref].message or 'no word of the broker'}); expected it to rest "
            f"at {limit}. {MEND}"
        )
    if waited is not OrderOutcome.CANCELLED:
        raise Unresolved(
            f"the self-test order {ref} ended as {waited}; expected a confirmed cancel. {MEND}"
        )
    return Finding(
        check=CHECK,
        standing=Standing.OK,
        found=f"1 straddle of {symbol} rested at {limit} (mid {found.quote.mid}), cancel confirmed",
    )
