"""Which options do commands share?"""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Configuration file; default: DISPERSA_CONFIG, ./dispersa.toml, "
        "~/.config/dispersa/dispersa.toml, else built-in values.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of a table.")
]
