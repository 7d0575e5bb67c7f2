"""Which few strikes around the money does a large chain file hold, of every name and every date?

A table of a billion options is read in pieces of a million rows, each of which leaves behind the
strikes next to the spot and is forgotten. The next piece is decoded while this one is cut, so the
time is about that of decoding alone, and memory holds two pieces and what is kept.

The band is counted in strikes, not in percent: of every expiry the `side` nearest strikes with both
vols on either side of the spot. Nothing at the spot can therefore be lost, whatever the distance
between strikes; what lies further away than the band (a forward far from the spot) has no vol.
"""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from dispersa.errors import InvalidInput
from dispersa.history.band_kernel import DOUBLED, OUT_OF_ORDER, Rows, cut
from dispersa.history.chains import ChainTable, table_of
from dispersa.history.layouts import ChainLayout, recognize
from dispersa.history.tables import as_dates, collect, require_columns, scan_parquet

WHAT = "chain file"
PIECE_ROWS = 1_000_000
SIDE = 3
GROUP = ("date", "symbol", "expiry")
FLAG = pl.UInt8
"""Of flags that machine code reads: bytes need no unpacking."""
HAS_SIDE = "has_side"
OPENS = (
    pl.any_horizontal(pl.col(name) != pl.col(name).shift(1) for name in GROUP)
    .fill_null(value=True)
    .cast(FLAG)
)
"""Whether date, symbol or expiry is another than in the row before; true of the first row."""


def read_band(
    path: Path,
    *,
    layout: ChainLayout | None = None,
    side: int = SIDE,
    symbols: Collection[str] | None = None,
    piece_rows: int = PIECE_ROWS,
) -> ChainTable:
    """Read the strikes next to the money from a Parquet file of any layout that has spots.

    The rows of one name's expiry on one date must stand together; the order of these groups, and
    of strikes and sides within one, is free (strikes that ascend are read fastest). Deltas are not
    read. An expiry without a strike that has both vols is left out. With `symbols`, of these only.

    Raises
    ------
    InvalidInput
        Not a Parquet file, an unknown layout, no spots, rows of one expiry in several places, two
        rows for one option, rows without date or symbol, or nothing that is usable.
    """
    frame = scan_parquet(path, WHAT)
    schema = frame.collect_schema()
    layout = layout or recognize(schema.names(), path)
    require_columns(schema.names(), layout.required(), path, WHAT)
    file = _File(path=path, layout=layout, frame=frame, schema=schema, piece_rows=piece_rows)
    wanted = None if symbols is None else sorted(set(symbols))
    kept = pl.concat([file.band(rows, side) for rows in _whole_groups(file.pieces(wanted))])
    if kept.is_empty():
        raise InvalidInput(
            f"{WHAT} {path} holds no strike with both vols, a spot and a date before its expiry; "
            "expected option chains with implied vols"
        )
    runs = int(kept.select(OPENS.cast(pl.Int64).sum()).item())
    table = table_of(kept if _is_ordered(kept) else kept.sort(*GROUP, "strike"))
    if table.group_count != runs:
        raise InvalidInput(
            f"{WHAT} {path} has the rows of one expiry in several places ({runs} runs of rows for "
            f"{table.group_count} expiries); write it sorted by date, symbol, expiry and strike"
        )
    return table


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _File:
    """A file that is read in pieces."""

    path: Path
    layout: ChainLayout
    frame: pl.LazyFrame
    schema: pl.Schema
    piece_rows: int

    def pieces(self, symbols: list[str] | None) -> Iterator[pl.DataFrame]:
        """Decode piece after piece, each while the one before is worked on."""
        typed = self.frame.select(self._columns())
        rows = int(collect(self.frame.select(pl.len()), self.path, WHAT).item())

        def decode(first: int) -> pl.DataFrame:
            piece = collect(typed.slice(first, self.piece_rows), self.path, WHAT)
            self._require_keys(piece, first)
            wanted = piece if symbols is None else piece.filter(pl.col("symbol").is_in(symbols))
            return wanted.with_columns(opens=OPENS)

        with ThreadPoolExecutor(1) as decoder:
            coming = decoder.submit(decode, 0)
            for first in range(self.piece_rows, rows, self.piece_rows):
                piece, coming = coming.result(), decoder.submit(decode, first)
                yield piece
            yield coming.result()

    def band(self, rows: pl.DataFrame, side: int) -> pl.DataFrame:
        """The strikes next to the money of whole groups, in the store's columns."""
        opens, strike, spot, is_call, is_put = (
            rows[name].to_numpy() for name in ("opens", "strike", "spot", "is_call", "is_put")
        )
        size = 2 * side * int(np.count_nonzero(opens))
        calls, puts = np.empty(size, np.int64), np.empty(size, np.int64)
        found, at = cut(opens, strike, spot, is_call, is_put, side, calls, puts)
        if found == DOUBLED:
            row = rows.row(at, named=True)
            raise InvalidInput(
                f"{WHAT} {self.path}: strike {row['strike']:g} of {row['symbol']} expiring "
                f"{row['expiry']} appears more than once on {row['date']}; expected one row for "
                "each option"
            )
        if found == OUT_OF_ORDER:
            ordered = rows.with_columns(group=pl.col("opens").cast(pl.Int64).cum_sum()).sort(
                "group", "strike"
            )
            return self.band(ordered.with_columns(opens=OPENS).drop("group"), side)
        return _stored(rows, calls[:found], puts[:found])

    def _columns(self) -> list[pl.Expr]:
        """What is read, in our names and types, with flags of the usable vols.

        In a long file both vols are the row's own, and the flags tell whose it is.
        """
        names = self.layout.columns
        if names.get("spot") not in self.schema.names():
            raise InvalidInput(
                f"{WHAT} {self.path} has no spots in layout {self.layout.name}, and the money is "
                "where the spot is; import it into the store, which takes closes for spots"
            )
        return [
            self._day("date"),
            pl.col(names["symbol"]).cast(pl.String).alias("symbol"),
            self._day("expiry"),
            self._number("strike", self.layout.strike_unit).alias("strike"),
            self._number("spot", 1).alias("spot"),
            *(self._long_vols() if self.layout.is_long else self._wide_vols()),
        ]

    def _day(self, name: str) -> pl.Expr:
        theirs = self.layout.columns[name]
        column = pl.col(theirs)
        return (column if self.schema[theirs] == pl.Date else as_dates(column)).alias(name)

    def _number(self, name: str, unit: float) -> pl.Expr:
        theirs = self.layout.columns[name]
        column = pl.col(theirs)
        column = column if self.schema[theirs] == pl.Float64 else column.cast(pl.Float64)
        return column if unit == 1 else column * unit

    def _vol(self, name: str) -> pl.Expr:
        value = self._number(name, self.layout.iv_unit)
        if self.layout.iv_needs_quote:
            names = self.layout.columns
            bid, ask = (pl.col(names[name.replace("iv", price)]) for price in ("bid", "ask"))
            value = pl.when((bid > 0) & (ask > 0)).then(value)
        return value

    def _long_vols(self) -> list[pl.Expr]:
        vol = self._vol("iv")
        known = (vol > 0).fill_null(value=False)
        right = pl.col(self.layout.columns["right"]).cast(pl.String)
        call, put = (right == text for text in self._sides())
        return [
            vol.alias("call_iv"),
            vol.alias("put_iv"),
            (call & known).cast(FLAG).alias("is_call"),
            (put & known).cast(FLAG).alias("is_put"),
            (call | put).alias(HAS_SIDE),
        ]

    def _wide_vols(self) -> list[pl.Expr]:
        vols = {side: self._vol(f"{side}_iv") for side in ("call", "put")}
        return [
            *(vol.alias(f"{side}_iv") for side, vol in vols.items()),
            *(
                (vol > 0).fill_null(value=False).cast(FLAG).alias(f"is_{side}")
                for side, vol in vols.items()
            ),
        ]

    def _sides(self) -> tuple[str, str]:
        """The texts of calls and of puts, as the first rows have them."""
        name = self.layout.columns["right"]
        first = self.frame.select(pl.col(name).cast(pl.String)).head(PIECE_ROWS).unique()
        known = [text for text in collect(first, self.path, WHAT)[name].to_list() if text]
        calls = [text for text in known if text[0] in "cC"]
        puts = [text for text in known if text[0] in "pP"]
        if len(calls) != 1 or len(puts) != 1:
            raise InvalidInput(
                f"{WHAT} {self.path}: column {name} holds {', '.join(sorted(map(repr, known)))}; "
                "expected one text for calls and one for puts, as C and P"
            )
        return calls[0], puts[0]

    def _require_keys(self, piece: pl.DataFrame, first: int) -> None:
        if HAS_SIDE in piece.columns and not piece[HAS_SIDE].fill_null(value=False).all():
            raise InvalidInput(
                f"{WHAT} {self.path} has rows that are neither call nor put between row {first} "
                f"and row {first + piece.height}; expected one text for each side"
            )
        for name in GROUP:
            if missing := piece[name].null_count():
                raise InvalidInput(
                    f"{WHAT} {self.path}: {missing} of the {piece.height} rows from row {first} on "
                    f"have no readable {name}; expected ISO dates and a symbol on every row"
                )


def _stored(rows: pl.DataFrame, calls: Rows, puts: Rows) -> pl.DataFrame:
    """Strikes in the columns of the store, from the rows of their calls and of their puts."""
    return (
        rows.select(*GROUP, "strike", "spot", "call_iv")[calls]
        .with_columns(
            pl.col("symbol").cast(pl.Categorical),
            put_iv=rows["put_iv"][puts],
            call_delta=pl.lit(None, pl.Float64),
            put_delta=pl.lit(None, pl.Float64),
        )
        .filter(pl.col("expiry") > pl.col("date"))
    )


def _is_ordered(rows: pl.DataFrame) -> bool:
    """Whether the groups ascend already; their strikes do."""
    falls = pl.lit(value=False)
    for name in reversed(GROUP):
        column = pl.col(name).cast(pl.String) if name == "symbol" else pl.col(name)
        falls = (column < column.shift(1)) | ((column == column.shift(1)) & falls)
    return not rows.select(falls.any()).item()


def _whole_groups(pieces: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Join what a piece breaks off with what the next one goes on with; the rest is not copied.

    `opens` marks the rows at which a group begins; a piece's first row is marked in any case.
    """
    before: pl.DataFrame | None = None
    for piece in pieces:
        if before is None or piece.is_empty():
            rows = piece
        else:
            broken_off = _starts(piece)[1:2]
            again = piece.slice(0, int(broken_off[0]) if broken_off.size else None)
            joined = pl.concat([before, again], rechunk=True).with_columns(opens=OPENS)
            if broken_off.size:
                yield joined
                rows = piece.slice(int(broken_off[0]))
            else:
                rows = joined
        if rows.is_empty():
            continue
        last = int(_starts(rows)[-1])
        if last:
            yield rows.slice(0, last)
        before = rows.slice(last)
    if before is not None:
        yield before


def _starts(rows: pl.DataFrame) -> Rows:
    """Rows at which a group begins."""
    return np.flatnonzero(rows["opens"].to_numpy())
