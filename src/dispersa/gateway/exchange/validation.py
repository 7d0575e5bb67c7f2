"""May this order be taken at all?

Refusals carry IB's codes: 200 unknown contract, 110 price off the tick grid or of the wrong sign,
312 to 315 and 321 malformed combos and requests, 387 order type, 201 what the exchange declines,
10043 and 10058 non-guaranteed combos. A combo without legs is 321; that one whose leg names no
contract is 314 (IBKR: a BAG requires combo leg details) is ours, the case is not verified.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dispersa.gateway.exchange.directory import Directory, exchanges_of
from dispersa.gateway.exchange.nbbo import ComboPart, signed
from dispersa.gateway.exchange.orders import LIMIT_TYPES, WorkingOrder
from dispersa.gateway.exchange.rules import combo_rule, conforms, rule_at
from dispersa.gateway.exchange.switches import Switches
from dispersa.gateway.model import Action, ComboLeg, Contract, Order, Refusal, SecType
from dispersa.gateway.world.calendar import NEW_YORK

LEGS_MIN, LEGS_MAX = 2, 4
_RATIO_MAX = 100_000
_PRICE_MAX = 1e7
_TIFS = frozenset({"DAY", "GTC", "IOC", "GTD", ""})
_TYPES = frozenset({"LMT", "MKT"})
_COMBO_TYPES = frozenset({"REL + LMT", "LMT + MKT", "REL + MKT"})
_EXCHANGES = frozenset({"", "SMART"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An order that passed: its parts, signed as when the order's contract is bought."""

    contract: Contract
    parts: tuple[ComboPart, ...]
    expires: datetime | None = None
    starts: datetime | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What orders are checked against."""

    directory: Directory
    account: str
    rules: Switches


def check(desk: Desk, contract: Contract, order: Order) -> Ticket | Refusal:
    """Return the order's parts, or why it can not be taken."""
    for refusal in (
        _check_terms(desk.account, order),
        _check_type(desk.rules, contract, order),
        _check_limits(desk.rules, contract, order),
    ):
        if refusal is not None:
            return refusal
    found = _parts(desk, contract, order)
    if isinstance(found, Refusal):
        return found
    full, parts = found
    refusal = _check_quantity(order) or _check_price(full, parts, order)
    if refusal is not None:
        return refusal
    return _with_times(full, parts, order)


def _invalid(cause: str) -> Refusal:
    return Refusal(code=321, text=f"Error validating request:-'bT' : cause - {cause}")


def _check_terms(account: str, order: Order) -> Refusal | None:
    if order.action not in (Action.BUY, Action.SELL, "SSHORT"):
        return _invalid(f"Invalid side: {order.action}")
    if order.account not in ("", account):
        return _invalid(f"Invalid account code '{order.account}'.")
    if order.tif not in _TIFS:
        return _invalid(f"Invalid time in force: {order.tif}")
    if order.tif == "GTD" and not order.good_till_date:
        return _invalid("Good-till date is missing")
    return None


def _check_type(rules: Switches, contract: Contract, order: Order) -> Refusal | None:
    is_limit = order.order_type in LIMIT_TYPES
    if order.order_type in _COMBO_TYPES:
        is_taken = contract.sec_type == SecType.BAG and rules.combo_types != "refused"
    else:
        is_taken = order.order_type in _TYPES
    if not is_taken or order.algo_strategy or order.conditions:
        return Refusal(
            code=387,
            text="Unsupported order type for this exchange and security type: "
            f"{order.algo_strategy or order.order_type}",
        )
    if is_limit and order.limit_price is None:
        return _invalid("Limit price is missing")
    if is_limit and abs(order.limit_price or 0.0) > _PRICE_MAX:
        return _invalid(f"Limit price {order.limit_price} is out of range")
    return None


def _check_limits(rules: Switches, contract: Contract, order: Order) -> Refusal | None:
    """Apply the limits of the login, which are none unless they are switched on."""
    if contract.sec_type == rules.not_permitted:
        return Refusal(code=460, text=f"No trading permissions for {contract.sec_type}")
    if rules.order_size_max != "none" and order.quantity > Decimal(rules.order_size_max):
        return Refusal(
            code=383,
            text=f"The order size {order.quantity} exceeds the size limit of "
            f"{rules.order_size_max}.",
        )
    return None


def warnings(
    rules: Switches, contract: Contract, order: Order, held: WorkingOrder
) -> list[tuple[int, str]]:
    """Return codes and sentences about an order that was taken all the same."""
    found = []
    if order.outside_rth and contract.sec_type == SecType.BAG:
        text = "Attribute 'Outside Regular Trading Hours' is ignored for combos; the order works"
        found.append((2109, f"Order Event Warning:{text}"))
    if not order.tif and rules.tif_preset == "told":
        found.append((10349, "Order TIF was set to DAY based on order preset."))
    if held.why_held:
        found.append((404, "Shares for this order are not immediately available for short sale."))
    return found


def _check_quantity(order: Order) -> Refusal | None:
    if order.quantity <= 0 or order.quantity != order.quantity.to_integral_value():
        return _invalid(f"Order size {order.quantity} is not a whole number above zero")
    if order.quantity > Decimal(100_000_000):
        return Refusal(code=201, text=f"Order rejected - reason:size {order.quantity} too large")
    return None


# -- contracts and combos ------------------------------------------------------------------------


def _parts(
    desk: Desk, contract: Contract, order: Order
) -> tuple[Contract, tuple[ComboPart, ...]] | Refusal:
    if contract.sec_type == SecType.BAG:
        legs = combo_parts(desk.directory, contract, int(desk.rules.combo_legs_max))
        if isinstance(legs, Refusal):
            return legs
        return _check_guarantee(legs, order, desk.rules) or (contract, legs)
    found = desk.directory.resolve(contract)
    if isinstance(found, Refusal):
        return found
    if found.sec_type is SecType.INDEX:
        return Refusal(code=201, text="Order rejected - reason:An index can not be traded")
    if found.contract.currency != "USD":
        return Refusal(
            code=201,
            text="Order rejected - reason:The account holds US dollars only; "
            f"{found.contract.local_symbol} is quoted in {found.contract.currency}",
        )
    full = found.contract
    if contract.exchange in exchanges_of(found):
        full = replace(full, exchange=contract.exchange)
    return full, (ComboPart(instrument=found, ratio=1),)


def combo_parts(
    directory: Directory, contract: Contract, legs_max: int = LEGS_MAX
) -> tuple[ComboPart, ...] | Refusal:
    """Return the legs of a combo, ratios signed as when it is bought, or why it is malformed."""
    legs = contract.combo_legs
    if not legs:
        return _invalid("Combo contract has no legs")
    if not LEGS_MIN <= len(legs) <= legs_max:
        return Refusal(
            code=312,
            text=f"The combo details are invalid: {len(legs)} legs, expected {LEGS_MIN} to "
            f"{legs_max}",
        )
    if contract.exchange not in _EXCHANGES:
        return Refusal(
            code=315, text="Combo legs are restricted to SMART order routing in this gateway"
        )
    parts: list[ComboPart] = []
    for number, leg in enumerate(legs, start=1):
        part = _leg(directory, leg, number)
        if isinstance(part, Refusal):
            return part
        parts.append(part)
    return _check_legs(contract, parts) or tuple(parts)


def _leg(directory: Directory, leg: ComboLeg, number: int) -> ComboPart | Refusal:
    def bad(why: str) -> Refusal:
        return Refusal(code=313, text=f"The combo details for leg '{number}' are invalid: {why}")

    if leg.con_id <= 0:
        return Refusal(
            code=314,
            text=f"Security type 'BAG' requires combo leg details: leg {number} has no contract id",
        )
    found = directory.by_id(leg.con_id)
    if found is None:
        return bad(f"no contract with id {leg.con_id}")
    if not 1 <= leg.ratio <= _RATIO_MAX:
        return bad(f"ratio {leg.ratio}")
    if leg.action not in (Action.BUY, Action.SELL, "SSHORT"):
        return bad(f"side {leg.action!r}")
    if found.sec_type not in (SecType.OPTION, SecType.STOCK):
        return bad(f"a leg of type {found.sec_type}")
    if found.sec_type is SecType.STOCK and leg.exchange not in _EXCHANGES:
        return Refusal(code=315, text="Stock combo legs are restricted to SMART order routing")
    return ComboPart(instrument=found, ratio=signed(leg.action) * leg.ratio)


def _check_legs(contract: Contract, parts: list[ComboPart]) -> Refusal | None:
    ids = [part.instrument.con_id for part in parts]
    if len(set(ids)) != len(ids):
        return Refusal(code=312, text="The combo details are invalid: a leg is named twice")
    symbols = {part.instrument.symbol for part in parts}
    if contract.symbol and contract.symbol not in symbols and "," not in contract.symbol:
        return Refusal(
            code=312,
            text=f"The combo details are invalid: symbol {contract.symbol} is none of the legs'",
        )
    return None


def _check_guarantee(parts: tuple[ComboPart, ...], order: Order, rules: Switches) -> Refusal | None:
    """Apply the rules for guaranteed and non-guaranteed combos (ibkr-api.md 3.4)."""
    kinds = [part.instrument.sec_type for part in parts]
    non_guaranteed = order.is_non_guaranteed
    many = len({part.instrument.symbol for part in parts}) > 1
    if many and not non_guaranteed and rules.combo_of_many_underlyings != "allowed":
        return Refusal(
            code=int(rules.combo_of_many_underlyings),
            text="The combo details are invalid: a guaranteed combo has one underlying",
        )
    if order.tif == "GTD" and not non_guaranteed and rules.combo_good_till_date == "refused":
        return _invalid("Invalid time in force: GTD for a guaranteed combo")
    if all(kind is SecType.STOCK for kind in kinds) and not non_guaranteed:
        return Refusal(code=10043, text="Invalid NonGuaranteed value of 0 for a stock combo")
    if non_guaranteed and len(parts) > LEGS_MIN:
        return Refusal(
            code=10043, text="Invalid NonGuaranteed value of 1 for a combo of more than two legs"
        )
    prices = [price for price in order.combo_leg_prices if price is not None]
    if prices and (not non_guaranteed or len(parts) != LEGS_MIN):
        return Refusal(code=10058, text="Per-leg prices are not allowed for this combo order")
    return None


# -- prices and times ----------------------------------------------------------------------------


def _check_price(contract: Contract, parts: tuple[ComboPart, ...], order: Order) -> Refusal | None:
    price = order.limit_price
    if order.order_type not in LIMIT_TYPES or price is None:
        return None
    bad = Refusal(
        code=110,
        text="The price does not conform to the minimum price variation for this contract.",
    )
    if contract.sec_type != SecType.BAG:
        single = rule_at(parts[0].instrument, contract.exchange)
        return None if price > 0.0 and conforms(single, price) else bad
    only_bought = all(part.ratio > 0 for part in parts)
    only_sold = all(part.ratio < 0 for part in parts)
    # A combo that is all debit can not have a negative price, nor one that is all credit a debit.
    if (only_bought and price <= 0.0) or (only_sold and price >= 0.0):
        return bad
    net = combo_rule([part.instrument for part in parts])
    return None if conforms(net, price) else bad


def _with_times(contract: Contract, parts: tuple[ComboPart, ...], order: Order) -> Ticket | Refusal:
    expires = starts = None
    if order.tif == "GTD":
        expires = parse_instant(order.good_till_date)
        if expires is None:
            return _invalid(f"Good-till date '{order.good_till_date}' is not readable")
    if order.good_after_time:
        starts = parse_instant(order.good_after_time)
        if starts is None:
            return _invalid(f"Good-after time '{order.good_after_time}' is not readable")
    return Ticket(contract=contract, parts=parts, expires=expires, starts=starts)


def parse_instant(text: str) -> datetime | None:
    """Return the instant of `YYYYMMDD HH:MM:SS [zone]`, `YYYYMMDD-HH:MM:SS` (UTC) or a date.

    Without a zone the time is New York's; a date alone means the end of that day.
    """
    text = text.strip()
    for form, zone in (("%Y%m%d-%H:%M:%S", UTC), ("%Y%m%d %H:%M:%S", NEW_YORK)):
        try:
            return datetime.strptime(text, form).replace(tzinfo=zone)
        except ValueError:
            continue
    if len(text) == 8 and text.isdigit():
        return parse_instant(f"{text} 23:59:59")
    stamp, _, name = text.rpartition(" ")
    try:
        return datetime.strptime(stamp, "%Y%m%d %H:%M:%S").replace(tzinfo=ZoneInfo(name))
    except (ValueError, ZoneInfoNotFoundError):
        return None
