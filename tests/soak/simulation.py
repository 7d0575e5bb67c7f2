"""How does the simulation hold up over millions of steps? Seeds by the thousand, on every core."""

import argparse
import json
import logging
import multiprocessing
import os
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter

from tests.simulation.__main__ import told
from tests.simulation.scenario import WIDER_FROM, draw
from tests.simulation.session import Outcome, simulate

FULL_EVERY = 25
"""One seed in so many carries thirty-one packages; the others carry three."""
FULL_NAMES = 30


def main(arguments: list[str]) -> int:
    """Run the seeds, report as they end, and return 1 where an invariant was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak simulation")
    parser.add_argument("--seeds", type=int, default=400, help="how many (default 400)")
    parser.add_argument("--first", type=int, default=WIDER_FROM)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--report", type=Path, help="write the totals to this file as JSON")
    asked = parser.parse_args(arguments)
    begun = perf_counter()
    totals, written = _Totals(), ""
    seeds = range(asked.first, asked.first + asked.seeds)
    with multiprocessing.get_context("spawn").Pool(asked.workers, maxtasksperchild=50) as pool:
        for outcome in pool.imap_unordered(_run, seeds):
            totals.take(outcome)
            written = json.dumps(totals.summary(perf_counter() - begun), indent=2) + "\n"
            if asked.report is not None:  # after every seed: a long run may be cut short
                asked.report.write_text(written, encoding="utf-8")
    sys.stdout.write(written)
    return 1 if totals.failed else 0


def _run(seed: int) -> Outcome:
    logging.disable(logging.CRITICAL)
    return simulate(draw(seed, names=FULL_NAMES if seed % FULL_EVERY == 0 else 2))


class _Totals:
    """What all seeds together have shown."""

    def __init__(self) -> None:
        self.seeds = self.steps = self.failed = self.full = 0
        self.virtual_seconds = self.busy_seconds = 0.0
        self.reached: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()

    def take(self, outcome: Outcome) -> None:
        """Count one seed in; say at once what it has broken."""
        self.seeds += 1
        self.steps += outcome.steps
        self.full += outcome.scenario.names == FULL_NAMES
        self.virtual_seconds += outcome.virtual_seconds
        self.busy_seconds += outcome.cpu_seconds
        self.reached += outcome.reached
        self.ends[outcome.end.partition(":")[0]] += 1
        if outcome.violations:
            self.failed += 1
            names = "" if outcome.scenario.names == 2 else f" --names {outcome.scenario.names}"
            sys.stdout.write(
                f"{told(outcome)}\n  reproduce: .venv/bin/python -m tests.simulation "
                f"{outcome.scenario.seed}{names}\n"
            )
            sys.stdout.flush()

    def summary(self, wall_seconds: float) -> dict[str, object]:
        """Return the totals as plain values."""
        return {
            "seeds": self.seeds,
            "seeds_of_31_packages": self.full,
            "seeds_failed": self.failed,
            "steps": self.steps,
            "steps_per_second_per_core": round(self.steps / max(self.busy_seconds, 1e-9)),
            "market_hours": round(self.virtual_seconds / 3600, 1),
            "wall_seconds": round(wall_seconds),
            "ends": dict(sorted(self.ends.items())),
            "reached": dict(sorted(self.reached.items())),
        }
