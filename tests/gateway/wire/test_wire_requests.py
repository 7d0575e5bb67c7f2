"""Requests as clients of each generation send them, worked out by hand from the tables."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.gateway.model import ComboLeg, Contract
from dispersa.gateway.wire import requests as r
from dispersa.gateway.wire.decode import decode, request_id_of
from dispersa.gateway.wire.fields import MalformedField

E308 = "1.7976931348623157e+308"
C12 = ["265598", "AAPL", "STK", "", "0.0", "", "", "SMART", "NASDAQ", "USD", "AAPL", "NMS"]
AAPL = Contract(
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    primary_exchange="NASDAQ",
    currency="USD",
    local_symbol="AAPL",
    trading_class="NMS",
)


def payload(*fields: str) -> bytes:
    return "".join(f"{field}\0" for field in fields).encode()


@pytest.mark.parametrize(
    ("fields", "request_"),
    [
        (["71", "2", "7", ""], r.StartApi(client_id=7)),
        (["8", "1", "1"], r.Plain.NEXT_ID),
        (["17", "1"], r.Plain.MANAGED_ACCOUNTS),
        (["49", "1"], r.Plain.CURRENT_TIME),
        (["14", "1", "2"], r.Plain.SET_LOG_LEVEL),
        (["59", "1", "3"], r.SetMarketDataType(kind=3)),
        (["61", "1"], r.Plain.POSITIONS),
        (["64", "1"], r.Plain.CANCEL_POSITIONS),
        (
            ["62", "1", "9", "All", "NetLiquidation,$LEDGER"],
            r.AccountSummary(request_id=9, group="All", tags="NetLiquidation,$LEDGER"),
        ),
        (["63", "1", "9"], r.Cancel(what=r.Cancelable.ACCOUNT_SUMMARY, request_id=9)),
        (["6", "2", "1", "DU1"], r.AccountUpdates(subscribe=True, account="DU1")),
        (
            ["76", "1", "9", "DU1", "", "0"],
            r.AccountUpdatesMulti(request_id=9, account="DU1", model="", ledger_and_nlv=False),
        ),
        (["74", "1", "9", "DU1", ""], r.PositionsMulti(request_id=9, account="DU1", model="")),
        (
            ["78", "9", "SPY", "", "STK", "756733"],
            r.GetOptionParameters(
                request_id=9, symbol="SPY", exchange="", sec_type="STK", con_id=756733
            ),
        ),
        (["81", "9", "APP"], r.GetMatchingSymbols(request_id=9, pattern="APP")),
        (["83", "9", "a6"], r.GetSmartComponents(request_id=9, bbo_exchange="a6")),
        (["91", "26"], r.GetMarketRule(rule_id=26)),
        (["2", "2", "9"], r.Cancel(what=r.Cancelable.MARKET_DATA, request_id=9)),
        (["98", "9"], r.Cancel(what=r.Cancelable.TICK_BY_TICK, request_id=9)),
        (
            ["97", "9", *C12, "BidAsk", "0", "1"],
            r.TickByTick(request_id=9, contract=AAPL, kind="BidAsk"),
        ),
        (["58", "1"], r.Plain.GLOBAL_CANCEL),
        (["5", "1"], r.Plain.OPEN_ORDERS),
        (["16", "1"], r.Plain.ALL_OPEN_ORDERS),
        (["15", "1", "1"], r.AutoOpenOrders(bind=True)),
        (["99", "0"], r.CompletedOrders(api_only=False)),
        (["4", "1", "12", ""], r.CancelOrder(order_id=12)),
        (["4", "1", "12"], r.CancelOrder(order_id=12)),
        (["92", "9", "DU1", ""], r.SubscribePnl(request_id=9, account="DU1")),
        (
            ["94", "9", "DU1", "", "265598"],
            r.SubscribePnlSingle(request_id=9, account="DU1", con_id=265598),
        ),
        (
            ["54", "3", "9", *C12, "2.5", "100.0", "0", ""],
            r.CalculateImpliedVol(request_id=9, contract=AAPL, option_price=2.5, under_price=100.0),
        ),
        (["9999", "1"], r.Unknown(message_id="9999")),
        (["hello"], r.Unknown(message_id="hello")),
    ],
)
def test_request_is_understood(fields: list[str], request_: r.Request) -> None:
    assert decode(payload(*fields), 178) == request_


def test_market_data_of_a_bag_brings_its_legs() -> None:
    bag = ["", "SPY", "BAG", "", "", "", "", "SMART", "", "USD", "", ""]
    legs = ["2", "11", "1", "BUY", "SMART", "12", "2", "SELL", "SMART"]
    found = decode(payload("1", "11", "5", *bag, *legs, "0", "106,mdoff", "0", "0", ""), 178)
    assert isinstance(found, r.MarketData)
    assert found.contract.combo_legs == (
        ComboLeg(con_id=11, ratio=1, action="BUY", exchange="SMART"),
        ComboLeg(con_id=12, ratio=2, action="SELL", exchange="SMART"),
    )
    assert found.generic_ticks == (106,)


def test_historical_data_reads_time_and_format() -> None:
    tail = ["0", "20261120-21:00:00", "1 day", "10 D", "1", "TRADES", "2", "0", ""]
    found = decode(payload("20", "7", *C12, *tail), 178)
    assert found == r.HistoricalData(
        request_id=7,
        contract=AAPL,
        end=datetime(2026, 11, 20, 21, tzinfo=UTC),
        bar_size="1 day",
        duration="10 D",
        regular_hours=True,
        what="TRADES",
        epoch_dates=True,
        keep_up_to_date=False,
    )


def test_contract_details_ask_for_the_issuer_from_version_176() -> None:
    head = ["9", "8", "3", *C12, "0", "ISIN", "US0378331005"]
    old, new = decode(payload(*head), 157), decode(payload(*head, "e123"), 176)
    assert isinstance(old, r.GetContractDetails)
    assert isinstance(new, r.GetContractDetails)
    assert (old.contract.sec_id, new.contract.issuer_id) == ("US0378331005", "e123")


def test_executions_with_an_empty_filter_mean_all() -> None:
    found = decode(payload("7", "3", "4", "0", "", "", "", "", "", ""), 178)
    assert isinstance(found, r.Executions)
    assert found.filter.since is None
    assert found.filter.client_id == 0


@pytest.mark.parametrize("action", ["0", "3", ""])
def test_exercise_action_is_one_or_two(action: str) -> None:
    c11 = ["1", "AAPL", "OPT", "20261218", "100.0", "C", "100", "AMEX", "USD", "", ""]
    with pytest.raises(MalformedField, match="exercise"):
        decode(payload("21", "2", "9", *c11, action, "1", "DU1", "0"), 178)


def _bag_order(version: int, *, unset: str, routing: bool) -> list[str]:
    """A two-leg BAG limit order, field by field from the table of placeOrder."""
    fields = ["3", "21", "0", "SPY", "BAG", "", "0.0", "", "", "SMART", "", "USD", "", "", "", ""]
    fields += ["BUY", "3", "LMT", "-1.25", unset, "DAY", "", "DU1", "O", "0", "ref-1", "1", "0"]
    fields += ["0", "0", "0", "0", "0", "0"]  # block, sweep, display, trigger, outside, hidden
    for con_id, action in (("11", "BUY"), ("12", "SELL")):
        fields += [con_id, "1", action, "SMART", "0", "0", "", "-1"]
    fields[35:35] = ["2"]
    fields += ["0", *(["1", "NonGuaranteed", "0"] if routing else ["0"])]
    fields += ["", "0.0", "", "", "", "", ""]
    fields += [""] if version < 177 else []
    fields += ["", "0", "", "-1", "0", "", "", "0", unset, unset, "0", "0", unset]
    fields += ["0", unset, unset, unset, unset, unset, "0", unset, unset, "", unset]
    fields += ["0", unset, unset, unset, unset, unset, unset, "", "", "", ""]
    fields += ["0", "", "", "0", "0", "", "", "0", "", "0", "0", "0", "0"]
    fields += ["", E308, E308, E308, E308, E308, "0", "", "", "", E308, "", "", "", "", "0", "0"]
    fields += ["0", ""]
    tail = [(158, "2147483647"), (160, "2147483647"), (162, "0"), (166, ""), (169, "")]
    return fields + [text for since, text in tail if version >= since]


# Totals that were observed on the wire (ibkr-api.md 1.6).
@pytest.mark.parametrize(
    ("version", "routing", "total"),
    [(178, True, 135), (176, True, 136), (157, False, 129), (178, False, 133)],
)
def test_bag_order_has_the_observed_number_of_fields(
    version: int, routing: bool, total: int
) -> None:
    assert len(_bag_order(version, unset="", routing=routing)) == total


@pytest.mark.parametrize("unset", ["", E308, "1.7976931348623157E308"])
@pytest.mark.parametrize("version", [157, 176, 178])
def test_bag_order_is_understood_at_every_version(version: int, unset: str) -> None:
    fields = _bag_order(version, unset=unset, routing=True)
    found = decode(payload(*fields), version)
    assert isinstance(found, r.PlaceOrder)
    assert found.order_id == 21
    assert [(leg.con_id, leg.action) for leg in found.contract.combo_legs] == [
        (11, "BUY"),
        (12, "SELL"),
    ]
    order = found.order
    assert (order.action, order.quantity, order.order_type) == ("BUY", Decimal(3), "LMT")
    assert (order.limit_price, order.aux_price) == (-1.25, None)
    assert (order.tif, order.account, order.order_ref) == ("DAY", "DU1", "ref-1")
    assert order.transmit
    assert not order.what_if
    assert order.smart_combo_routing == (("NonGuaranteed", "0"),)
    assert not order.is_non_guaranteed
    assert order.min_quantity is None


def test_truncated_orders_are_malformed_at_every_length() -> None:
    whole = _bag_order(178, unset="", routing=True)
    for length in range(1, len(whole)):
        with pytest.raises(MalformedField):
            decode(payload(*whole[:length]), 178)


def test_request_id_of_an_unreadable_message_is_found() -> None:
    assert request_id_of(payload("3", "21", "not a number")) == 21
    assert request_id_of(payload("1", "11", "5", "x")) == 5
    assert request_id_of(payload("61", "1")) == -1
    assert request_id_of(b"") == -1
    assert request_id_of(payload("3", "x")) == -1


_IDS = [1, 2, 3, 4, 6, 7, 9, 15, 20, 21, 54, 55, 59, 62, 71, 74, 76, 78, 81, 83, 87, 91, 92, 94]
_IDS += [96, 97, 98, 99]


@given(
    number=st.sampled_from(_IDS),
    fields=st.lists(st.one_of(st.integers(-5, 9).map(str), st.text(max_size=8)), max_size=40),
    version=st.sampled_from([157, 176, 178]),
)
def test_any_fields_are_understood_or_malformed(
    number: int, fields: list[str], version: int
) -> None:
    message = "".join(f"{field}\0" for field in [str(number), *fields]).encode("utf-8", "replace")
    try:
        decode(message, version)
    except MalformedField:
        assert request_id_of(message) >= -(10**19)


@pytest.mark.parametrize(("place", "name"), [(17, "quantity"), (19, "limit_price"), (6, "strike")])
def test_infinity_is_malformed_where_it_has_no_meaning(place: int, name: str) -> None:
    fields = _bag_order(178, unset="", routing=True)
    fields[place] = "Infinity"
    with pytest.raises(MalformedField, match="infinity"):
        decode(payload(*fields), 178)


def test_peg_best_reads_infinity_as_up_to_mid_and_two_more_offsets() -> None:
    fields = _bag_order(178, unset="", routing=True)
    fields[18] = "PEG BEST"
    found = decode(payload(*fields, "100", "Infinity", "0.02", "0.01"), 178)
    assert isinstance(found, r.PlaceOrder)
    assert found.order.echo["compete_against_best_offset"] == "Infinity"
    assert found.order.echo["mid_offset_at_half"] == "0.01"
