"""What do exercise and expiry do to holdings?

At expiry an option that is at least one cent in the money is exercised or assigned: a physical one
becomes stock at the strike, a European index option is paid in cash; the others lapse. Index
futures are paid in cash. No event tells the client: positions change, as they do at IBKR.
"""

from collections.abc import Callable
from decimal import Decimal
from math import expm1

from dispersa.gateway import events
from dispersa.gateway.exchange.account import Account
from dispersa.gateway.exchange.directory import Directory, Instrument
from dispersa.gateway.exchange.ledger import Holding
from dispersa.gateway.exchange.nbbo import QuoteBook
from dispersa.gateway.model import Contract, Refusal, SecType
from dispersa.gateway.world.world import World

_EXERCISE_MIN = 0.01
_PIN_SHARE = 0.005
_YEAR_SECONDS = 365.0 * 86_400.0


class Settlement:
    """Turns options into stock or cash."""

    def __init__(
        self,
        world: World,
        directory: Directory,
        account: Account,
        quotes: QuoteBook,
        emit: Callable[[events.Event], None],
    ) -> None:
        self._world = world
        self._directory = directory
        self._account = account
        self._emit = emit
        self._quotes = quotes
        self._opened = world.first_session.day
        self.pinned: set[str] = set()
        """Symbols whose short options are assigned at expiry even just out of the money."""

    def exercise(
        self, contract: Contract, quantity: int, *, lapse: bool, override: bool, account: str
    ) -> Refusal | None:
        """Exercise a long option now; lapsing needs nothing until expiry."""
        found = self._directory.resolve(contract)
        if isinstance(found, Refusal):
            return found
        if found.option is None or account not in ("", self._account.ledger.account):
            return Refusal(code=322, text="Error processing request: not an option of this account")
        held = self._account.ledger.quantity(found.con_id)
        if quantity < 1 or held < quantity:
            return Refusal(
                code=322, text=f"Error processing request: {held} held, {quantity} to exercise"
            )
        if lapse:
            return None
        if _is_european(found):
            return Refusal(code=322, text="Error processing request: European exercise")
        if self._gain(found) < _EXERCISE_MIN and not override:
            return Refusal(code=322, text="Error processing request: option is out of the money")
        self._deliver(found, Decimal(quantity))
        return None

    def expire(self) -> None:
        """Settle every holding whose option has expired."""
        for held in self._account.ledger.open_holdings():
            option, future = held.instrument.option, held.instrument.future
            if future is not None and future.settles <= self._world.now:
                self._close(held.instrument, held.quantity, self._world.spot(future.index))
            if option is None or option.piece.settles > self._world.now:
                continue
            if self._gain(held.instrument) >= _EXERCISE_MIN or self._is_pinned(held):
                self._deliver(held.instrument, held.quantity)
            else:
                self._close(held.instrument, held.quantity, 0.0)

    def _is_pinned(self, held: Holding) -> bool:
        """Whether somebody exercises a short option that he might as well let lapse."""
        near = -_PIN_SHARE * self._world.spot(held.instrument.symbol)
        is_meant = held.quantity < 0 and held.instrument.symbol in self.pinned
        return is_meant and self._gain(held.instrument) >= near

    def open_day(self) -> None:
        """On the morning of an ex-date: early assignment of short calls, then the dividends.

        A call is exercised the evening before when the dividend exceeds what its holder gives up:
        `D > K (1 - e^{-r T}) + P`, with P the value of the put after the ex-date (quant.md 3).
        """
        day = self._world.paths.day.day
        if day == self._opened:
            return
        self._opened = day
        for underlying in self._world.universe.components:
            for ex_date, amount in underlying.dividends:
                if ex_date == day:
                    self._exercise_before(underlying.symbol, amount)
                    self._pay(underlying.symbol, amount)

    def _exercise_before(self, symbol: str, amount: float) -> None:
        for held in self._account.ledger.open_holdings():
            found, option = held.instrument, held.instrument.option
            if found.symbol != symbol or option is None or option.sign < 0 or held.quantity >= 0:
                continue
            put = self._directory.option(found.underlying, option.piece, option.strike_index, -1)
            left = (option.piece.settles - self._world.now).total_seconds() / _YEAR_SECONDS
            kept = found.contract.strike * -expm1(-self._world.universe.rate * left)
            if amount > kept + self._quotes.quote(put).model and self._gain(found) + amount > 0.0:
                self._deliver(found, held.quantity)

    def _pay(self, symbol: str, amount: float) -> None:
        stock = self._directory.underlying(symbol)
        shares = Decimal(0) if stock is None else self._account.ledger.quantity(stock.con_id)
        if shares:
            self._account.ledger.cash += shares * Decimal(str(amount))
            self._emit(events.AccountChanged(account=self._account.ledger.account))

    def assign(self, symbol: str) -> None:
        """Assign every short American option of a symbol that is in the money."""
        for held in self._account.ledger.open_holdings():
            found = held.instrument
            if found.option is None or found.symbol != symbol or held.quantity >= 0:
                continue
            if not _is_european(found) and self._gain(found) >= _EXERCISE_MIN:
                self._deliver(found, held.quantity)

    # -- inside ----------------------------------------------------------------------------------

    def _gain(self, found: Instrument) -> float:
        """Return the value of exercise per share."""
        assert found.option is not None  # noqa: S101 - called with options only
        spot = self._world.spot(found.symbol)
        return round(found.option.sign * (spot - found.contract.strike), 6)

    def _deliver(self, found: Instrument, quantity: Decimal) -> None:
        """Turn `quantity` options (negative: assigned) into stock at the strike, or into cash."""
        assert found.option is not None  # noqa: S101 - called with options only
        if _is_european(found):
            self._close(found, quantity, max(self._gain(found), 0.0))
            return
        stock = self._directory.underlying(found.symbol)
        assert stock is not None  # noqa: S101 - a listed option has a listed underlying
        self._close(found, quantity, 0.0)
        shares = quantity * found.option.sign * found.multiplier
        self._book(stock, shares, found.contract.strike)

    def _close(self, found: Instrument, quantity: Decimal, value: float) -> None:
        self._book(found, -quantity, value)

    def _book(self, instrument: Instrument, quantity: Decimal, price: float) -> None:
        ledger = self._account.ledger
        money = Decimal(str(price))
        ledger.book(instrument, quantity, money, Decimal(0), self._world.today)
        self._emit(self._account.position(ledger.holdings[instrument.con_id]))
        self._emit(events.AccountChanged(account=ledger.account))


def _is_european(found: Instrument) -> bool:
    """Whether an option settles in cash and can not be exercised early."""
    return found.underlying.sec_type == SecType.INDEX
