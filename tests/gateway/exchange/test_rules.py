"""Which orders and combos are refused, and with which code."""

from typing import Any

import pytest

from dispersa.gateway.exchange.rules import MARKET_RULES, conforms, increment_at
from dispersa.gateway.model import ComboLeg, Contract
from tests.gateway.exchange.bench import Bench


@pytest.mark.parametrize(
    ("rule_id", "price", "fits"),
    [
        (26, 1.23, True), (26, 1.235, False), (26, -1.25, True),
        (109, 2.99, True), (109, 3.01, False), (109, 3.05, True),
        (557, 2.95, True), (557, 2.96, False), (557, 3.05, False), (557, 3.10, True),
        (56, 31.05, True), (56, 31.02, False), (239, 1.15905, True), (239, 1.15903, False),
    ],
)  # fmt: skip
def test_price_fits_the_market_rule(rule_id: int, price: float, fits: bool) -> None:
    assert conforms(MARKET_RULES[rule_id], price) is fits


def test_increment_grows_at_its_edge() -> None:
    assert [increment_at(MARKET_RULES[109], p) for p in (0.0, 2.99, 3.0, 100.0)] == [
        0.01, 0.01, 0.05, 0.05,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("side", "terms", "code"),
    [
        ("BUY", {"limit_price": 12.345}, 110),
        ("BUY", {"limit_price": -12.0}, 110),
        ("BUY", {"limit_price": 0.0}, 110),
        ("HOLD", {"limit_price": 12.0}, 321),
        ("BUY", {"limit_price": None, "order_type": "LMT"}, 321),
        ("BUY", {"limit_price": 12.0, "account": "DU9"}, 321),
        ("BUY", {"limit_price": 12.0, "tif": "FOK!"}, 321),
        ("BUY", {"limit_price": 12.0, "tif": "GTD"}, 321),
        ("BUY", {"limit_price": 12.0, "tif": "GTD", "good_till_date": "soon"}, 321),
        ("BUY", {"order_type": "MIDPRICE"}, 387),
        ("BUY", {"limit_price": 12.0, "algo_strategy": "Adaptive"}, 387),
        ("BUY", {"limit_price": 12.0, "combo_leg_prices": (5.0, 7.0)}, 10058),
    ],
)
def test_malformed_straddle_order_is_refused(
    bench: Bench, side: str, terms: dict[str, Any], code: int
) -> None:
    order_id = bench.place(bench.straddle("AAPL", 270.0), side, 1, **terms)
    assert bench.errors() == [(order_id, code)]
    assert bench.status(order_id) == "none"


def test_quantity_must_be_above_zero(bench: Bench) -> None:
    order_id = bench.place(bench.option("AAPL", 270.0, "C"), "BUY", 0, limit_price=1.0)
    assert bench.errors() == [(order_id, 321)]


def test_index_can_not_be_traded(bench: Bench) -> None:
    vix = Contract(symbol="VIX", sec_type="IND", exchange="CBOE", currency="USD")
    assert bench.errors() == []
    order_id = bench.place(vix, "BUY", 1)
    assert bench.errors() == [(order_id, 201)]


def _legs(bench: Bench, *legs: ComboLeg, exchange: str = "SMART") -> Contract:
    return Contract(symbol="AAPL", sec_type="BAG", exchange=exchange, currency="USD",
                    combo_legs=legs)  # fmt: skip


def test_malformed_combos_have_their_codes(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C")
    put = bench.option("AAPL", 270.0, "P")
    other = bench.option("MSFT", 480.0, "C")

    def leg(contract: Contract, ratio: int = 1, action: str = "BUY", exchange: str = "SMART") -> (
        ComboLeg
    ):  # fmt: skip
        return ComboLeg(con_id=contract.con_id, ratio=ratio, action=action, exchange=exchange)

    blank = ComboLeg(con_id=0, ratio=1, action="BUY", exchange="SMART")
    unknown = ComboLeg(con_id=1, ratio=1, action="BUY", exchange="SMART")
    apple = bench.venue.contract_details(bench.stock("AAPL"))[0].contract  # type: ignore[index]
    cases = [
        (_legs(bench), 321),
        (_legs(bench, leg(call)), 312),
        (_legs(bench, *[leg(call)] * 5), 312),
        (_legs(bench, leg(call), leg(call)), 312),
        (_legs(bench, leg(call), leg(other)), 312),
        (_legs(bench, leg(call), unknown), 313),
        (_legs(bench, leg(call), blank), 314),
        (_legs(bench, leg(call), blank, leg(put)), 314),
        (_legs(bench, leg(call), leg(put, ratio=0)), 313),
        (_legs(bench, leg(call), leg(put, action="")), 313),
        (_legs(bench, leg(call), leg(apple, 100, "SELL", "NASDAQ")), 315),
        (_legs(bench, leg(call), leg(put), exchange="CBOE"), 315),
    ]
    for number, (combo, code) in enumerate(cases, start=1):
        bench.place(combo, "BUY", 1, limit_price=1.0, order_id=number)
        assert bench.errors()[-1] == (number, code)


def test_stock_pair_must_be_non_guaranteed(bench: Bench) -> None:
    two = [bench.venue.contract_details(bench.stock(s))[0].contract for s in ("AAPL", "MSFT")]  # type: ignore[index]
    pair = bench.combo("AAPL", (two[0], 1, "BUY"), (two[1], 1, "SELL"))
    waived = (("NonGuaranteed", "1"),)
    first = bench.place(pair, "BUY", 1, limit_price=-200.0, smart_combo_routing=waived)
    same = bench.combo("AAPL", (two[0], 1, "BUY"), (bench.option("AAPL", 270.0, "C"), 1, "SELL"))
    second = bench.place(same, "BUY", 1, limit_price=1.0)
    assert (bench.status(first), bench.status(second)) == ("Submitted", "Submitted")


def test_credit_spread_takes_a_negative_price(bench: Bench) -> None:
    near, far = bench.option("AAPL", 270.0, "C"), bench.option("AAPL", 280.0, "C")
    spread = bench.combo("AAPL", (near, 1, "SELL"), (far, 1, "BUY"))
    bid, ask = bench.quote(spread)
    assert bid < ask < 0
    order_id = bench.place(spread, "BUY", 1, limit_price=ask)
    bench.run(3.0)
    assert bench.status(order_id) == "Filled"


def test_price_signs_of_one_sided_combos_are_checked(bench: Bench) -> None:
    call, put = bench.option("AAPL", 270.0, "C"), bench.option("AAPL", 270.0, "P")
    short = bench.combo("AAPL", (call, 1, "SELL"), (put, 1, "SELL"))
    order_id = bench.place(short, "BUY", 1, limit_price=14.0)
    assert bench.errors() == [(order_id, 110)]
