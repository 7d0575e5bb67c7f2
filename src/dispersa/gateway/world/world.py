"""What does the market look like at the current market time?

The world owns the paths, the surface, the listed chains and the history, and answers in numbers;
contracts, orders and accounts are the exchange's.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

import numpy as np

from dispersa.errors import InvalidInput
from dispersa.gateway.world.actions import (
    Applied,
    CorporateAction,
    Rename,
    SpecialDividend,
    Split,
    changed_chain,
    changed_underlying,
)
from dispersa.gateway.world.board import Batch, Board, Market, OptionKey
from dispersa.gateway.world.calendar import is_trading_day, latest_session, new_york_date
from dispersa.gateway.world.history import Anchor, DailyHistory, daily_history
from dispersa.gateway.world.kernels import Floats
from dispersa.gateway.world.listings import Chain, revised, with_new_expiries
from dispersa.gateway.world.paths import Paths, State
from dispersa.gateway.world.source import MarketSource, NextDay
from dispersa.gateway.world.surface import Surface, Tenor
from dispersa.gateway.world.tape import LiveDay, Tape
from dispersa.gateway.world.universe import Underlying
from dispersa.gateway.world.vix import model_index, thirty_days

VIX = "VIX"
VIX_SECONDS = 15
"""VIX is computed anew every 15 seconds."""


class World:
    """The simulated market; its path depends on seed and market time alone."""

    def __init__(
        self, source: MarketSource, *, seed: int, step_seconds: float, start: datetime
    ) -> None:
        self.source = source
        self.universe = source.universe
        self.underlyings = (*source.universe.components, *source.universe.indices)
        self.columns = {u.symbol: i for i, u in enumerate(self.underlyings)}
        self.seed = seed
        self.now = start
        self.start = start
        self.first_session = latest_session(start)
        self.paths = Paths(
            source.universe, seed=seed, step_seconds=step_seconds, start=start,
            day=self.first_session,
        )  # fmt: skip
        self.surface = Surface(source.universe, self.paths.scenery)
        self._tenor: tuple[date, Tenor, Floats] | None = None
        self._start_model_vols = self._model_vols()
        self._start_vols = self._fixed_vols()
        self._chains: dict[str, tuple[date, Chain]] = {}
        self.halted: set[str] = set()
        self.closed_until: datetime | None = None
        self._vix: tuple[int, float] = (-1, 0.0)
        self._market: Market | None = None
        self._vols: tuple[Market, Floats] | None = None
        self._history: DailyHistory | None = None
        self._announced: list[CorporateAction] = []
        self._applied: list[Applied] = []
        self._later_chains: Mapping[str, Chain] = {}
        self._days: list[tuple[date, NextDay]] = []
        self.revisions = 0
        """How often a file's next date has changed what is listed."""
        self.paths.opening = self._known_opening
        self._vix_base = source.vix
        self.tape = Tape(seed=seed, start=start, first=self.first_session)

    # -- time ------------------------------------------------------------------------------------

    @property
    def next_time(self) -> datetime:
        """Market time of the next grid point."""
        return self.paths.next_time

    def advance(self, to: datetime) -> bool:
        """Move market time to `to`; return whether prices moved."""
        if to <= self.now:
            return False
        if not self.tape.days:
            self.tape.begin(self.history, self.levels(self.state))
        passed = self.paths.advance(to)
        self.tape.record(passed)
        self.now = to
        self._market = None
        self._apply_actions()
        for day, known in self._days:
            self._turn_page(day, known)
        self._days.clear()
        return bool(passed)

    @property
    def is_open(self) -> bool:
        """Whether a regular session is running that nothing has closed."""
        if self.closed_until is not None and self.now < self.closed_until:
            return False
        return latest_session(self.now).contains(self.now)

    # -- levels ----------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """State of the paths at the current grid point."""
        return self.paths.state

    @property
    def today(self) -> date:
        """Date in New York."""
        return new_york_date(self.now)

    @property
    def market(self) -> Market:
        """Everything that pricing needs, at the current grid point."""
        if self._market is None:
            state = self.state
            self._market = Market(
                now=self.now,
                today=self.today,
                state=state,
                spots=self.levels(state),
                level_shifts=self._level_shifts(),
                rate=self.universe.rate,
                seed=self.seed,
            )
        return self._market

    def levels(self, state: State) -> Floats:
        """Return the levels of components and baskets."""
        return np.concatenate([state.spots, self.paths.basket_levels(state.spots)])

    def spot(self, symbol: str) -> float:
        """Return the level of an underlying or of VIX."""
        return self.vix if symbol == VIX else float(self.market.spots[self.columns[symbol]])

    def vols(self) -> Floats:
        """Return 30-day at-the-money implied volatilities of components and baskets."""
        market = self.market
        if self._vols is None or self._vols[0] is not market:
            self._vols = (market, self._start_vols * (self._model_vols() / self._start_model_vols))
        return self._vols[1]

    def implied_correlation(self) -> float:
        """Return the true implied correlation at 30 days."""
        tenor = thirty_days(self.today)
        return float(self.surface.correlations(self.state, tenor)[0])

    @property
    def vix(self) -> float:
        """Level of VIX, computed from the surface of the broad index."""
        mark = int(self.now.timestamp()) // VIX_SECONDS
        if self._vix[0] != mark:
            self._vix = (mark, self._vix_level())
        return self._vix[1]

    @property
    def previous_vix(self) -> float:
        """Level of VIX at the previous close, scaled from the index's volatility then."""
        column = self.columns[self.universe.vix_source]
        return self.vix * float(self.history.vols[-1, column] / self.vols()[column])

    # -- options ---------------------------------------------------------------------------------

    def chain(self, symbol: str) -> Chain:
        """Return the listed options of `symbol`, made when first asked for.

        Where the source goes on listing, each new day adds the expiries that are new on it, around
        the spot of that day; what is listed stays as it is.
        """
        column, today = self.columns[symbol], self.today
        underlying = self.underlyings[column]
        if symbol not in self._chains:
            vol = float(self._start_vols[column])
            chain = self._later_chains.get(symbol) or self.source.chain_of(
                underlying, vol, self.source.day
            )
            self._chains[symbol] = (self.source.day, chain)
        listed_on, chain = self._chains[symbol]
        if today > listed_on and self.source.goes_on_listing:
            here = replace(underlying, spot=float(self.market.spots[column]))
            fresh = self.source.chain_of(here, float(self.vols()[column]), today)
            chain = with_new_expiries(chain, fresh)
            self._chains[symbol] = (today, chain)
        return chain

    def batch(self, keys: list[OptionKey]) -> Batch:
        """Compile options for repeated pricing."""
        return Batch(keys, self.underlyings, self.surface)

    def price(self, batch: Batch) -> Board:
        """Return values and quotes of a batch at the current grid point."""
        return batch.price(self.market)

    def listed(self, symbol: str) -> Underlying | None:
        """Return the listed underlying of that symbol, None where there is none."""
        column = self.columns.get(symbol)
        if column is None or self.underlyings[column].is_hidden:
            return None
        return self.underlyings[column]

    # -- corporate actions -----------------------------------------------------------------------

    def announce(self, action: CorporateAction) -> None:
        """Let an action happen at the opening of its day; a stock's or fund's, on a day to come.

        Raises `InvalidInput` for what can not be.
        """
        column, change = self.columns.get(action.symbol), action.change
        if column is None or column >= self.surface.component_count:
            raise InvalidInput(
                f"corporate action on {action.symbol!r}: expected a stock, no index or basket"
            )
        if action.day <= self.paths.day.day or not is_trading_day(action.day):
            raise InvalidInput(f"corporate action on {action.day}: expected a trading day to come")
        match change:
            case Split(ratio=ratio):
                self.paths.split(action.day, column, ratio)
            case SpecialDividend(amount=amount):
                self.paths.pay(action.day, column, amount)
            case Rename(to=to):
                if to in self.columns:
                    raise InvalidInput(f"the new symbol {to} is taken")
        self._announced.append(action)

    def take_applied(self) -> list[Applied]:
        """Return the actions that have happened since the last call."""
        taken, self._applied = self._applied, []
        return taken

    def _apply_actions(self) -> None:
        due = [action for action in self._announced if action.day <= self.paths.day.day]
        for action in due:
            self._announced.remove(action)
            self._applied.append(self._apply(action))

    def _apply(self, action: CorporateAction) -> Applied:
        column, change = self.columns[action.symbol], action.change
        old = self.underlyings[column]
        listed_on, chain = self._chains.pop(action.symbol, (self.source.day, None))
        if chain is None:
            vol = float(self._start_vols[column])
            chain = self.source.chain_of(old, vol, self.source.day)
        after, fresh = changed_chain(chain, change), changed_underlying(old, change)
        self._replace(column, fresh)
        self._chains[fresh.symbol] = (listed_on, after)
        if isinstance(change, Split):
            self._adjust_history(column, change.ratio)
            self.tape.split(action.day, column, change.ratio)
        pieces = tuple(zip(chain.slices, after.slices, strict=True))
        return Applied(action=action, underlying=fresh, pieces=pieces)

    def _replace(self, column: int, fresh: Underlying) -> None:
        old, universe = self.underlyings[column].symbol, self.universe
        components = list(universe.components)
        components[column] = fresh
        baskets = {
            basket: {fresh.symbol if s == old else s: w for s, w in weights.items()}
            for basket, weights in universe.baskets.items()
        }
        self.universe = replace(universe, components=tuple(components), baskets=baskets)
        self.underlyings = (*components, *universe.indices)
        self.columns = {u.symbol: i for i, u in enumerate(self.underlyings)}

    def _adjust_history(self, column: int, ratio: float) -> None:
        history = self.history
        for levels in (history.opens, history.highs, history.lows, history.closes):
            levels[:, column] /= ratio
        history.volumes[:, column] = history.volumes[:, column] * ratio

    # -- a file's next date ----------------------------------------------------------------------

    def _known_opening(self, day: date) -> Floats | None:
        """Return the levels at which a day opens that the source knows, and read its chains."""
        if day not in self.source.later_days or self.source.next_day is None:
            return None
        known = self.source.next_day(day)
        self._days.append((day, known))
        for symbol, split in known.splits.items():
            if self.columns.get(symbol, len(self.columns)) < self.surface.component_count:
                self.paths.split(day, self.columns[symbol], split.ratio)
                action = CorporateAction(day=day, symbol=symbol, change=split)
                self._announced.append(action)
        return np.array([known.levels.get(u.symbol, np.nan) for u in self.underlyings])

    def _turn_page(self, day: date, known: NextDay) -> None:
        """Take over the chains and volatilities of a known day."""
        for symbol, (_, chain) in list(self._chains.items()):
            fresh = known.chains.get(symbol)
            if fresh is not None:
                self._chains[symbol] = (day, revised(chain, fresh))
        self._later_chains = known.chains
        vols = self.vols().copy()
        for symbol, vol in known.vols.items():
            vols[self.columns[symbol]] = vol
        self._start_vols, self._start_model_vols = vols, self._model_vols()
        self._market = self._vols = None
        self._vix, self._vix_base = (-1, 0.0), known.vix or self._vix_base
        self.revisions += 1

    # -- history ---------------------------------------------------------------------------------

    @property
    def history(self) -> DailyHistory:
        """Daily bars before the first session, made when first asked for."""
        if self._history is None:
            first = self.first_session
            elapsed = (self.start - first.opens).total_seconds() / first.seconds
            anchor = Anchor(
                day=first.day,
                elapsed=float(np.clip(elapsed, 0.0, 1.0)),
                spots=np.array([u.spot for u in self.underlyings]),
                vols=self._start_vols,
            )
            self._history = daily_history(
                self.universe, self.paths.scenery, self.seed, anchor, self.source.known()
            )
        return self._history

    @property
    def day_so_far(self) -> LiveDay:
        """Ranges of the current or latest session."""
        if not self.tape.days:
            self.tape.begin(self.history, self.levels(self.state))
        return self.tape.days[-1]

    @property
    def previous_closes(self) -> Floats:
        """Closes of the session before the current or latest one."""
        days = self.tape.days
        return days[-2].closes if len(days) > 1 else self.history.closes[-1]

    # -- inside ----------------------------------------------------------------------------------

    def _model_vols(self) -> Floats:
        """Return the model's 30-day volatilities of components and baskets."""
        today = new_york_date(self.now)
        if self._tenor is None or self._tenor[0] != today:
            tenor = thirty_days(today)
            self._tenor = (today, tenor, self.surface.events(today, tenor))
        _, tenor, events = self._tenor
        vols: Floats = self.surface.all_vols(self.state, tenor, events)[:, 0]
        return vols

    def _level_shifts(self) -> Floats:
        """Return the log changes of the model's levels; only a file's volatilities need them."""
        if not self.source.start_vols:
            return np.zeros(len(self.underlyings))
        return np.log(self._model_vols() / self._start_model_vols)

    def _fixed_vols(self) -> Floats:
        vols = self._start_model_vols.copy()
        for symbol, vol in self.source.start_vols.items():
            vols[self.columns[symbol]] = vol
        return vols

    def _vix_level(self) -> float:
        column = self.columns[self.universe.vix_source]
        if self._vix_base is not None:
            return self._vix_base * float(self.vols()[column] / self._start_vols[column])
        return model_index(self.surface, column, float(self.vols()[column]))
