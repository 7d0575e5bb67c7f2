"""How do our instruments look to IBKR, and what do IBKR's contracts mean to us?"""

from collections.abc import Iterable
from datetime import date

from ib_async.contract import Contract, ContractDetails

from dispersa.broker.ibkr import sentinels
from dispersa.errors import BrokerRefused, InvalidInput, MarketDataMissing
from dispersa.market import (
    ConId,
    ExerciseStyle,
    OptionContract,
    Right,
    Settlement,
    Symbol,
    Underlying,
    UnderlyingKind,
)
from dispersa.market.contracts import STANDARD_MULTIPLIER

SMART = "SMART"
EVERY_STRIKE = 0.0
"""Strike of a query that fits every strike of its expiry."""

INDEX_EXCHANGES = {
    "SPX": "CBOE",
    "XSP": "CBOE",
    "VIX": "CBOE",
    "DJX": "CBOE",
    "OEX": "CBOE",
    "XEO": "CBOE",
    "RUT": "RUSSELL",
    "NDX": "NASDAQ",
    "XND": "NASDAQ",
}
"""Cash indices with US options, and the exchange under which IBKR knows each."""

FUND_STOCK_TYPES = frozenset({"ETF", "ETN", "ETC", "ETP", "FUND"})
AMERICAN_INDEX_CLASSES = frozenset({"OEX"})
MORNING_SETTLED_CLASSES = frozenset({"SPX", "NDX", "RUT", "VIX", "VIXW"})
"""Index classes that settle at the opening prints of the expiry day."""
MORE_STANDARD_CLASSES = {
    "SPX": frozenset({"SPXW"}),
    "NDX": frozenset({"NDXP"}),
    "RUT": frozenset({"RUTW"}),
    "VIX": frozenset({"VIXW"}),
}
"""Standard trading classes besides the one that is spelled like the underlying."""


def underlying_query(symbol: Symbol) -> Contract:
    """Contract by which an underlying is looked up."""
    exchange = INDEX_EXCHANGES.get(symbol)
    if exchange is not None:
        return Contract(secType="IND", symbol=symbol, exchange=exchange, currency="USD")
    return Contract(secType="STK", symbol=symbol, exchange=SMART, currency="USD")


def options_query(underlying: Underlying, expiry: date, strike: float) -> Contract:
    """Contract by which calls and puts are looked up, in every trading class.

    `strike` may be `EVERY_STRIKE`.
    """
    return Contract(
        secType="OPT",
        symbol=underlying.symbol,
        lastTradeDateOrContractMonth=f"{expiry:%Y%m%d}",
        strike=strike,
        exchange=SMART,
        currency=underlying.currency,
    )


def contract_of(details: ContractDetails) -> Contract:
    """Contract within its details, which the library declares optional."""
    if details.contract is None:
        raise MarketDataMissing("contract details came without a contract; ask again")
    return details.contract


def read_underlying(symbol: Symbol, found: Iterable[ContractDetails]) -> Underlying:
    """Read the one contract that matches.

    Raises
    ------
    InvalidInput
        No contract matches.
    BrokerRefused
        Several contracts match: nothing is guessed.
    """
    matches = {contract_of(details).conId: details for details in found}
    if not matches:
        raise InvalidInput(f"{symbol} is not known to the broker; check the spelling")
    if len(matches) > 1:
        raise BrokerRefused(f"{symbol} is ambiguous: contracts {sorted(matches)}; expected one")
    ((con_id, details),) = matches.items()
    contract = contract_of(details)
    return Underlying(
        con_id=ConId(con_id),
        symbol=symbol,
        kind=_underlying_kind(contract, details),
        currency=contract.currency,
        primary_exchange=contract.primaryExchange or contract.exchange,
    )


def _underlying_kind(contract: Contract, details: ContractDetails) -> UnderlyingKind:
    if contract.secType == "IND":
        return UnderlyingKind.INDEX
    if details.stockType.upper() in FUND_STOCK_TYPES:
        return UnderlyingKind.ETF
    return UnderlyingKind.STOCK


def is_standard_class(symbol: str, trading_class: str, multiplier: str) -> bool:
    """Whether options of this class deliver the standard 100 shares (or dollars).

    Classes of adjusted options carry a digit after the root, or another multiplier.
    """
    root = symbol.replace(" ", "").replace(".", "")
    standard = {root, *MORE_STANDARD_CLASSES.get(symbol, ())}
    return trading_class in standard and multiplier in (str(STANDARD_MULTIPLIER), "100.0")


def read_option(details: ContractDetails, underlying: Underlying) -> OptionContract:
    """Read one listed option from its details."""
    contract = contract_of(details)
    return option_from(
        contract,
        is_index=underlying.kind is UnderlyingKind.INDEX,
        real_expiry=details.realExpirationDate,
    )


def option_from(contract: Contract, *, is_index: bool, real_expiry: str = "") -> OptionContract:
    """Read one option from IBKR's contract; `real_expiry` tells morning settlement apart."""
    strike = sentinels.strike(contract.strike)
    if strike is None or not contract.conId or contract.right[:1] not in ("C", "P"):
        raise MarketDataMissing(
            f"option {contract.localSymbol or contract.conId} came without strike, right or "
            "contract id; ask again"
        )
    trading_class = contract.tradingClass or contract.symbol
    last_trade = contract.lastTradeDateOrContractMonth[:8]
    expiry = day_from(real_expiry[:8] if real_expiry else last_trade)
    return OptionContract(
        con_id=ConId(contract.conId),
        symbol=Symbol(contract.symbol),
        expiry=expiry,
        strike=strike,
        right=Right(contract.right[:1]),
        multiplier=int(float(contract.multiplier or STANDARD_MULTIPLIER)),
        trading_class=trading_class,
        currency=contract.currency,
        style=_style(trading_class, is_index=is_index),
        settlement=_settlement(
            trading_class, is_index=is_index, ends_before_expiry=day_from(last_trade) < expiry
        ),
    )


def settles_later(contract: Contract) -> bool:
    """Whether an option's contract names its last trading day, and it settles the next morning."""
    is_index_option = contract.secType == "OPT" and contract.symbol in INDEX_EXCHANGES
    return is_index_option and (contract.tradingClass or contract.symbol) in MORNING_SETTLED_CLASSES


def _style(trading_class: str, *, is_index: bool) -> ExerciseStyle:
    if is_index and trading_class not in AMERICAN_INDEX_CLASSES:
        return ExerciseStyle.EUROPEAN
    return ExerciseStyle.AMERICAN


def _settlement(trading_class: str, *, is_index: bool, ends_before_expiry: bool) -> Settlement:
    if not is_index:
        return Settlement.SHARES
    if trading_class in MORNING_SETTLED_CLASSES or ends_before_expiry:
        return Settlement.CASH_AM
    return Settlement.CASH_PM


def day_from(text: str) -> date:
    """Read ``YYYYMMDD``."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError as error:
        raise MarketDataMissing(f"{text!r} is no day; expected YYYYMMDD") from error


def tradable(contract: OptionContract | Underlying) -> Contract:
    """Contract to subscribe to or to trade, pinned by its id and routed to SMART."""
    match contract:
        case OptionContract():
            return Contract(
                secType="OPT",
                conId=contract.con_id,
                symbol=contract.symbol,
                lastTradeDateOrContractMonth=_last_trade_day(contract),
                strike=float(contract.strike),
                right=contract.right.value,
                multiplier=str(contract.multiplier),
                exchange=SMART,
                currency=contract.currency,
                tradingClass=contract.trading_class,
            )
        case Underlying(kind=UnderlyingKind.INDEX):
            return Contract(
                secType="IND",
                conId=contract.con_id,
                symbol=contract.symbol,
                exchange=INDEX_EXCHANGES.get(contract.symbol, contract.primary_exchange),
                currency=contract.currency,
            )
        case Underlying():
            return Contract(
                secType="STK",
                conId=contract.con_id,
                symbol=contract.symbol,
                exchange=SMART,
                primaryExchange=contract.primary_exchange,
                currency=contract.currency,
            )


def _last_trade_day(contract: OptionContract) -> str:
    """Day for the wire; empty where trading ends the day before expiry (the id decides)."""
    return "" if contract.settlement is Settlement.CASH_AM else f"{contract.expiry:%Y%m%d}"


def by_id(contract: OptionContract | Underlying) -> Contract:
    """Contract to ask details of: the id alone decides."""
    exchange = tradable(contract).exchange
    return Contract(conId=contract.con_id, exchange=exchange)
