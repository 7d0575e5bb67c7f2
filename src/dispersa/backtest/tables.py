"""How is a run shown at a terminal, and as one JSON document?"""

from math import isfinite
from typing import TYPE_CHECKING, Any

from dispersa.backtest.reading import Reading
from dispersa.backtest.result import BacktestResult

if TYPE_CHECKING:
    from rich.console import RenderableType


def document_of(result: BacktestResult, reading: Reading) -> dict[str, Any]:
    """Return the summary with the verdict and what stands behind it."""
    deflated = reading.deflated
    return {
        "source": result.source,
        "model_marked": result.is_model_marked,
        "verdict": reading.verdict,
        "is_shown": reading.is_shown,
        "remarks": list(reading.remarks),
        "yearly_usd": _interval(reading.yearly.value, reading.yearly.low, reading.yearly.high),
        "sharpe": _interval(reading.ratio.value, reading.ratio.low, reading.ratio.high),
        "deflated_sharpe": None if deflated is None else deflated.probability,
        "trials": None if deflated is None else deflated.trials,
        "summary": {
            name: value if isinstance(value, str) or isfinite(value) else None
            for name, value in result.summary.items()
        },
        "statements": list(result.statements),
    }


def _interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def table_of(result: BacktestResult, reading: Reading) -> "RenderableType":
    """Return the numbers in a table with the words below."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    title = f"{'Model-marked backtest' if result.is_model_marked else 'Backtest'}: {result.source}"
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    summary = result.summary
    for label, name, form in ROWS:
        value = summary[name]
        table.add_row(label, value if isinstance(value, str) else form.format(value))
    words = [Text(), Text(reading.verdict, style="bold"), *map(Text, reading.remarks)]
    return Group(table, *words)


ROWS = (
    ("first day", "first_day", "{}"),
    ("last day", "last_day", "{}"),
    ("days", "days", "{:,.0f}"),
    ("days held", "days_held", "{:,.0f}"),
    ("trades", "trades", "{:,.0f}"),
    ("P&L before cost", "pnl_before_cost_usd", "{:+,.0f}"),
    ("commissions", "commissions_usd", "{:,.0f}"),
    ("half-spreads", "slippage_usd", "{:,.0f}"),
    ("P&L after cost", "pnl_usd", "{:+,.0f}"),
    ("of it the index side", "index_usd", "{:+,.0f}"),
    ("of it the names' side", "components_usd", "{:+,.0f}"),
    ("interest, not in it", "interest_usd", "{:+,.0f}"),
    ("Sharpe ratio", "sharpe", "{:+.2f}"),
    ("deepest fall", "max_drawdown_usd", "{:,.0f}"),
    ("worst month", "worst_month_usd", "{:+,.0f}"),
    ("margin at most", "margin_max_usd", "{:,.0f}"),
)
