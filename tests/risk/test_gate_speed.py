"""A gate decision takes well under 100 microseconds, a plan of 31 packages under a millisecond."""

import sys
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import pytest
from situations import CONTEXT, FACTS, GATE, INTENT, PACKAGE, PLAN

from dispersa.market import Symbol
from dispersa.orders import ApprovedOrder
from dispersa.risk import GateVerdict

pytestmark = pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer makes all code slow")


def fastest_seconds(decide: Callable[[], ApprovedOrder | GateVerdict | object]) -> float:
    decide()
    rounds = []
    for _ in range(20):
        began = perf_counter()
        for _ in range(50):
            decide()
        rounds.append((perf_counter() - began) / 50)
    return min(rounds)


def test_decision_about_an_order_takes_under_100_microseconds() -> None:
    assert fastest_seconds(lambda: GATE.approve(INTENT, FACTS, CONTEXT)) < 100e-6


def test_decision_about_a_reprice_takes_under_100_microseconds() -> None:
    order = GATE.approve(INTENT, FACTS, CONTEXT)
    assert isinstance(order, ApprovedOrder)
    limit = INTENT.limit_price
    assert fastest_seconds(lambda: GATE.approve_amend(order, limit, FACTS, CONTEXT)) < 100e-6


def test_verdict_on_a_plan_of_31_packages_takes_under_a_millisecond() -> None:
    packages = tuple(replace(PACKAGE, symbol=Symbol(f"N{number}")) for number in range(31))
    plan = replace(PLAN, packages=packages)
    assert fastest_seconds(lambda: GATE.check_plan(plan, FACTS)) < 1e-3
