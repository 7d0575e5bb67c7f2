"""A market from a chains file: small made-up files for the rules, the real file where it is."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dispersa.errors import InvalidInput
from dispersa.gateway.world.board import OptionKey
from dispersa.gateway.world.calendar import morning_of
from dispersa.gateway.world.chainfile import ChainFile, chainfile_source
from dispersa.gateway.world.chainmath import NameRows, split_factors, thirty_day_vol
from dispersa.gateway.world.filemarket import members_of
from dispersa.gateway.world.world import World

DAYS = ("2026-07-08", "2026-07-09", "2026-07-10")
SPOTS = {"QQQ": 700.0, "SPY": 640.0, "AAPL": 300.0, "MSFT": 400.0}
VOLS = {"QQQ": 22.0, "SPY": 15.0, "AAPL": 28.0, "MSFT": 30.0}
WEIGHTS = {"QQQ": {"AAPL": 0.6, "MSFT": 0.4}, "SPY": {"AAPL": 0.55, "MSFT": 0.45}}


def _row(day: str, symbol: str, expiry: str, strike: float) -> dict[str, Any]:
    return {
        "date": day, "symbol": symbol, "expiry": expiry, "strike": strike, "spot": SPOTS[symbol],
        "c_px": 9_999.0, "p_px": 9_999.0, "c_delta": 0.5, "p_delta": -0.5,
        "c_iv": VOLS[symbol] + 1.0, "p_iv": VOLS[symbol] - 1.0,
        "c_vol": 10, "p_vol": 10, "c_oi": 100, "p_oi": 100,
    }  # fmt: skip


def rows() -> list[dict[str, Any]]:
    return [
        _row(day, symbol, expiry, round(SPOTS[symbol] * share, 0))
        for day in DAYS
        for symbol in SPOTS
        for expiry in ("2026-07-17", "2026-08-07", "2026-08-21")
        for share in (0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, rows())
    return tmp_path


def write(folder: Path, table: list[dict[str, Any]]) -> None:
    text = [pl.col(name).cast(pl.Categorical) for name in ("date", "symbol", "expiry")]
    pl.DataFrame(table).with_columns(text).write_parquet(folder / "chains.parquet")
    weights = [
        {"date": day, "symbol": symbol, "weight": weight, "etf": fund}
        for day in DAYS
        for fund, members in WEIGHTS.items()
        for symbol, weight in members.items()
    ]
    pl.DataFrame(weights).write_csv(folder / "estimated_weights.csv.gz", compression="gzip")


def world_of(folder: Path, **request: Any) -> World:
    source = chainfile_source(ChainFile(chains=folder / "chains.parquet", **request))
    return World(source, seed=1, step_seconds=0.25, start=morning_of(source.day))


def key(world: World, symbol: str, strike: float, sign: int) -> OptionKey:
    piece = world.chain(symbol).slices[1]
    index = int(np.argmin(np.abs(piece.strikes - strike)))
    return OptionKey(1, world.columns[symbol], piece, index, sign)


def test_world_carries_the_files_spots_strikes_and_mean_vols(folder: Path) -> None:
    world = world_of(folder)
    assert world.source.day == date(2026, 7, 10)
    assert {s: world.spot(s) for s in SPOTS} == pytest.approx(SPOTS)
    board = world.price(world.batch([key(world, "AAPL", 300.0, s) for s in (1, -1)]))
    assert board.vols == pytest.approx([0.28, 0.28])
    vols = {s: float(world.vols()[world.columns[s]]) for s in SPOTS}
    assert vols == pytest.approx({s: v / 100 for s, v in VOLS.items()})
    assert "synthesized" in world.universe.label


def test_option_without_its_own_volatility_has_no_quote(folder: Path) -> None:
    table = rows()
    for row in table:
        if row["symbol"] == "AAPL" and row["strike"] == 270.0:
            row["p_iv"] = 0.0
    write(folder, table)
    world = world_of(folder)
    board = world.price(world.batch([key(world, "AAPL", 270.0, s) for s in (1, -1)]))
    assert board.is_quoted.tolist() == [True, False]
    assert np.isnan(board.quotes.asks[1])
    assert board.quotes.ask_sizes[1] == 0
    assert board.vols[0] == pytest.approx(0.29)


def test_known_dates_come_from_the_file_and_join_the_synthesized_ones(folder: Path) -> None:
    table = rows()
    for row in table:
        if row["symbol"] == "AAPL" and row["date"] == "2026-07-08":
            row["spot"] = 600.0
            row["strike"] *= 2
    write(folder, table)
    world = world_of(folder)
    history, column = world.history, world.columns["AAPL"]
    # The 2:1 split between the two days is taken out of the history of prices.
    assert history.closes[-2:, column] == pytest.approx([300.0, 300.0])
    assert history.days[-2:] == (date(2026, 7, 8), date(2026, 7, 9))
    assert history.vols[-1, column] == pytest.approx(0.28)
    moves = np.abs(np.diff(np.log(history.closes[:, column])))
    assert moves[-10:].max() < 0.15


def test_names_limits_the_components_to_the_largest(folder: Path) -> None:
    world = world_of(folder, names=1)
    assert [
        u.symbol for u in world.universe.components if not u.is_hidden and u.sec_type == "STK"
    ] == ["AAPL"]
    assert world.universe.weights["QQQ"] == {"AAPL": 0.6}


def test_file_vols_move_with_the_level_of_their_name(folder: Path) -> None:
    world = world_of(folder)
    batch = world.batch([key(world, "QQQ", 700.0, 1)])
    before = float(world.price(batch).vols[0])
    world.advance(world.start + timedelta(hours=3))
    after = float(world.price(batch).vols[0])
    shift = float(world.vols()[world.columns["QQQ"]]) / 0.22
    assert before != after
    assert after / before == pytest.approx(shift)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chains": "missing.parquet"}, "does not exist"),
        ({"chains": "junk.parquet"}, "not a parquet file"),
        ({"day": date(2026, 1, 5)}, "no date 2026-01-05"),
        ({"names": 9}, "2 members"),
        ({"weights": "missing.csv"}, "weights file"),
        ({"weights": "heavy.csv"}, "sum to 1.2"),
        ({"weights": "short.csv"}, "no column"),
        ({"weights": "other.csv"}, "no weights on 2026-07-10"),
    ],
)
def test_bad_input_is_refused_with_the_reason(
    folder: Path, change: dict[str, Any], said: str
) -> None:
    (folder / "junk.parquet").write_bytes(b"not parquet at all")
    (folder / "heavy.csv").write_text("date,symbol,weight,etf\n2026-07-10,AAPL,1.2,QQQ\n")
    (folder / "short.csv").write_text("date,symbol\n2026-07-10,AAPL\n")
    (folder / "other.csv").write_text("date,symbol,weight,etf\n2026-01-01,AAPL,1.0,QQQ\n")
    request: dict[str, Any] = {"chains": "chains.parquet"} | change
    for name in ("chains", "weights"):
        if name in request:
            request[name] = folder / request[name]
    with pytest.raises(InvalidInput, match=said):
        chainfile_source(ChainFile(**request))


def test_missing_column_is_named(folder: Path) -> None:
    frame = pl.read_parquet(folder / "chains.parquet").drop("c_iv")
    frame.write_parquet(folder / "chains.parquet")
    with pytest.raises(InvalidInput, match="no column c_iv"):
        chainfile_source(ChainFile(chains=folder / "chains.parquet"))


def test_thirty_day_vol_interpolates_total_variance() -> None:
    day = date(2026, 7, 10)
    ordinals = np.repeat([day.toordinal() + 20, day.toordinal() + 50], 2)
    rows_ = NameRows(
        symbol="X", spot=100.0, expiries=ordinals, strikes=np.array([90.0, 110.0] * 2),
        call_vols=np.array([0.2, 0.2, 0.3, 0.3]), put_vols=np.array([0.2, 0.2, 0.3, 0.3]),
    )  # fmt: skip
    # 20 days at 0.04 and 50 at 0.09: 0.8 + (4.5 - 0.8) / 3 = 2.0333 over 30 days.
    assert thirty_day_vol(rows_, day) == pytest.approx(np.sqrt(2.033333333 / 30))


def test_splits_are_taken_out_and_ordinary_moves_kept() -> None:
    raw = np.array([2_000.0, 1_900.0, 191.0, 240.0])
    assert raw * split_factors(raw) == pytest.approx([200.0, 190.0, 191.0, 240.0])


# -- the real file -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_world(test_data: Path) -> World:
    path = test_data / "us_chains_2026" / "chains.parquet"
    if not path.is_file():
        pytest.skip(f"no real chains: {path} is not a file")
    source = chainfile_source(ChainFile(chains=path, names=10))
    return World(source, seed=1, step_seconds=0.25, start=morning_of(source.day))


@pytest.mark.real_data
def test_vix_of_the_real_smile_is_near_the_published_close(
    real_world: World, test_data: Path
) -> None:
    path = test_data / "cboe_indices" / "vix-daily_to_2026-07-23.csv"
    closes = pl.read_csv(path).filter(pl.col("DATE") == real_world.source.day.isoformat())
    assert real_world.vix == pytest.approx(float(closes["CLOSE"][0]), abs=1.0)


@pytest.mark.real_data
def test_real_straddles_have_the_documented_widths(real_world: World) -> None:
    for symbol, width in (("QQQ", 0.007), ("NVDA", 0.009), ("AAPL", 0.017)):
        chain = real_world.chain(symbol)
        piece = next(
            p for p in chain.slices if (p.last_trade_day - real_world.source.day).days >= 28
        )
        i = int(np.abs(piece.strikes - real_world.spot(symbol)).argmin())
        column = real_world.columns[symbol]
        batch = real_world.batch([OptionKey(s + 9, column, piece, i, s) for s in (1, -1)])
        quotes = real_world.price(batch).quotes
        bid, ask = float(quotes.bids.sum()), float(quotes.asks.sum())
        assert (ask - bid) / (0.5 * (ask + bid)) == pytest.approx(width, rel=0.15)


@pytest.mark.real_data
def test_real_history_runs_into_the_files_dates(real_world: World) -> None:
    history = real_world.history
    assert date(2026, 5, 26) in history.days
    assert len(history.days) >= 504
    for symbol in ("QQQ", "NVDA", "MSFT"):
        column = real_world.columns[symbol]
        moves = np.abs(np.diff(np.log(history.closes[:, column])))
        assert moves.max() < 0.4, symbol
    assert isinstance(real_world.start, datetime)


def test_leveraged_funds_of_a_file_are_no_components() -> None:
    """All names = the members of any basket and plain funds; TQQQ is neither."""
    weights = {"QQQ": {"AAPL": 0.6, "MSFT": 0.4}, "SPY": {"AAPL": 0.5, "XOM": 0.5}}
    vols = dict.fromkeys(("AAPL", "MSFT", "XOM", "IWM", "TQQQ", "SQQQ", "QQQ", "SPY"), 0.3)
    assert members_of(None, weights, vols, "file") == ["AAPL", "MSFT", "IWM", "XOM"]
    assert members_of(1, weights, vols, "file") == ["AAPL"]
