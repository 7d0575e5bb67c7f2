"""What is due on which leg, and by when?"""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from dispersa.desk.expiry import (
    Dividend,
    Duty,
    ExpiryPolicy,
    HeldOption,
    calendar,
    gain_of_exercise,
    last_trading_day,
    notices,
)
from dispersa.market import ConId, ExerciseStyle, OptionContract, Right, Settlement, Symbol

EXPIRY = date(2026, 12, 18)
CALL = OptionContract(
    con_id=ConId(1), symbol=Symbol("A"), expiry=EXPIRY, strike=Decimal(100), right=Right.CALL
)
BLOCK_D = ExpiryPolicy(rate=0.045)
"""Quantitative reference, block D: a 120/100 call, 21 days, 1 dollar tomorrow."""
TODAY = date(2026, 11, 26)
HELD = HeldOption(
    option=CALL,
    quantity=Decimal(3),
    spot=120.0,
    put_value=0.00304,
    dividend=Dividend(ex_date=date(2026, 11, 27), amount=1.0),
)


def duties(*rows: HeldOption, today: date = TODAY) -> list[Duty]:
    return [note.duty for note in notices(rows, BLOCK_D, today)]


def test_gain_of_exercise_agrees_with_the_hand() -> None:
    # 1 - 100 (1 - exp(-0.045 x 21/365)) - 0.00304 = 0.73833
    assert gain_of_exercise(HELD, BLOCK_D) == pytest.approx(0.73838, abs=1e-4)


def test_a_long_call_is_exercised_and_a_short_one_is_bought_back_before_the_ex_date() -> None:
    assert duties(HELD) == [Duty.EXERCISE]
    short = replace(HELD, quantity=Decimal(-3))
    assert duties(short) == [Duty.ASSIGNMENT_LIKELY]
    assert notices((short,), BLOCK_D, TODAY)[0].by == TODAY


@pytest.mark.parametrize(
    "changes",
    [
        {"dividend": None},
        {"put_value": None},
        {"put_value": 2.0},
        {"spot": 99.0},
        {"dividend": Dividend(ex_date=date(2026, 11, 26), amount=1.0)},
        {"dividend": Dividend(ex_date=date(2026, 12, 21), amount=9.0)},
        {"option": replace(CALL, style=ExerciseStyle.EUROPEAN)},
        {"option": replace(CALL, right=Right.PUT)},
    ],
    ids=["none", "no put", "dear put", "out", "ex today", "after expiry", "european", "put"],
)
def test_nobody_exercises_where_it_gains_nothing(changes: dict[str, object]) -> None:
    assert duties(replace(HELD, **changes)) == []  # type: ignore[arg-type]


def test_a_short_option_at_its_strike_on_the_last_days_is_a_pin() -> None:
    near = replace(HELD, quantity=Decimal(-3), spot=100.5, dividend=None)
    assert Duty.PIN_RISK in duties(near, today=EXPIRY)
    assert Duty.PIN_RISK not in duties(replace(near, spot=103.0), today=EXPIRY)
    assert Duty.PIN_RISK not in duties(replace(near, quantity=Decimal(3)), today=EXPIRY)


def test_the_week_before_expiry_asks_for_an_end() -> None:
    assert duties(replace(HELD, dividend=None), today=date(2026, 12, 11)) == [
        Duty.CLOSE_BEFORE_EXPIRY
    ]


def test_morning_settled_options_stop_trading_the_weekday_before() -> None:
    morning = replace(CALL, settlement=Settlement.CASH_AM)
    assert last_trading_day(morning) == date(2026, 12, 17)
    monday = replace(morning, expiry=date(2026, 12, 21))
    assert last_trading_day(monday) == date(2026, 12, 18)
    assert last_trading_day(replace(CALL, settlement=Settlement.CASH_PM)) == EXPIRY


def test_a_morning_settled_index_beside_names_of_the_same_day_is_told() -> None:
    index = replace(
        HELD,
        dividend=None,
        option=replace(CALL, symbol=Symbol("SPX"), settlement=Settlement.CASH_AM),
    )
    found = duties(index, replace(HELD, dividend=None), today=date(2026, 12, 14))
    assert found.count(Duty.SETTLEMENTS_DIFFER) == 1
    assert [row.days for row in calendar((HELD, index), date(2026, 12, 14))] == [3, 4]
