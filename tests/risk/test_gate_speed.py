"""A gate decision takes well under 100 microseconds."""

from time import perf_counter

from situations import CONTEXT, FACTS, GATE, INTENT


def test_decision_takes_under_100_microseconds() -> None:
    GATE.approve(INTENT, FACTS, CONTEXT)
    rounds = []
    for _ in range(20):
        began = perf_counter()
        for _ in range(100):
            GATE.approve(INTENT, FACTS, CONTEXT)
        rounds.append((perf_counter() - began) / 100)
    assert min(rounds) < 100e-6
