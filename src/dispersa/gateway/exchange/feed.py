"""Which ticks does a market data line push?

A line first sends its whole picture and then what changed. Greeks: kind 13 from the model on every
change, kinds 10 and 11 from bid and offer once a second; a computation whose quote is absent or
whose vega is too small to invert is sent as not computed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isnan, log1p

import numpy as np

from dispersa.gateway.exchange.directory import Instrument
from dispersa.gateway.exchange.nbbo import ComboPart, Nbbo, OptionReading, QuoteBook
from dispersa.gateway.model import (
    Contract,
    SecType,
    Tick,
    TickGeneric,
    TickOption,
    TickPrice,
    TickSink,
    TickSize,
    TickString,
)
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
_INTEREST_KINDS = frozenset({27, 28, 29, 30})
_CAN_EXECUTE = 1
_VEGA_MIN = 1e-4
"""Vega per point below which a quote does not determine a volatility."""
_COMPUTATION_SECONDS = 1.0


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


class Feed:
    """Computes ticks of lines from the quotes of the world."""

    def __init__(self, world: World, quotes: QuoteBook) -> None:
        self._world = world
        self._quotes = quotes
        self.lines: dict[int, Line] = {}
        self.last_trades: dict[int, tuple[float, int]] = {}
        self._computed: dict[int, tuple[TickOption, TickOption]] = {}
        self._computed_at = 0.0

    def push(self) -> None:
        """Send what changed on every line."""
        self._compute()
        for line in list(self.lines.values()):
            self.push_line(line)

    def push_line(self, line: Line) -> None:
        """Send what changed on one line since it was last looked at."""
        for tick in self.ticks(line):
            value = _value_of(tick)
            if line.sent.get(tick.kind) != value:
                line.sent[tick.kind] = value
                line.sink(tick)

    def ticks(self, line: Line) -> Iterator[Tick]:
        """Return the whole present picture of a line, Greeks at their own pace."""
        if line.contract.sec_type == SecType.BAG:
            yield from _quote_ticks(self._quotes.combo_quote(line.parts), is_combo=True)
            return
        instrument = line.instrument
        match instrument.sec_type:
            case SecType.OPTION:
                yield from self._option_ticks(line, instrument)
            case SecType.INDEX:
                yield from self._level_ticks(instrument)
            case _:
                yield from _quote_ticks(self._quotes.quote(instrument))
                yield from self._level_ticks(instrument)
                yield from self._volume_ticks(instrument)
        if line.generic_ticks:
            yield from self._generic_ticks(line, instrument)

    # -- options ---------------------------------------------------------------------------------

    def _option_ticks(self, line: Line, instrument: Instrument) -> Iterator[Tick]:
        reading = self._quotes.reading(instrument)
        yield from _quote_ticks(reading.nbbo)
        last = self.last_trades.get(instrument.con_id)
        if last is not None:
            yield TickPrice(kind=KIND["last"], price=last[0], size=last[1])
            yield TickSize(kind=KIND["last_size"], size=last[1])
        if KIND["close"] not in line.sent:
            yield TickPrice(kind=KIND["close"], price=self.option_close(instrument))
        yield model_computation(reading)
        yield from self._computations(line, instrument, reading)

    def _computations(
        self, line: Line, instrument: Instrument, reading: OptionReading
    ) -> Iterator[TickOption]:
        """Yield kinds 10 and 11 at their pace: at once for a new line, then once a second."""
        if 10 in line.sent:
            yield from self._computed.get(instrument.con_id, ())
            return
        prices = np.array([[reading.nbbo.bid], [reading.nbbo.ask]])
        yield from computations(self.terms_of(instrument), np.array([reading.vega]), prices)[0]

    def _compute(self) -> None:
        """Invert bids and offers of all held options together, once a second."""
        self._computed = {}
        now = self._world.now.timestamp()
        if now - self._computed_at < _COMPUTATION_SECONDS:
            return
        self._computed_at = now
        held = self._quotes.held_board()
        if held is not None:
            ids, board = held
            prices = np.stack([board.quotes.bids, board.quotes.asks])
            found = computations(board.terms, board.model.vega / 100.0, prices)
            self._computed = dict(zip(ids, found, strict=True))

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
        )

    def option_close(self, instrument: Instrument) -> float:
        """Return the option's value at the previous close of its underlying."""
        column = self._world.columns[instrument.symbol]
        terms = self.terms_of(instrument, spot=float(self._world.previous_closes[column]))
        board, row = self._quotes.board_row(instrument)
        return max(0.01, round(float(price(terms, np.array([board.vols[row]]))[0]), 2))

    # -- underlyings -----------------------------------------------------------------------------

    def _level_ticks(self, instrument: Instrument) -> Iterator[Tick]:
        level = round(self._world.spot(instrument.symbol), 2)
        yield TickPrice(kind=KIND["last"], price=level, size=0)
        if instrument.symbol == VIX:
            yield TickPrice(kind=KIND["close"], price=round(self._world.previous_vix, 2))
            return
        column = self._world.columns[instrument.symbol]
        day = self._world.day_so_far
        for name, table in (("high", day.highs), ("low", day.lows), ("open", day.opens)):
            yield TickPrice(kind=KIND[name], price=round(float(table[column]), 2))
        close = round(float(self._world.previous_closes[column]), 2)
        yield TickPrice(kind=KIND["close"], price=close)

    def _volume_ticks(self, instrument: Instrument) -> Iterator[Tick]:
        now = self._world.now
        held = self._world.day_so_far.session
        share = np.clip((now - held.opens).total_seconds() / held.seconds, 0.0, 1.0)
        volume = int(instrument.underlying.day_volume * share) // 100
        yield TickSize(kind=KIND["volume"], size=volume)
        yield TickSize(kind=KIND["last_size"], size=1 + volume % 7)
        yield TickString(kind=KIND["last_time"], value=str(int(now.timestamp())))
        yield TickGeneric(kind=KIND["halted"], value=0.0)

    # -- generic ticks ---------------------------------------------------------------------------

    def _generic_ticks(self, line: Line, instrument: Instrument) -> Iterator[Tick]:
        wanted = line.generic_ticks
        if instrument.option is not None:
            if line.sent.keys().isdisjoint(_INTEREST_KINDS):
                yield from _option_interest(instrument, wanted)
            return
        if instrument.symbol == VIX:
            return
        column = self._world.columns[instrument.symbol]
        if 104 in wanted:
            yield TickGeneric(kind=KIND["hist_vol"], value=round(self.realized_vol(column), 6))
        if 106 in wanted and instrument.underlying.has_options:
            vol = float(self._world.vols()[column])
            yield TickGeneric(kind=KIND["implied_vol"], value=round(vol, 6))
        if 105 in wanted:
            size = instrument.underlying.day_volume // 200
            yield TickSize(kind=KIND["average_option_volume"], size=size)

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
        pv_dividend=0.0,
        gamma=reading.gamma,
        vega=reading.vega,
        theta=reading.theta,
        under_price=reading.under_price,
    )


def computations(
    terms: Terms, vegas: Floats, prices: Floats
) -> list[tuple[TickOption, TickOption]]:
    """Return kinds 10 and 11 of options: volatility and Greeks at bid and offer.

    `prices` has a row of bids and a row of offers, nan where there is none; `vegas` per point.
    """
    usable = np.where(vegas < _VEGA_MIN, np.nan, prices)
    both = []
    for row, kind in enumerate((10, 11)):
        vols = implied_vol(terms, np.nan_to_num(usable[row], nan=-1.0))
        found = values(terms, np.where(np.isnan(vols), 0.2, vols))
        table = zip(
            vols.tolist(), found.delta.tolist(), usable[row].tolist(), found.gamma.tolist(),
            found.vega.tolist(), found.theta.tolist(), terms.spot.tolist(), strict=True,
        )  # fmt: skip
        both.append([_computation(kind, *entry) for entry in table])
    return list(zip(both[0], both[1], strict=True))


def _computation(kind: int, vol: float, *greeks: float) -> TickOption:
    delta, value, gamma, vega, theta, spot = greeks
    if isnan(vol):
        return TickOption(kind=kind, under_price=spot)
    return TickOption(
        kind=kind,
        implied_vol=vol,
        delta=delta,
        price=value,
        pv_dividend=0.0,
        gamma=gamma,
        vega=vega / 100.0,
        theta=max(theta / YEAR_DAYS, -value),
        under_price=spot,
    )


def _option_interest(instrument: Instrument, wanted: frozenset[int]) -> Iterator[Tick]:
    """Yield made-up volume and open interest; the other right's is 0."""
    is_call = instrument.contract.right == "C"
    kinds = ((100, "call_volume", "put_volume", 900, 1), (101, "call_oi", "put_oi", 6000, 2))
    for generic, call, put, scale, salt in kinds:
        if generic in wanted:
            size = int(-log1p(-noise_of(instrument.con_id, salt)) * scale)
            yield TickSize(kind=KIND[call], size=size if is_call else 0)
            yield TickSize(kind=KIND[put], size=0 if is_call else size)


def _quote_ticks(quote: Nbbo, *, is_combo: bool = False) -> Iterator[Tick]:
    """Yield bid and offer; an absent side is -1 with size 0."""
    sides = (
        (KIND["bid"], KIND["bid_size"], quote.bid, quote.bid_size),
        (KIND["ask"], KIND["ask_size"], quote.ask, quote.ask_size),
    )
    for price_kind, size_kind, value, size in sides:
        if isnan(value):
            yield TickPrice(kind=price_kind, price=-1.0, size=0)
            yield TickSize(kind=size_kind, size=0)
            continue
        mask = 0 if is_combo else _CAN_EXECUTE
        yield TickPrice(kind=price_kind, price=value, size=size, attributes=mask)
        yield TickSize(kind=size_kind, size=size)


def _value_of(tick: Tick) -> object:
    """Return what must differ for a tick to be sent again."""
    match tick:
        case TickPrice():
            return tick.price
        case TickSize():
            return tick.size
        case TickOption():
            return (tick.implied_vol, tick.price, tick.under_price)
        case TickGeneric() | TickString():
            return tick.value
