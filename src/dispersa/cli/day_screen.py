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

NO_PARTS = PnlParts()
SHOWN = (
    "delta", "gamma", "theta", "vega_components", "vega_correlation", "vega_strike",
    "vanna", "volga", "hedges", "trades", "dividends", "commissions", "residual",
)  # fmt: skip
HEADINGS = {
    "vega_components": "vega: component vols",
    "vega_correlation": "vega: correlation",
    "vega_strike": "vega: the strikes' own vol",
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
    """Show what each trade earned since its beginning: one row per cause, one column per trade."""
    shown = [row for row in rows if row.pnl.book != NO_PARTS]
    found = table("P&L since the beginning, $", "cause", *(row.trade for row in shown))
    for name in SHOWN:
        values = (getattr(row.pnl.book, name) for row in shown)
        found.add_row(HEADINGS.get(name, name), *(money(each, signed=True) for each in values))
    found.add_section()
    found.add_row("total", *(money(row.pnl.book.total, signed=True) for row in shown))
    slippage = (money(-row.slippage_usd, signed=True) for row in shown)
    found.add_row("slippage, in trades", *slippage)
    found.add_row("until", *(row.day.isoformat() for row in shown))
    return found


def daily_table(rows: tuple[DayPnl, ...]) -> Table:
    """Show one row per marking and trade; second order is vanna, volga and the strike's vol."""
    found = table(
        "P&L from one marking to the next, $", "until", "trade", "total", "delta", "gamma",
        "theta", "names' vol", "corr.", "2nd order", "hedges", "trades", "div.", "comm.", "rest",
        left=2,
    )  # fmt: skip
    for row in rows:
        p = row.pnl.book
        if p == NO_PARTS:
            continue
        second = p.vanna + p.volga + p.vega_strike
        values = (
            p.total, p.delta, p.gamma, p.theta, p.vega_components, p.vega_correlation, second,
            p.hedges, p.trades, p.dividends, p.commissions, p.residual,
        )  # fmt: skip
        cells = (f"{float(each):+,.0f}" for each in values)
        found.add_row(f"{row.day:%m-%d}", row.trade.rpartition("-")[0] or row.trade, *cells)
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
