"""Commissions, ledger, margin and account values against numbers worked by hand or published."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.gateway import events
from dispersa.gateway.exchange.commissions import LegCharge, full_charge
from dispersa.gateway.exchange.directory import Instrument
from dispersa.gateway.exchange.ledger import Ledger
from dispersa.gateway.exchange.margin import Exposure, margin, naked_requirement
from dispersa.gateway.model import Contract, SecType
from dispersa.gateway.world.listings import third_friday
from dispersa.gateway.world.source import synthetic_source
from dispersa.gateway.world.universe import Underlying
from dispersa.gateway.world.world import World
from tests.gateway.exchange.bench import Bench

STOCK = Underlying(symbol="X", long_name="X", spot=100.0, vol=0.3)
D = Decimal


def instrument(kind: SecType = SecType.OPTION, con_id: int = 1) -> Instrument:
    return Instrument(
        sec_type=kind, underlying=STOCK, multiplier=100 if kind is SecType.OPTION else 1,
        contract=Contract(con_id=con_id, symbol="X", sec_type=kind),
    )  # fmt: skip


# -- commissions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "quantity", "price", "fee"),
    [
        (SecType.OPTION, "1", "5.00", "1.00"),
        (SecType.OPTION, "2", "5.00", "1.30"),
        (SecType.OPTION, "100", "5.00", "65.00"),
        (SecType.OPTION, "10", "0.07", "5.00"),
        (SecType.OPTION, "10", "0.03", "2.50"),
        (SecType.STOCK, "100", "268.20", "1.00"),
        (SecType.STOCK, "1000", "268.20", "5.00"),
        (SecType.STOCK, "10", "2.00", "0.20"),
    ],
)
def test_commission_follows_the_published_schedule(
    kind: SecType, quantity: str, price: str, fee: str
) -> None:
    assert full_charge(instrument(kind), D(quantity), D(price)) == D(fee)


def test_minimum_is_charged_once_per_leg_of_an_order() -> None:
    charge = LegCharge()
    fees = [charge.charge(instrument(), D(1), D("5.00")) for _ in range(3)]
    assert fees == [D("1.00"), D("0.30"), D("0.65")]


# -- ledger --------------------------------------------------------------------------------------


def test_average_cost_holds_multiplier_and_fees_and_closing_realizes() -> None:
    ledger, option = Ledger(account="DU1", cash=D(10_000)), instrument()
    assert ledger.book(option, D(2), D("5.00"), D("1.30")) is None
    assert ledger.holdings[1].average_cost == D("500.65")
    assert ledger.book(option, D(-1), D("6.00"), D("1.00")) == D("98.35")
    assert ledger.quantity(1) == 1
    # Turning from long 1 to short 1: half of the fee closes, half opens.
    assert ledger.book(option, D(-2), D("4.00"), D("2.00")) == D("-101.65")
    assert ledger.quantity(1) == -1
    assert ledger.holdings[1].average_cost == D("399")
    assert ledger.cash == D(10_000) - 1000 + 600 + 800 - D("4.30")


@given(
    trades=st.lists(
        st.tuples(
            st.integers(-20, 20).filter(bool),
            st.decimals("0.01", "50", places=2),
            st.decimals("0", "5", places=2),
        ),
        max_size=12,
    )
)
def test_money_is_neither_made_nor_lost_by_booking(
    trades: list[tuple[int, Decimal, Decimal]],
) -> None:
    """Cash + cost of what is held = start + realized profit."""
    ledger, option = Ledger(account="DU1", cash=D(0)), instrument()
    for quantity, price, fee in trades:
        ledger.book(option, D(quantity), price, fee)
    held = sum((h.quantity * h.average_cost for h in ledger.open_holdings()), D(0))
    assert float(ledger.cash + held - ledger.realized) == pytest.approx(0.0, abs=0.01)
    assert ledger.quantity(1) == sum(q for q, _, _ in trades)


# -- margin --------------------------------------------------------------------------------------


def short(sign: int, strike: float, price: float, spot: float, **rest: Any) -> Exposure:
    terms: dict[str, Any] = {"under_type": "STK", "quantity": -1, "multiplier": 100} | rest
    return Exposure(symbol="X", price=price, spot=spot, sign=sign, strike=strike, **terms)


def test_published_short_strangle() -> None:
    """quant.md 2.8: stock 45, 47 call at 2.10, 43 put at 1.20: 1,030 USD."""
    call, put = short(1, 47.0, 2.10, 45.0), short(-1, 43.0, 1.20, 45.0)
    assert 100 * naked_requirement(call) == pytest.approx(910.0)
    assert 100 * naked_requirement(put) == pytest.approx(820.0)
    assert margin([call, put]).initial == pytest.approx(1_030.0)


def test_short_index_straddle_of_the_vectors() -> None:
    """vectors.json block K: strategy_based_margin_short_spx_atm_straddle."""
    call = short(1, 5_500.0, 95.25606555045263, 5_500.0, under_type="IND")
    put = short(-1, 5_500.0, 80.82474692121755, 5_500.0, under_type="IND")
    assert margin([call, put]).initial == pytest.approx(100_108.081247167, abs=1e-6)


def test_long_options_need_nothing_and_spreads_their_width() -> None:
    held = short(1, 110.0, 1.0, 100.0, quantity=1)
    assert margin([held]).initial == 0.0
    sold = short(1, 105.0, 2.0, 100.0)
    assert margin([sold, held]).initial == pytest.approx(500.0)
    debit = short(1, 95.0, 7.0, 100.0, quantity=1)
    assert margin([sold, debit]).initial == 0.0


def test_long_that_expires_first_does_not_cover() -> None:
    sold = short(1, 105.0, 2.0, 100.0, expiry=date(2027, 1, 15))
    held = short(1, 105.0, 1.0, 100.0, quantity=1, expiry=date(2026, 12, 18))
    assert margin([sold, held]).initial == pytest.approx(100 * naked_requirement(sold))


def test_shares_cover_calls_and_straddles_of_two_names_add_up() -> None:
    shares = Exposure(symbol="X", under_type="STK", quantity=100, price=100.0, spot=100.0)
    covered = margin([shares, short(1, 105.0, 2.0, 100.0)])
    assert covered.initial == pytest.approx(5_000.0)
    assert covered.maintenance == pytest.approx(2_500.0)
    pair = [short(1, 100.0, 4.0, 100.0), short(-1, 100.0, 3.9, 100.0)]
    other = [
        Exposure(symbol="Y", under_type="STK", quantity=-1, price=e.price, spot=e.spot,
                 sign=e.sign, strike=e.strike, multiplier=100)
        for e in pair
    ]  # fmt: skip
    assert margin([*pair, *other]).initial == pytest.approx(2 * margin(pair).initial)


# -- account -------------------------------------------------------------------------------------


def values(bench: Bench) -> dict[str, str]:
    return {v.key: v.value for v in bench.venue.account_values("DU1234567")}


def amounts(bench: Bench) -> dict[str, float]:
    lines = bench.venue.account_values("DU1234567")
    return {v.key: float(v.value) for v in lines if v.currency == "USD" and v.key != "Currency"}


def test_fresh_account_is_its_cash(bench: Bench) -> None:
    found = values(bench)
    assert found["NetLiquidation"] == "50000000.00"
    assert found["AvailableFunds"] == "50000000.00"
    assert found["BuyingPower"] == "200000000.00"
    assert found["InitMarginReq"] == "0.00"
    assert bench.venue.account_values("DU999") == []


def test_values_after_a_short_straddle_add_up(bench: Bench) -> None:
    bench.place(bench.straddle("QQQ", 598.0), "SELL", 3)
    bench.run(5.0)
    found = {
        k: float(v) for k, v in values(bench).items() if v.replace(".", "").lstrip("-").isdigit()
    }
    options = sum(p.market_value for p in bench.venue.portfolio("DU1234567"))
    assert options < 0
    assert found["NetLiquidation"] == pytest.approx(found["TotalCashValue"] + options, abs=0.02)
    assert found["EquityWithLoanValue"] == pytest.approx(found["TotalCashValue"], abs=0.02)
    assert found["AvailableFunds"] == pytest.approx(
        found["EquityWithLoanValue"] - found["InitMarginReq"], abs=0.02
    )
    assert found["GrossPositionValue"] == pytest.approx(-options, abs=0.02)
    # 20 % of 3 x 100 x about 598, and both premiums.
    assert 35_000 < found["InitMarginReq"] < 47_000


def test_profit_of_the_day_is_the_change_of_net_liquidation(bench: Bench) -> None:
    bench.place(bench.straddle("AAPL", 270.0), "BUY", 4)
    bench.run(30.0)
    pnl = bench.venue.pnl("DU1234567")
    change = float(values(bench)["NetLiquidation"]) - 50_000_000
    assert pnl.daily == pytest.approx(change, abs=0.01)
    assert pnl.unrealized == pytest.approx(change, abs=0.01)
    for position in bench.venue.positions():
        single = bench.venue.pnl_single("DU1234567", position.contract.con_id)
        assert single is not None
        assert single.position == 4
        assert single.daily == pytest.approx(single.unrealized)
    assert bench.venue.pnl_single("DU1234567", 4_711) is None


def test_new_day_starts_profit_anew(bench: Bench) -> None:
    bench.place(bench.option("AAPL", 270.0, "C"), "BUY", 1)
    bench.run(1.0)
    bench.jump(datetime(2026, 11, 23, 14, 0, tzinfo=UTC))
    before = float(values(bench)["NetLiquidation"])
    bench.jump(datetime(2026, 11, 23, 18, 0, tzinfo=UTC))
    daily = bench.venue.pnl("DU1234567").daily
    assert daily == pytest.approx(float(values(bench)["NetLiquidation"]) - before, abs=1_500)
    (position,) = bench.venue.positions()
    single = bench.venue.pnl_single("DU1234567", position.contract.con_id)
    assert single is not None
    assert single.daily == pytest.approx(daily, abs=0.02)


# -- expiry --------------------------------------------------------------------------------------


def test_options_expire_into_stock_cash_or_nothing(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(step_seconds=5.0)
    today = "20261120"
    deep, far = bench.option("AAPL", 250.0, "C", today), bench.option("AAPL", 300.0, "C", today)
    index = bench.option("SPX", 6_500.0, "C", today)
    bench.place(deep, "BUY", 1)
    bench.place(far, "SELL", 1, limit_price=0.01)
    bench.place(index, "BUY", 1)
    bench.run(5.0)
    cash = bench.venue.truth.cash
    bench.jump(datetime(2026, 11, 20, 21, 0, 1, tzinfo=UTC))
    held = {p.contract.symbol + p.contract.sec_type: p.quantity for p in bench.venue.positions()}
    assert held == {"AAPLSTK": 100}
    settled = round(bench.venue.truth.spots["SPX"] - 6_500.0, 6) * 100
    assert float(bench.venue.truth.cash - cash) == pytest.approx(settled - 25_000.0, abs=0.01)


def test_exercise_of_a_long_call_delivers_stock(bench: Bench) -> None:
    call = bench.option("AAPL", 250.0, "C")
    refused = bench.venue.exercise(1, 1, call, False, 1, False, "")
    assert refused is not None
    bench.place(call, "BUY", 2)
    bench.run(5.0)
    assert bench.venue.exercise(1, 1, call, False, 1, False, "") is None
    held = {p.contract.sec_type: p.quantity for p in bench.venue.positions()}
    assert held == {"OPT": 1, "STK": 100}
    assert bench.of(events.AccountChanged)


# -- dividends -----------------------------------------------------------------------------------


def ex_date(bench: Bench, symbol: str) -> tuple[date, float]:
    """Return the first ex-date after the start."""
    found = bench.venue.world.listed(symbol)
    assert found is not None
    return next((day, paid) for day, paid in found.dividends if day > bench.time.date())


def opening(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 14, 30, 1, tzinfo=UTC)


def test_holders_are_paid_and_short_sellers_pay_on_the_ex_date(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(step_seconds=600.0)
    day, paid = ex_date(bench, "MSFT")
    bench.place(bench.stock("MSFT"), "BUY", 100)
    bench.run(2.0)
    bench.jump(opening(day) - timedelta(hours=3))
    before = bench.venue.truth.cash
    bench.jump(opening(day))
    assert bench.venue.truth.cash - before == 100 * Decimal(str(paid))
    bench.jump(opening(day) + timedelta(hours=1))
    assert bench.venue.truth.cash - before == 100 * Decimal(str(paid))


def test_short_call_without_time_value_is_assigned_before_its_dividend(
    make_bench: Callable[..., Bench],
) -> None:
    """0.33 is more than 22 (1 - exp(-0.04 x 36 / 365)) = 0.09 and a put far out of the money."""
    bench = make_bench(names=None, step_seconds=600.0)
    day, paid = ex_date(bench, "CMCSA")
    expiry = f"{third_friday(day.year + (day.month == 12), day.month % 12 + 1):%Y%m%d}"
    strikes = (22.0, 31.0)
    for strike in strikes:
        bench.place(bench.option("CMCSA", strike, "C", expiry), "SELL", 1)
    bench.run(20.0)
    bench.jump(opening(day) - timedelta(hours=3))
    assert sorted(p.quantity for p in bench.venue.positions()) == [-1, -1]
    cash = bench.venue.truth.cash
    bench.jump(opening(day))
    rows = {(p.contract.sec_type, p.contract.strike): p.quantity for p in bench.venue.positions()}
    assert rows[("STK", 0.0)] == -100
    assert ("OPT", 22.0) not in rows
    # Assigned at the strike, and the dividend is owed on the shares that were delivered.
    assert bench.venue.truth.cash - cash == Decimal(2_200) - 100 * Decimal(str(paid))


def test_stock_opens_lower_by_its_dividend() -> None:
    """Two worlds of one seed, one of them without the dividend, differ by it at the opening."""
    source = synthetic_source(date(2026, 11, 20), None)
    start = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
    bare = replace(
        source.universe,
        components=tuple(replace(u, dividends=()) for u in source.universe.components),
    )
    worlds = [
        World(replace(source, universe=universe), seed=5, step_seconds=600.0, start=start)
        for universe in (source.universe, bare)
    ]
    found = worlds[0].listed("CMCSA")
    assert found is not None
    day, paid = next((d, paid) for d, paid in found.dividends if d > start.date())
    for world in worlds:
        world.advance(opening(day) - timedelta(seconds=1))
    assert worlds[1].spot("CMCSA") - worlds[0].spot("CMCSA") == pytest.approx(paid, abs=1e-9)
