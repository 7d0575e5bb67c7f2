"""Where does a plan come from when it is not sized today? A probe of one name, or a saved plan."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from dispersa.correlation.terms import Direction, Signal
from dispersa.desk import events as ev
from dispersa.desk.codec import decode
from dispersa.desk.commands import StartProgram
from dispersa.desk.state import DeskState
from dispersa.errors import Denied, InvalidInput
from dispersa.execution.plan import PlannedPackage, TradePlan
from dispersa.journal import Entry
from dispersa.market import Quote, Symbol, straddle_quote
from dispersa.runtime.chain_reading import Snapshot, read_contracts
from dispersa.runtime.market_reading import read_market
from dispersa.runtime.planning import PlanRequestInputs, find_candidates, probe
from dispersa.runtime.workers import MarketWorkers

DRIFT_SHARE_MAX = Decimal("0.02")
"""How far a package's mid may have moved from the plan, beyond its own spread."""


def probe_label(symbol: str) -> str:
    """Label under which a probe needs no edge."""
    return f"probe of {symbol}: one straddle, not a dispersion trade and never neutral"


class ProbeWorkers(MarketWorkers):
    """Plans one straddle of one name, bought; the gate judges it like any other plan."""

    def __init__(self, *, symbol: Symbol, **parts: Any) -> None:
        super().__init__(**parts)
        self._symbol = symbol

    @property
    def symbols(self) -> list[Symbol]:
        """The one name."""
        return [self._symbol]

    async def compute_signal(self) -> ev.Event:
        """Read the name's chain; a probe has no signal, and says so."""
        self._reading = await read_market(
            self._feed, self.symbols, window=self._policies.window, clock=self._clock
        )
        return ev.SignalComputed(
            signal=Signal(
                as_of=self._reading.at,
                tenor_days=self._policies.window.target_days,
                index=self._symbol,
                direction=Direction.NO_TRADE,
                thresholds=self._policies.signal,
                reasons=(),
                flags=(probe_label(self._symbol),),
            )
        )

    async def compute_plan(self, state: DeskState, edge_waiver: str | None) -> ev.Event:
        """Value the straddle and write the plan of one."""
        reading, signal, account = self._reading, state.signal, state.account
        if reading is None or signal is None or account is None:
            return ev.PlanImpossible(reason="market or account values are missing", dropped=())
        candidates, dropped = find_candidates(reading, {}, self._policies.planning)
        if self._symbol not in candidates:
            why = next((row.reason for row in dropped if row.symbol == self._symbol), "not read")
            reason = f"{self._symbol} can not be probed: {why}"
            return ev.PlanImpossible(reason=reason, dropped=dropped)
        inputs = PlanRequestInputs(
            reading=reading,
            signal=signal,
            account=account,
            candidates=candidates,
            dropped=dropped,
            sizer=self._policies.sizer,
            stress=self._policies.stress,
            policy=self._policies.planning,
            now=self._clock.now(),
        )
        plan = probe(inputs, self._symbol, edge_waived=edge_waiver)
        return ev.PlanProposed(plan=await self._previewed(plan))


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan found in the journal, with the signal it was made from."""

    plan: TradePlan
    signal: Signal


def find_saved_plan(entries: Iterable[Entry], plan_hash: str, now: datetime) -> SavedPlan:
    """Find a plan by its hash.

    Raises
    ------
    InvalidInput
        If the journal holds no such plan.
    Denied
        If it has expired or was carried out already.
    """
    signal: Signal | None = None
    found: SavedPlan | None = None
    for entry in entries:
        if entry.kind not in {"SignalComputed", "PlanProposed", "StartProgram"}:
            continue
        record = decode(entry.kind, entry.payload)
        match record:
            case ev.SignalComputed():
                signal = record.signal
            case ev.PlanProposed(plan=plan) if plan.plan_hash == plan_hash and signal is not None:
                found = SavedPlan(plan=plan, signal=signal)
            case StartProgram() if record.plan_hash == plan_hash:
                raise Denied(
                    f"plan {plan_hash} was carried out as {record.program}; make a new one"
                )
            case _:
                continue
    if found is None:
        raise InvalidInput(
            f"the journal holds no plan {plan_hash}; make one with `dispersa plan`, which prints "
            "its hash"
        )
    if now > found.plan.expires_at:
        raise Denied(
            f"plan {plan_hash} expired at {found.plan.expires_at:%Y-%m-%d %H:%M:%S %Z}; make a new "
            "one with `dispersa plan`"
        )
    return found


class SavedPlanWorkers(MarketWorkers):
    """Hands out a saved plan, if the market is still where it was made."""

    def __init__(self, *, saved: SavedPlan, **parts: Any) -> None:
        super().__init__(**parts)
        self._saved = saved

    async def compute_signal(self) -> ev.Event:
        """The signal that the plan was made from."""
        return ev.SignalComputed(signal=self._saved.signal)

    async def compute_plan(self, _: DeskState, edge_waiver: str | None) -> ev.Event:
        """The saved plan, unless a package's mid has drifted away from it."""
        plan = self._saved.plan
        if plan.edge_waived != edge_waiver:
            reason = f"plan {plan.plan_hash} was made under {plan.edge_waived or 'a binding edge'}"
            return ev.PlanImpossible(reason=reason, dropped=())
        legs = [leg for package in plan.packages for leg in package.straddle.legs]
        read = await read_contracts(self._feed, legs)
        drifted = [text for row in plan.packages if (text := drift_of(row, _quote(row, read)))]
        if drifted:
            reason = f"the market has left plan {plan.plan_hash}: {'; '.join(drifted)}"
            return ev.PlanImpossible(reason=f"{reason}. Make a new plan", dropped=plan.dropped)
        return ev.PlanProposed(plan=plan)


def _quote(package: PlannedPackage, read: Snapshot) -> Quote | None:
    call = read.quotes.get(package.straddle.call.con_id)
    put = read.quotes.get(package.straddle.put.con_id)
    return None if call is None or put is None else straddle_quote(call, put)


def drift_of(package: PlannedPackage, quote: Quote | None) -> str | None:
    """How the package's mid has left the plan, None while it is within its spread and 2 %."""
    mid, planned = None if quote is None else quote.mid, package.quote.mid
    if mid is None or planned is None:
        return f"{package.symbol} is not quoted on both sides"
    allowed = max(package.quote.width or Decimal(0), DRIFT_SHARE_MAX * planned)
    if abs(mid - planned) <= allowed:
        return None
    return f"{package.symbol} is at {mid}, planned at {planned}"
