"""ib_async's decoder, fed by our encoder at every version, sees what we meant and logs nothing."""

import logging
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from ib_async import IB
from ib_async.decoder import Decoder

from dispersa.gateway import events
from dispersa.gateway import model as m
from dispersa.gateway.wire import order_replies, replies, ticks

VERSIONS = [157, 176, 178]
NOW = datetime(2026, 11, 20, 15, 0, 0, tzinfo=UTC)


class Listener:
    """Keeps what the decoder calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.ib = IB()
        self.defaultTimezone = UTC

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args: self.calls.append((name, args))


def heard(
    frame: bytes, version: int, caplog: pytest.LogCaptureFixture
) -> list[tuple[str, tuple[Any, ...]]]:
    listener = Listener()
    decoder = Decoder(listener, version)
    decoder.wrapper = listener
    with caplog.at_level(logging.DEBUG):
        decoder.interpret(frame[4:-1].decode("ascii").split("\0"))
    assert caplog.records == []
    return listener.calls


OPTION = m.Contract(
    con_id=700001,
    symbol="AAPL",
    sec_type="OPT",
    last_trade_date="20261218",
    strike=270.0,
    right="C",
    multiplier="100",
    exchange="SMART",
    currency="USD",
    local_symbol="AAPL  261218C00270000",
    trading_class="AAPL",
)
BAG = m.Contract(
    symbol="AAPL",
    sec_type="BAG",
    exchange="SMART",
    currency="USD",
    combo_legs=(
        m.ComboLeg(con_id=700001, ratio=1, action="BUY", exchange="SMART"),
        m.ComboLeg(con_id=700002, ratio=2, action="SELL", exchange="SMART"),
    ),
)


def _open_order(order: m.Order, state: m.OrderState, contract: m.Contract) -> events.OpenOrder:
    return events.OpenOrder(
        client_id=3, order_id=21, perm_id=900001, contract=contract, order=order, state=state
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_open_bag_order(version: int, caplog: pytest.LogCaptureFixture) -> None:
    order = m.Order(
        action="SELL",
        quantity=Decimal(3),
        order_type="LMT",
        limit_price=-1.25,
        tif="GTC",
        account="DU1",
        order_ref="ref é",
        smart_combo_routing=(("NonGuaranteed", "0"),),
        algo_strategy="Adaptive",
        algo_params=(("adaptivePriority", "Normal"),),
        conditions=(("1", "a", "1", "270.5", "265598", "SMART", "0"), ("3", "o", "1", "20261120")),
        what_if=True,
        echo={"scale_price_increment": "0.5", "hedge_type": "D", "hedge_param": "1"},
    )
    state = m.OrderState(
        status="PreSubmitted",
        init_margin_change=1234.5,
        commission=2.1,
        commission_currency="USD",
        warning_text="careful",
    )
    ((name, args),) = heard(
        order_replies.open_order(_open_order(order, state, BAG), version), version, caplog
    )
    _, contract, seen, seen_state = args
    assert name == "openOrder"
    assert [(g.conId, g.ratio, g.action) for g in contract.comboLegs] == [
        (700001, 1, "BUY"),
        (700002, 2, "SELL"),
    ]
    assert contract.comboLegsDescrip == "700001|1,700002|-2"
    # As in a combo's openOrder recorded from a real server (public fixtures of ib-ruby).
    assert (contract.conId, contract.localSymbol) == (28812380, "28812380")
    assert contract.tradingClass == "COMB"
    assert (seen.orderId, seen.clientId, seen.permId) == (21, 3, 900001)
    assert (seen.action, seen.totalQuantity, seen.lmtPrice, seen.tif) == ("SELL", 3.0, -1.25, "GTC")
    assert (seen.algoStrategy, seen.algoParams[0].value) == ("Adaptive", "Normal")
    assert [type(c).__name__ for c in seen.conditions] == ["PriceCondition", "TimeCondition"]
    assert (seen.scalePriceIncrement, seen.hedgeType, seen.hedgeParam) == (0.5, "D", "1")
    assert (seen.whatIf, seen.deltaNeutralOrderType) == (True, "None")
    assert (seen_state.status, seen_state.initMarginChange) == ("PreSubmitted", "1234.5")
    assert (seen_state.commission, seen_state.warningText) == (2.1, "careful")
    assert seen_state.initMarginAfter == "1.7976931348623157E308"


@pytest.mark.parametrize("version", VERSIONS)
def test_completed_order(version: int, caplog: pytest.LogCaptureFixture) -> None:
    order = m.Order(
        action="BUY", quantity=Decimal(5), order_type="MKT", account="DU1", order_ref="r1"
    )
    completed = events.CompletedOrder(
        order=_open_order(order, m.OrderState(status="Filled"), OPTION),
        filled=Decimal(5),
        completed_time=NOW,
        completed_status="Filled Size: 5",
    )
    ((name, args),) = heard(order_replies.completed_order(completed, version), version, caplog)
    contract, seen, state = args
    assert name == "completedOrder"
    assert (contract.conId, contract.strike, contract.right) == (700001, 270.0, "C")
    assert (seen.permId, seen.orderRef, seen.filledQuantity) == (900001, "r1", 5.0)
    assert (state.status, state.completedStatus) == ("Filled", "Filled Size: 5")
    assert state.completedTime == "20261120 10:00:00 US/Eastern"


@pytest.mark.parametrize("version", VERSIONS)
def test_bag_execution_and_commission(version: int, caplog: pytest.LogCaptureFixture) -> None:
    execution = events.Execution(
        client_id=3,
        order_id=21,
        perm_id=900001,
        exec_id="0000e1a7.6882c67b.01.01",
        contract=m.Contract(
            con_id=m.BAG_CON_ID, symbol="AAPL", sec_type="BAG", exchange="SMART", currency="USD"
        ),
        time=NOW,
        account="DU1",
        exchange="SMART",
        side="SLD",
        shares=Decimal(3),
        price=-1.25,
        cumulative_quantity=Decimal(3),
        average_price=-1.25,
    )
    if version < 174:
        return  # the old text carries no zone, which ib_async needs a setting for
    ((name, args),) = heard(order_replies.execution(execution, -1, version), version, caplog)
    _, contract, seen = args
    assert name == "execDetails"
    assert (contract.secType, contract.conId) == ("BAG", m.BAG_CON_ID)
    assert (seen.price, seen.shares, seen.side, seen.time) == (-1.25, 3.0, "SLD", NOW)


def test_commission(caplog: pytest.LogCaptureFixture) -> None:
    report = events.CommissionReport(client_id=3, exec_id="x.02.01", commission=1.05)
    ((name, args),) = heard(order_replies.commission_report(report), 178, caplog)
    assert (name, args[0].commission, args[0].realizedPNL) == (
        "commissionReport",
        1.05,
        1.7976931348623157e308,
    )


@pytest.mark.parametrize("version", [*VERSIONS, 163, 164])
def test_contract_details(version: int, caplog: pytest.LogCaptureFixture) -> None:
    details = m.ContractDetails(
        contract=OPTION,
        market_name="AAPL",
        min_tick=0.01,
        order_types="LMT,MKT",
        valid_exchanges="SMART,CBOE",
        under_con_id=265598,
        long_name="APPLE INC é",
        contract_month="202612",
        last_trade_time="16:00",
        sec_ids=(("ISIN", "US0378331005"),),
        trading_hours="20261123:0930-20261123:1600;20261124:CLOSED",
        liquid_hours="20261123:0930-20261123:1600;20261124:CLOSED",
        under_symbol="AAPL",
        under_sec_type="STK",
        market_rule_ids="32,109",
        real_expiration_date="20261218",
    )
    ((name, args),) = heard(replies.contract_details(5, details, version), version, caplog)
    seen = args[1]
    assert (name, args[0]) == ("contractDetails", 5)
    assert seen.contract.lastTradeDateOrContractMonth == "20261218"
    assert (seen.lastTradeTime, seen.longName) == ("16:00", "APPLE INC é")
    assert (seen.contract.conId, seen.contract.strike, seen.minTick) == (700001, 270.0, 0.01)
    assert (seen.marketRuleIds, seen.underConId) == ("32,109", 265598)
    assert (seen.secIdList[0].value, seen.realExpirationDate) == ("US0378331005", "20261218")
    if version >= 164:
        assert (seen.minSize, seen.sizeIncrement) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("tick", "name", "tail"),
    [
        (m.TickPrice(kind=1, price=1.25, size=10), "priceSizeTick", (1, 1.25, 10.0)),
        (m.TickPrice(kind=2, price=-1.0, size=0), "priceSizeTick", (2, -1.0, 0.0)),
        (m.TickSize(kind=8, size=12345678), "tickSize", (8, 12345678.0)),
        (m.TickGeneric(kind=24, value=0.2512), "tickGeneric", (24, 0.2512)),
        (m.TickString(kind=45, value="1763650800"), "tickString", (45, "1763650800")),
        (
            m.TickOption(kind=13, implied_vol=0.25, delta=0.5, price=3.0, gamma=0.01, vega=0.2),
            "tickOptionComputation",
            (13, 1, 0.25, 0.5, 3.0, -1.0, 0.01, 0.2, -2.0, -1.0),
        ),
    ],
)
def test_ticks(
    tick: m.Tick, name: str, tail: tuple[object, ...], caplog: pytest.LogCaptureFixture
) -> None:
    ((found, args),) = heard(ticks.tick(9, tick), 178, caplog)
    assert (found, args) == (name, (9, *tail))


def test_delayed_ticks_have_kinds_of_their_own(caplog: pytest.LogCaptureFixture) -> None:
    ((_, args),) = heard(ticks.tick(9, m.TickOption(kind=13), delayed=True), 178, caplog)
    assert args[1] == 83
    ((_, args),) = heard(ticks.tick(9, m.TickPrice(kind=1, price=1.0), delayed=True), 178, caplog)
    assert args[1] == 66


@pytest.mark.parametrize("version", VERSIONS)
def test_bars(version: int, caplog: pytest.LogCaptureFixture) -> None:
    bars = [
        m.Bar(
            start=date(2026, 11, 19), open=1, high=4, low=0.5, close=2, volume=9, wap=1.5, count=3
        ),
        m.Bar(start=NOW, open=1, high=4, low=0.5, close=2),
    ]
    frame = ticks.historical_data(7, bars, (NOW, NOW), version, epoch=False)
    calls = heard(frame, version, caplog)
    assert [name for name, _ in calls] == ["historicalData", "historicalData", "historicalDataEnd"]
    first, second = calls[0][1][1], calls[1][1][1]
    assert (first.date, first.volume, first.average, first.barCount) == ("20261119", 9.0, 1.5, 3)
    assert (first.open, first.high, first.low, first.close) == (1.0, 4.0, 0.5, 2.0)
    assert (second.volume, second.average, second.barCount) == (-1.0, -1.0, -1)
    ((_, args),) = heard(ticks.historical_update(7, bars[0], version, epoch=False), version, caplog)
    assert (args[1].open, args[1].high, args[1].low, args[1].close) == (1.0, 4.0, 0.5, 2.0)


def test_account_messages(caplog: pytest.LogCaptureFixture) -> None:
    held = events.Position(
        account="DU1", contract=OPTION, quantity=Decimal(-4), average_cost=1234.56
    )
    item = events.PortfolioItem(
        position=held,
        market_price=12.5,
        market_value=-5e7,
        unrealized_pnl=-61.76,
        realized_pnl=0.0,
    )
    value = events.AccountValue(account="DU1", key="NetLiquidation", value="100.00", currency="USD")
    profit = events.Pnl(daily=1.0, unrealized=None, realized=2.0, position=Decimal(3), value=4.0)
    unset = 1.7976931348623157e308
    for frame, name, tail in (
        (replies.position(held), "position", (-4.0, 1234.56)),
        (replies.position_multi(3, held, ""), "positionMulti", (-4.0, 1234.56)),
        (replies.portfolio_item(item), "updatePortfolio", (1234.56, -61.76, 0.0, "DU1")),
        (replies.account_value(value), "updateAccountValue", ("100.00", "USD", "DU1")),
        (replies.account_summary(3, value), "accountSummary", ("NetLiquidation", "100.00", "USD")),
        (replies.account_update_multi(3, value, ""), "accountUpdateMulti", ("100.00", "USD")),
        (replies.pnl(3, profit), "pnl", (1.0, unset, 2.0)),
        (replies.pnl_single(3, profit), "pnlSingle", (3.0, 1.0, unset, 2.0, 4.0)),
        (replies.end(52, 3), "contractDetailsEnd", (3,)),
        (replies.end(55, 3), "execDetailsEnd", (3,)),
        (replies.end(57, 3), "tickSnapshotEnd", (3,)),
        (replies.end(64, 3), "accountSummaryEnd", (3,)),
        (replies.end(72, 3), "positionMultiEnd", (3,)),
        (replies.end(74, 3), "accountUpdateMultiEnd", (3,)),
        (replies.option_parameters_end(3), "securityDefinitionOptionParameterEnd", (3,)),
        (replies.POSITION_END, "positionEnd", ()),
        (replies.OPEN_ORDER_END, "openOrderEnd", ()),
        (replies.COMPLETED_ORDERS_END, "completedOrdersEnd", ()),
        (replies.account_download_end("DU1"), "accountDownloadEnd", ("DU1",)),
        (replies.account_time(NOW), "updateAccountTime", ("10:00",)),
        (replies.current_time(NOW), "currentTime", (int(NOW.timestamp()),)),
        (replies.error(7, 110, "bad é", 178), "error", (7, 110, "bad \\u00E9", "")),
        (order_replies.order_bound(1, 2, 3), "orderBound", (1, 2, 3)),
    ):
        ((found, args),) = heard(frame, 178, caplog)
        assert found == name
        assert args[len(args) - len(tail) :] == tail


def test_reference_messages(caplog: pytest.LogCaptureFixture) -> None:
    chain = m.SecDefOptParams(
        exchange="SMART",
        under_con_id=265598,
        trading_class="AAPL",
        multiplier="100",
        expirations=("20261218", "20270115"),
        strikes=(270.0, 272.5),
    )
    ((_, args),) = heard(replies.option_parameters(4, chain), 178, caplog)
    assert args[1:] == (
        "SMART", "265598", "AAPL", "100", ["20261218", "20270115"], [270.0, 272.5],
    )  # fmt: skip
    rule = m.MarketRule(
        rule_id=109,
        increments=(
            m.PriceIncrement(low_edge=0.0, increment=0.05),
            m.PriceIncrement(low_edge=3.0, increment=0.1),
        ),
    )
    ((_, args),) = heard(replies.market_rule(rule), 178, caplog)
    assert [(step.lowEdge, step.increment) for step in args[1]] == [(0.0, 0.05), (3.0, 0.1)]
    part = m.SmartComponent(bit=1, exchange="CBOE", letter="C")
    ((_, args),) = heard(replies.smart_components(4, [part]), 178, caplog)
    assert (args[1][0].bitNumber, args[1][0].exchange) == (1, "CBOE")
    hit = m.ContractDescription(
        contract=OPTION, derivative_sec_types=("OPT", "BAG"), description="APPLE INC"
    )
    for version in VERSIONS:
        ((_, args),) = heard(replies.symbol_samples(4, [hit], version), version, caplog)
        assert args[1][0].derivativeSecTypes == ["OPT", "BAG"]
