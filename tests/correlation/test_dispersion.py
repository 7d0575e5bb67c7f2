"""Does expected dispersion agree with its definition and with the published index?"""

import csv
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from dispersa.correlation.dispersion import dispersion_index, expected_dispersion


def test_dispersion_is_the_spread_of_variances_with_renormalized_weights() -> None:
    # 0.25 * 0.2^2 + 0.75 * 0.4^2 = 0.13; less 0.3^2 leaves 0.04.
    assert expected_dispersion([1, 3], [0.2, 0.4], 0.3) == pytest.approx(0.2)


def test_dispersion_is_floored_at_zero_where_the_index_is_above_its_names() -> None:
    # 2018-02-05: VIX closed at 37.32 above VIXEQ at 33.83.
    assert dispersion_index(np.array([33.83]), np.array([37.32])).tolist() == [0.0]
    assert expected_dispersion([1, 1], [0.2, 0.2], 0.3) == 0.0


def test_missing_input_stays_missing() -> None:
    assert np.isnan(dispersion_index(np.array([np.nan]), np.array([10.0]))).all()


def closes(path: Path, column: str) -> dict[date, float]:
    if not path.is_file():
        pytest.skip(f"no {path.name} in the real data")
    with path.open() as file:
        return {
            datetime.strptime(row["DATE"], "%m/%d/%Y").date(): float(row[column])  # noqa: DTZ007
            for row in csv.DictReader(file)
        }


@pytest.mark.real_data
def test_published_dspx_is_reproduced_from_vix_and_vixeq(test_data: Path) -> None:
    folder = test_data / "cboe_indices"
    dspx = closes(folder / "DSPX_History.csv", "DSPX")
    vixeq = closes(folder / "VIXEQ_History.csv", "VIXEQ")
    vix = closes(folder / "VIX_History.csv", "CLOSE")
    days = sorted(dspx.keys() & vixeq.keys() & vix.keys())
    made = dispersion_index(
        np.array([vixeq[day] for day in days]), np.array([vix[day] for day in days])
    )
    off = np.abs(made - np.array([dspx[day] for day in days]))
    assert len(days) > 2900
    assert np.median(off) < 0.1
    assert (off < 0.25).mean() > 0.85
    # The one large miss: DSPX printed zero two days after both indices had jumped.
    assert days[int(off.argmax())] == date(2018, 2, 8)
