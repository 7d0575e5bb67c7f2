"""Replay: how many quotes per second go through the desk, against nautilus_trader's engine?

    DISPERSA_BENCH_PEERS=<virtual environment with nautilus_trader> python -m benchmarks.replay

Both replay the same made-up quotes of 62 options (31 straddles), all of them each quarter of a
second of market time, built before the clock runs; a trivial strategy reads the bid of every quote.
nautilus_trader hands them over one by one. Our desk sees the market as it does live: all quotes of
a moment are one event of `desk.step`, the same function that trades. Lines: a desk with nothing to
do (the peer's case), a desk with a program at work that looks at each of these events and decides
(the peer does nothing of the kind), and single quotes as events of their own. Seconds are those of
the processor: the machine may be shared. Target: 3x.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tests.desk.scene import T0, Scene, rules

from dispersa.desk.events import MarketObserved
from dispersa.desk.state import DeskState
from dispersa.desk.step import step
from dispersa.market import ConId, Quote

INSTRUMENTS, ROUNDS = 62, 4_000
WORKING_ROUNDS = 2_000
STEP = timedelta(seconds=0.25)
TARGET = 3.0
Events = list[tuple[datetime, MarketObserved]]


def quote(at: int, instrument: int, now: datetime) -> Quote:
    bid = Decimal(200 + (at + instrument) % 50) / 100
    return Quote(bid=bid, ask=bid + Decimal("0.05"), bid_size=10, ask_size=10, at=now)


def moments(*, single: bool) -> Events:
    """The quotes as events: all of a moment in one, or each by itself."""
    found: Events = []
    for at in range(ROUNDS):
        now = T0 + (at + 1) * STEP
        quotes = {ConId(1000 + n): quote(at, n, now) for n in range(INSTRUMENTS)}
        parts = [{k: v} for k, v in quotes.items()] if single else [quotes]
        found += [(now, MarketObserved(quotes=part)) for part in parts]
    return found


def replayed(events: Iterable[tuple[datetime, MarketObserved]]) -> tuple[int, float]:
    """Quotes, and seconds of processor, of a desk with nothing to do."""
    known, state = rules(), DeskState()
    count, highest = 0, Decimal(0)
    began = time.process_time()
    for at, event in events:
        for seen in event.quotes.values():
            count += 1
            highest = max(highest, seen.bid or highest)
        state, _ = step(known, state, at, event)
    return count, time.process_time() - began


def at_work() -> tuple[int, float]:
    """Quotes and seconds of processor of a desk whose program watches them and decides."""
    scene = Scene()
    scene.open()
    scene.tick()
    state, at, known = scene.state, scene.now, scene.rules
    seen = scene.quotes()
    began = time.process_time()
    for _ in range(WORKING_ROUNDS):
        step(known, state, at, seen)
    return WORKING_ROUNDS * len(seen.quotes), time.process_time() - began


def peer() -> float | None:
    """Quotes per second of processor by nautilus_trader; None where it is not to be had."""
    folder = os.environ.get("DISPERSA_BENCH_PEERS", "")
    python = Path(folder) / "bin" / "python"
    if not folder or not python.exists():
        sys.stderr.write("nautilus_trader not found: see benchmarks/__init__.py\n")
        return None
    script = Path(__file__).with_name("replay_peer.py")
    done = subprocess.run(  # noqa: S603 -- the interpreter that the user named
        [python, script, str(INSTRUMENTS), str(ROUNDS)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"nautilus_trader failed: {done.stderr.strip().splitlines()[-1:]}")
    count, _, seconds = done.stdout.split()[-3:]
    assert int(count) == INSTRUMENTS * ROUNDS
    return int(count) / float(seconds)


def main() -> None:
    theirs = [found for _ in range(2) if (found := peer()) is not None]
    lines = {
        "desk, nothing to do": replayed(moments(single=False)),
        "desk, single quotes": replayed(moments(single=True)),
        "desk, program at work": at_work(),
    }
    best = max(theirs) if theirs else None
    print("| what | quotes/s of processor | x nautilus_trader |")
    print("|---|---|---|")
    if best is not None:
        print(f"| nautilus_trader, strategy that counts | {best:,.0f} | 1.0 |")
    for what, (count, seconds) in lines.items():
        ratio = "-" if best is None else f"{count / seconds / best:.1f}"
        print(f"| {what} | {count / seconds:,.0f} | {ratio} |")
    print(f"\ntarget: {TARGET:.0f}x for the desk with nothing to do")


if __name__ == "__main__":
    main()
