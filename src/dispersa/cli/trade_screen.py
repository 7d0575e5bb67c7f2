"""What does a person see while a trade runs? Tables as they come, then the live program."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dispersa.cli.output import console_on

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

    from dispersa.desk.commands import Command
    from dispersa.desk.state import DeskState
    from dispersa.market import ConId, Quote
    from dispersa.risk import GateVerdict
    from dispersa.runtime.desk_loop import Seen

REFRESH_PER_SECOND = 8


class TradeScreen(AbstractContextManager["TradeScreen"]):
    """Watches the desk and shows each stage once; the program is live only on a terminal.

    With `quiet` (for `--json`) nothing but the live table is shown, on stderr.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._words = console_on(stderr=quiet)
        self._progress = console_on(stderr=True)
        self._live: Live | None = None
        self._at = datetime.fromtimestamp(0, UTC)
        self._quotes: Mapping[ConId, Quote] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_live()

    def say(self, text: str) -> None:
        """Print a remark where remarks go."""
        self._progress.print(text)

    def saw(self, seen: "Seen") -> None:
        """Show what this step has brought."""
        from dispersa.desk.events import MarketObserved, SignalComputed

        self._at = seen.at
        if isinstance(seen.event, MarketObserved):
            self._quotes = seen.event.quotes
        if isinstance(seen.event, SignalComputed):
            self._show_signal(seen)
        for command in seen.commands:
            self._show(command, seen.state)
        if self._live is not None:
            self._update(seen.state)

    def _show_signal(self, seen: "Seen") -> None:
        from dispersa.reports.trade_tables import signal_table

        if not self._quiet and seen.state.signal is not None:
            self._words.print(signal_table(seen.state.signal))

    def _show(self, command: "Command", state: "DeskState") -> None:
        from dispersa.desk import commands as cmd

        match command:
            case cmd.AskApproval() | cmd.DenyPlan():
                self.show_plan(state, command.verdict)
            case cmd.StartProgram():
                self._start_live(state)
            case cmd.EndPackage(package=symbol, state=ended, reason=reason):
                self._say_progress(f"{symbol}: {ended.value}, {reason}")
            case cmd.WindDown(reason=reason):
                self._say_progress(f"stopping: {reason}")
            case cmd.Retarget(reason=reason):
                self._say_progress(reason)
            case cmd.RaiseAlert(alert=alert):
                self._say_progress(f"ALERT {alert.kind.value}: {alert.sentence}")
            case cmd.EndProgram():
                self._stop_live()
            case _:
                return

    def show_plan(self, state: "DeskState", verdict: "GateVerdict") -> None:
        """Show the plan in full."""
        from dispersa.reports.trade_tables import plan_table

        if not self._quiet and state.plan is not None:
            self._words.print(plan_table(state.plan, verdict))

    def _start_live(self, state: "DeskState") -> None:
        from rich.live import Live

        from dispersa.reports.trade_tables import program_table

        if self._progress.is_terminal:
            self._live = Live(
                program_table(state, self._at, self._quotes),
                console=self._progress,
                refresh_per_second=REFRESH_PER_SECOND,
                transient=True,
            )
            self._live.start()

    def _update(self, state: "DeskState") -> None:
        from dispersa.reports.trade_tables import program_table

        if self._live is not None:
            self._live.update(program_table(state, self._at, self._quotes))

    def _say_progress(self, text: str) -> None:
        """Print progress; a live table shows the same and stays undisturbed."""
        if self._live is None and not self._quiet:
            self._progress.print(text)

    def _stop_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def show_outcome(console: "Console", state: "DeskState") -> None:
    """Print how the trade ended."""
    from dispersa.execution.outcome import outcome_of
    from dispersa.reports.trade_tables import outcome_table

    if state.program is None:
        console.print(f"No trade: {state.decline_reason or 'the gate said no, see above'}")
        return
    outcome = outcome_of(state.program, state.orders, state.book, state.messages_sent)
    console.print(outcome_table(outcome))


def exit_code_of(state: "DeskState") -> int:
    """Exit code of a finished trade: 0 done, 1 nothing held, 3 denied, 5 locked, 6 unresolved."""
    from dispersa.desk.state import Stage
    from dispersa.execution.program import ProgramState

    if state.stage is Stage.DECLINED:
        return _declined(state)
    ended = None if state.program is None else state.program.state
    match ended:
        case ProgramState.COMPLETED | ProgramState.PARTIAL_BALANCED:
            return 0
        case ProgramState.LOCKED:
            return 5 if state.reconciliation is not None and state.reconciliation.agrees else 6
        case _:
            return 6 if state.unknown_names() else 1


def _declined(state: "DeskState") -> int:
    """A signal that says no is done; a denied plan or a missing confirmation is 3."""
    if state.decline_stage == "signal" and state.signal is not None:
        return 0
    return {"gate": 3, "approval": 3, "plan": 3, "halt": 5}.get(state.decline_stage, 1)
