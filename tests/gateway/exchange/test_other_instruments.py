"""Index futures and currency pairs: reference data, quotes, bars, simple orders."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from dispersa.gateway import events
from dispersa.gateway.model import Contract, Refusal
from tests.gateway.exchange.bench import Bench

EURO = Contract(symbol="EUR", sec_type="CASH", exchange="IDEALPRO", currency="USD")
ES = Contract(symbol="ES", sec_type="FUT", exchange="CME", currency="USD",
              last_trade_date="202612")  # fmt: skip


def net_liquidation(bench: Bench) -> float:
    values = {v.key: v.value for v in bench.venue.account_values("DU1234567")}
    return float(values["NetLiquidation"])


def test_future_is_listed_by_quarter_and_found_by_id(bench: Bench) -> None:
    found = bench.venue.contract_details(
        Contract(symbol="ES", sec_type="FUT", exchange="CME", currency="USD")
    )
    assert not isinstance(found, Refusal)
    assert [one.contract.local_symbol for one in found] == ["ESZ6", "ESH7", "ESM7", "ESU7", "ESZ7"]
    first = found[0]
    assert (first.contract.multiplier, first.min_tick) == ("50", 0.25)
    (again,) = bench.venue.contract_details(Contract(con_id=first.contract.con_id))  # type: ignore[misc]
    assert again.contract == first.contract


def test_future_trades_at_the_carried_index_in_quarters(bench: Bench) -> None:
    bid, ask = bench.quote(ES)
    assert bid % 0.25 == ask % 0.25 == 0.0
    # 28 days at 4 % less a yield of 1.15 %.
    fair = 6_602.0 * (1 + 0.0285 * 28 / 365)
    assert bid - 1.0 < fair < ask + 1.0


def test_future_costs_its_fee_and_pays_its_variation(bench: Bench) -> None:
    order_id = bench.place(ES, "BUY", 2)
    bench.run(1.0)
    assert bench.status(order_id) == "Filled"
    assert bench.venue.truth.cash == Decimal(50_000_000) - Decimal("4.50")
    (position,) = bench.venue.positions()
    paid = bench.of(events.Execution)[0].price
    assert position.average_cost == pytest.approx(50 * paid)
    bench.run(1_800.0, step=60.0)
    mid = sum(bench.quote(ES)) / 2
    assert net_liquidation(bench) == pytest.approx(50_000_000 - 4.5 + 100 * (mid - paid), abs=0.1)
    bench.place(ES, "SELL", 2)
    bench.run(1.0)
    sold = bench.of(events.Execution)[-1].price
    expected = Decimal(50_000_000) - 9 + 100 * (Decimal(str(sold)) - Decimal(str(paid)))
    assert bench.venue.truth.cash == expected
    assert net_liquidation(bench) == pytest.approx(float(expected), abs=0.01)


def test_future_settles_in_cash_at_the_opening_of_its_day(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(step_seconds=600.0)
    bench.place(ES, "BUY", 1)
    bench.run(1.0)
    before = net_liquidation(bench)
    bench.jump(datetime(2026, 12, 18, 14, 30, 1, tzinfo=UTC))
    assert bench.venue.positions() == []
    level = bench.venue.truth.spots["SPX"]
    paid = bench.of(events.Execution)[0].price
    assert net_liquidation(bench) == pytest.approx(50_000_000 - 2.25 + 50 * (level - paid), abs=1.0)
    assert before != net_liquidation(bench)


def test_currency_pair_quotes_in_half_pips_and_trades(bench: Bench) -> None:
    (details,) = bench.venue.contract_details(EURO)  # type: ignore[misc]
    assert details.contract.local_symbol == "EUR.USD"
    assert details.min_tick == 0.00005
    bid, ask = bench.quote(EURO)
    assert 1.0 < bid < ask < 1.3
    assert ask - bid == pytest.approx(0.0001, abs=0.00006)
    order_id = bench.place(EURO, "BUY", 50_000, limit_price=round(ask + 0.0005, 5))
    bench.run(1.0)
    assert bench.status(order_id) == "Filled"
    assert bench.of(events.CommissionReport)[0].commission == 2.0
    off = bench.place(EURO, "BUY", 50_000, limit_price=1.15903)
    assert bench.errors()[-1] == (off, 110)


def test_bars_of_a_pair_are_midpoints(bench: Bench) -> None:
    found = bench.venue.historical_bars(EURO, None, "1 M", "1 day", "MIDPOINT", True)
    assert not isinstance(found, Refusal)
    assert len(found) > 18
    assert all(bar.volume == -1 for bar in found)
    assert any(round(bar.close, 2) != bar.close for bar in found)
    assert isinstance(
        bench.venue.historical_bars(EURO, None, "1 M", "1 day", "TRADES", True), Refusal
    )
