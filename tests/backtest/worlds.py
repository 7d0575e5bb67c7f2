"""Small invented markets and the settings under which they are fair."""

from decimal import Decimal

from dispersa.backtest import BacktestResult, BacktestSettings, Entry, run
from dispersa.backtest.grids import GridSource
from dispersa.backtest.worlds import WorldSettings, synthetic
from dispersa.runtime.config.settings import Settings

WARMUP = 4
DAYS_TRADED = 18
NAMES = 4


def fair_settings(entry: Entry = Entry.ALWAYS, **more: object) -> BacktestSettings:
    """No interest anywhere, so that a fairly priced straddle is worth its payoff."""
    config = Settings.model_validate(
        {"universe": {"names": NAMES}, "planning": {"rate": 0.0}, "signal": {"names_min": 3}}
    )
    own = {"rate_credit": 0.0, "rate_debit": 0.0, "borrow_fee": 0.0}
    return BacktestSettings(
        config=config,
        entry=entry,
        capital_usd=Decimal(3_000_000),
        **{**own, **more},  # type: ignore[arg-type]  # keywords of a test
    )


def world(seed: int, *, premium: float = 0.0, days: int = WARMUP + DAYS_TRADED) -> GridSource:
    """One trade's life of days."""
    asked = WorldSettings(seed=seed, names=NAMES, days=days, premium=premium, vol=0.3)
    return synthetic(asked, warmup=WARMUP)


def one_trade(seed: int, *, premium: float = 0.0) -> BacktestResult:
    """Run one world."""
    return run(fair_settings(), world(seed, premium=premium))
