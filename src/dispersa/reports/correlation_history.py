"""How much history is there, at a glance?"""

from datetime import date

from rich.table import Table

from dispersa.history.coverage import Coverage, months_of

SHADES = "·░▒▓█"


def coverage_table(rows: tuple[Coverage, ...]) -> Table:
    """One line for each dataset and symbol, one shaded cell for each month of its weekdays."""
    months = months_of(rows)
    table = Table(title=f"History {_span(months)}" if months else "History: nothing yet")
    for heading in ("dataset", "symbol", "days", "first", "last"):
        table.add_column(heading, no_wrap=True, justify="right" if heading == "days" else "left")
    table.add_column("months, · none to █ full", no_wrap=True)
    table.add_column("source")
    for row in rows:
        table.add_row(
            row.dataset,
            row.symbol,
            str(len(row.days)),
            str(row.days[0]),
            str(row.days[-1]),
            "".join(shade(share) for share in row.share_by_month(months)),
            ", ".join(row.sources),
        )
    return table


def shade(share: float) -> str:
    """A character that darkens with the share of days held; any day at all shows."""
    if share <= 0:
        return SHADES[0]
    return SHADES[min(1 + int(share * 4), 4)]


def _span(months: tuple[date, ...]) -> str:
    """First and last month."""
    return f"{months[0]:%Y-%m} to {months[-1]:%Y-%m}"
