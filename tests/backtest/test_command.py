"""`dispersa backtest` as its user runs it: result, files, the same again to the last bit."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from dispersa.backtest.files import read_manifest, settings_document, settings_of
from dispersa.cli.app import app
from tests.backtest.worlds import fair_settings

RUN = ("backtest", "--invented", "7", "--days", "108", "--names", "4", "--entry", "always")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("run")
    done = CliRunner().invoke(app, [*RUN, "--out", str(made)])
    assert done.exit_code == 0, done.output
    assert "Model-marked" in done.output
    return made


def test_the_tables_agree_with_each_other_and_the_summary(folder: Path) -> None:
    daily = pl.read_parquet(folder / "daily.parquet")
    fills = pl.read_parquet(folder / "fills.parquet")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert daily.height == 8
    assert daily["trading"].sum() == pytest.approx(manifest["summary"]["pnl_usd"])
    assert fills["commission"].sum() == pytest.approx(daily["commissions"].sum())
    assert fills["slippage"].sum() == pytest.approx(daily["slippage"].sum())
    assert pl.read_parquet(folder / "trades.parquet").height == 1


def test_the_tear_sheet_stands_alone_and_says_that_it_is_model_marked(folder: Path) -> None:
    page = (folder / "sheet.html").read_text()
    assert "MODEL-MARKED" in page
    assert "too few to tell" in page or "No trade was made" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_run_repeats_to_the_last_bit_and_a_changed_table_is_noticed(folder: Path) -> None:
    manifest = folder / "manifest.json"
    same = CliRunner().invoke(app, ["backtest", "--repeat", str(manifest), "--json"])
    assert same.exit_code == 0, same.output
    assert '"same": true' in same.output
    document = json.loads(manifest.read_text())
    document["tables"]["fills"] = "0" * 64
    other = folder / "other.json"
    other.write_text(json.dumps(document))
    changed = CliRunner().invoke(app, ["backtest", "--repeat", str(other), "--json"])
    assert changed.exit_code == 1
    assert "fills" in changed.output


def test_settings_survive_the_manifest(folder: Path) -> None:
    settings = fair_settings(spread_multiple=2.0, seed=9)
    assert settings_of(json.loads(json.dumps(settings_document(settings)))) == settings
    assert read_manifest(folder / "manifest.json").settings.config.universe.names == 4


def test_no_data_is_refused_with_what_to_give() -> None:
    refused = CliRunner().invoke(app, ["backtest"])
    assert refused.exit_code != 0
    assert "--chains with --weights" in str(refused.exception)
