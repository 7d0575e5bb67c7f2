"""Which points are tried next? The whole grid, random draws, or draws around the best so far.

A search answers in rounds and from the finished rows of the rounds before alone, so that the same
seed proposes the same points whether or not the sweep was broken off between.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np

from dispersa.backtest.sweep.ledger import Row
from dispersa.backtest.sweep.space import Axis, Choice, Point, Range, Value, identity
from dispersa.errors import InvalidInput

POINTS_MAX = 1_000_000
DRAWS_PER_POINT_MAX = 50
"""After so many draws without a new point there is none left worth looking for."""


class Search(Protocol):
    """What chooses the points of a sweep."""

    @property
    def count(self) -> int:
        """How many points there will be at most."""

    def next_round(self, past: Sequence[Row]) -> tuple[Point, ...]:
        """Points to try after the finished rows of all rounds before; none at the end."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Every combination of the values of the axes."""

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        _require_axes(self.axes)
        for axis in self.axes:
            if isinstance(axis, Range):
                raise InvalidInput(
                    f"{axis.key} is a range without steps, and a grid needs values; write "
                    f"{axis.key}={axis.low:g}..{axis.high:g}:STEP, or choose a random search"
                )
        if self.count > POINTS_MAX:
            raise InvalidInput(
                f"the grid has {self.count} points; expected at most {POINTS_MAX}: use fewer "
                "values, or a random search"
            )

    @property
    def count(self) -> int:
        """Product of the numbers of values."""
        return math.prod(len(values) for values in self._values())

    def next_round(self, past: Sequence[Row]) -> tuple[Point, ...]:
        """All points at once; the last axis moves first."""
        if past:
            return ()
        keys = [axis.key for axis in self.axes]
        return tuple(dict(zip(keys, x, strict=True)) for x in product(*self._values()))

    def _values(self) -> list[tuple[Value, ...]]:
        return [axis.values for axis in self.axes if isinstance(axis, Choice)]


@dataclass(frozen=True, slots=True)
class RandomDraw:
    """`points` distinct random points, the same for the same seed."""

    axes: tuple[Axis, ...]
    points: int
    seed: int

    def __post_init__(self) -> None:
        _require_axes(self.axes)
        _require_points(self.points)

    @property
    def count(self) -> int:
        """As many as were asked for."""
        return self.points

    def next_round(self, past: Sequence[Row]) -> tuple[Point, ...]:
        """All points at once."""
        if past:
            return ()
        rng = np.random.default_rng(self.seed)
        return _distinct(lambda: _draw(self.axes, rng), self.points, set())


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Which column of the rows is to become large, or small."""

    column: str
    is_maximum: bool = True

    def order(self, row: Row) -> float:
        """A number that is small for good rows; infinite where there is none."""
        value = row.answer.get(self.column)
        if row.error is not None or not isinstance(value, int | float) or math.isnan(value):
            return math.inf
        return -value if self.is_maximum else value


@dataclass(frozen=True, slots=True)
class Refine:
    """Random at first, then each round nearer around the best quarter of all rows so far.

    The step is a quarter of an axis in the second round and shrinks by a third with each. Every
    round has `round_points` points, at least one of them drawn anywhere, so that no corner is
    given up for good.
    """

    axes: tuple[Axis, ...]
    points: int
    seed: int
    goal: Goal
    round_points: int = 16

    def __post_init__(self) -> None:
        _require_axes(self.axes)
        _require_points(self.points)

    @property
    def count(self) -> int:
        """As many as were asked for."""
        return self.points

    def next_round(self, past: Sequence[Row]) -> tuple[Point, ...]:
        """The next `round_points` points, or as many as are left."""
        _require_column(self.goal, past)
        left = min(self.points - len(past), self.round_points)
        known = {identity(row.point) for row in past}
        rng = np.random.default_rng([self.seed, len(past)])
        good = sorted((row for row in past if self.goal.order(row) < math.inf), key=self.goal.order)
        best = good[: max(1, len(good) // 4)]
        if not best:
            return _distinct(lambda: _draw(self.axes, rng), left, known)
        rounds = max(1, len(past) // self.round_points)
        share = 0.25 * (2 / 3) ** (rounds - 1)
        near = _distinct(lambda: self._near(best, share, rng), left - 1, known)
        known.update(map(identity, near))
        return near + _distinct(lambda: _draw(self.axes, rng), left - len(near), known)

    def _near(self, best: Sequence[Row], share: float, rng: np.random.Generator) -> Point:
        row = best[int(rng.integers(len(best)))]
        return {axis.key: axis.near(row.point[axis.key], share, rng) for axis in self.axes}


def _draw(axes: Sequence[Axis], rng: np.random.Generator) -> Point:
    return {axis.key: axis.draw(rng) for axis in axes}


def _distinct(draw: Callable[[], Point], count: int, known: set[str]) -> tuple[Point, ...]:
    """Draw until `count` points are new, or until new ones have become rare."""

    def new() -> Iterator[Point]:
        seen, misses = set(known), 0
        while len(seen) < len(known) + count and misses < DRAWS_PER_POINT_MAX * count:
            point = draw()
            if (name := identity(point)) in seen:
                misses += 1
                continue
            seen.add(name)
            yield point

    return tuple(new())


def _require_axes(axes: Sequence[Axis]) -> None:
    keys = [axis.key for axis in axes]
    if not keys:
        raise InvalidInput("there is nothing to vary; expected at least one KEY=VALUES")
    for at, key in enumerate(keys):
        if key in keys[:at]:
            raise InvalidInput(f"{key} is varied twice; expected each key once")


def _require_points(points: int) -> None:
    if not 1 <= points <= POINTS_MAX:
        raise InvalidInput(f"{points} points were asked for; expected 1 to {POINTS_MAX}")


def _require_column(goal: Goal, past: Sequence[Row]) -> None:
    """Refuse a goal that no finished row knows."""
    answers = [row.answer for row in past if row.error is None]
    if answers and not any(goal.column in answer for answer in answers):
        raise InvalidInput(
            f"no row has a column {goal.column!r} to search by; found {', '.join(answers[0])}"
        )
