"""More faults by their number: legs, closures, odd contracts, other hands, restrictions."""

from datetime import datetime, timedelta
from math import ceil, inf

import pytest

from dispersa.gateway import events
from dispersa.gateway.model import BAG_CON_ID, Contract, Refusal, Tick, TickString
from tests.gateway.exchange.bench import EXPIRY, Bench
from tests.gateway.exchange.test_faults import filled, held, resting

ACCOUNT = "DU1234567"


def rows(bench: Bench, key: str) -> dict[str, str]:
    return {v.currency: v.value for v in bench.venue.account_values(ACCOUNT) if v.key == key}


def details(bench: Bench, **terms: object) -> list[Contract]:
    wanted = {"symbol": "AAPL", "sec_type": "OPT", "exchange": "SMART", "currency": "USD",
              "last_trade_date": EXPIRY, "strike": 270.0} | terms  # fmt: skip
    found = bench.venue.contract_details(Contract(**wanted))  # type: ignore[arg-type]
    return [] if isinstance(found, Refusal) else [one.contract for one in found]


# -- orders --------------------------------------------------------------------------------------


def test_b20_cancel_overtakes_the_amendment(bench: Bench) -> None:
    call, order_id = resting(bench)
    bench.venue.faults.arm("B20", seconds=3.0)
    bench.place(call, "BUY", 3, limit_price=0.10, order_ref="mine", order_id=order_id)
    bench.venue.cancel(1, order_id)
    bench.run(5.0)
    assert bench.status(order_id) == "Cancelled"
    assert (order_id, 103) in bench.errors()


def test_b21_legs_fill_apart_and_meet_again(bench: Bench) -> None:
    bench.venue.faults.arm("B21", seconds=20.0)
    order_id = filled(bench)
    assert held(bench) == [1]
    assert bench.status(order_id) == "Filled"
    bench.run(20.0)
    assert held(bench) == [1, 1]
    legs = [e for e in bench.of(events.Execution) if e.contract.con_id != BAG_CON_ID]
    assert len({leg.exec_id for leg in legs}) == len(legs) == 2


def test_b21_leg_may_never_come(bench: Bench) -> None:
    bench.venue.faults.arm("B21", seconds=inf)
    filled(bench)
    bench.run(60.0)
    assert held(bench) == [1]


def test_b23_combo_is_refused(bench: Bench) -> None:
    bench.venue.faults.arm("B23")
    order_id = filled(bench)
    assert (order_id, 10058) in bench.errors()
    assert held(bench) == []


def test_b33_order_waits_for_the_next_day(bench: Bench) -> None:
    bench.venue.faults.arm("B33")
    call = bench.option("AAPL", 270.0, "C")
    order_id = bench.place(call, "BUY", 1, limit_price=50.0, tif="GTC")
    bench.run(30.0)
    assert (order_id, 399) in bench.errors()
    assert held(bench) == []
    bench.jump(bench.time + timedelta(days=3))
    bench.run(5.0)
    assert held(bench) == [1]


def test_b34_day_orders_end(bench: Bench) -> None:
    _, order_id = resting(bench)
    bench.venue.faults.arm("B34")
    bench.run(1.0)
    assert bench.status(order_id) == "Cancelled"


# -- data ----------------------------------------------------------------------------------------


def test_c6_nothing_of_a_symbol_moves(bench: Bench) -> None:
    ticks: list[Tick] = []
    bench.venue.subscribe(bench.option("AAPL", 270.0, "C"), (), ticks.append)
    bench.venue.faults.arm("C6", symbol="AAPL", seconds=10.0)
    ticks.clear()
    bench.run(5.0)
    assert ticks == []
    bench.run(10.0)
    assert ticks != []


@pytest.mark.parametrize("code", ["C9", "C10"])
def test_c9_and_c10_nothing_trades_until_the_market_reopens(bench: Bench, code: str) -> None:
    bench.venue.faults.arm(code, seconds=30.0)
    order_id = bench.place(bench.stock("MSFT"), "BUY", 1)
    bench.run(20.0)
    assert held(bench) == []
    assert ((order_id, 399) in bench.errors()) is (code == "C10")
    bench.run(20.0)
    assert held(bench) == [1]


def test_c12_to_c16_contracts_are_odd(bench: Bench) -> None:
    true = details(bench)
    assert [one.right for one in true] == ["C", "P"]
    for code in ("C12", "C13", "C15"):
        bench.venue.faults.arm(code, symbol="AAPL", seconds=5.0)
        (call, _) = details(bench)
        changed = {
            "C12": call.trading_class == "AAPL1" and call.multiplier == "150",
            "C13": call.multiplier == "10" and call.currency == "EUR",
            "C15": call.con_id != true[0].con_id,
        }
        assert changed[code]
        bench.run(6.0)
    bench.venue.faults.arm("C14", symbol="AAPL", seconds=5.0)
    assert len({one.con_id for one in details(bench)}) == 4
    bench.run(6.0)
    bench.venue.faults.arm("C16", symbol="AAPL", seconds=5.0)
    assert [one.right for one in details(bench)] == ["C"]
    assert details(bench, right="P") == []
    bench.run(6.0)
    assert details(bench) == true


def test_c19_trades_come_from_the_future(bench: Bench) -> None:
    ticks: list[Tick] = []
    bench.venue.faults.arm("C19", symbol="AAPL", seconds=60.0)
    bench.venue.subscribe(bench.stock("AAPL"), (), ticks.append)
    (stamp,) = [int(t.value) for t in ticks if isinstance(t, TickString) and t.kind == 45]
    assert datetime.fromtimestamp(stamp, tz=bench.time.tzinfo) - bench.time == timedelta(hours=1)


# -- holdings ------------------------------------------------------------------------------------


def test_d2_somebody_closes_the_book(bench: Bench) -> None:
    filled(bench)
    bench.venue.faults.arm("D2")
    bench.run(10.0)
    assert held(bench) == []
    assert bench.of(events.Execution)[-1].client_id == 0


def test_d4_residue_is_shown_and_is_not_there(bench: Bench) -> None:
    bench.venue.faults.arm("D4", symbol="AAPL")
    (row,) = bench.venue.positions()
    assert row.quantity == 0
    assert row.contract.strike == 0.0
    assert held(bench) == []


@pytest.mark.parametrize("is_pinned", [True, False])
def test_d6_option_just_out_of_the_money_is_assigned(bench: Bench, is_pinned: bool) -> None:
    bench.jump(bench.time.replace(hour=20, minute=30))
    strike = float(ceil(bench.venue.truth.spots["QQQ"]))
    bench.place(bench.option("QQQ", strike, "C", "20261120"), "SELL", 1)
    bench.run(5.0)
    assert held(bench) == [-1]
    if is_pinned:
        bench.venue.faults.arm("D6", symbol="QQQ")
    bench.jump(bench.time + timedelta(minutes=31))
    assert 0.995 * strike < bench.venue.truth.spots["QQQ"] < strike
    assert held(bench) == ([-100] if is_pinned else [])


def test_d7_holdings_leave_without_cash(bench: Bench) -> None:
    filled(bench)
    cash = bench.venue.truth.cash
    bench.venue.faults.arm("D7", symbol="AAPL")
    assert held(bench) == []
    assert bench.venue.truth.cash == cash


def test_d9_another_strategy_trades_along(bench: Bench) -> None:
    filled(bench)
    bench.venue.faults.arm("D9", symbol="AAPL")
    bench.run(10.0)
    assert held(bench) == [2, 2]


# -- account -------------------------------------------------------------------------------------


def test_e1_orders_meet_an_empty_account(bench: Bench) -> None:
    bench.venue.faults.arm("E1", value="500")
    order_id = filled(bench)
    assert (order_id, 201) in bench.errors()
    assert bench.venue.truth.cash == 500


def test_e2_broker_liquidates_one_leg(bench: Bench) -> None:
    filled(bench)
    bench.venue.faults.arm("E2")
    bench.run(10.0)
    assert held(bench) == [1]


def test_e4_foreign_cash_has_no_rate(bench: Bench) -> None:
    bench.venue.faults.arm("E4")
    assert rows(bench, "CashBalance")["EUR"] == "10000.00"
    assert "EUR" not in rows(bench, "ExchangeRate")
    bench.venue.faults.disarm()
    assert "EUR" not in rows(bench, "CashBalance")


def test_e6_permission_is_missing_for_one_symbol(bench: Bench) -> None:
    bench.venue.faults.arm("E6", symbol="MSFT")
    refused = bench.place(bench.stock("MSFT"), "BUY", 1)
    bench.place(bench.stock("AAPL"), "BUY", 1)
    bench.run(5.0)
    assert bench.errors() == [(refused, 201)]
    assert held(bench) == [1]


def test_e7_account_may_only_close(bench: Bench) -> None:
    bench.place(bench.stock("AAPL"), "BUY", 5)
    bench.run(3.0)
    bench.venue.faults.arm("E7")
    refused = bench.place(bench.stock("AAPL"), "BUY", 1)
    bench.place(bench.stock("AAPL"), "SELL", 5)
    bench.run(3.0)
    assert bench.errors() == [(refused, 201)]
    assert held(bench) == []
    assert rows(bench, "DayTradesRemaining") == {"": "0"}


def test_e8_profit_has_the_wrong_sign(bench: Bench) -> None:
    filled(bench)
    bench.run(30.0)
    true = bench.venue.pnl(ACCOUNT)
    bench.venue.faults.arm("E8")
    shown = bench.venue.pnl(ACCOUNT)
    assert true.daily
    assert shown.daily == -true.daily
