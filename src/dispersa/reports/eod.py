"""How was the day? The end-of-day report as HTML, text, pictures and one JSON document."""

from dataclasses import is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from dispersa.reports import charts
from dispersa.reports import eod_sections as part
from dispersa.reports.eod_facts import DayFacts, Missing, Rendered
from dispersa.reports.eod_html import mail_html, page_html
from dispersa.reports.eod_page import (
    Document,
    Tile,
    Tone,
    counted,
    joined,
    long_day,
    sign_tone,
    usd,
)
from dispersa.reports.eod_text import plain_text
from dispersa.risk import HaltLevel


def rendered_day(facts: DayFacts) -> Rendered:
    """Return the day's report in every form."""
    return rendered(day_document(facts), plain_values(facts))


def rendered(document: Document, values: dict[str, object]) -> Rendered:
    """Return a document in every form."""
    return Rendered(
        subject=document.subject,
        text=plain_text(document),
        html=mail_html(document),
        page=page_html(document),
        pictures=document.pictures,
        document=values,
    )


def day_document(facts: DayFacts) -> Document:
    """Compose the report of one day."""
    pictures = _pictures(facts)
    desk = facts.desk
    concerns = concerns_of(facts)
    tone = Tone.BAD if any(grave for grave, _ in concerns) else Tone.WARN if concerns else Tone.GOOD
    earned = facts.money.pnl_day_usd
    gain = "P&L not known" if isinstance(earned, Missing) else f"{usd(earned, signed=True)} USD"
    half = ", half day" if desk.is_half_day else ""
    return Document(
        subject=f"[dispersa {desk.profile.upper()}] {facts.day}: {gain}, {_short_verdict(tone)}",
        title=long_day(facts.day),
        subtitle=f"{desk.profile.upper()} {desk.account} · phase {desk.phase.value}{half} · "
        f"end-of-day report",
        verdict=_verdict(tone, len(concerns)),
        tone=tone,
        concerns=tuple(text for _, text in concerns),
        tiles=_tiles(facts),
        sections=(
            part.pnl_section(facts, has_picture="pnl" in pictures),
            part.attribution_section(facts),
            part.signal_section(facts, has_picture="correlation" in pictures),
            part.positions_section(facts),
            part.fills_section(facts),
            part.limits_section(facts),
            part.books_section(facts),
            part.alerts_section(facts),
            part.ahead_section(facts),
        ),
        footer=_footer(facts),
        pictures=pictures,
    )


def concerns_of(facts: DayFacts) -> tuple[tuple[bool, str], ...]:
    """What a person must know, each with whether it is grave."""
    desk, books = facts.desk, facts.books
    found: list[tuple[bool, str]] = []
    if desk.halt is not HaltLevel.NONE:
        found.append((True, f"Trading is stopped ({desk.halt.value}): {desk.halt_reason}"))
    if books.locked_names:
        found.append((True, f"Books differ in {joined(books.locked_names, '')}: locked"))
    if books.unknown_orders:
        found.append((True, f"{len(books.unknown_orders)} orders of unknown outcome"))
    if isinstance(books.reconciled_at, Missing):
        found.append((False, books.reconciled_at.reason.capitalize()))
    grave = [row for row in facts.alerts if row.severity == "critical"]
    if grave:
        words = joined(list(dict.fromkeys(row.headline for row in grave))[:3], "")
        found.append((False, f"{counted(len(grave), 'critical alert')}: {words}"))
    found += [(False, text) for text in _money_concerns(facts)]
    if not desk.has_ended:
        found.append((False, "The day was not journaled to its end: no engine closed it off"))
    return tuple(found)


def _money_concerns(facts: DayFacts) -> list[str]:
    found = []
    if isinstance(facts.money.pnl_day_usd, Missing):
        found.append(f"P&L is not known: {facts.money.pnl_day_usd.reason}")
    soon = [row for row in facts.ahead.expiries if row.days <= 1]
    found += [f"{len(row.contracts)} contracts expire on {row.expiry}" for row in soon]
    return found


def _verdict(tone: Tone, count: int) -> str:
    match tone:
        case Tone.BAD:
            return "A person is needed before the next open."
        case Tone.WARN:
            return f"{counted(count, 'thing')} to look at."
        case _:
            return "All in order: books agree, nothing is open that should not be."


def _short_verdict(tone: Tone) -> str:
    return {Tone.BAD: "ACT", Tone.WARN: "look"}.get(tone, "all in order")


def _tiles(facts: DayFacts) -> tuple[Tile, ...]:
    money = facts.money
    capital, gross = money.net_liquidation_usd, money.gross_exposure_usd
    share = ""
    if not isinstance(capital, Missing) and not isinstance(gross, Missing) and capital:
        share = f"{float(gross / capital):.1%} of capital"
    fees = money.commissions_usd
    return (
        Tile(
            label="P&L of the day",
            value=usd(money.pnl_day_usd, signed=True),
            note=_why_short(money.pnl_day_usd, "after commission"),
            tone=sign_tone(money.pnl_day_usd),
        ),
        Tile(
            label="Since inception",
            value=usd(money.pnl_inception_usd, signed=True),
            note=_why_short(money.pnl_inception_usd, counted(len(facts.curve), "journaled day")),
            tone=sign_tone(money.pnl_inception_usd),
        ),
        Tile(label="Net liquidation", value=usd(capital), note=_why_short(capital, "the broker's")),
        Tile(label="Gross exposure", value=usd(gross), note=_why_short(gross, share)),
        Tile(
            label="Programs",
            value=str(len(facts.programs)),
            note=joined([row.state.value.lower() for row in facts.programs], "none ran"),
        ),
        Tile(
            label="Executions",
            value=str(facts.books.executions),
            note=_why_short(fees, f"{usd(fees)} commission"),
        ),
        Tile(label="Breaks", value=str(len(facts.books.breaks)), note=_books_note(facts)),
        Tile(label="Alerts", value=str(len(facts.alerts)), note=_alerts_note(facts)),
    )


def _why_short(value: Decimal | Missing, known: str) -> str:
    return "not known, see below" if isinstance(value, Missing) else known


def _books_note(facts: DayFacts) -> str:
    agree = facts.books.agree
    if isinstance(agree, Missing):
        return "never compared"
    return "books agree" if agree else "books differ"


def _alerts_note(facts: DayFacts) -> str:
    grave = sum(row.severity == "critical" for row in facts.alerts)
    return f"{grave} critical" if grave else "none critical"


def _pictures(facts: DayFacts) -> dict[str, bytes]:
    """Draw what there is to draw; one day alone makes no line."""
    made: dict[str, bytes] = {}
    days = [row.day for row in facts.curve]
    totals = [None if isinstance(v := row.pnl_usd, Missing) else float(v) for row in facts.curve]
    if sum(value is not None for value in totals) > 1:
        made["pnl"] = charts.pnl_picture(days, totals)
    implied = [row.implied_correlation for row in facts.curve]
    if sum(value is not None for value in implied) > 1:
        realized = [row.realized_correlation for row in facts.curve]
        made["correlation"] = charts.correlation_picture(days, implied, realized)
    parts = part.parts_of(facts)
    if parts:
        names, values = [name for name, _ in parts], [float(value) for _, value in parts]
        made["parts"] = charts.parts_picture(names, values)
    packages = [row for one in facts.programs for row in one.packages][:40]
    if packages:
        made["cost"] = charts.cost_picture(
            [row.symbol for row in packages],
            [float(row.slippage_usd + row.commission_usd) for row in packages],
            [float(row.cost_expected_usd) for row in packages],
        )
    return made


def _footer(facts: DayFacts) -> tuple[str, ...]:
    notes = tuple(f"Note by {note}" for note in facts.notes)
    source = (
        f"Built from {facts.desk.entries} entries of {facts.journal}, the last at "
        f"{facts.desk.last_at:%Y-%m-%d %H:%M:%S} UTC. Every number that is missing says why."
    )
    return (*notes, source, f"Again: dispersa report eod --date {facts.day}")


def plain_values(value: Any) -> Any:
    """Return facts in JSON's types: money as numbers, what is missing as `{"missing": why}`."""
    match value:
        case Missing(reason=reason):
            return {"missing": reason}
        case Enum():
            return value.value
        case Decimal():
            return float(value)
        case date() | datetime():
            return value.isoformat()
        case dict():
            return {str(plain_values(key)): plain_values(one) for key, one in value.items()}
        case tuple() | list() | frozenset():
            return [plain_values(one) for one in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            names = value.__dataclass_fields__
            return {name: plain_values(getattr(value, name)) for name in names}
        case _:
            return value
