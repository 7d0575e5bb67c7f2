"""How was the week? The journaled days of one calendar week, side by side."""

from decimal import Decimal

from dispersa.reports import charts
from dispersa.reports.eod import concerns_of, plain_values, rendered
from dispersa.reports.eod_facts import DayFacts, DayPoint, Missing, Rendered
from dispersa.reports.eod_page import (
    Document,
    Grid,
    Section,
    Tile,
    Tone,
    counted,
    sign_tone,
    usd,
    why,
)
from dispersa.reports.eod_sections import ahead_section, positions_section
from dispersa.reports.tables import points


def rendered_week(facts: DayFacts) -> Rendered:
    """Return the summary of the week that ends with `facts`, in every form."""
    document = week_document(facts)
    _, days = week_of(facts)
    values = {"day": facts.day.isoformat(), "days": plain_values(days)}
    return rendered(document, values)


def week_of(facts: DayFacts) -> tuple[DayPoint | None, tuple[DayPoint, ...]]:
    """Return the last journaled day before the week, and those of the week."""
    week = facts.day.isocalendar()[:2]
    days = tuple(row for row in facts.curve if row.day.isocalendar()[:2] == week)
    before = [row for row in facts.curve if row.day < days[0].day]
    return (before[-1] if before else None), days


def earned(before: DayPoint | None, last: DayPoint) -> Decimal | Missing:
    """P&L from one day's end to another's; from nothing where there is none before."""
    start = Decimal(0) if before is None else before.pnl_usd
    if isinstance(last.pnl_usd, Missing):
        return last.pnl_usd
    if isinstance(start, Missing):
        return start
    return last.pnl_usd - start


def week_document(facts: DayFacts) -> Document:
    """Compose the summary of one week."""
    before, days = week_of(facts)
    year, week, _ = facts.day.isocalendar()
    pnl = earned(before, days[-1])
    concerns = tuple(text for _, text in concerns_of(facts))
    breaks = sum(row.breaks for row in days)
    if breaks:
        concerns = (f"{breaks} reconciliation breaks in the week", *concerns)
    gain = "P&L not known" if isinstance(pnl, Missing) else f"{usd(pnl, signed=True)} USD"
    profile = facts.desk.profile.upper()
    pictures = _pictures(days)
    return Document(
        subject=f"[dispersa {profile}] week {week}: {gain}, {len(days)} trading days",
        title=f"Week {week} of {year}",
        subtitle=f"{profile} {facts.desk.account} · {days[0].day} to {days[-1].day} · "
        f"phase {facts.desk.phase.value}",
        verdict=f"{len(concerns)} to look at." if concerns else "A week without incident.",
        tone=Tone.WARN if concerns else Tone.GOOD,
        concerns=concerns,
        tiles=_tiles(facts, days, pnl),
        sections=(
            _days_section(before, days, has_picture="pnl" in pictures),
            Section(title="Evidence so far", lede=f"{facts.desk.evidence.sentence}."),
            positions_section(facts),
            ahead_section(facts),
        ),
        footer=(f"Again: dispersa report week --date {facts.day}",),
        pictures=pictures,
    )


def _tiles(facts: DayFacts, days: tuple[DayPoint, ...], pnl: Decimal | Missing) -> tuple[Tile, ...]:
    fees = sum((row.fees_usd for row in days), Decimal(0))
    slippage = sum((row.slippage_usd for row in days), Decimal(0))
    total = facts.money.pnl_inception_usd
    return (
        Tile(
            label="P&L of the week",
            value=usd(pnl, signed=True),
            note="not known, see below" if isinstance(pnl, Missing) else "after commission",
            tone=sign_tone(pnl),
        ),
        Tile(
            label="Since inception",
            value=usd(total, signed=True),
            note=counted(len(facts.curve), "journaled day"),
            tone=sign_tone(total),
        ),
        Tile(label="Programs", value=str(sum(row.programs for row in days)), note="in the week"),
        Tile(label="Cost", value=usd(slippage + fees), note="slippage and commission"),
    )


def _days_section(
    before: DayPoint | None, days: tuple[DayPoint, ...], *, has_picture: bool
) -> Section:
    rows = []
    for start, row in zip((before, *days[:-1]), days, strict=True):
        rows.append(
            (
                f"{row.day:%a %d %b}",
                usd(earned(start, row), signed=True),
                str(row.programs),
                usd(row.slippage_usd + row.fees_usd),
                points(row.implied_correlation),
                points(row.realized_correlation),
                str(row.breaks),
            )
        )
    return Section(
        title="Day by day",
        picture="pnl" if has_picture else "",
        picture_words="P&L of the week by day",
        grid=Grid(
            columns=("day", "P&L $", "programs", "cost $", "implied", "realized", "breaks"),
            rows=tuple(rows),
        ),
        remarks=tuple(f"Not known: {one}." for one in why(*(row.pnl_usd for row in days))),
    )


def _pictures(days: tuple[DayPoint, ...]) -> dict[str, bytes]:
    totals = [None if isinstance(v := row.pnl_usd, Missing) else float(v) for row in days]
    if sum(value is not None for value in totals) < 2:
        return {}
    return {"pnl": charts.pnl_picture([row.day for row in days], totals)}
