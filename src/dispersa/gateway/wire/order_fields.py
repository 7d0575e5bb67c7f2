"""Which fields does an order have on the wire, of which kind, and how is each spelled unset?

The names are ours in snake_case; the sequences are those of ibkr-api.md 1.6 and 1.7. A field of
`Order` that the exchange needs has an attribute of its own, all others travel in `Order.echo`.
"""

import math
from enum import Enum

from dispersa.gateway.model import Order
from dispersa.gateway.wire import texts
from dispersa.gateway.wire.fields import MalformedField, as_integer, as_number


class Kind(Enum):
    """What a field holds."""

    TEXT = "text"
    INTEGER = "integer"
    DOUBLE = "double"
    FLAG = "flag"


def words(text: str) -> tuple[str, ...]:
    """Return the names in a table written as running text."""
    return tuple(text.split())


_INTEGERS = words(
    """
    origin display_size trigger_method short_sale_slot exempt_code auction_strategy
    volatility_type delta_neutral_con_id delta_neutral_short_sale_slot reference_price_type
    scale_init_level_size scale_subs_level_size scale_price_adjust_interval scale_init_position
    scale_init_fill_quantity reference_con_id adjustable_trailing_unit duration post_to_ats
    min_trade_quantity min_compete_size oca_type parent_id min_quantity
    """
)
_DOUBLES = words(
    """
    discretionary_amount percent_offset nbbo_price_cap starting_price stock_reference_price delta
    stock_range_lower stock_range_upper volatility delta_neutral_aux_price scale_price_increment
    scale_price_adjust_value scale_profit_offset pegged_change_amount reference_change_amount
    trigger_price limit_price_offset adjusted_stop_price adjusted_stop_limit_price
    adjusted_trailing_amount compete_against_best_offset mid_offset_at_whole mid_offset_at_half
    limit_price aux_price trail_stop_price trailing_percent cash_quantity
    """
)
_FLAGS = words(
    """
    transmit block_order sweep_to_fill outside_rth hidden all_or_none e_trade_only
    firm_quote_only override_percentage_constraints delta_neutral_short_sale continuous_update
    scale_auto_reset scale_random_percent opt_out_smart_routing not_held what_if solicited
    randomize_size randomize_price is_pegged_change_amount_decrease conditions_ignore_rth
    conditions_cancel_order dont_use_auto_price_for_hedge is_oms_container
    discretionary_up_to_limit_price use_price_management_algo auto_cancel_parent
    """
)
KINDS: dict[str, Kind] = {
    **dict.fromkeys(_INTEGERS, Kind.INTEGER),
    **dict.fromkeys(_DOUBLES, Kind.DOUBLE),
    **dict.fromkeys(_FLAGS, Kind.FLAG),
}

PLACE_HEAD = words(
    """
    action quantity order_type limit_price aux_price tif oca_group account open_close origin
    order_ref transmit parent_id block_order sweep_to_fill display_size trigger_method
    outside_rth hidden
    """
)
PLACE_ALLOCATION = words(
    """
    shares_allocation discretionary_amount good_after_time good_till_date fa_group fa_method
    fa_percentage
    """
)
PLACE_MIDDLE = words(
    """
    model_code short_sale_slot designated_location exempt_code oca_type rule_80a settling_firm
    all_or_none min_quantity percent_offset e_trade_only firm_quote_only nbbo_price_cap
    auction_strategy starting_price stock_reference_price delta stock_range_lower
    stock_range_upper override_percentage_constraints volatility volatility_type
    delta_neutral_order_type delta_neutral_aux_price
    """
)
DELTA_NEUTRAL = words(
    """
    delta_neutral_con_id delta_neutral_settling_firm delta_neutral_clearing_account
    delta_neutral_clearing_intent delta_neutral_open_close delta_neutral_short_sale
    delta_neutral_short_sale_slot delta_neutral_designated_location
    """
)
PLACE_TRAIL = words(
    """
    continuous_update reference_price_type trail_stop_price trailing_percent
    scale_init_level_size scale_subs_level_size scale_price_increment
    """
)
SCALE = words(
    """
    scale_price_adjust_value scale_price_adjust_interval scale_profit_offset scale_auto_reset
    scale_init_position scale_init_fill_quantity scale_random_percent
    """
)
PEG_BENCH = words(
    """
    reference_con_id is_pegged_change_amount_decrease pegged_change_amount
    reference_change_amount reference_exchange_id
    """
)
PLACE_ADJUSTED = words(
    """
    adjusted_order_type trigger_price limit_price_offset adjusted_stop_price
    adjusted_stop_limit_price adjusted_trailing_amount adjustable_trailing_unit ext_operator
    soft_dollar_name soft_dollar_value cash_quantity mifid2_decision_maker
    mifid2_decision_algo mifid2_execution_trader mifid2_execution_algo
    dont_use_auto_price_for_hedge is_oms_container discretionary_up_to_limit_price
    use_price_management_algo
    """
)
PLACE_TAIL = (
    (158, "duration"),
    (160, "post_to_ats"),
    (162, "auto_cancel_parent"),
    (166, "advanced_error_override"),
    (169, "manual_order_time"),
)
PEG_BENCH_TYPES = frozenset({"PEG BENCH", "PEGBENCH"})
PEG_BEST_TYPES = frozenset({"PEG BEST", "PEGBEST"})
PEG_MID_TYPES = frozenset({"PEG MID", "PEGMID"})
CONDITION_FIELDS = {1: 6, 3: 3, 4: 3, 5: 4, 6: 5, 7: 5}
"""How many fields follow the type of a price, time, margin, execution, volume, change condition."""
_PLAIN = frozenset({"0", "1"})


def normalized(name: str, text: str) -> str | None:
    """Return the text of field `name` in IBKR's spelling, None where it is unset.

    Raises `MalformedField` where the text is not of the field's kind.
    """
    kind = KINDS.get(name, Kind.TEXT)
    if kind is Kind.TEXT:
        return text or None
    if text in _PLAIN and kind is not Kind.DOUBLE:
        return text
    if kind is Kind.DOUBLE:
        number = as_number(text)
        if number is None:
            return None
        if math.isinf(number):
            return _infinite(name)
        return texts.double(number)
    if kind is Kind.FLAG:
        return {"true": "1", "false": "0"}.get(text.lower()) or _integer_text(text)
    return _integer_text(text)


def _infinite(name: str) -> str:
    if name != "compete_against_best_offset":
        raise MalformedField(f"{name}: infinity has no meaning here")
    return "Infinity"


def _integer_text(text: str) -> str | None:
    value = as_integer(text)
    return None if value is None else str(value)


def order_texts(order: Order) -> dict[str, str]:
    """Return every set field of an order by name, in IBKR's spelling."""
    known: dict[str, str | None] = {
        "action": order.action,
        "quantity": texts.plain(order.quantity),
        "order_type": order.order_type,
        "limit_price": _double(order.limit_price),
        "aux_price": _double(order.aux_price),
        "tif": order.tif,
        "oca_group": order.oca_group,
        "oca_type": str(order.oca_type) if order.oca_type else None,
        "account": order.account,
        "order_ref": order.order_ref,
        "parent_id": str(order.parent_id),
        "outside_rth": texts.flag(order.outside_rth),
        "all_or_none": texts.flag(order.all_or_none),
        "min_quantity": None if order.min_quantity is None else str(order.min_quantity),
        "good_after_time": order.good_after_time,
        "good_till_date": order.good_till_date,
        "trail_stop_price": _double(order.trail_stop_price),
        "trailing_percent": _double(order.trailing_percent),
        "cash_quantity": _double(order.cash_quantity),
        "what_if": texts.flag(order.what_if),
    }
    return {**order.echo, **{name: text for name, text in known.items() if text is not None}}


def _double(value: float | None) -> str | None:
    return None if value is None else texts.double(value)
