"""Which days of which symbols does the store hold?"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from dispersa.history.store import Dataset, HistoryStore
from dispersa.market import Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Days held of one symbol in one dataset; `sources` says where they came from."""

    dataset: Dataset
    symbol: Symbol
    days: tuple[date, ...]
    additions: int
    sources: tuple[str, ...]

    def share_by_month(self, months: tuple[date, ...]) -> tuple[float, ...]:
        """Days held over weekdays, for each month (given by its first day)."""
        held = Counter(day.replace(day=1) for day in self.days)
        return tuple(min(held[month] / weekdays_in(month), 1.0) for month in months)


def coverage(store: HistoryStore) -> tuple[Coverage, ...]:
    """What the store holds, by dataset and symbol."""
    return tuple(
        _of(store, dataset, symbol) for dataset in Dataset for symbol in store.symbols(dataset)
    )


def months_of(rows: tuple[Coverage, ...]) -> tuple[date, ...]:
    """Every month from the first day held to the last."""
    days = [day for row in rows for day in row.days]
    if not days:
        return ()
    month, last = min(days).replace(day=1), max(days)
    months = []
    while month <= last:
        months.append(month)
        month = next_month(month)
    return tuple(months)


def next_month(month: date) -> date:
    """First day of the following month."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def weekdays_in(month: date) -> int:
    """Mondays to Fridays of a month; holidays count, so a full month can show just below one."""
    days = (next_month(month) - month).days
    return sum((month + timedelta(days=n)).weekday() < 5 for n in range(days))


def _of(store: HistoryStore, dataset: Dataset, symbol: Symbol) -> Coverage:
    """Days and sources of one symbol."""
    return Coverage(
        dataset=dataset,
        symbol=symbol,
        days=store.days(dataset, symbol),
        additions=sum(1 for _ in store.additions(dataset, symbol)),
        sources=store.sources(dataset, symbol),
    )
