"""For which reasons may the gate say no, and what does a person do about each?"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dispersa.orders import Purpose


class DenialCode(StrEnum):
    """Every control of the gate; a denial carries the code of the control that failed."""

    NET_LIQUIDATION = "net_liquidation"
    VIX = "vix"
    ACTIVE_POSITIONS = "active_positions"
    GROSS_EXPOSURE = "gross_exposure"
    EDGE = "edge"
    MARGIN = "margin"
    ACCOUNT = "account"
    ACCOUNT_AGE = "account_age"
    PAPER_OR_LIVE = "paper_or_live"
    HALTED = "halted"
    LINK = "link"
    SESSION = "session"
    QUIET_WINDOW = "quiet_window"
    RECONCILED = "reconciled"
    NAME_LOCKED = "name_locked"
    NAME_UNKNOWN = "name_unknown"
    RESTRICTED = "restricted"
    PLAN_SHAPE = "plan_shape"
    NOT_IN_PLAN = "not_in_plan"
    CONSERVATION = "conservation"
    DUPLICATE = "duplicate"
    QUOTE = "quote"
    FAIR_VALUE = "fair_value"
    COLLAR = "collar"
    FAR_SIDE = "far_side"
    PRICE_GRID = "price_grid"
    NOT_REDUCING = "not_reducing"
    NOT_A_HEDGE = "not_a_hedge"
    HEDGE_VALUE = "hedge_value"
    ORDER_PREMIUM = "order_premium"
    ORDER_VEGA = "order_vega"
    ORDER_CONTRACTS = "order_contracts"
    PACKAGE_PREMIUM = "package_premium"
    PACKAGE_VEGA = "package_vega"
    PACKAGE_CONTRACTS = "package_contracts"
    PROGRAM_PREMIUM = "program_premium"
    PROGRAM_VEGA = "program_vega"
    PROGRAM_CONTRACTS = "program_contracts"
    DAY_PREMIUM = "day_premium"
    DAY_VEGA = "day_vega"
    DAY_CONTRACTS = "day_contracts"
    UNDERLYING_PREMIUM = "underlying_premium"
    UNDERLYING_VEGA = "underlying_vega"
    UNDERLYING_CONTRACTS = "underlying_contracts"
    BOOK_PREMIUM = "book_premium"
    BOOK_VEGA = "book_vega"
    BOOK_CONTRACTS = "book_contracts"
    DAY_PROGRAMS = "day_programs"
    MESSAGE_RATE = "message_rate"
    MESSAGES_OF_ORDER = "messages_of_order"
    MESSAGES_OF_DAY = "messages_of_day"
    MESSAGE_EFFICIENCY = "message_efficiency"
    REJECTS_IN_A_ROW = "rejects_in_a_row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What one control measures, in which unit, for which purposes, and the mend of a denial."""

    subject: str
    unit: str
    mend: str
    binds: tuple[Purpose, ...]


ALL = (Purpose.OPEN, Purpose.HEDGE, Purpose.REDUCE)
OPEN = (Purpose.OPEN,)


def _control(subject: str, unit: str, mend: str, binds: tuple[Purpose, ...] = ALL) -> Control:
    return Control(subject=subject, unit=unit, mend=mend, binds=binds)


_SMALLER = "send a smaller order, or change the limit in the configuration with a reason"
_SMALLER_PLAN = "plan a smaller trade, or change the limit in the configuration with a reason"
_NEXT_DAY = "wait for the next trading day, or change the limit in the configuration with a reason"
_REDUCE_FIRST = "reduce what is held first, or change the limit in the configuration with a reason"

_C = DenialCode

CONTROLS: Mapping[DenialCode, Control] = {
    _C.NET_LIQUIDATION: _control(
        "net liquidation", "USD", "fund the account, or trade only to reduce", OPEN
    ),
    _C.VIX: _control("VIX", "points", "wait for a calmer market or a fresh VIX quote", OPEN),
    _C.ACTIVE_POSITIONS: _control(
        "active dispersion positions", "positions", "close a position first", OPEN
    ),
    _C.GROSS_EXPOSURE: _control(
        "gross exposure after the trade", "USD", "plan a smaller trade or reduce the book", OPEN
    ),
    _C.EDGE: _control("edge", "vol points", "wait for a signal that pays after cost", OPEN),
    _C.MARGIN: _control(
        "available funds after margin", "USD", "plan a smaller trade or free margin", OPEN
    ),
    _C.ACCOUNT: _control("account", "", "connect the configured account and read it again"),
    _C.ACCOUNT_AGE: _control(
        "age of the account values", "s", "wait for fresh account values", OPEN
    ),
    _C.PAPER_OR_LIVE: _control(
        "account mode", "", "use a paper account, or complete the opt-in to live trading"
    ),
    _C.HALTED: _control("trading state", "", "resume with a reason once the cause is mended"),
    _C.LINK: _control("broker links", "", "wait until both links are proven good again"),
    _C.SESSION: _control("trading session", "", "wait for the allowed part of the session"),
    _C.QUIET_WINDOW: _control(
        "gateway restart window", "", "wait until the window has passed and the books agree"
    ),
    _C.RECONCILED: _control("last reconciliation", "s", "reconcile with the broker first"),
    _C.NAME_LOCKED: _control("locked name", "", "clear the reconciliation break of this name"),
    _C.NAME_UNKNOWN: _control(
        "name with an unknown order", "", "wait until the unknown order outcome is resolved"
    ),
    _C.RESTRICTED: _control("restricted name", "", "leave the name out of the plan"),
    _C.PLAN_SHAPE: _control("plan", "", "build the plan again from complete numbers"),
    _C.NOT_IN_PLAN: _control("order", "", "send only what the approved plan names"),
    _C.CONSERVATION: _control(
        "units filled, working and asked for", "units", "send no more than the plan has left"
    ),
    _C.DUPLICATE: _control(
        "live orders of this package", "orders", "wait until the other order has ended"
    ),
    _C.QUOTE: _control("package quote", "", "wait for a live, fresh, two-sided quote"),
    _C.FAIR_VALUE: _control("own fair value", "USD", "value the package again from fresh quotes"),
    _C.COLLAR: _control("limit price", "USD", "price the order nearer to our own fair value"),
    _C.FAR_SIDE: _control("limit price", "USD", "do not pay through the far side of the quote"),
    _C.PRICE_GRID: _control("limit price", "USD", "round the limit to the price grid, passively"),
    _C.NOT_REDUCING: _control(
        "position after a REDUCE", "", "reduce only what is held, leg by leg", (Purpose.REDUCE,)
    ),
    _C.NOT_A_HEDGE: _control(
        "net delta after a HEDGE",
        "shares",
        "hedge with shares, towards zero delta and not beyond",
        (Purpose.HEDGE,),
    ),
    _C.HEDGE_VALUE: _control("hedge order value", "USD", _SMALLER, (Purpose.HEDGE,)),
    _C.ORDER_PREMIUM: _control("order premium", "USD", _SMALLER, (Purpose.OPEN, Purpose.REDUCE)),
    _C.ORDER_VEGA: _control(
        "order vega", "USD per point", _SMALLER, (Purpose.OPEN, Purpose.REDUCE)
    ),
    _C.ORDER_CONTRACTS: _control(
        "order contracts", "contracts", _SMALLER, (Purpose.OPEN, Purpose.REDUCE)
    ),
    _C.PACKAGE_PREMIUM: _control("package premium", "USD", _SMALLER_PLAN, OPEN),
    _C.PACKAGE_VEGA: _control("package vega", "USD per point", _SMALLER_PLAN, OPEN),
    _C.PACKAGE_CONTRACTS: _control("package contracts", "contracts", _SMALLER_PLAN, OPEN),
    _C.PROGRAM_PREMIUM: _control("program premium", "USD", _SMALLER_PLAN, OPEN),
    _C.PROGRAM_VEGA: _control("program gross vega", "USD per point", _SMALLER_PLAN, OPEN),
    _C.PROGRAM_CONTRACTS: _control("program contracts", "contracts", _SMALLER_PLAN, OPEN),
    _C.DAY_PREMIUM: _control("day's premium", "USD", _NEXT_DAY, OPEN),
    _C.DAY_VEGA: _control("day's gross vega", "USD per point", _NEXT_DAY, OPEN),
    _C.DAY_CONTRACTS: _control("day's contracts", "contracts", _NEXT_DAY, OPEN),
    _C.UNDERLYING_PREMIUM: _control("premium on one name", "USD", _REDUCE_FIRST, OPEN),
    _C.UNDERLYING_VEGA: _control("vega on one name", "USD per point", _REDUCE_FIRST, OPEN),
    _C.UNDERLYING_CONTRACTS: _control("contracts on one name", "contracts", _REDUCE_FIRST, OPEN),
    _C.BOOK_PREMIUM: _control("book premium", "USD", _REDUCE_FIRST, OPEN),
    _C.BOOK_VEGA: _control("book gross vega", "USD per point", _REDUCE_FIRST, OPEN),
    _C.BOOK_CONTRACTS: _control("book contracts", "contracts", _REDUCE_FIRST, OPEN),
    _C.DAY_PROGRAMS: _control("programs started today", "programs", _NEXT_DAY, OPEN),
    _C.MESSAGE_RATE: _control("messages in the last second", "messages", "send it a second later"),
    _C.MESSAGES_OF_ORDER: _control(
        "messages of this order", "messages", "leave the order where it is, or cancel it"
    ),
    _C.MESSAGES_OF_DAY: _control("messages today", "messages", _NEXT_DAY),
    _C.MESSAGE_EFFICIENCY: _control(
        "messages per executed order", "messages", "walk in fewer steps until orders execute", OPEN
    ),
    _C.REJECTS_IN_A_ROW: _control(
        "orders rejected by the broker in a row",
        "orders",
        "find out why the broker rejects, then resume with a reason",
        (Purpose.OPEN, Purpose.HEDGE),
    ),
}


def denials_table() -> str:
    """Render every code as the Markdown page of the documentation."""
    rows = [
        f"| `{code.value}` | {control.subject} | {control.unit or '–'} | "
        f"{', '.join(purpose.name for purpose in control.binds)} | {control.mend} |"
        for code, control in CONTROLS.items()
    ]
    return "\n".join(
        [
            "# Why the gate says no",
            "",
            "Generated from `dispersa.risk.codes`; do not edit. A CANCEL never comes to the gate.",
            "A control that can not be computed (missing, stale, NaN) has failed, with its code.",
            "",
            "| code | what is measured | unit | binds | mend |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
