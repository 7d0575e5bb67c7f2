"""Do axes read as they are written, and do searches propose the same points for the same seed?"""

import pytest

from dispersa.backtest.sweep import Goal, Grid, RandomDraw, Refine, parse_axis
from dispersa.backtest.sweep.ledger import Row
from dispersa.backtest.sweep.search import Search
from dispersa.backtest.sweep.space import Choice, Point, Range, identity
from dispersa.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("risk.vix_max=20,25,30", Choice(key="risk.vix_max", values=(20, 25, 30))),
        ("a.b=1,2.5", Choice(key="a.b", values=(1.0, 2.5))),
        ("fills=base,hard", Choice(key="fills", values=("base", "hard"))),
        ("is_on=true,false", Choice(key="is_on", values=(True, False))),
        ('names=["AAPL"],["MSFT","V"]', Choice(key="names", values=(("AAPL",), ("MSFT", "V")))),
        ("edge=0..0.3:0.1", Choice(key="edge", values=(0.0, 0.1, 0.2, 0.3))),
        ("dte=20..31:5", Choice(key="dte", values=(20, 25, 30))),
        ("dte=20..40", Range(key="dte", low=20, high=40, is_log=False, is_whole=True)),
        ("x=-1.5..2", Range(key="x", low=-1.5, high=2, is_log=False, is_whole=False)),
        ("x=1e3..1e5:log", Range(key="x", low=1e3, high=1e5, is_log=True, is_whole=False)),
    ],
)
def test_axis_is_read_as_it_is_written(text: str, axis: object) -> None:
    assert parse_axis(text) == axis


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("vix_max", "is no axis"),
        ("=1,2", "is no axis"),
        ("vix max=1", "is no axis"),
        ("x=", "is no axis"),
        ("x=5..1", "does not rise"),
        ("x=0..1:log", "begins above zero"),
        ("x=0..1:0", "a step above zero"),
        ("x=0..1:1e-9", "at most 100000 values"),
        ("x=a..b", "no range of numbers"),
        ("x=1,2,1", "twice"),
        ("x=2026-05-26", "is no value of a key"),
    ],
)
def test_axis_that_says_nothing_is_refused_in_words(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        parse_axis(text)


def axes(*texts: str) -> tuple[Choice | Range, ...]:
    return tuple(map(parse_axis, texts))


def test_grid_is_every_combination_once_with_the_last_axis_moving_first() -> None:
    grid = Grid(axes("a=1,2", "b=x,y"))
    assert grid.count == 4
    assert grid.next_round(()) == (
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    )


def test_grid_of_a_range_without_steps_or_of_a_key_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"write a=1..2:STEP"):
        Grid(axes("a=1..2"))
    with pytest.raises(InvalidInput, match="a is varied twice"):
        Grid(axes("a=1,2", "a=3"))
    with pytest.raises(InvalidInput, match="nothing to vary"):
        Grid(())


def test_random_points_are_distinct_inside_their_axes_and_the_same_for_a_seed() -> None:
    space = axes("a=20..40", "b=1e-3..1e3:log", "c=x,y,z")
    points = RandomDraw(space, 200, seed=7).next_round(())
    assert len({identity(point) for point in points}) == 200
    assert all(isinstance(p["a"], int) and 20 <= p["a"] <= 40 for p in points)
    logs = sum(isinstance(p["b"], float) and p["b"] < 1 for p in points)
    assert 70 < logs < 130  # half of them below the middle of six decades
    assert points == RandomDraw(space, 200, seed=7).next_round(())
    assert points != RandomDraw(space, 200, seed=8).next_round(())


def test_random_draw_ends_where_no_new_point_is_left() -> None:
    assert len(RandomDraw(axes("a=1,2", "b=1..3"), 50, seed=1).next_round(())) == 6


def bowl(point: Point) -> float:
    """Smallest, zero, at x of 3 and y of 0.1."""
    x, y = point["x"], point["y"]
    assert isinstance(x, float)
    assert isinstance(y, float)
    return (x - 3) ** 2 + (y - 0.1) ** 2


def tried(search: Search) -> list[Row]:
    past: list[Row] = []
    while points := search.next_round(past):
        past += [
            Row(
                point=point,
                answer={"depth": bowl(point)},
                error=None,
                seconds=0.0,
                worker="",
                workers_lost=0,
            )
            for point in points
        ]
    return past


def test_refining_search_comes_nearer_than_chance_and_is_the_same_for_a_seed() -> None:
    space = axes("x=-10.0..10", "y=-1.0..1")
    goal = Goal(column="depth", is_maximum=False)
    better = 0
    for seed in range(10):
        refined = tried(Refine(space, 96, seed, goal))
        chance = tried(RandomDraw(space, 96, seed))
        assert len(refined) == 96
        better += min(bowl(r.point) for r in refined) < min(bowl(r.point) for r in chance)
    assert better >= 8
    assert tried(Refine(space, 48, 3, goal)) == tried(Refine(space, 48, 3, goal))


def test_goal_that_no_row_has_is_refused_with_what_there_is() -> None:
    with pytest.raises(InvalidInput, match=r"no column 'sharpe'|'sharpe'.*found depth"):
        tried(Refine(axes("x=0.0..1", "y=0.0..1"), 40, 1, Goal(column="sharpe")))
