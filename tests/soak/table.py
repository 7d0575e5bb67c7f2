"""What did the programs show, cell by cell? The table of the documentation."""

from collections.abc import Iterable
from statistics import median

from tests.soak.session import Measured

HEAD = (
    "market",
    "fills",
    "programs",
    "completed",
    "other ends",
    "minutes to balance",
    "worst imbalance",
    "slippage",
    "messages",
    "duplicates, s",
    "positions exact",
    "orphans",
)


def table(rows: Iterable[Measured]) -> str:
    """Return a Markdown table, a line for each market and fill preset."""
    cells: dict[tuple[str, str], list[Measured]] = {}
    for row in rows:
        cells.setdefault((row.cell.market, row.cell.fills), []).append(row)
    lines = [HEAD, ("---",) * len(HEAD)]
    lines += [(*key, *_cells(found)) for key, found in cells.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cells(rows: list[Measured]) -> tuple[str, ...]:
    completed = sum(row.state == "COMPLETED" for row in rows)
    others: dict[str, int] = {}
    for row in rows:
        if row.state != "COMPLETED":
            others[row.state] = others.get(row.state, 0) + 1
    shares = [share for row in rows for share in row.half_spread_shares]
    return (
        str(len(rows)),
        f"{completed / len(rows):.0%}",
        ", ".join(f"{name} {count}" for name, count in sorted(others.items())) or "-",
        f"{median(row.seconds_to_balance for row in rows) / 60:.1f}",
        f"{max(row.imbalance_share for row in rows):.2f}",
        f"{median(shares):.0%}" if shares else "-",
        f"{sum(row.messages_per_package for row in rows) / len(rows):.1f}",
        f"{max(row.duplicate_seconds_max for row in rows):.0f}",
        f"{sum(row.are_positions_exact for row in rows)}/{len(rows)}",
        str(sum(row.orphans for row in rows)),
    )
