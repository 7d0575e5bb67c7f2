"""What follows a FLATTEN, once nothing of ours works? A plan to close each trade that is held.

The plan goes the road of every closing: gate, approval, program. In Crawl and Walk a person
approves it; nothing is closed without. Under the halt only such a closing may send.
"""

from dispersa.desk import events as ev
from dispersa.desk.commands import ComputeClosing
from dispersa.desk.state import DeskState, Stage
from dispersa.execution.plan import PlanKind
from dispersa.risk import HaltLevel

_BEFORE_THE_BOOKS = (ev.DeskOpened, ev.LimitsBound, ev.BookMarked)
"""With these a process begins; the broker's books are read next."""
_RESTING = frozenset({Stage.IDLE, Stage.DECLINED, Stage.ENDED})


def decide_flatten(state: DeskState, event: ev.Event) -> ComputeClosing | None:
    """Ask for the closing of the next held trade, once for each FLATTEN and each start."""
    halt = state.halt
    if halt is None or halt.level is not HaltLevel.FLATTEN or state.stopping:
        return None
    if isinstance(event, _BEFORE_THE_BOOKS):
        return None
    if state.stage not in _RESTING or state.open_orders() or not state.linked:
        return None
    due = (trade for trade in state.programs_held if trade not in state.flattened)
    trade = next(due, None)
    if trade is None:
        return None
    return ComputeClosing(trade=trade, reason=f"flatten: {halt.reason}", share=1.0, rolls=False)


def is_planning(state: DeskState) -> bool:
    """Whether what is being prepared is the closing that the FLATTEN which stands has asked for."""
    return state.closing is not None and state.closing.trade in state.flattened


def is_flattening(state: DeskState) -> bool:
    """Whether the program at work is a closing that began under the FLATTEN that stands."""
    halt, program = state.halt, state.program
    if halt is None or halt.level is not HaltLevel.FLATTEN or program is None:
        return False
    return program.plan.kind is PlanKind.EXIT and program.started_at >= halt.since
