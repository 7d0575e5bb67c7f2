"""`dispersa gateway`: the simulated IB Gateway as a server."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer

from dispersa.cli.registration import command
from dispersa.errors import InvalidInput

if TYPE_CHECKING:
    from dispersa.gateway.settings import Rules


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(
        app,
        "gateway",
        "dispersa gateway",
        "dispersa gateway --port 0 --speed 60 --seed 7",
        "dispersa gateway --market chains.parquet --weights weights.csv.gz --names 10",
        "dispersa gateway --rules hard.toml --faults storm.toml --inspect-port 4102",
        "dispersa gateway --start 2026-11-20T10:00:00-05:00 --record session.tape",
    )(gateway)


def gateway(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = 4002,
    seed: Annotated[int, typer.Option(help="Seed of every random draw.")] = 1,
    speed: Annotated[
        float, typer.Option(help="Market time runs this many times as fast as the wall clock.")
    ] = 1.0,
    market: Annotated[
        Path | None,
        typer.Option(metavar="PARQUET", help="Chains file; default: built-in synthetic market."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Index weights for --market.")
    ] = None,
    date: Annotated[
        str | None, typer.Option(metavar="DATE", help="Date of --market; default: its last.")
    ] = None,
    names: Annotated[
        int | None, typer.Option(help="Number of components; default: all of the market.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Market time to begin at, ISO 8601 with zone; default: 10:00 New York time of "
            "the current or latest trading day.",
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML with switches of IBKR's behavior."),
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML script of faults: when, what, for whom."),
    ] = None,
    fault_seed: Annotated[
        int | None,
        typer.Option(metavar="SEED", help="Draw about twelve faults an hour from this seed."),
    ] = None,
    inspect_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            help="Tell tests the truth (orders, positions, true volatilities and correlation) as "
            "JSON over HTTP on this port of 127.0.0.1; 0 picks a free one. Default: nowhere.",
        ),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep every frame in this file.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Play a recorded file instead of a market.")
    ] = None,
    account: Annotated[str, typer.Option(help="Account number.")] = "DU1234567",
    cash: Annotated[str, typer.Option(metavar="USD", help="Cash at the start.")] = "50000000",
    max_server_version: Annotated[int, typer.Option(help="Highest server version to speak.")] = 178,
) -> None:
    """Run the simulated IB Gateway, to which any TWS API client connects.

    Prints `listening on HOST:PORT` on stdout when ready and stops cleanly on SIGTERM or Ctrl-C.
    """
    from dispersa.gateway.command import run
    from dispersa.gateway.settings import GatewaySettings, Rules
    from dispersa.runtime.loop import new_loop

    switches, venue_switches = (Rules(), {}) if rules is None else _rules(rules)
    settings = GatewaySettings(
        host=host,
        port=port,
        seed=seed,
        speed=speed,
        start=None if start is None else _time(start),
        account=account,
        cash=_cash(cash),
        max_server_version=max_server_version,
        market=market,
        market_date=None if date is None else _time(date).date(),
        weights=weights,
        names=names,
        rules=switches,
        venue_rules=venue_switches,
        faults=faults,
        fault_seed=fault_seed,
        inspect_port=inspect_port,
    )
    run(settings, new_loop, record=record, replay=replay)


def _rules(file: Path) -> "tuple[Rules, Mapping[str, str]]":
    """Read switches from TOML: `name = value` is a field of `Rules`, [venue] the venue's own.

    "none" takes a limit away. The venue judges its own switches when it is built.
    """
    from dispersa.gateway.settings import Rules

    try:
        found = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"the rules {file} can not be read: {error}") from error
    venue = found.pop("venue", {})
    if not isinstance(venue, dict) or not all(isinstance(value, str) for value in venue.values()):
        raise InvalidInput(f"{file}: [venue] is {venue!r}; expected a table of texts")
    values = {name: _rule(file, name, value) for name, value in found.items()}
    return Rules(**values), venue


def _rule(file: Path, name: str, value: object) -> Any:
    """Check one switch against the field of `Rules` that has its name."""
    from dispersa.gateway.settings import Rules

    types = get_type_hints(Rules)
    if name not in types:
        near = get_close_matches(name, types, n=1) or sorted(types)
        raise InvalidInput(f"{file} has the unknown rule {name!r}; did you mean {near[0]!r}?")
    allowed = get_args(types[name]) or (types[name],)
    if value == "none" and NoneType in allowed:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    is_right = isinstance(value, bool) if bool in allowed else is_number
    if not is_right or (isinstance(value, float) and float not in allowed):
        words = {bool: "true or false", int: "a whole number from 0", float: "a number from 0"}
        expected = [words[kind] for kind in allowed if kind in words]
        expected += ['"none"'] if NoneType in allowed else []
        raise InvalidInput(f"{file}: {name} is {value!r}; expected {' or '.join(expected)}")
    return value


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"{text!r} is no time; expected ISO 8601, for example 2026-11-20T10:00:00-05:00"
        ) from error


def _cash(text: str) -> Decimal:
    try:
        cash = Decimal(text)
    except InvalidOperation:
        cash = Decimal("NaN")
    if not cash.is_finite() or cash <= 0:
        raise InvalidInput(f"--cash is {text!r}; expected an amount above 0, for example 50000000")
    return cash
