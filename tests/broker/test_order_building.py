"""What goes on the wire for every kind of order that dispersa can send, field by field."""

from dataclasses import fields, replace
from decimal import Decimal

import pytest
from ib_async.contract import ComboLeg, Contract
from ib_async.order import Order

from dispersa.broker.ibkr.order_building import (
    contract_for,
    contract_to_amend,
    echo_differences,
    order_for,
    preview_of,
)
from dispersa.errors import InvalidInput
from dispersa.market import ConId, Right, Side, Symbol, UnderlyingKind
from dispersa.orders import Combo, Leg, Purpose, straddle_combo

from .builders import (
    ACCOUNT,
    CALL_ID,
    PUT_ID,
    REF,
    STOCK,
    STRADDLE,
    approved,
    bag,
    echo,
    one_leg,
    option,
)


def changed_fields(order: Order) -> dict[str, object]:
    plain = Order()
    return {
        field.name: getattr(order, field.name)
        for field in fields(Order)
        if getattr(order, field.name) != getattr(plain, field.name)
        and field.name != "softDollarTier"
    }


def test_straddle_bought_is_a_smart_bag_with_both_legs_bought() -> None:
    contract = contract_for(straddle_combo(STRADDLE))
    leg = ComboLeg(
        ratio=1,
        action="BUY",
        exchange="SMART",
        openClose=0,
        shortSaleSlot=0,
        designatedLocation="",
        exemptCode=-1,
    )
    assert contract == Contract(
        secType="BAG",
        symbol="AAPL",
        exchange="SMART",
        currency="USD",
        comboLegs=[replace(leg, conId=CALL_ID), replace(leg, conId=PUT_ID)],
    )


def test_straddle_order_sets_exactly_these_fields() -> None:
    order = order_for(approved(), order_id=41, client_id=12)
    assert changed_fields(order) == {
        "orderId": 41,
        "clientId": 12,
        "action": "BUY",
        "totalQuantity": 3,
        "orderType": "LMT",
        "lmtPrice": 12.35,
        "tif": "DAY",
        "orderRef": REF,
        "account": ACCOUNT,
    }
    assert order.transmit is True
    assert order.openClose == "O"
    assert order.smartComboRoutingParams == []
    assert order.orderComboLegs == []
    assert order.outsideRth is False
    assert order.whatIf is False


def test_straddle_sold_is_a_sale_of_the_same_bag_at_a_positive_price() -> None:
    sale = approved(side=Side.SELL)
    assert contract_for(sale.intent.combo) == contract_for(approved().intent.combo)
    order = order_for(sale, order_id=1, client_id=12)
    assert (order.action, order.lmtPrice) == ("SELL", 12.35)


def test_closing_order_says_that_it_closes() -> None:
    order = order_for(approved(purpose=Purpose.REDUCE), order_id=1, client_id=12)
    assert order.openClose == "C"


def test_credit_combo_bought_has_a_negative_price() -> None:
    order = order_for(approved(limit="-1.25"), order_id=1, client_id=12)
    assert order.lmtPrice == -1.25


def test_zero_is_a_price() -> None:
    assert order_for(approved(limit="0"), order_id=1, client_id=12).lmtPrice == 0


def test_single_option_is_a_plain_order_pinned_by_its_id() -> None:
    assert contract_for(one_leg(option(Right.PUT, PUT_ID))) == Contract(
        secType="OPT",
        conId=PUT_ID,
        symbol="AAPL",
        lastTradeDateOrContractMonth="20261218",
        strike=272.5,
        right="P",
        multiplier="100",
        exchange="SMART",
        currency="USD",
        tradingClass="AAPL",
    )


def test_hedge_in_stock_is_a_plain_smart_order() -> None:
    assert contract_for(one_leg(STOCK)) == Contract(
        secType="STK",
        conId=700,
        symbol="AAPL",
        exchange="SMART",
        primaryExchange="NASDAQ",
        currency="USD",
    )


def test_ratio_and_sides_of_legs_reach_the_bag() -> None:
    combo = Combo(
        legs=(
            Leg(contract=STRADDLE.call, side=Side.BUY, ratio=1),
            Leg(contract=STRADDLE.put, side=Side.SELL, ratio=2),
        )
    )
    legs = contract_for(combo).comboLegs
    assert [(leg.conId, leg.action, leg.ratio) for leg in legs] == [
        (CALL_ID, "BUY", 1),
        (PUT_ID, "SELL", 2),
    ]


def test_index_itself_is_refused() -> None:
    index = replace(STOCK, kind=UnderlyingKind.INDEX, symbol=Symbol("SPX"), con_id=ConId(9))
    with pytest.raises(InvalidInput, match="can not be traded"):
        contract_for(one_leg(index))


def test_plain_order_with_a_sold_leg_is_refused() -> None:
    combo = Combo(legs=(Leg(contract=STRADDLE.call, side=Side.SELL),))
    with pytest.raises(InvalidInput, match="one leg"):
        contract_for(combo)


def test_what_if_differs_in_nothing_but_the_flag() -> None:
    order = order_for(approved(), order_id=41, client_id=12)
    preview = preview_of(order)
    assert changed_fields(preview) == {**changed_fields(order), "whatIf": True}
    assert order.whatIf is False


def test_amend_sends_the_echoed_bag_without_class_local_symbol_and_question_mark() -> None:
    contract = contract_to_amend(bag())
    assert contract.conId == 28812380
    assert [leg.conId for leg in contract.comboLegs] == [PUT_ID, CALL_ID]
    assert (contract.right, contract.localSymbol, contract.tradingClass) == ("", "", "")


def test_amend_of_a_plain_option_keeps_its_local_symbol() -> None:
    plain = Contract(secType="OPT", conId=1, right="C", localSymbol="AAPL  261218C00272500")
    assert contract_to_amend(plain).localSymbol == plain.localSymbol


def test_faithful_echo_has_no_differences() -> None:
    line = echo()
    assert echo_differences(approved(), line.contract, line.order) == ()


def test_echo_with_side_and_all_legs_flipped_is_the_same_order() -> None:
    flipped = bag()
    flipped.comboLegs = [replace(leg, action="SELL") for leg in flipped.comboLegs]
    line = echo(contract=flipped, action="SELL")
    assert echo_differences(approved(), line.contract, line.order) == ()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"totalQuantity": 4.0}, "quantity"),
        ({"tif": "GTC"}, "time in force"),
        ({"orderType": "MKT"}, "order type"),
        ({"action": "SELL"}, "legs"),
        ({"account": "DU7654321"}, "account"),
    ],
)
def test_echo_of_another_order_is_named(change: dict[str, object], field: str) -> None:
    line = echo(**change)
    (found,) = echo_differences(approved(), line.contract, line.order)
    assert found.startswith(field)


def test_echo_with_another_leg_ratio_is_named() -> None:
    other = bag()
    other.comboLegs[0].ratio = 2
    (found,) = echo_differences(approved(), other, echo().order)
    assert found.startswith("legs")


def test_limit_price_crosses_exactly() -> None:
    for cents in range(1, 3000, 7):
        limit = Decimal(cents) / 100
        order = order_for(approved(limit=str(limit)), order_id=1, client_id=12)
        assert Decimal(repr(order.lmtPrice)) == limit
