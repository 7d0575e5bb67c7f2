"""What were implied and realized correlation on each date of a set of files?"""

import json
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from dispersa.correlation.by_date import BasketChoice, DayCorrelation, implied_by_date
from dispersa.correlation.research import (
    AssumedSpreads,
    NamedSplit,
    ResearchDay,
    closes_without_splits,
    research_by_date,
)
from dispersa.correlation.share_classes import ShareClasses
from dispersa.correlation.signal import Signal, SignalPolicy
from dispersa.correlation.tenor import VolPanel, panel_at
from dispersa.errors import InvalidInput
from dispersa.history.chains import read_chains, require_symbol, symbols_in
from dispersa.history.closes import read_closes
from dispersa.history.weights import read_weights
from dispersa.market import Symbol
from dispersa.pricing.atm import AtTheMoney, at_the_money_vols
from dispersa.reports.correlation_rows import (
    cells,
    json_row,
    signal_cells,
    term_keys,
    view_keys,
)
from dispersa.reports.correlation_views import CARRY_RATE, TERMS_DAYS, Asked, Views, views_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationReport:
    """Implied correlation of one index by date, with what it was computed from.

    Attributes
    ----------
    terms
        The same by date at each tenor of `TERMS_DAYS`.
    views
        Other at-the-money rules, deltas and tenors; None where they were not asked for.
    research
        With prices: the signal that each date would have given; empty without.
    priced_from_chains
        Names whose closes are the chain snapshots, because the price file lacks them.
    """

    index: str
    tenor_days: int
    top: int
    atm: AtTheMoney
    share_classes: ShareClasses
    weights_in_percent: bool
    days: tuple[DayCorrelation, ...]
    panel: VolPanel = field(repr=False)
    terms: tuple[tuple[DayCorrelation, ...], ...] = ()
    views: Views | None = field(default=None, repr=False)
    research: tuple[ResearchDay, ...] = ()
    splits: tuple[NamedSplit, ...] = ()
    priced_from_chains: tuple[Symbol, ...] = ()

    def signal_on(self, day: date | None = None) -> Signal:
        """Signal of one date of the files, by default the last; needs prices.

        Raises
        ------
        InvalidInput
            The report was made without prices, or the date is not in the files.
        """
        signals = {one.signal.as_of.date(): one.signal for one in self.research}
        if not signals:
            raise InvalidInput(
                "a signal from files needs closes of the index and its names; give --prices"
            )
        wanted = day or max(signals)
        if wanted not in signals:
            raise InvalidInput(
                f"the files have no signal of {self.index} on {wanted}; expected a trading day "
                f"from {min(signals)} to {max(signals)}"
            )
        return signals[wanted]

    def to_json(self) -> str:
        """One JSON document; vols and correlations are fractions, null where there is none."""
        judged = {one.signal.as_of.date(): one for one in self.research}
        document = {
            "index": self.index,
            "tenor_days": self.tenor_days,
            "rows": [
                json_row(day, judged.get(day.date))
                | term_keys(self.terms, at)
                | view_keys(self.views, at)
                for at, day in enumerate(self.days)
            ],
        }
        return json.dumps(document, allow_nan=False)

    def to_table(self) -> Table:
        """The same for a terminal, in percent and points."""
        table = Table(
            title=f"{self.index} implied correlation, {self.tenor_days} days, top {self.top}"
        )
        table.add_column("date", no_wrap=True)
        headings = ["index IV", "mean IV", "implied", "names", "cover"]
        if self.research:
            headings += ["real. 21", "forecast", "premium", "side", "edge net"]
        for heading in headings:
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("flags")
        table.add_column("no IV")
        judged = {one.signal.as_of.date(): one.signal for one in self.research}
        for day in self.days:
            row = cells(day)
            if self.research:
                row += signal_cells(judged.get(day.date))
            table.add_row(*row, ", ".join(day.flags), " ".join(day.replaced))
        return table


def correlation_by_date(  # noqa: PLR0913, PLR0917 -- one parameter for each option of the command
    chains: Path,
    weights: Path,
    index: str,
    top: int = 50,
    tenor_days: int = 30,
    atm: AtTheMoney = AtTheMoney.SPOT,
    share_classes: ShareClasses = ShareClasses.SEPARATE,
    prices: Path | None = None,
    *,
    in_detail: bool = False,
    policy: SignalPolicy | None = None,
) -> CorrelationReport:
    """Compute implied and, with `prices`, realized correlation by date from files.

    `in_detail` adds the views: every at-the-money rule, and every delta and tenor. `policy` is that
    of the signals (its defaults if left out).

    Raises
    ------
    InvalidInput
        A file is missing or malformed, the index is unknown to it, or a number is out of range.
    """
    _require_choice(top, tenor_days)
    symbol = require_symbol(index, symbols_in(chains), chains)
    index_weights = read_weights(weights, index)
    symbols = {symbol, *index_weights.symbols}
    table = read_chains(chains, symbols)
    at_the_money = at_the_money_vols(table, atm, CARRY_RATE)
    choice = BasketChoice(top=top, share_classes=share_classes)
    panels = {days: panel_at(table, at_the_money, days) for days in {tenor_days, *TERMS_DAYS}}
    by_tenor = {
        days: implied_by_date(panel, index_weights.on, symbol, choice)
        for days, panel in panels.items()
    }
    asked = Asked(index=symbol, weights_on=index_weights.on, choice=choice, tenor_days=tenor_days)
    report = CorrelationReport(
        index=index,
        tenor_days=tenor_days,
        top=top,
        atm=atm,
        share_classes=share_classes,
        weights_in_percent=index_weights.in_percent,
        days=by_tenor[tenor_days],
        panel=panels[tenor_days],
        terms=tuple(by_tenor[days] for days in TERMS_DAYS),
        views=views_of(table, asked) if in_detail else None,
    )
    if prices is None:
        return report
    return _with_prices(report, prices, symbol, policy or SignalPolicy())


def _with_prices(
    report: CorrelationReport, prices: Path, index: Symbol, policy: SignalPolicy
) -> CorrelationReport:
    """Add what was realized and what the signal would have said on each date."""
    used = {name.symbol for day in report.days for name in day.names}
    symbols = (index, *sorted(used))
    dates, matrix, from_chains = _closes(report.panel, prices, symbols)
    closes = closes_without_splits(dates, symbols, matrix, report.panel)
    return replace(
        report,
        research=research_by_date(
            report.days, report.panel, closes, index, policy, AssumedSpreads()
        ),
        splits=closes.splits,
        priced_from_chains=from_chains,
    )


def _closes(
    panel: VolPanel, prices: Path, symbols: tuple[Symbol, ...]
) -> tuple[tuple[date, ...], NDArray[np.float64], tuple[Symbol, ...]]:
    """Closes of the symbols on the price file's days; from the chain snapshots where it has none.

    A name is taken from one source only: mixing two would put their difference into a return.
    """
    table = read_closes(prices, symbols)
    columns = []
    from_chains = []
    row_of = {day: row for row, day in enumerate(panel.dates)}
    for symbol in symbols:
        closes = table.of(symbol)
        if not np.isfinite(closes).any():
            from_chains.append(symbol)
            spots = panel.spots_of(symbol)
            closes = np.array(
                [spots[row_of[day]] if day in row_of else np.nan for day in table.dates]
            )
        columns.append(closes)
    return table.dates, np.column_stack(columns), tuple(from_chains)


def _require_choice(top: int, tenor_days: int) -> None:
    """Refuse a basket or a tenor that has no meaning."""
    if top < 2:
        raise InvalidInput(f"found top {top}; expected at least 2 names; raise --top")
    if tenor_days < 1:
        raise InvalidInput(f"found tenor {tenor_days}; expected at least 1 day; raise --tenor")
