"""Must the engine be stopped? What the watchdog sees against what it tolerates; pure.

The rules are the watchdog's own: they share no code with the gate, so that a mistake in one is
caught by the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from dispersa.errors import InvalidConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchLimits:
    """What the watchdog tolerates.

    Attributes
    ----------
    beat_seconds_max : longest silence of a running engine.
    blind_seconds_max : longest time without a full read of the broker while an engine runs.
    orphan_seconds_max : longest time that orders of ours may work without a running engine.
    loss_share_max : largest fall of net liquidation since the watch began, as a share of it.
    orders_max : most open orders of ours at one time.
    contracts_max : most option contracts held, long and short counted alike.
    """

    beat_seconds_max: float = 8.0
    blind_seconds_max: float = 30.0
    orphan_seconds_max: float = 10.0
    loss_share_max: Decimal = Decimal("0.05")
    orders_max: int = 40
    contracts_max: int = 80_000

    def __post_init__(self) -> None:
        for name in ("beat_seconds_max", "blind_seconds_max", "orphan_seconds_max"):
            _require(name, 1 <= getattr(self, name) <= 600, getattr(self, name), "1 to 600 s")
        _require("loss_share_max", 0 < self.loss_share_max <= 1, self.loss_share_max, "0 to 1")
        _require("orders_max", self.orders_max >= 1, self.orders_max, "1 or more")
        _require("contracts_max", self.contracts_max >= 1, self.contracts_max, "1 or more")


def _require(name: str, holds: bool, found: object, expected: str) -> None:
    if not holds:
        raise InvalidConfig(f"watchdog.{name} is {found}; expected {expected}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the watchdog sees at one moment; None where a number could not be read.

    `beat_age_seconds` is None without an engine's beat file, `engine` the process id that holds
    the journal, None when nobody does. `orders`, `contracts` and `net_liquidation` are the
    broker's, `read_age_seconds` says how old they are (or for how long the watch has waited for
    its first full read), `first_net_liquidation` is that of the first read.
    """

    engine: int | None
    beat_age_seconds: float | None
    read_age_seconds: float
    orphan_seconds: float
    orders: int | None
    contracts: Decimal | None
    net_liquidation: Decimal | None
    first_net_liquidation: Decimal | None


Rule = Callable[[WatchLimits, Watched], str | None]


def reason_to_stop(limits: WatchLimits, seen: Watched) -> str | None:
    """Return why the engine must be stopped, None while there is no reason."""
    for rule in _RULES:
        reason = rule(limits, seen)
        if reason is not None:
            return reason
    return None


def _silent(limits: WatchLimits, seen: Watched) -> str | None:
    age = seen.beat_age_seconds
    if seen.engine is None or age is None or age <= limits.beat_seconds_max:
        return None
    return (
        f"the engine (process {seen.engine}) has not beaten for {age:.0f} s; expected a beat "
        f"at least every {limits.beat_seconds_max:g} s"
    )


def _orphaned(limits: WatchLimits, seen: Watched) -> str | None:
    if seen.engine is not None or not seen.orders:
        return None
    if seen.orphan_seconds <= limits.orphan_seconds_max:
        return None
    return (
        f"{seen.orders} orders of ours work at the broker and no engine has run for "
        f"{seen.orphan_seconds:.0f} s; expected an engine that tends them"
    )


def _blind(limits: WatchLimits, seen: Watched) -> str | None:
    if seen.engine is None or seen.read_age_seconds <= limits.blind_seconds_max:
        return None
    return (
        f"the watchdog has not read the broker for {seen.read_age_seconds:.0f} s while an engine "
        f"runs; expected a full read at least every {limits.blind_seconds_max:g} s"
    )


def _lost(limits: WatchLimits, seen: Watched) -> str | None:
    first, now = seen.first_net_liquidation, seen.net_liquidation
    if first is None or now is None:
        return None
    allowed = limits.loss_share_max * abs(first)
    if first - now <= allowed:
        return None
    return (
        f"net liquidation fell by {first - now:,.0f} USD since the watch began; expected at most "
        f"{allowed:,.0f} ({limits.loss_share_max:.1%})"
    )


def _too_many_orders(limits: WatchLimits, seen: Watched) -> str | None:
    if seen.orders is None or seen.orders <= limits.orders_max:
        return None
    return f"{seen.orders} orders of ours are open; expected at most {limits.orders_max}"


def _too_many_contracts(limits: WatchLimits, seen: Watched) -> str | None:
    if seen.contracts is None or seen.contracts <= limits.contracts_max:
        return None
    return f"{seen.contracts:,} option contracts are held; expected at most {limits.contracts_max}"


_RULES: tuple[Rule, ...] = (
    _silent,
    _orphaned,
    _lost,
    _too_many_orders,
    _too_many_contracts,
    _blind,
)
