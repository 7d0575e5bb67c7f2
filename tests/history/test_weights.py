"""Does the weights reader tell fractions from percent, and refuse what sums to neither?"""

import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from dispersa.errors import InvalidInput
from dispersa.history.weights import read_weights

Write = Callable[..., Path]
HEAD = "date,symbol,weight,etf\n"


def test_fractions_are_read_heaviest_first_and_filtered_by_index(weights_file: Write) -> None:
    path = weights_file(HEAD + "2026-05-26,B,0.4,SPY\n2026-05-26,A,0.6,SPY\n2026-05-26,C,1,QQQ\n")
    weights = read_weights(path, "SPY")
    assert not weights.in_percent
    assert [(row.symbol, row.weight) for row in weights.baskets[0].weights] == [
        ("A", 0.6),
        ("B", 0.4),
    ]
    assert weights.symbols == {"A", "B"}


def test_percent_is_recognized_and_said(weights_file: Write) -> None:
    weights = read_weights(weights_file(HEAD + "2026-05-26,A,60,X\n2026-05-26,B,40.05,X\n"), "X")
    assert weights.in_percent
    assert weights.baskets[0].weights[0].weight == pytest.approx(0.6)


def test_gzip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.csv.gz"
    path.write_bytes(gzip.compress((HEAD + "2026-05-26,A,1,X\n").encode()))
    assert len(read_weights(path, "X").baskets) == 1


def test_latest_basket_on_or_before_a_day_is_used_and_never_a_later_one(
    weights_file: Write,
) -> None:
    path = weights_file(HEAD + "2026-05-28,B,1,X\n2026-05-26,A,1,X\n")
    weights = read_weights(path, "X")
    assert weights.on(date(2026, 5, 25)) is None
    for day, symbol in ((26, "A"), (27, "A"), (28, "B"), (30, "B")):
        basket = weights.on(date(2026, 5, day))
        assert basket is not None
        assert basket.weights[0].symbol == symbol


def test_member_without_weight_is_left_out(weights_file: Write) -> None:
    weights = read_weights(weights_file(HEAD + "2026-05-26,A,1,X\n2026-05-26,B,0,X\n"), "X")
    assert weights.symbols == {"A"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("2026-05-26,A,0.6,X\n2026-05-26,B,0.3,X\n", "sum to 0.9; expected 1 within 0.001"),
        ("2026-05-26,A,1,X\n2026-05-27,A,100,X\n", "2026-05-27 sum to 100"),
        ("2026-05-26,A,1.2,X\n2026-05-26,B,-0.2,X\n", "weight of B on 2026-05-26 is -0.2"),
        ("2026-05-26,A,0.5,X\n2026-05-26,A,0.5,X\n", "A appears more than once"),
        ("2026-05-26,A,much,X\n", "1 rows of X lack"),
        ("05/26/2026,A,1,X\n", "lack an ISO date"),
        (",A,1,X\n", "lack an ISO date"),
        ("2026-05-26,A,nan,X\n", "finite weight"),
        ("2026-05-26,A,1,XY\n", r"no weights of X; .*did you mean XY\?"),
        ("", "no weights of X; .*known are none"),
    ],
)
def test_unusable_weights_are_refused_with_their_reason(
    weights_file: Write, rows: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_weights(weights_file(HEAD + rows), "X")


def test_missing_columns_and_foreign_names_are_refused(weights_file: Write) -> None:
    with pytest.raises(InvalidInput, match="lacks the columns symbol, etf; found date, weight"):
        read_weights(weights_file("date,weight\n2026-05-26,1\n"), "X")
    with pytest.raises(InvalidInput, match=r"ends in neither \.csv"):
        read_weights(weights_file(HEAD, "weights.xlsx"), "X")
    with pytest.raises(InvalidInput, match="can not be read"):
        read_weights(weights_file(HEAD + "2026-05-26,A,1,X,9,9\n2026-05-26\n"), "X")


def test_broken_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.csv.gz"
    path.write_bytes(gzip.compress(HEAD.encode() * 50)[:-10])
    with pytest.raises(InvalidInput):
        read_weights(path, "X")
