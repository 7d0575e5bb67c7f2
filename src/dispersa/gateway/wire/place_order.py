"""What order does a placeOrder message describe?"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from dispersa.gateway.model import ComboLeg, Contract, DeltaNeutral, Order, SecType
from dispersa.gateway.wire import order_fields as names
from dispersa.gateway.wire.fields import Fields, MalformedField, as_integer, as_number
from dispersa.gateway.wire.order_fields import normalized, words
from dispersa.gateway.wire.requests import PlaceOrder

_ATTRIBUTES = frozenset(
    words(
        """
    action quantity order_type limit_price aux_price tif oca_group oca_type account order_ref
    transmit parent_id outside_rth all_or_none min_quantity good_after_time good_till_date
    trail_stop_price trailing_percent cash_quantity what_if
    """
    )
)


def decode_place_order(
    fields: Fields, contract: Contract, version: int, order_id: int
) -> PlaceOrder:
    """Read the rest of a placeOrder message, after its contract fields."""
    return _Reading(fields, contract, version).place_order(order_id)


class _Reading:
    """One message while it is read: values by name, and the parts that repeat."""

    def __init__(self, fields: Fields, contract: Contract, version: int) -> None:
        self._fields = fields
        self._version = version
        self._contract = contract
        self._values: dict[str, str] = {}
        self._legs: tuple[ComboLeg, ...] = ()
        self._leg_prices: tuple[float | None, ...] = ()
        self._routing: tuple[tuple[str, str], ...] = ()
        self._delta_neutral: DeltaNeutral | None = None
        self._algo_params: tuple[tuple[str, str], ...] = ()
        self._conditions: tuple[tuple[str, ...], ...] = ()

    def place_order(self, order_id: int) -> PlaceOrder:
        self._read_head()
        self._read_middle()
        self._read_routing()
        self._read_conditions()
        self._read_tail()
        return PlaceOrder(order_id=order_id, contract=self._whole_contract(), order=self._order())

    def _read(self, wanted: Sequence[str]) -> None:
        for name, raw in zip(wanted, self._fields.texts(len(wanted)), strict=True):
            if not raw:
                continue  # unset, whatever the field holds
            text = raw if name == "quantity" else normalized(name, raw)
            if text is not None:
                self._values[name] = text

    def _read_head(self) -> None:
        self._read(names.PLACE_HEAD)
        if self._contract.sec_type == SecType.BAG:
            self._legs = tuple(self._leg() for _ in range(self._fields.count()))
            self._leg_prices = tuple(self._fields.number() for _ in range(self._fields.count()))
            self._routing = self._fields.pairs(self._fields.count())
        self._read(names.PLACE_ALLOCATION)
        if self._version < 177:
            self._read(["fa_profile"])

    def _leg(self) -> ComboLeg:
        fields = self._fields
        return ComboLeg(
            con_id=fields.integer(),
            ratio=fields.integer(),
            action=fields.text(),
            exchange=fields.text(),
            open_close=fields.integer(),
            short_sale_slot=fields.integer(),
            designated_location=fields.text(),
            exempt_code=fields.integer(unset=-1),
        )

    def _read_middle(self) -> None:
        self._read(names.PLACE_MIDDLE)
        if self._values.get("delta_neutral_order_type"):
            self._read(names.DELTA_NEUTRAL)
        self._read(names.PLACE_TRAIL)
        if (as_number(self._values.get("scale_price_increment", "")) or 0.0) > 0.0:
            self._read(names.SCALE)
        self._read(["scale_table", "active_start_time", "active_stop_time", "hedge_type"])
        if self._values.get("hedge_type"):
            self._read(["hedge_param"])

    def _read_routing(self) -> None:
        fields = self._fields
        self._read(["opt_out_smart_routing", "clearing_account", "clearing_intent", "not_held"])
        if fields.flag():
            self._delta_neutral = DeltaNeutral(
                con_id=fields.integer(),
                delta=fields.number() or 0.0,
                price=fields.number() or 0.0,
            )
        self._read(["algo_strategy"])
        if self._values.get("algo_strategy"):
            self._algo_params = fields.pairs(fields.count())
        self._read(["algo_id", "what_if", "order_misc_options", "solicited"])
        self._read(["randomize_size", "randomize_price"])

    def _read_conditions(self) -> None:
        if self._values.get("order_type") in names.PEG_BENCH_TYPES:
            self._read(names.PEG_BENCH)
        self._conditions = tuple(self._condition() for _ in range(self._fields.count()))
        if self._conditions:
            self._read(["conditions_ignore_rth", "conditions_cancel_order"])

    def _condition(self) -> tuple[str, ...]:
        kind = self._fields.integer()
        if kind not in names.CONDITION_FIELDS:
            raise MalformedField(f"condition type {kind} is unknown")
        rest = (self._fields.text() for _ in range(names.CONDITION_FIELDS[kind]))
        return (str(kind), *rest)

    def _read_tail(self) -> None:
        self._read(names.PLACE_ADJUSTED)
        self._read([name for version, name in names.PLACE_TAIL if self._version >= version])
        if self._version < 170:
            return
        if self._contract.exchange == "IBKRATS":
            self._read(["min_trade_quantity"])
        order_type = self._values.get("order_type")
        mid_offsets = order_type in names.PEG_MID_TYPES
        if order_type in names.PEG_BEST_TYPES:
            self._read(["min_compete_size", "compete_against_best_offset"])
            mid_offsets = self._values.get("compete_against_best_offset") == "Infinity"
        if mid_offsets:
            self._read(["mid_offset_at_whole", "mid_offset_at_half"])

    def _whole_contract(self) -> Contract:
        if not self._legs and self._delta_neutral is None:
            return self._contract
        return replace(self._contract, combo_legs=self._legs, delta_neutral=self._delta_neutral)

    def _order(self) -> Order:
        get = self._values.get
        return Order(
            action=get("action", ""),
            quantity=_quantity(get("quantity", "")),
            order_type=get("order_type", ""),
            limit_price=as_number(get("limit_price", "")),
            aux_price=as_number(get("aux_price", "")),
            tif=get("tif", ""),
            oca_group=get("oca_group", ""),
            oca_type=as_integer(get("oca_type", "")) or 0,
            account=get("account", ""),
            order_ref=get("order_ref", ""),
            transmit=get("transmit") == "1",
            parent_id=as_integer(get("parent_id", "")) or 0,
            outside_rth=get("outside_rth") == "1",
            all_or_none=get("all_or_none") == "1",
            min_quantity=as_integer(get("min_quantity", "")),
            good_after_time=get("good_after_time", ""),
            good_till_date=get("good_till_date", ""),
            trail_stop_price=as_number(get("trail_stop_price", "")),
            trailing_percent=as_number(get("trailing_percent", "")),
            cash_quantity=as_number(get("cash_quantity", "")),
            combo_leg_prices=self._leg_prices,
            smart_combo_routing=self._routing,
            algo_strategy=get("algo_strategy", ""),
            algo_params=self._algo_params,
            conditions=self._conditions,
            what_if=get("what_if") == "1",
            echo={k: v for k, v in self._values.items() if k not in _ATTRIBUTES},
        )


def _quantity(text: str) -> Decimal:
    return Fields(text.encode()).quantity() or Decimal(0) if text else Decimal(0)
