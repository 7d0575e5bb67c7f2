"""On which facts does the gate decide?

Everything is handed over as values with their times; None says that a fact is not known, and a
control that needs it has failed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from dispersa.errors import InvalidInput
from dispersa.market import ConId, PriceIncrements, Quote, Side, Symbol, TradingSession
from dispersa.orders import AccountReading, OrderRef, Purpose, VixReading


class HaltLevel(StrEnum):
    """How far trading is stopped.

    HOLD lets nothing new out, CANCEL nothing at all, FLATTEN only what reduces.
    """

    NONE = "none"
    HOLD = "hold"
    CANCEL = "cancel"
    FLATTEN = "flatten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How much of a cap is used: absolute premium, gross vega (USD per point), contracts."""

    premium_usd: Decimal
    vega_usd: float
    contracts: int

    def __add__(self, other: "Use") -> "Use":
        return Use(
            premium_usd=self.premium_usd + other.premium_usd,
            vega_usd=self.vega_usd + other.vega_usd,
            contracts=self.contracts + other.contracts,
        )


NO_USE = Use(premium_usd=Decimal(0), vega_usd=0.0, contracts=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """What is used already, each at its worst case: filled, working and unknown.

    `day` counts what was opened today, `by_name` what is held or may be (a name that is not in it
    has nothing), `book` everything. `programs_today` counts programs started today other than the
    one that is being asked for.
    """

    day: Use
    book: Use
    by_name: Mapping[str, Use]
    programs_today: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureAfter:
    """The book after the trade at its worst case: all filled, working and unknown, plus what is
    asked for. USD; None where it could not be computed.
    """

    premium_usd: Decimal | None
    margin_usd: Decimal | None
    hedge_stock_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCounts:
    """Order messages (submissions, changes, cancels) sent, and orders that executed today."""

    last_second: int
    today: int
    orders_executed_today: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """What is known about account, market, book and desk when the gate is asked.

    `active_positions` counts dispersion positions other than the one that is being asked for.
    `is_live_allowed` is the operator's complete opt-in to a live account. `unknown_names` have an
    order whose outcome is not established (other than the one asked for). `rejects_in_a_row`
    counts the orders that the broker rejected since the last one it took or a person resumed.
    `account_missing` and `vix_missing` say why there is no account or no VIX, where that is known.
    """

    at: datetime
    account: AccountReading | None
    account_expected: str
    is_live_allowed: bool
    vix: VixReading | None
    active_positions: int | None
    exposure_after: ExposureAfter
    uses: Uses | None
    session: TradingSession | None
    reconciled_at: datetime | None
    locked_names: tuple[Symbol, ...]
    unknown_names: tuple[Symbol, ...]
    halt: HaltLevel
    are_links_proven: bool
    messages: MessageCounts
    rejects_in_a_row: int
    account_missing: str = ""
    vix_missing: str = ""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise InvalidInput(f"gate facts of {self.at} have no zone; expected an aware time")


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeMeasured:
    """Edge of the actual trade after cost, in vol points of index vega; None if not computed."""

    vol_points: float | None
    kind: Literal["measured"] = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeWaived:
    """The edge is reported and not required, under a label that is journaled (demo, probe)."""

    label: str
    kind: Literal["waived"] = "waived"


Edge = EdgeMeasured | EdgeWaived


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPackage:
    """One package as planned: `premium_usd` and `vega_usd` for the whole quantity, unsigned."""

    symbol: Symbol
    side: Side
    quantity: int
    contracts_per_unit: int
    multiplier: int
    premium_usd: Decimal | None
    vega_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """A whole plan that asks to pass: `margin_what_if_usd` is None where no broker was asked.

    `margin_modelled_usd` is the increase by our own model; the larger of the two binds.
    """

    purpose: Purpose
    direction: str
    packages: tuple[PlannedPackage, ...]
    edge: Edge
    margin_modelled_usd: Decimal | None
    margin_what_if_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLeg:
    """Signed quantity of one contract in the reconciled book."""

    con_id: ConId
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderContext:
    """What is known about the package of one order.

    Attributes
    ----------
    fair_value
        Our own value of one unit, per share; None if it could not be computed.
    quote
        The unit's quote from its legs.
    approved_side, approved_con_ids
        What the approved plan says of this package.
    units_left
        Approved units of the package that no execution has filled yet.
    reserved_units
        Units that OTHER orders of the package may still fill (working, pending, unknown).
    filled_units
        Units of this very order that are filled (zero before it is sent).
    live_refs
        Orders of the package whose end is not proven, this one excluded.
    unit_premium, unit_vega
        Absolute USD value and USD vega per point of one unit (multiplier included).
    margin_increase
        Margin that this order and everything that still works may add; None if not computed.
    program_use, package_use
        What the program and the package have filled and reserved, this order excluded.
    held
        Reconciled position in each leg, for REDUCE; a leg that is not in it is not held.
    delta_shares
        Net delta of the underlying before the order, in share equivalents, for HEDGE.
    messages_of_order
        Messages already sent for this order.
    """

    fair_value: Decimal | None
    quote: Quote
    increments: PriceIncrements
    approved_side: Side
    approved_con_ids: tuple[ConId, ...]
    units_left: int
    reserved_units: int
    filled_units: int
    live_refs: tuple[OrderRef, ...]
    is_ref_new: bool
    unit_premium: Decimal | None
    unit_vega: float | None
    edge: Edge
    margin_increase: Decimal | None
    program_use: Use
    package_use: Use
    held: tuple[HeldLeg, ...]
    delta_shares: float | None
    messages_of_order: int
