"""Which contracts exist, learned once a day and kept on disk?

Option lists, option contracts and price grids do not change during a day, and asking for them is
what makes a cold start slow. Underlyings are asked anew on every connection (they carry today's
trading hours), and what is kept under an underlying counts only while its contract id is the same:
a cache that was written against another gateway is thereby not believed.
"""

import json
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from dispersa.broker.protocol import OptionListing
from dispersa.market import (
    ConId,
    ExerciseStyle,
    OptionContract,
    PriceIncrements,
    Right,
    Settlement,
    Symbol,
)

FORMAT = 1


@dataclass(slots=True)
class Definitions:
    """What has been learned today, in memory and, with a `path`, on disk."""

    path: Path | None = None
    listings: dict[ConId, tuple[OptionListing, ...]] = field(default_factory=dict)
    options: dict[tuple[ConId, date, Decimal], tuple[OptionContract, ...]] = field(
        default_factory=dict
    )
    rule_of: dict[ConId, int] = field(default_factory=dict)
    rules: dict[int, PriceIncrements] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path | None, *, name: str, day: date) -> "Definitions":
        """Read today's file of one gateway; none, an old or a broken one gives an empty book."""
        if folder is None:
            return cls()
        path = folder / f"contracts-{name}-{day:%Y%m%d}.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return _from_json(path, content)
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path=path)

    def save(self) -> None:
        """Write the file in one step; a reader sees the old one or the new one."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=self.path.parent, suffix=".part", delete=False
        ) as part:
            json.dump(_to_json(self), part, default=str)
        Path(part.name).replace(self.path)


def _to_json(book: Definitions) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "listings": [
            {"con_id": con_id, "rows": [asdict(row) for row in rows]}
            for con_id, rows in book.listings.items()
        ],
        "options": [
            {
                "con_id": con_id,
                "expiry": expiry,
                "strike": strike,
                "rows": [asdict(row) for row in rows],
            }
            for (con_id, expiry, strike), rows in book.options.items()
        ],
        "rule_of": list(book.rule_of.items()),
        "rules": [{"rule": rule, "steps": grid.steps} for rule, grid in book.rules.items()],
    }


def _from_json(path: Path, content: dict[str, Any]) -> Definitions:
    if content["format"] != FORMAT:
        return Definitions(path=path)
    return Definitions(
        path=path,
        listings={
            ConId(entry["con_id"]): tuple(_listing(row) for row in entry["rows"])
            for entry in content["listings"]
        },
        options={
            (
                ConId(entry["con_id"]),
                date.fromisoformat(entry["expiry"]),
                Decimal(entry["strike"]),
            ): tuple(_option(row) for row in entry["rows"])
            for entry in content["options"]
        },
        rule_of={ConId(con_id): int(rule) for con_id, rule in content["rule_of"]},
        rules={
            int(entry["rule"]): PriceIncrements(
                steps=tuple((Decimal(edge), Decimal(step)) for edge, step in entry["steps"])
            )
            for entry in content["rules"]
        },
    )


def _listing(row: dict[str, Any]) -> OptionListing:
    return OptionListing(
        symbol=Symbol(row["symbol"]),
        trading_class=row["trading_class"],
        multiplier=row["multiplier"],
        expiries=tuple(date.fromisoformat(text) for text in row["expiries"]),
        strikes=tuple(Decimal(text) for text in row["strikes"]),
    )


def _option(row: dict[str, Any]) -> OptionContract:
    return OptionContract(
        con_id=ConId(row["con_id"]),
        symbol=Symbol(row["symbol"]),
        expiry=date.fromisoformat(row["expiry"]),
        strike=Decimal(row["strike"]),
        right=Right(row["right"]),
        multiplier=row["multiplier"],
        trading_class=row["trading_class"],
        currency=row["currency"],
        style=ExerciseStyle(row["style"]),
        settlement=Settlement(row["settlement"]),
    )
