"""What do twelve years of real single-name vols say about the premium?"""

import json
from dataclasses import replace
from datetime import date
from html import escape
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dispersa.correlation.study import PremiumStudy, premium_study
from dispersa.errors import InvalidInput
from dispersa.reports.premium_html import premium_page
from dispersa.reports.premium_study import StudyFiles, study_document, study_from_files


def test_premium_is_zero_where_the_index_is_priced_at_what_comes() -> None:
    rng = np.random.default_rng(4)
    days, names = 400, 6
    returns = rng.normal(0, 0.01, (days, names)) + rng.normal(0, 0.01, (days, 1))
    closes = 100 * np.cumprod(1 + returns, axis=0)
    index = 100 * np.cumprod(1 + returns.mean(axis=1))
    later = 21

    def ahead(prices: np.ndarray) -> np.ndarray:
        squares = np.diff(prices, axis=0) / prices[:-1]
        vols = np.full(prices.shape, np.nan)
        for row in range(days - later):
            vols[row] = np.sqrt(252 * (squares[row : row + later] ** 2).mean(axis=0))
        return vols

    dates = tuple(date.fromordinal(700_000 + n) for n in range(days))
    study = premium_study(dates, ahead(closes), closes, (ahead(index), index))
    assert np.isfinite(study.premium).sum() == days - later
    assert np.nanmax(np.abs(study.premium)) < 1e-9
    assert study.independent.size == 19


@pytest.fixture(scope="module")
def study(test_data: Path) -> PremiumStudy:
    folder = test_data / "sp500_20_iv_2010_2022"
    if not folder.is_dir():
        pytest.skip("no sp500_20_iv_2010_2022 in the real data")
    vols = pl.read_csv(folder / "implied_vol_3m_atm.csv.gz")
    names = vols.columns[1:]
    closes = pl.read_csv(folder / "adjusted_close.csv.gz")
    index = pl.read_csv(folder / "sp500_close.csv.gz")
    vix = pl.read_csv(test_data / "cboe_indices" / "vix-daily_to_2026-07-23.csv").select(
        Date=pl.col("DATE"), VIX=pl.col("CLOSE") / 100
    )
    table = (
        closes.join(index, on="Date")
        .join(vix, on="Date")
        .join(vols, on="Date", suffix="_iv")
        .sort("Date")
        .with_columns(pl.col("Date").str.slice(0, 10).str.to_date())
    )
    return premium_study(
        tuple(table["Date"].to_list()),
        table.select(f"{name}_iv" for name in names).to_numpy(),
        table.select(names).to_numpy(),
        (table["VIX"].to_numpy(), table["SP500"].to_numpy()),
    )


@pytest.mark.real_data
def test_twelve_years_show_implied_above_what_came_after_most_months(study: PremiumStudy) -> None:
    assert study.dates[0].year == 2010
    assert study.independent.size > 140
    assert 0.1 < study.mean_premium < 0.2
    assert study.share_above_zero > 0.75
    assert study.t_statistic > 5


@pytest.mark.real_data
def test_worst_month_of_the_proxy_is_a_correlation_surprise(study: PremiumStudy) -> None:
    worst = study.dates[int(np.nanargmin(study.premium))]
    assert date(2020, 2, 10) <= worst <= date(2020, 3, 10)
    assert np.nanmin(study.premium) < -0.2


@pytest.mark.real_data
def test_page_and_json_of_the_twelve_years_say_the_same(test_data: Path, tmp_path: Path) -> None:
    folder = test_data / "sp500_20_iv_2010_2022"
    if not folder.is_dir():
        pytest.skip("no sp500_20_iv_2010_2022 in the real data")
    report = study_from_files(
        StudyFiles(
            vols=folder / "implied_vol_3m_atm.csv.gz",
            closes=folder / "adjusted_close.csv.gz",
            index_vols=test_data / "cboe_indices" / "vix-daily_to_2026-07-23.csv",
            index_closes=folder / "sp500_close.csv.gz",
        )
    )
    document = json.loads(study_document(report))
    assert document["windows"] == report.study.independent.size == 155
    assert 0.14 < document["mean_premium"] < 0.17
    assert "nothing is subtracted for cost" in " ".join(document["reading"])
    page = premium_page(report)
    assert "<script" not in page
    assert "http" not in page
    assert all(escape(sentence) in page for sentence in report.reading())


def test_files_without_common_names_or_days_are_refused(tmp_path: Path) -> None:
    for name, head in (("vols", "Date,AAA,BBB"), ("closes", "Date,AAA,BBB"), ("index", "Date,I")):
        row = ",".join(["2026-01-02", *["20"] * head.count(",")])
        (tmp_path / f"{name}.csv").write_text(f"{head}\n{row}\n")
    (tmp_path / "vix.csv").write_text("DATE,CLOSE\n01/02/2026,17\n")
    files = StudyFiles(
        vols=tmp_path / "vols.csv",
        closes=tmp_path / "closes.csv",
        index_vols=tmp_path / "vix.csv",
        index_closes=tmp_path / "index.csv",
    )
    with pytest.raises(InvalidInput, match="share 1 days; expected at least 64"):
        study_from_files(files)
    with pytest.raises(InvalidInput, match="share 0 names"):
        study_from_files(replace(files, closes=tmp_path / "index.csv"))
