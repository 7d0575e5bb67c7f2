"""How does a program use dispersa? The async facade with the roadmap's method names.

    async with Trader() as trader:
        straddle = await trader.get_atm_straddle_contract("QQQ", 30)
        order = await trader.submit_combo_order(
            [TradeLeg(leg, Side.BUY, 1) for leg in straddle.straddle.legs],
            limit_price=straddle.quote.mid,
        )
        print(await trader.monitor_order_status(order, timeout=30))

Every order goes through the desk, so the gate can not be passed by.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from dispersa.desk import events as ev
from dispersa.desk.decide_single import reference
from dispersa.desk.state import DeskState
from dispersa.errors import Denied, InvalidInput, MarketDataMissing
from dispersa.execution.outcome import ProgramOutcome, outcome_of
from dispersa.execution.plan import TradePlan
from dispersa.market import (
    AtmStraddle,
    Greeks,
    OptionChain,
    OptionContract,
    Side,
    Symbol,
)
from dispersa.orders import (
    BrokerSnapshot,
    OrderOutcome,
    OrderRef,
    Purpose,
    outcome_of_order,
)
from dispersa.reports.exposure_views import BookView
from dispersa.reports.findings import Finding
from dispersa.risk import GateVerdict
from dispersa.runtime.book_reading import (
    ActivePosition,
    active_positions,
    book_inputs,
    read_book,
)
from dispersa.runtime.chain_reading import (
    read_atm_straddle,
    read_chain,
    read_contracts,
)
from dispersa.runtime.config import load_config
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.desk_loop import DeskLoop, Observer, Operator
from dispersa.runtime.live import open_desk
from dispersa.runtime.paper_test import require_not_live
from dispersa.runtime.reachable import Reach
from dispersa.runtime.replay import start_state
from dispersa.runtime.self_test import self_test
from dispersa.runtime.single_orders import TradeLeg, combo_request
from dispersa.runtime.trade_session import TradeSetup, open_books, run_trade

__all__ = ["TradeLeg", "Trader"]

POLL_SECONDS = 0.05


class Trader:
    """One connected desk: read chains, trade straddles, watch positions.

    Parameters
    ----------
    config
        Configuration file; None looks where the command line looks.
    settings
        Settings already validated, in place of a file.
    """

    def __init__(self, config: Path | None = None, *, settings: Settings | None = None) -> None:
        self._settings = settings or load_config(config).settings
        self._is_untested = self._settings.profile == "paper" and self._settings.broker.self_test
        self._stack = AsyncExitStack()
        self._setup: TradeSetup | None = None
        self._desk: DeskLoop | None = None
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Connect, replay the journal, and read the broker's books before anything else."""
        await self._stack.__aenter__()
        try:
            setup = await self._stack.enter_async_context(open_desk(self._settings, _Nobody()))
            desk = DeskLoop(
                rules=setup.rules,
                journal=setup.journal,
                broker=setup.connection.orders,
                clock=setup.clock,
                workers=setup.workers,
                operator=setup.operator,
            )
            desk.state = start_state(setup.journal).state
            reach = Reach(desk, setup.journal)
            await open_books(setup, desk)
        except BaseException:
            await self._stack.aclose()
            raise
        self._setup, self._desk = setup, desk
        self._running = asyncio.create_task(
            desk.run_until(lambda _: False, timeout=None, beside=reach.work(signals=False))
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the desk; orders that work stay at the broker and are named in the journal."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
        await self._stack.aclose()

    async def get_option_chain(self, symbol: str, expiration: date) -> OptionChain:
        """Read the option chain of one expiry: contracts, quotes, model Greeks.

        Raises `MarketDataMissing` where symbol or expiry is not listed.
        """
        feed, clock = self._session.connection.feed, self._session.clock.live
        keep = self._session.workers.keep
        return await read_chain(feed, Symbol(symbol), expiration, clock=clock, keep=keep)

    async def get_atm_straddle_contract(self, symbol: str, target_dte: int) -> AtmStraddle:
        """Find the straddle nearest to `target_dte` days with the strike closest to the forward."""
        feed, clock = self._session.connection.feed, self._session.clock.live
        rate = self._settings.planning.rate
        keep = self._session.workers.keep
        return await read_atm_straddle(
            feed, Symbol(symbol), target_dte, rate=rate, clock=clock, keep=keep
        )

    async def get_option_greeks(self, contract: OptionContract) -> Greeks:
        """Return the broker's model Greeks of one option, per share (vega per vol point).

        The roadmap names generic tick 106 for this; that is the underlying's 30-day implied vol.
        Greeks come by default with the option's own ticks 10 to 13.

        Raises `MarketDataMissing` where the broker sends none in time; nothing is invented.
        """
        read = await read_contracts(self._session.connection.feed, [contract])
        greeks = read.greeks.get(contract.con_id)
        if greeks is None:
            raise MarketDataMissing(
                f"the broker sent no model Greeks for {contract.label} in time; they need quotes "
                "and data permissions for the option and its underlying"
            )
        return greeks

    async def submit_combo_order(
        self,
        legs: Sequence[TradeLeg],
        limit_price: Decimal | float,
        *,
        purpose: Purpose = Purpose.OPEN,
    ) -> OrderRef:
        """Send one combo at a net limit per share, through the gate, and return its reference.

        `limit_price` is the net of buying the bought legs and selling the sold ones: a debit is
        positive. A combo of sold legs only is sold for that price.

        Raises `Denied` with the gate's sentence where it says no. On a paper account the first
        order of a session is preceded by the self-test, unless `broker.self_test` is false.
        """
        if self._is_untested:
            await self.self_test(legs[0].contract.symbol)
        return await self._submit(legs, limit_price, purpose)

    async def self_test(self, symbol: str) -> Finding:
        """Place one order far below the market through the gate, see it work, and cancel it.

        Never live. Raises `BrokerRefused` or `Unresolved` where it does not work out.
        """
        require_not_live(self._settings)
        self._is_untested = False

        async def buy(found: AtmStraddle, limit: Decimal) -> OrderRef:
            legs = [TradeLeg(leg, Side.BUY, 1) for leg in found.straddle.legs]
            return await self._submit(legs, limit, Purpose.OPEN)

        return await self_test(self, buy, symbol)

    async def _submit(
        self, legs: Sequence[TradeLeg], limit_price: Decimal | float, purpose: Purpose
    ) -> OrderRef:
        connection = self._session.connection
        request = await combo_request(
            (connection.feed, connection.orders),
            legs,
            Decimal(str(limit_price)),
            purpose=purpose,
            by="api",
        )
        ref = reference(self._session.rules, request.request)
        self._loop.post(request)
        while ref not in self._loop.state.orders and ref not in self._loop.state.denied:
            self._require_running()
            await asyncio.sleep(POLL_SECONDS)
        if ref in self._loop.state.denied:
            raise Denied(self._loop.state.denied[ref])
        return ref

    async def monitor_order_status(self, order_id: OrderRef, timeout: float = 30) -> OrderOutcome:
        """Wait for one order for `timeout` seconds; TIMEOUT never means cancelled."""
        deadline = asyncio.get_running_loop().time() + timeout
        if order_id not in self._loop.state.orders:
            raise InvalidInput(f"no order {order_id} is known here; pass what submitting returned")
        while True:
            self._require_running()
            waited = asyncio.get_running_loop().time() >= deadline
            outcome = outcome_of_order(self._loop.state.orders[order_id], waited=waited)
            if outcome is not None:
                return outcome
            await asyncio.sleep(POLL_SECONDS)

    async def cancel_order(self, order_id: OrderRef, *, reason: str) -> None:
        """Ask for the cancel of one order; `monitor_order_status` tells what became of it."""
        self._loop.post(ev.CancelRequested(ref=order_id, reason=reason))
        await asyncio.sleep(0)

    async def get_active_positions(self) -> tuple[ActivePosition, ...]:
        """Read the account's positions by trade, each with its mark, its source and age.

        `dispersa.reports.exposure_views.export` writes the same rows as CSV or Parquet.
        """
        snapshot, view = await self._book()
        return active_positions(self._loop.state, snapshot, view)

    async def get_current_exposure(self) -> BookView:
        """Value the book: premium, margin, notional, Greeks by leg, straddle, trade, name and book.

        With the stress over spot, vol and correlation, or why there is none.
        """
        _, view = await self._book()
        return view

    async def _book(self) -> tuple[BrokerSnapshot, BookView]:
        feed, clock = self._session.connection.feed, self._session.clock.live
        snapshot = await self._session.connection.orders.snapshot()
        inputs = book_inputs(self._settings, feed, clock)
        return snapshot, await read_book(inputs, self._loop.state, snapshot)

    @property
    def state(self) -> DeskState:
        """The desk's state as of its last event."""
        return self._loop.state

    @property
    def _session(self) -> TradeSetup:
        if self._setup is None:
            raise InvalidInput("this Trader is not connected; use `async with Trader() as trader`")
        return self._setup

    @property
    def _loop(self) -> DeskLoop:
        if self._desk is None:
            raise InvalidInput("this Trader is not connected; use `async with Trader() as trader`")
        return self._desk

    def _require_running(self) -> None:
        """Raise what stopped the desk, if it has stopped."""
        if self._running is not None and self._running.done():
            self._running.result()


async def self_tested(settings: Settings) -> Finding | None:
    """Carry out the self-test of a paper session on the index, None where none is wanted."""
    if settings.profile != "paper" or not settings.broker.self_test:
        return None
    async with Trader(settings=settings) as trader:
        return await trader.self_test(settings.universe.index)


async def execute_trade(
    settings: Settings, operator: Operator, *, observers: Sequence[Observer] = ()
) -> tuple[DeskState, ProgramOutcome | None]:
    """Carry out today's trade: self-test, signal, plan, gate, the operator's word, program."""
    await self_tested(settings)
    async with open_desk(settings, operator) as setup:
        state = await run_trade(setup, edge_waiver=None, observers=observers)
    if state.program is None:
        return state, None
    return state, outcome_of(state.program, state.orders, state.book, state.messages_sent)


class _Nobody:
    """The facade asks nobody: it never proposes a plan by itself."""

    name = "api"

    async def confirm(self, plan: TradePlan, verdict: GateVerdict) -> str:
        """Refuse: there is no person behind this door."""
        raise Denied(
            f"plan {plan.plan_hash} ({len(verdict.checks)} checks passed) waits for a person; the "
            "facade has none: use `dispersa trade`"
        )
