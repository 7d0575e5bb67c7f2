"""Does any decision of a run rest on a day that had not come yet? Cut the data and compare.

A run over data that end on a day must be, up to that day, the same run: every daily row, every
fill. A source, a signal or a rule that looks ahead gives itself away by the first row that differs.
"""

from collections.abc import Callable, Iterable
from datetime import date
from itertools import zip_longest
from typing import Protocol

from dispersa.backtest.market import Source
from dispersa.backtest.result import BacktestResult
from dispersa.backtest.settings import BacktestSettings


class Truncatable(Source, Protocol):
    """A source that can be had as it was known on a day."""

    def truncated(self, last: date) -> Source:
        """The same source without any later day."""
        ...


Runner = Callable[[BacktestSettings, Source], BacktestResult]


def look_ahead(
    run: Runner, settings: BacktestSettings, source: Truncatable, cuts: Iterable[date]
) -> tuple[str, ...]:
    """Say, for each cut, which row first differs from the whole run; empty where none does."""
    whole = run(settings, source)
    return tuple(
        sentence
        for cut in cuts
        if (sentence := _first_difference(whole, run(settings, source.truncated(cut)), cut))
    )


def _first_difference(whole: BacktestResult, cut: BacktestResult, last: date) -> str:
    days = [row for row in whole.daily if row.day <= last]
    fills = [row for row in whole.fills if row.day <= last]
    for name, wanted, found in (("day", days, cut.daily), ("fill", fills, cut.fills)):
        for one, other in zip_longest(wanted, found):
            if repr(one) != repr(other):  # NaN equals itself in words only
                when = getattr(one or other, "day", last)
                return f"with data to {last} the {name} of {when} comes out otherwise"
    return ""
