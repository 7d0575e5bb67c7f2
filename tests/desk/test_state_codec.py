"""Is the whole state serializable, and does it come back the same?"""

import random

import pytest

from dispersa.desk.codec import decode_state, state_text
from dispersa.errors import BrokenInvariant
from tests.desk.scene import Scene


def test_state_in_the_middle_of_a_program_comes_back_equal() -> None:
    scene = Scene()
    scene.open()
    rng = random.Random(4)
    for _ in range(40):
        scene.fill_everything(rng, ticks=1)
        saved = state_text(scene.state)
        assert decode_state(saved) == scene.state
        assert state_text(decode_state(saved)) == saved


def test_state_that_does_not_fit_is_refused_in_words() -> None:
    with pytest.raises(BrokenInvariant, match="saved desk state"):
        decode_state(b'{"stage": "lunch"}')
