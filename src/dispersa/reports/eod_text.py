"""How does a report read as plain text? At most 78 columns, nothing but characters."""

import textwrap
from collections.abc import Sequence

from dispersa.reports.eod_page import Document, Grid, Section, Tone

COLUMNS = 78
GAP = 2
_MARKS = {Tone.GOOD: "OK", Tone.WARN: "LOOK", Tone.BAD: "ACT"}


def plain_text(document: Document) -> str:
    """Return the report as text."""
    parts = [
        f"{document.title}\n{document.subtitle}\n{'=' * COLUMNS}",
        "\n".join(
            [
                _wrapped(f"[{_MARKS.get(document.tone, 'OK')}] {document.verdict}"),
                *(_wrapped(one, "  * ", "    ") for one in document.concerns),
            ]
        ),
        "\n".join(
            f"{tile.label:<24}{tile.value:>16}  {_short(tile.note, COLUMNS - 42)}".rstrip()
            for tile in document.tiles
        ),
        *map(_section, document.sections),
        "-" * COLUMNS + "\n" + "\n".join(_wrapped(line) for line in document.footer),
    ]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> str:
    lines = [section.title.upper(), "-" * len(section.title)]
    if section.lede:
        lines.append(_wrapped(section.lede))
    if section.grid is not None:
        lines += _grid(section.grid)
    lines += [_wrapped(one, "  * ", "    ") for one in section.remarks]
    return "\n".join(lines)


def _grid(grid: Grid) -> list[str]:
    """Lay a table out; where it is too wide its widest words are wrapped."""
    rows = [grid.columns, *grid.rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(grid.columns))]
    spare = COLUMNS - GAP * (len(widths) - 1) - sum(widths)
    while spare < 0:
        widest = max(range(len(widths)), key=lambda place: widths[place])
        cut = min(-spare, max(1, widths[widest] - 12))
        widths[widest] -= cut
        spare += cut
    lines = []
    for number, row in enumerate(rows):
        if number == 1 or (grid.bold_last and number == len(rows) - 1 and number > 1):
            lines.append("-" * min(COLUMNS, sum(widths) + GAP * (len(widths) - 1)))
        lines += _row(row, widths, grid.left)
    return lines


def _row(row: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    cells = [
        textwrap.wrap(cell, width, break_on_hyphens=False) or [""]
        for cell, width in zip(row, widths, strict=True)
    ]
    lines = []
    for line in range(max(map(len, cells))):
        texts = [cell[line] if line < len(cell) else "" for cell in cells]
        shown = [
            text.ljust(width) if place < left else text.rjust(width)
            for place, (text, width) in enumerate(zip(texts, widths, strict=True))
        ]
        lines.append((" " * GAP).join(shown).rstrip())
    return lines


def _wrapped(text: str, first: str = "", rest: str = "") -> str:
    return textwrap.fill(text, COLUMNS, initial_indent=first, subsequent_indent=rest)


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"
