"""How do the answers about the connection, the account and reference data look on the wire?"""

from datetime import datetime

from dispersa.gateway.events import AccountValue, Pnl, PortfolioItem, Position
from dispersa.gateway.model import (
    Contract,
    ContractDescription,
    ContractDetails,
    MarketRule,
    SecDefOptParams,
    SmartComponent,
)
from dispersa.gateway.wire.texts import double, escaped, message, optional_double, plain, strike
from dispersa.gateway.wire.times import LOGIN_ZONE, greeting_time


def hello(version: int, now: datetime) -> bytes:
    """Return the handshake's answer: exactly the server version and the connection time."""
    return message(str(version), greeting_time(now))


def managed_accounts(accounts: list[str]) -> bytes:
    """Return message 15."""
    return message("15", "1", ",".join(accounts))


def next_valid_id(order_id: int) -> bytes:
    """Return message 9."""
    return message("9", "1", str(order_id))


def error(request_id: int, code: int, text: str, version: int, advanced_reject: str = "") -> bytes:
    """Return message 4; `request_id` is -1 where the error belongs to no request."""
    tail = [escaped(advanced_reject)] if version >= 166 else []
    return message("4", "2", str(request_id), str(code), escaped(text), *tail)


def current_time(now: datetime) -> bytes:
    """Return message 49."""
    return message("49", "1", str(int(now.timestamp())))


# -- account -------------------------------------------------------------------------------------


def account_value(value: AccountValue) -> bytes:
    """Return message 6."""
    return message("6", "2", value.key, value.value, value.currency, value.account)


def account_time(now: datetime) -> bytes:
    """Return message 8."""
    return message("8", "1", f"{now.astimezone(LOGIN_ZONE):%H:%M}")


def account_download_end(account: str) -> bytes:
    """Return message 54."""
    return message("54", "1", account)


def account_summary(request_id: int, value: AccountValue) -> bytes:
    """Return message 63."""
    head = ("63", "1", str(request_id))
    return message(*head, value.account, value.key, value.value, value.currency)


def account_update_multi(request_id: int, value: AccountValue, model: str) -> bytes:
    """Return message 73."""
    head = ("73", "1", str(request_id))
    return message(*head, value.account, model, value.key, value.value, value.currency)


def portfolio_item(item: PortfolioItem) -> bytes:
    """Return message 7."""
    held, c = item.position, item.position.contract
    return message(
        "7",
        "8",
        str(c.con_id),
        c.symbol,
        c.sec_type,
        c.last_trade_date,
        strike(c.strike),
        c.right or "0",
        c.multiplier,
        c.primary_exchange,
        c.currency,
        c.local_symbol,
        c.trading_class,
        plain(held.quantity),
        double(item.market_price),
        double(item.market_value),
        double(held.average_cost),
        double(item.unrealized_pnl),
        double(item.realized_pnl),
        held.account,
    )


def position(held: Position) -> bytes:
    """Return message 61."""
    fields = (held.account, *_holding(held.contract), plain(held.quantity))
    return message("61", "3", *fields, double(held.average_cost))


def position_multi(request_id: int, held: Position, model: str) -> bytes:
    """Return message 71."""
    fields = (held.account, *_holding(held.contract), plain(held.quantity))
    return message("71", "1", str(request_id), *fields, double(held.average_cost), model)


def _holding(c: Contract) -> tuple[str, ...]:
    return (
        str(c.con_id),
        c.symbol,
        c.sec_type,
        c.last_trade_date,
        double(c.strike),
        c.right,
        c.multiplier,
        c.exchange,
        c.currency,
        c.local_symbol,
        c.trading_class,
    )


def pnl(request_id: int, profit: Pnl) -> bytes:
    """Return message 94."""
    parts = (profit.daily, profit.unrealized, profit.realized)
    return message("94", str(request_id), *map(optional_double, parts))


def pnl_single(request_id: int, profit: Pnl) -> bytes:
    """Return message 95."""
    parts = (profit.daily, profit.unrealized, profit.realized, profit.value)
    return message("95", str(request_id), plain(profit.position), *map(optional_double, parts))


def family_codes(accounts: list[str]) -> bytes:
    """Return message 78: accounts that belong to no family."""
    fields = (text for account in accounts for text in (account, ""))
    return message("78", str(len(accounts)), *fields)


def soft_dollar_tiers(request_id: int) -> bytes:
    """Return message 77: this login has none."""
    return message("77", str(request_id), "0")


def user_info(request_id: int) -> bytes:
    """Return message 107: this login has no white-branding id."""
    return message("107", str(request_id), "")


# Answers that say "there are none": exchanges with market depth, news providers.
NO_DEPTH_EXCHANGES = message("80", "0")
NO_NEWS_PROVIDERS = message("85", "0")

# Messages that say only "that was all", by their message id, with a version field of 1.
POSITION_END = message("62", "1")
OPEN_ORDER_END = message("53", "1")
COMPLETED_ORDERS_END = message("102")


def end(message_id: int, request_id: int) -> bytes:
    """Return the end marker of one request: 52, 55, 57, 64, 72 or 74."""
    return message(str(message_id), "1", str(request_id))


def option_parameters_end(request_id: int) -> bytes:
    """Return message 76."""
    return message("76", str(request_id))


# -- reference data ------------------------------------------------------------------------------


def contract_details(request_id: int, details: ContractDetails, version: int) -> bytes:
    """Return message 10; below 164 with its version, a size multiplier and without size rules."""
    c = details.contract
    old = version < 164
    head = ["10", "8"] if old else ["10"]
    return message(
        *head,
        str(request_id),
        c.symbol,
        c.sec_type,
        _last_trade(details),
        strike(c.strike),
        c.right,
        c.exchange,
        c.currency,
        c.local_symbol,
        details.market_name,
        c.trading_class,
        str(c.con_id),
        double(details.min_tick),
        *(["100"] if old else []),
        c.multiplier,
        details.order_types,
        details.valid_exchanges,
        str(details.price_magnifier),
        str(details.under_con_id),
        escaped(details.long_name),
        c.primary_exchange,
        details.contract_month,
        escaped(details.industry),
        escaped(details.category),
        escaped(details.subcategory),
        details.time_zone_id,
        details.trading_hours,
        details.liquid_hours,
        "",
        "",
        str(len(details.sec_ids)),
        *(text for pair in details.sec_ids for text in pair),
        str(details.agg_group),
        details.under_symbol,
        details.under_sec_type,
        details.market_rule_ids,
        details.real_expiration_date,
        details.stock_type,
        *_size_rules(details, version),
    )


def _size_rules(details: ContractDetails, version: int) -> list[str]:
    suggested = plain(details.suggested_size_increment)
    if version < 164:
        return [suggested] if version == 163 else []
    return [plain(details.min_size), plain(details.size_increment), suggested]


def _last_trade(details: ContractDetails) -> str:
    day = details.contract.last_trade_date
    if not day or not details.last_trade_time:
        return day
    return f"{day} {details.last_trade_time} {details.time_zone_id}"


def option_parameters(request_id: int, chain: SecDefOptParams) -> bytes:
    """Return message 75."""
    return message(
        "75",
        str(request_id),
        chain.exchange,
        str(chain.under_con_id),
        chain.trading_class,
        chain.multiplier,
        str(len(chain.expirations)),
        *chain.expirations,
        str(len(chain.strikes)),
        *map(double, chain.strikes),
    )


def market_rule(rule: MarketRule) -> bytes:
    """Return message 93."""
    steps = (double(v) for step in rule.increments for v in (step.low_edge, step.increment))
    return message("93", str(rule.rule_id), str(len(rule.increments)), *steps)


def symbol_samples(request_id: int, found: list[ContractDescription], version: int) -> bytes:
    """Return message 79."""
    fields: list[str] = []
    for one in found:
        c = one.contract
        fields += [str(c.con_id), c.symbol, c.sec_type, c.primary_exchange, c.currency]
        fields += [str(len(one.derivative_sec_types)), *one.derivative_sec_types]
        if version >= 176:
            fields += [escaped(one.description), c.issuer_id]
    return message("79", str(request_id), str(len(found)), *fields)


def smart_components(request_id: int, components: list[SmartComponent]) -> bytes:
    """Return message 82."""
    fields = (text for c in components for text in (str(c.bit), c.exchange, c.letter))
    return message("82", str(request_id), str(len(components)), *fields)
