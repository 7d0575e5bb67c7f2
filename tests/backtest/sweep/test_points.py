"""Does a point become the settings that it names, and is what it may not be said in words?"""

from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dispersa.backtest import BacktestSettings
from dispersa.backtest.sweep import parse_axis
from dispersa.backtest.sweep.points import Settle
from dispersa.cli.app import app
from dispersa.cli.sweep_commands import _Loader
from dispersa.errors import InvalidConfig, InvalidInput

SETTLE = Settle(BacktestSettings(), _Loader(None))


@pytest.fixture(autouse=True)
def no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("DISPERSA_CONFIG", raising=False)


def test_point_sets_its_keys_and_leaves_the_others() -> None:
    settings = SETTLE(
        {"risk.vix_max": 22.5, "universe.dte_target": 30, "backtest.capital_usd": 2_000_000}
    )
    assert settings.config.risk.vix_max == 22.5
    assert settings.capital_usd == Decimal(2_000_000)
    before = BacktestSettings()
    assert settings.fills == before.fills
    assert settings.config.sizing == before.config.sizing


@pytest.mark.parametrize(
    ("axis", "sentence"),
    [
        ("risk.vix_maxx=20,25", r"risk\.vix_maxx .*unknown; did you mean risk\.vix_max\?"),
        ("risk.vix_max=20,900", r"risk\.vix_max .*is 900; expected a number from"),
        ("risk.vix_max=high", r"risk\.vix_max .*expected a number"),
        ("backtest.fill=base", r"did you mean backtest\.fills\?"),
        ("backtest.fills=soft", r"fills is 'soft'; choose"),
        ("backtest.seed=1.5,2.5", r"backtest\.seed is 1\.5; expected a value such as 1"),
        ("backtest.start=monday", r"expected a date"),
        ("backtest.entry=never", r"backtest\.entry is 'never'"),
    ],
)
def test_axis_that_no_point_can_have_is_refused_as_config_check_does(
    axis: str, sentence: str
) -> None:
    with pytest.raises(InvalidConfig, match=sentence):
        SETTLE.require_allowed(parse_axis(axis))


def test_contradiction_between_keys_is_left_to_the_points() -> None:
    SETTLE.require_allowed(parse_axis("universe.dte_target=1,30"))  # below dte_min as configured
    with pytest.raises(InvalidConfig, match="out of order"):
        SETTLE({"universe.dte_target": 1})
    both = SETTLE({"universe.dte_min": 1, "universe.dte_target": 1})
    assert both.config.universe.dte_target == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "expected one: --chains with --weights"),
        (["--invented", "1", "--on", "spark://here"], "expected ray://HOST:PORT, or ray"),
        (["--invented", "1", "--on", "ray", "--workers", "2"], "processes of this machine"),
    ],
)
def test_command_says_what_does_not_go_together(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    asked = ["sweep", str(tmp_path / "runs"), "--vary", "risk.vix_max=20,25", *arguments]
    with pytest.raises(InvalidInput, match=sentence):
        CliRunner().invoke(app, asked, catch_exceptions=False)
