"""Does the facade keep the roadmap's promises against the gateway over TCP?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from dispersa import TradeLeg, Trader
from dispersa.api import self_tested
from dispersa.errors import BrokerRefused, Denied, InvalidInput
from dispersa.gateway.server import serve
from dispersa.gateway.settings import GatewaySettings, Rules
from dispersa.market import Right, Side
from dispersa.orders import OrderOutcome, OrderRef, OrderState
from dispersa.reports.findings import Standing
from dispersa.runtime.config.settings import Settings


@asynccontextmanager
async def trading(
    tmp_path: Path, *, read_only: bool = False, **changes: object
) -> AsyncIterator[Trader]:
    """A facade connected to a gateway of three names, in real time."""
    gateway_settings = GatewaySettings(port=0, seed=5, names=3, **changes)  # type: ignore[arg-type]  # keyword passthrough
    async with await serve(gateway_settings) as gateway:
        settings = Settings.model_validate(
            {
                "profile": "sim",
                "broker": {"host": gateway.host, "port": gateway.port, "read_only": read_only},
                "universe": {"names": 3},
                "journal": {"path": str(tmp_path / "journal.sqlite3")},
            }
        )
        async with Trader(settings=settings) as trader:
            yield trader


async def bought_at_the_offer(trader: Trader) -> OrderRef:
    """Buy one straddle at the offer; the gate denies a limit that the offer has just left."""
    while True:
        found = await trader.get_atm_straddle_contract("AAPL", 30)
        assert found.quote.ask is not None
        legs = [TradeLeg(leg, Side.BUY, 1) for leg in found.straddle.legs]
        try:
            return await trader.submit_combo_order(legs, limit_price=found.quote.ask)
        except Denied as denial:
            if "far side" not in str(denial):
                raise


async def test_one_straddle_from_chain_to_position(tmp_path: Path) -> None:
    """The roadmap's integration list in one run: chain, Greeks, combo, monitor, position."""
    async with trading(tmp_path) as trader:
        found = await trader.get_atm_straddle_contract("AAPL", 30)
        assert 21 <= found.actual_dte <= 45
        assert abs(float(found.straddle.strike) - found.forward) < 5
        assert found.broker_vega == pytest.approx(found.vega, rel=0.02)

        chain = await trader.get_option_chain("AAPL", found.straddle.expiry)
        row = chain.at_strike(found.straddle.strike, Right.CALL)
        assert row is not None
        assert row.contract == found.call_contract
        greeks = await trader.get_option_greeks(found.call_contract)
        assert 0.3 < greeks.delta < 0.7
        assert found.quote.ask is not None
        assert greeks.vega * 2 == pytest.approx(found.vega, rel=0.05)

        order = await bought_at_the_offer(trader)
        assert await trader.monitor_order_status(order, timeout=60) is OrderOutcome.FILLED

        positions = await trader.get_active_positions()
        held = {row.con_id: row.quantity for row in positions}
        assert held == {leg.con_id: Decimal(1) for leg in found.straddle.legs}
        assert {row.trade for row in positions} == {"single orders"}
        assert {row.leg.source.value for row in positions if row.leg} == {"own_vol"}
        view = await trader.get_current_exposure()
        exposure = view.exposure
        assert list(view.by_trade) == ["single orders"]
        assert view.stress is None
        assert "2 or more of its names" in view.stress_missing
        assert exposure.gross is not None
        assert exposure.book.greeks.vega_usd == pytest.approx(found.vega * 100, rel=0.05)
        assert float(exposure.book.premium) == pytest.approx(float(found.quote.ask) * 100, rel=0.1)
        assert found.call_contract.days_to_expiry(chain.at.date()) == found.actual_dte


async def test_a_sold_straddle_far_from_the_market_rests_times_out_and_cancels(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as trader:
        found = await trader.get_atm_straddle_contract("QQQ", 30)
        assert found.quote.mid is not None
        high = (found.quote.mid * Decimal("1.03")).quantize(Decimal("0.01"))
        legs = [TradeLeg(leg, Side.SELL, 2) for leg in found.straddle.legs]
        order = await trader.submit_combo_order(legs, limit_price=high)
        assert await trader.monitor_order_status(order, timeout=2) is OrderOutcome.TIMEOUT
        assert trader.state.orders[order].state is OrderState.WORKING
        await trader.cancel_order(order, reason="drill")
        assert await trader.monitor_order_status(order, timeout=10) is OrderOutcome.CANCELLED
        assert await trader.get_active_positions() == ()


async def test_a_price_far_from_fair_value_is_denied_and_nothing_is_sent(tmp_path: Path) -> None:
    async with trading(tmp_path) as trader:
        found = await trader.get_atm_straddle_contract("QQQ", 30)
        legs = [TradeLeg(leg, Side.BUY, 1) for leg in found.straddle.legs]
        with pytest.raises(Denied, match="limit price"):
            await trader.submit_combo_order(legs, limit_price=float(found.quote.ask or 0) * 2)
        assert not trader.state.orders


async def test_an_account_below_the_minimum_is_denied(tmp_path: Path) -> None:
    async with trading(tmp_path, cash=Decimal(40_000)) as trader:
        found = await trader.get_atm_straddle_contract("QQQ", 30)
        legs = [TradeLeg(leg, Side.BUY, 1) for leg in found.straddle.legs]
        assert found.quote.mid is not None
        with pytest.raises(Denied, match="net liquidation"):
            await trader.submit_combo_order(legs, limit_price=round(found.quote.mid, 2))


async def test_unknown_symbols_and_orders_are_refused_in_words(tmp_path: Path) -> None:
    async with trading(tmp_path) as trader:
        with pytest.raises(InvalidInput, match="NOPE is not known"):
            await trader.get_atm_straddle_contract("NOPE", 30)
        with pytest.raises(InvalidInput, match="no order"):
            await trader.monitor_order_status("never-sent", timeout=1)  # type: ignore[arg-type]  # a wrong reference on purpose


async def test_a_facade_that_is_not_entered_says_so() -> None:
    trader = Trader(settings=Settings())
    with pytest.raises(InvalidInput, match="async with"):
        await trader.get_active_positions()


async def test_self_test_rests_far_away_and_is_cancelled(tmp_path: Path) -> None:
    async with trading(tmp_path) as trader:
        found = await trader.self_test("AAPL")
        assert found.standing is Standing.OK, found
        (order,) = trader.state.orders.values()
        assert order.state is OrderState.CANCELLED
        assert order.filled == 0
        assert trader.state.order_id_high_water > 0


async def test_self_test_that_our_gate_denies_is_untested_not_failed(tmp_path: Path) -> None:
    async with trading(tmp_path, cash=Decimal(40_000)) as trader:
        found = await trader.self_test("AAPL")
        assert found.standing is Standing.UNTESTED
        assert "net liquidation" in found.found


async def test_self_test_is_wanted_in_paper_and_never_live() -> None:
    assert await self_tested(Settings()) is None
    paper = {"profile": "paper", "broker": {"self_test": False}}
    assert await self_tested(Settings.model_validate(paper)) is None
    live = Settings.model_validate(
        {"profile": "live", "live": {"enabled": True, "account": "U1234567"}}
    )
    with pytest.raises(InvalidInput, match="live"):
        await Trader(settings=live).self_test("AAPL")


async def test_gateway_in_read_only_mode_is_named_before_anything_is_traded(tmp_path: Path) -> None:
    with pytest.raises(BrokerRefused, match="321"):
        async with trading(tmp_path, rules=Rules(read_only_api=True)):
            pass


async def test_read_only_profile_reads_and_sends_nothing(tmp_path: Path) -> None:
    async with trading(tmp_path, read_only=True) as trader:
        order = await bought_at_the_offer(trader)
        outcome = await trader.monitor_order_status(order, timeout=1)
        assert outcome is OrderOutcome.REJECTED
        assert "read-only" in trader.state.orders[order].message
        assert await trader.get_active_positions() == ()
