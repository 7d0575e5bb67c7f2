"""Nothing is known too early, and nothing is dropped because of what came later."""

from dataclasses import replace
from datetime import date

import numpy as np

from dispersa.backtest import MarketDay, run
from dispersa.backtest.grids import GridSource
from dispersa.backtest.truncation import look_ahead
from tests.backtest.worlds import WARMUP, fair_settings, world


class PeekingSource(GridSource):
    """Shows the names' vols of the next day, where there is one: a planted look-ahead."""

    def market(self, day: date) -> MarketDay:
        shown = super().market(day)
        row = self._rows[day] + 1
        if row >= len(self.grid.days):
            return shown
        names = {
            symbol: name
            if symbol == self.index
            else replace(
                name,
                curve=((30.0, float(self.grid.vols[row, self._columns[symbol]]) + 1e-6 * row),),
            )
            for symbol, name in shown.names.items()
        }
        return replace(shown, names=names)


def peeking(source: GridSource) -> PeekingSource:
    return PeekingSource(
        label=source.label,
        grid=source.grid,
        statements=source.statements,
        warmup=source.warmup,
        spreads=source.spreads,
    )


class PeekingWorld(PeekingSource):
    def truncated(self, last: date) -> GridSource:
        return peeking(super().truncated(last))


def test_a_run_on_data_that_end_early_is_the_same_run_up_to_there() -> None:
    source = world(3)
    cuts = [source.days[9]]
    assert look_ahead(run, fair_settings(), source, cuts) == ()


def test_a_planted_look_ahead_is_found() -> None:
    honest = world(3)
    source = PeekingWorld(label=honest.label, grid=honest.grid, statements=(), warmup=honest.warmup)
    cut = source.days[4]
    found = look_ahead(run, fair_settings(), source, [cut])
    assert len(found) == 1
    assert f"the day of {cut}" in found[0]


def crashed(source: GridSource, *, from_row: int, name: int, factor: float) -> GridSource:
    """The same history up to a row; from there one name stands elsewhere, or nowhere."""
    spots, vols = source.grid.spots.copy(), source.grid.vols.copy()
    spots[from_row:, name] *= factor
    if np.isnan(factor):
        vols[from_row:, name] = np.nan
    grid = replace(source.grid, spots=spots, vols=vols)
    return GridSource(
        label=source.label,
        grid=grid,
        statements=(),
        warmup=source.warmup,
        spreads=source.spreads,
    )


def test_rows_of_a_trade_stay_whatever_its_name_does_later() -> None:
    # A known public tool drops the entries of options that later moved out of its moneyness
    # window: the trades that hurt. Entries must not depend on what follows.
    source = world(5)
    turn = WARMUP + 6
    far = crashed(source, from_row=turn, name=2, factor=0.45)
    plain, moved = run(fair_settings(), source), run(fair_settings(), far)
    before = source.days[5]
    assert [row for row in plain.fills if row.day <= before] == [
        row for row in moved.fills if row.day <= before
    ]
    first, same = plain.trades[0], moved.trades[0]
    assert (first.trade, first.opened) == (same.trade, same.opened)
    assert first.pnl != same.pnl
    assert sum(row.trading for row in moved.daily) == moved.summary["pnl_usd"]


def test_a_name_that_vanishes_is_held_on_at_its_last_marks_and_counted() -> None:
    source = world(5)
    gone = crashed(source, from_row=WARMUP + 6, name=2, factor=float("nan"))
    result = run(fair_settings(), gone)
    held = [row for row in result.daily if row.stale_marks]
    assert held
    assert held[0].day == source.days[6]
    assert len(result.daily) == len(source.days)
    assert result.trades
