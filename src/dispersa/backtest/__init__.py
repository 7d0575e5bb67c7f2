"""What would it have done? The desk that trades, driven by history."""

from dispersa.backtest.market import MarketDay, NameDay, Source
from dispersa.backtest.result import BacktestResult, DayRow, FillRow, TradeRow
from dispersa.backtest.settings import BacktestSettings, Entry

__all__ = [
    "BacktestResult",
    "BacktestSettings",
    "DayRow",
    "Entry",
    "FillRow",
    "MarketDay",
    "NameDay",
    "Source",
    "TradeRow",
    "run",
]


def run(settings: BacktestSettings, source: Source) -> BacktestResult:
    """Run the desk over a source; the same settings and data give the same result.

    Raises
    ------
    InvalidInput
        The source has no day in the range.
    BrokenInvariant
        The desk's books and the exchange's did not agree: nothing of such a run is to be believed.
    """
    from dispersa.backtest.running import Run
    from dispersa.backtest.summing import result_of

    return result_of(settings, source, Run(settings, source).go())
