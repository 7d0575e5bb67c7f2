"""Limits: safe defaults, ranges by key, contradictions refused."""

from dataclasses import fields, replace
from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter

from dispersa.errors import InvalidConfig
from dispersa.risk import SIMULATED_LIMITS, Cap, Limits, QuietWindow
from dispersa.risk.changes import limit_changes
from dispersa.risk.limits import CAP_RANGES, CAP_SCOPES, RANGES

PLAIN = {"order", "package", "program", "day", "underlying", "book", "quiet_windows", "restricted"}


def test_defaults_are_the_contract_and_valid_together() -> None:
    limits = Limits()
    assert limits.net_liquidation_min_usd == 50_000
    assert limits.vix_max == 30
    assert limits.active_positions_max == 3
    assert limits.gross_exposure_share_max == Decimal("0.5")


def test_every_number_has_a_range_and_a_unit() -> None:
    assert {spec.name for spec in fields(Limits)} == PLAIN | RANGES.keys()
    assert all(allowed.unit for allowed in RANGES.values())


BAD = [-1, float("nan"), float("inf"), float("-inf"), 1e30, "30", None, True]


@pytest.mark.parametrize("value", [*BAD, Decimal("NaN"), Decimal("sNaN"), Decimal("-0.01")])
@pytest.mark.parametrize("key", sorted(RANGES))
def test_bad_number_is_refused_naming_key_value_and_range(key: str, value: Any) -> None:
    with pytest.raises(InvalidConfig, match=rf"risk\.{key} is .*expected a .*from .* to ") as error:
        Limits(**{key: value})
    assert str(value) in str(error.value)
    assert RANGES[key].unit in str(error.value)


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("key", sorted(CAP_RANGES))
@pytest.mark.parametrize("scope", CAP_SCOPES)
def test_bad_cap_is_refused_naming_scope_and_key(scope: str, key: str, value: Any) -> None:
    cap = replace(getattr(Limits(), scope), **{key: value})
    with pytest.raises(InvalidConfig, match=rf"risk\.{scope}\.{key} is"):
        Limits(**{scope: cap})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": Cap(premium_usd_max=Decimal(6_000_000), vega_usd_max=1.0, contracts_max=1)},
         "order.premium_usd_max is 6000000 and risk.package.premium_usd_max is 250000"),
        ({"program": Cap(premium_usd_max=Decimal(400_000), vega_usd_max=14e3, contracts_max=99)},
         "package.contracts_max is 500 and risk.program.contracts_max is 99"),
        ({"messages_per_order_max": 100, "messages_per_day_max": 99}, "messages_per_order_max"),
        ({"hedge_collar_share": Decimal("0.06")}, "hedge_collar_share"),
        ({"quiet_windows": (QuietWindow(start=time(1), end=time(1)),)}, "two different times"),
        ({"quiet_windows": (QuietWindow(start=time(1), end=time(2), zone="Mars/Base"),)}, "IANA"),
        ({"gross_exposure_share_max": Decimal(50)}, "gross_exposure_share_max is 50"),
        ({"vix_max": 0.3}, "vix_max is 0.3"),
    ],
)  # fmt: skip
def test_contradiction_or_wrong_unit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidConfig, match=message):
        Limits(**changes)


@pytest.mark.parametrize(
    ("window", "clock", "inside"),
    [
        (QuietWindow(start=time(9), end=time(10)), time(9), True),
        (QuietWindow(start=time(9), end=time(10)), time(10), False),
        (QuietWindow(start=time(23, 40), end=time(0, 30)), time(23, 40), True),
        (QuietWindow(start=time(23, 40), end=time(0, 30)), time(23, 39), False),
        (QuietWindow(start=time(23, 40), end=time(0, 30)), time(23, 59), True),
        (QuietWindow(start=time(23, 40), end=time(0, 30)), time(0, 29), True),
        (QuietWindow(start=time(23, 40), end=time(0, 30)), time(0, 30), False),
        (QuietWindow(start=time(23, 40), end=time(0, 30)), time(12), False),
    ],
)
def test_quiet_window_may_run_over_midnight(window: QuietWindow, clock: time, inside: bool) -> None:
    assert window.holds(clock) is inside


def test_limits_that_touch_are_consistent() -> None:
    limits = Limits(hedge_collar_share=Decimal("0.05"), messages_per_order_max=10_000)
    assert limits.collar_share == limits.hedge_collar_share
    assert limits.messages_per_order_max == limits.messages_per_day_max


def test_limits_round_trip_through_the_journal_format() -> None:
    adapter = TypeAdapter(Limits)
    limits = Limits(vix_max=25.0)
    assert adapter.validate_json(adapter.dump_json(limits)) == limits


def test_simulated_limits_are_valid_together_and_wider_only_in_size() -> None:
    changed = {change.key for change in limit_changes(Limits(), SIMULATED_LIMITS)}
    assert changed == {"hedge_order_usd_max"} | {
        f"{scope}.{spec.name}" for scope in CAP_SCOPES for spec in fields(Cap)
    }


def test_a_first_account_is_held_to_what_it_can_bear() -> None:
    """By hand: 2 % of a million over some 14 points of stress vol is about 1,400 USD a point a leg.

    Both legs of such a trade fit the program; ten times the trade does not, nor does a program
    above half of the account.
    """
    limits = Limits()
    assert limits.program.vega_usd_max >= 2 * 1_400
    assert limits.program.vega_usd_max < 2 * 14_000
    assert limits.program.premium_usd_max <= Decimal(1_000_000) * limits.gross_exposure_share_max
    assert limits.day == limits.program
