"""Behavior of IBKR that is not verified can be chosen by name."""

from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal

import pytest

from dispersa.errors import InvalidInput
from dispersa.gateway import events
from dispersa.gateway.exchange.switches import CHOICES, Switches
from dispersa.gateway.model import BAG_CON_ID, Contract, Refusal
from tests.gateway.exchange.bench import Bench

MakeBench = Callable[..., Bench]
WAIVED = (("NonGuaranteed", "1"),)


def with_rules(make_bench: MakeBench, **rules: str) -> Bench:
    return make_bench(venue_rules=rules)


def pair(bench: Bench, *symbols: str) -> Contract:
    found = [bench.venue.contract_details(bench.stock(symbol)) for symbol in symbols]
    legs = [one[0].contract for one in found if not isinstance(one, Refusal)]
    return bench.combo(symbols[0], (legs[0], 1, "BUY"), (legs[1], 1, "SELL"))


def test_defaults_are_the_first_choices_and_every_switch_is_explained() -> None:
    default = Switches()
    assert {s.name: getattr(default, s.name) for s in fields(Switches)} == {
        name: choices[0] for name, choices in CHOICES.items()
    }
    for name in CHOICES:
        assert name in str(Switches.__doc__) or name.startswith("cancel_of_")


@pytest.mark.parametrize(
    "rules", [{"fill_modell": "base"}, {"combo_legs_max": "7"}, {"cancel_of_filled": "202"}]
)
def test_unknown_names_and_choices_are_refused(
    make_bench: MakeBench, rules: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput, match=r"unknown; there are|choose"):
        with_rules(make_bench, **rules)


@pytest.mark.parametrize("code", [10148, 161])
def test_cancel_of_a_filled_order(make_bench: MakeBench, code: int) -> None:
    bench = with_rules(make_bench, cancel_of_filled=str(code))
    order = bench.place(bench.stock("AAPL"), "BUY", 1)
    bench.run(0.5)
    bench.venue.cancel(1, order)
    assert bench.errors() == [(order, code)]


@pytest.mark.parametrize("code", [10148, 161, 10147])
def test_cancel_of_a_cancelled_and_of_a_rejected_order(make_bench: MakeBench, code: int) -> None:
    chosen = {"cancel_of_cancelled": str(code), "cancel_of_rejected": str(code)}
    bench = make_bench(venue_rules=chosen, cash=Decimal(20_000))
    first = bench.place(bench.stock("AAPL"), "BUY", 1, limit_price=1.0)
    rejected = bench.place(bench.stock("AAPL"), "BUY", 100_000)
    bench.venue.cancel(1, first)
    bench.venue.cancel(1, first)
    bench.venue.cancel(1, rejected)
    assert bench.errors() == [(rejected, 201), (first, 202), (first, code), (rejected, code)]


def test_another_client_may_cancel_where_that_is_chosen(make_bench: MakeBench) -> None:
    for choice, status in (("refused", "Submitted"), ("allowed", "Cancelled")):
        bench = with_rules(make_bench, cancel_of_foreign_order=choice)
        order = bench.place(bench.stock("AAPL"), "BUY", 1, limit_price=1.0)
        bench.venue.cancel(2, order)
        assert bench.status(order) == status


def test_market_order_is_submitted_before_its_fill_where_that_is_chosen(
    make_bench: MakeBench,
) -> None:
    bench = with_rules(make_bench, market_order_status="Submitted")
    bench.place(bench.stock("AAPL"), "BUY", 1)
    bench.run(0.5)
    statuses = [event.status for event in bench.of(events.OrderStatus)]
    assert statuses == ["PreSubmitted", "Submitted", "Filled"]


def test_market_order_that_fills_in_parts_becomes_submitted(bench: Bench) -> None:
    bench.place(bench.option("AAPL", 270.0, "C"), "BUY", 500)
    bench.run(0.5)
    statuses = [event.status for event in bench.of(events.OrderStatus)]
    assert statuses[:2] == ["PreSubmitted", "Submitted"]


def test_number_of_legs_and_underlyings(make_bench: MakeBench) -> None:
    for rules, codes in (
        ({}, [312, 312]),
        ({"combo_legs_max": "6", "combo_of_many_underlyings": "allowed"}, []),
        ({"combo_legs_max": "3", "combo_of_many_underlyings": "201"}, [312, 201]),
    ):
        bench = with_rules(make_bench, **rules)
        strikes = (260.0, 265.0, 270.0, 275.0, 280.0)
        legs = [(bench.option("AAPL", strike, "C"), 1, "BUY") for strike in strikes]
        bench.place(bench.combo("AAPL", *legs), "BUY", 1, limit_price=1.0)
        two = bench.combo("AAPL", legs[0], (bench.option("MSFT", 500.0, "C"), 1, "BUY"))
        bench.place(two, "BUY", 1, limit_price=1.0)
        assert [code for _, code in bench.errors()] == codes


def test_good_till_date_of_a_guaranteed_combo(make_bench: MakeBench) -> None:
    for choice, codes in (("allowed", []), ("refused", [321])):
        bench = with_rules(make_bench, combo_good_till_date=choice)
        bench.place(bench.straddle("AAPL", 270.0), "BUY", 1, limit_price=1.0, tif="GTD",
                    good_till_date="20261120-20:00:00")  # fmt: skip
        assert [code for _, code in bench.errors()] == codes


def test_legs_of_a_non_guaranteed_combo_trade_one_after_the_other(bench: Bench) -> None:
    bench.place(pair(bench, "AAPL", "MSFT"), "BUY", 100, smart_combo_routing=WAIVED)
    bench.run(0.25)
    (first,) = bench.of(events.Execution)
    assert (first.contract.symbol, first.exec_id[-6:]) == ("AAPL", ".02.01")
    assert [held.quantity for held in bench.venue.positions()] == [first.shares]
    assert bench.of(events.OrderStatus)[-1].filled == 0
    bench.run(0.25)
    first, second, bag = bench.of(events.Execution)[:3]
    assert (second.contract.symbol, second.exec_id[-6:]) == ("MSFT", ".03.01")
    assert (bag.contract.con_id, bag.exec_id[-6:]) == (BAG_CON_ID, ".01.01")
    assert len({line.exec_id[:-6] for line in (first, second, bag)}) == 1
    assert bag.price == pytest.approx(first.price - second.price)
    assert bench.of(events.OrderStatus)[-1].filled == bag.shares
    assert {report.exec_id for report in bench.of(events.CommissionReport)[:2]} == {
        first.exec_id, second.exec_id,
    }  # fmt: skip
    assert {int(held.quantity) for held in bench.venue.positions()} == {100, -100}


def test_cancel_between_the_legs_leaves_the_first_one_alone(bench: Bench) -> None:
    order = bench.place(pair(bench, "AAPL", "MSFT"), "BUY", 100, smart_combo_routing=WAIVED)
    bench.run(0.25)
    bench.venue.cancel(1, order)
    bench.run(2.0)
    assert bench.status(order) == "Cancelled"
    assert [held.contract.symbol for held in bench.venue.positions()] == ["AAPL"]


def test_legs_trade_together_where_that_is_chosen(make_bench: MakeBench) -> None:
    bench = with_rules(make_bench, non_guaranteed_fills="together")
    bench.place(pair(bench, "AAPL", "MSFT"), "BUY", 100, smart_combo_routing=WAIVED)
    bench.run(0.25)
    assert [line.exec_id[-6:] for line in bench.of(events.Execution)[:3]] == [
        ".01.01", ".02.01", ".03.01",
    ]  # fmt: skip


def test_bag_line_has_a_commission_of_zero_where_that_is_chosen(make_bench: MakeBench) -> None:
    bench = with_rules(make_bench, bag_commission_report="zero")
    bench.place(bench.straddle("AAPL", 270.0), "BUY", 1)
    bench.run(0.5)
    reports = {
        report.exec_id[-6:]: report.commission for report in bench.of(events.CommissionReport)
    }
    assert reports.pop(".01.01") == 0.0
    assert set(reports) == {".02.01", ".03.01"}
    assert min(reports.values()) > 0.0
