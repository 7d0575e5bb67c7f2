"""Which request does a client's message contain?"""

from collections.abc import Callable
from dataclasses import replace

from dispersa.gateway.events import ExecutionFilter
from dispersa.gateway.model import ComboLeg, Contract, DeltaNeutral, SecType
from dispersa.gateway.wire import requests as r
from dispersa.gateway.wire.fields import Fields, MalformedField, as_integer
from dispersa.gateway.wire.place_order import decode_place_order
from dispersa.gateway.wire.times import parse_time
from dispersa.gateway.wire.unsupported import unsupported

_VERSION_FIELDS_BEFORE_ID = {
    r.Cancelable.ACCOUNT_SUMMARY: (63, 1),
    r.Cancelable.ACCOUNT_UPDATES_MULTI: (77, 1),
    r.Cancelable.POSITIONS_MULTI: (75, 1),
    r.Cancelable.MARKET_DATA: (2, 1),
    r.Cancelable.TICK_BY_TICK: (98, 0),
    r.Cancelable.HISTORICAL_DATA: (25, 1),
    r.Cancelable.HEAD_TIMESTAMP: (90, 0),
    r.Cancelable.IMPLIED_VOL: (56, 1),
    r.Cancelable.OPTION_PRICE: (57, 1),
    r.Cancelable.PNL: (93, 0),
    r.Cancelable.PNL_SINGLE: (95, 0),
}


def decode(payload: bytes, version: int) -> r.Request:
    """Read one message of a client that talks at server version `version`.

    Raises `MalformedField` where a field is missing or senseless; an unknown message id is a
    request of its own, `Unknown`.
    """
    fields = Fields(payload)
    text = fields.text()
    number = as_integer(text) if text.isdecimal() else None
    if number in _PLAIN:
        return _PLAIN[number]
    if number in _CANCELS:
        return _cancel(fields, number)
    if number is not None and (aside := unsupported(fields, number)) is not None:
        return aside
    decoder = _DECODERS.get(number) if number is not None else None
    return r.Unknown(message_id=text[:20]) if decoder is None else decoder(fields, version)


def request_id_of(payload: bytes) -> int:
    """Guess the request id of a message that could not be read; -1 where there is none."""
    try:
        fields = Fields(payload[:_ID_BYTES_MAX])
        number = fields.integer()
        for _ in range(_FIELDS_BEFORE_ID.get(number, 0)):
            fields.text()
        return fields.integer(unset=-1) if number in _FIELDS_BEFORE_ID else -1
    except MalformedField:
        return -1


def _cancel(fields: Fields, number: int) -> r.Request:
    what, skipped = _CANCELS[number]
    for _ in range(skipped):
        fields.text()
    return r.Cancel(what=what, request_id=fields.integer())


def _contract(fields: Fields) -> Contract:
    return Contract(
        con_id=fields.integer(),
        symbol=fields.text(),
        sec_type=fields.text(),
        last_trade_date=fields.text(),
        strike=fields.number() or 0.0,
        right=_right(fields.text()),
        multiplier=fields.text(),
        exchange=fields.text(),
        primary_exchange=fields.text(),
        currency=fields.text(),
        local_symbol=fields.text(),
        trading_class=fields.text(),
    )


def _right(text: str) -> str:
    return {"CALL": "C", "PUT": "P", "?": "", "0": ""}.get(text.upper(), text.upper())


def _contract_or_expired(fields: Fields) -> Contract:
    return replace(_contract(fields), include_expired=fields.flag())


def _legs(fields: Fields) -> tuple[ComboLeg, ...]:
    return tuple(
        ComboLeg(
            con_id=fields.integer(),
            ratio=fields.integer(),
            action=fields.text(),
            exchange=fields.text(),
        )
        for _ in range(fields.count())
    )


def _start_api(fields: Fields, _version: int) -> r.Request:
    fields.text()
    return r.StartApi(client_id=fields.integer())


def _market_data_type(fields: Fields, _version: int) -> r.Request:
    fields.text()
    return r.SetMarketDataType(kind=fields.integer())


def _account_summary(fields: Fields, _version: int) -> r.Request:
    fields.text()
    return r.AccountSummary(request_id=fields.integer(), group=fields.text(), tags=fields.text())


def _account_updates(fields: Fields, _version: int) -> r.Request:
    fields.text()
    return r.AccountUpdates(subscribe=fields.flag(), account=fields.text())


def _account_updates_multi(fields: Fields, _version: int) -> r.Request:
    fields.text()
    return r.AccountUpdatesMulti(
        request_id=fields.integer(),
        account=fields.text(),
        model=fields.text(),
        ledger_and_nlv=fields.flag(),
    )


def _positions_multi(fields: Fields, _version: int) -> r.Request:
    fields.text()
    return r.PositionsMulti(request_id=fields.integer(), account=fields.text(), model=fields.text())


def _contract_details(fields: Fields, version: int) -> r.Request:
    fields.text()
    request_id = fields.integer()
    contract = replace(
        _contract_or_expired(fields),
        sec_id_type=fields.text(),
        sec_id=fields.text(),
        issuer_id=fields.text() if version >= 176 else "",
    )
    return r.GetContractDetails(request_id=request_id, contract=contract)


def _option_parameters(fields: Fields, _version: int) -> r.Request:
    return r.GetOptionParameters(
        request_id=fields.integer(),
        symbol=fields.text(),
        exchange=fields.text(),
        sec_type=fields.text(),
        con_id=fields.integer(),
    )


def _matching_symbols(fields: Fields, _version: int) -> r.Request:
    return r.GetMatchingSymbols(request_id=fields.integer(), pattern=fields.text())


def _smart_components(fields: Fields, _version: int) -> r.Request:
    return r.GetSmartComponents(request_id=fields.integer(), bbo_exchange=fields.text())


def _market_rule(fields: Fields, _version: int) -> r.Request:
    return r.GetMarketRule(rule_id=fields.integer())


def _market_data(fields: Fields, _version: int) -> r.Request:
    fields.text()
    request_id = fields.integer()
    contract = _contract(fields)
    if contract.sec_type == SecType.BAG:
        contract = replace(contract, combo_legs=_legs(fields))
    if fields.flag():
        neutral = DeltaNeutral(
            con_id=fields.integer(), delta=fields.number() or 0.0, price=fields.number() or 0.0
        )
        contract = replace(contract, delta_neutral=neutral)
    return r.MarketData(
        request_id=request_id,
        contract=contract,
        generic_ticks=_generic_ticks(fields.text()),
        snapshot=fields.flag(),
    )


def _generic_ticks(text: str) -> tuple[int, ...]:
    """Read `100,106,292:BRFG`; entries that are no number, such as `mdoff`, are left out."""
    heads = (entry.strip().partition(":")[0] for entry in text.split(","))
    return tuple(int(head) for head in heads if head.isdecimal() and len(head) < 10)


def _tick_by_tick(fields: Fields, _version: int) -> r.Request:
    return r.TickByTick(
        request_id=fields.integer(),
        contract=_contract(fields),
        kind=fields.text(),
        past_count=fields.integer(),
    )


def _historical_data(fields: Fields, _version: int) -> r.Request:
    request_id = fields.integer()
    contract = _contract_or_expired(fields)
    end, bar_size, duration = parse_time(fields.text()), fields.text(), fields.text()
    regular_hours, what, date_format = fields.flag(), fields.text(), fields.integer(unset=1)
    if contract.sec_type == SecType.BAG:
        contract = replace(contract, combo_legs=_legs(fields))
    return r.HistoricalData(
        request_id=request_id,
        contract=contract,
        end=end,
        bar_size=bar_size,
        duration=duration,
        regular_hours=regular_hours,
        what=what,
        epoch_dates=date_format == 2,
        keep_up_to_date=fields.flag(),
    )


def _head_timestamp(fields: Fields, _version: int) -> r.Request:
    return r.HeadTimestamp(
        request_id=fields.integer(),
        contract=_contract_or_expired(fields),
        regular_hours=fields.flag(),
        what=fields.text(),
        epoch_dates=fields.integer(unset=1) == 2,
    )


def _historical_ticks(fields: Fields, _version: int) -> r.Request:
    return r.HistoricalTicks(
        request_id=fields.integer(),
        contract=_contract_or_expired(fields),
        start=parse_time(fields.text()),
        end=parse_time(fields.text()),
        count=fields.integer(),
        what=fields.text(),
    )


def _implied_vol(fields: Fields, _version: int) -> r.Request:
    fields.text()
    return r.CalculateImpliedVol(
        request_id=fields.integer(),
        contract=_contract(fields),
        option_price=fields.number() or 0.0,
        under_price=fields.number() or 0.0,
    )


def _option_price(fields: Fields, _version: int) -> r.Request:
    fields.text()
    return r.CalculateOptionPrice(
        request_id=fields.integer(),
        contract=_contract(fields),
        volatility=fields.number() or 0.0,
        under_price=fields.number() or 0.0,
    )


def _place_order(fields: Fields, version: int) -> r.Request:
    order_id = fields.integer()
    contract = replace(_contract(fields), sec_id_type=fields.text(), sec_id=fields.text())
    return decode_place_order(fields, contract, version, order_id)


def _cancel_order(fields: Fields, _version: int) -> r.Request:
    fields.text()
    return r.CancelOrder(order_id=fields.integer())


def _auto_open_orders(fields: Fields, _version: int) -> r.Request:
    fields.text()
    return r.AutoOpenOrders(bind=fields.flag())


def _completed_orders(fields: Fields, _version: int) -> r.Request:
    return r.CompletedOrders(api_only=fields.flag())


def _executions(fields: Fields, _version: int) -> r.Request:
    fields.text()
    request_id = fields.integer()
    wanted = ExecutionFilter(
        client_id=fields.integer(),
        account=fields.text(),
        since=parse_time(fields.text()),
        symbol=fields.text(),
        sec_type=fields.text(),
        exchange=fields.text(),
        side=fields.text(),
    )
    return r.Executions(request_id=request_id, filter=wanted)


def _pnl(fields: Fields, _version: int) -> r.Request:
    return r.SubscribePnl(request_id=fields.integer(), account=fields.text())


def _pnl_single(fields: Fields, _version: int) -> r.Request:
    request_id, account, _model = fields.integer(), fields.text(), fields.text()
    return r.SubscribePnlSingle(request_id=request_id, account=account, con_id=fields.integer())


def _exercise(fields: Fields, _version: int) -> r.Request:
    fields.text()
    request_id = fields.integer()
    contract = Contract(
        con_id=fields.integer(),
        symbol=fields.text(),
        sec_type=fields.text(),
        last_trade_date=fields.text(),
        strike=fields.number() or 0.0,
        right=_right(fields.text()),
        multiplier=fields.text(),
        exchange=fields.text(),
        currency=fields.text(),
        local_symbol=fields.text(),
        trading_class=fields.text(),
    )
    action = fields.integer()
    if action not in {1, 2}:
        raise MalformedField(f"exercise action {action} is neither 1 (exercise) nor 2 (lapse)")
    return r.ExerciseOptions(
        request_id=request_id,
        contract=contract,
        lapse=action == 2,
        quantity=fields.integer(),
        account=fields.text(),
        override=fields.flag(),
    )


def _soft_dollar_tiers(fields: Fields, _version: int) -> r.Request:
    return r.GetSoftDollarTiers(request_id=fields.integer())


def _user_info(fields: Fields, _version: int) -> r.Request:
    return r.GetUserInfo(request_id=fields.integer())


_PLAIN = {plain.value: plain for plain in r.Plain}
_CANCELS = {
    number: (what, skipped) for what, (number, skipped) in _VERSION_FIELDS_BEFORE_ID.items()
}
_DECODERS: dict[int, Callable[[Fields, int], r.Request]] = {
    1: _market_data,
    3: _place_order,
    4: _cancel_order,
    6: _account_updates,
    7: _executions,
    9: _contract_details,
    15: _auto_open_orders,
    20: _historical_data,
    21: _exercise,
    54: _implied_vol,
    55: _option_price,
    59: _market_data_type,
    62: _account_summary,
    71: _start_api,
    74: _positions_multi,
    76: _account_updates_multi,
    78: _option_parameters,
    79: _soft_dollar_tiers,
    81: _matching_symbols,
    83: _smart_components,
    87: _head_timestamp,
    91: _market_rule,
    92: _pnl,
    94: _pnl_single,
    96: _historical_ticks,
    97: _tick_by_tick,
    99: _completed_orders,
    104: _user_info,
}
_ID_BYTES_MAX = 200
"""A request id stands among the first fields."""
_ID_BYTES_MAX = 200
"""A request id stands among the first fields."""
_FIELDS_BEFORE_ID = {
    **dict.fromkeys((1, 4, 7, 9, 21, 54, 55, 62, 74, 76), 1),
    **dict.fromkeys((3, 20, 78, 81, 83, 87, 92, 94, 96, 97), 0),
    **dict(_VERSION_FIELDS_BEFORE_ID.values()),
}
