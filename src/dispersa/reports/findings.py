"""What was checked, how does it stand, and how is it mended?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from rich import box
from rich.table import Table
from rich.text import Text

from dispersa.reports.tables import NOTHING

_COLORS = {"ok": "green", "warning": "yellow", "failed": "red", "untested": "dim"}


class Standing(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """It works, and is still worth a look."""
    FAILED = "failed"
    UNTESTED = "untested"
    """It could not be looked at, for the reason given; it has neither passed nor failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: what was found in words and numbers; `mend` is empty where nothing is wrong."""

    check: str
    standing: Standing
    found: str
    mend: str = ""


def all_passed(findings: Sequence[Finding]) -> bool:
    """Whether something was checked and nothing failed."""
    return bool(findings) and all(row.standing is not Standing.FAILED for row in findings)


def findings_table(title: str, findings: Sequence[Finding]) -> Table:
    """Return the findings as a table, a row for each check."""
    made = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for column in ("check", "", "found", "mend"):
        made.add_column(column, overflow="fold")
    for row in findings:
        standing = Text(row.standing, style=_COLORS[row.standing])
        made.add_row(row.check, standing, Text(row.found), Text(row.mend or NOTHING))
    return made


def findings_document(findings: Sequence[Finding]) -> dict[str, object]:
    """Return the findings as one JSON document."""
    return {"passed": all_passed(findings), "findings": [asdict(row) for row in findings]}
