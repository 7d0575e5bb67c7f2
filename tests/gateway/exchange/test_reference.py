"""Contracts, ids, chains and symbols."""

import subprocess
import sys

import pytest

from dispersa.gateway.model import Contract, Refusal
from tests.gateway.exchange.bench import EXPIRY, Bench


def details(bench: Bench, contract: Contract) -> list[Contract]:
    found = bench.venue.contract_details(contract)
    assert not isinstance(found, Refusal), found
    return [one.contract for one in found]


@pytest.mark.parametrize(
    ("symbol", "sec_type", "con_id"),
    [("AAPL", "STK", 265598), ("SPY", "STK", 756733), ("QQQ", "STK", 320227571),
     ("VIX", "IND", 13455763), ("SPX", "IND", 416904)],
)  # fmt: skip
def test_documented_ids_are_real(bench: Bench, symbol: str, sec_type: str, con_id: int) -> None:
    (found,) = details(bench, Contract(symbol=symbol, sec_type=sec_type))
    assert found.con_id == con_id
    assert details(bench, Contract(con_id=con_id)) == [found]


def test_every_option_of_a_chain_has_its_own_id_and_is_found_by_it(bench: Bench) -> None:
    every = details(bench, Contract(symbol="AAPL", sec_type="OPT", currency="USD"))
    every += details(bench, Contract(symbol="SPX", sec_type="OPT", currency="USD"))
    ids = [one.con_id for one in every]
    assert len(set(ids)) == len(ids) > 3_000
    assert all(0 < con_id < 2**31 for con_id in ids)
    for one in every[::97]:
        assert details(bench, Contract(con_id=one.con_id)) == [one]


def test_option_ids_are_the_same_in_another_process(bench: Bench) -> None:
    here = bench.option("AAPL", 270.0, "C").con_id
    code = (
        "from tests.gateway.exchange.bench import *\n"
        "print(Bench(GatewaySettings(names=5, start=START, seed=99))"
        ".option('AAPL', 270.0, 'C').con_id)"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    assert int(there) == here


def test_partial_descriptions_list_all_and_orders_need_one(bench: Bench) -> None:
    month = details(bench, Contract(symbol="AAPL", sec_type="OPT", last_trade_date=EXPIRY[:6],
                                    strike=270.0, right="CALL"))  # fmt: skip
    assert {one.last_trade_date for one in month} >= {EXPIRY}
    assert all(one.right == "C" and one.strike == 270.0 for one in month)
    partial = Contract(symbol="AAPL", sec_type="OPT", last_trade_date=EXPIRY)
    order_id = bench.place(partial, "BUY", 1, limit_price=1.0)
    assert bench.errors() == [(order_id, 200)]


def test_missing_strike_is_200_and_bag_is_321(bench: Bench) -> None:
    odd = Contract(symbol="AAPL", sec_type="OPT", last_trade_date=EXPIRY, strike=271.37, right="C")
    bag = Contract(symbol="AAPL", sec_type="BAG")
    codes = [bench.venue.contract_details(one) for one in (odd, bag, bench.stock("NOSUCH"))]
    assert [one.code for one in codes if isinstance(one, Refusal)] == [200, 321, 200]


def test_option_details_name_underlying_rules_and_hours(bench: Bench) -> None:
    found = bench.venue.contract_details(bench.option("AAPL", 270.0, "P"))
    assert not isinstance(found, Refusal)
    (one,) = found
    assert (one.under_symbol, one.under_con_id, one.under_sec_type) == ("AAPL", 265598, "STK")
    assert one.contract.local_symbol == "AAPL  261218P00270000"
    assert len(one.market_rule_ids.split(",")) == len(one.valid_exchanges.split(","))
    assert one.liquid_hours.startswith("20261120:0930-20261120:1600;20261121:CLOSED")
    assert one.contract_month == "202612"


def test_morning_settled_index_option_says_its_real_expiration(bench: Bench) -> None:
    one = Contract(symbol="SPX", sec_type="OPT", last_trade_date="20261217", strike=6_600.0,
                   right="C", trading_class="SPX")  # fmt: skip
    found = bench.venue.contract_details(one)
    assert not isinstance(found, Refusal)
    assert found[0].real_expiration_date == "20261218"
    assert found[0].min_tick == 0.05


def test_chain_parameters_are_unions_by_class_and_exchange(bench: Bench) -> None:
    found = bench.venue.option_parameters("SPX", "IND", 416904)
    assert not isinstance(found, Refusal)
    assert {one.trading_class for one in found} == {"SPX", "SPXW"}
    assert {one.exchange for one in found} == {"SMART", "CBOE"}
    weekly = next(one for one in found if one.trading_class == "SPXW")
    assert list(weekly.expirations) == sorted(weekly.expirations)
    assert list(weekly.strikes) == sorted(set(weekly.strikes))
    assert isinstance(bench.venue.option_parameters("NOSUCH", "STK", 1), Refusal)
    assert bench.venue.option_parameters("VIX", "IND", 13455763) == []


def test_expired_options_leave_the_lists(bench: Bench) -> None:
    today = Contract(symbol="AAPL", sec_type="OPT", last_trade_date="20261120")
    assert details(bench, today)
    bench.jump(bench.time.replace(hour=21, minute=0, second=1))
    assert isinstance(bench.venue.contract_details(today), Refusal)


def test_symbols_are_found_by_beginning_and_by_name(bench: Bench) -> None:
    hits = bench.venue.matching_symbols("aap")
    assert [hit.contract.symbol for hit in hits] == ["AAPL"]
    assert "NVDA" in {hit.contract.symbol for hit in bench.venue.matching_symbols("nvidia")}
    assert bench.venue.matching_symbols("") == []


def test_basket_is_heaviest_first_and_covers_the_listed_names(bench: Bench) -> None:
    weights = bench.venue.basket("QQQ")
    assert list(weights)[:2] == ["NVDA", "AAPL"]
    assert len(weights) == 10
    assert 0.6 < sum(weights.values()) < 1.0
    assert bench.venue.basket("NOSUCH") == {}
