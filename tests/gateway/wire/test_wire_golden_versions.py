"""Every reply, at every server version, is the frame that is kept in golden_replies.txt.

Field counts and ids come from ibkr-api.md 1.3 to 1.7. After a change that is meant, delete the file
and run this test once: it writes what the encoder says, to be read before it is committed.
"""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from dispersa.gateway import events
from dispersa.gateway import model as m
from dispersa.gateway.wire import order_replies, replies, ticks

VERSIONS = (157, 176, 178)
GOLDEN = Path(__file__).with_name("golden_replies.txt")
NOW = datetime(2026, 11, 20, 15, 0, 5, tzinfo=UTC)
OPTION = m.Contract(
    con_id=700001, symbol="AAPL", sec_type="OPT", last_trade_date="20261218", strike=270.0,
    right="C", multiplier="100", exchange="SMART", currency="USD",
    local_symbol="AAPL  261218C00270000", trading_class="AAPL",
)  # fmt: skip
STOCK = m.Contract(
    con_id=265598, symbol="AAPL", sec_type="STK", exchange="SMART", primary_exchange="NASDAQ",
    currency="USD", local_symbol="AAPL", trading_class="NMS",
)  # fmt: skip
BAG = m.Contract(
    symbol="AAPL", sec_type="BAG", exchange="SMART", currency="USD",
    combo_legs=(
        m.ComboLeg(con_id=700001, ratio=1, action="BUY", exchange="SMART"),
        m.ComboLeg(con_id=700002, ratio=2, action="SELL", exchange="SMART"),
    ),
)  # fmt: skip
ORDER = m.Order(
    action="BUY", quantity=Decimal(3), order_type="LMT", limit_price=-1.25, tif="DAY",
    account="DU1234567", order_ref="mine", smart_combo_routing=(("NonGuaranteed", "0"),),
)  # fmt: skip
WHAT_IF = m.OrderState(
    status="PreSubmitted", init_margin_before=0.0, maint_margin_before=0.0,
    equity_with_loan_before=50_000_000.0, init_margin_change=1234.5, maint_margin_change=1000.0,
    equity_with_loan_change=-2.1, init_margin_after=1234.5, maint_margin_after=1000.0,
    equity_with_loan_after=49_999_997.9, commission=2.1, min_commission=2.1, max_commission=2.1,
    commission_currency="USD",
)  # fmt: skip
EXECUTION = events.Execution(
    client_id=3, order_id=21, perm_id=900001, exec_id="0000e1a7.6882c67b.02.01", contract=OPTION,
    time=NOW, account="DU1234567", exchange="CBOE", side="BOT", shares=Decimal(3), price=5.2,
    cumulative_quantity=Decimal(3), average_price=5.2, order_ref="mine",
)  # fmt: skip
DETAILS = m.ContractDetails(
    contract=OPTION, market_name="AAPL", order_types="LMT,MKT", valid_exchanges="SMART,CBOE",
    under_con_id=265598, long_name="APPLE INC", contract_month="202612", under_symbol="AAPL",
    under_sec_type="STK", market_rule_ids="26,109", real_expiration_date="20261218",
    trading_hours="20261120:0930-20261120:1600;20261121:CLOSED",
    liquid_hours="20261120:0930-20261120:1600;20261121:CLOSED",
)  # fmt: skip
HELD = events.Position(
    account="DU1234567", contract=OPTION, quantity=Decimal(-2), average_cost=520.7
)
BARS = [
    m.Bar(start=NOW.replace(second=0), open=1.0, high=2.0, low=0.5, close=1.5, volume=300,
          wap=1.25, count=100)
]  # fmt: skip
DAILY = [m.Bar(start=date(2026, 11, 20), open=1.0, high=2.0, low=0.5, close=1.5)]
QUOTE = m.PastTick(time=NOW, price=5.1, size=10, ask=5.3, ask_size=20, exchange="CBOE")


def opened(contract: m.Contract, state: m.OrderState, **changes: object) -> events.OpenOrder:
    return events.OpenOrder(
        client_id=3, order_id=21, perm_id=900001, contract=contract,
        order=replace(ORDER, **changes), state=state,  # type: ignore[arg-type]
    )  # fmt: skip


def order_frames(version: int) -> dict[str, bytes]:
    works = m.OrderState(status="Submitted")
    done = events.CompletedOrder(
        order=opened(BAG, m.OrderState(status="Filled")), filled=Decimal(3), completed_time=NOW,
        completed_status="Filled Size: 3",
    )  # fmt: skip
    status = events.OrderStatus(
        client_id=3, order_id=21, perm_id=900001, status="Submitted", filled=Decimal(1),
        remaining=Decimal(2), average_fill_price=-1.25, last_fill_price=-1.25,
    )  # fmt: skip
    paid = events.CommissionReport(client_id=3, exec_id=EXECUTION.exec_id, commission=2.1)
    stock = opened(STOCK, works, limit_price=100.0, smart_combo_routing=())
    return {
        "openOrder of a stock": order_replies.open_order(stock, version),
        "openOrder of a bag": order_replies.open_order(opened(BAG, works), version),
        "openOrder of a what-if": order_replies.open_order(
            opened(BAG, WHAT_IF, what_if=True), version
        ),
        "completedOrder": order_replies.completed_order(done, version),
        "completedOrdersEnd": replies.COMPLETED_ORDERS_END,
        "openOrderEnd": replies.OPEN_ORDER_END,
        "orderStatus": order_replies.order_status(status),
        "execDetails": order_replies.execution(EXECUTION, -1, version),
        "execDetailsEnd": replies.end(55, 7),
        "commissionReport": order_replies.commission_report(paid),
        "commissionReport of a closing": order_replies.commission_report(
            replace(paid, realized_pnl=12.5)
        ),
        "orderBound": order_replies.order_bound(900001, 3, 21),
    }


def account_frames() -> dict[str, bytes]:
    value = events.AccountValue(
        account="DU1234567", key="NetLiquidation", value="50000000.00", currency="USD"
    )
    item = events.PortfolioItem(
        position=HELD, market_price=5.0, market_value=-1000.0, unrealized_pnl=41.4, realized_pnl=0.0
    )
    profit = events.Pnl(daily=1.5, unrealized=41.4, realized=None, position=Decimal(-2),
                        value=-1000.0)  # fmt: skip
    return {
        "managedAccounts": replies.managed_accounts(["DU1234567"]),
        "nextValidId": replies.next_valid_id(7),
        "currentTime": replies.current_time(NOW),
        "accountValue": replies.account_value(value),
        "portfolioValue": replies.portfolio_item(item),
        "accountTime": replies.account_time(NOW),
        "accountDownloadEnd": replies.account_download_end("DU1234567"),
        "accountUpdateMulti": replies.account_update_multi(7, value, "model"),
        "accountUpdateMultiEnd": replies.end(74, 7),
        "accountSummary": replies.account_summary(7, value),
        "accountSummaryEnd": replies.end(64, 7),
        "position": replies.position(HELD),
        "positionEnd": replies.POSITION_END,
        "positionMulti": replies.position_multi(7, HELD, "model"),
        "positionMultiEnd": replies.end(72, 7),
        "pnl": replies.pnl(7, profit),
        "pnlSingle": replies.pnl_single(7, profit),
    }


def data_frames(version: int) -> dict[str, bytes]:
    span = (NOW, NOW)
    greeks = m.TickOption(kind=13, implied_vol=0.25, delta=0.5, price=5.2, pv_dividend=0.1,
                          gamma=0.02, vega=0.3, theta=-0.1, under_price=270.0)  # fmt: skip
    steps = ((0.0, 0.05), (3.0, 0.1))
    rule = m.MarketRule(
        rule_id=32,
        increments=tuple(m.PriceIncrement(low_edge=low, increment=step) for low, step in steps),
    )
    chain = m.SecDefOptParams(
        exchange="SMART", under_con_id=265598, trading_class="AAPL", multiplier="100",
        expirations=("20261218", "20270115"), strikes=(265.0, 270.0),
    )  # fmt: skip
    line = m.Subscription(subscription_id=1, contract=STOCK, min_tick=0.01, bbo_exchange="9c0001")
    found = m.ContractDescription(contract=STOCK, derivative_sec_types=("OPT",),
                                  description="APPLE INC")  # fmt: skip
    return {
        "error": replies.error(21, 201, "Order rejected - reason:é", version, '{"a": 1}'),
        "contractDetails": replies.contract_details(7, DETAILS, version),
        "contractDetailsEnd": replies.end(52, 7),
        "secDefOptParam": replies.option_parameters(7, chain),
        "secDefOptParamEnd": replies.option_parameters_end(7),
        "symbolSamples": replies.symbol_samples(7, [found], version),
        "marketRule": replies.market_rule(rule),
        "smartComponents": replies.smart_components(
            7, [m.SmartComponent(bit=1, exchange="CBOE", letter="C")]
        ),
        "marketDataType": ticks.market_data_type(7, 3),
        "tickReqParams": ticks.tick_request_parameters(7, line),
        "tickPrice": ticks.tick(7, m.TickPrice(kind=1, price=5.1, size=10, attributes=1)),
        "tickPrice delayed": ticks.tick(7, m.TickPrice(kind=1, price=-1.0), delayed=True),
        "tickSize": ticks.tick(7, m.TickSize(kind=0, size=10)),
        "tickGeneric": ticks.tick(7, m.TickGeneric(kind=24, value=0.25)),
        "tickString": ticks.tick(7, m.TickString(kind=45, value="1795186805")),
        "tickOptionComputation": ticks.tick(7, greeks),
        "tickOptionComputation of nothing": ticks.tick(7, m.TickOption(kind=10)),
        "snapshotEnd": replies.end(57, 7),
        "historicalData": ticks.historical_data(7, BARS, span, version, epoch=False),
        "historicalData in epochs": ticks.historical_data(7, BARS, span, version, epoch=True),
        "historicalData by day": ticks.historical_data(7, DAILY, span, version, epoch=False),
        "historicalUpdate": ticks.historical_update(7, BARS[0], version, epoch=True),
        "headTimestamp": ticks.head_timestamp(7, NOW, epoch=False),
        "headTimestamp in epochs": ticks.head_timestamp(7, NOW, epoch=True),
        "historicalTicks": ticks.historical_ticks(7, "MIDPOINT", [QUOTE]),
        "historicalTicksBidAsk": ticks.historical_ticks(7, "BID_ASK", [QUOTE]),
        "historicalTicksLast": ticks.historical_ticks(7, "TRADES", [QUOTE]),
        "tickByTick of quotes": ticks.tick_by_tick_bid_ask(
            7, NOW, m.TickPrice(kind=1, price=5.1, size=10), m.TickPrice(kind=2, price=5.3, size=20)
        ),
        "tickByTick of middles": ticks.tick_by_tick_midpoint(7, NOW, 5.2),
        "tickByTick of trades": ticks.tick_by_tick_last(
            7, NOW, m.TickPrice(kind=4, price=5.2, size=3), all_trades=True
        ),
    }


def texts(frame: bytes) -> list[str]:
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    assert frame.endswith(b"\0")
    return frame[4:-1].decode("ascii").split("\0")


def encoded() -> dict[str, str]:
    """Return every frame by name and version, its fields joined by carets."""
    found = {}
    for version in VERSIONS:
        frames = order_frames(version) | account_frames() | data_frames(version)
        for name, frame in frames.items():
            found[f"{name} @{version}"] = "^".join(texts(frame))
    return found


def golden() -> dict[str, str]:
    if not GOLDEN.exists():
        GOLDEN.write_text("".join(f"{name}: {text}\n" for name, text in encoded().items()))
        pytest.fail(f"{GOLDEN.name} was missing and has been written; read it, then run again")
    lines = GOLDEN.read_text().splitlines()
    return {name: text for name, _, text in (line.partition(": ") for line in lines)}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_reply_is_the_kept_frame(version: int) -> None:
    kept = {name: text for name, text in golden().items() if name.endswith(f"@{version}")}
    assert {k: v for k, v in encoded().items() if k.endswith(f"@{version}")} == kept


def test_every_message_of_the_tables_is_kept() -> None:
    """The ids of ibkr-api.md 1.5 and 1.7."""
    ids = {int(text.split("^")[0]) for text in golden().values()}
    assert ids >= {
        15, 9, 4, 49, 6, 7, 8, 54, 73, 74, 63, 64, 61, 62, 71, 72, 10, 52, 75, 76, 93, 58, 81, 1, 2,
        45, 46, 21, 57, 17, 90, 88, 3, 5, 53, 11, 55, 59, 101, 102, 94, 95, 100, 96, 97, 98, 99,
    }  # fmt: skip


def test_field_counts_are_those_that_were_observed() -> None:
    """ibkr-api.md: fact 3 of section 0, and the exact counts that ib_async enforces (1.3)."""
    counts = {name: text.count("^") + 1 for name, text in golden().items()}
    for version, count in ((178, 153), (176, 154), (157, 146)):
        assert counts[f"openOrder of a bag @{version}"] == count
        for name, exact in (
            ("tickPrice", 7), ("portfolioValue", 20), ("nextValidId", 3), ("managedAccounts", 3),
            ("tickOptionComputation", 12), ("commissionReport", 8), ("position", 16),
            ("positionMulti", 18),
        ):  # fmt: skip
            assert counts[f"{name} @{version}"] == exact


def test_versions_differ_only_where_the_ladder_says() -> None:
    """Section 1.8: 164 details, 166 reject JSON, 170 peg fields, 174 zones, 176, 177, 178."""
    kept = golden()
    names = {name.rpartition(" @")[0] for name in kept}
    older = {n for n in names if kept[f"{n} @157"] != kept[f"{n} @178"]}
    newer = {n for n in names if kept[f"{n} @176"] != kept[f"{n} @178"]}
    orders = {"openOrder of a stock", "openOrder of a bag", "openOrder of a what-if",
              "completedOrder"}  # fmt: skip
    assert newer == orders | {"execDetails"}
    assert older - newer == {
        "error", "contractDetails", "symbolSamples", "historicalData",
        "historicalData in epochs", "historicalData by day",
    }  # fmt: skip
