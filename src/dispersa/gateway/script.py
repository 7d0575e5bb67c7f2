"""Which faults does a script cause, and when?

A script is TOML: a list of `[[fault]]` tables, each with `code` and either `after_seconds` (market
seconds since the gateway started) or `at` (an instant with its zone). Faults of the venue take
`order_ref`, `symbol`, `seconds`, `count` and `value`, those of the server `client_id`, `seconds`
and `value`.

One `[random]` table draws faults from a seed: `seed`, `per_hour`, `hours` and `codes`, which by
default are all that end by themselves.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from dispersa.errors import InvalidInput
from dispersa.gateway.outages import FAULTS as SERVER_FAULTS
from dispersa.gateway.outages import Outage

if TYPE_CHECKING:
    from dispersa.gateway.server import RunningGateway

_TIME_KEYS = frozenset({"code", "after_seconds", "at"})
_SERVER_KEYS = frozenset({"client_id", "seconds", "value"})
_VENUE_KEYS = frozenset({"order_ref", "symbol", "seconds", "count", "value"})
_RANDOM_KEYS = frozenset({"seed", "per_hour", "hours", "codes"})
_LASTING = frozenset({"A11", "A12", "A13", "A15", "A16", "B8", "D2", "D4", "D5", "D7", "E2", "E4"})
"""Faults that nothing undoes, or that need to be told whom they meet: never drawn unasked."""
_KINDS: dict[str, type | tuple[type, ...]] = {
    "client_id": int,
    "seconds": (int, float),
    "value": str,
    "order_ref": str,
    "symbol": str,
    "count": int,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFault:
    """A fault that the venue causes."""

    code: str
    order_ref: str = ""
    symbol: str = ""
    seconds: float = 2.0
    count: int = 1
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Faults drawn from a seed: how many per market hour, for how long, and which."""

    seed: int
    per_hour: float = 12.0
    hours: float = 6.5
    codes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a storm that can not be drawn."""
        if not (0.0 < self.per_hour <= 36_000.0 and 0.0 < self.hours <= 24.0 * 366.0):
            raise InvalidInput(
                f"[random] has per_hour {self.per_hour} and hours {self.hours}; expected more than "
                "0 and at most 36000 per hour, and at most a year of hours"
            )
        if unknown := sorted(set(self.codes) - set(_known_codes())):
            raise InvalidInput(
                f"[random] has the unknown code {unknown[0]!r}; "
                f"known are {', '.join(_known_codes())}"
            )

    def faults(self, symbols: Sequence[str]) -> Iterator["ScriptedFault"]:
        """Yield the faults in the order of their time, each lasting 1 to 10 seconds."""
        rng = Random(self.seed)  # noqa: S311 - a simulated market's draw keeps no secret
        codes = self.codes or tuple(code for code in _known_codes() if code not in _LASTING)
        moment = rng.expovariate(self.per_hour / 3600.0)
        while moment < self.hours * 3600.0:
            code, seconds = rng.choice(codes), round(rng.uniform(1.0, 10.0), 3)
            symbol = rng.choice(sorted(symbols)) if symbols and code[0] in "CD" else ""
            fault: Outage | VenueFault
            if code in SERVER_FAULTS:
                fault = Outage(code=code, seconds=seconds)
            else:
                fault = VenueFault(code=code, seconds=seconds, symbol=symbol)
            yield ScriptedFault(moment=moment, fault=fault)
            moment += rng.expovariate(self.per_hour / 3600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedFault:
    """A fault and its moment: an instant, or market seconds since the start."""

    moment: datetime | float
    fault: Outage | VenueFault


Script = list[ScriptedFault | Storm]


def read_script(path: Path) -> Script:
    """Read a fault script; raises `InvalidInput` that names the entry and the mend."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"can not read the fault script {path} ({error})") from error
    tables, storm = found.get("fault", []), found.get("random")
    if not isinstance(tables, list) or not (tables or storm):
        raise InvalidInput(
            f"{path} holds no [[fault]] tables; each needs code and after_seconds "
            "(or give one [random] table with a seed)"
        )
    script: Script = [*scripted(tables, str(path))]
    return script if storm is None else [*script, _storm(storm, str(path))]


def scripted(tables: Sequence[Mapping[str, object]], where: str) -> list[ScriptedFault]:
    """Return the faults of `[[fault]]` tables; `where` is named in errors."""
    return [_scripted(table, f"{where} fault {n}") for n, table in enumerate(tables, start=1)]


def _storm(table: object, where: str) -> Storm:
    if not isinstance(table, dict) or set(table) - _RANDOM_KEYS or "seed" not in table:
        raise InvalidInput(
            f"{where}: [random] is {table!r}; expected seed and, if wanted, "
            f"{', '.join(sorted(_RANDOM_KEYS - {'seed'}))}"
        )
    seed, codes = table["seed"], table.get("codes", [])
    numbers = [table.get(key, 1.0) for key in ("per_hour", "hours")]
    if (
        type(seed) is not int
        or not isinstance(codes, list)
        or any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers)
    ):
        raise InvalidInput(
            f"{where}: [random] is {table!r}; expected a whole seed, numbers and a list of codes"
        )
    return Storm(**(table | {"codes": tuple(str(code) for code in codes)}))


def _known_codes() -> list[str]:
    from dispersa.gateway.exchange.faults.catalogue import FAULTS

    return [*SERVER_FAULTS, *FAULTS]


def _scripted(table: Mapping[str, object], where: str) -> ScriptedFault:
    code = str(table.get("code", ""))
    if code not in _known_codes():
        raise InvalidInput(
            f"{where} has the unknown code {code!r}; known are {', '.join(_known_codes())}"
        )
    fault: Outage | VenueFault
    if code in SERVER_FAULTS:
        fault = Outage(code=code, **_terms(table, _SERVER_KEYS, where))
    else:
        fault = VenueFault(code=code, **_terms(table, _VENUE_KEYS, where))
    return ScriptedFault(moment=_moment(table, where), fault=fault)


def _terms(table: Mapping[str, object], allowed: frozenset[str], where: str) -> dict[str, Any]:
    unknown = sorted(set(table) - allowed - _TIME_KEYS)
    if unknown:
        raise InvalidInput(f"{where} has the unknown key {unknown[0]!r}; use {sorted(allowed)}")
    terms = {key: value for key, value in table.items() if key not in _TIME_KEYS}
    for key, value in terms.items():
        if isinstance(value, bool) or not isinstance(value, _KINDS[key]):
            raise InvalidInput(f"{where}: {key} is {value!r}; expected {_KINDS[key]}")
    return terms


def _moment(table: Mapping[str, object], where: str) -> datetime | float:
    match table.get("at"), table.get("after_seconds"):
        case datetime() as at, None if at.tzinfo is not None:
            return at
        case None, (int() | float()) as seconds if math.isfinite(seconds) and seconds >= 0:
            return float(seconds)
        case _:
            raise InvalidInput(
                f"{where} needs either after_seconds (0 or more) or at, an instant with its zone"
            )


def schedule(script: Sequence[ScriptedFault | Storm], gateway: "RunningGateway") -> None:
    """Cause every fault of a script at its moment; what lies in the past is caused at once."""
    symbols = sorted(gateway.venue.basket("QQQ"))
    for one in script:
        match one:
            case Storm():
                for drawn in one.faults(symbols):
                    _schedule(drawn, gateway)
            case ScriptedFault():
                _schedule(one, gateway)


def _schedule(one: ScriptedFault, gateway: "RunningGateway") -> None:
    if isinstance(one.moment, datetime):
        delay = (one.moment - gateway.clock.now()).total_seconds()
    else:
        delay = one.moment
    gateway.floor.loop.call_later(max(delay, 0.0), cause, one.fault, gateway)


def cause(fault: Outage | VenueFault, gateway: "RunningGateway") -> None:
    """Cause a fault now, whosever it is."""
    match fault:
        case Outage():
            gateway.outages.strike(fault)
        case VenueFault():
            gateway.venue.faults.arm(
                fault.code,
                order_ref=fault.order_ref,
                symbol=fault.symbol,
                seconds=fault.seconds,
                count=fault.count,
                value=fault.value,
            )
