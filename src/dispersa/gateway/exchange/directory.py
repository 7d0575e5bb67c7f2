"""Which instrument does a client's description mean?"""

from collections.abc import Iterator
from dataclasses import dataclass

from dispersa.gateway.exchange.futures import FutureTerms, futures_of
from dispersa.gateway.exchange.identity import (
    OptionIds,
    expiry_code,
    stock_ids,
    strike_codes,
    strike_unit,
)
from dispersa.gateway.model import Contract, Refusal, SecType
from dispersa.gateway.world.actions import Applied, Rename
from dispersa.gateway.world.board import OptionKey
from dispersa.gateway.world.listings import ExpirySlice
from dispersa.gateway.world.universe import Underlying
from dispersa.gateway.world.world import VIX, World

STOCK_EXCHANGES = ("SMART", "NYSE", "NASDAQ", "ARCA", "ISLAND", "BATS", "IEX", "AMEX")
OPTION_EXCHANGES = ("SMART", "AMEX", "CBOE", "CBOE2", "PHLX", "ISE", "BOX", "NASDAQOM")
INDEX_OPTION_EXCHANGES = ("SMART", "CBOE")
_RIGHTS = {"C": 1, "CALL": 1, "P": -1, "PUT": -1}
_EXTRA_CLASSES = {"SPX": ("SPXW",), "NDX": ("NDXP",)}
NOT_FOUND = Refusal(code=200, text="No security definition has been found for the request")
AMBIGUOUS = Refusal(
    code=200, text="The contract description specified for the request is ambiguous"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One tradable thing: its full contract and where the world keeps its price."""

    contract: Contract
    sec_type: SecType
    underlying: Underlying
    multiplier: int = 1
    option: OptionKey | None = None
    future: FutureTerms | None = None

    @property
    def con_id(self) -> int:
        """Contract id."""
        return self.contract.con_id

    @property
    def symbol(self) -> str:
        """Symbol of the underlying in the world."""
        return self.underlying.symbol

    @property
    def tick(self) -> float:
        """Step in which it is quoted, options aside."""
        if self.contract.currency == "JPY":
            return 0.005
        ticks = {SecType.FOREX: 0.00005, SecType.FUTURE: 0.25}
        return ticks.get(self.sec_type, 0.01)

    @property
    def digits(self) -> int:
        """Decimals of its prices."""
        if self.sec_type is not SecType.FOREX:
            return 2
        return 3 if self.contract.currency == "JPY" else 5


class Directory:
    """All instruments of the world, made when they are first asked for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stocks = {u.symbol: u for u in world.universe.listed}
        self._stocks[VIX] = _vix_index()
        self._futures = futures_of(world)
        self._ids = stock_ids([*self._stocks, *(terms.code for terms in self._futures)])
        self._symbol_of = {self._ids[symbol]: symbol for symbol in self._stocks}
        self._future_of = {self._ids[terms.code]: terms for terms in self._futures}
        owners = {name: symbol for symbol, u in self._stocks.items() if u.has_options
                  for name in (symbol, *_EXTRA_CLASSES.get(symbol, ()))}  # fmt: skip
        self._owner_of_class = owners
        self._option_ids = OptionIds(owners)
        self._codes: dict[tuple[str, str, int], list[int]] = {}
        self._made: dict[int, Instrument] = {}

    # -- lookups ---------------------------------------------------------------------------------

    @property
    def symbols(self) -> list[str]:
        """Symbols of all listed underlyings."""
        return list(self._stocks)

    def underlying(self, symbol: str) -> Instrument | None:
        """Return the stock, fund or index of that symbol."""
        found = self._stocks.get(symbol)
        return None if found is None else self._underlying_instrument(found)

    def by_id(self, con_id: int) -> Instrument | None:
        """Return the instrument with that contract id, None where there is none."""
        if con_id in self._made:
            return self._made[con_id]
        if con_id in self._symbol_of:
            return self.underlying(self._symbol_of[con_id])
        if con_id in self._future_of:
            return self._future_instrument(self._future_of[con_id])
        return self._option_by_id(con_id)

    def find(self, contract: Contract) -> list[Instrument]:
        """Return every instrument that fits a possibly partial description."""
        if contract.con_id > 0:
            found = self.by_id(contract.con_id)
            fits = found is not None and _fits_exchange(contract, found)
            return [found] if found is not None and fits else []
        return [found for found in self._candidates(contract) if _fits_exchange(contract, found)]

    def resolve(self, contract: Contract) -> Instrument | Refusal:
        """Return the one instrument that a description means, or why it means none."""
        found = self.find(contract)
        if not found:
            return NOT_FOUND
        return found[0] if len(found) == 1 else AMBIGUOUS

    def option(
        self, underlying: Underlying, piece: ExpirySlice, index: int, sign: int
    ) -> Instrument:
        """Return one option of a slice."""
        codes = self._codes_of(underlying, piece)
        con_id = self._option_ids.id_of(
            piece.trading_class, piece.last_trade_day, codes[index], sign
        )
        if con_id not in self._made:
            self._made[con_id] = self._option_instrument(underlying, piece, index, sign, con_id)
        return self._made[con_id]

    def succeed(self, applied: Applied) -> None:
        """Take over what a corporate action made of an underlying and its options."""
        old, fresh = applied.action.symbol, applied.underlying
        for con_id in [i for i, one in self._made.items() if one.symbol == old and not one.future]:
            del self._made[con_id]
        for key in [key for key in self._codes if key[0] == old]:
            del self._codes[key]
        stock_id = self._ids.pop(old)
        del self._stocks[old]
        self._ids[fresh.symbol], self._stocks[fresh.symbol] = stock_id, fresh
        self._symbol_of[stock_id] = fresh.symbol
        classes = {(before.trading_class, after.trading_class) for before, after in applied.pieces}
        for before, after in sorted(classes):
            if isinstance(applied.action.change, Rename):
                self._option_ids.rename(before, after)
            else:
                self._option_ids.renew(after)
            self._owner_of_class.pop(before, None)
            self._owner_of_class[after] = fresh.symbol
        if fresh.has_options and fresh.symbol not in self._owner_of_class:
            self._option_ids.renew(fresh.symbol)
            self._owner_of_class[fresh.symbol] = fresh.symbol

    def revise(self) -> None:
        """Make every option anew from the chains as they are now; ids stay."""
        for con_id in [i for i, one in self._made.items() if one.option is not None]:
            del self._made[con_id]
        self._codes.clear()

    # -- inside ----------------------------------------------------------------------------------

    def _candidates(self, contract: Contract) -> Iterator[Instrument]:
        kind = contract.sec_type.upper()
        if kind in (SecType.STOCK, SecType.INDEX):
            symbol = contract.symbol or contract.local_symbol
            found = self._stocks.get(symbol)
            if found is not None and found.sec_type == kind:
                yield self._underlying_instrument(found)
        elif kind == SecType.OPTION:
            yield from self._options(contract)
        elif kind == SecType.FOREX:
            named = f"{contract.symbol}.{contract.currency}"
            pair = self._stocks.get(contract.local_symbol or named)
            if pair is not None and pair.sec_type == kind:
                yield self._underlying_instrument(pair)
        elif kind == SecType.FUTURE:
            yield from self._matching_futures(contract)

    def _matching_futures(self, contract: Contract) -> Iterator[Instrument]:
        for terms in self._futures:
            found = self._future_instrument(terms)
            day = f"{terms.last_trade_day:%Y%m%d}"
            if (
                terms.settles > self._world.now
                and contract.symbol in ("", terms.root)
                and day.startswith(contract.last_trade_date[:8])
                and contract.local_symbol in ("", found.contract.local_symbol)
            ):
                yield found

    def _options(self, contract: Contract) -> Iterator[Instrument]:
        symbol = contract.symbol or contract.local_symbol[:6].strip()
        symbol = self._owner_of_class.get(symbol, symbol)
        underlying = self._stocks.get(symbol)
        if underlying is None or not underlying.has_options:
            return
        wanted = contract.last_trade_date[:8]
        sign = _RIGHTS.get(contract.right.upper(), 0)
        for piece in self._world.chain(symbol).live(self._world.now):
            if not f"{piece.last_trade_day:%Y%m%d}".startswith(wanted):
                continue
            if contract.trading_class not in ("", piece.trading_class):
                continue
            for index, strike in enumerate(piece.strikes):
                if contract.strike and abs(strike - contract.strike) > 1e-6:
                    continue
                for side in (1, -1):
                    if sign in (0, side):
                        found = self.option(underlying, piece, index, side)
                        if contract.local_symbol in ("", found.contract.local_symbol):
                            yield found

    def _option_by_id(self, con_id: int) -> Instrument | None:
        parts = self._option_ids.parts_of(con_id)
        if parts is None:
            return None
        trading_class, expiry, code, sign = parts
        underlying = self._stocks[self._owner_of_class[trading_class]]
        for piece in self._world.chain(underlying.symbol).slices:
            if piece.trading_class == trading_class and expiry_code(piece.last_trade_day) == expiry:
                codes = self._codes_of(underlying, piece)
                if code in codes:
                    return self.option(underlying, piece, codes.index(code), sign)
        return None

    def _codes_of(self, underlying: Underlying, piece: ExpirySlice) -> list[int]:
        key = (underlying.symbol, piece.trading_class, piece.last_trade_day.toordinal())
        if key not in self._codes:
            self._codes[key] = strike_codes(piece, strike_unit(underlying.spot))
        return self._codes[key]

    def _future_instrument(self, terms: FutureTerms) -> Instrument:
        con_id = self._ids[terms.code]
        if con_id not in self._made:
            self._made[con_id] = Instrument(
                sec_type=SecType.FUTURE,
                underlying=self._stocks[terms.index],
                multiplier=terms.multiplier,
                future=terms,
                contract=Contract(
                    con_id=con_id,
                    symbol=terms.root,
                    sec_type=SecType.FUTURE,
                    last_trade_date=f"{terms.last_trade_day:%Y%m%d}",
                    multiplier=str(terms.multiplier),
                    exchange="CME",
                    currency="USD",
                    local_symbol=terms.local_symbol,
                    trading_class=terms.root,
                ),
            )
        return self._made[con_id]

    def _pair_instrument(self, pair: Underlying, con_id: int) -> Instrument:
        code, _, quoted = pair.symbol.partition(".")
        return Instrument(
            sec_type=SecType.FOREX,
            underlying=pair,
            contract=Contract(
                con_id=con_id,
                symbol=code,
                sec_type=SecType.FOREX,
                exchange="IDEALPRO",
                currency=quoted,
                local_symbol=pair.symbol,
                trading_class=pair.symbol,
            ),
        )

    def _underlying_instrument(self, underlying: Underlying) -> Instrument:
        con_id = self._ids[underlying.symbol]
        if con_id not in self._made and underlying.sec_type == SecType.FOREX:
            self._made[con_id] = self._pair_instrument(underlying, con_id)
        if con_id not in self._made:
            is_stock = underlying.sec_type == SecType.STOCK
            listed = underlying.primary_exchange
            self._made[con_id] = Instrument(
                sec_type=SecType(underlying.sec_type),
                underlying=underlying,
                contract=Contract(
                    con_id=con_id,
                    symbol=underlying.symbol,
                    sec_type=underlying.sec_type,
                    exchange="SMART" if is_stock else listed,
                    primary_exchange=listed if is_stock else "",
                    currency="USD",
                    local_symbol=underlying.symbol,
                    trading_class="NMS" if is_stock and listed == "NASDAQ" else underlying.symbol,
                ),
            )
        return self._made[con_id]

    def _option_instrument(
        self, underlying: Underlying, piece: ExpirySlice, index: int, sign: int, con_id: int
    ) -> Instrument:
        strike = float(piece.strikes[index])
        right = "C" if sign > 0 else "P"
        day = piece.last_trade_day
        multiplier = piece.multiplier or self._world.chain(underlying.symbol).multiplier
        osi = f"{piece.trading_class:<6}{day:%y%m%d}{right}{round(strike * 1000):08d}"
        return Instrument(
            sec_type=SecType.OPTION,
            underlying=underlying,
            multiplier=multiplier,
            option=OptionKey(con_id, self._world.columns[underlying.symbol], piece, index, sign),
            contract=Contract(
                con_id=con_id,
                symbol=underlying.symbol,
                sec_type=SecType.OPTION,
                last_trade_date=f"{day:%Y%m%d}",
                strike=strike,
                right=right,
                multiplier=str(multiplier),
                exchange="SMART",
                currency="USD",
                local_symbol=osi,
                trading_class=piece.trading_class,
            ),
        )


def exchanges_of(instrument: Instrument) -> tuple[str, ...]:
    """Return the exchanges on which an instrument can be named."""
    if instrument.sec_type is SecType.OPTION:
        is_index = instrument.underlying.sec_type == SecType.INDEX
        return INDEX_OPTION_EXCHANGES if is_index else OPTION_EXCHANGES
    if instrument.sec_type is not SecType.STOCK:
        return (instrument.contract.exchange,)
    return STOCK_EXCHANGES


def _fits_exchange(wanted: Contract, found: Instrument) -> bool:
    if wanted.sec_type and wanted.sec_type.upper() != found.sec_type:
        return False
    if wanted.symbol and wanted.con_id == 0 and wanted.symbol != found.contract.symbol:
        return found.contract.trading_class == wanted.symbol
    if wanted.currency not in ("", found.contract.currency):
        return False
    if wanted.multiplier and found.multiplier > 1 and wanted.multiplier != str(found.multiplier):
        return False
    return wanted.exchange in ("", *exchanges_of(found))


def _vix_index() -> Underlying:
    return Underlying(
        symbol=VIX,
        long_name="CBOE Volatility Index",
        sec_type="IND",
        stock_type="",
        primary_exchange="CBOE",
        spot=0.0,
        has_options=False,
    )
