"""Which column of a foreign chain file means what?

A layout maps the store's columns to a file's. Files have one row per option (long: a column says
call or put) or one per strike (side by side: the names carry both). Presets cover the layouts in
use; a mapping file in TOML makes one for any other table:

    [columns]                # store = file; long: option columns without prefix
    date = "quote_date"
    symbol = "root"
    expiry = "expiration"
    strike = "strike"
    right = "cp"
    spot = "underlying_last" # optional, as are bid, ask, iv, delta, volume, open_interest
    iv = "imp_vol"

    [units]                  # optional
    strike = 1               # multiply the file's strike by this
    iv = 0.01                # percent to decimal
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dispersa.errors import InvalidInput
from dispersa.history.tables import did_you_mean, require_file

KEYS = ("date", "symbol", "expiry", "strike")
OPTION_COLUMNS = ("bid", "ask", "iv", "delta", "volume", "open_interest")
UNITS = ("strike", "iv")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLayout:
    """How one kind of file writes an option chain.

    Attributes
    ----------
    columns
        Store column to file column. Long layouts have `right` and option columns without prefix;
        side-by-side ones have no `right` and prefixed option columns, `call_iv` and `put_iv`.
    strike_unit, iv_unit
        What to multiply the file's strikes and implied vols by.
    iv_needs_quote
        Whether an implied vol counts only where bid and ask are above zero.
    """

    name: str
    columns: Mapping[str, str]
    strike_unit: float = 1.0
    iv_unit: float = 1.0
    iv_needs_quote: bool = False
    optional: frozenset[str] = field(default=frozenset())

    @property
    def is_long(self) -> bool:
        """Whether there is one row per option."""
        return "right" in self.columns

    def required(self) -> list[str]:
        """File columns without which it is not this layout."""
        return [theirs for ours, theirs in self.columns.items() if ours not in self.optional]

    def fits(self, found: Sequence[str]) -> bool:
        """Whether a file has every required column."""
        return set(self.required()) <= set(found)


US_CHAINS = ChainLayout(
    name="us_chains",
    columns={
        "date": "date",
        "symbol": "symbol",
        "expiry": "expiry",
        "strike": "strike",
        "spot": "spot",
        "call_iv": "c_iv",
        "put_iv": "p_iv",
        "call_delta": "c_delta",
        "put_delta": "p_delta",
        "call_volume": "c_vol",
        "put_volume": "p_vol",
        "call_open_interest": "c_oi",
        "put_open_interest": "p_oi",
    },
    iv_unit=0.01,
    optional=frozenset({"call_volume", "put_volume", "call_open_interest", "put_open_interest"}),
)

YAHOO = ChainLayout(
    name="yahoo",
    columns={
        "date": "date",
        "symbol": "symbol",
        "expiry": "expiration",
        "strike": "strike",
        "right": "type",
        "spot": "spot_price",
        "bid": "bid",
        "ask": "ask",
        "iv": "impliedVolatility",
        "volume": "volume",
        "open_interest": "openInterest",
    },
    iv_needs_quote=True,
)

YAHOO_SNAPSHOT = ChainLayout(
    name="yahoo_snapshot",
    columns={
        **YAHOO.columns,
        "date": "snap_date",
        "expiry": "expirationDate",
        "right": "optionType",
        "spot": "underlyingPrice",
    },
    iv_needs_quote=True,
)

DOLTHUB = ChainLayout(
    name="dolthub",
    columns={
        "date": "date",
        "symbol": "act_symbol",
        "expiry": "expiration",
        "strike": "strike",
        "right": "call_put",
        "bid": "bid",
        "ask": "ask",
        "iv": "vol",
        "delta": "delta",
    },
)

OPTION_METRICS = ChainLayout(
    name="optionmetrics",
    columns={
        "date": "date",
        "symbol": "ticker",
        "expiry": "exdate",
        "strike": "strike_price",
        "right": "cp_flag",
        "bid": "best_bid",
        "ask": "best_offer",
        "iv": "impl_volatility",
        "delta": "delta",
        "volume": "volume",
        "open_interest": "open_interest",
    },
    strike_unit=0.001,
)

LAYOUTS = (US_CHAINS, YAHOO, YAHOO_SNAPSHOT, DOLTHUB, OPTION_METRICS)


def recognize(found: Sequence[str], path: Path) -> ChainLayout:
    """Find the preset that fits a file's columns, or refuse and list what is known."""
    for layout in LAYOUTS:
        if layout.fits(found):
            return layout
    nearest = min(LAYOUTS, key=lambda layout: len(set(layout.required()) - set(found)))
    missing = [name for name in nearest.required() if name not in found]
    raise InvalidInput(
        f"chain file {path} has a layout that is not known; found {', '.join(found)}; nearest is "
        f"{nearest.name}, which also needs {', '.join(missing)}; give a mapping file"
    )


def read_mapping(path: Path) -> ChainLayout:
    """Read a layout from a mapping file.

    Raises
    ------
    InvalidInput
        Not TOML, an unknown or missing store column, or a unit that is no number above zero.
    """
    require_file(path, "mapping file")
    try:
        tables = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"mapping file {path} is not TOML ({error}); mend it") from error
    columns = _texts(tables.get("columns", {}), path)
    units = tables.get("units", {})
    for unit in UNITS:
        value = units.get(unit, 1)
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise InvalidInput(
                f"mapping file {path}: units.{unit} is {value!r}; expected a number above zero"
            )
    return ChainLayout(
        name=path.stem,
        columns=columns,
        strike_unit=float(units.get("strike", 1)),
        iv_unit=float(units.get("iv", 1)),
    )


def _texts(columns: object, path: Path) -> dict[str, str]:
    """Check the mapping of columns."""
    if not isinstance(columns, dict) or not all(isinstance(v, str) for v in columns.values()):
        raise InvalidInput(
            f'mapping file {path}: expected a table [columns] of texts, as strike = "K"'
        )
    prefix = ("",) if "right" in columns else ("call_", "put_")
    known = {*KEYS, "right", "spot", *(p + name for p in prefix for name in OPTION_COLUMNS)}
    for name in columns:
        if name not in known:
            raise InvalidInput(
                f"mapping file {path}: {name} is no column of the store; "
                f"{did_you_mean(name, known)}"
            )
    missing = [name for name in KEYS if name not in columns]
    if missing:
        raise InvalidInput(
            f"mapping file {path} lacks {', '.join(missing)}; every layout needs {', '.join(KEYS)}"
        )
    return {str(ours): str(theirs) for ours, theirs in columns.items()}
