"""Each fault that the venue can cause, by its number in the catalogue."""

from decimal import Decimal
from math import inf
from pathlib import Path

import pytest

from dispersa.errors import InvalidInput
from dispersa.gateway import events
from dispersa.gateway.exchange.faults.catalogue import FAULTS
from dispersa.gateway.model import BAG_CON_ID, Contract, Tick, TickOption, TickPrice
from tests.gateway.exchange.bench import Bench

FAR = 0.05


def resting(bench: Bench) -> tuple[Contract, int]:
    call = bench.option("AAPL", 270.0, "C")
    order_id = bench.place(call, "BUY", 3, limit_price=FAR, order_ref="mine")
    bench.run(0.5)
    return call, order_id


def filled(bench: Bench, quantity: int = 1) -> int:
    order_id = bench.place(bench.straddle("AAPL", 270.0), "BUY", quantity, order_ref="mine")
    bench.run(8.0)
    return order_id


def held(bench: Bench) -> list[Decimal]:
    return sorted(bench.venue.truth.positions.values())


def lines(bench: Bench) -> list[events.Execution]:
    return bench.of(events.Execution)


def test_unknown_number_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="B99"):
        bench.venue.faults.arm("B99")


def test_fault_strikes_only_the_order_it_is_armed_for(bench: Bench) -> None:
    bench.venue.faults.arm("B13", order_ref="other")
    bench.venue.faults.arm("B14", symbol="MSFT")
    filled(bench)
    assert held(bench) == [1, 1]


def test_b1_one_unit_fills_while_the_cancel_travels(bench: Bench) -> None:
    _, order_id = resting(bench)
    bench.venue.faults.arm("B1")
    bench.venue.cancel(1, order_id)
    assert held(bench) == [1]
    assert bench.status(order_id) == "Cancelled"


def test_b2_fill_comes_after_cancelled(bench: Bench) -> None:
    _, order_id = resting(bench)
    bench.venue.faults.arm("B2", seconds=1.0)
    bench.venue.cancel(1, order_id)
    assert (bench.status(order_id), held(bench)) == ("Cancelled", [])
    bench.run(1.5)
    assert held(bench) == [1]
    assert len(lines(bench)) == 1


def test_b3_cancel_meets_a_filled_order(bench: Bench) -> None:
    _, order_id = resting(bench)
    bench.venue.faults.arm("B3")
    bench.venue.cancel(1, order_id)
    assert bench.errors() == [(order_id, 10148)]
    assert (bench.status(order_id), held(bench)) == ("Filled", [3])


def test_b4_and_b5_leave_the_order_live(bench: Bench) -> None:
    _, order_id = resting(bench)
    bench.venue.faults.arm("B4")
    bench.venue.cancel(1, order_id)
    assert bench.errors() == [(order_id, 10147)]
    bench.venue.faults.arm("B5")
    bench.venue.cancel(1, order_id)
    assert bench.errors() == [(order_id, 10147)]
    assert len(bench.venue.open_orders()) == 1
    bench.venue.cancel(1, order_id)
    assert bench.status(order_id) == "Cancelled"


def test_b6_execution_comes_twice_and_counts_once(bench: Bench) -> None:
    bench.venue.faults.arm("B6")
    filled(bench)
    ids = [line.exec_id for line in lines(bench)]
    assert len(ids) == 2 * len(set(ids)) == 6
    assert held(bench) == [1, 1]


def test_b7_correction_is_the_next_revision_and_moves_the_cash(bench: Bench) -> None:
    bench.venue.faults.arm("B7", seconds=60.0)
    filled(bench)
    cash = bench.venue.truth.cash
    bench.run(60.0, step=1.0)
    first = next(x for x in lines(bench) if x.exec_id.endswith(".02.01"))
    (corrected,) = [x for x in lines(bench) if x.exec_id.endswith(".02.02")]
    assert corrected.price == pytest.approx(first.price + 0.01)
    assert bench.venue.truth.cash == cash - 1
    assert held(bench) == [1, 1]


def test_b8_bust_takes_the_position_away(bench: Bench) -> None:
    bench.venue.faults.arm("B8", seconds=60.0)
    filled(bench)
    assert held(bench) == [1, 1]
    bench.run(61.0, step=1.0)
    assert held(bench) == []
    assert bench.of(events.Position)[-1].quantity == 0


def test_b9_executions_come_before_open_order(bench: Bench) -> None:
    bench.venue.faults.arm("B9")
    filled(bench)
    assert isinstance(bench.events[0], events.Execution)
    assert bench.of(events.OpenOrder)


def test_b10_no_status_arrives_though_the_order_fills(bench: Bench) -> None:
    bench.venue.faults.arm("B10")
    filled(bench)
    assert bench.of(events.OrderStatus) == []
    assert held(bench) == [1, 1]


def test_b11_status_goes_back_after_filled(bench: Bench) -> None:
    bench.venue.faults.arm("B11")
    filled(bench)
    assert [s.status for s in bench.of(events.OrderStatus)][-2:] == ["Filled", "Submitted"]


@pytest.mark.parametrize(("seconds", "count"), [(30.0, 2), (inf, 0)])
def test_b12_commission_is_late_or_never_comes(bench: Bench, seconds: float, count: int) -> None:
    bench.venue.faults.arm("B12", seconds=seconds)
    filled(bench)
    assert bench.of(events.CommissionReport) == []
    bench.run(40.0, step=1.0)
    assert len(bench.of(events.CommissionReport)) == count


def test_b13_lost_order_leaves_no_trace(bench: Bench) -> None:
    bench.venue.faults.arm("B13")
    filled(bench)
    assert bench.events == []
    assert bench.venue.truth.orders == []


@pytest.mark.parametrize(("code", "error"), [("B14", 201), ("B17", 103)])
def test_b14_and_b17_refuse_a_new_order(bench: Bench, code: str, error: int) -> None:
    bench.venue.faults.arm(code)
    order_id = filled(bench)
    assert bench.errors() == [(order_id, error)]
    assert bench.venue.truth.orders == []


def test_b15_rejects_what_is_left_after_a_partial_fill(bench: Bench) -> None:
    bench.venue.faults.arm("B15")
    order_id = bench.place(bench.option("AAPL", 270.0, "C"), "BUY", 5_000)
    bench.run(5.0)
    assert (order_id, 201) in bench.errors()
    assert bench.status(order_id) == "Inactive"
    assert 0 < held(bench)[0] < 5_000


def test_b16_inactive_order_fills_all_the_same(bench: Bench) -> None:
    bench.venue.faults.arm("B16", seconds=inf)
    order_id = bench.place(bench.straddle("AAPL", 270.0), "BUY", 1, limit_price=90.0)
    bench.run(8.0)
    statuses = [s.status for s in bench.of(events.OrderStatus) if s.order_id == order_id]
    assert "Inactive" in statuses
    assert held(bench) == [1, 1]


def test_b18_refused_amendment_keeps_the_old_price(bench: Bench) -> None:
    call, order_id = resting(bench)
    bench.venue.faults.arm("B18")
    bench.place(call, "BUY", 3, limit_price=90.0, order_id=order_id, order_ref="mine")
    bench.run(2.0)
    assert bench.errors() == [(order_id, 2102)]
    ((live, _),) = bench.venue.open_orders()
    assert live.order.limit_price == FAR


def test_b19_amendment_becomes_a_second_live_order(bench: Bench) -> None:
    call, order_id = resting(bench)
    bench.venue.faults.arm("B19")
    bench.place(call, "BUY", 3, limit_price=2 * FAR, order_id=order_id, order_ref="mine")
    live = [order for order, _ in bench.venue.open_orders()]
    assert len({order.perm_id for order in live}) == 2
    assert {order.order.order_ref for order in live} == {"mine"}
    assert {order.order_id for order in live} == {order_id}


def test_b22_bag_line_arrives_and_its_legs_do_not(bench: Bench) -> None:
    bench.venue.faults.arm("B22", seconds=inf)
    filled(bench)
    assert {line.contract.con_id for line in lines(bench)} == {BAG_CON_ID}
    assert held(bench) == [1, 1]


def test_b24_echo_has_a_leg_on_the_wrong_side(bench: Bench) -> None:
    bench.venue.faults.arm("B24")
    bench.place(bench.straddle("AAPL", 270.0), "BUY", 1, limit_price=FAR)
    echoed = bench.of(events.OpenOrder)[0].contract.combo_legs
    assert [leg.action for leg in echoed] == ["SELL", "BUY"]


def test_b25_broker_changes_the_limit_and_says_so(bench: Bench) -> None:
    bench.venue.faults.arm("B25")
    order_id = bench.place(bench.straddle("AAPL", 270.0), "BUY", 1, limit_price=5.00)
    assert bench.errors() == [(order_id, 10349)]
    assert bench.of(events.OpenOrder)[0].order.limit_price == 4.95
    ((held_now, _),) = bench.venue.open_orders()
    assert held_now.order.limit_price == 4.95


def test_b26_overfill(bench: Bench) -> None:
    bench.venue.faults.arm("B26")
    filled(bench, 2)
    assert held(bench) == [3, 3]
    bags = [line.shares for line in lines(bench) if line.contract.con_id == BAG_CON_ID]
    assert sum(bags) == 3


def test_b35_somebody_cancels_by_hand(bench: Bench) -> None:
    _, order_id = resting(bench)
    bench.venue.faults.arm("B35", order_ref="mine")
    assert bench.status(order_id) == "Cancelled"


def test_b36_and_d8_lists_are_incomplete_once(bench: Bench) -> None:
    for _ in range(2):
        _, order_id = resting(bench)
        bench.venue.cancel(1, order_id)
    filled(bench)
    bench.venue.faults.arm("B36")
    bench.venue.faults.arm("D8")
    assert (len(bench.venue.completed_orders()), len(bench.venue.positions())) == (2, 1)
    assert (len(bench.venue.completed_orders()), len(bench.venue.positions())) == (3, 2)


# -- data ----------------------------------------------------------------------------------------


def ticks_under(bench: Bench, code: str, seconds: float = 60.0) -> list[Tick]:
    ticks: list[Tick] = []
    bench.venue.subscribe(bench.option("AAPL", 270.0, "C"), (), ticks.append)
    ticks.clear()
    bench.venue.faults.arm(code, symbol="AAPL", seconds=seconds)
    bench.run(5.0)
    return ticks


def last_prices(ticks: list[Tick]) -> dict[int, float]:
    return {tick.kind: tick.price for tick in ticks if isinstance(tick, TickPrice)}


def test_c1_and_c2_greeks_are_missing_or_absurd(bench: Bench) -> None:
    missing = [t for t in ticks_under(bench, "C1") if isinstance(t, TickOption)]
    assert missing
    assert all(t.implied_vol is None and t.delta is None for t in missing)
    bench.venue.faults.disarm()
    absurd = [t for t in ticks_under(bench, "C2") if isinstance(t, TickOption) and t.delta]
    assert absurd
    assert all(t.delta == 3.0 and t.implied_vol == 9.0 for t in absurd)


def test_c3_and_c4_quotes_are_crossed_or_have_no_bid(bench: Bench) -> None:
    crossed = last_prices(ticks_under(bench, "C3"))
    assert crossed[1] > crossed[2]
    bench.venue.faults.disarm()
    assert last_prices(ticks_under(bench, "C4"))[1] == -1.0


@pytest.mark.parametrize("code", ["C5", "C7"])
def test_c5_and_c7_stand_still_while_the_market_moves(bench: Bench, code: str) -> None:
    before = bench.venue.truth.spots["AAPL"]
    assert ticks_under(bench, code) == []
    assert bench.venue.truth.spots["AAPL"] != before
    put: list[Tick] = []
    bench.venue.subscribe(bench.option("AAPL", 270.0, "P"), (), put.append)
    assert bool(put) is (code == "C7")


def test_c8_halted_symbol_does_not_trade_until_it_is_over(bench: Bench) -> None:
    bench.venue.faults.arm("C8", symbol="AAPL", seconds=10.0)
    order_id = filled(bench)
    assert held(bench) == []
    bench.run(8.0)
    assert bench.status(order_id) == "Filled"


def test_c20_flash_quote_is_over_after_its_time(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C")
    _, true = bench.quote(call)
    flash = last_prices(ticks_under(bench, "C20", seconds=2.0))
    assert flash[2] == pytest.approx(true, rel=0.2)
    bench.venue.faults.arm("C20", symbol="AAPL", seconds=2.0)
    assert bench.quote(call)[1] == pytest.approx(true / 2, rel=0.2)


# -- account -------------------------------------------------------------------------------------


def test_d1_manual_trade_belongs_to_nobody(bench: Bench) -> None:
    bench.venue.faults.arm("D1", symbol="AAPL")
    bench.run(2.0)
    assert held(bench) == [100]
    assert {line.client_id for line in lines(bench)} == {0}


def test_d3_assignment_changes_positions_without_an_order(bench: Bench) -> None:
    call = bench.option("AAPL", 250.0, "C")
    bench.place(call, "SELL", 2)
    bench.run(5.0)
    before = len(lines(bench))
    bench.venue.faults.arm("D3", symbol="AAPL")
    rows = {p.contract.sec_type: p.quantity for p in bench.venue.positions()}
    assert rows == {"STK": -200}
    assert len(lines(bench)) == before


def test_e3_and_e5_margins_rise_and_values_stand_still(bench: Bench) -> None:
    bench.place(bench.straddle("QQQ", 598.0), "SELL", 1)
    bench.run(3.0)

    def value(key: str) -> float:
        found = bench.venue.account_values("DU1234567")
        return float(next(v.value for v in found if v.key == key))

    before = value("InitMarginReq")
    bench.venue.faults.arm("E3")
    assert value("InitMarginReq") == pytest.approx(1.5 * before)
    bench.venue.faults.arm("E5", seconds=10.0)
    frozen = value("NetLiquidation")
    bench.run(5.0)
    assert value("NetLiquidation") == frozen
    bench.run(6.0)
    assert value("NetLiquidation") != frozen


def test_every_number_has_a_test() -> None:
    others = ("test_faults.py", "test_faults_more.py", "test_corporate_actions.py")
    text = "".join(Path(__file__).with_name(name).read_text().lower() for name in others)
    assert [code for code in FAULTS if code.lower() not in text] == []
