"""What happens to positions on a past day without any order? Expiry, exercise, dividends, interest.

The exchange's books change as a broker's would, overnight; the desk then finds the difference in
its next full read and explains it, as it does live. What it leaves to a person (cash settlement,
a dividend) is booked through the same event by which a person would.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from dispersa.backtest.exchange import PastExchange
from dispersa.backtest.settings import BacktestSettings
from dispersa.backtest.valuing import Contract, Valuer
from dispersa.desk import events as ev
from dispersa.desk.decide_single import SINGLE_ORDERS
from dispersa.desk.expiry import Dividend, ExpiryPolicy, HeldOption, gain_of_exercise
from dispersa.desk.lifecycle import bookings_of, explanations
from dispersa.desk.state import DeskState
from dispersa.desk.weighing import positions
from dispersa.market import OptionContract, Right, Settlement, Symbol, Underlying, to_decimal
from dispersa.portfolio import Booking, BookingKind, Cause

BY = "backtest"
DAYS_OF_INTEREST_YEAR = 360
CENTS = 4
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    """What the nights of a run bring to its exchange."""

    exchange: PastExchange
    valuer: Valuer
    settings: BacktestSettings
    rate: float

    def accrue(self, since: date, today: date) -> None:
        """Interest on cash and the fee for borrowed shares, for the nights since a day."""
        nights = (today - since).days
        cash = float(self.exchange.cash)
        yearly = self.settings.rate_credit if cash > 0 else self.settings.rate_debit
        self.exchange.accrue(to_decimal(cash * yearly * nights / DAYS_OF_INTEREST_YEAR, places=4))
        for contract, quantity in self.exchange.holdings.values():
            if isinstance(contract, Underlying) and quantity < 0:
                worth = -float(quantity) * self.valuer.name(contract.symbol).spot
                fee = worth * self.settings.borrow_fee * nights / DAYS_OF_INTEREST_YEAR
                self.exchange.charge_borrow(contract.symbol, to_decimal(fee, places=CENTS))

    def exercise_early(self, today: date, eve: date) -> None:
        """Exercise calls on the eve of an ex-date where the dividend is worth more than holding."""
        for call, quantity in self._calls_going_ex():
            name = self.valuer.day.names[call.symbol]
            put = self.valuer.contracts.option(name, call.expiry, call.strike, Right.PUT)
            at = datetime.combine(eve, datetime.max.time()).astimezone()
            value = self.valuer.marks([put], at)[put.con_id].price
            look = HeldOption(
                option=call,
                quantity=quantity,
                spot=name.spot + name.dividend,
                put_value=float(value),
                dividend=Dividend(ex_date=today, amount=name.dividend),
            )
            gain = gain_of_exercise(look, ExpiryPolicy(rate=self.rate))
            if gain is not None and gain > 0:
                self._deliver(call, quantity)

    def _calls_going_ex(self) -> Iterator[tuple[OptionContract, Decimal]]:
        for contract, quantity in list(self.exchange.holdings.values()):
            if not isinstance(contract, OptionContract) or contract.right is not Right.CALL:
                continue
            name = self.valuer.day.names.get(contract.symbol)
            if name is not None and name.dividend > 0:
                yield contract, quantity

    def dividends(self, state: DeskState, at: datetime) -> tuple[ev.BookingRecorded, ...]:
        """Pay dividends on shares held, and say so as a person would book them."""
        events = []
        for con_id, (contract, quantity) in self.exchange.holdings.items():
            name = self.valuer.day.names.get(contract.symbol)
            if isinstance(contract, OptionContract) or name is None or not name.dividend:
                continue
            amount = quantity * to_decimal(name.dividend, places=CENTS)
            self.exchange.dividend(contract.symbol, amount)
            if con_id in positions(state):
                events.append(ev.BookingRecorded(booking=_dividend(contract, amount, at)))
        return tuple(events)

    def settle(self, last: date) -> bool:
        """Settle options whose last day has come; return whether any was."""
        expired = [
            (contract, quantity)
            for contract, quantity in self.exchange.holdings.values()
            if isinstance(contract, OptionContract) and contract.expiry <= last
        ]
        for option, quantity in expired:
            intrinsic = self._intrinsic(option)
            if option.settlement is Settlement.SHARES and intrinsic > 0:
                self._deliver(option, quantity)
            else:
                self.exchange.move(option, -quantity, intrinsic)
        return bool(expired)

    def person_books(self, state: DeskState) -> tuple[ev.BookingRecorded, ...]:
        """Bookings of cash settlements, which the desk leaves to a person with the settlement."""
        found = []
        for row in explanations(state):
            if row.cause is Cause.CASH_SETTLED:
                spot = self._settlement(row.symbol)
                rows = bookings_of(state, row, by=BY, price=spot)
                found += [ev.BookingRecorded(booking=booking) for booking in rows]
        return tuple(found)

    def _settlement(self, symbol: Symbol) -> Decimal:
        return to_decimal(self.valuer.name(symbol).spot, places=CENTS)

    def _intrinsic(self, option: OptionContract) -> Decimal:
        sign = 1 if option.right is Right.CALL else -1
        return max(sign * (self._settlement(option.symbol) - option.strike), ZERO)

    def _deliver(self, option: OptionContract, quantity: Decimal) -> None:
        sign = 1 if option.right is Right.CALL else -1
        stock = self.valuer.contracts.underlying(self.valuer.name(option.symbol))
        self.exchange.move(option, -quantity, ZERO)
        self.exchange.move(stock, sign * quantity * option.multiplier, option.strike)


def _dividend(contract: Contract, amount: Decimal, at: datetime) -> Booking:
    return Booking(
        booking=f"{at:%Y%m%d}-{contract.symbol}-dividend",
        kind=BookingKind.DIVIDEND,
        con_id=contract.con_id,
        symbol=contract.symbol,
        multiplier=1,
        quantity=ZERO,
        price=ZERO,
        at=at,
        reason=f"dividend of {contract.symbol}",
        accepted_by=BY,
        program=SINGLE_ORDERS,
        income=amount,
    )
