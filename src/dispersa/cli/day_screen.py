"""How do the day's duties and the P&L of the trades look?"""

from dataclasses import fields
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dispersa.portfolio import PnlParts
from dispersa.reports.tables import NOTHING, money, table
from dispersa.runtime.daily_cycle import DayLook
from dispersa.runtime.profit import DayPnl

SHOWN = (
    "delta", "gamma", "theta", "vega_components", "vega_correlation", "vega_strike",
    "vanna", "volga", "hedges", "trades", "dividends", "commissions", "residual",
)  # fmt: skip
HEADINGS = {
    "vega_components": "vega: names",
    "vega_correlation": "vega: corr.",
    "vega_strike": "vega: strike",
}


def day_view(look: DayLook) -> RenderableType:
    """Show trades with their exits, then hedges, re-strikes, dates and what is due."""
    trades = table("Trades today", "trade", "profit $", "exit", left=1)
    for row in look.trades:
        profit = None if row.profit is None else row.profit.total_usd
        why = NOTHING if row.exit is None else f"{row.exit.reason.value}: {row.exit.sentence}"
        trades.add_row(row.trade, money(profit, signed=True), why)
    words = [Text(each.sentence) for each in (look.hedges.hedges if look.hedges else ())]
    words += [Text(look.hedges_missing)] if look.hedges_missing else []
    words += [Text(sentence) for sentence in look.restrikes]
    words += [Text(f"by {note.by}: {note.sentence}") for note in look.notices]
    return Group(trades, _calendar(look), *words)


def _calendar(look: DayLook) -> Table:
    rows = table("Expiries", "contract", "settles in", "quantity", "last day", "days", left=2)
    for row in look.calendar:
        rows.add_row(
            row.option.label,
            row.settles,
            f"{row.quantity:+f}",
            row.last_trading_day.isoformat(),
            str(row.days),
        )
    return rows


def pnl_table(rows: tuple[DayPnl, ...]) -> Table:
    """Show one row per trade (and day): the total, its parts, and slippage as part of trades."""
    found = table(
        "P&L $, parts add up to the total", "trade", "until", "total",
        *(HEADINGS.get(name, name) for name in SHOWN), "slippage", left=2,
    )  # fmt: skip
    for row in rows:
        parts = row.pnl.book
        found.add_row(
            row.trade,
            row.day.isoformat(),
            money(parts.total, signed=True),
            *(money(getattr(parts, name), signed=True) for name in SHOWN),
            money(-row.slippage_usd, signed=True),
        )
    return found


def pnl_document(rows: tuple[DayPnl, ...]) -> dict[str, Any]:
    """Return the P&L with every part."""
    return {
        "rows": [
            {
                "trade": row.trade,
                "day": row.day.isoformat(),
                "from": row.pnl.start.isoformat(),
                "until": row.pnl.end.isoformat(),
                "total_usd": float(row.pnl.book.total),
                "slippage_usd": float(row.slippage_usd),
                "parts_usd": {
                    spec.name: float(getattr(row.pnl.book, spec.name)) for spec in fields(PnlParts)
                },
            }
            for row in rows
        ]
    }
