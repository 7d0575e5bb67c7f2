"""Is event variance taken apart from the diffusive one?"""

import pytest

from dispersa.correlation.events import event_between, without_event
from dispersa.errors import MarketDataMissing


def test_event_move_matches_the_worked_answer() -> None:
    # Answer file, block K: 40 % over 30 days with a base of 28 % hides a move of 8.19 %.
    event = event_between((0.28, 15), (0.40, 30))
    assert event.event_move == pytest.approx(0.0818953558821774, rel=1e-12)
    assert event.expected_absolute_move == pytest.approx(0.0653430400598455, rel=1e-12)


def test_taking_the_event_out_again_gives_the_base_vol() -> None:
    event = event_between((0.28, 15), (0.40, 30))
    assert without_event(0.40, 30, event.event_move) == pytest.approx(0.28)


@pytest.mark.parametrize(
    ("near", "far", "said"),
    [
        ((0.4, 15), (0.3, 30), "no event variance"),
        ((0.3, 30), (0.4, 15), "before the event first"),
        ((float("nan"), 15), (0.4, 30), "above zero"),
    ],
)
def test_quotes_without_an_event_are_refused(
    near: tuple[float, float], far: tuple[float, float], said: str
) -> None:
    with pytest.raises(MarketDataMissing, match=said):
        event_between(near, far)


def test_event_larger_than_the_vol_is_refused() -> None:
    with pytest.raises(MarketDataMissing, match="more than a vol"):
        without_event(0.2, 30, 0.2)
