"""Synthetic chain and weights files in the layouts that `history` reads."""

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

Rows = Sequence[dict[str, object]]
ChainFile = Callable[..., Path]


def strike_row(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "date": "2026-05-26",
        "symbol": "SPY",
        "expiry": "2026-06-19",
        "strike": 100.0,
        "spot": 100.0,
        "c_px": 1.0,
        "p_px": 1.0,
        "c_delta": 0.5,
        "p_delta": -0.5,
        "c_iv": 20.0,
        "p_iv": 22.0,
    }
    return row | changes


@pytest.fixture
def chain_file(tmp_path: Path) -> ChainFile:
    def write(rows: Rows, drop: Sequence[str] = (), as_categories: bool = True) -> Path:
        numbers = {"strike", "spot", "c_px", "p_px", "c_delta", "p_delta", "c_iv", "p_iv"}
        frame = pl.DataFrame(list(rows), infer_schema_length=None).with_columns(
            pl.col(name).cast(pl.Float32, strict=False) for name in numbers if name in rows[0]
        )
        if as_categories:
            frame = frame.with_columns(
                pl.col(name).cast(pl.Categorical) for name in ("date", "symbol", "expiry")
            )
        path = tmp_path / "chains.parquet"
        frame.drop(list(drop)).write_parquet(path)
        return path

    return write


@pytest.fixture
def weights_file(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(text: str, name: str = "weights.csv") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write
