"""How does a book look leg by leg, straddle by straddle, trade by trade, and under stress?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dispersa.errors import InvalidInput
from dispersa.portfolio import (
    BookStress,
    Exposure,
    ExposureSums,
    LegExposure,
    leg_rows,
    name_rows,
)
from dispersa.reports.tables import NOTHING, money, number, table


class View(StrEnum):
    """By what an exposure is grouped."""

    LEG = "leg"
    STRADDLE = "straddle"
    TRADE = "trade"
    UNDERLYING = "underlying"
    BOOK = "book"


EXTERNAL = "not ours"
"""Name of the group of positions that no order of ours made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookView:
    """An exposure with what each trade has of it, and the stress or why there is none."""

    exposure: Exposure
    by_trade: Mapping[str, Exposure]
    stress: BookStress | None
    stress_missing: str = ""


def rows_of(view: BookView, by: View) -> tuple[dict[str, Any], ...]:
    """Return the groups as rows, units in the column names."""
    found = view.exposure
    match by:
        case View.LEG:
            return tuple(
                {**row, "trade": trade}
                for trade, part in view.by_trade.items()
                for row in leg_rows(part, at=found.at)
            )
        case View.STRADDLE:
            return tuple(
                {
                    "symbol": row.symbol,
                    "expiry": row.expiry.isoformat(),
                    "strike": row.strike,
                    "straddles": row.straddles,
                    "unpaired": row.unpaired,
                    **_sums(row.sums),
                }
                for row in found.straddles
            )
        case View.TRADE:
            return tuple(
                {"trade": trade, "margin_modelled_usd": part.margin_modelled, **_sums(part.book)}
                for trade, part in view.by_trade.items()
            )
        case View.UNDERLYING:
            return name_rows(found)[:-1]
        case View.BOOK:
            return name_rows(found)[-1:]


def _sums(sums: ExposureSums) -> dict[str, Any]:
    return {
        "premium_usd": sums.premium,
        "market_value_usd": sums.market_value,
        "open_profit_usd": sums.open_profit,
        "notional_usd": sums.notional,
        "hedge_stock_usd": sums.hedge_stock,
        "delta_usd": sums.greeks.delta_usd,
        "gamma_usd": sums.greeks.gamma_usd,
        "vega_usd_per_point": sums.greeks.vega_usd,
        "gross_vega_usd_per_point": sums.greeks.gross_vega_usd,
        "theta_usd_per_day": sums.greeks.theta_usd,
    }


def document_rows(view: BookView, by: View) -> list[dict[str, Any]]:
    """Return the rows in JSON's own types."""
    return [{key: _plain(value) for key, value in row.items()} for row in rows_of(view, by)]


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


HEADINGS = {
    "symbol": "name",
    "mark_source": "mark from",
    "mark_age_seconds": "age s",
    "market_value_usd": "value $",
    "open_profit_usd": "open P&L $",
    "premium_usd": "premium $",
    "notional_usd": "notional $",
    "margin_modelled_usd": "margin $",
    "delta_usd": "delta $",
    "gamma_usd": "gamma $",
    "vega_usd_per_point": "vega $/pt",
    "theta_usd_per_day": "theta $/day",
}
LEG_COLUMNS = (
    "trade", "contract", "quantity", "mark", "mark_source", "mark_age_seconds",
    "market_value_usd", "open_profit_usd", "delta_usd", "vega_usd_per_point", "theta_usd_per_day",
)  # fmt: skip
SUM_COLUMNS = (
    "premium_usd", "market_value_usd", "open_profit_usd", "notional_usd", "margin_modelled_usd",
    "delta_usd", "gamma_usd", "vega_usd_per_point", "theta_usd_per_day",
)  # fmt: skip
SIGNED = ("market_value", "open_profit", "delta", "gamma", "vega", "theta")


def exposure_view_table(view: BookView, by: View) -> RenderableType:
    """Show the groups, then what is not in the sums."""
    rows = rows_of(view, by)
    columns = LEG_COLUMNS if by is View.LEG else _columns(rows)
    words = sum(not key.endswith(("_usd", "_per_point", "_per_day")) for key in columns)
    words = min(words, 2) if by is View.LEG else min(words, 1)
    title = f"Exposure by {by}, {view.exposure.at:%Y-%m-%d %H:%M:%S} UTC"
    found = table(title, *(HEADINGS.get(key, key) for key in columns), left=words)
    for row in rows:
        found.add_row(*(_cell(key, row.get(key)) for key in columns))
    return Group(found, *_remarks(view.exposure))


def _columns(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    if not rows:
        return ("symbol", *SUM_COLUMNS)
    first = [key for key in rows[0] if key not in SUM_COLUMNS]
    named = [key for key in first if not key.endswith(("_usd", "_per_point"))]
    return (*named, *(key for key in SUM_COLUMNS if key in rows[0]))


def _cell(key: str, value: Any) -> str:
    if value is None:
        return NOTHING
    if key.endswith(("_usd", "_per_point", "_per_day")):
        return money(value, signed=key.startswith(SIGNED))
    if key == "mark":
        return f"{value:,.4f}"
    if key in {"quantity", "straddles", "unpaired"}:
        return f"{value:+f}"
    if key == "mark_age_seconds":
        return number(value, places=0)
    return str(value)


def _remarks(found: Exposure) -> list[Text]:
    if found.unmarked:
        missing = ", ".join(map(str, found.unmarked))
        return [Text(f"Not in the sums: contracts {missing} have no usable quote and no mark.")]
    if found.gross is None:
        return []
    return [Text(f"Gross exposure {money(found.gross)} $: the larger of premium and margin.")]


def stress_table(view: BookView, *, spot: float = 0.0) -> RenderableType:
    """Show the heat map vol x correlation at one spot move, and the named scenarios."""
    stress = view.stress
    if stress is None:
        return Text(f"No stress: {view.stress_missing}")
    axes = stress.axes
    if spot not in axes.spot_moves:
        raise InvalidInput(f"the stress has no spot move {spot}; it has {axes.spot_moves}")
    title = (
        f"P&L $ at spot {spot:+.0%}: names' vols down, correlation across "
        f"(now {stress.correlation:.2f})"
    )
    grid = table(title, "vol points", *(f"{points:+g} pt" for points in axes.correlation_points))
    plane = stress.pnl_usd[axes.spot_moves.index(spot)]
    for points, row in zip(axes.vol_points, plane, strict=True):
        grid.add_row(f"{points:+g}", *(money(cell, signed=True) for cell in row))
    named = table("Scenarios, revalued in full, delta not re-hedged", "scenario", "P&L $")
    for name, pnl in stress.named:
        named.add_row(name, money(pnl, signed=True))
    slope = money(stress.correlation_usd_per_point, signed=True)
    worst = money(stress.worst_usd, signed=True)
    words = f"One point of correlation: {slope} $ to first order. Worst of the grid: {worst} $."
    return Group(grid, named, Text(words))


def stress_document(view: BookView) -> dict[str, Any] | None:
    """Return the whole grid with its axes, None where there is none."""
    stress = view.stress
    if stress is None:
        return None
    return {
        "at": stress.at.isoformat(),
        "correlation": stress.correlation,
        "correlation_usd_per_point": stress.correlation_usd_per_point,
        "axes": {
            "spot_moves": list(stress.axes.spot_moves),
            "vol_points": list(stress.axes.vol_points),
            "correlation_points": list(stress.axes.correlation_points),
        },
        "pnl_usd": [[list(row) for row in plane] for plane in stress.pnl_usd],
        "worst_usd": stress.worst_usd,
        "scenarios": [{"name": name, "pnl_usd": pnl} for name, pnl in stress.named],
    }


def export(view: BookView, by: View, file: Path) -> None:
    """Write the rows as CSV or Parquet, by the file's ending.

    Raises
    ------
    InvalidInput
        If the ending is neither.
    """
    import polars as pl

    frame = pl.DataFrame(document_rows(view, by), infer_schema_length=None)
    match file.suffix:
        case ".csv":
            frame.write_csv(file)
        case ".parquet":
            frame.write_parquet(file)
        case _:
            raise InvalidInput(f"--export is {file}; expected a name ending in .csv or .parquet")


def positions_view_table(view: BookView, account: str) -> Table:
    """Show one row per position: whose it is, what it is worth, by which mark, how old."""
    title = f"Positions of {account}, {view.exposure.at:%Y-%m-%d %H:%M:%S} UTC"
    found = table(
        title, "trade", "contract", "quantity", "mark", "mark from", "age s", "value $",
        "open P&L $", left=2,
    )  # fmt: skip
    for trade, part in view.by_trade.items():
        for leg in part.legs:
            found.add_row(trade, *_leg_cells(leg, view.exposure.at))
        for con_id in part.unmarked:
            found.add_row(trade, f"contract {con_id}", "", NOTHING, "no usable quote")
    return found


def _leg_cells(leg: LegExposure, at: datetime) -> tuple[str, ...]:
    return (
        f"{leg.symbol} shares" if leg.option is None else leg.option.label,
        f"{leg.quantity:+f}",
        f"{leg.price:,.4f}",
        leg.source.value,
        number((at - leg.marked_at).total_seconds(), places=0),
        money(leg.market_value, signed=True),
        money(leg.open_profit, signed=True),
    )
