"""What does the exchange say about a contract: details, chains, symbols, hours?"""

from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache

from dispersa.gateway.exchange.directory import NOT_FOUND, Directory, Instrument, exchanges_of
from dispersa.gateway.exchange.rules import min_tick, rule_ids
from dispersa.gateway.model import (
    Contract,
    ContractDescription,
    ContractDetails,
    Refusal,
    SecDefOptParams,
    SecType,
    SmartComponent,
)
from dispersa.gateway.world.calendar import NEW_YORK, session
from dispersa.gateway.world.listings import ExpirySlice
from dispersa.gateway.world.world import World

_ORDER_TYPES = "LMT,MKT"
_HOURS_DAYS = 6
_LETTERS = (
    ("AMEX", "A"), ("CBOE", "C"), ("ISE", "I"), ("PHLX", "X"), ("BOX", "B"), ("NASDAQOM", "Q"),
    ("NYSE", "N"), ("ARCA", "P"), ("NASDAQ", "T"), ("BATS", "Z"), ("IEX", "V"),
)  # fmt: skip


class Reference:
    """Answers reference questions from the directory."""

    def __init__(self, world: World, directory: Directory) -> None:
        self._world = world
        self._directory = directory

    def contract_details(self, contract: Contract) -> list[ContractDetails] | Refusal:
        """Return every contract that fits; 321 for a BAG, 200 where none fits."""
        if contract.sec_type == SecType.BAG:
            return Refusal(
                code=321,
                text="Error validating request:-'bW' : cause - 'BAG' isn't supported for "
                "contract data request.",
            )
        found = self._directory.find(contract)
        return [self._details(one, contract.exchange) for one in found] or NOT_FOUND

    def option_parameters(
        self, symbol: str, sec_type: str, con_id: int
    ) -> list[SecDefOptParams] | Refusal:
        """Return chains by exchange and trading class; empty for a name without options."""
        found = self._directory.by_id(con_id) or self._directory.underlying(symbol)
        if found is None or found.sec_type != sec_type:
            return NOT_FOUND
        if not found.underlying.has_options:
            return []
        chain = self._world.chain(found.symbol)
        by_class: dict[str, list[ExpirySlice]] = {}
        for piece in chain.live(self._world.now):
            by_class.setdefault(piece.trading_class, []).append(piece)
        some = self._directory.option(found.underlying, chain.slices[0], 0, 1)
        return [
            SecDefOptParams(
                exchange=exchange,
                under_con_id=found.con_id,
                trading_class=trading_class,
                multiplier=str(pieces[0].multiplier or chain.multiplier),
                expirations=tuple(sorted({f"{p.last_trade_day:%Y%m%d}" for p in pieces})),
                strikes=tuple(sorted({float(k) for p in pieces for k in p.strikes})),
            )
            for trading_class, pieces in by_class.items()
            for exchange in exchanges_of(some)
        ]

    def matching_symbols(self, pattern: str) -> list[ContractDescription]:
        """Return up to 16 underlyings whose symbol or name begins with or holds the pattern."""
        wanted = pattern.strip().upper()
        hits = []
        for symbol in self._directory.symbols:
            found = self._directory.underlying(symbol)
            if found is None or not wanted:
                continue
            name = found.underlying.long_name
            if symbol.startswith(wanted) or wanted in name.upper():
                derivatives = ("OPT", "BAG") if found.underlying.has_options else ()
                hits.append(
                    ContractDescription(
                        contract=found.contract,
                        derivative_sec_types=derivatives,
                        description=name,
                    )
                )
        return sorted(hits, key=lambda hit: (hit.contract.symbol != wanted, hit.contract.symbol))[
            :16
        ]

    @staticmethod
    def smart_components() -> list[SmartComponent]:
        """Return the exchanges behind a BBO mask."""
        return [
            SmartComponent(bit=bit, exchange=exchange, letter=letter)
            for bit, (exchange, letter) in enumerate(_LETTERS)
        ]

    # -- inside ----------------------------------------------------------------------------------

    def _details(self, found: Instrument, exchange: str) -> ContractDetails:
        match found.sec_type:
            case SecType.OPTION:
                return self._option_details(found, exchange)
            case _:
                return self._underlying_details(found, exchange)

    def _underlying_details(self, found: Instrument, exchange: str) -> ContractDetails:
        underlying = found.underlying
        trading, liquid = self._hours(pre_market=found.sec_type is SecType.STOCK)
        return ContractDetails(
            contract=_at_exchange(found.contract, exchange),
            market_name=found.contract.trading_class,
            min_tick=min_tick(found),
            order_types="" if found.sec_type is SecType.INDEX else _ORDER_TYPES,
            valid_exchanges=",".join(exchanges_of(found)),
            long_name=underlying.long_name,
            industry=underlying.industry,
            category=underlying.category,
            trading_hours=trading,
            liquid_hours=liquid,
            market_rule_ids=",".join(map(str, rule_ids(found))),
            stock_type="" if found.future else underlying.stock_type,
            contract_month=f"{found.future.last_trade_day:%Y%m}" if found.future else "",
            real_expiration_date=found.contract.last_trade_date,
            under_symbol=found.symbol if found.future else "",
            under_sec_type=underlying.sec_type if found.future else "",
        )

    def _option_details(self, found: Instrument, exchange: str) -> ContractDetails:
        assert found.option is not None  # noqa: S101 - an option instrument has a key
        piece = found.option.piece
        under = self._directory.underlying(found.symbol)
        trading, liquid = self._hours(pre_market=False)
        return ContractDetails(
            contract=_at_exchange(found.contract, exchange),
            market_name=found.contract.trading_class,
            min_tick=min_tick(found),
            order_types=_ORDER_TYPES,
            valid_exchanges=",".join(exchanges_of(found)),
            under_con_id=0 if under is None else under.con_id,
            under_symbol=found.symbol,
            under_sec_type=found.underlying.sec_type,
            long_name=found.underlying.long_name,
            contract_month=f"{piece.settlement_day:%Y%m}",
            industry=found.underlying.industry,
            category=found.underlying.category,
            trading_hours=trading,
            liquid_hours=liquid,
            market_rule_ids=",".join(map(str, rule_ids(found))),
            real_expiration_date=f"{piece.settlement_day:%Y%m%d}",
        )

    def _hours(self, *, pre_market: bool) -> tuple[str, str]:
        """Return trading and liquid hours of the coming days in New York time."""
        return _hours(self._world.today, pre_market=pre_market)


@lru_cache(maxsize=16)
def _hours(today: date, *, pre_market: bool) -> tuple[str, str]:
    days = [today + timedelta(days=k) for k in range(_HOURS_DAYS)]
    liquid = ";".join(_hours_of(day, None, None) for day in days)
    if not pre_market:
        return liquid, liquid
    return ";".join(_hours_of(day, "0400", "2000") for day in days), liquid


def _hours_of(day: date, opens: str | None, closes: str | None) -> str:
    held = session(day)
    if held is None:
        return f"{day:%Y%m%d}:CLOSED"
    first = opens or f"{held.opens.astimezone(NEW_YORK):%H%M}"
    last = closes or f"{held.closes.astimezone(NEW_YORK):%H%M}"
    return f"{day:%Y%m%d}:{first}-{day:%Y%m%d}:{last}"


def _at_exchange(contract: Contract, exchange: str) -> Contract:
    if exchange in ("", contract.exchange):
        return contract
    return replace(contract, exchange=exchange)
