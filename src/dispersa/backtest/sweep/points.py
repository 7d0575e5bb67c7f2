"""How does a point of the configuration become the settings of a backtest, and an answer?

A key is one of the product's own (`risk.vix_max`), or `backtest.` and one of the run itself
(`backtest.fills`).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, time
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from dispersa.backtest.market import Source
from dispersa.backtest.settings import BacktestSettings
from dispersa.backtest.sweep.ledger import Scalar
from dispersa.backtest.sweep.space import Axis, Choice, Point, Value
from dispersa.errors import InvalidConfig
from dispersa.runtime.config.settings import Settings

OWN = "backtest."
GIVEN = " (from --vary)"
"""What `LoadConfig` writes behind a given key that is unknown or has a value it never allows."""
LoadConfig = Callable[[Mapping[str, str]], Settings]
"""From given keys and their values as TOML to the whole configuration."""


@dataclass(frozen=True, slots=True)
class Backtests:
    """The task of a sweep: a run of the desk over one source; its answer is the run's summary."""

    source: Source

    def __call__(self, settings: BacktestSettings) -> Mapping[str, Scalar]:
        """Run and sum up."""
        from dispersa.backtest import run

        return run(settings, self.source).summary


@dataclass(frozen=True, slots=True)
class Settle:
    """Makes settings of points: `base` with a point's keys in the place of its own."""

    base: BacktestSettings
    load: LoadConfig

    def __call__(self, point: Point) -> BacktestSettings:
        """Settings of a point.

        Raises
        ------
        InvalidConfig
            A key is unknown (the nearest is offered), a value is not allowed, or keys contradict
            each other: in the sentences of `dispersa config check`.
        """
        ours = {k.removeprefix(OWN): v for k, v in point.items() if k.startswith(OWN)}
        given = {k: _toml(v) for k, v in point.items() if not k.startswith(OWN)}
        config = self.load(given) if given else self.base.config
        own = {name: self._own(name, value) for name, value in ours.items()}
        return replace(self.base, config=config, **own)

    def require_allowed(self, axis: Axis) -> None:
        """Refuse an axis over an unknown key, and values that the key never allows.

        What is only wrong together with other keys is left to the points.
        """
        values = axis.values if isinstance(axis, Choice) else (axis.lowest, axis.highest)
        for value in values:
            try:
                self({axis.key: value})
            except InvalidConfig as refusal:
                if axis.key.startswith(OWN) or GIVEN in str(refusal):
                    raise

    def _own(self, name: str, value: Value) -> Any:
        """A value of the run's own settings, in the type of the one it replaces."""
        known = [field.name for field in fields(self.base) if field.name != "config"]
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.6)
            offered = f"did you mean {OWN}{near[0]}?" if near else f"known: {', '.join(known)}"
            raise InvalidConfig(f"{OWN}{name} is unknown; {offered}")
        return _typed(name, getattr(self.base, name), value)


def _typed(name: str, before: object, value: Value) -> Any:
    """`value` as what `before` is, or a refusal that says what was expected."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match before:
        case bool() if isinstance(value, bool):
            return value
        case StrEnum() if isinstance(value, str) and value in list(type(before)):
            return type(before)(value)
        case str() if isinstance(value, str) and not isinstance(before, StrEnum):
            return value
        case Decimal() if is_number:
            return Decimal(str(value))
        case float() if is_number and isinstance(value, int | float):
            return float(value)
        case int() if isinstance(value, int) and is_number and not isinstance(before, bool):
            return value
        case date() | None if isinstance(value, str):
            return _date(name, value)
        case _:
            raise InvalidConfig(f"{OWN}{name} is {value!r}; expected a value such as {before!r}")


def _date(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidConfig(f"{OWN}{name} is {text!r}; expected a date, as '2026-05-26'") from None


def _toml(value: Value) -> str:
    """A value as TOML writes it."""
    match value:
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case time():
            return value.isoformat()
        case _:
            return json.dumps(value)
