"""Does the main job run end to end over TCP, and does its journal replay exactly?"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dispersa.desk.commands import PlaceOrder
from dispersa.desk.state import Stage
from dispersa.desk.step import step
from dispersa.execution.program import ProgramState
from dispersa.journal import read_entries, verify
from dispersa.runtime.demo import DemoOptions, DemoResult, ScriptedOperator, run_demo
from dispersa.runtime.loop import run
from dispersa.runtime.trade_session import replayed


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    """One demo of five names in virtual time."""
    journal = tmp_path_factory.mktemp("demo") / "journal.sqlite3"
    return run(lambda: run_demo(DemoOptions(names=5), journal), 40.0)


def test_demo_completes_reconciled_and_balanced(finished: DemoResult) -> None:
    program = finished.state.program
    assert program is not None
    assert program.state is ProgramState.COMPLETED, program.sentence
    assert finished.state.stage is Stage.ENDED
    assert finished.state.reconciliation is not None
    assert finished.state.reconciliation.agrees
    assert program.imbalance_max_usd <= program.corridor_usd
    filled = {name: (row.filled, row.plan.quantity) for name, row in program.packages.items()}
    assert len(filled) == 6
    assert all(done == wanted for done, wanted in filled.values()), filled


def test_demo_journal_is_intact_and_folds_to_the_final_state_exactly(finished: DemoResult) -> None:
    assert finished.journal_ok
    assert verify(finished.journal).is_intact
    assert replayed(read_entries(finished.journal)) == finished.state


def test_every_order_was_durable_before_it_was_handed_over(finished: DemoResult) -> None:
    placed: set[str] = set()
    handed_over = 0
    for entry in read_entries(finished.journal):
        payload = json.loads(entry.payload)
        if entry.kind == "PlaceOrder":
            placed.add(payload["approved"]["intent"]["ref"])
        if entry.kind == "OrderHandedOver":
            assert payload["ref"] in placed
            handed_over += 1
    assert handed_over >= len(placed) > 10


def test_every_command_names_the_event_that_caused_it(finished: DemoResult) -> None:
    entries = list(read_entries(finished.journal))
    kinds = {entry.sequence: entry for entry in entries}
    caused = [entry for entry in entries if entry.cause is not None]
    assert caused
    assert all(kinds[entry.cause].cause is None for entry in caused if entry.cause)


def test_the_scripted_operator_confirms_simulated_accounts_only() -> None:
    from dispersa.errors import Denied

    with pytest.raises(Denied, match="simulated accounts only"):
        ScriptedOperator("U1234567")


def test_demo_command_prints_one_json_document_with_the_promised_keys(tmp_path: Path) -> None:
    journal = tmp_path / "demo.sqlite3"
    done = subprocess.run(
        [
            sys.executable, "-m", "dispersa", "demo", "--names", "3", "--seed", "3",
            "--speed", "60", "--json", "--journal", str(journal),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    wanted = {
        "program", "direction", "state", "signal", "packages", "net_vega", "gross_vega",
        "vega_imbalance_max", "cost_expected", "cost_actual", "reconciled", "journal_ok",
    }  # fmt: skip
    assert wanted <= document.keys()
    assert document["reconciled"]
    assert document["journal_ok"]
    package_keys = {
        "symbol", "side", "quantity", "filled", "arrival_mid", "average_price", "limit_path",
        "slippage", "commission",
    }  # fmt: skip
    assert all(package_keys <= row.keys() for row in document["packages"])
    assert {row["side"] for row in document["packages"]} == {"SELL", "BUY"}
    assert journal.exists()


@pytest.mark.real_data
def test_demo_trades_qqq_against_ten_names_of_the_chain_file(
    test_data: Path, tmp_path: Path
) -> None:
    chains = test_data / "us_chains_2026" / "chains.parquet"
    if not chains.exists():
        pytest.skip(f"no chain file at {chains}")
    options = DemoOptions(market=chains, names=10)
    result = run(lambda: run_demo(options, tmp_path / "journal.sqlite3"), 40.0)
    program = result.state.program
    assert program is not None, result.state.decline_reason
    assert len(program.packages) == 11
    assert program.packages["QQQ"].filled > 0
    assert result.journal_ok
    assert result.state.reconciliation is not None
    assert result.state.reconciliation.agrees
    assert program.state in {ProgramState.COMPLETED, ProgramState.PARTIAL_BALANCED}, (
        program.sentence
    )


def test_deciding_again_on_the_recorded_events_gives_the_recorded_orders(
    finished: DemoResult,
) -> None:
    """Same build, same decisions: step is pure."""
    from dispersa.desk.codec import decode
    from dispersa.desk.state import DeskState

    state = DeskState()
    decided, recorded = [], []
    for entry in read_entries(finished.journal):
        record = decode(entry.kind, entry.payload)
        if isinstance(record, PlaceOrder):
            recorded.append(record)
        if entry.cause is None:
            state, commands = step(finished.rules, state, entry.at, record)
            decided += [each for each in commands if isinstance(each, PlaceOrder)]
    assert decided == recorded
