"""Does Walk's window start the program only after 61 undoubted seconds without a cancel?"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.desk.window import (
    ENDED,
    AlertHandedOver,
    AlertLost,
    CancelReceived,
    EngineRestarted,
    Instant,
    Looked,
    Observation,
    PageLost,
    Window,
    WindowPolicy,
    WindowState,
    advance,
    announced,
    remaining,
)

POLICY = WindowPolicy()
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def at(seconds: float, *, wall_moved: float = 0.0) -> Instant:
    """The moment so many seconds after the plan was announced, with a moved wall clock."""
    return Instant(
        wall=NOON + timedelta(seconds=seconds + wall_moved), monotonic_ns=round(seconds * 1e9)
    )


def looks(first: float, last: float, step: float = 1.0) -> list[Observation]:
    count = int((last - first) / step + 1e-9)
    return [Looked(at=at(first + n * step)) for n in range(count + 1)]


def end(observations: list[Observation], policy: WindowPolicy = POLICY) -> Window:
    window = announced("abc", at(0))
    for one in observations:
        window = advance(window, one, policy)
    return window


HANDED = AlertHandedOver(at=at(2), channel="email")
OPENED: list[Observation] = [*looks(0.5, 1.5), HANDED]


@pytest.mark.parametrize(
    ("name", "observations", "state", "word"),
    [
        ("nothing received", [*OPENED, *looks(3, 63)], "elapsed", "nobody"),
        ("one second early", [*OPENED, *looks(3, 62)], "open", "email"),
        ("cancel at once", [*OPENED, CancelReceived(at=at(2), by="link")], "cancelled", "link"),
        (
            "cancel at 59.9 s",
            [*OPENED, *looks(3, 61), CancelReceived(at=at(61.9), by="page")],
            "cancelled",
            "page",
        ),
        (
            "cancel at the deadline",
            [*OPENED, *looks(3, 61), CancelReceived(at=at(62), by="page")],
            "cancelled",
            "page",
        ),
        (
            "cancel while draining",
            [*OPENED, *looks(3, 62), CancelReceived(at=at(62.9), by="page"), *looks(63, 64)],
            "cancelled",
            "page",
        ),
        (
            "cancel one moment late",
            [*OPENED, *looks(3, 63), CancelReceived(at=at(63.01), by="page")],
            "elapsed",
            "nobody",
        ),
        (
            "cancel before the hand-over",
            [CancelReceived(at=at(1), by="page"), HANDED, *looks(3, 70)],
            "cancelled",
            "page",
        ),
        ("alert refused", [AlertLost(at=at(2), reason="550 no")], "lapsed", "550"),
        ("alert never taken", looks(0, 121), "lapsed", "120 s"),
        ("alert taken late but in time", [*looks(0, 119)], "announced", ""),
        (
            "restart in the window",
            [*OPENED, *looks(3, 30), EngineRestarted(at=at(0))],
            "lapsed",
            "restarted",
        ),
        (
            "process suspended",
            [*OPENED, *looks(3, 20), *looks(40, 80)],
            "lapsed",
            "stood still for 20.0 s",
        ),
        (
            "suspended beyond the deadline",
            [*OPENED, *looks(3, 20), Looked(at=at(600))],
            "lapsed",
            "stood still",
        ),
        (
            "clock forward",
            [*OPENED, *looks(3, 20), Looked(at=at(21, wall_moved=45))],
            "lapsed",
            "+45.0 s",
        ),
        (
            "clock back",
            [*OPENED, *looks(3, 20), Looked(at=at(21, wall_moved=-30))],
            "lapsed",
            "-30.0 s",
        ),
        (
            "machine slept: wall on, monotonic not",
            [*OPENED, *looks(3, 20), Looked(at=at(20.5, wall_moved=3600))],
            "lapsed",
            "slept",
        ),
        (
            "cancel with a stepped clock is believed",
            [*OPENED, *looks(3, 20), CancelReceived(at=at(21, wall_moved=45), by="page")],
            "cancelled",
            "page",
        ),
        ("monotonic clock goes back", [*OPENED, *looks(3, 20), Looked(at=at(5))], "lapsed", "back"),
        ("page lost", [*OPENED, PageLost(at=at(9), reason="no answer")], "lapsed", "page"),
        (
            "a second hand-over does not begin the window anew",
            [*OPENED, *looks(3, 40), AlertHandedOver(at=at(40.5), channel="sms"), *looks(41, 63)],
            "elapsed",
            "nobody",
        ),
    ],
)
def test_each_story_ends_as_the_contract_says(
    name: str, observations: list[Observation], state: str, word: str
) -> None:
    window = end(observations)
    assert (window.state.value, word in window.reason) == (state, True), window.reason


def test_the_remaining_time_counts_from_the_hand_over() -> None:
    window = end(OPENED)
    assert remaining(window, at(2), POLICY) == timedelta(seconds=60)
    assert remaining(window, at(42), POLICY) == timedelta(seconds=20)
    assert remaining(window, at(90), POLICY) == timedelta(0)
    assert remaining(announced("abc", at(0)), at(1), POLICY) is None


_moves = st.lists(
    st.tuples(
        st.sampled_from(["look"] * 90 + ["hand"] * 6 + ["cancel", "lost", "page", "restart"]),
        st.floats(0, 5.05, allow_nan=False),
        st.floats(-1, 2.01, allow_nan=False),
    ),
    max_size=60,
)


@given(_moves)
def test_it_never_elapses_unless_sixty_one_undoubted_seconds_have_passed(
    moves: list[tuple[str, float, float]],
) -> None:
    """A checker that knows nothing of the machine: it looks at the story from the outside."""
    window, now, story = announced("abc", at(0)), 0.0, []
    for kind, pause, moved in moves:
        now += pause
        moment = at(now, wall_moved=moved if moved > 2 else 0.0)
        seen: Observation
        match kind:
            case "look":
                seen = Looked(at=moment)
            case "hand":
                seen = AlertHandedOver(at=moment, channel="email")
            case "cancel":
                seen = CancelReceived(at=moment, by="x")
            case "lost":
                seen = AlertLost(at=moment, reason="x")
            case "page":
                seen = PageLost(at=moment, reason="x")
            case _:
                seen = EngineRestarted(at=moment)
        before, window = window, advance(window, seen, POLICY)
        if before.state in ENDED:
            assert window == before
            continue
        story.append((kind, now, pause))
    if window.state is WindowState.ELAPSED:
        kinds = [kind for kind, _, _ in story]
        assert set(kinds) == {"look", "hand"}
        opened = next(now for kind, now, _ in story if kind == "hand")
        assert story[-1][1] - opened >= 61 - 1e-6
        assert all(pause <= 5 for _, _, pause in story)
