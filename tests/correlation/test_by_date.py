"""Is the basket of each date chosen as the trade's contract says?"""

from datetime import date

import numpy as np
import pytest

from dispersa.correlation.by_date import BasketChoice, DayCorrelation, implied_by_date
from dispersa.correlation.implied import CorrelationFlag, read_correlation
from dispersa.correlation.share_classes import ShareClasses, merged
from dispersa.correlation.tenor import VolPanel
from dispersa.market import Basket, Symbol, Weight

DAY = date(2026, 5, 26)
NAN = float("nan")


def basket(as_of: date = DAY, **weights: float) -> Basket:
    return Basket(
        index=Symbol("I"),
        as_of=as_of,
        weights=tuple(Weight(symbol=Symbol(s), weight=w) for s, w in weights.items()),
    )


def one_day(vols: dict[str, float], weights: Basket | None, choice: BasketChoice) -> DayCorrelation:
    panel = VolPanel(
        dates=(DAY,),
        symbols=tuple(Symbol(symbol) for symbol in vols),
        tenor_days=30,
        vols=np.array([list(vols.values())]),
        spots=np.full((1, len(vols)), 100.0),
    )
    return implied_by_date(panel, lambda _: weights, Symbol("I"), choice)[0]


FOUR = basket(A=0.4, B=0.3, C=0.2, D=0.1)


def test_top_names_are_renormalized_and_coverage_is_their_weight() -> None:
    day = one_day({"I": 0.2, "A": 0.3, "B": 0.25, "C": 0.4, "D": 0.5}, FOUR, BasketChoice(top=3))
    assert day.implied is not None
    want = read_correlation([4 / 9, 3 / 9, 2 / 9], [0.3, 0.25, 0.4], 0.2)
    assert day.implied.clean == pytest.approx(want.clean)
    assert day.coverage == pytest.approx(0.9)
    assert day.flags == ()


def test_name_without_vol_is_replaced_by_the_next_largest() -> None:
    day = one_day({"I": 0.2, "A": 0.3, "B": NAN, "C": 0.4, "D": 0.5}, FOUR, BasketChoice(top=2))
    assert [name.symbol for name in day.names] == ["A", "C"]
    assert day.replaced == ("B",)
    assert day.coverage == pytest.approx(0.6)


def test_fewer_names_than_asked_for_are_flagged() -> None:
    day = one_day({"I": 0.2, "A": 0.3, "D": 0.5}, FOUR, BasketChoice(top=3))
    assert len(day.names) == 2
    assert CorrelationFlag.FEWER_NAMES in day.flags
    assert day.replaced == ("B", "C")


@pytest.mark.parametrize(
    ("vols", "weights", "flag"),
    [
        ({"I": NAN, "A": 0.3, "B": 0.3}, FOUR, CorrelationFlag.INDEX_VOL_MISSING),
        ({"A": 0.3, "B": 0.3}, FOUR, CorrelationFlag.INDEX_VOL_MISSING),
        ({"I": 0.2, "A": 0.3}, FOUR, CorrelationFlag.FEWER_NAMES),
        ({"I": 0.2, "A": 0.3, "B": 0.3}, None, CorrelationFlag.WEIGHTS_MISSING),
    ],
)
def test_date_that_can_not_be_computed_has_no_value_and_a_flag(
    vols: dict[str, float], weights: Basket | None, flag: CorrelationFlag
) -> None:
    day = one_day(vols, weights, BasketChoice(top=2))
    assert day.implied is None
    assert flag in day.flags


def test_small_coverage_and_old_weights_are_flagged() -> None:
    old = basket(date(2026, 5, 18), A=0.2, B=0.2, C=0.6)
    day = one_day({"I": 0.2, "A": 0.3, "B": 0.3}, old, BasketChoice(top=2))
    assert set(day.flags) >= {CorrelationFlag.LOW_COVERAGE, CorrelationFlag.WEIGHTS_OLD}


def test_merged_classes_add_up_in_the_traded_line() -> None:
    both = basket(GOOG=0.25, GOOGL=0.2, A=0.35, B=0.2)
    day = one_day(
        {"I": 0.2, "GOOG": 0.30, "GOOGL": 0.31, "A": 0.3, "B": 0.4},
        both,
        BasketChoice(top=2, share_classes=ShareClasses.MERGED),
    )
    assert [(name.symbol, name.implied_vol) for name in day.names] == [("GOOGL", 0.31), ("A", 0.3)]
    assert day.names[0].weight == pytest.approx(0.45)


def test_merged_classes_fall_back_on_the_line_that_has_a_vol() -> None:
    both = basket(GOOG=0.25, GOOGL=0.2, A=0.55)
    for has_vol, line in ((("GOOG",), "GOOG"), (("GOOG", "GOOGL"), "GOOGL"), ((), "GOOGL")):
        result = merged(both, frozenset(Symbol(symbol) for symbol in has_vol))
        assert {row.symbol: row.weight for row in result.weights} == pytest.approx(
            {"A": 0.55, line: 0.45}
        )


def test_separate_classes_stay_two_names() -> None:
    both = basket(GOOG=0.25, GOOGL=0.2, A=0.55)
    day = one_day({"I": 0.2, "GOOG": 0.3, "GOOGL": 0.31, "A": 0.3}, both, BasketChoice(top=3))
    assert [name.symbol for name in day.names] == ["A", "GOOG", "GOOGL"]
