"""What were implied and realized correlation on each date of a set of files?"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from dispersa.correlation.by_date import BasketChoice, DayCorrelation, implied_by_date
from dispersa.correlation.share_classes import ShareClasses
from dispersa.correlation.tenor import vol_panel
from dispersa.errors import InvalidInput
from dispersa.history.chains import read_chains, require_symbol, symbols_in
from dispersa.history.weights import read_weights
from dispersa.pricing.atm import AtTheMoney

CARRY_RATE = 0.036
"""Assumed rate of the forward in the modes FORWARD and DELTA: US overnight rate of mid 2026."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationReport:
    """Implied correlation of one index by date, with what it was computed from."""

    index: str
    tenor_days: int
    top: int
    atm: AtTheMoney
    share_classes: ShareClasses
    weights_in_percent: bool
    days: tuple[DayCorrelation, ...]

    def to_json(self) -> str:
        """One JSON document; vols and correlations are fractions, null where there is none."""
        document = {
            "index": self.index,
            "tenor_days": self.tenor_days,
            "rows": [_row(day) for day in self.days],
        }
        return json.dumps(document, allow_nan=False)

    def to_table(self) -> Table:
        """The same for a terminal, in percent and points."""
        table = Table(
            title=f"{self.index} implied correlation, {self.tenor_days} days, top {self.top}"
        )
        table.add_column("date", no_wrap=True)
        for heading in ("index IV", "mean IV", "implied", "names", "cover"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("flags")
        table.add_column("no IV")
        for day in self.days:
            table.add_row(
                day.date.isoformat(),
                _percent(day.index_vol),
                _percent(day.implied.average_vol if day.implied else None),
                _percent(day.implied.clean if day.implied else None),
                str(len(day.names)),
                _percent(day.coverage, digits=1),
                ", ".join(day.flags),
                " ".join(day.replaced),
            )
        return table


def correlation_by_date(
    chains: Path,
    weights: Path,
    index: str,
    top: int,
    tenor_days: int,
    atm: AtTheMoney,
    share_classes: ShareClasses,
) -> CorrelationReport:
    """Compute implied correlation by date from a chain file and a weights file.

    Raises
    ------
    InvalidInput
        A file is missing or malformed, the index is unknown to either, or a number is out of range.
    """
    _require_choice(top, tenor_days)
    known = symbols_in(chains)
    symbol = require_symbol(index, known, chains)
    index_weights = read_weights(weights, index)
    table = read_chains(chains, {symbol, *index_weights.symbols})
    panel = vol_panel(table, tenor_days, atm, CARRY_RATE)
    choice = BasketChoice(top=top, share_classes=share_classes)
    return CorrelationReport(
        index=index,
        tenor_days=tenor_days,
        top=top,
        atm=atm,
        share_classes=share_classes,
        weights_in_percent=index_weights.in_percent,
        days=implied_by_date(panel, index_weights.on, symbol, choice),
    )


def _require_choice(top: int, tenor_days: int) -> None:
    """Refuse a basket or a tenor that has no meaning."""
    if top < 2:
        raise InvalidInput(f"found top {top}; expected at least 2 names; raise --top")
    if tenor_days < 1:
        raise InvalidInput(f"found tenor {tenor_days}; expected at least 1 day; raise --tenor")


def _row(day: DayCorrelation) -> Mapping[str, Any]:
    """One row of the JSON document, with the keys that the command line promises."""
    return {
        "date": day.date.isoformat(),
        "index_iv": day.index_vol,
        "average_iv": day.implied.average_vol if day.implied else None,
        "implied_correlation": day.implied.clean if day.implied else None,
        "n_names": len(day.names),
        "coverage": day.coverage,
        "flags": [str(flag) for flag in day.flags],
        "replaced": list(day.replaced),
    }


def _percent(value: float | None, digits: int = 2) -> str:
    """A fraction in percent; a dash where there is none."""
    return "-" if value is None else f"{100 * value:.{digits}f}"
