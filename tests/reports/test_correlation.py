"""Does the correlation report say the same in JSON, in the terminal and on the page?"""

import io
import json
import re
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from dispersa.correlation.research import ResearchDay
from dispersa.correlation.share_classes import ShareClasses
from dispersa.errors import InvalidInput
from dispersa.pricing.atm import AtTheMoney
from dispersa.reports.correlation import CorrelationReport, correlation_by_date
from dispersa.reports.correlation_html import to_html
from dispersa.reports.correlation_views import RULES

NAMES = ("AAA", "BBB", "CCC", "D&D")
VOLS = {"IDX": 20.0, "AAA": 25.0, "BBB": 30.0, "CCC": 35.0, "D&D": 40.0}
WEIGHTS = {"AAA": 0.4, "BBB": 0.3, "CCC": 0.2, "D&D": 0.1}
CHAIN_DAYS = 14


def weekdays(first: date, count: int) -> list[date]:
    days = [first + timedelta(days=n) for n in range(2 * count)]
    return [day for day in days if day.weekday() < 5][:count]


DAYS = weekdays(date(2026, 1, 5), 100)
CHAIN_DATES = DAYS[60 : 60 + CHAIN_DAYS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Flat smiles, weights, and closes in which BBB splits 10 for 1 in the chains' days."""
    rows = [
        {
            "date": day.isoformat(),
            "symbol": symbol,
            "expiry": (day + timedelta(days=days)).isoformat(),
            "strike": strike,
            "spot": 100.0,
            "c_delta": 0.5,
            "p_delta": -0.5,
            "c_iv": vol if not (symbol == "CCC" and day == CHAIN_DATES[3]) else 0.0,
            "p_iv": vol,
        }
        for day in CHAIN_DATES
        for symbol, vol in VOLS.items()
        for days in (20, 40, 100, 200)
        for strike in (90.0, 110.0)
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "chains.parquet")
    lines = [f"{CHAIN_DATES[0]},{name},{weight},IDX" for name, weight in WEIGHTS.items()]
    (tmp_path / "weights.csv").write_text("date,symbol,weight,etf\n" + "\n".join(lines) + "\n")
    pl.DataFrame(prices(splits=True)).write_csv(tmp_path / "prices.csv")
    pl.DataFrame(prices(splits=False)).write_csv(tmp_path / "adjusted.csv")
    return tmp_path


def prices(*, splits: bool) -> list[dict[str, object]]:
    rng = np.random.default_rng(5)
    returns = rng.normal(0, 0.012, (len(DAYS), 4)) + rng.normal(0, 0.006, (len(DAYS), 1))
    closes = 100 * np.cumprod(1 + returns, axis=0)
    index = 100 * np.cumprod(1 + returns @ np.array(list(WEIGHTS.values())))
    split_row = DAYS.index(CHAIN_DATES[5])
    rows: list[dict[str, object]] = []
    for row, day in enumerate(DAYS):
        values = dict(zip(NAMES, closes[row].tolist(), strict=True)) | {"IDX": float(index[row])}
        if splits and row >= split_row:
            values["BBB"] /= 10
        rows += [
            {"symbol": name, "date": day.isoformat(), "close": close}
            for name, close in values.items()
        ]
    return rows


def made(
    folder: Path, prices_name: str | None = "prices.csv", *, in_detail: bool = False
) -> CorrelationReport:
    return correlation_by_date(
        folder / "chains.parquet",
        folder / "weights.csv",
        "IDX",
        4,
        30,
        AtTheMoney.SPOT,
        ShareClasses.SEPARATE,
        folder / prices_name if prices_name else None,
        in_detail=in_detail,
    )


def realized(day: ResearchDay) -> list[float]:
    """Trailing windows that history fills."""
    return [one.clean for one in day.signal.realized if one.clean is not None]


def test_implied_correlation_of_flat_smiles_is_the_formulas(folder: Path) -> None:
    first = json.loads(made(folder, None).to_json())["rows"][0]
    ws = np.array([0.4 * 0.25, 0.3 * 0.30, 0.2 * 0.35, 0.1 * 0.40])
    want = (0.2**2 - ws @ ws) / (ws.sum() ** 2 - ws @ ws)
    assert first["implied_correlation"] == pytest.approx(want, rel=1e-9)
    assert first["average_iv"] == pytest.approx(ws.sum())
    assert first["coverage"] == pytest.approx(1)
    assert set(first) == {
        "date",
        "index_iv",
        "average_iv",
        "implied_correlation",
        "n_names",
        "coverage",
        "expected_dispersion",
        "by_term",
        "flags",
        "replaced",
    }
    mean_variance = 0.4 * 0.25**2 + 0.3 * 0.30**2 + 0.2 * 0.35**2 + 0.1 * 0.40**2
    assert first["expected_dispersion"] == pytest.approx((mean_variance - 0.2**2) ** 0.5)
    assert first["by_term"] == pytest.approx({"30": want, "91": want, "182": want})


def test_flat_smiles_read_the_same_by_every_rule_delta_and_tenor(folder: Path) -> None:
    report = made(folder, None, in_detail=True)
    row = json.loads(report.to_json())["rows"][0]
    want = row["implied_correlation"]
    assert row["by_rule"] == pytest.approx(dict.fromkeys(RULES, want))
    assert row["by_delta"]["0.50"] == pytest.approx({"30": want, "91": want, "182": want})
    # Strikes of 90 and 110 do not reach the far deltas of a vol of 40 %: no value, no guess.
    assert row["by_delta"]["0.90"]["182"] is None
    page = to_html(report)
    assert "Correlation by delta" in page
    assert "What the at-the-money rule does" in page


def test_name_without_vol_on_one_date_is_told(folder: Path) -> None:
    row = json.loads(made(folder, None).to_json())["rows"][3]
    assert row["n_names"] == 3
    assert row["flags"] == ["fewer_names"]
    assert row["replaced"] == ["CCC"]


def test_split_inside_the_window_moves_nothing(folder: Path) -> None:
    raw, adjusted = made(folder), made(folder, "adjusted.csv")
    assert [(one.symbol, one.day, one.new, one.old) for one in raw.splits] == [
        ("BBB", CHAIN_DATES[5], 10, 1)
    ]
    assert adjusted.splits == ()
    for with_split, without in zip(raw.research, adjusted.research, strict=True):
        assert realized(with_split) == pytest.approx(realized(without), rel=1e-9)
        assert with_split.afterwards.clean == pytest.approx(without.afterwards.clean, rel=1e-9)


def test_name_that_the_price_file_lacks_is_priced_from_its_chain(folder: Path) -> None:
    frame = pl.read_csv(folder / "prices.csv").filter(pl.col("symbol") != "CCC")
    frame.write_csv(folder / "prices.csv")
    report = made(folder)
    assert report.priced_from_chains == ("CCC",)
    assert "closes are the chain snapshots" in to_html(report)


def test_rows_with_prices_carry_the_signal_of_the_date(folder: Path) -> None:
    row = json.loads(made(folder).to_json())["rows"][5]
    assert set(row["realized_correlation"]) == {"21", "63", "252"}
    assert row["correlation_premium"] == pytest.approx(
        row["implied_correlation"] - row["forecast_correlation"]
    )
    assert row["edge_net"] == pytest.approx(
        row["edge_gross"] - row["cost_round_trip"] - row["cost_hedging"]
    )
    assert row["direction"] == "NO_TRADE"
    assert "history_too_short" in row["reasons"]


def test_prices_after_a_date_do_not_change_its_signal(folder: Path) -> None:
    whole = made(folder)
    last = CHAIN_DATES[7]
    early = pl.read_csv(folder / "prices.csv").filter(pl.col("date") <= last.isoformat())
    early.write_csv(folder / "prices.csv")
    pl.read_parquet(folder / "chains.parquet").filter(
        pl.col("date") <= last.isoformat()
    ).write_parquet(folder / "chains.parquet")
    truncated = made(folder)
    assert len(truncated.research) == 8
    for short, full in zip(truncated.research, whole.research, strict=False):
        assert realized(short) == pytest.approx(realized(full), rel=1e-12)
        assert short.signal.edge_net == pytest.approx(full.signal.edge_net, rel=1e-9)
        assert short.signal.direction == full.signal.direction


def test_signal_of_a_past_date_is_given_or_refused_with_its_reason(folder: Path) -> None:
    report = made(folder)
    assert report.signal_on().as_of.date() == CHAIN_DATES[-1]
    assert report.signal_on(CHAIN_DATES[2]).as_of.date() == CHAIN_DATES[2]
    with pytest.raises(InvalidInput, match="expected a trading day from"):
        report.signal_on(date(2020, 1, 1))
    with pytest.raises(InvalidInput, match="give --prices"):
        made(folder, None).signal_on()


def test_what_came_after_begins_on_the_day_after(folder: Path) -> None:
    day = CHAIN_DATES[8]  # after the split, so that the listed prices serve as they are
    frame = pl.read_csv(folder / "adjusted.csv").pivot(on="symbol", index="date", values="close")
    table = frame.sort("date").filter(pl.col("date") >= day.isoformat()).head(22)
    closes = table.select(*NAMES).to_numpy()
    index = table["IDX"].to_numpy()
    s = np.sqrt(252 * ((closes[1:] / closes[:-1] - 1) ** 2).mean(axis=0))
    index_variance = 252 * ((index[1:] / index[:-1] - 1) ** 2).mean()
    ws = np.array(list(WEIGHTS.values())) * s
    want = (index_variance - ws @ ws) / (ws.sum() ** 2 - ws @ ws)
    research = {one.signal.as_of.date(): one for one in made(folder).research}
    assert research[day].afterwards.clean == pytest.approx(want, rel=1e-9)


def test_table_shows_every_date_in_full(folder: Path) -> None:
    out = io.StringIO()
    Console(file=out, width=160).print(made(folder).to_table())
    assert all(day.isoformat() in out.getvalue() for day in CHAIN_DATES)


@pytest.mark.parametrize("prices_name", [None, "prices.csv"])
def test_page_is_self_contained_and_its_pictures_are_well_formed(
    folder: Path, prices_name: str | None
) -> None:
    page = to_html(made(folder, prices_name))
    assert "<script" not in page
    assert "http" not in page
    assert "D&amp;D" in page
    assert "D&D" not in page
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) == (7 if prices_name else 4)
    for picture in pictures:
        ET.fromstring(picture)  # noqa: S314 -- made by ourselves
        assert "nan" not in picture
    assert 'class="hole"' in page


@pytest.mark.parametrize(("top", "tenor", "said"), [(1, 30, "raise --top"), (2, 0, "--tenor")])
def test_meaningless_basket_or_tenor_is_refused(
    folder: Path, top: int, tenor: int, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        correlation_by_date(
            folder / "chains.parquet", folder / "weights.csv", "IDX", top=top, tenor_days=tenor
        )
