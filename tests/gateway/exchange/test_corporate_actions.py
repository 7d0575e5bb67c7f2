"""Splits, special dividends and symbol changes: contracts, positions, orders, lines, history."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from dispersa.errors import InvalidInput
from dispersa.gateway import events
from dispersa.gateway.model import Contract, Refusal, Tick
from dispersa.gateway.world.actions import CorporateAction, Rename, SpecialDividend, Split
from tests.gateway.exchange.bench import Bench

MakeBench = Callable[..., Bench]
MONDAY = date(2026, 11, 23)
OPENED = datetime(2026, 11, 23, 14, 31, tzinfo=UTC)


def bench_with(make_bench: MakeBench, change: Split | SpecialDividend | Rename) -> Bench:
    action = CorporateAction(day=MONDAY, symbol="AAPL", change=change)
    bench = make_bench(corporate_actions=(action,), step_seconds=5.0)
    bench.run(5, step=5)
    return bench


def straddle_holder(bench: Bench) -> tuple[Contract, Contract]:
    """Buy two calls of strike 270 and 101 shares."""
    call, stock = bench.option("AAPL", 270.0, "C"), bench.stock("AAPL")
    bench.place(call, "BUY", 2)
    bench.place(stock, "BUY", 101)
    bench.run(30, step=5)
    assert sorted(bench.venue.truth.positions.values()) == [2, 101]
    return call, stock


def net_liquidation(bench: Bench) -> float:
    values = {v.key: v.value for v in bench.venue.account_values(bench.settings.account)}
    return float(values["NetLiquidation"])


def closes(bench: Bench, symbol: str) -> list[float]:
    bars = bench.venue.historical_bars(
        bench.stock(symbol), None, "10 D", "1 day", "TRADES", regular_hours=True
    )
    assert not isinstance(bars, Refusal)
    return [bar.close for bar in bars]


def held(bench: Bench) -> dict[str, tuple[int, float]]:
    return {p.contract.local_symbol: (int(p.quantity), p.average_cost)
            for p in bench.venue.positions()}  # fmt: skip


@pytest.mark.parametrize(("new", "old"), [(2, 1), (3, 2), (1, 10)])
def test_d5_split_changes_what_is_held_but_not_what_it_is_worth(
    make_bench: MakeBench, new: int, old: int
) -> None:
    split, plain = (
        bench_with(make_bench, change)
        for change in (Split(new=new, old=old), Rename(to="AAPLX"[:5]))
    )
    for bench in (split, plain):
        straddle_holder(bench)
    before, index = closes(split, "AAPL"), split.venue.truth.spots["QQQ"]
    for bench in (split, plain):
        bench.jump(OPENED)
    ratio = new / old
    spots = split.venue.truth.spots
    assert spots["AAPL"] == pytest.approx(plain.venue.truth.spots["AAPLX"] / ratio, rel=1e-9)
    assert spots["QQQ"] == pytest.approx(plain.venue.truth.spots["QQQ"], rel=1e-9) != index
    assert net_liquidation(split) == pytest.approx(net_liquidation(plain), rel=2e-5)
    assert closes(split, "AAPL")[:-2] == pytest.approx([c / ratio for c in before[1:-1]], rel=1e-3)
    quantities = sorted(count for count, _ in held(split).values())
    assert quantities == sorted([int(101 * ratio), 2 * new if old == 1 else 2])


def test_whole_split_multiplies_contracts_and_divides_strikes(make_bench: MakeBench) -> None:
    bench = bench_with(make_bench, Split(new=2, old=1))
    call, _ = straddle_holder(bench)
    cost = held(bench)[call.local_symbol][1]
    bench.jump(OPENED)
    after = bench.option("AAPL", 135.0, "C")
    assert after.con_id != call.con_id
    assert after.multiplier == "100"
    assert held(bench)[after.local_symbol] == (4, pytest.approx(cost / 2))
    gone = bench.venue.contract_details(Contract(con_id=call.con_id))
    assert isinstance(gone, Refusal)
    assert gone.code == 200
    told = {(p.contract.con_id, int(p.quantity)) for p in bench.of(events.Position)}
    assert {(call.con_id, 0), (after.con_id, 4)} <= told


def test_three_for_two_makes_an_adjusted_class_beside_a_new_standard_one(
    make_bench: MakeBench,
) -> None:
    bench = bench_with(make_bench, Split(new=3, old=2))
    straddle_holder(bench)
    bench.jump(OPENED)
    (adjusted,) = [p.contract for p in bench.venue.positions() if p.contract.sec_type == "OPT"]
    assert (adjusted.trading_class, adjusted.multiplier, adjusted.strike) == ("AAPL1", "150", 180.0)
    found = bench.venue.option_parameters("AAPL", "STK", 265598)
    assert not isinstance(found, Refusal)
    assert {(one.trading_class, one.multiplier) for one in found} == {
        ("AAPL", "100"), ("AAPL1", "150"),
    }  # fmt: skip
    assert bench.quote(adjusted)[0] > 0


def test_special_dividend_is_paid_and_lowers_strikes(make_bench: MakeBench) -> None:
    bench = bench_with(make_bench, SpecialDividend(amount=5.0))
    call, stock = straddle_holder(bench)
    cash = bench.venue.truth.cash
    bench.jump(OPENED)
    ordinary = Decimal("0.27")  # AAPL's own dividend of that day
    assert bench.venue.truth.cash == cash + 101 * (5 + ordinary)
    after = bench.option("AAPL", 265.0, "C")
    assert held(bench)[after.local_symbol][0] == 2
    assert after.con_id != call.con_id
    assert held(bench)[stock.symbol][0] == 101


def test_symbol_change_keeps_contract_ids(make_bench: MakeBench) -> None:
    bench = bench_with(make_bench, Rename(to="FRUIT"))
    call, _ = straddle_holder(bench)
    bench.jump(OPENED)
    after = bench.option("FRUIT", 270.0, "C")
    assert after.con_id == call.con_id
    assert held(bench)[after.local_symbol][0] == 2
    assert isinstance(bench.venue.contract_details(bench.stock("AAPL")), Refusal)
    (details,) = bench.venue.contract_details(bench.stock("FRUIT"))  # type: ignore[misc]
    assert details.contract.con_id == 265598
    assert "FRUIT" in bench.venue.basket("QQQ")
    assert "AAPL" not in bench.venue.basket("QQQ")


def test_working_orders_are_cancelled_and_option_lines_end(make_bench: MakeBench) -> None:
    bench = bench_with(make_bench, Split(new=2, old=1))
    ticks: dict[str, list[Tick]] = {"option": [], "stock": []}
    call, stock = bench.option("AAPL", 270.0, "C"), bench.stock("AAPL")
    bench.venue.subscribe(call, (), ticks["option"].append)
    bench.venue.subscribe(stock, (), ticks["stock"].append)
    order = bench.place(stock, "BUY", 10, limit_price=100.0, tif="GTC")
    other = bench.place(bench.stock("MSFT"), "BUY", 10, limit_price=100.0, tif="GTC")
    bench.jump(OPENED)
    assert (bench.status(order), bench.status(other)) == ("Cancelled", "Submitted")
    assert (order, 202) in bench.errors()
    count = {name: len(found) for name, found in ticks.items()}
    bench.run(60, step=5)
    assert len(ticks["option"]) == count["option"]
    assert len(ticks["stock"]) > count["stock"]
    assert bench.quote(stock)[0] == pytest.approx(bench.venue.truth.spots["AAPL"], rel=0.01)


def test_d5_fault_announces_the_action_for_the_next_opening(make_bench: MakeBench) -> None:
    bench = make_bench(step_seconds=5.0)
    bench.venue.faults.arm("D5", symbol="AAPL", value="split 4:1")
    before = bench.venue.truth.spots["AAPL"]
    bench.jump(OPENED)
    assert bench.venue.truth.spots["AAPL"] == pytest.approx(before / 4, rel=0.15)


@pytest.mark.parametrize(
    ("symbol", "value"),
    [("AAPL", "split 1:1"), ("AAPL", "split 0:1"), ("AAPL", "merge"), ("SPX", "split 2:1"),
     ("", "split 2:1"), ("AAPL", "rename MSFT")],
)  # fmt: skip
def test_d5_that_can_not_be_is_refused(bench: Bench, symbol: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=r"expected|taken"):
        bench.venue.faults.arm("D5", symbol=symbol, value=value)
