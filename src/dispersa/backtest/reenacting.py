"""How far is the daily depth from a day that is lived through, with the wire in between?

The day's chains become a market in the simulated gateway; the production connector, desk and
journal trade on it over the TWS wire protocol in virtual time. The same trade at the daily depth
stands beside it. Both use one fill model; the lived day adds moving quotes, spreads of the
gateway's own model, latency, pacing, margin previews and reports in any order.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from dispersa.backtest.market import Source
from dispersa.backtest.result import BacktestResult
from dispersa.backtest.settings import BacktestSettings, Entry
from dispersa.backtest.sources import ChainFiles
from dispersa.desk.state import DeskState
from dispersa.errors import InvalidInput
from dispersa.runtime.demo import DEMO_CASH, DemoOptions, run_demo
from dispersa.runtime.loop import Virtual
from dispersa.runtime.loop import run as run_loop
from dispersa.runtime.memory_transport import InMemory

NAMES_MAX = 30
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """One trade as one depth saw it, USD; `half_spread` is what crossing to the far side costs."""

    straddles: int
    premium: float
    slippage: float
    half_spread: float
    commissions: float

    @property
    def share_paid(self) -> float:
        """Slippage as a share of the half-spread."""
        return self.slippage / self.half_spread if self.half_spread else 0.0

    @property
    def cost_of_premium(self) -> float:
        """Slippage and commission as a share of the premium traded."""
        return (self.slippage + self.commissions) / self.premium if self.premium else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reenactment:
    """One day at both depths; `end` is how the lived program ended."""

    day: date
    daily: Depth
    lived: Depth
    end: str

    @property
    def sentence(self) -> str:
        """The difference in words."""
        return (
            f"{self.day}: the entry cost {self.lived.cost_of_premium:.2%} of its premium lived "
            f"through and {self.daily.cost_of_premium:.2%} at the daily depth; of the half-spread "
            f"{self.lived.share_paid:.0%} and {self.daily.share_paid:.0%} were paid; the lived "
            f"program ended {self.end}"
        )


def reenact(
    settings: BacktestSettings, source: Source, files: ChainFiles, day: date
) -> Reenactment:
    """Trade one day's entry at both depths, whatever the signal says.

    Raises
    ------
    InvalidInput
        The data has no such day.
    """
    from dispersa.backtest import run

    if day not in source.days:
        raise InvalidInput(f"{source.label} has no day {day}; choose one of those it has")
    names = min(settings.config.universe.names, NAMES_MAX)
    asked = replace(settings, start=day, end=day, entry=Entry.ALWAYS, capital_usd=DEMO_CASH)
    lived = _live_through(files, names, day, settings.seed)
    program = lived.program
    return Reenactment(
        day=day,
        daily=_of_result(run(asked, source)),
        lived=_of_state(lived),
        end="nowhere" if program is None else program.state.value,
    )


def _live_through(files: ChainFiles, names: int, day: date, seed: int) -> DeskState:
    options = DemoOptions(
        seed=seed,
        speed=1.0,
        names=names,
        market=files.chains,
        weights=files.weights,
        market_date=day,
    )
    with TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.sqlite3"
        network = InMemory(seed=seed)
        return run_loop(lambda: run_demo(options, journal), Virtual(network=network)).state


def _of_result(result: BacktestResult) -> Depth:
    rows = [row for row in result.fills if row.purpose == "open"]
    return Depth(
        straddles=int(sum(row.quantity for row in rows)) // 2,
        premium=sum(row.quantity * row.price * 100 for row in rows),
        slippage=sum(row.slippage for row in rows),
        half_spread=sum(row.half_spread for row in rows),
        commissions=sum(row.commission for row in rows),
    )


def _of_state(state: DeskState) -> Depth:
    plan = state.plan
    widths = {} if plan is None else {row.symbol: row.quote.width for row in plan.packages}
    filled = [order for order in state.orders.values() if order.filled]
    premium = slippage = half_spread = commissions = ZERO
    for order in filled:
        intent = order.approved.intent
        price = state.book.net_price(intent.ref, intent.combo)
        size = order.filled * intent.combo.multiplier
        commissions += state.book.commission_of(intent.ref)
        if price is None or order.arrival_mid is None:
            continue
        premium += abs(price) * size
        slippage += intent.side.sign * (abs(price) - order.arrival_mid) * size
        half_spread += (widths.get(intent.combo.symbol) or ZERO) / 2 * size
    return Depth(
        straddles=sum(order.filled for order in filled),
        premium=float(premium),
        slippage=float(slippage),
        half_spread=float(half_spread),
        commissions=float(commissions),
    )


def sentences(rows: Iterable[Reenactment]) -> tuple[str, ...]:
    """All differences in words."""
    return tuple(row.sentence for row in rows)
