"""Run one part of `make soak`: `python -m tests.soak execution | simulation`.

`execution --programs 100` measures execution on the gateway and prints the table: virtual time
with connections in memory, or real TCP with `--tcp SPEED`. Each program is one line of JSON in
`--out`, from which a run that was cut short goes on. `simulation` runs seeds under faults.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.soak import simulation
from tests.soak.markets import MARKETS
from tests.soak.session import Cell, Measured, measure
from tests.soak.table import table

FILLS = ("generous", "base", "hard")
DUPLICATE_SECONDS_MAX = 30.0
"""Market time within which a second live order that the venue made is to be cancelled."""


def main() -> int:
    """Run the part that is named first, execution where none is; return 1 where it fails."""
    part, rest = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if part == "simulation":
        return simulation.main(rest)
    return _execution(rest if part == "execution" else sys.argv[1:])


def _execution(arguments: list[str]) -> int:
    """Return 1 where a book is not exact, an order is left alive or twice, the corridor left."""
    asked = _arguments(arguments)
    out = Path(asked.out)
    rows = _read(out)
    done = {row.cell for row in rows}
    cells = [
        Cell(
            market=market,
            fills=fills,
            seed=seed,
            names=asked.names,
            cash=asked.cash,
            speed=asked.tcp,
        )
        for seed in range(1, asked.programs + 1)
        for market in asked.markets.split(",")
        for fills in asked.fills.split(",")
    ]
    with out.open("a", encoding="utf-8") as file:
        for cell in cells:
            if cell in done:
                continue
            row = measure(cell)
            rows.append(row)
            file.write(json.dumps(asdict(row)) + "\n")
            file.flush()
            sys.stderr.write(f"{cell.market} {cell.fills} {cell.seed}: {row.state}\n")
    sys.stdout.write(table(rows))
    return int(any(_is_wrong(row) for row in rows))


def _is_wrong(row: Measured) -> bool:
    is_twice = row.duplicate_seconds_max > DUPLICATE_SECONDS_MAX
    was_left = row.imbalance_share > 1 + 1e-9 and row.cell.market != "duplicate"
    return bool(row.orphans or not row.are_positions_exact or was_left or is_twice)


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak execution", description=__doc__)
    parser.add_argument("--programs", type=int, default=100, help="programs in each cell")
    parser.add_argument("--names", type=int, default=2, help="names beside the index")
    parser.add_argument("--cash", type=int, default=5_000_000, help="account in USD")
    parser.add_argument("--markets", default=",".join(MARKETS))
    parser.add_argument("--fills", default=",".join(FILLS))
    parser.add_argument("--tcp", type=float, default=None, metavar="SPEED")
    parser.add_argument("--out", default="soak.jsonl")
    return parser.parse_args(arguments)


def _read(path: Path) -> list[Measured]:
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Measured(
            **row
            | {"cell": Cell(**row["cell"]), "half_spread_shares": tuple(row["half_spread_shares"])}
        )
        for row in rows
    ]


if __name__ == "__main__":
    sys.exit(main())
