"""Does the band of a large file hold what a full reading holds, wherever its pieces break?"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispersa.correlation.tenor import vol_panel
from dispersa.errors import InvalidInput
from dispersa.history.band import read_band
from dispersa.history.chains import read_chains
from dispersa.history.layouts import ChainLayout
from dispersa.pricing.atm import AtTheMoney, at_the_money_vols

NAMES = ("date", "symbol", "expiry", "strike", "right", "spot", "iv")
LONG = ChainLayout(name="long", columns={name: name for name in NAMES})
DAY = date(2026, 5, 26)


def options(seed: int, *, missing: float = 0.2) -> pl.DataFrame:
    """Two names, two dates, three expiries, up to nine strikes, some vols missing."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in (DAY, DAY + timedelta(days=1)):
        for symbol in ("AAA", "BBB"):
            spot = float(rng.uniform(90, 110))
            for days in (9, 30, 58):
                for strike in 80 + 5 * np.arange(int(rng.integers(1, 10))):
                    rows += [
                        (day, symbol, day + timedelta(days=days), float(strike), right, spot, iv)
                        for right in "CP"
                        if (iv := float(rng.uniform(0.1, 0.5)) * (rng.uniform() > missing)) >= 0
                    ]
    return pl.DataFrame(rows, schema=list(NAMES), orient="row")


def side_by_side(rows: pl.DataFrame) -> pl.DataFrame:
    """The same options in the layout us_chains: percent, a row for each strike."""
    keys = ["date", "symbol", "expiry", "strike", "spot"]
    wide = rows.pivot(on="right", index=keys, values="iv")
    return wide.select(
        pl.col("date").cast(pl.String),
        "symbol",
        pl.col("expiry").cast(pl.String),
        "strike",
        "spot",
        c_iv=pl.col("C") * 100,
        p_iv=pl.col("P") * 100,
        c_delta=pl.lit(0.5),
        p_delta=pl.lit(-0.5),
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), piece_rows=st.integers(1, 400))
def test_band_gives_the_vols_of_a_full_reading_wherever_pieces_break(
    tmp_path_factory: pytest.TempPathFactory, seed: int, piece_rows: int
) -> None:
    folder = tmp_path_factory.mktemp("band")
    rows = options(seed)
    rows.write_parquet(folder / "long.parquet")
    side_by_side(rows).write_parquet(folder / "wide.parquet")
    full = read_chains(folder / "wide.parquet")
    expected = vol_panel(full, 30, AtTheMoney.SPOT, 0.0)
    for file, layout in (("long.parquet", LONG), ("wide.parquet", None)):
        band = read_band(folder / file, layout=layout, side=1, piece_rows=piece_rows)
        found = vol_panel(band, 30, AtTheMoney.SPOT, 0.0)
        for symbol in expected.symbols:
            np.testing.assert_allclose(
                found.column(symbol), expected.column(symbol), rtol=1e-12, equal_nan=True
            )


@pytest.mark.parametrize("by", [["symbol", "date", "expiry", "right", "strike"], ["strike"]])
def test_other_orders_give_the_same_band_or_are_refused(tmp_path: Path, by: list[str]) -> None:
    rows = options(3, missing=0.0)
    rows.write_parquet(tmp_path / "sorted.parquet")
    rows.sort(by, maintain_order=True).write_parquet(tmp_path / "other.parquet")
    expected = read_band(tmp_path / "sorted.parquet", layout=LONG)
    if by == ["strike"]:
        with pytest.raises(InvalidInput, match="in several places"):
            read_band(tmp_path / "other.parquet", layout=LONG)
        return
    found = read_band(tmp_path / "other.parquet", layout=LONG, piece_rows=50)
    for name in ("strike", "call_iv", "put_iv", "spot", "starts", "days_to_expiry"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_strikes_kept_are_the_nearest_with_both_vols_on_either_side(tmp_path: Path) -> None:
    strikes = [90.0, 95.0, 100.0, 105.0, 110.0, 115.0]
    rows = pl.DataFrame(
        [
            (DAY, "AAA", DAY + timedelta(days=30), strike, right, 101.0, iv)
            for strike in strikes
            for right, iv in (("call", 0.2), ("put", 0.0 if strike == 105.0 else 0.3))
        ],
        schema=list(NAMES),
        orient="row",
    )
    rows.write_parquet(tmp_path / "chain.parquet")
    band = read_band(tmp_path / "chain.parquet", layout=LONG, side=1)
    assert band.strike.tolist() == [100.0, 110.0]  # the put of 105 has no vol
    assert (band.call_iv.tolist(), band.put_iv.tolist()) == ([0.2, 0.2], [0.3, 0.3])
    assert at_the_money_vols(band, AtTheMoney.SPOT, 0.0).tolist() == [pytest.approx(0.25)]


def test_only_the_symbols_asked_for_are_read(tmp_path: Path) -> None:
    options(5).write_parquet(tmp_path / "chain.parquet")
    assert read_band(tmp_path / "chain.parquet", layout=LONG, symbols=["BBB"]).symbols == ("BBB",)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (pl.concat([options(1), options(1)]).sort(NAMES[:5]), "appears more than once"),
        (options(1).with_columns(iv=pl.lit(0.0)), "no strike with both vols"),
        (options(1).with_columns(right=pl.lit("C")), "one text for calls and one for puts"),
        (options(1).with_columns(date=pl.lit(None, pl.Date)), "no readable date"),
    ],
)
def test_what_is_no_chain_is_refused_in_words(
    tmp_path: Path, change: pl.DataFrame, sentence: str
) -> None:
    change.write_parquet(tmp_path / "chain.parquet")
    with pytest.raises(InvalidInput, match=sentence):
        read_band(tmp_path / "chain.parquet", layout=LONG)


def test_layout_without_spots_is_sent_to_the_store(tmp_path: Path) -> None:
    options(1).drop("spot").write_parquet(tmp_path / "chain.parquet")
    columns = {name: name for name in NAMES if name != "spot"}
    with pytest.raises(InvalidInput, match="import it into the store"):
        read_band(tmp_path / "chain.parquet", layout=ChainLayout(name="bare", columns=columns))
