"""What is the best bid and offer of an instrument or a combo, right now?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isnan, nan

from dispersa.gateway.exchange.directory import Directory, Instrument
from dispersa.gateway.exchange.futures import carried
from dispersa.gateway.model import Action, SecType
from dispersa.gateway.world.board import Batch, Board, Market, OptionKey
from dispersa.gateway.world.spreads import noise_of, size_salt
from dispersa.gateway.world.world import World

_LOTS = {SecType.STOCK: 100, SecType.FOREX: 1_000_000, SecType.FUTURE: 10}


@dataclass(frozen=True, slots=True, kw_only=True)
class Nbbo:
    """Top of book; an absent side is nan with size 0. `model` is the world's own value."""

    bid: float
    ask: float
    bid_size: int
    ask_size: int
    model: float

    @property
    def is_two_sided(self) -> bool:
        """Whether there is a bid and an offer."""
        return not (isnan(self.bid) or isnan(self.ask))

    @property
    def mid(self) -> float:
        """Middle of bid and offer, nan without both."""
        return 0.5 * (self.bid + self.ask)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComboPart:
    """One leg as the exchange sees it: `ratio` is signed, negative where buying sells the leg."""

    instrument: Instrument
    ratio: int

    @property
    def unit_multiplier(self) -> int:
        """Shares behind one unit of the leg's price."""
        return self.instrument.multiplier


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionReading:
    """Greeks and volatility of one option beside its quote."""

    nbbo: Nbbo
    vol: float
    delta: float
    gamma: float
    vega: float
    theta: float
    under_price: float
    pv_dividend: float
    premium: float
    """What early exercise adds to the European value."""


class QuoteBook:
    """Quotes of the options in use, priced together once per grid point, and of everything else."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._uses: Counter[int] = Counter()
        self._keys: dict[int, OptionKey] = {}
        self._batch: Batch | None = None
        self._row: dict[int, int] = {}
        self._board: tuple[Market, Board] | None = None
        self._quoted: tuple[Board | None, dict[int, Nbbo]] = (None, {})
        self._single: dict[int, tuple[Market, Board]] = {}

    # -- which options are priced every step -----------------------------------------------------

    def hold(self, instrument: Instrument) -> None:
        """Price this option with the batch from now on."""
        if instrument.option is not None:
            self._uses[instrument.con_id] += 1
            if self._uses[instrument.con_id] == 1:
                self._keys[instrument.con_id] = instrument.option
                self._batch = None

    def release(self, instrument: Instrument) -> None:
        """Undo one `hold`."""
        if self._uses[instrument.con_id] > 0:
            self._uses[instrument.con_id] -= 1
            if self._uses[instrument.con_id] == 0:
                del self._keys[instrument.con_id]
                self._batch = None

    def renew(self, directory: Directory) -> None:
        """Price the options in use as they are listed now."""
        for con_id in self._keys:
            found = directory.by_id(con_id)
            if found is not None and found.option is not None:
                self._keys[con_id] = found.option
        self.forget()

    def forget(self) -> None:
        """Price everything anew, from other terms than before."""
        self._batch = self._board = None
        self._quoted = (None, {})
        self._single.clear()

    # -- quotes ----------------------------------------------------------------------------------

    def quote(self, instrument: Instrument) -> Nbbo:
        """Return the top of book of one instrument."""
        if instrument.option is not None:
            return self._option_quote(instrument.option)
        if instrument.sec_type is SecType.INDEX:
            level = self._world.spot(instrument.symbol)
            return Nbbo(bid=nan, ask=nan, bid_size=0, ask_size=0, model=level)
        return self._level_quote(instrument)

    def level(self, instrument: Instrument) -> float:
        """Return the value of an underlying, a pair or a future without its spread."""
        if instrument.future is not None:
            return carried(self._world, instrument.future)
        return self._world.spot(instrument.symbol)

    def reading(self, instrument: Instrument) -> OptionReading:
        """Return quote and model Greeks of one option (vega per point, theta per day)."""
        if instrument.option is None:
            raise ValueError(f"{instrument.contract.local_symbol} is not an option")
        board, row = self._board_of(instrument.option)
        model = board.model
        price = float(model.price[row])
        return OptionReading(
            nbbo=self._option_quote(instrument.option),
            vol=float(board.vols[row]),
            delta=float(model.delta[row]),
            gamma=float(model.gamma[row]),
            vega=float(model.vega[row]) / 100.0,
            theta=max(float(model.theta[row]) / 365.0, -price),
            under_price=float(board.terms.spot[row]),
            pv_dividend=float(board.terms.dividends[row]),
            premium=float(board.premium[row]),
        )

    def held_board(self) -> tuple[list[int], Board] | None:
        """Return the contract ids of all held options and their priced batch, None without any."""
        if not self._keys:
            return None
        board, _ = self._board_of(next(iter(self._keys.values())))
        return list(self._keys), board

    def board_row(self, instrument: Instrument) -> tuple[Board, int]:
        """Return the priced batch that holds an option, and its row."""
        if instrument.option is None:
            raise ValueError(f"{instrument.contract.local_symbol} is not an option")
        return self._board_of(instrument.option)

    def combo_quote(self, parts: Sequence[ComboPart]) -> Nbbo:
        """Return the net top of book of one combo unit: what buying costs and selling brings.

        A positive ratio is bought at the offer and sold at the bid; sizes are whole units.
        """
        bid = ask = model = 0.0
        bid_size = ask_size = 1 << 30
        for part in parts:
            quote, count = self.quote(part.instrument), abs(part.ratio)
            model += part.ratio * quote.model
            buys = part.ratio > 0
            ask += part.ratio * (quote.ask if buys else quote.bid)
            bid += part.ratio * (quote.bid if buys else quote.ask)
            ask_size = min(ask_size, (quote.ask_size if buys else quote.bid_size) // count)
            bid_size = min(bid_size, (quote.bid_size if buys else quote.ask_size) // count)
        return Nbbo(
            bid=round(bid, 5), ask=round(ask, 5), bid_size=bid_size, ask_size=ask_size, model=model
        )

    # -- inside ----------------------------------------------------------------------------------

    def _option_quote(self, key: OptionKey) -> Nbbo:
        board, row = self._board_of(key)
        if self._quoted[0] is not board:
            self._quoted = (board, {})
        found = self._quoted[1].get(row)
        if found is None:
            found = self._quoted[1][row] = _nbbo_at(board, row)
        return found

    def _board_of(self, key: OptionKey) -> tuple[Board, int]:
        market = self._world.market
        if key.con_id in self._keys:
            if self._batch is None:
                keys = list(self._keys.values())
                self._batch = self._world.batch(keys)
                self._row = {one.con_id: row for row, one in enumerate(keys)}
                self._board = None
            if self._board is None or self._board[0] is not market:
                self._board = (market, self._batch.price(market))
            return self._board[1], self._row[key.con_id]
        cached = self._single.get(key.con_id)
        if cached is None or cached[0] is not market:
            if len(self._single) > 512:
                self._single.clear()
            cached = (market, self._world.price(self._world.batch([key])))
            self._single[key.con_id] = cached
        return cached[1], 0

    def _level_quote(self, instrument: Instrument) -> Nbbo:
        level, tick = self.level(instrument), instrument.tick
        width = max(tick, level * instrument.underlying.spread_bps / 1e4)
        bid = floor(round((level - 0.5 * width) / tick, 6)) * tick
        ask = ceil(round((level + 0.5 * width) / tick, 6)) * tick
        if ask <= bid:
            ask = bid + tick
        epoch = int(self._world.now.timestamp())
        lots = [
            1 + int(8 * noise_of(instrument.con_id, size_salt(self._world.seed, epoch, side)))
            for side in (0, 1)
        ]
        return Nbbo(
            bid=round(bid, instrument.digits),
            ask=round(ask, instrument.digits),
            bid_size=lots[0] * _LOTS[instrument.sec_type],
            ask_size=lots[1] * _LOTS[instrument.sec_type],
            model=level,
        )


def _nbbo_at(board: Board, row: int) -> Nbbo:
    quotes = board.quotes
    return Nbbo(
        bid=float(quotes.bids[row]),
        ask=float(quotes.asks[row]),
        bid_size=int(quotes.bid_sizes[row]),
        ask_size=int(quotes.ask_sizes[row]),
        model=float(board.model.price[row]),
    )


def signed(action: str) -> int:
    """Return +1 for BUY and -1 for SELL."""
    return 1 if action == Action.BUY else -1
