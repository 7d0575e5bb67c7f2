"""How long does a backtest take? Twelve years of daily decisions for an index and twenty names.

    DISPERSA_TEST_DATA=... python -m benchmarks.backtest           the signal of each day
    DISPERSA_TEST_DATA=... python -m benchmarks.backtest trades    the whole run, with fills

Seconds of processor time, since other work on the machine stretches the clock on the wall. The goal
of 20 s is for the daily decisions; a whole run adds what the desk, the gate and the exchange do for
every order of every program and hedge.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path
from time import process_time

from dispersa.backtest import BacktestSettings, Entry, run
from dispersa.backtest.sources import VolFiles, vol_source
from dispersa.runtime.config.settings import Settings

GOAL_SECONDS = 20.0


def main() -> None:
    """Print one line for each size."""
    folder = Path(os.environ.get("DISPERSA_TEST_DATA", "../shared/data"))
    own = folder / "sp500_20_iv_2010_2022"
    if not own.is_dir():
        print(f"no data: {own} is not a folder; set DISPERSA_TEST_DATA")
        return
    source = vol_source(
        VolFiles(
            vols=own / "implied_vol_3m_atm.csv.gz",
            closes=own / "adjusted_close.csv.gz",
            index_vols=folder / "cboe_indices" / "VIX_History.csv",
            index_closes=own / "sp500_close.csv.gz",
        )
    )
    config = Settings.model_validate({"universe": {"index": "SPX", "names": 20}})
    settings = BacktestSettings(config=config)
    if "trades" not in sys.argv[1:]:
        # Random entry with a chance of nothing: every day is judged, no trade is asked for.
        settings = replace(settings, entry=Entry.RANDOM, entry_probability=0.0)
    began = process_time()
    result = run(settings, source)
    took = process_time() - began
    days = len(result.daily)
    print(
        f"{days:,} days, {len(result.trades)} trades, {len(result.fills):,} fills: {took:.1f} s of "
        f"processor time, {1000 * took / days:.1f} ms a day; the goal is {GOAL_SECONDS:.0f} s"
    )


if __name__ == "__main__":
    main()
