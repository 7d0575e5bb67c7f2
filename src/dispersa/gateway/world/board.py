"""What are a batch of options worth and quoted at, right now?

A batch is compiled once into arrays; each market step then prices all of it in a few vectorized
operations.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from math import exp
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dispersa.gateway.world.american import Exercise, with_premium
from dispersa.gateway.world.kernels import Floats, OptionValues, Terms, values
from dispersa.gateway.world.listings import ExpirySlice
from dispersa.gateway.world.paths import State
from dispersa.gateway.world.spreads import (
    Quotes,
    option_widths,
    round_outward,
    size_salt,
    sizes,
    tick_sizes,
)
from dispersa.gateway.world.surface import Surface, Tenor, tenor_of
from dispersa.gateway.world.universe import Underlying

_ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))


class OptionKey(NamedTuple):
    """One listed option: its underlying's column, its slice, the strike's place, its side."""

    con_id: int
    column: int
    piece: ExpirySlice
    strike_index: int
    sign: int
    """+1 for a call, -1 for a put."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What pricing needs to know about this moment; columns are components then baskets."""

    now: datetime
    today: date
    state: State
    spots: Floats
    level_shifts: Floats
    """Log change since the start of each column's 30-day volatility."""
    rate: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Values and quotes of a batch at one moment, arrays in the batch's order.

    `vols` are the model's volatilities, `premium` what early exercise adds to the European value;
    `is_quoted` is False where the market makes no quote.
    """

    terms: Terms
    exercise: Exercise
    premium: Floats
    vols: Floats
    model: OptionValues
    quotes: Quotes
    is_quoted: NDArray[np.bool_]


class Batch:
    """Options compiled for repeated pricing."""

    def __init__(
        self, keys: list[OptionKey], underlyings: tuple[Underlying, ...], surface: Surface
    ) -> None:
        self.keys = keys
        self._surface = surface
        self._slices: list[ExpirySlice] = []
        self._rows = np.array(self._slice_rows(keys), dtype=np.intp)
        self._columns = np.array([key.column for key in keys], dtype=np.intp)
        self._slice_columns = np.zeros(len(self._slices), dtype=np.intp)
        self._slice_columns[self._rows] = self._columns
        self._strikes = np.array([key.piece.strikes[key.strike_index] for key in keys], dtype=float)
        self._signs = np.array([key.sign for key in keys], dtype=float)
        self._ids = np.array([key.con_id for key in keys], dtype=np.uint64)
        self._yields = np.array([0.0 if u.dividends else u.dividend_yield for u in underlyings])
        self._payouts = [underlyings[column].dividends for column in self._slice_columns]
        self._widths = np.array([u.straddle_spread for u in underlyings])[self._columns]
        self._display = np.array([u.display_size for u in underlyings], float)[self._columns]
        kinds = np.array([u.sec_type == "IND" for u in underlyings], dtype=bool)
        self._is_penny = ~kinds[self._columns]  # and American: index options are neither
        self._file_vols, self._listed = self._from_file(keys)
        self._recorded = np.array([
            np.nan if key.piece.widths is None
            else key.piece.widths[int(key.sign < 0), key.strike_index] for key in keys
        ])  # fmt: skip
        self._slice_file_atm = self._file_atm()
        self._tenor_day: date | None = None
        self._dividends: tuple[date, Floats] | None = None
        self._events = np.zeros((0, 0))

    def __len__(self) -> int:
        """Return the number of options."""
        return len(self.keys)

    def price(self, market: Market) -> Board:
        """Return model values and quotes at `market`."""
        tenor = tenor_of(market.now, [piece.settles for piece in self._slices])
        atm = self._atm(market, tenor)
        terms = self._terms(market, tenor)
        vols = self._vols(market, terms, atm, tenor)
        exercise = self._exercise()
        model, premium = with_premium(terms, exercise, vols, values(terms, vols))
        model = self._exercisable(terms, model)
        atm_values = self._atm_values(terms, atm[self._rows])
        return Board(
            terms=terms,
            exercise=exercise,
            premium=premium,
            vols=vols,
            model=model,
            quotes=self._quotes(market, terms, model.price, atm_values),
            is_quoted=self._listed,
        )

    # -- compiling -------------------------------------------------------------------------------

    def _slice_rows(self, keys: list[OptionKey]) -> list[int]:
        places: dict[int, int] = {}
        rows = []
        for key in keys:
            place = places.setdefault(id(key.piece), len(self._slices))
            if place == len(self._slices):
                self._slices.append(key.piece)
            rows.append(place)
        return rows

    @staticmethod
    def _from_file(keys: list[OptionKey]) -> tuple[Floats, NDArray[np.bool_]]:
        vols, quoted = np.full(len(keys), np.nan), np.ones(len(keys), dtype=bool)
        for i, key in enumerate(keys):
            piece, j = key.piece, key.strike_index
            if piece.vols is None:
                continue
            vols[i] = piece.vols[j] if piece.sides is None else piece.sides[int(key.sign < 0), j]
            side = piece.call_quoted if key.sign > 0 else piece.put_quoted
            quoted[i] = side is not None and bool(side[j]) and vols[i] > 0.0
        return vols, quoted

    def _file_atm(self) -> Floats:
        return np.array(
            [np.nan if p.file_atm is None else p.file_atm for p in self._slices], dtype=float
        )

    # -- pricing ---------------------------------------------------------------------------------

    def _atm(self, market: Market, tenor: Tenor) -> Floats:
        """Return the at-the-money volatility of each slice."""
        if not np.isnan(self._slice_file_atm).any():
            return self._slice_file_atm * np.exp(market.level_shifts[self._slice_columns])
        if self._tenor_day != market.today:
            self._events = self._surface.events(market.today, tenor)
            self._tenor_day = market.today
        table = self._surface.all_vols(market.state, tenor, self._events)
        modelled: Floats = table[self._slice_columns, np.arange(len(self._slices))]
        filed = self._slice_file_atm * np.exp(market.level_shifts[self._slice_columns])
        return np.where(np.isnan(filed), modelled, filed)

    def _terms(self, market: Market, tenor: Tenor) -> Terms:
        return Terms(
            spot=market.spots[self._columns],
            strike=self._strikes,
            years=tenor.years[self._rows],
            rate=market.rate,
            dividend_yield=self._yields[self._columns],
            sign=self._signs,
            dividends=self._present_dividends(market)[self._rows],
        )

    def _exercisable(self, terms: Terms, european: OptionValues) -> OptionValues:
        """Lift American options to what exercise would bring; no offer lies below that."""
        intrinsic = np.where(self._is_penny, terms.sign * (terms.spot - terms.strike), 0.0)
        return replace(european, price=np.maximum(european.price, intrinsic))

    def _present_dividends(self, market: Market) -> Floats:
        """Return the present value of each slice's dividends; anew each day."""
        if self._dividends is None or self._dividends[0] != market.today:
            pairs = zip(self._slices, self._payouts, strict=True)
            table = np.array([_present(piece, paid, market) for piece, paid in pairs])
            self._dividends = (market.today, table)
        present: Floats = self._dividends[1][:, 0]
        return present

    def _exercise(self) -> Exercise:
        assert self._dividends is not None  # noqa: S101 - the terms came first
        table = self._dividends[1][self._rows]
        return Exercise(
            is_american=self._is_penny, earlier_dividends=table[:, 1], last_ex_years=table[:, 2]
        )

    def _vols(self, market: Market, terms: Terms, atm: Floats, tenor: Tenor) -> Floats:
        filed = self._file_vols * np.exp(market.level_shifts[self._columns])
        if self._listed.all() and not np.isnan(filed).any():
            return filed
        log_moneyness = np.log(terms.strike / terms.forward)
        smile = self._surface.smile(
            self._columns, log_moneyness, atm[self._rows], tenor.years[self._rows]
        )
        return np.where(np.isnan(filed) | (filed <= 0.0), smile, filed)

    @staticmethod
    def _atm_values(terms: Terms, atm: Floats) -> Floats:
        """Return the value of an at-the-forward option to first order, `S s sqrt(T / 2 pi)`."""
        return terms.spot * atm * np.sqrt(terms.years) / _ROOT_TWO_PI

    def _quotes(self, market: Market, terms: Terms, mids: Floats, atm_values: Floats) -> Quotes:
        ticks = tick_sizes(mids, self._is_penny)
        ways = terms.sign * np.log(terms.forward / terms.strike)
        deviations = ways * terms.spot / np.maximum(_ROOT_TWO_PI * atm_values, 1e-9)
        widths = option_widths(deviations, terms.years, atm_values, self._widths)
        widths = np.where(np.isnan(self._recorded), widths, self._recorded)
        widths = np.maximum(widths, ticks)
        bids, asks = round_outward(mids, widths, self._is_penny)
        closeness = np.clip(atm_values / np.maximum(atm_values + np.abs(mids - atm_values), 1e-9),
                            0.15, 1.0)  # fmt: skip
        epoch = int(market.now.timestamp())
        bid_sizes = sizes(self._display * closeness, self._ids, size_salt(market.seed, epoch, 0))
        ask_sizes = sizes(self._display * closeness, self._ids, size_salt(market.seed, epoch, 1))
        dark = ~self._listed
        bids, asks = np.where(dark, np.nan, bids), np.where(dark, np.nan, asks)
        return Quotes(
            bids=bids,
            asks=asks,
            bid_sizes=np.where(np.isnan(bids), 0, bid_sizes),
            ask_sizes=np.where(np.isnan(asks), 0, ask_sizes),
        )


def _present(
    piece: ExpirySlice, payouts: tuple[tuple[date, float], ...], market: Market
) -> tuple[float, float, float]:
    """Return `sum D exp(-r t)` over the ex-dates after today and up to the settlement day.

    Then the same without the last ex-date, and the years to that.
    """
    ahead = [
        ((day - market.today).days / 365.0, paid) for day, paid in payouts
        if market.today < day <= piece.settlement_day
    ]  # fmt: skip
    worth = [paid * exp(-market.rate * years) for years, paid in ahead]
    return sum(worth), sum(worth[:-1]), ahead[-1][0] if ahead else 0.0
