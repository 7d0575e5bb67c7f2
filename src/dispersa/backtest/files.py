"""Where does a run lie, and can it be repeated bit for bit? Parquet tables and a manifest.

The manifest holds the settings, the origin with a digest of every file, the build, and a digest of
every table. Repeating reads it, refuses data that has changed, runs, and compares the digests.
"""

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispersa.backtest.result import BacktestResult
from dispersa.backtest.settings import BacktestSettings, Entry
from dispersa.backtest.sources import ChainFiles, Invented, Origin, VolFiles, files_of
from dispersa.backtest.worlds import WorldSettings
from dispersa.correlation.research import AssumedSpreads
from dispersa.errors import InvalidInput
from dispersa.runtime.build import build_id
from dispersa.runtime.config.settings import Settings

if TYPE_CHECKING:
    import polars as pl

MANIFEST = "manifest.json"
VERSION = 1
SECTIONS = frozenset(
    {
        "profile",
        "universe",
        "basket",
        "signal",
        "planning",
        "sizing",
        "stress",
        "risk",
        "halts",
        "execution",
        "exits",
        "hedging",
        "expiry",
    }
)
"""Sections that a run reads; the others hold addresses and secrets and stay out of a manifest."""
ORIGINS: Mapping[str, type[VolFiles] | type[ChainFiles] | type[Invented]] = {
    "vols": VolFiles,
    "chains": ChainFiles,
    "invented": Invented,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a run was made from and what came of it."""

    settings: BacktestSettings
    origin: Origin
    build: str
    data: Mapping[str, str]
    tables: Mapping[str, str]


def tables_of(result: BacktestResult) -> "Mapping[str, pl.DataFrame]":
    """Daily rows, trades and fills as tables."""
    import polars as pl

    daily = []
    for row in result.daily:
        plain = asdict(row)
        parts = plain.pop("attribution")
        daily.append({**plain, **{f"pnl_{cause}": value for cause, value in parts.items()}})
    return {
        "daily": pl.DataFrame(daily, infer_schema_length=None),
        "trades": pl.DataFrame([asdict(row) for row in result.trades], infer_schema_length=None),
        "fills": pl.DataFrame([asdict(row) for row in result.fills], infer_schema_length=None),
    }


def digests_of(result: BacktestResult) -> dict[str, str]:
    """SHA-256 of every table as it is written."""
    return {
        name: hashlib.sha256(_bytes(table)).hexdigest() for name, table in tables_of(result).items()
    }


def _bytes(table: "pl.DataFrame") -> bytes:
    out = BytesIO()
    table.write_parquet(out, compression="zstd")
    return out.getvalue()


def write_run(
    folder: Path, result: BacktestResult, origin: Origin, pages: Mapping[str, str]
) -> Path:
    """Write tables, pages and, last, the manifest; return the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables_of(result).items():
        (folder / f"{name}.parquet").write_bytes(_bytes(table))
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    document = {
        "version": VERSION,
        "build": build_id(),
        "python": platform.python_version(),
        "source": result.source,
        "model_marked": result.is_model_marked,
        "origin": _origin_document(origin),
        "data": {name: _digest(path) for name, path in files_of(origin).items()},
        "settings": settings_document(result.settings),
        "tables": digests_of(result),
        "summary": dict(result.summary),
    }
    path = folder / MANIFEST
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return path


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises
    ------
    InvalidInput
        It is none, or of another version.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = document["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is no manifest of a backtest: {error}") from error
    if found != VERSION:
        raise InvalidInput(f"{path} is a manifest of version {found}; this build reads {VERSION}")
    return Manifest(
        settings=settings_of(document["settings"]),
        origin=_origin_of(document["origin"]),
        build=document["build"],
        data=document["data"],
        tables=document["tables"],
    )


def changed_data(manifest: Manifest) -> tuple[str, ...]:
    """Name the files whose content is not what the run was made from."""
    found = []
    for name, path in files_of(manifest.origin).items():
        if not path.is_file():
            found.append(f"{path} ({name}) is missing")
        elif _digest(path) != manifest.data.get(name):
            found.append(f"{path} ({name}) has changed")
    return tuple(found)


def differences(manifest: Manifest, result: BacktestResult) -> tuple[str, ...]:
    """Name the tables that did not come out the same to the last bit."""
    own = digests_of(result)
    return tuple(name for name, digest in manifest.tables.items() if own.get(name) != digest)


def settings_document(settings: BacktestSettings) -> dict[str, Any]:
    """Write settings with plain values."""
    own = {
        spec.name: _plain(getattr(settings, spec.name))
        for spec in fields(settings)
        if spec.name != "config"
    }
    config = settings.config.model_dump(include=set(SECTIONS))
    return {**own, "config": _tagged(config)}


def settings_of(document: Mapping[str, Any]) -> BacktestSettings:
    """Read what `settings_document` has written."""
    plain = dict(document)
    days = {
        name: None if plain[name] is None else date.fromisoformat(plain[name])
        for name in ("start", "end")
    }
    return BacktestSettings(
        **{
            **plain,
            **days,
            "config": Settings.model_validate(_untagged(plain["config"])),
            "capital_usd": Decimal(plain["capital_usd"]),
            "entry": Entry(plain["entry"]),
        }
    )


TAGS: Mapping[str, Callable[[str], object]] = {
    "decimal": Decimal,
    "time": time.fromisoformat,
    "path": Path,
}
"""Kinds of value that JSON has no word for; the configuration takes no text in their place."""


def _tagged(value: object) -> Any:
    match value:
        case Mapping():
            return {str(key): _tagged(each) for key, each in value.items()}
        case Decimal():
            return {"decimal": str(value)}
        case time():
            return {"time": value.isoformat()}
        case Path():
            return {"path": str(value)}
        case list() | tuple():
            return [_tagged(each) for each in value]
        case _:
            return value


def _untagged(value: object) -> Any:
    match value:
        case dict() if len(value) == 1 and (tag := next(iter(value))) in TAGS:
            return TAGS[tag](value[tag])
        case dict():
            return {key: _untagged(each) for key, each in value.items()}
        case list():
            return tuple(_untagged(each) for each in value)
        case _:
            return value


def _origin_document(origin: Origin) -> dict[str, Any]:
    kind = next(name for name, each in ORIGINS.items() if isinstance(origin, each))
    return {"kind": kind, **_plain(origin)}


def _origin_of(document: Mapping[str, Any]) -> Origin:
    plain = {key: value for key, value in document.items() if key != "kind"}
    match document["kind"]:
        case "invented":
            return Invented(world=_world(plain["world"]))
        case "chains":
            vix = plain["vix"]
            return ChainFiles(
                chains=Path(plain["chains"]),
                weights=Path(plain["weights"]),
                index=plain["index"],
                vix=None if vix is None else Path(vix),
                names=plain["names"],
            )
        case _:
            return VolFiles(
                vols=Path(plain["vols"]),
                closes=Path(plain["closes"]),
                index_vols=Path(plain["index_vols"]),
                index_closes=Path(plain["index_closes"]),
                name_tenor_days=plain["name_tenor_days"],
                spreads=AssumedSpreads(**plain["spreads"]),
            )


def _world(plain: Mapping[str, Any]) -> WorldSettings:
    typed = {"spreads": AssumedSpreads(**plain["spreads"])}
    return WorldSettings(**{**plain, **typed, "first": date.fromisoformat(plain["first"])})


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {spec.name: _plain(getattr(value, spec.name)) for spec in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value.resolve())
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
