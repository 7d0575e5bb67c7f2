"""What exactly is to be traded? The plan that a person approves and the program carries out."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum

from dispersa.correlation.terms import Direction
from dispersa.errors import InvalidInput
from dispersa.market import (
    ConId,
    OptionContract,
    PriceIncrements,
    Quote,
    Right,
    Side,
    Straddle,
    Symbol,
    Underlying,
    to_decimal,
)
from dispersa.orders import Purpose

PARITY_SHARE, PARITY_FLOOR = Decimal("0.05"), Decimal("0.10")
"""How far quotes may be from put-call parity: a share of the straddle, or dollars per share."""


class PlanKind(StrEnum):
    """What the trade is for: it decides what its end is measured against.

    DISPERSION opens a vega-neutral trade, PROBE one straddle (never called neutral), EXIT closes
    what is held, ROLL closes it and opens the next.
    """

    DISPERSION = "dispersion"
    PROBE = "probe"
    EXIT = "exit"
    ROLL = "roll"


class Role(StrEnum):
    """Which side of the dispersion trade a package stands on."""

    INDEX = "index"
    COMPONENT = "component"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPackage:
    """One straddle of the plan, `quantity` times.

    Greeks are for ONE straddle bought, multiplier included: `vega_usd` dollars per volatility
    point, `theta_usd` dollars per calendar day, `delta_usd` dollars of underlying (shares x spot),
    `cash_gamma_usd` = gamma x spot^2. `cost_expected_usd` is the expected slippage against mid
    plus commission for the whole package. `broker_vega_usd` is the broker model's vega of the same
    straddle, None where it sent none. `purpose` is OPEN, or REDUCE for what closes a position.
    """

    symbol: Symbol
    role: Role
    straddle: Straddle
    underlying_con_id: ConId
    side: Side
    quantity: int
    weight: float | None
    implied_vol: float
    spot: float
    forward: float
    discount: float
    years: float
    vega_usd: float
    theta_usd: float
    delta_usd: float
    cash_gamma_usd: float
    quote: Quote
    increments: PriceIncrements
    cost_expected_usd: Decimal
    broker_vega_usd: float | None
    purpose: Purpose = Purpose.OPEN

    @property
    def key(self) -> str:
        """Its name inside a plan: the symbol, or the straddle where one is closed for another."""
        return self.symbol if self.purpose is Purpose.OPEN else f"{self.straddle.label} close"

    def fair_value(self, spot: float) -> Decimal | None:
        """Our own value of one straddle per share at this spot; None if it has none.

            Black on the forward F = F_plan x S / S_plan at the plan's vol and time.

        It rests on the underlying's quote and the plan's vol, not on the option quotes of the
        moment, so that it can stand against them.
        """
        from dispersa.pricing import straddle

        strike = float(self.straddle.strike)
        forward = self.forward * spot / self.spot
        value = float(straddle.price(forward, strike, self.implied_vol, self.years, self.discount))
        return to_decimal(value) if math.isfinite(value) else None

    def fair_leg(self, leg: OptionContract | Underlying, spot: float | None) -> Decimal | None:
        """Our own value of one option of the straddle, as `fair_value`; None without a spot."""
        from dispersa.pricing import black

        if spot is None or not isinstance(leg, OptionContract):
            return None
        is_call = leg.right is Right.CALL
        forward, strike = self.forward * spot / self.spot, float(leg.strike)
        value = float(
            black.price(forward, strike, self.implied_vol, self.years, self.discount, is_call)
        )
        return to_decimal(value) if math.isfinite(value) else None

    def quoted_value(
        self, contracts: Sequence[OptionContract], quotes: Mapping[ConId, Quote]
    ) -> Decimal | None:
        """Value of some of the legs at the vol that is quoted now: the sum of their mids.

            None unless  |C - P - D (F - K)| <= max(5 % of C + P, 0.10)

        Where legs and underlying do not agree by put-call parity, one of the quotes is wild.
        """
        spot = _mid(quotes, self.underlying_con_id)
        call, put = (_mid(quotes, leg.con_id) for leg in self.straddle.legs)
        if spot is None or call is None or put is None:
            return None
        forward = self.forward * float(spot) / self.spot
        carried = self.discount * (forward - float(self.straddle.strike))
        if abs(call - put - to_decimal(carried)) > max(PARITY_SHARE * (call + put), PARITY_FLOOR):
            return None
        both = zip(self.straddle.legs, (call, put), strict=True)
        return sum((mid for leg, mid in both if leg in contracts), Decimal(0))

    @property
    def premium_usd(self) -> Decimal:
        """Market value of the package at the planned mid, unsigned."""
        mid = self.quote.mid
        if mid is None:
            raise InvalidInput(f"package {self.symbol} has no two-sided quote")
        return mid * self.straddle.multiplier * self.quantity

    @property
    def vega_signed_usd(self) -> float:
        """Vega of the whole package, negative when it is sold."""
        return self.side.sign * self.quantity * self.vega_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedName:
    """A name that is not traded, and why."""

    symbol: Symbol
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StressRow:
    """One stress scenario and what it does to the planned book, in dollars."""

    name: str
    pnl_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TradePlan:
    """A trade, complete: packages, balance, cost, stress and what was left out.

    Money in account currency, vega in dollars per volatility point. `reserves` are names that may
    take the place of names that do not fill, each up to its quantity.
    """

    created_at: datetime
    expires_at: datetime
    account: str
    direction: Direction
    index: Symbol
    expiry_days: int
    packages: tuple[PlannedPackage, ...]
    vega_budget_usd: float
    vega_tolerance_usd: float
    dropped: tuple[DroppedName, ...]
    stress: tuple[StressRow, ...]
    margin_modeled_usd: Decimal
    margin_what_if_usd: Decimal | None
    edge_vol_points: float | None
    edge_waived: str | None
    sizing_note: str
    kind: PlanKind = PlanKind.DISPERSION
    reserves: tuple[PlannedPackage, ...] = ()

    @property
    def net_vega_usd(self) -> float:
        """Signed vega of all packages together."""
        return sum(package.vega_signed_usd for package in self.packages)

    @property
    def gross_vega_usd(self) -> float:
        """Sum of the packages' absolute vegas."""
        return sum(abs(package.vega_signed_usd) for package in self.packages)

    @property
    def premium_usd(self) -> Decimal:
        """Sum of the packages' absolute market values."""
        return sum((package.premium_usd for package in self.packages), Decimal(0))

    @property
    def cost_expected_usd(self) -> Decimal:
        """Expected slippage and commission of all packages."""
        return sum((package.cost_expected_usd for package in self.packages), Decimal(0))

    @property
    def plan_hash(self) -> str:
        """Twelve hex digits over every number of the plan: an approval binds to it."""
        text = json.dumps(_plain(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def package(self, symbol: Symbol) -> PlannedPackage:
        """Return the package on `symbol`."""
        for package in self.packages:
            if package.symbol == symbol:
                return package
        known = ", ".join(row.symbol for row in self.packages)
        raise InvalidInput(f"the plan has no package on {symbol}; it has {known}")


def _mid(quotes: Mapping[ConId, Quote], con_id: ConId) -> Decimal | None:
    quote = quotes.get(con_id)
    return None if quote is None else quote.mid


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value.normalize())
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) or not isinstance(value, Sequence):
        return value
    return [_plain(item) for item in value]
