"""What does each part of the end-of-day report say?"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from itertools import groupby

from dispersa.correlation.terms import Signal
from dispersa.execution.outcome import PackageOutcome, ProgramOutcome
from dispersa.portfolio import PnlParts
from dispersa.reports.eod_facts import (
    AlertRow,
    DayFacts,
    ExpiryRow,
    HeldRow,
    Missing,
    NextDay,
)
from dispersa.reports.eod_page import Grid, Section, clock, joined, long_day, usd, why
from dispersa.reports.limit_rows import limit_row, nearest_full
from dispersa.reports.tables import number, points, price

LIMITS_SHOWN = 8
ALERT_LINES_MAX = 40
EXPIRY_SOON_DAYS = 7
WINDOWS_DAYS = (21, 63, 252)
CAUSES = {
    "delta": "delta",
    "gamma": "gamma",
    "theta": "theta",
    "vega_components": "vega: component vols",
    "vega_correlation": "vega: correlation",
    "vega_strike": "vega: strike's own vol",
    "vanna": "vanna",
    "volga": "volga",
    "hedges": "hedge stock",
    "trades": "trades of the day",
    "dividends": "dividends",
    "commissions": "commissions",
    "residual": "residual (not explained)",
}


def signal_section(facts: DayFacts, *, has_picture: bool) -> Section:
    """Show the verdict with the numbers behind it."""
    signal = facts.signal
    if isinstance(signal, Missing):
        return Section(title="Signal", lede=f"No signal: {signal.reason}.")
    realized = {row.days: row.clean for row in signal.realized}
    window = [realized.get(days) for days in WINDOWS_DAYS]
    windows = " / ".join(map(points, window))
    rows = (
        ("implied correlation, points", points(signal.implied_correlation)),
        ("realized, 21 / 63 / 252 days", windows),
        ("forecast, points", points(signal.forecast_correlation)),
        ("premium, points", points(signal.correlation_premium, signed=True)),
        ("edge after cost, vol points", number(signal.edge_net, signed=True)),
        ("coverage of the index", f"{signal.coverage:.0%}"),
    )
    words = [reason.sentence for reason in signal.reasons]
    words += [f"not traded, {line}" for line in facts.declined]
    if signal.implied_correlation is None or signal.forecast_correlation is None or None in window:
        words.append(f"A dash could not be computed: {_dash_reason(signal)}.")
    return Section(
        title="Signal",
        lede=f"{signal.index}, {clock(signal.as_of)} New York: "
        f"{signal.direction.value.replace('_', ' ').lower()}.",
        picture="correlation" if has_picture else "",
        picture_words="Implied and realized correlation by day",
        grid=Grid(columns=("", "value"), rows=rows),
        remarks=tuple(words),
    )


def _dash_reason(signal: Signal) -> str:
    """Say from what the signal was missing something."""
    left_out = sum(row.dropped is not None for row in signal.names)
    return (
        f"the signal had {signal.history_days} days of history, {len(signal.names) - left_out} "
        f"names with every input and {left_out} left out"
    )


def pnl_section(facts: DayFacts, *, has_picture: bool) -> Section:
    """Show P&L by day."""
    money = facts.money
    gaps = why(
        money.pnl_day_usd,
        money.pnl_inception_usd,
        money.net_liquidation_usd,
        money.gross_exposure_usd,
    )
    missing = [row for row in facts.curve if isinstance(row.pnl_usd, Missing)]
    remarks = tuple(f"Not known: {reason}." for reason in gaps)
    if len(missing) > len(gaps):
        days = joined([f"{row.day:%d %b}" for row in missing], "")
        remarks += (f"Days without a valuation leave a gap: {days}.",)
    return Section(
        title="Profit and loss",
        lede="Own marks, after commission; bars are single days, the line is the sum since the "
        "journal began."
        if has_picture
        else "Own marks, after commission.",
        picture="pnl" if has_picture else "",
        picture_words="P&L since inception by day",
        remarks=remarks,
    )


def attribution_section(facts: DayFacts) -> Section:
    """Show where the day's P&L came from, in a sum that is exact."""
    found = facts.money.attribution
    if isinstance(found, Missing):
        return Section(title="Attribution", lede=f"Not known: {found.reason}.")
    names = sorted(found.names, key=lambda pair: pair[1].total)
    shown = names if len(names) <= 6 else [*names[:3], *names[-3:]]
    remarks = [f"Note: {facts.money.attribution_note}."] if facts.money.attribution_note else []
    if names:
        each = ", ".join(f"{name} {usd(parts.total, signed=True)}" for name, parts in shown)
        remarks.append(f"By name, worst to best: {each}.")
    return Section(
        title="Attribution",
        lede="From the last valuation to this one. The parts sum to the day's P&L exactly.",
        picture="parts" if _parts(found.book) else "",
        picture_words="Causes of the day's P&L in dollars",
        grid=Grid(
            columns=("cause", "USD"),
            rows=(
                *((name, usd(value, signed=True)) for name, value in _parts(found.book)),
                ("the day", usd(found.book.total, signed=True)),
            ),
            bold_last=True,
        ),
        remarks=tuple(remarks),
    )


def _parts(parts: PnlParts) -> tuple[tuple[str, Decimal], ...]:
    """Causes that are not zero, in their order."""
    rows = ((CAUSES[spec.name], getattr(parts, spec.name)) for spec in fields(parts))
    return tuple((name, value) for name, value in rows if abs(value) >= Decimal("0.005"))


def parts_of(facts: DayFacts) -> tuple[tuple[str, Decimal], ...]:
    """Causes of the day's P&L that are not zero; none where it is missing."""
    found = facts.money.attribution
    return () if isinstance(found, Missing) else _parts(found.book)


def positions_section(facts: DayFacts) -> Section:
    """Show what is held, one row for each name and expiry."""
    if not facts.held:
        return Section(title="Positions", lede="Nothing is held.")
    groups: dict[tuple[str, str], list[HeldRow]] = defaultdict(list)
    for row in facts.held:
        expiry = "shares" if row.expiry is None else f"{row.expiry:%d %b %y}"
        groups[(row.symbol, expiry)].append(row)
    rows = [
        (name, expiry, _quantities(legs), *_sums(legs)) for (name, expiry), legs in groups.items()
    ]
    rows.append(("book", "", "", *_sums(facts.held)))
    return Section(
        title="Positions",
        lede=f"{len(facts.held)} contracts on {len({row.symbol for row in facts.held})} names.",
        grid=Grid(
            columns=("name", "expiry", "held", "value $", "vega $/pt", "theta $/day"),
            rows=tuple(rows),
            left=2,
            bold_last=True,
        ),
        remarks=tuple(f"No value: {reason}." for reason in why(facts.money.gross_exposure_usd)),
    )


def _quantities(legs: Sequence[HeldRow]) -> str:
    """Calls and puts together where they are equal, else each."""
    found = list(dict.fromkeys(f"{row.quantity:+f}" for row in legs))
    return found[0] if len(found) == 1 else " ".join(found)


def _sums(legs: Sequence[HeldRow]) -> tuple[str, str, str]:
    return (
        usd(_sum([row.value_usd for row in legs]), signed=True),
        usd(_sum([row.vega_usd for row in legs]), signed=True),
        usd(_sum([row.theta_usd for row in legs]), signed=True),
    )


def _sum(values: Sequence[Decimal | float | Missing]) -> float | Missing:
    total = 0.0
    for value in values:
        if isinstance(value, Missing):
            return value
        total += float(value)
    return total


def fills_section(facts: DayFacts) -> Section:
    """Show each package: what it paid against the mid at arrival, and what the plan expected."""
    if not facts.programs:
        return Section(
            title="Fills and slippage",
            lede=f"No program ran; {facts.books.executions} executions were booked.",
        )
    rows = [_package(row) for one in facts.programs for row in _by_cost(one)]
    paid = sum((one.cost_actual_usd for one in facts.programs), Decimal(0))
    expected = sum((one.cost_expected_usd for one in facts.programs), Decimal(0))
    rows.append(("all", "", "", "", usd(paid), usd(expected)))
    return Section(
        title="Fills and slippage",
        lede="Cost is slippage against the mid at arrival plus commission; expected is the plan's.",
        picture="cost",
        picture_words="Cost paid and expected by package in dollars",
        grid=Grid(
            columns=("name", "filled", "arrival", "paid at", "cost $", "expected $"),
            rows=tuple(rows),
            bold_last=True,
        ),
        remarks=tuple(_program_words(one) for one in facts.programs)
        + tuple(f"Commission is not complete: {one}." for one in why(facts.money.commissions_usd)),
    )


def _by_cost(program: ProgramOutcome) -> list[PackageOutcome]:
    return sorted(program.packages, key=lambda row: -(row.slippage_usd + row.commission_usd))


def _package(row: PackageOutcome) -> tuple[str, ...]:
    return (
        row.symbol,
        f"{row.side.value} {row.filled}/{row.quantity}",
        price(row.arrival_mid),
        price(row.average_price),
        usd(row.slippage_usd + row.commission_usd),
        usd(row.cost_expected_usd),
    )


def _program_words(program: ProgramOutcome) -> str:
    return (
        f"{program.program} {program.state.value} in {program.seconds:.0f} s: {program.sentence}. "
        f"Largest vega imbalance {usd(program.imbalance_max_usd)} of {usd(program.corridor_usd)} "
        "$/pt allowed."
    )


def limits_section(facts: DayFacts) -> Section:
    """Show the limits nearest to full at the day's end."""
    found = facts.limits
    if isinstance(found, Missing):
        return Section(title="Limits used", lede=f"Not known: {found.reason}.")
    rows = nearest_full(found, LIMITS_SHOWN)
    return Section(
        title="Limits used",
        lede=f"The {len(rows)} nearest to full of {len(found)}, at {clock(facts.desk.last_at)}.",
        grid=Grid(
            columns=("limit", "used", "allowed", "full"),
            rows=tuple(limit_row(row, share) for row, share in rows),
            wraps=True,
        ),
    )


def books_section(facts: DayFacts) -> Section:
    """Show whether our books and the broker's agree."""
    books = facts.books
    words = []
    for row in books.breaks:
        words += [f"{clock(row.at)} break in {joined(row.names, 'no name')}:", *row.sentences]
    if books.unknown_orders:
        words.append(f"Orders of unknown outcome: {joined(books.unknown_orders, '')}.")
    return Section(title="Breaks", lede=_books_lede(facts), remarks=tuple(words))


def _books_lede(facts: DayFacts) -> str:
    books = facts.books
    if isinstance(books.reconciled_at, Missing):
        return f"Not known: {books.reconciled_at.reason}."
    at = clock(books.reconciled_at)
    if books.agree is True:
        before = f", after {len(books.breaks)} breaks in the day" if books.breaks else ""
        return f"Our books and the broker's agree, compared last at {at} New York{before}."
    return f"The books differ at {at}; locked: {joined(books.locked_names, 'no name')}."


def alerts_section(facts: DayFacts) -> Section:
    """Show every alert of the day and who took it over."""
    if not facts.alerts:
        return Section(title="Alerts", lede="None.")
    runs = [tuple(run) for _, run in groupby(facts.alerts, key=_same_alert)]
    rows = tuple(map(_alert_line, runs[-ALERT_LINES_MAX:]))
    reasons = dict.fromkeys(
        row.handed_over.reason for row in facts.alerts if isinstance(row.handed_over, Missing)
    )
    count = len(facts.alerts)
    return Section(
        title="Alerts",
        lede=f"{count} in the day{_cut(len(runs))}. Handed over means that the mail server or "
        "provider took it, not that it was read.",
        grid=Grid(columns=("at", "grade", "what", "hand-over"), rows=rows, left=4, wraps=True),
        remarks=tuple(f"Hand-over not known: {reason}." for reason in reasons),
    )


def _cut(lines: int) -> str:
    return f", the last {ALERT_LINES_MAX} lines shown" if lines > ALERT_LINES_MAX else ""


def _same_alert(row: AlertRow) -> tuple[str, str, tuple[str, ...]]:
    """What repeats are shown together by: the same words, as far handed over."""
    over = row.handed_over
    states = () if isinstance(over, Missing) else tuple(f"{o.channel} {o.state}" for o in over)
    return row.severity, row.headline, states


def _alert_line(run: tuple[AlertRow, ...]) -> tuple[str, str, str, str]:
    first, count = run[0], len(run)
    words = first.headline if count == 1 else f"{first.headline} ({count} times)"
    return clock(first.at), first.severity, words, _over(first)


def _over(row: AlertRow) -> str:
    if isinstance(row.handed_over, Missing):
        return "not known"
    return "; ".join(
        f"{one.channel}: {one.state}"
        + ("" if one.at is None else f" after {(one.at - row.at).total_seconds():.1f} s")
        for one in row.handed_over
    )


def ahead_section(facts: DayFacts) -> Section:
    """Show what the next trading day brings."""
    ahead = facts.ahead
    rows = [_next_words(ahead.next_day)]
    rows += [_expiry_words(row) for row in ahead.expiries]
    if not ahead.expiries:
        rows.append("No expiry: no option is held.")
    if facts.held:
        rows.append(f"Ex-dates are not known: {ahead.ex_dates.reason}.")
    return Section(title="Tomorrow", remarks=tuple(rows))


def _next_words(found: NextDay | Missing) -> str:
    if isinstance(found, Missing):
        return f"Next session is not known: {found.reason}."
    hours = f"{clock(found.session.opens)[:5]} to {clock(found.session.closes)[:5]} New York"
    half = "HALF DAY, " if found.is_half_day else ""
    closed = "".join(f"; closed for a holiday on {long_day(one)}" for one in found.closed)
    return f"{half}{long_day(found.day)}, {hours}{closed}."


def _expiry_words(row: ExpiryRow) -> str:
    names = sorted({contract.split()[0] for contract in row.contracts})
    when = "today" if row.days == 0 else f"in {row.days} days"
    soon = "SOON: " if row.days <= EXPIRY_SOON_DAYS else ""
    return f"{soon}{len(row.contracts)} contracts expire {when}, {row.expiry}: {', '.join(names)}."
