"""Hours, bars, classes, accounts, rules and definitions as the broker tells them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from ib_async.contract import Contract, ContractDetails
from ib_async.objects import AccountValue, BarData, OptionChain, PriceIncrement
from ib_async.objects import Position as PositionRow
from ib_async.util import UNSET_DOUBLE

from dispersa.broker import OptionListing
from dispersa.broker.ibkr.accounts import guarded_account, is_paper, read_account
from dispersa.broker.ibkr.chains import one_per_right, read_listings, read_rule
from dispersa.broker.ibkr.contracts import (
    is_standard_class,
    option_from,
    read_underlying,
    tradable,
    underlying_query,
)
from dispersa.broker.ibkr.definitions import Definitions
from dispersa.broker.ibkr.history import complete_days, duration_of
from dispersa.broker.ibkr.hours import session_on
from dispersa.broker.ibkr.reads import (
    OpenOrdersRead,
    read_executions,
    read_open_orders,
    read_positions,
)
from dispersa.broker.ibkr.settings import Deadlines, IbkrSettings
from dispersa.errors import BrokerRefused, InvalidConfig, InvalidInput, MarketDataMissing
from dispersa.market import (
    ConId,
    ExerciseStyle,
    PriceIncrements,
    Settlement,
    Symbol,
    UnderlyingKind,
)

from .builders import (
    ACCOUNT,
    CALL_ID,
    NOON,
    PUT_ID,
    STOCK,
    STRADDLE,
    combo_execution,
    echo,
    leg_execution,
    status,
)

HOURS = "20261120:0930-20261120:1600;20261121:CLOSED;20261127:0930-20261127:1300"


def test_session_of_today_has_its_zone() -> None:
    session = session_on(HOURS, "US/Eastern", now=NOON)
    assert session.opens == datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    assert session.closes == datetime(2026, 11, 20, 21, 0, tzinfo=UTC)


def test_half_day_ends_early() -> None:
    session = session_on(HOURS, "EST", now=datetime(2026, 11, 27, 15, tzinfo=UTC))
    assert session.closes == datetime(2026, 11, 27, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "zone", "words"),
    [
        (HOURS.replace("20261120:0930-20261120:1600", "20261120:CLOSED"), "US/Eastern", "closed"),
        ("", "US/Eastern", "no trading hours"),
        ("20261120:0930-rubbish", "US/Eastern", "can not be read"),
        (HOURS, "Mars/Olympus", "unknown time zone"),
    ],
)
def test_hours_that_give_no_session_say_why(hours: str, zone: str, words: str) -> None:
    with pytest.raises(MarketDataMissing, match=words):
        session_on(hours, zone, now=NOON)


def bar(day: str, close: float) -> BarData:
    return BarData(date=day, open=close, high=close, low=close, close=close)


def test_bar_of_today_counts_only_after_the_close() -> None:
    rows = [bar("20261118", 1.0), bar("20261119", 2.0), bar("20261120", 3.0)]
    before = complete_days(rows, now=NOON, days=5, what="X")
    after = complete_days(rows, now=datetime(2026, 11, 20, 21, 5, tzinfo=UTC), days=2, what="X")
    assert [row.close for row in before] == [1.0, 2.0]
    assert [row.day for row in after] == [date(2026, 11, 19), date(2026, 11, 20)]


def test_bars_without_numbers_are_left_out_and_nothing_is_an_error() -> None:
    with pytest.raises(MarketDataMissing, match="no complete daily bar"):
        complete_days([bar("20261118", -1.0), bar("20261119", 1.8e308)], now=NOON, days=5, what="X")


@pytest.mark.parametrize(("days", "duration"), [(1, "2 D"), (364, "365 D"), (504, "3 Y")])
def test_long_history_is_asked_in_years(days: int, duration: str) -> None:
    assert duration_of(days) == duration


@pytest.mark.parametrize(
    ("symbol", "trading_class", "multiplier", "standard"),
    [
        ("AAPL", "AAPL", "100", True),
        ("AAPL", "AAPL1", "100", False),
        ("AAPL", "AAPL", "10", False),
        ("AAPL", "2AAPL", "100", False),
        ("SPX", "SPXW", "100", True),
        ("SPX", "SPX", "100", True),
        ("NDX", "NDXP", "100", True),
        ("BRK B", "BRKB", "100", True),
    ],
)
def test_adjusted_classes_are_told_from_standard_ones(
    symbol: str, trading_class: str, multiplier: str, standard: bool
) -> None:
    assert is_standard_class(symbol, trading_class, multiplier) is standard


def wire_option(con_id: int, trading_class: str, last_trade: str = "20261218") -> Contract:
    return Contract(
        secType="OPT",
        conId=con_id,
        symbol="SPX",
        lastTradeDateOrContractMonth=last_trade,
        strike=6800.0,
        right="C",
        multiplier="100",
        currency="USD",
        tradingClass=trading_class,
    )


def test_index_option_is_european_and_settles_as_its_class_does() -> None:
    morning = option_from(wire_option(1, "SPX", "20261217"), is_index=True, real_expiry="20261218")
    evening = option_from(wire_option(2, "SPXW"), is_index=True)
    assert (morning.settlement, morning.expiry) == (Settlement.CASH_AM, date(2026, 12, 18))
    assert (evening.settlement, evening.style) == (Settlement.CASH_PM, ExerciseStyle.EUROPEAN)
    assert str(evening.strike) == "6800"
    assert tradable(evening).lastTradeDateOrContractMonth == "20261218"
    assert tradable(morning).lastTradeDateOrContractMonth == "", "it trades last on the 17th"


def test_of_two_classes_the_one_settled_at_the_close_is_taken() -> None:
    morning = option_from(wire_option(1, "SPX"), is_index=True)
    evening = option_from(wire_option(2, "SPXW"), is_index=True)
    assert one_per_right([morning, evening]) == (evening,)
    assert one_per_right([morning]) == (morning,)


def test_two_contracts_that_fit_alike_are_refused() -> None:
    first = option_from(wire_option(1, "SPXW"), is_index=True)
    second = option_from(wire_option(2, "SPXW"), is_index=True)
    with pytest.raises(BrokerRefused, match="ambiguous"):
        one_per_right([first, second])


def details(con_id: int, sec_type: str = "STK", stock_type: str = "COMMON") -> ContractDetails:
    return ContractDetails(
        contract=Contract(secType=sec_type, conId=con_id, currency="USD", primaryExchange="NASDAQ"),
        stockType=stock_type,
    )


@pytest.mark.parametrize(
    ("sec_type", "stock_type", "kind"),
    [
        ("STK", "COMMON", UnderlyingKind.STOCK),
        ("STK", "ETF", UnderlyingKind.ETF),
        ("STK", "ADR", UnderlyingKind.STOCK),
        ("IND", "", UnderlyingKind.INDEX),
    ],
)
def test_kind_of_an_underlying(sec_type: str, stock_type: str, kind: UnderlyingKind) -> None:
    found = read_underlying(Symbol("X"), [details(5, sec_type, stock_type)])
    assert found.kind is kind


def test_unknown_and_ambiguous_symbols_are_refused() -> None:
    with pytest.raises(InvalidInput, match="not known"):
        read_underlying(Symbol("X"), [])
    with pytest.raises(BrokerRefused, match="ambiguous"):
        read_underlying(Symbol("X"), [details(5), details(6)])


def test_indices_are_asked_on_their_exchange_and_stocks_on_smart() -> None:
    assert underlying_query(Symbol("VIX")).exchange == "CBOE"
    assert underlying_query(Symbol("AAPL")).secType == "STK"
    assert tradable(STOCK).exchange == "SMART"


def test_listings_merge_exchanges_and_leave_adjusted_classes_out() -> None:
    rows = [
        OptionChain("SMART", 1, "AAPL", "100", ["20261218", "20261120"], [270.0, 272.5]),
        OptionChain("CBOE", 1, "AAPL", "100", ["20261218"], [275.0]),
        OptionChain("CBOE", 1, "AAPL1", "100", ["20261218"], [1.0]),
    ]
    (listing,) = read_listings(Symbol("AAPL"), rows)
    assert listing.expiries == (date(2026, 11, 20), date(2026, 12, 18))
    assert listing.strikes == (Decimal(270), Decimal("272.5"), Decimal(275))


def test_market_rule_is_exact() -> None:
    rule = read_rule([PriceIncrement(0.0, 0.05), PriceIncrement(3.0, 0.1)])
    assert rule.increment_at(Decimal("2.99")) == Decimal("0.05")
    assert rule.is_valid(Decimal("3.10"))
    with pytest.raises(MarketDataMissing):
        read_rule([])


def settings(**changes: object) -> IbkrSettings:
    return IbkrSettings(**{"port": 5000, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "accounts", "words"),
    [
        ({}, ["U1234567"], "live trading was not allowed"),
        ({}, ["X99"], "unknown prefix"),
        ({}, [], "0 accounts"),
        ({}, ["DU1", "DU2"], "2 accounts"),
        ({"account": "DU9"}, ["DU1"], "expected"),
        ({"port": 4001}, ["DU1234567"], "IB Gateway live"),
        ({"port": 7497, "live_allowed": True}, ["U1234567"], "TWS paper"),
    ],
)
def test_account_that_is_not_meant_is_refused(
    changes: dict[str, object], accounts: list[str], words: str
) -> None:
    with pytest.raises(BrokerRefused, match=words):
        guarded_account(settings(**changes), accounts)


def test_account_that_is_meant_is_accepted() -> None:
    assert guarded_account(settings(), ["DU1234567"]) == "DU1234567"
    assert guarded_account(settings(account="DU2"), ["DU1", "DU2"]) == "DU2"
    assert guarded_account(settings(live_allowed=True, port=4001), ["U1234567"]) == "U1234567"
    assert is_paper("DF77")


def test_account_number_is_not_shown_in_full() -> None:
    with pytest.raises(BrokerRefused) as refusal:
        guarded_account(settings(), ["U1234567"])
    assert "U1234567" not in str(refusal.value)


def summary(tag: str, value: str, currency: str = "USD") -> AccountValue:
    return AccountValue(ACCOUNT, tag, value, currency, "")


def test_account_reading_keeps_only_numbers_in_its_own_currency() -> None:
    rows = [
        summary("NetLiquidation", "50000000.5"),
        summary("AvailableFunds", "1.7976931348623157E308"),
        summary("InitMarginReq", "", "USD"),
        summary("MaintMarginReq", "12.5", "EUR"),
        summary("TotalCashValue", "-3"),
    ]
    reading = read_account(rows, account=ACCOUNT, at=NOON)
    assert reading.net_liquidation == Decimal("50000000.5")
    assert reading.total_cash == -3
    assert reading.available_funds is reading.initial_margin is reading.maintenance_margin is None
    assert reading.is_paper


def test_account_without_net_liquidation_is_missing() -> None:
    with pytest.raises(MarketDataMissing):
        read_account([summary("TotalCashValue", "5")], account=ACCOUNT, at=NOON)


def test_positions_are_signed_and_flat_ones_left_out() -> None:
    rows = [
        PositionRow(ACCOUNT, wire_option(1, "SPXW"), -2.0, 4210.5),
        PositionRow(ACCOUNT, Contract(secType="STK", conId=2, symbol="AAPL"), 0.0, 0.0),
        PositionRow("DU7654321", Contract(secType="STK", conId=3, symbol="AAPL"), 5.0, 1.0),
    ]
    (only,) = read_positions(rows, account=ACCOUNT, expiries={})
    assert (only.quantity, only.average_cost) == (-2, Decimal("4210.5"))
    assert only.option is not None
    assert only.option.settlement is Settlement.CASH_PM


def test_a_position_settled_in_the_morning_expires_the_day_after_it_trades_last() -> None:
    rows = [PositionRow(ACCOUNT, wire_option(1, "SPX", "20261217"), -2.0, 4210.5)]
    (only,) = read_positions(rows, account=ACCOUNT, expiries={1: "20261218"})
    assert only.option is not None
    assert only.option.expiry == date(2026, 12, 18)
    assert only.option.settlement is Settlement.CASH_AM


def test_open_order_without_status_counts_its_executions() -> None:
    read = OpenOrdersRead(echoes=(echo(),))
    lines = [
        combo_execution("1.01.01", shares=2),
        leg_execution(CALL_ID, "1.02.01", shares=2),
        leg_execution(PUT_ID, "1.03.01", shares=2),
    ]
    (combo,) = read_open_orders(read, lines)
    (legs_only,) = read_open_orders(read, lines[1:])
    assert combo.filled == legs_only.filled == 2
    with_status = OpenOrdersRead(
        echoes=(echo(),), statuses={echo().order.permId: status("Submitted", filled=1)}
    )
    assert read_open_orders(with_status, [])[0].filled == 1


def test_open_order_without_a_limit_has_none_not_zero() -> None:
    typed_by_hand = echo()
    typed_by_hand.order.lmtPrice = UNSET_DOUBLE
    (row,) = read_open_orders(OpenOrdersRead(echoes=(typed_by_hand,)), [])
    assert row.limit_price is None


def test_executions_of_a_read_leave_combo_lines_and_other_accounts_out() -> None:
    lines = [
        combo_execution("1.01.01"),
        leg_execution(CALL_ID, "1.02.01"),
        leg_execution(PUT_ID, "1.03.01", account="DU7654321"),
    ]
    (only,) = read_executions(lines, account=ACCOUNT)
    assert only.con_id == CALL_ID


def test_definitions_survive_the_disk_and_not_the_day(tmp_path: Path) -> None:
    today, key = date(2026, 11, 20), (ConId(700), date(2026, 12, 18), Decimal("272.5"))
    book = Definitions.load(tmp_path / "cache", name="here", day=today)
    book.options[key] = STRADDLE.legs
    book.options[ConId(700), date(2026, 12, 18), Decimal(1)] = ()
    book.listings[ConId(700)] = (
        OptionListing(
            symbol=Symbol("AAPL"),
            trading_class="AAPL",
            multiplier=100,
            expiries=(date(2026, 12, 18),),
            strikes=(Decimal("272.5"),),
        ),
    )
    book.rule_of[ConId(701)] = 26
    book.rules[26] = PriceIncrements(steps=((Decimal(0), Decimal("0.01")),))
    book.save()
    assert Definitions.load(tmp_path / "cache", name="here", day=today) == book
    assert Definitions.load(tmp_path / "cache", name="here", day=date(2026, 11, 21)).options == {}
    assert Definitions.load(tmp_path / "cache", name="there", day=today).options == {}


def test_broken_definitions_are_learned_anew(tmp_path: Path) -> None:
    book = Definitions.load(tmp_path, name="here", day=date(2026, 11, 20))
    assert book.path is not None
    for content in ("", "{", "[]", '{"format": 1}', '{"format": 99}'):
        book.path.write_text(content)
        assert Definitions.load(tmp_path, name="here", day=date(2026, 11, 20)).options == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"port": 0},
        {"data_client_id": 12},
        {"order_client_id": 0},
        {"messages_per_second": 50},
        {"messages_reserved_for_orders": 40},
        {"market_data_lines_max": 0},
        {"order_id_floor": -1},
    ],
)
def test_settings_that_can_not_work_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidConfig):
        settings(**changes)


def test_deadlines_must_be_positive_and_bounded() -> None:
    with pytest.raises(InvalidConfig, match="what_if_seconds"):
        Deadlines(what_if_seconds=0)
    with pytest.raises(InvalidConfig, match="history_seconds"):
        Deadlines(history_seconds=1e9)
