"""How does the desk stand, on one screen? Safety first, then now, the book, the signal, ages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from dispersa.desk.facts import gate_facts
from dispersa.desk.state import DeskState
from dispersa.desk.weighing import held, positions
from dispersa.execution.program import balance_of
from dispersa.orders import OrderState
from dispersa.reports.limit_rows import limit_row, nearest_full
from dispersa.reports.tables import money, number, points
from dispersa.risk.headroom import LimitUse, limit_uses

LIMITS_SHOWN = 4
GOOD, WARN, BAD, SOFT = "green", "yellow", "bold red", "dim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The process that owns the journal: its id, None where none runs; how long ago it beat."""

    pid: int | None
    beat_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the screen: a word, what is known, and a color for it."""

    name: str
    text: str
    style: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Lines that belong together."""

    title: str
    lines: tuple[Line, ...]


def blocks_of(state: DeskState, at: datetime, engine: Engine) -> tuple[Block, ...]:
    """Return the screen's blocks; `at` is the time that ages count to."""
    return (
        Block(title="SAFETY", lines=_safety(state, at, engine)),
        Block(title="NOW", lines=_now(state)),
        Block(title="BOOK", lines=_book(state)),
        Block(title="SIGNAL", lines=_signal(state)),
        Block(title="AGES", lines=_ages(state, at)),
    )


def screen(blocks: Sequence[Block], title: str) -> Group:
    """Return the screen as rich text that fits 80 columns."""
    parts: list[Text | Table] = [Text(title, style="bold")]
    for block in blocks:
        rows = Table.grid(padding=(0, 2))
        rows.add_column(width=16, style=SOFT)
        rows.add_column(overflow="fold")
        for line in block.lines:
            rows.add_row(line.name, Text(line.text, style=line.style))
        parts += [Text(f"\n{block.title}", style="bold"), rows]
    return Group(*parts)


def blocks_document(blocks: Sequence[Block]) -> dict[str, Any]:
    """Return the blocks as JSON: what the screen says, by block and line."""
    return {
        block.title.lower(): {line.name.replace(" ", "_"): line.text for line in block.lines}
        for block in blocks
    }


def _safety(state: DeskState, at: datetime, engine: Engine) -> tuple[Line, ...]:
    phasing = state.phasing
    return (
        _engine(engine),
        Line(name="phase", text=f"{phasing.phase.value}, profile {state.profile or 'unknown'}"),
        _halt(state),
        _link(state, engine),
        _reconciliation(state),
        _unknowns(state),
        *_limits(state, at),
    )


def _engine(engine: Engine) -> Line:
    if engine.pid is None:
        return Line(name="engine", text="none runs: this is what the journal says", style=WARN)
    if engine.beat_seconds is None or engine.beat_seconds > 10:
        age = "never" if engine.beat_seconds is None else f"{engine.beat_seconds:.0f} s ago"
        return Line(name="engine", text=f"process {engine.pid}, last beat {age}", style=BAD)
    return Line(name="engine", text=f"process {engine.pid}, alive", style=GOOD)


def _halt(state: DeskState) -> Line:
    halt = state.halt
    if halt is None:
        text = f"none{f'; stopping: {state.stopping}' if state.stopping else ''}"
        return Line(name="halt", text=text, style=WARN if state.stopping else GOOD)
    by = f" by {halt.by}" if halt.by else ""
    text = f"{halt.level.value.upper()} since {halt.since:%H:%M:%S} UTC{by}: {halt.reason}"
    return Line(name="halt", text=text, style=BAD)


def _link(state: DeskState, engine: Engine) -> Line:
    if engine.pid is None:
        return Line(name="link", text="not known without an engine", style=SOFT)
    if state.linked:
        return Line(name="link", text="both links proven", style=GOOD)
    return Line(name="link", text=state.link_message or "not connected", style=BAD)


def _reconciliation(state: DeskState) -> Line:
    found = state.reconciliation
    if found is None:
        return Line(name="reconciliation", text="never compared with the broker", style=WARN)
    if found.agrees:
        return Line(name="reconciliation", text="books agree", style=GOOD)
    names = ", ".join(sorted(found.locked_names))
    return Line(name="reconciliation", text=f"BOOKS DIFFER, locked: {names}", style=BAD)


def _unknowns(state: DeskState) -> Line:
    refs = [ref for ref, row in state.orders.items() if row.state is OrderState.UNKNOWN]
    if not refs:
        return Line(name="unknown orders", text="none", style=GOOD)
    return Line(name="unknown orders", text=", ".join(refs), style=BAD)


def nearest(state: DeskState, at: datetime) -> tuple[tuple[LimitUse, float | None], ...]:
    """Return the limits nearest to full; none where no limits are bound."""
    if state.limits is None:
        return ()
    return nearest_full(limit_uses(state.limits, gate_facts(state, at)), LIMITS_SHOWN)


def _limits(state: DeskState, at: datetime) -> tuple[Line, ...]:
    if state.limits is None:
        return (Line(name="limits", text="none journaled yet", style=WARN),)
    rows = []
    for place, (row, share) in enumerate(nearest(state, at)):
        name, used, limit, full = limit_row(row, share)
        style = WARN if share is None or share >= 0.8 else ""
        style = BAD if share is not None and share >= 1 else style
        label = "nearest limits" if place == 0 else f"then {place + 1}"
        rows.append(Line(name=label, text=f"{full:>5}  {name}: {used} {limit}", style=style))
    return tuple(rows) or (Line(name="limits", text="none is used", style=GOOD),)


def _now(state: DeskState) -> tuple[Line, ...]:
    lines = [Line(name="stage", text=state.stage.value)]
    if state.decline_reason:
        lines.append(Line(name="declined", text=f"{state.decline_stage}: {state.decline_reason}"))
    if state.plan is not None:
        plan = state.plan
        until = f"{plan.expires_at:%H:%M:%S} UTC"
        text = f"{plan.plan_hash[:12]}, {len(plan.packages)} packages, valid to {until}"
        lines.append(Line(name="plan", text=text))
    lines += _program(state)
    orders = state.open_orders()
    text = (
        "none"
        if not orders
        else ", ".join(
            f"{row.approved.intent.combo.symbol} {row.filled}/{row.approved.intent.quantity}"
            for row in orders
        )
    )
    lines.append(Line(name="open orders", text=text))
    return tuple(lines)


def _program(state: DeskState) -> list[Line]:
    program = state.program
    if program is None:
        return [Line(name="program", text="none")]
    rows = program.packages.values()
    filled, target = sum(abs(row.filled) for row in rows), sum(abs(row.target) for row in rows)
    words = f"{program.program} {program.state.value}, {filled} of {target} straddles"
    vega = number(balance_of(program, {}).filled, places=0, signed=True)
    balance = f"filled {vega} $/pt, corridor ±{program.corridor_usd:,.0f}"
    return [
        Line(name="program", text=f"{words}{f'; {program.sentence}' if program.sentence else ''}"),
        Line(name="vega balance", text=balance),
    ]


def _book(state: DeskState) -> tuple[Line, ...]:
    own = [row for row in positions(state).values() if not row.is_flat]
    account = state.account
    capital = None if account is None else account.net_liquidation
    lines = [Line(name="net liquidation", text=f"{money(capital)} $")]
    if not own:
        return (*lines, Line(name="positions", text="none"))
    found = held(state)
    names = len({row.symbol for row in own})
    bare = len(own) - len(found.legs)
    text = f"{len(own)} contracts on {names} names" + (f", {bare} not marked" if bare else "")
    gross = "not known: a position has no mark" if bare else f"{money(found.gross)} $"
    greeks = found.book.greeks
    sums = (
        f"vega {money(greeks.vega_usd, signed=True)} $/pt, theta "
        f"{money(greeks.theta_usd, signed=True)} $/day, "
        f"delta {money(greeks.delta_usd, signed=True)} $"
    )
    lines += [
        Line(name="positions", text=text, style=WARN if bare else ""),
        Line(name="Greeks", text=sums),
        Line(name="gross exposure", text=gross),
        Line(name="trades held", text=", ".join(state.programs_held) or "none"),
    ]
    return tuple(lines)


def _signal(state: DeskState) -> tuple[Line, ...]:
    signal = state.signal
    if signal is None:
        return (Line(name="signal", text="none computed yet"),)
    values = (
        f"implied {points(signal.implied_correlation)}, forecast "
        f"{points(signal.forecast_correlation)}, "
        f"edge after cost {number(signal.edge_net, signed=True)} vol points"
    )
    at = f"{signal.as_of:%Y-%m-%d %H:%M} UTC"
    return (
        Line(name="verdict", text=f"{signal.index} {signal.direction.value} at {at}"),
        Line(name="values", text=values),
    )


def _ages(state: DeskState, at: datetime) -> tuple[Line, ...]:
    account, vix, snapshot = state.account, state.vix, state.snapshot
    marks = [mark.at for mark in state.marks.values()]
    known = {
        "account": None if account is None else account.at,
        "VIX": None if vix is None else vix.quote.at,
        "broker's books": None if snapshot is None else snapshot.at,
        "reconciliation": state.reconciled_at,
        "oldest mark": min(marks) if marks else None,
        "signal": None if state.signal is None else state.signal.as_of,
    }
    return tuple(_age(name, then, at) for name, then in known.items())


def _age(name: str, then: datetime | None, at: datetime) -> Line:
    if then is None:
        return Line(name=name, text="never read", style=SOFT)
    seconds = (at - then).total_seconds()
    return Line(name=name, text=f"{span(seconds)}, at {then:%Y-%m-%d %H:%M:%S} UTC")


def span(seconds: float) -> str:
    """An age in the unit that fits it.

    >>> span(42), span(600), span(90_000), span(400_000)
    ('42 s', '10 min', '25 h', '5 days')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3_600:.0f} h"
    return f"{seconds / 86_400:.0f} days"
