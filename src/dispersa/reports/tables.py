"""How do numbers look on a terminal? One way to write money, vega, vols and tables."""

from decimal import Decimal

from rich import box
from rich.table import Table

NOTHING = "–"


def money(amount: Decimal | float | None, *, signed: bool = False) -> str:
    """Dollars: without cents from 1,000 on."""
    if amount is None:
        return NOTHING
    dollars = float(amount)
    places = 0 if abs(dollars) >= 1000 else 2
    return f"{dollars:{'+' if signed else ''},.{places}f}"


def price(value: Decimal | float | None) -> str:
    """A price per share."""
    return NOTHING if value is None else f"{value:,.2f}"


def points(value: float | None, *, places: int = 2, signed: bool = False) -> str:
    """A fraction as points: 0.0976 is 9.76."""
    return NOTHING if value is None else f"{100 * value:{'+' if signed else ''}.{places}f}"


def number(value: float | None, *, places: int = 2, signed: bool = False) -> str:
    """A plain number."""
    return NOTHING if value is None else f"{value:{'+' if signed else ''},.{places}f}"


def table(title: str, *columns: str, left: int = 1) -> Table:
    """Return an empty table; the first `left` columns are words, the rest numbers."""
    made = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for position, column in enumerate(columns):
        made.add_column(column, justify="left" if position < left else "right", no_wrap=True)
    return made
