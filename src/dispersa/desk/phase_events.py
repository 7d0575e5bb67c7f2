"""What happened to phase, window, page and day? Events beside those of the trade itself.

Walk's window is told by the observations of `desk.window`, which are events, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from dispersa.desk.phases import Phase
from dispersa.desk.window import (
    AlertHandedOver,
    AlertLost,
    CancelReceived,
    EngineRestarted,
    Looked,
    PageLost,
)
from dispersa.market import Symbol, TradingSession


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRequested:
    """A person asks for another phase; `live_waiver` is a reason to do without paper days."""

    phase: Phase
    by: str
    reason: str
    live_waiver: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperDaysCounted:
    """How many trading days the paper journal shows from their opening to their end."""

    days: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageProven:
    """The operator has opened a test link: the page is reached from outside under this address."""

    url: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAdded:
    """A person writes something down."""

    text: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOpened:
    """A trading day begins; `session` None where the broker says that it is closed, and then why.

    `is_half_day` where the market closes early; `weights` of the index's names that are known now,
    as fractions, so that a rebalance is noticed through a restart.
    """

    day: date
    session: TradingSession | None
    is_half_day: bool
    remark: str = ""
    weights: Mapping[Symbol, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEnded:
    """A trading day is over; `books_agree` is the full reconciliation at its end."""

    day: date
    books_agree: bool
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UniverseChanged:
    """The index was rebalanced, or its weights were read anew, while something is held."""

    as_of: date
    added: tuple[Symbol, ...]
    removed: tuple[Symbol, ...]
    moved: Mapping[str, float]
    """Change of weight by symbol, as a fraction of the index, where it is worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailed:
    """A supervised task of the daemon has crashed and is started again."""

    task: str
    reason: str
    failures: int
    restart_seconds: float


WindowObserved = AlertHandedOver | AlertLost | CancelReceived | PageLost | EngineRestarted | Looked

PhaseEvent = (
    PhaseRequested
    | PaperDaysCounted
    | PageProven
    | NoteAdded
    | DayOpened
    | DayEnded
    | UniverseChanged
    | TaskFailed
    | WindowObserved
)
