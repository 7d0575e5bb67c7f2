"""What did we know about a symbol, as of which moment, and where did it come from?

    ROOT/DATASET/symbol=SPY/date=2026-05-26/20260526T201500000000Z-0f3a9c1e22b4.parquet

One file is one addition: written once, never changed. Its name is the moment at which it was known
and the digest of its content, so that the same addition twice is one file. It appears whole or not
at all. `known_at` and `source` travel in every row; a reader asks what was known at a moment and
gets the newest addition not after it.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, unquote

import polars as pl

from dispersa.errors import InvalidInput
from dispersa.history.importing import CHAIN_SCHEMA, LEVEL_SCHEMA
from dispersa.market import Symbol

MOMENT = "%Y%m%dT%H%M%S%fZ"
BAR_SCHEMA: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "symbol": pl.String(),
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume": pl.Float64(),
}


class Dataset(StrEnum):
    """What is kept.

    `CHAINS` are whole chains of a day from files, `SNAPSHOTS` the strikes that the product itself
    saw; `TRADE_BARS` and `IV_BARS` are IBKR's daily bars of trades and implied vol.
    """

    CHAINS = "chains"
    SNAPSHOTS = "snapshots"
    TRADE_BARS = "trade_bars"
    IV_BARS = "iv_bars"
    LEVELS = "levels"


SCHEMAS: Mapping[Dataset, dict[str, pl.DataType]] = {
    Dataset.CHAINS: CHAIN_SCHEMA,
    Dataset.SNAPSHOTS: CHAIN_SCHEMA,
    Dataset.TRADE_BARS: BAR_SCHEMA,
    Dataset.IV_BARS: BAR_SCHEMA,
    Dataset.LEVELS: LEVEL_SCHEMA,
}


OF_OPTIONS = frozenset({Dataset.CHAINS, Dataset.SNAPSHOTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """One file of the store, as its name tells; `day` is the last day that it holds."""

    path: Path
    dataset: Dataset
    symbol: Symbol
    day: date
    known_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStore:
    """A folder of Parquet files, partitioned by dataset, symbol and date; append-only."""

    root: Path

    def append(
        self, dataset: Dataset, rows: pl.DataFrame, *, known_at: datetime, source: str
    ) -> Path | None:
        """Add rows of one symbol; None if the newest addition already holds exactly these.

        `known_at` is when the rows became known to us, `source` where they came from.

        Raises
        ------
        InvalidInput
            No rows, columns that are not the dataset's, more than one symbol, or for chains more
            than one date; a moment without zone.
        """
        table = _checked(dataset, rows, known_at)
        digest = _digest(table, source)
        folder = self._partition(dataset, Symbol(table["symbol"][0]), table["date"].max())
        present = sorted(folder.glob("*.parquet"))
        if present and present[-1].name.endswith(f"-{digest}.parquet"):
            return None
        moment = known_at.astimezone(UTC)
        path = folder / f"{moment.strftime(MOMENT)}-{digest}.parquet"
        stamped = table.with_columns(
            pl.lit(moment).dt.cast_time_unit("us").alias("known_at"), pl.lit(source).alias("source")
        )
        _write_once(stamped, path)
        return path

    def read(
        self, dataset: Dataset, symbol: Symbol, known_by: datetime | None = None
    ) -> pl.DataFrame:
        """Rows of one symbol as known at a moment (default: now), newest addition per date.

        Of snapshots, the newest per date and expiry: each looks at few expiries.

        Empty, with the dataset's columns, where nothing was known.
        """
        additions = sorted(
            (
                one
                for one in self.additions(dataset, symbol)
                if known_by is None or one.known_at <= known_by
            ),
            key=lambda one: (one.known_at, one.path.name),
        )
        schema = {**SCHEMAS[dataset], "known_at": pl.Datetime("us", "UTC"), "source": pl.String()}
        if not additions:
            return pl.DataFrame(schema=schema)
        everything = pl.concat(
            _opened(one.path, schema).with_columns(order=pl.lit(order))
            for order, one in enumerate(additions)
        )
        kept_apart = ["expiry"] if dataset is Dataset.SNAPSHOTS else []
        newest = everything.filter(
            pl.col("order") == pl.col("order").max().over("date", "symbol", *kept_apart)
        ).drop("order")
        return newest.sort("date", *(["expiry", "strike"] if dataset in OF_OPTIONS else []))

    def days(self, dataset: Dataset, symbol: Symbol) -> tuple[date, ...]:
        """Days that are held of one symbol, ascending."""
        if dataset in OF_OPTIONS:
            return tuple(sorted({one.day for one in self.additions(dataset, symbol)}))
        return tuple(self.read(dataset, symbol)["date"].unique().sort().to_list())

    def sources(self, dataset: Dataset, symbol: Symbol) -> tuple[str, ...]:
        """Where the rows of one symbol came from."""
        files = [one.path for one in self.additions(dataset, symbol)]
        if not files:
            return ()
        try:
            found = pl.scan_parquet(files).select(pl.col("source").unique()).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            for path in files:  # the error of many files does not name the bad one
                _opened(path, {"source": pl.String()})
            raise _damaged(files[0].parent.parent, error) from error
        return tuple(sorted(found["source"].to_list()))

    def symbols(self, dataset: Dataset) -> tuple[Symbol, ...]:
        """Names that have something in a dataset."""
        folder = self.root / dataset
        if not folder.is_dir():
            return ()
        return tuple(
            sorted(Symbol(unquote(one.name.split("=", 1)[1])) for one in folder.glob("symbol=*"))
        )

    def additions(self, dataset: Dataset, symbol: Symbol) -> Iterator[Addition]:
        """Files of one symbol, oldest date first, then by the moment they were known."""
        folder = self.root / dataset / f"symbol={quote(symbol, safe='')}"
        for path in sorted(folder.glob("date=*/*.parquet")):
            try:
                moment = datetime.strptime(path.name.split("-", 1)[0], MOMENT).replace(tzinfo=UTC)
                day = date.fromisoformat(path.parent.name.split("=", 1)[1])
            except ValueError as error:
                raise InvalidInput(
                    f"{path} is not named as files of the store are "
                    "(date=YYYY-MM-DD/MOMENT-DIGEST.parquet); move it out of the store"
                ) from error
            yield Addition(path=path, dataset=dataset, symbol=symbol, day=day, known_at=moment)

    def _partition(self, dataset: Dataset, symbol: Symbol, day: object) -> Path:
        """Folder of one symbol and date."""
        return self.root / dataset / f"symbol={quote(symbol, safe='')}" / f"date={day}"


def _opened(path: Path, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Read one file of the store in these columns, or say that it is damaged."""
    try:
        table = pl.read_parquet(path, columns=list(schema))
        return table.select(pl.col(name).cast(kind) for name, kind in schema.items())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InvalidInput:
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    return InvalidInput(
        f"store file {path} can not be read ({reason}); it is damaged: move it out of the store, "
        "then fetch or import its day again"
    )


def _checked(dataset: Dataset, rows: pl.DataFrame, known_at: datetime) -> pl.DataFrame:
    """Refuse what is not one addition; return it in the dataset's columns and order."""
    schema = SCHEMAS[dataset]
    if rows.is_empty():
        raise InvalidInput(f"nothing to add to {dataset}: no rows; leave the call out")
    if known_at.tzinfo is None:
        raise InvalidInput(f"known_at {known_at} has no zone; pass an aware moment")
    missing = [name for name in schema if name not in rows.columns]
    if missing:
        raise InvalidInput(
            f"rows for {dataset} lack {', '.join(missing)}; found {', '.join(rows.columns)}"
        )
    table = rows.select(pl.col(name).cast(kind) for name, kind in schema.items())
    if table["symbol"].n_unique() != 1:
        raise InvalidInput(f"one addition to {dataset} holds one symbol; part the rows by symbol")
    if dataset in OF_OPTIONS and table["date"].n_unique() != 1:
        raise InvalidInput("one addition of chains holds one date; part the rows by date")
    return table.sort([name for name in ("date", "expiry", "strike") if name in schema])


def _digest(table: pl.DataFrame, source: str) -> str:
    """Content of an addition as twelve hexadecimal digits, the same on every machine."""
    texts = [name for name, kind in table.schema.items() if kind == pl.String]
    numbers = table.select(pl.exclude(texts).to_physical().cast(pl.Float64).fill_null(float("nan")))
    content = hashlib.sha256("\0".join((source, *numbers.columns, *texts)).encode())
    content.update(numbers.to_numpy().astype("<f8", order="C").tobytes())
    for name in texts:
        content.update("\0".join(table[name].to_list()).encode())
    return content.hexdigest()[:12]


def _write_once(table: pl.DataFrame, path: Path) -> None:
    """Write beside the final name, flush to disk, then link: whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            table.write_parquet(file)
            file.flush()
            os.fsync(file.fileno())
        Path(path).hardlink_to(unfinished)
    finally:
        Path(unfinished).unlink()
