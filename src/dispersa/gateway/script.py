"""Which faults does a script cause, and when?

A script is TOML: a list of `[[fault]]` tables, each with `code` and either `after_seconds` (market
seconds since the gateway started) or `at` (an instant with its zone). Faults of the venue take
`order_ref`, `symbol`, `seconds` and `count`, those of the server `client_id`, `seconds`, `value`.
"""

import math
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispersa.errors import InvalidInput
from dispersa.gateway.outages import FAULTS as SERVER_FAULTS
from dispersa.gateway.outages import Outage

if TYPE_CHECKING:
    from dispersa.gateway.server import RunningGateway

_TIME_KEYS = frozenset({"code", "after_seconds", "at"})
_SERVER_KEYS = frozenset({"client_id", "seconds", "value"})
_VENUE_KEYS = frozenset({"order_ref", "symbol", "seconds", "count"})
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedFault:
    """A fault and its moment: an instant, or market seconds since the start."""

    moment: datetime | float
    fault: Outage | VenueFault


def read_script(path: Path) -> list[ScriptedFault]:
    """Read a fault script; raises `InvalidInput` that names the entry and the mend."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("fault", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"can not read the fault script {path} ({error})") from error
    if not isinstance(tables, list) or not tables:
        raise InvalidInput(f"{path} holds no [[fault]] tables; each needs code and after_seconds")
    return [_scripted(table, f"{path} fault {n}") for n, table in enumerate(tables, start=1)]


def _scripted(table: dict[str, object], where: str) -> ScriptedFault:
    code = str(table.get("code", ""))
    from dispersa.gateway.exchange.faults.catalogue import FAULTS

    if code in SERVER_FAULTS:
        terms = _terms(table, _SERVER_KEYS, where)
        return ScriptedFault(moment=_moment(table, where), fault=Outage(code=code, **terms))
    if code in FAULTS:
        terms = _terms(table, _VENUE_KEYS, where)
        return ScriptedFault(moment=_moment(table, where), fault=VenueFault(code=code, **terms))
    known = ", ".join([*SERVER_FAULTS, *FAULTS])
    raise InvalidInput(f"{where} has the unknown code {code!r}; known are {known}")


def _terms(table: dict[str, object], allowed: frozenset[str], where: str) -> dict[str, Any]:
    unknown = sorted(set(table) - allowed - _TIME_KEYS)
    if unknown:
        raise InvalidInput(f"{where} has the unknown key {unknown[0]!r}; use {sorted(allowed)}")
    terms = {key: value for key, value in table.items() if key not in _TIME_KEYS}
    for key, value in terms.items():
        if isinstance(value, bool) or not isinstance(value, _KINDS[key]):
            raise InvalidInput(f"{where}: {key} is {value!r}; expected {_KINDS[key]}")
    return terms


def _moment(table: dict[str, object], where: str) -> datetime | float:
    match table.get("at"), table.get("after_seconds"):
        case datetime() as at, None if at.tzinfo is not None:
            return at
        case None, (int() | float()) as seconds if math.isfinite(seconds) and seconds >= 0:
            return float(seconds)
        case _:
            raise InvalidInput(
                f"{where} needs either after_seconds (0 or more) or at, an instant with its zone"
            )


def schedule(script: list[ScriptedFault], gateway: "RunningGateway") -> None:
    """Cause every fault of a script at its moment; what lies in the past is caused at once."""
    now = gateway.clock.now()
    for one in script:
        if isinstance(one.moment, datetime):
            delay = (one.moment - now).total_seconds()
        else:
            delay = one.moment
        gateway.floor.loop.call_later(max(delay, 0.0), _cause, one.fault, gateway)


def _cause(fault: Outage | VenueFault, gateway: "RunningGateway") -> None:
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
            )
