"""Can the account carry an order, and what would it cost?"""

from decimal import Decimal
from math import isnan

from dispersa.gateway.exchange.account import Account, Trade
from dispersa.gateway.exchange.commissions import full_charge
from dispersa.gateway.exchange.matching import Matcher
from dispersa.gateway.exchange.nbbo import QuoteBook, signed
from dispersa.gateway.exchange.orders import LIMIT_TYPES
from dispersa.gateway.exchange.validation import Ticket
from dispersa.gateway.model import Order, OrderState, Status


class Means:
    """Judges orders by the account's funds, as if they filled whole at their price."""

    def __init__(self, account: Account, quotes: QuoteBook, matcher: Matcher) -> None:
        self._account = account
        self._quotes = quotes
        self._matcher = matcher

    def what_if(self, ticket: Ticket, order: Order) -> OrderState:
        """Return margins and commission before and after the order."""
        trades, fee = self._trades(ticket, order)
        before, after = self._account.balance(), self._account.balance(trades, fee)
        return OrderState(
            status=Status.PRE_SUBMITTED,
            init_margin_before=round(before.margin.initial, 2),
            maint_margin_before=round(before.margin.maintenance, 2),
            equity_with_loan_before=round(before.equity_with_loan, 2),
            init_margin_change=round(after.margin.initial - before.margin.initial, 2),
            maint_margin_change=round(after.margin.maintenance - before.margin.maintenance, 2),
            equity_with_loan_change=round(after.equity_with_loan - before.equity_with_loan, 2),
            init_margin_after=round(after.margin.initial, 2),
            maint_margin_after=round(after.margin.maintenance, 2),
            equity_with_loan_after=round(after.equity_with_loan, 2),
            commission=fee,
            min_commission=fee,
            max_commission=fee,
            commission_currency="USD",
        )

    def shortage(self, ticket: Ticket, order: Order) -> str | None:
        """Return why the account can not carry the order, None where it can."""
        trades, fee = self._trades(ticket, order)
        after = self._account.balance(trades, fee)
        if after.available >= 0.0:
            return None
        before = self._account.balance()
        if after.available >= before.available - fee:
            return None
        return (
            "Order rejected - reason:We are unable to accept your order. Your Available Funds are "
            "insufficient to cover the initial margin: equity with loan "
            f"{after.equity_with_loan:.2f} USD, initial margin {after.margin.initial:.2f} USD."
        )

    def _trades(self, ticket: Ticket, order: Order) -> tuple[list[Trade], float]:
        """Return the trades that a full fill would be, and its commission."""
        side = signed(order.action)
        limit = order.limit_price if order.order_type in LIMIT_TYPES else None
        net = limit
        if net is None:
            quote = self._quotes.combo_quote(ticket.parts)
            far = quote.ask if side > 0 else quote.bid
            net = quote.model if isnan(far) else far
        prices = self._matcher.leg_prices(ticket.parts, net)
        trades = []
        fee = Decimal(0)
        for part, price in zip(ticket.parts, prices, strict=True):
            count = order.quantity * abs(part.ratio)
            direction = side * (1 if part.ratio > 0 else -1)
            trades.append(
                Trade(instrument=part.instrument, quantity=direction * count, price=price)
            )
            fee += full_charge(part.instrument, count, Decimal(str(max(price, 0.0))))
        return trades, float(fee)
