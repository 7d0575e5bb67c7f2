"""Who computes signal and plan on each day? Workers that know the day's own weights."""

from dispersa.desk import events as ev
from dispersa.desk.commands import ComputeClosing
from dispersa.desk.state import DeskState
from dispersa.market import Basket
from dispersa.runtime.trade_session import TradeSetup
from dispersa.runtime.workers import MarketWorkers


class DailyWorkers:
    """The day's workers, made anew on each trading day.

    `waiver` is a label under which simulated trades go on whatever the signal says, None else.
    """

    def __init__(self, setup: TradeSetup, *, waiver: str | None = None) -> None:
        self._setup = setup
        self._today: MarketWorkers = setup.workers
        self.waiver = waiver

    @property
    def basket(self) -> Basket:
        """Weights in force."""
        return self._today.basket

    def renew(self) -> None:
        """Take up the weights that are known today."""
        if self._setup.fresh_workers is not None:
            self._today = self._setup.fresh_workers()

    async def compute_signal(self) -> ev.Event:
        """Assess today's signal."""
        return await self._today.compute_signal()

    async def compute_plan(self, state: DeskState, edge_waiver: str | None) -> ev.Event:
        """Write the plan."""
        return await self._today.compute_plan(state, edge_waiver)

    async def compute_closing(self, state: DeskState, asked: ComputeClosing) -> ev.Event:
        """Write the plan that closes or rolls a trade."""
        return await self._today.compute_closing(state, asked)
