"""Which keys belong to the gate's limits? Defaults and ranges are those of room `risk`.

A test holds that every limit has its key.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationInfo, field_validator

from dispersa.market import Symbol
from dispersa.risk import SIMULATED_LIMITS, Cap, Limits, QuietWindow
from dispersa.risk.limits import CAP_RANGES, CAP_SCOPES, RANGES
from dispersa.runtime.config.keys import (
    Amount,
    ClockTime,
    Count,
    Number,
    Section,
    Text,
    Texts,
    clock_time,
    count,
    number,
    table,
    text,
    texts,
)

_LIMITS = Limits()


def _limit(name: str, meaning: str) -> Any:
    """Declare a limit with the default and the range that `risk` gives it."""
    allowed, default = RANGES[name], getattr(_LIMITS, name)
    if isinstance(default, int):
        return count(default, round(allowed.low), round(allowed.high), allowed.unit, meaning)
    return number(default, allowed.low, allowed.high, allowed.unit, meaning)


def _cap(name: str, meaning: str) -> Any:
    """Declare one number of a cap; which cap it is decides the default."""
    allowed = CAP_RANGES[name]
    if name == "contracts_max":
        return count(..., round(allowed.low), round(allowed.high), allowed.unit, meaning)
    return number(..., allowed.low, allowed.high, allowed.unit, meaning)


class CapSection(Section):
    """The most that one scope may use; all three inclusive."""

    premium_usd_max: Amount = _cap("premium_usd_max", "Sum of absolute package values.")
    vega_usd_max: Number = _cap("vega_usd_max", "Gross vega, dollars per vol point.")
    contracts_max: Count = _cap("contracts_max", "Option contracts.")

    def cap(self) -> Cap:
        """Return the cap of room `risk`."""
        return Cap(**dict(self))


def _scope(name: str, meaning: str) -> Any:
    cap: Cap = getattr(_LIMITS, name)
    section = CapSection(
        premium_usd_max=cap.premium_usd_max,
        vega_usd_max=cap.vega_usd_max,
        contracts_max=cap.contracts_max,
    )
    return table(section, meaning)


class QuietWindowSection(Section):
    """A part of every day in which nothing is sent; may run over midnight."""

    start: ClockTime = clock_time("Beginning.")
    end: ClockTime = clock_time("End, itself not in the window.")
    zone: Text = text("America/New_York", "an IANA time zone", "Zone of both times.")


class RiskSection(Section):
    """The gate's limits: checked when planning, before each send and at each reprice.

    Defaults fit a first account of one or two million dollars; with profile sim, those that are
    left out are the wide ones of the simulated fifty million. A change needs `change_reason`.
    """

    net_liquidation_min_usd: Amount = _limit(
        "net_liquidation_min_usd", "Account below or at this: nothing is opened."
    )
    account_age_max_seconds: Number = _limit(
        "account_age_max_seconds", "Oldest account values that count."
    )
    vix_max: Number = _limit("vix_max", "VIX at or above this: nothing is opened.")
    vix_age_max_seconds: Number = _limit("vix_age_max_seconds", "Oldest VIX quote that counts.")
    active_positions_max: Count = _limit(
        "active_positions_max", "With this many dispersion positions, no further one is opened."
    )
    gross_exposure_share_max: Amount = _limit(
        "gross_exposure_share_max",
        "Gross exposure after the trade stays below this share of net liquidation.",
    )
    edge_min_vol_points: Number = _limit(
        "edge_min_vol_points", "The edge after cost must be above this."
    )
    margin_headroom_share_min: Amount = _limit(
        "margin_headroom_share_min",
        "Available funds after the trade, at least this share of net liquidation.",
    )
    programs_per_day_max: Count = _limit("programs_per_day_max", "Programs started in one day.")
    hedge_order_usd_max: Amount = _limit("hedge_order_usd_max", "Value of one hedge order.")
    collar_share: Amount = _limit(
        "collar_share", "Option prices stay within this share of our own fair value ..."
    )
    collar_floor_usd: Amount = _limit("collar_floor_usd", "... or within this many dollars.")
    hedge_collar_share: Amount = _limit(
        "hedge_collar_share", "Share prices stay within this share of the quote."
    )
    quote_age_max_seconds: Number = _limit("quote_age_max_seconds", "Oldest quote to price from.")
    session_start_margin_seconds: Number = _limit(
        "session_start_margin_seconds", "Nothing is sent so long after the open."
    )
    session_end_margin_seconds: Number = _limit(
        "session_end_margin_seconds", "Nothing is sent so long before the close."
    )
    reconciliation_age_max_seconds: Number = _limit(
        "reconciliation_age_max_seconds", "Oldest reconciliation that counts."
    )
    messages_per_second_max: Count = _limit("messages_per_second_max", "Order messages a second.")
    messages_per_order_max: Count = _limit("messages_per_order_max", "Messages for one order.")
    messages_per_day_max: Count = _limit("messages_per_day_max", "Order messages a day.")
    messages_reserved_share: Amount = _limit(
        "messages_reserved_share", "Part of the day's messages kept for hedging and reducing."
    )
    messages_per_execution_max: Number = _limit(
        "messages_per_execution_max", "Order efficiency: messages for one execution."
    )
    efficiency_counts_from_messages: Count = _limit(
        "efficiency_counts_from_messages", "Efficiency counts from this many messages on."
    )
    rejects_in_a_row_max: Count = _limit(
        "rejects_in_a_row_max", "After so many rejected orders in a row a person must resume."
    )
    change_reason: Text = text(
        "", "a sentence", "Why limits differ from those of the last start; journaled with them."
    )
    restricted: Texts = texts((), "symbols", "Names in which nothing is traded.")
    order: CapSection = _scope("order", "Caps on one order.")
    package: CapSection = _scope("package", "Caps on one package (one straddle, all its slices).")
    program: CapSection = _scope("program", "Caps on one program.")
    day: CapSection = _scope("day", "Caps on one day.")
    underlying: CapSection = _scope("underlying", "Caps on all that is held in one name.")
    book: CapSection = _scope("book", "Caps on all that is held.")
    quiet_windows: tuple[QuietWindowSection, ...] = table(
        tuple(
            QuietWindowSection(start=window.start, end=window.end, zone=window.zone)
            for window in _LIMITS.quiet_windows
        ),
        "Parts of the day in which nothing is sent, such as the gateway's restart.",
    )

    @field_validator(*CAP_SCOPES, mode="before")
    @classmethod
    def _complete(cls, value: object, info: ValidationInfo) -> object:
        """Let a cap that names one number keep the defaults of the others."""
        if not isinstance(value, dict) or info.field_name is None:
            return value
        return {**dict(cls.model_fields[info.field_name].default), **value}

    def limits(self) -> Limits:
        """Return the limits of the gate; raise `InvalidConfig` where two contradict."""
        values = {name: value for name, value in self if name != "change_reason"}
        for name, value in values.items():
            if isinstance(value, CapSection):
                values[name] = value.cap()
        values["quiet_windows"] = tuple(QuietWindow(**dict(row)) for row in self.quiet_windows)
        values["restricted"] = tuple(map(Symbol, self.restricted))
        return Limits(**values)


def simulated_risk(given: object) -> object:
    """Fill what a table for the simulated account leaves out; what is no table is left alone."""
    if not isinstance(given, Mapping):
        return given
    filled: dict[str, object] = {"hedge_order_usd_max": SIMULATED_LIMITS.hedge_order_usd_max}
    for scope in CAP_SCOPES:
        cap: Cap = getattr(SIMULATED_LIMITS, scope)
        wide = {name: getattr(cap, name) for name in CAP_RANGES}
        own = given.get(scope, {})
        filled[scope] = {**wide, **own} if isinstance(own, Mapping) else own
    return {**filled, **{name: value for name, value in given.items() if name not in CAP_SCOPES}}
