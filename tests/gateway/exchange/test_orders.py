"""Orders from acceptance to their end."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from dispersa.gateway import events
from dispersa.gateway.model import BAG_CON_ID, Order, OrderState, Refusal
from tests.gateway.exchange.bench import Bench


def test_marketable_straddle_fills_as_one_bag_line_and_one_line_per_leg(bench: Bench) -> None:
    straddle = bench.straddle("AAPL", 270.0)
    _, ask = bench.quote(straddle)
    order_id = bench.place(straddle, "BUY", 2, limit_price=ask, order_ref="ours-1")
    bench.run(3.0)

    assert bench.status(order_id) == "Filled"
    lines = bench.of(events.Execution)
    bags = [line for line in lines if line.contract.con_id == BAG_CON_ID]
    legs = [line for line in lines if line.contract.con_id != BAG_CON_ID]
    assert sum(line.shares for line in bags) == 2
    assert len(legs) == 2 * len(bags)
    for bag in bags:
        base = bag.exec_id.removesuffix(".01.01")
        own = [line for line in legs if line.exec_id.startswith(base)]
        assert sorted(line.exec_id for line in own) == [f"{base}.02.01", f"{base}.03.01"]
        assert sum(line.price for line in own) == pytest.approx(bag.price, abs=1e-9)
        assert bag.contract.combo_legs == ()
    assert all(line.order_ref == "ours-1" and line.side == "BOT" for line in lines)
    assert {c.exec_id for c in bench.of(events.CommissionReport)} == {x.exec_id for x in legs}


def test_fill_is_reported_in_the_recorded_order_of_events(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C")
    bench.place(call, "BUY", 1)
    bench.run(1.0)
    kinds = [type(event).__name__ for event in bench.events]
    assert kinds == [
        "OpenOrder", "OrderStatus", "Execution", "OpenOrder", "OrderStatus", "OpenOrder",
        "CommissionReport", "Position", "AccountChanged",
    ]  # fmt: skip
    statuses = [event.status for event in bench.of(events.OrderStatus)]
    assert statuses == ["PreSubmitted", "Filled"]


def test_selling_a_straddle_leaves_two_short_legs_and_cash_less_fees(bench: Bench) -> None:
    straddle = bench.straddle("QQQ", 598.0)
    bid, _ = bench.quote(straddle)
    before = bench.venue.truth.cash
    bench.place(straddle, "SELL", 1, limit_price=bid)
    bench.run(3.0)
    held = bench.venue.positions()
    assert sorted(p.quantity for p in held) == [-1, -1]
    (bag,) = (x for x in bench.of(events.Execution) if x.contract.con_id == BAG_CON_ID)
    assert bag.side == "SLD"
    fees = sum(Decimal(str(c.commission)) for c in bench.of(events.CommissionReport))
    assert fees == Decimal("2.00")
    assert bench.venue.truth.cash - before == Decimal(str(bag.price)) * 100 - fees


def test_order_behind_the_market_rests_until_cancelled(bench: Bench) -> None:
    straddle = bench.straddle("AAPL", 270.0)
    bid, _ = bench.quote(straddle)
    order_id = bench.place(straddle, "BUY", 1, limit_price=round(bid - 1.0, 2))
    bench.run(60.0)
    assert bench.status(order_id) == "Submitted"
    bench.venue.cancel(1, order_id)
    assert bench.status(order_id) == "Cancelled"
    assert bench.errors() == [(order_id, 202)]
    (done,) = bench.venue.completed_orders()
    assert done.completed_status == "Cancelled by Trader"
    assert not bench.venue.open_orders()


def test_amended_limit_moves_the_same_order_to_the_market(bench: Bench) -> None:
    straddle = bench.straddle("AAPL", 270.0)
    bid, ask = bench.quote(straddle)
    order_id = bench.place(straddle, "BUY", 1, limit_price=round(bid - 1.0, 2))
    bench.run(1.0)
    bench.place(straddle, "BUY", 1, limit_price=round(ask + 0.05, 2), order_id=order_id)
    bench.run(1.0)
    assert bench.status(order_id) == "Filled"
    assert len({event.perm_id for event in bench.of(events.OpenOrder)}) == 1


def test_amendment_with_another_side_is_105_and_the_order_stays(bench: Bench) -> None:
    straddle = bench.straddle("AAPL", 270.0)
    bid, _ = bench.quote(straddle)
    order_id = bench.place(straddle, "BUY", 1, limit_price=round(bid - 1.0, 2))
    bench.place(straddle, "SELL", 1, limit_price=99.0, order_id=order_id)
    assert bench.errors() == [(order_id, 105)]
    ((open_order, _),) = bench.venue.open_orders()
    assert open_order.order.action == "BUY"


def test_ids_of_done_orders_are_refused(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C")
    filled = bench.place(call, "BUY", 1)
    bench.run(0.5)
    bench.place(call, "BUY", 1, order_id=filled)
    cancelled = bench.place(call, "BUY", 1, limit_price=0.01)
    bench.venue.cancel(1, cancelled)
    bench.place(call, "BUY", 1, order_id=cancelled)
    bench.venue.cancel(1, filled)
    bench.venue.cancel(1, 999)
    assert bench.errors() == [
        (filled, 104), (cancelled, 202), (cancelled, 103), (filled, 10148), (999, 10147),
    ]  # fmt: skip


def test_cancel_of_a_done_order_names_its_state_by_code(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(cash=Decimal(20_000))
    call = bench.option("AAPL", 270.0, "C")
    filled = bench.place(call, "BUY", 1)
    bench.run(0.5)
    cancelled = bench.place(call, "BUY", 1, limit_price=0.01)
    bench.venue.cancel(1, cancelled)
    rejected = bench.place(bench.stock("AAPL"), "BUY", 100_000)
    assert [bench.status(i) for i in (filled, cancelled, rejected)] == [
        "Filled", "Cancelled", "Inactive",
    ]  # fmt: skip
    seen = len(bench.events)
    for order_id in (filled, cancelled, rejected):
        bench.venue.cancel(1, order_id)
    answers = bench.events[seen:]
    assert all(isinstance(answer, events.OrderError) for answer in answers)
    assert bench.errors()[-3:] == [(filled, 10148), (cancelled, 10148), (rejected, 161)]
    order = next(o for o in bench.venue.truth.orders if o.order_id == rejected)
    assert bench.of(events.OrderError)[-1].text.endswith(f"Order permId = {order.perm_id}")


def test_immediate_or_cancel_takes_what_is_there_and_ends(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C")
    ask = bench.quote(call)[1]
    order_id = bench.place(call, "BUY", 5_000, limit_price=round(ask + 0.1, 2), tif="IOC")
    bench.run(0.5)
    assert bench.status(order_id) == "Cancelled"
    (last,) = [s for s in bench.of(events.OrderStatus) if s.status == "Cancelled"]
    assert 0 < last.filled < 5_000
    assert last.filled + last.remaining == 5_000


def test_day_order_ends_at_the_close_and_good_till_cancelled_stays(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C")
    day = bench.place(call, "BUY", 1, limit_price=0.05)
    kept = bench.place(call, "BUY", 1, limit_price=0.05, tif="GTC")
    dated = bench.place(call, "BUY", 1, limit_price=0.05, tif="GTD",
                        good_till_date="20261120 11:00:00 US/Eastern")  # fmt: skip
    bench.jump(datetime(2026, 11, 20, 15, 59, 59, tzinfo=UTC))
    assert bench.status(dated) == "Submitted"
    bench.jump(datetime(2026, 11, 20, 16, 0, 1, tzinfo=UTC))
    assert bench.status(dated) == "Cancelled"
    bench.jump(datetime(2026, 11, 20, 21, 0, 1, tzinfo=UTC))
    assert (bench.status(day), bench.status(kept)) == ("Cancelled", "Submitted")


def test_order_after_hours_waits_for_the_opening_with_399(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(start=datetime(2026, 11, 21, 15, 0, tzinfo=UTC))
    call = bench.option("AAPL", 270.0, "C")
    order_id = bench.place(call, "BUY", 1, limit_price=50.0)
    assert bench.errors() == [(order_id, 399)]
    assert bench.status(order_id) == "PreSubmitted"
    assert "2026-11-23 09:30:00" in bench.of(events.OrderError)[0].text
    bench.jump(datetime(2026, 11, 23, 14, 30, 1, tzinfo=UTC))
    assert bench.status(order_id) == "Filled"


def test_account_too_small_is_rejected_with_201_and_inactive(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(cash=Decimal(5_000))
    straddle = bench.straddle("QQQ", 598.0)
    bid, _ = bench.quote(straddle)
    order_id = bench.place(straddle, "SELL", 1, limit_price=bid)
    assert bench.errors() == [(order_id, 201)]
    assert bench.status(order_id) == "Inactive"
    kinds = [type(event).__name__ for event in bench.events]
    assert kinds == ["OrderError", "OrderStatus"]


def test_closing_is_never_refused_for_margin(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(cash=Decimal(90_000))
    straddle = bench.straddle("QQQ", 598.0)
    bench.place(straddle, "SELL", 5)
    bench.run(2.0)
    assert len(bench.venue.positions()) == 2
    order_id = bench.place(straddle, "BUY", 5)
    bench.run(60.0)
    assert bench.status(order_id) == "Filled"
    assert bench.venue.positions() == []


def test_what_if_equals_what_the_fill_then_costs(bench: Bench) -> None:
    straddle = bench.straddle("NVDA", 182.5)
    bid, _ = bench.quote(straddle)
    order = Order(action="SELL", quantity=Decimal(3), order_type="LMT", limit_price=bid)
    state = bench.venue.what_if(1, 5, straddle, order)
    assert isinstance(state, OrderState)
    assert state.commission == pytest.approx(2 * 3 * 0.65)
    assert state.init_margin_change == pytest.approx(
        (state.init_margin_after or 0) - (state.init_margin_before or 0)
    )
    assert state.equity_with_loan_change == pytest.approx(300 * bid - 3.9)
    assert not bench.venue.open_orders()
    assert not bench.events


def test_global_cancel_ends_everything(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C")
    ids = [bench.place(call, "BUY", 1, limit_price=0.05) for _ in range(3)]
    bench.venue.cancel_all()
    assert [bench.status(one) for one in ids] == ["Cancelled"] * 3


def test_untransmitted_order_waits_for_its_transmission(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C")
    order_id = bench.place(call, "BUY", 1, limit_price=50.0, transmit=False)
    bench.run(2.0)
    assert bench.status(order_id) == "PreSubmitted"
    bench.place(call, "BUY", 1, limit_price=50.0, order_id=order_id)
    bench.run(0.5)
    assert bench.status(order_id) == "Filled"


def test_executions_can_be_filtered(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C")
    bench.place(call, "BUY", 1)
    bench.run(0.5)
    bench.place(bench.stock("MSFT"), "BUY", 100)
    bench.run(0.5)
    every = bench.venue.executions(events.ExecutionFilter())
    assert len(every) >= 2
    assert all(report is not None for _, report in every)
    only = bench.venue.executions(events.ExecutionFilter(symbol="MSFT", side="BUY"))
    assert {line.contract.symbol for line, _ in only} == {"MSFT"}
    later = events.ExecutionFilter(since=bench.time + timedelta(seconds=1))
    assert bench.venue.executions(later) == []


def test_unknown_contract_is_200(bench: Bench) -> None:
    unknown = bench.stock("NOSUCH")
    order_id = bench.place(unknown, "BUY", 1)
    assert bench.errors() == [(order_id, 200)]
    assert isinstance(bench.venue.subscribe(unknown, (), lambda _: None), Refusal)


def test_twenty_first_order_on_one_side_is_refused(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C")
    ids = [bench.place(call, "BUY", 1, limit_price=0.05) for _ in range(21)]
    assert bench.errors() == [(ids[-1], 201)]
    bench.place(call, "SELL", 1, limit_price=90.0)
    assert len(bench.errors()) == 1


def test_good_till_cancelled_order_ends_with_its_option(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C", "20261120")
    order_id = bench.place(call, "BUY", 1, limit_price=0.01, tif="GTC")
    bench.jump(datetime(2026, 11, 20, 21, 0, 1, tzinfo=UTC))
    assert bench.status(order_id) in ("Cancelled", "Filled")


def test_closed_position_stays_in_the_portfolio_of_the_day_with_zero(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C")
    for side in ("BUY", "SELL"):
        bench.place(call, side, 1)
        bench.run(3.0)
    assert bench.venue.positions() == []
    (item,) = bench.venue.portfolio("DU1234567")
    assert item.position.quantity == 0
    assert item.realized_pnl < 0
    assert bench.of(events.Position)[-1].quantity == 0
    bench.jump(datetime(2026, 11, 23, 15, 0, tzinfo=UTC))
    assert bench.venue.portfolio("DU1234567") == []
