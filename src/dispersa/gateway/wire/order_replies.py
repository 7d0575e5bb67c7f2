"""How do orders, their progress and their executions look on the wire?"""

from dataclasses import replace

from dispersa.gateway import events
from dispersa.gateway.model import BAG_CON_ID, ComboLeg, Contract, Order, OrderState, SecType
from dispersa.gateway.wire import order_fields as names
from dispersa.gateway.wire.texts import (
    UNSET_DOUBLE,
    UNSET_INTEGER,
    UNSET_LONG,
    double,
    escaped,
    escaped_message,
    flag,
    message,
    optional_double,
    plain,
    strike,
)
from dispersa.gateway.wire.times import stamp, zoned

Defaults = tuple[tuple[str, str], ...]


def _defaults(text: str) -> Defaults:
    """Read `name=unset` pairs; `I`, `D` and nothing stand for unset integer, double and text."""
    spelled = {"I": UNSET_INTEGER, "D": UNSET_DOUBLE}
    pairs = (entry.partition("=") for entry in text.split())
    return tuple((name, spelled.get(unset, unset)) for name, _, unset in pairs)


_TERMS = _defaults(
    """
    action= quantity=0 order_type= limit_price=0.0 aux_price=0.0 tif= oca_group= account=
    open_close= origin=0 order_ref=
    """
)
_TIMING = _defaults("outside_rth=0 hidden=0 discretionary_amount=0 good_after_time=")
_ADVISOR = _defaults("fa_group= fa_method= fa_percentage=")
_RULES = _defaults(
    """
    model_code= good_till_date= rule_80a= percent_offset= settling_firm= short_sale_slot=0
    designated_location= exempt_code=-1
    """
)
_OPEN_SHAPE = _defaults(
    """
    auction_strategy=0 starting_price= stock_reference_price= delta= stock_range_lower=
    stock_range_upper= display_size=I block_order=0 sweep_to_fill=0 all_or_none=0 min_quantity=
    oca_type=3 e_trade_only=0 firm_quote_only=0 nbbo_price_cap= parent_id=0 trigger_method=0
    volatility= volatility_type=0 delta_neutral_order_type=None delta_neutral_aux_price=
    """
)
_COMPLETED_SHAPE = _defaults(
    """
    starting_price= stock_reference_price= delta= stock_range_lower= stock_range_upper=
    display_size=I sweep_to_fill=0 all_or_none=0 min_quantity= oca_type=3 trigger_method=0
    volatility= volatility_type=0 delta_neutral_order_type=None delta_neutral_aux_price=
    """
)
_OPEN_NEUTRAL = _defaults(
    """
    delta_neutral_con_id=0 delta_neutral_settling_firm= delta_neutral_clearing_account=
    delta_neutral_clearing_intent= delta_neutral_open_close=? delta_neutral_short_sale=0
    delta_neutral_short_sale_slot=0 delta_neutral_designated_location=
    """
)
_COMPLETED_NEUTRAL = _defaults(
    """
    delta_neutral_con_id=0 delta_neutral_short_sale=0 delta_neutral_short_sale_slot=0
    delta_neutral_designated_location=
    """
)
_TRAIL = _defaults("continuous_update=0 reference_price_type=0 trail_stop_price= trailing_percent=")
_SCALE_LEVELS = _defaults("scale_init_level_size=I scale_subs_level_size=I scale_price_increment=")
_SCALE = _defaults(
    """
    scale_price_adjust_value=D scale_price_adjust_interval=I scale_profit_offset=D
    scale_auto_reset=0 scale_init_position=I scale_init_fill_quantity=I scale_random_percent=0
    """
)
_CLEARING = _defaults("clearing_account= clearing_intent=IB not_held=0")
_BASIS_POINTS = _defaults("basis_points= basis_points_type=")
_COMPLETED_TAIL = _defaults(
    """
    trail_stop_price=D limit_price_offset=D cash_quantity=0 dont_use_auto_price_for_hedge=1
    is_oms_container=0
    """
)
_RANDOM = _defaults("randomize_size=0 randomize_price=0")
_PEG_BENCH = _defaults(
    """
    reference_con_id=0 is_pegged_change_amount_decrease=0 pegged_change_amount=0.0
    reference_change_amount=0.0 reference_exchange_id=
    """
)
_CONDITION_RULES = _defaults("conditions_ignore_rth=0 conditions_cancel_order=0")
_ADJUSTED = _defaults(
    """
    adjusted_order_type=None trigger_price=D trail_stop_price=D limit_price_offset=D
    adjusted_stop_price=D adjusted_stop_limit_price=D adjusted_trailing_amount=D
    adjustable_trailing_unit=0 soft_dollar_name= soft_dollar_value= soft_dollar_display_name=
    cash_quantity=0 dont_use_auto_price_for_hedge=1 is_oms_container=0
    discretionary_up_to_limit_price=0 use_price_management_algo=0
    """
)
_OPEN_TAIL = ((158, "duration", ""), (160, "post_to_ats", ""), (162, "auto_cancel_parent", "0"))
_PEG = _defaults(
    """
    min_trade_quantity= min_compete_size= compete_against_best_offset= mid_offset_at_whole=
    mid_offset_at_half=
    """
)
_ZERO_MEANS_UNSET = frozenset({"display_size", "oca_type"})
_SHAREHOLDER = "Not an insider or substantial shareholder"


class _Writing:
    """One order message while it is written."""

    def __init__(self, contract: Contract, order: Order, version: int) -> None:
        self.out: list[str] = []
        self._contract = contract
        self._order = order
        self._texts = names.order_texts(order)
        for name in _ZERO_MEANS_UNSET:
            if self._texts.get(name) == "0":
                del self._texts[name]
        self._version = version

    def add(self, *texts: str) -> None:
        self.out.extend(texts)

    def write(self, defaults: Defaults) -> None:
        get = self._texts.get
        self.out += [get(name, unset) for name, unset in defaults]

    def contract(self) -> None:
        c = self._contract if self._contract.sec_type != SecType.BAG else _as_bag(self._contract)
        self.add(str(c.con_id), c.symbol, c.sec_type, c.last_trade_date, strike(c.strike))
        self.add(c.right or "?", c.multiplier, c.exchange, c.currency, c.local_symbol)
        self.add(c.trading_class)

    def advisor(self) -> None:
        self.write(_ADVISOR)
        if self._version < 177:
            self.write((("fa_profile", ""),))

    def neutral_and_trail(self, shape: Defaults, neutral: Defaults) -> None:
        self.write(shape)
        self.write(neutral)
        self.write(_TRAIL)

    def legs(self) -> None:
        legs, order = self._contract.combo_legs, self._order
        self.add(self._contract.combo_legs_description or _description(legs), str(len(legs)))
        for leg in legs:
            self.add(str(leg.con_id), str(leg.ratio), leg.action, leg.exchange)
            self.add(str(leg.open_close), str(leg.short_sale_slot), leg.designated_location)
            self.add(str(leg.exempt_code))
        self.add(str(len(order.combo_leg_prices)))
        self.add(*(optional_double(price) for price in order.combo_leg_prices))
        self._pairs(order.smart_combo_routing)

    def scale_and_hedge(self) -> None:
        self.write(_SCALE_LEVELS)
        if self.out[-1] and float(self.out[-1]) > 0.0:
            self.write(_SCALE)
        self.write((("hedge_type", ""),))
        if self.out[-1]:
            self.write((("hedge_param", ""),))

    def neutral_contract_and_algo(self) -> None:
        neutral = self._contract.delta_neutral
        self.add(flag(neutral))
        if neutral is not None:
            self.add(str(neutral.con_id), double(neutral.delta), double(neutral.price))
        self.add(self._order.algo_strategy)
        if self._order.algo_strategy:
            self._pairs(self._order.algo_params)
        self.write((("solicited", "0"),))

    def conditions(self) -> None:
        self.write(_RANDOM)
        if self._order.order_type in names.PEG_BENCH_TYPES:
            self.write(_PEG_BENCH)
        self.add(str(len(self._order.conditions)))
        for condition in self._order.conditions:
            self.add(*condition)
        if self._order.conditions:
            self.write(_CONDITION_RULES)

    def peg(self) -> None:
        if self._version >= 170:
            self.write(_PEG)

    def _pairs(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self.add(str(len(pairs)))
        for tag, value in pairs:
            self.add(tag, value)

    def finish(self) -> bytes:
        return escaped_message(self.out)


def _as_bag(contract: Contract) -> Contract:
    """Return a BAG as IBKR names it, whatever the client called it."""
    text = str(BAG_CON_ID)
    return replace(contract, con_id=BAG_CON_ID, local_symbol=text, trading_class="COMB")


def _description(legs: tuple[ComboLeg, ...]) -> str:
    signed = (f"{leg.con_id}|{leg.ratio if leg.action == 'BUY' else -leg.ratio}" for leg in legs)
    return ",".join(signed)


def open_order(event: events.OpenOrder, version: int) -> bytes:
    """Return message 5."""
    order = event.order
    writing = _Writing(event.contract, order, version)
    writing.add("5", str(event.order_id))
    writing.contract()
    writing.write(_TERMS)
    writing.add(str(event.client_id), str(event.perm_id))
    writing.write(_TIMING)
    writing.add(f"{event.perm_id}.0/{order.account}/{plain(order.quantity)}")
    writing.advisor()
    writing.write(_RULES)
    writing.neutral_and_trail(_OPEN_SHAPE, _OPEN_NEUTRAL)
    writing.write(_BASIS_POINTS)
    writing.legs()
    writing.scale_and_hedge()
    writing.write((("opt_out_smart_routing", "0"), *_CLEARING))
    writing.neutral_contract_and_algo()
    writing.add(flag(order.what_if), *_state(event.state))
    writing.conditions()
    writing.write(_ADJUSTED)
    writing.write(tuple((name, unset) for v, name, unset in _OPEN_TAIL if version >= v))
    writing.peg()
    return writing.finish()


def _state(state: OrderState) -> list[str]:
    margins = (
        state.init_margin_before,
        state.maint_margin_before,
        state.equity_with_loan_before,
        state.init_margin_change,
        state.maint_margin_change,
        state.equity_with_loan_change,
        state.init_margin_after,
        state.maint_margin_after,
        state.equity_with_loan_after,
    )
    commissions = (state.commission, state.min_commission, state.max_commission)
    return [
        state.status,
        *map(optional_double, margins),
        *(optional_double(commission, "") for commission in commissions),
        state.commission_currency,
        state.warning_text,
    ]


def completed_order(event: events.CompletedOrder, version: int) -> bytes:
    """Return message 101."""
    opened, order = event.order, event.order.order
    writing = _Writing(opened.contract, order, version)
    writing.add("101")
    writing.contract()
    writing.write(_TERMS)
    writing.add(str(opened.perm_id))
    writing.write(_TIMING)
    writing.advisor()
    writing.write(_RULES)
    writing.neutral_and_trail(_COMPLETED_SHAPE, _COMPLETED_NEUTRAL)
    writing.legs()
    writing.scale_and_hedge()
    writing.write(_CLEARING)
    writing.neutral_contract_and_algo()
    writing.add(opened.state.status)
    writing.conditions()
    writing.write(_COMPLETED_TAIL)
    writing.add("", plain(event.filled), UNSET_INTEGER)
    writing.write((("auto_cancel_parent", "0"),))
    writing.add(_SHAREHOLDER, "0", "0", UNSET_LONG)
    writing.add(zoned(event.completed_time), event.completed_status)
    writing.peg()
    return writing.finish()


def order_status(event: events.OrderStatus) -> bytes:
    """Return message 3."""
    return message(
        "3",
        str(event.order_id),
        event.status,
        plain(event.filled),
        plain(event.remaining),
        _price(event.average_fill_price),
        str(event.perm_id),
        str(event.parent_id),
        _price(event.last_fill_price),
        str(event.client_id),
        event.why_held,
        _price(event.market_cap_price),
    )


def _price(value: float) -> str:
    """Spell a price as orderStatus does, where none is a plain 0."""
    return double(value) if value else "0"


def execution(event: events.Execution, request_id: int, version: int) -> bytes:
    """Return message 11; `request_id` is -1 for a live execution."""
    c = event.contract
    is_bag = c.sec_type == SecType.BAG
    tail = [flag(event.pending_price_revision)] if version >= 178 else []
    return message(
        "11",
        str(request_id),
        str(event.order_id),
        str(c.con_id),
        c.symbol,
        c.sec_type,
        c.last_trade_date,
        double(c.strike),
        c.right,
        "" if is_bag else c.multiplier,
        c.exchange,
        c.currency,
        c.local_symbol,
        c.trading_class,
        event.exec_id,
        stamp(event.time, version),
        event.account,
        event.exchange,
        event.side,
        plain(event.shares),
        double(event.price),
        str(event.perm_id),
        str(event.client_id),
        "0",
        plain(event.cumulative_quantity),
        double(event.average_price),
        escaped(event.order_ref),
        "",
        "",
        "",
        str(event.last_liquidity),
        *tail,
    )


def commission_report(event: events.CommissionReport) -> bytes:
    """Return message 59."""
    return message(
        "59",
        "1",
        event.exec_id,
        double(event.commission),
        event.currency,
        optional_double(event.realized_pnl),
        UNSET_DOUBLE,
        "",
    )


def order_bound(perm_id: int, client_id: int, order_id: int) -> bytes:
    """Return message 100."""
    return message("100", str(perm_id), str(client_id), str(order_id))
