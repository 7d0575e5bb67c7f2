"""Run one seed, or a range, and say what happened: `python -m tests.simulation 17 [--names 30]`."""

import argparse
import sys
from collections import Counter

from tests.simulation.scenario import draw
from tests.simulation.session import Outcome, simulate


def main() -> int:
    """Return 1 where an invariant was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int, nargs="?")
    parser.add_argument("--names", type=int, default=2)
    asked = parser.parse_args()
    failed = 0
    reached: Counter[str] = Counter()
    steps, seconds = 0, 0.0
    for seed in range(asked.first, (asked.last or asked.first) + 1):
        outcome = simulate(draw(seed, names=asked.names))
        failed += bool(outcome.violations)
        reached += outcome.reached
        steps, seconds = steps + outcome.steps, seconds + outcome.cpu_seconds
        sys.stdout.write(told(outcome) + "\n")
        sys.stdout.flush()
    counts = ", ".join(f"{name} {count}" for name, count in sorted(reached.items()))
    sys.stdout.write(
        f"reached: {counts}\n{steps:,} steps, {steps / seconds:,.0f} a second of a core\n"
    )
    return min(failed, 1)


def told(outcome: Outcome) -> str:
    """Say in a line, and one for each violation, what a seed has shown."""
    head = (
        f"seed {outcome.scenario.seed}: {outcome.steps:,} steps, "
        f"{outcome.virtual_seconds:,.0f} s in {outcome.cpu_seconds:.1f} s of a core, "
        f"journal {outcome.digest[:12]}, {outcome.end}"
    )
    return "\n  VIOLATION ".join([head, *map(str, outcome.violations)])


if __name__ == "__main__":
    sys.exit(main())
