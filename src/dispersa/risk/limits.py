"""Which limits bind, in which unit, and do they make sense together?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import time
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dispersa.errors import InvalidConfig
from dispersa.market import Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRange:
    """Allowed values of one limit, both ends included, and its unit."""

    low: float
    high: float
    unit: str


def _range(low: float, high: float, unit: str) -> LimitRange:
    return LimitRange(low=low, high=high, unit=unit)


RANGES: Mapping[str, LimitRange] = {
    "net_liquidation_min_usd": _range(0, 1e12, "USD"),
    "account_age_max_seconds": _range(1, 3600, "s"),
    "vix_max": _range(1, 200, "points"),
    "vix_age_max_seconds": _range(1, 3600, "s"),
    "active_positions_max": _range(1, 100, "positions"),
    "gross_exposure_share_max": _range(0.001, 1, "fraction"),
    "edge_min_vol_points": _range(0, 50, "vol points"),
    "margin_headroom_share_min": _range(0, 1, "fraction"),
    "programs_per_day_max": _range(1, 1000, "programs"),
    "hedge_order_usd_max": _range(1, 1e12, "USD"),
    "collar_share": _range(0.0001, 0.5, "fraction"),
    "collar_floor_usd": _range(0, 100, "USD"),
    "hedge_collar_share": _range(0.0001, 0.5, "fraction"),
    "quote_age_max_seconds": _range(0.1, 300, "s"),
    "session_start_margin_seconds": _range(0, 14_400, "s"),
    "session_end_margin_seconds": _range(0, 14_400, "s"),
    "reconciliation_age_max_seconds": _range(1, 86_400, "s"),
    "messages_per_second_max": _range(1, 45, "messages"),
    "messages_per_order_max": _range(2, 10_000, "messages"),
    "messages_per_day_max": _range(10, 1_000_000, "messages"),
    "messages_reserved_share": _range(0, 0.9, "fraction"),
    "messages_per_execution_max": _range(1, 20, "messages"),
    "efficiency_counts_from_messages": _range(1, 100_000, "messages"),
    "rejects_in_a_row_max": _range(1, 100, "orders"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The most that one order, package, program, day, name or book may use; each inclusive."""

    premium_usd_max: Decimal
    vega_usd_max: float
    contracts_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietWindow:
    """A part of every day in which nothing is sent, for example around the gateway's restart.

    `start` and `end` are times of the clock in `zone`; a window may run over midnight.
    """

    start: time
    end: time
    zone: str = "America/New_York"

    def holds(self, at: time) -> bool:
        """Whether the clock time `at` lies in the window, the end excluded."""
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


RESTART_WINDOW = QuietWindow(start=time(23, 40), end=time(0, 30))


def _cap(premium_usd: int, vega_usd: float, contracts: int) -> Cap:
    return Cap(premium_usd_max=Decimal(premium_usd), vega_usd_max=vega_usd, contracts_max=contracts)


# A first account of one or two million dollars: a whole program of eleven names with 2 % of the
# account at stake fits, one order is three index straddles, and a mistake stays a small one.
ORDER_CAP = _cap(100_000, 2_500.0, 100)
PACKAGE_CAP = _cap(250_000, 7_500.0, 500)
PROGRAM_CAP = _cap(500_000, 15_000.0, 2_000)
DAY_CAP = _cap(500_000, 15_000.0, 2_000)
UNDERLYING_CAP = _cap(400_000, 12_000.0, 800)
BOOK_CAP = _cap(1_000_000, 30_000.0, 4_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every limit of the gate, with safe defaults, validated together.

    Strict limits (above, below): `net_liquidation_min_usd`, `vix_max`, `active_positions_max`,
    `gross_exposure_share_max`, `edge_min_vol_points`. All others are inclusive. Shares are
    fractions of net liquidation or of fair value, never percent.

    Raises
    ------
    InvalidConfig
        If a limit is negative, NaN, of the wrong type or outside its range, or if two contradict;
        the message names the key, the value and what is allowed.
    """

    net_liquidation_min_usd: Decimal = Decimal(50_000)
    account_age_max_seconds: float = 300.0
    vix_max: float = 30.0
    vix_age_max_seconds: float = 60.0
    active_positions_max: int = 3
    gross_exposure_share_max: Decimal = Decimal("0.50")
    edge_min_vol_points: float = 0.0
    margin_headroom_share_min: Decimal = Decimal("0.20")

    order: Cap = ORDER_CAP
    package: Cap = PACKAGE_CAP
    program: Cap = PROGRAM_CAP
    day: Cap = DAY_CAP
    underlying: Cap = UNDERLYING_CAP
    book: Cap = BOOK_CAP
    programs_per_day_max: int = 3
    hedge_order_usd_max: Decimal = Decimal(100_000)

    collar_share: Decimal = Decimal("0.05")
    collar_floor_usd: Decimal = Decimal("0.10")
    hedge_collar_share: Decimal = Decimal("0.01")
    quote_age_max_seconds: float = 5.0

    session_start_margin_seconds: float = 60.0
    session_end_margin_seconds: float = 300.0
    quiet_windows: tuple[QuietWindow, ...] = (RESTART_WINDOW,)
    reconciliation_age_max_seconds: float = 3600.0

    messages_per_second_max: int = 40
    messages_per_order_max: int = 60
    messages_per_day_max: int = 10_000
    messages_reserved_share: Decimal = Decimal("0.20")
    messages_per_execution_max: float = 15.0
    efficiency_counts_from_messages: int = 300
    rejects_in_a_row_max: int = 3

    restricted: tuple[Symbol, ...] = ()

    def __post_init__(self) -> None:
        for key, allowed in RANGES.items():
            _require_range(key, getattr(self, key), allowed)
        for scope in CAP_SCOPES:
            _require_cap(scope, getattr(self, scope))
        _require_nested(self)
        _require_windows(self.quiet_windows)
        _require_messages(self)

    @property
    def messages_for_opening_max(self) -> int:
        """Messages a day after which only HEDGE and REDUCE may use what is left."""
        return int(self.messages_per_day_max * (1 - self.messages_reserved_share))


CAP_RANGES: Mapping[str, LimitRange] = {
    "premium_usd_max": _range(0, 1e12, "USD"),
    "vega_usd_max": _range(0, 1e9, "USD per point"),
    "contracts_max": _range(1, 10_000_000, "contracts"),
}
_ACCEPTED: Mapping[object, tuple[type, ...]] = {
    int: (int,),
    float: (int, float),
    Decimal: (int, Decimal),
}
_TYPES: Mapping[str, tuple[type, ...]] = {
    spec.name: _ACCEPTED[spec.type]
    for owner in (Limits, Cap)
    for spec in fields(owner)
    if spec.type in _ACCEPTED
}

CAP_SCOPES = ("order", "package", "program", "day", "underlying", "book")
_NESTING = (
    ("order", "package"),
    ("package", "program"),
    ("program", "day"),
    ("package", "underlying"),
    ("underlying", "book"),
    ("program", "book"),
)


def _require_range(key: str, value: object, allowed: LimitRange) -> None:
    leaf = key.rpartition(".")[2]
    if not _is_in(value, allowed) or not isinstance(value, _TYPES[leaf]):
        whole = "whole " if _TYPES[leaf] == (int,) else ""
        raise InvalidConfig(
            f"risk.{key} is {value}; expected a {whole}number from {allowed.low:g} to "
            f"{allowed.high:g} ({allowed.unit}); mend it in the configuration"
        )


def _is_in(value: object, allowed: LimitRange) -> bool:
    match value:
        case bool():
            return False
        case Decimal():
            return value.is_finite() and allowed.low <= value <= allowed.high
        case int() | float():
            return allowed.low <= value <= allowed.high
        case _:
            return False


def _require_cap(scope: str, cap: Cap) -> None:
    for key, allowed in CAP_RANGES.items():
        _require_range(f"{scope}.{key}", getattr(cap, key), allowed)


def _require_nested(limits: Limits) -> None:
    for inner, outer in _NESTING:
        for name, small, large in _cap_pairs(getattr(limits, inner), getattr(limits, outer)):
            if small > large:
                raise InvalidConfig(
                    f"risk.{inner}.{name} is {small} and risk.{outer}.{name} is {large}; expected "
                    f"the {inner} limit not above the {outer} limit; lower the one or raise the "
                    "other"
                )


def _cap_pairs(inner: Cap, outer: Cap) -> Iterator[tuple[str, Decimal, Decimal]]:
    for spec in fields(Cap):
        small, large = getattr(inner, spec.name), getattr(outer, spec.name)
        yield spec.name, Decimal(str(small)), Decimal(str(large))


def _require_windows(windows: tuple[QuietWindow, ...]) -> None:
    for window in windows:
        try:
            ZoneInfo(window.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise InvalidConfig(
                f"risk.quiet_windows names the zone {window.zone!r}; expected an IANA zone such as "
                "America/New_York"
            ) from error
        if window.start == window.end:
            raise InvalidConfig(
                f"risk.quiet_windows has a window from {window.start} to {window.end}; expected "
                "two different times"
            )


def _require_messages(limits: Limits) -> None:
    if limits.messages_per_order_max > limits.messages_per_day_max:
        raise InvalidConfig(
            f"risk.messages_per_order_max is {limits.messages_per_order_max} and "
            f"risk.messages_per_day_max is {limits.messages_per_day_max}; expected the order's "
            "budget not above the day's"
        )
    if limits.collar_share < limits.hedge_collar_share:
        raise InvalidConfig(
            f"risk.hedge_collar_share is {limits.hedge_collar_share} and risk.collar_share is "
            f"{limits.collar_share}; expected the collar of shares not wider than that of options"
        )


SIMULATED_LIMITS = Limits(
    order=_cap(1_000_000, 30_000.0, 1_000),
    package=_cap(5_000_000, 150_000.0, 5_000),
    program=_cap(10_000_000, 300_000.0, 20_000),
    day=_cap(20_000_000, 600_000.0, 40_000),
    underlying=_cap(10_000_000, 300_000.0, 10_000),
    book=_cap(40_000_000, 1_200_000.0, 80_000),
    hedge_order_usd_max=Decimal(2_000_000),
)
"""Limits of the simulated account of fifty million dollars, in which nothing is at stake."""
