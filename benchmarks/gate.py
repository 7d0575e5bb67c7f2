"""How long does the gate take to decide? Targets: an order and a reprice under 100 microseconds.

Run with ``python -m benchmarks gate``. The situations are those of the gate's tests.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from dispersa.market import Symbol
from dispersa.orders import ApprovedOrder

ROUNDS, CALLS = 20, 50


def main() -> None:
    """Print the fastest round of each decision: what is slower is the machine's noise."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "risk"))
    from situations import CONTEXT, FACTS, GATE, INTENT, PACKAGE, PLAN

    order = GATE.approve(INTENT, FACTS, CONTEXT)
    assert isinstance(order, ApprovedOrder)
    packages = tuple(replace(PACKAGE, symbol=Symbol(f"N{number}")) for number in range(31))
    large = replace(PLAN, packages=packages)
    decisions: tuple[tuple[str, Callable[[], object]], ...] = (
        ("an order", lambda: GATE.approve(INTENT, FACTS, CONTEXT)),
        ("a reprice", lambda: GATE.approve_amend(order, INTENT.limit_price, FACTS, CONTEXT)),
        ("a plan of 31 packages, 36 checks", lambda: GATE.check_plan(large, FACTS)),
    )
    for name, decide in decisions:
        print(f"{name}: {_fastest_seconds(decide) * 1e6:.0f} microseconds")


def _fastest_seconds(decide: Callable[[], object]) -> float:
    decide()
    rounds = []
    for _ in range(ROUNDS):
        began = perf_counter()
        for _ in range(CALLS):
            decide()
        rounds.append((perf_counter() - began) / CALLS)
    return min(rounds)
