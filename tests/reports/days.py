"""Two trading days by hand, written as a journal: what the reports' tests know the answers to.

Day one: ten QQQ straddles sold and 30 + 32 component straddles bought by the desk's scene, marked
at the day's end. Day two: marks move by hand, nothing is traded, a halt comes and goes.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from dispersa.correlation.terms import RealizedWindow, SignalRow
from dispersa.desk import events as ev
from dispersa.desk import phase_events as pe
from dispersa.desk.window import Instant, PageLost
from dispersa.execution.program import ProgramState
from dispersa.journal import Journal, NewEntry
from dispersa.market import Greeks, GreeksSource, OptionContract, Symbol, UnderlyingKind
from dispersa.portfolio import Mark, MarkSource, OptionMark
from dispersa.risk import HaltLevel, Limits
from tests.desk.scene import NAMES, T0, Scene, signal, straddle

DAY_ONE, DAY_TWO = date(2026, 11, 20), date(2026, 11, 23)
CLOSE_ONE = datetime(2026, 11, 20, 21, 5, tzinfo=UTC)
OPEN_TWO = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
CLOSE_TWO = datetime(2026, 11, 23, 21, 5, tzinfo=UTC)
MARK_ONE = {"QQQ": Decimal("10.00"), "AAA": Decimal("4.00"), "BBB": Decimal("3.00")}
MARK_TWO = {"QQQ": Decimal("9.50"), "AAA": Decimal("4.10"), "BBB": Decimal("2.90")}
"""Price of each leg, call and put alike, at the two closes."""


def marks(prices: dict[str, Decimal], at: datetime, vol: float) -> tuple[Mark, ...]:
    return tuple(_mark(leg, prices[name], at, vol) for name in NAMES for leg in straddle(name).legs)


def _mark(leg: OptionContract, price: Decimal, at: datetime, vol: float) -> OptionMark:
    spot = Decimal(str(NAMES[leg.symbol][1]))
    greeks = Greeks(
        implied_vol=vol,
        delta=0.0,
        gamma=0.0,
        vega=0.5,
        theta=-0.1,
        price=float(price),
        underlying_price=float(spot),
        source=GreeksSource.OWN,
        at=at,
    )
    return OptionMark(
        contract=leg,
        price=price,
        spot=spot,
        greeks=greeks,
        underlying=UnderlyingKind.STOCK,
        source=MarkSource.OWN_VOL,
        at=at,
    )


def full_signal(at: datetime, implied: float, index_vol: float) -> ev.SignalComputed:
    rows = tuple(
        SignalRow(
            symbol=Symbol(name),
            weight=0.5,
            share=0.5,
            implied_vol=vol,
            forecast_vol=vol,
            spread_vol_points=0.5,
            gap_vol_points=0.0,
            dropped=None,
            flags=(),
        )
        for name, vol in (("AAA", 0.30), ("BBB", 0.20))
    )
    known = replace(
        signal(),
        as_of=at,
        implied_correlation=implied,
        realized=(RealizedWindow(days=21, clean=0.25, average_pairwise=0.3),),
        index_vol=index_vol,
        coverage=0.9,
        names=rows,
    )
    return ev.SignalComputed(signal=known)


def two_days() -> Scene:
    """Live through both days."""
    desk = Scene()
    desk.tell(ev.DeskOpened(profile="sim", account="DU1234567", live_allowed=False))
    desk.tell(ev.LimitsBound(limits=Limits(), change=None))
    desk.tell(pe.DayOpened(day=DAY_ONE, session=None, is_half_day=False))
    desk.open_until_proposed()
    desk.answer("EXECUTE")
    _work(desk)
    _end(desk, DAY_ONE, CLOSE_ONE, marks(MARK_ONE, CLOSE_ONE, 0.20))
    desk.now = OPEN_TWO
    desk.tell(pe.DayOpened(day=DAY_TWO, session=None, is_half_day=True))
    desk.tell(full_signal(OPEN_TWO, 0.40, 0.21))
    desk.tell(ev.HaltRequested(level=HaltLevel.HOLD, reason="lunch, token=abc", by="Ann"))
    desk.now += timedelta(minutes=5)
    desk.tell(ev.ResumeRequested(reason="back", operator="Ann"))
    desk.tell(PageLost(at=Instant(wall=desk.now, monotonic_ns=1), reason="no answer\x1b[2J"))
    desk.tell(pe.NoteAdded(text="quiet day", by="Ann"))
    _end(desk, DAY_TWO, CLOSE_TWO, marks(MARK_TWO, CLOSE_TWO, 0.22))
    return desk


def _work(desk: Scene) -> None:
    """Fill every order as it comes, until the program has ended."""
    for number in range(2_000):
        desk.tick()
        for ref, approved in list(desk.live.items()):
            del desk.live[ref]
            desk.tell(desk.working(approved))
            units = approved.intent.quantity
            for report in desk.reports_of_fill(approved, units, f"e{number}{ref[-4:]}"):
                desk.tell(report)
        if desk.state.snapshot_request is not None:
            desk.tell(ev.SnapshotRead(snapshot=desk.snapshot()))
        program = desk.state.program
        if program is not None and program.state.has_ended:
            assert program.state is ProgramState.COMPLETED, program.sentence
            return
    raise AssertionError("the program did not end")


def _end(desk: Scene, day: date, at: datetime, found: tuple[Mark, ...]) -> None:
    desk.now = at
    desk.tell(desk.conditions())
    if found:
        desk.tell(ev.BookMarked(marks=found))
    desk.tell(ev.SnapshotRead(snapshot=desk.snapshot()))
    desk.tell(pe.DayEnded(day=day, books_agree=True))


def write_journal(desk: Scene, path: Path, *, without_last: str = "") -> Path:
    """Write what the scene recorded as a journal file, with its own times.

    The last record of the kind `without_last` is left out.
    """
    records = list(desk.journal)
    if without_last:
        del records[max(n for n, (_, kind, _) in enumerate(records) if kind == without_last)]
    times = iter([at for at, _, _ in records])
    with Journal.open(path, build_id="test", now=lambda: next(times, T0)) as journal:
        for _, kind, payload in records:
            journal.append([NewEntry(kind=kind, payload=payload)])
        journal.flush()
    return path
