"""Which ticks does a market data line push?

A line first sends its whole picture and then what changed. Greeks: kind 13 from the model on every
change, kinds 10 and 11 from bid and offer once a second; a computation whose quote is absent or
whose vega is too small to invert is sent as not computed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import isnan, log1p

import numpy as np

from dispersa.gateway.exchange.directory import Directory, Instrument
from dispersa.gateway.exchange.faults.effects import DataEffects
from dispersa.gateway.exchange.nbbo import ComboPart, Nbbo, OptionReading, QuoteBook
from dispersa.gateway.model import (
    Contract,
    SecType,
    TickGeneric,
    TickOption,
    TickPrice,
    TickSink,
    TickSize,
    TickString,
)
from dispersa.gateway.world.american import Exercise
from dispersa.gateway.world.kernels import Floats, Terms, implied_vol, price, values
from dispersa.gateway.world.spreads import noise_of
from dispersa.gateway.world.surface import YEAR_DAYS
from dispersa.gateway.world.world import VIX, World

KIND = {
    "bid_size": 0, "bid": 1, "ask": 2, "ask_size": 3, "last": 4, "last_size": 5, "high": 6,
    "low": 7, "volume": 8, "close": 9, "open": 14, "hist_vol": 23, "implied_vol": 24,
    "call_oi": 27, "put_oi": 28, "call_volume": 29, "put_volume": 30, "last_time": 45,
    "halted": 49, "average_option_volume": 87,
}  # fmt: skip
_CAN_EXECUTE = 1
_VEGA_MIN = 1e-4
"""Vega per point below which a quote does not determine a volatility."""


@dataclass(slots=True, kw_only=True)
class Line:
    """One subscription and what it has sent."""

    line_id: int
    contract: Contract
    parts: tuple[ComboPart, ...]
    generic_ticks: frozenset[int]
    sink: TickSink
    sent: dict[int, object] = field(default_factory=dict)

    @property
    def instrument(self) -> Instrument:
        """The instrument of a line that is not a combo's."""
        return self.parts[0].instrument

    def is_news(self, kind: int, value: object) -> bool:
        """Whether `value` differs from what was last sent for this kind; remembers it."""
        if self.sent.get(kind) == value:
            return False
        self.sent[kind] = value
        return True

    def price(self, kind: int, value: float, size: int = 0, attributes: int = 0) -> None:
        """Send a price unless it is known."""
        if self.is_news(kind, value):
            self.sink(TickPrice(kind=kind, price=value, size=size, attributes=attributes))

    def size(self, kind: int, value: int) -> None:
        """Send a size unless it is known."""
        if self.is_news(kind, value):
            self.sink(TickSize(kind=kind, size=value))

    def number(self, kind: int, value: float) -> None:
        """Send a number unless it is known."""
        if self.is_news(kind, value):
            self.sink(TickGeneric(kind=kind, value=value))

    def text(self, kind: int, value: str) -> None:
        """Send a text unless it is known."""
        if self.is_news(kind, value):
            self.sink(TickString(kind=kind, value=value))

    def computation(self, tick: TickOption) -> None:
        """Send a computation unless it is known."""
        if self.is_news(tick.kind, (tick.implied_vol, tick.price, tick.under_price)):
            self.sink(tick)

    def quote(self, quote: Nbbo, attributes: int) -> None:
        """Send bid and offer; an absent side is -1 with size 0."""
        for price_kind, size_kind, value, size in (
            (KIND["bid"], KIND["bid_size"], quote.bid, quote.bid_size),
            (KIND["ask"], KIND["ask_size"], quote.ask, quote.ask_size),
        ):
            if isnan(value):
                self.price(price_kind, -1.0)
                self.size(size_kind, 0)
            else:
                self.price(price_kind, value, size, attributes)
                self.size(size_kind, size)


class Feed:
    """Sends ticks of lines from the quotes of the world."""

    def __init__(self, world: World, quotes: QuoteBook) -> None:
        self._world = world
        self._quotes = quotes
        self.lines: dict[int, Line] = {}
        self.last_trades: dict[int, tuple[float, int]] = {}
        self._computed: dict[int, tuple[TickOption, TickOption]] = {}
        self._second = 0
        self.effects = DataEffects()

    def push(self) -> None:
        """Send what changed on every line; what is slow by nature only once a second."""
        second = int(self._world.now.timestamp())
        is_slow_turn, self._second = second != self._second, second
        self._computed = self._compute() if is_slow_turn else {}
        for line in list(self.lines.values()):
            self.push_line(line, with_slow=is_slow_turn)

    def end_options(self, symbol: str) -> None:
        """End every line that holds an option of this name; its contract is no more."""
        for line_id, line in list(self.lines.items()):
            held = [part.instrument for part in line.parts]
            if any(one.symbol == symbol and one.option is not None for one in held):
                del self.lines[line_id]
                for one in held:
                    self._quotes.release(one)

    def renew(self, symbol: str, directory: Directory) -> None:
        """Let the lines on this name (on all for '') go on with the contract as it is now."""
        for line in self.lines.values():
            line.parts = tuple(
                replace(part, instrument=directory.by_id(part.instrument.con_id) or part.instrument)
                if symbol in ("", part.instrument.symbol)
                else part
                for part in line.parts
            )

    def push_line(self, line: Line, *, with_slow: bool = True) -> None:
        """Send what changed on one line since it was last looked at."""
        if line.contract.sec_type == SecType.BAG:
            line.quote(self._quotes.combo_quote(line.parts), 0)
            return
        instrument = line.instrument
        if self.effects.active and self.effects.is_still(instrument):
            return
        match instrument.sec_type:
            case SecType.OPTION:
                self._push_option(line, instrument)
            case SecType.INDEX:
                line.price(KIND["last"], round(self._world.spot(instrument.symbol), 2))
            case SecType.FOREX:
                line.quote(self._shown(instrument, self._quotes.quote(instrument)), _CAN_EXECUTE)
            case _:
                line.quote(self._shown(instrument, self._quotes.quote(instrument)), _CAN_EXECUTE)
                line.price(KIND["last"], self._last(instrument), 1 + line.line_id % 7)
        if with_slow:
            self._push_slow(line, instrument)

    def _last(self, instrument: Instrument) -> float:
        """Return the latest price on the instrument's grid."""
        steps = round(self._quotes.level(instrument) / instrument.tick)
        return round(steps * instrument.tick, 2)

    def _shown(self, instrument: Instrument, true: Nbbo) -> Nbbo:
        return self.effects.quote(instrument, true) if self.effects.active else true

    def _push_slow(self, line: Line, instrument: Instrument) -> None:
        if instrument.option is not None:
            self._push_option_day(line, instrument)
            return
        self._push_day(line, instrument)
        if instrument.sec_type is SecType.STOCK:
            self._push_volume(line, instrument)
        if line.generic_ticks:
            self._push_generics(line, instrument)

    # -- options ---------------------------------------------------------------------------------

    def _push_option(self, line: Line, instrument: Instrument) -> None:
        reading = self._quotes.reading(instrument)
        line.quote(self._shown(instrument, reading.nbbo), _CAN_EXECUTE)
        for tick in (model_computation(reading), *self._computed.get(instrument.con_id, ())):
            shown = self.effects.active and self.effects.computation(instrument, tick)
            line.computation(shown or tick)
        if 10 not in line.sent:
            prices = np.array([[reading.nbbo.bid], [reading.nbbo.ask]])
            terms, premium = self.terms_of(instrument), np.array([reading.premium])
            for tick in computations(terms, np.array([reading.vega]), prices, premium)[0]:
                line.computation(tick)
        last = self.last_trades.get(instrument.con_id)
        if last is not None:
            line.price(KIND["last"], last[0], last[1])
            line.size(KIND["last_size"], last[1])

    def _push_option_day(self, line: Line, instrument: Instrument) -> None:
        """Send what an option line sends once: the previous close and made-up interest."""
        if KIND["close"] not in line.sent:
            line.price(KIND["close"], self.option_close(instrument))
            for kind, size in _option_interest(instrument, line.generic_ticks):
                line.size(kind, size)

    def _compute(self) -> dict[int, tuple[TickOption, TickOption]]:
        """Return bid and offer computations of all held options by contract id."""
        held = self._quotes.held_board()
        if held is None:
            return {}
        ids, board = held
        prices = np.stack([board.quotes.bids, board.quotes.asks])
        found = computations(board.terms, board.model.vega / 100.0, prices, board.premium)
        return dict(zip(ids, found, strict=True))

    def terms_of(self, instrument: Instrument, count: int = 1, spot: float | None = None) -> Terms:
        """Return the pricing terms of one option, repeated `count` times."""
        board, row = self._quotes.board_row(instrument)
        terms = board.terms

        def one(value: float) -> np.ndarray:
            return np.full(count, value)

        return Terms(
            spot=one(float(terms.spot[row]) if spot is None else spot),
            strike=one(float(terms.strike[row])),
            years=one(float(terms.years[row])),
            rate=terms.rate,
            dividend_yield=one(float(terms.dividend_yield[row])),
            sign=one(float(terms.sign[row])),
            dividends=one(float(terms.dividends[row])),
        )

    def exercise_of(self, instrument: Instrument) -> Exercise:
        """Return when exercise of one option may pay."""
        board, row = self._quotes.board_row(instrument)
        return board.exercise.taken(np.array([row]))

    def option_close(self, instrument: Instrument) -> float:
        """Return the option's value at the previous close of its underlying."""
        column = self._world.columns[instrument.symbol]
        terms = self.terms_of(instrument, spot=float(self._world.previous_closes[column]))
        board, row = self._quotes.board_row(instrument)
        european = float(price(terms, np.array([board.vols[row]]))[0])
        return max(0.01, round(european + float(board.premium[row]), 2))

    # -- underlyings -----------------------------------------------------------------------------

    def _push_day(self, line: Line, instrument: Instrument) -> None:
        """Send the day's opening, high and low, and the previous close."""
        if instrument.symbol == VIX:
            line.price(KIND["close"], round(self._world.previous_vix, 2))
            return
        column = self._world.columns[instrument.symbol]
        day = self._world.day_so_far
        carry = self._quotes.level(instrument) / self._world.spot(instrument.symbol)
        for name, table in (("high", day.highs), ("low", day.lows), ("open", day.opens)):
            line.price(KIND[name], round(carry * float(table[column]), instrument.digits))
        close = carry * float(self._world.previous_closes[column])
        line.price(KIND["close"], round(close, instrument.digits))

    def _push_volume(self, line: Line, instrument: Instrument) -> None:
        now = self._world.now
        held = self._world.day_so_far.session
        share = min(max((now - held.opens).total_seconds() / held.seconds, 0.0), 1.0)
        volume = int(instrument.underlying.day_volume * share) // 100
        line.size(KIND["volume"], volume)
        line.size(KIND["last_size"], 1 + volume % 7)
        stamp = self.effects.trade_time(instrument, int(now.timestamp()))
        line.text(KIND["last_time"], str(stamp))
        line.number(KIND["halted"], float(instrument.symbol in self._world.halted))

    # -- generic ticks ---------------------------------------------------------------------------

    def _push_generics(self, line: Line, instrument: Instrument) -> None:
        if instrument.symbol == VIX:
            return
        column = self._world.columns[instrument.symbol]
        wanted = line.generic_ticks
        if 104 in wanted:
            line.number(KIND["hist_vol"], round(self.realized_vol(column), 6))
        if 106 in wanted and instrument.underlying.has_options:
            line.number(KIND["implied_vol"], round(float(self._world.vols()[column]), 6))
        if 105 in wanted:
            line.size(KIND["average_option_volume"], instrument.underlying.day_volume // 200)

    def realized_vol(self, column: int) -> float:
        """Return the annual volatility of the last 30 daily returns."""
        closes = np.append(self._world.history.closes[-30:, column],
                           self._world.market.spots[column])  # fmt: skip
        moves = np.diff(np.log(closes))
        return float(np.sqrt(252.0 * np.mean(moves**2)))


def model_computation(reading: OptionReading) -> TickOption:
    """Return kind 13 of a reading."""
    return TickOption(
        kind=13,
        implied_vol=reading.vol,
        delta=reading.delta,
        price=reading.nbbo.model,
        pv_dividend=reading.pv_dividend,
        gamma=reading.gamma,
        vega=reading.vega,
        theta=reading.theta,
        under_price=reading.under_price,
    )


def computations(
    terms: Terms, vegas: Floats, prices: Floats, premium: Floats
) -> list[tuple[TickOption, TickOption]]:
    """Return kinds 10 and 11 of options: volatility and Greeks at bid and offer.

    `prices` has a row of bids and a row of offers, nan where there is none; `vegas` per point.
    `premium` of early exercise, at the model's volatility, is taken off before they are inverted.
    """
    usable = np.where(vegas < _VEGA_MIN, np.nan, prices)
    both = []
    for row, kind in enumerate((10, 11)):
        vols = implied_vol(terms, np.nan_to_num(usable[row] - premium, nan=-1.0))
        found = values(terms, np.where(np.isnan(vols), 0.2, vols))
        table = zip(
            vols.tolist(), found.delta.tolist(), usable[row].tolist(), found.gamma.tolist(),
            found.vega.tolist(), found.theta.tolist(), terms.spot.tolist(),
            terms.dividends.tolist(), strict=True,
        )  # fmt: skip
        both.append([_computation(kind, *entry) for entry in table])
    return list(zip(both[0], both[1], strict=True))


def _computation(kind: int, vol: float, *greeks: float) -> TickOption:
    delta, value, gamma, vega, theta, spot, dividends = greeks
    if isnan(vol):
        return TickOption(kind=kind, under_price=spot)
    return TickOption(
        kind=kind,
        implied_vol=vol,
        delta=delta,
        price=value,
        pv_dividend=dividends,
        gamma=gamma,
        vega=vega / 100.0,
        theta=max(theta / YEAR_DAYS, -value),
        under_price=spot,
    )


def _option_interest(instrument: Instrument, wanted: frozenset[int]) -> Iterator[tuple[int, int]]:
    """Yield kinds and sizes of made-up volume and open interest; the other right's is 0."""
    is_call = instrument.contract.right == "C"
    kinds = ((100, "call_volume", "put_volume", 900, 1), (101, "call_oi", "put_oi", 6000, 2))
    for generic, call, put, scale, salt in kinds:
        if generic in wanted:
            size = int(-log1p(-noise_of(instrument.con_id, salt)) * scale)
            yield KIND[call], size if is_call else 0
            yield KIND[put], 0 if is_call else size
