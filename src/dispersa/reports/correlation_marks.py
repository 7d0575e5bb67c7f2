"""How are numbers and sections of the correlation report written in HTML?"""

from collections.abc import Sequence
from html import escape


def section(title: str, reading: str, body: str) -> str:
    """A heading, one paragraph that says how to read it, and the picture."""
    return f"<section><h2>{escape(title)}</h2><p>{reading}</p>{body}</section>"


def points(values: Sequence[float | None]) -> list[float | None]:
    """Fractions as points or percent."""
    return [None if value is None else 100 * value for value in values]


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction in percent or points; a dash where there is none."""
    return "&ndash;" if value is None else f"{100 * value:.{digits}f}"


def number(value: float | None) -> str:
    """A number with its sign if below zero; a dash where there is none."""
    return "&ndash;" if value is None else f"{value:.2f}"
