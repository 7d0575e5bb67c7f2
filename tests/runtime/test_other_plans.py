"""Is a kept plan found by its hash, once, in time, and only while the market stays near it?"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dispersa.desk import events as ev
from dispersa.desk.codec import encode
from dispersa.desk.commands import StartProgram
from dispersa.desk.evolve import Record
from dispersa.errors import Denied, InvalidInput
from dispersa.execution.policy import ProgramPolicy, WalkPolicy
from dispersa.journal import Entry, Journal, NewEntry
from dispersa.orders import ProgramId
from dispersa.runtime.other_plans import drift_of, find_saved_plan
from tests.desk.scene import T0, plan, signal

HASH = plan().plan_hash


def kept(path: Path, *records: Record) -> list[Entry]:
    path.mkdir(exist_ok=True)
    with Journal.open(path / "j.sqlite", build_id="test", now=lambda: T0) as journal:
        for record in (ev.SignalComputed(signal=signal()), *records):
            kind, value = encode(record)
            journal.append([NewEntry.of(kind, value)])
        journal.flush()
        return list(journal.entries())


def found(path: Path, now: datetime, *records: Record) -> str:
    return find_saved_plan(kept(path, *records), HASH, now).plan.plan_hash


def test_a_kept_plan_is_found_whole_with_its_signal(tmp_path: Path) -> None:
    entries = kept(tmp_path, ev.PlanProposed(plan=plan()))
    saved = find_saved_plan(entries, HASH, T0)
    assert (saved.plan, saved.signal) == (plan(), signal())


def test_an_unknown_hash_an_expired_plan_and_one_carried_out_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no plan"):
        found(tmp_path, T0)
    proposed = ev.PlanProposed(plan=plan())
    late = T0 + timedelta(minutes=5, seconds=1)
    with pytest.raises(Denied, match="expired at 2026-11-20 15:05:00"):
        find_saved_plan(kept(tmp_path / "b", proposed), HASH, late)
    started = StartProgram(
        program=ProgramId("p-1"),
        plan_hash=HASH,
        policy=ProgramPolicy(),
        walk_policy=WalkPolicy(),
    )
    with pytest.raises(Denied, match="was carried out as p-1"):
        find_saved_plan(kept(tmp_path / "c", proposed, started), HASH, T0)


@pytest.mark.parametrize(
    ("bid", "ask", "is_near"),
    [("9.90", "10.10", True), ("10.10", "10.30", True), ("10.11", "10.31", False)],
)
def test_drift_is_more_than_the_spread_and_two_percent(bid: str, ask: str, is_near: bool) -> None:
    package = plan().packages[0]  # 9.90 to 10.10: spread 0.20, 2 % of 10.00 is 0.20
    quote = replace(package.quote, bid=Decimal(bid), ask=Decimal(ask))
    assert (drift_of(package, quote) is None) is is_near
    assert "not quoted" in (drift_of(package, None) or "")
