"""What becomes of orders: taken or refused, worked, amended, filled, cancelled, expired?"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from math import isnan

from dispersa.gateway import events
from dispersa.gateway.exchange.account import Account
from dispersa.gateway.exchange.directory import Directory
from dispersa.gateway.exchange.fillmodel import Arrivals
from dispersa.gateway.exchange.matching import Match, Matcher
from dispersa.gateway.exchange.means import Means
from dispersa.gateway.exchange.nbbo import ComboPart, QuoteBook, signed
from dispersa.gateway.exchange.orders import NOT_FOUND, Legging, OrderKey, WorkingOrder
from dispersa.gateway.exchange.reports import FillReporter
from dispersa.gateway.exchange.switches import Switches
from dispersa.gateway.exchange.validation import Desk, Ticket, check, warnings
from dispersa.gateway.model import Contract, Order, OrderState, Refusal, SecType, Status
from dispersa.gateway.world.calendar import NEW_YORK, latest_session, next_trading_day, session
from dispersa.gateway.world.world import World

Emit = Callable[[events.Event], None]
_FIRST_PERM_ID = 1_780_000_001
_LOCATE_TIME = timedelta(seconds=30)
ACTIVE_ORDERS_MAX = 20
"""Live orders for one contract, side and account (ibkr-api.md 3.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorParts:
    """What the floor works with."""

    world: World
    directory: Directory
    quotes: QuoteBook
    account: Account
    matcher: Matcher
    emit: Emit
    rules: Switches


class Floor:
    """The order desk of the exchange for one account."""

    def __init__(self, parts: FloorParts) -> None:
        self._world = parts.world
        self._quotes = parts.quotes
        self._account = parts.account
        self._means = Means(parts.account, parts.quotes, parts.matcher)
        self._desk = Desk(parts.directory, parts.account.ledger.account, parts.rules)
        self._matcher = parts.matcher
        self._emit = parts.emit
        self._rules = parts.rules
        self.orders: dict[OrderKey, WorkingOrder] = {}
        self._live: dict[int, WorkingOrder] = {}
        self.reporter = FillReporter(parts.account, parts.world, parts.emit, parts.rules)
        self._next_perm_id = _FIRST_PERM_ID
        self._matched_at = parts.world.now

    # -- requests --------------------------------------------------------------------------------

    def place(self, client_id: int, order_id: int, contract: Contract, order: Order) -> None:
        """Take a new order or amend the live one with this id."""
        known = self.orders.get((client_id, order_id))
        refusal: Refusal | None = None
        if known is None:
            refusal = self._take(client_id, order_id, contract, order)
        elif known.is_done:
            refusal = (
                Refusal(code=104, text="Cannot modify a filled order.")
                if known.status is Status.FILLED
                else Refusal(code=103, text="Duplicate order id")
            )
        else:
            refusal = self._amend(known, contract, order)
        if refusal is not None:
            self._emit(
                events.OrderError(
                    client_id=client_id,
                    order_id=order_id,
                    code=refusal.code,
                    text=refusal.text,
                    advanced_reject=refusal.advanced_reject,
                )
            )

    def cancel(self, client_id: int, order_id: int) -> None:
        """Cancel an order of this client."""
        known = self.orders.get((client_id, order_id))
        if known is None and self._rules.cancel_of_foreign_order == "allowed":
            known = next((order for order in self.live() if order.order_id == order_id), None)
        if known is None:
            self._emit(
                events.OrderError(
                    client_id=client_id,
                    order_id=order_id,
                    code=(code := int(self._rules.cancel_of_unknown)),
                    text=NOT_FOUND[code].format(order_id),
                )
            )
        elif known.is_done:
            self._emit(known.cancel_refusal(self._rules))
        else:
            self._end(known, "Cancelled by Trader", "Order Canceled - reason:")

    def cancel_all(self) -> None:
        """Cancel every live order."""
        for order in self.live():
            self._end(order, "Cancelled by Trader", "Order Canceled - reason:")

    def what_if(self, contract: Contract, order: Order) -> OrderState | Refusal:
        """Return margins and commission before and after the order, filled at its price."""
        ticket = check(self._desk, contract, order)
        if isinstance(ticket, Refusal):
            return ticket
        return self._means.what_if(ticket, order)

    def live(self) -> list[WorkingOrder]:
        """Return the orders that are not done, oldest first."""
        for perm_id in [key for key, order in self._live.items() if order.is_done]:
            del self._live[perm_id]
        return list(self._live.values())

    # -- time ------------------------------------------------------------------------------------

    def step(self) -> None:
        """Match what rests after the world has moved; expire what is over."""
        now, before = self._world.now, self._matched_at
        self._matched_at = now
        working = self.live()
        if not working:
            return
        is_open = self._world.is_open
        for order in working:
            if self._expire(order, now):
                continue
            if is_open and self._may_work(order, now):
                self._work(order, now, (now - before).total_seconds())

    def _may_work(self, order: WorkingOrder, now: datetime) -> bool:
        is_halted = any(part.instrument.symbol in self._world.halted for part in order.parts)
        is_time = order.starts is None or order.starts <= now
        return order.order.transmit and is_time and not is_halted

    def _work(self, order: WorkingOrder, now: datetime, seconds: float) -> None:
        """Match an order; one that shows nothing before its fill is released after the try."""
        if not self._is_quiet(order):
            self._release(order)
        self._match(order, now, seconds)
        if not order.is_done:
            self._release(order)

    def _is_quiet(self, order: WorkingOrder) -> bool:
        is_market = order.order.order_type == "MKT"
        return is_market and self._rules.market_order_status == Status.PRE_SUBMITTED

    def _match(self, order: WorkingOrder, now: datetime, seconds: float) -> None:
        if order.legging is not None:
            self._finish_legs(order, order.legging)
        elif (match := self._matcher.match(order, now, seconds)) is not None:
            apart = order.is_bag and order.order.is_non_guaranteed
            if apart and self._rules.non_guaranteed_fills == "apart":
                self._begin_legs(order, match)
            else:
                self._fill(order, match)
        if order.order.tif == "IOC" and not order.is_done and order.legging is None:
            self._end(order, "Cancelled by System", "Order Canceled - reason:IOC")

    def _expire(self, order: WorkingOrder, now: datetime) -> bool:
        """End an order whose time is over; return whether it ended."""
        over = order.expires is not None and now >= order.expires
        over = over or any(_has_expired(part, now) for part in order.parts)
        if order.order.tif in ("DAY", ""):
            over = over or now >= self._last_session_of(order.accepted)
        if over:
            self._end(order, "Cancelled by System", "Order Canceled - reason:")
        return over

    @staticmethod
    def _last_session_of(accepted: datetime) -> datetime:
        """Return the close of the session in which a day order works."""
        held = latest_session(accepted)
        if accepted < held.closes:
            return held.closes
        following = session(next_trading_day(held.day))
        assert following is not None  # noqa: S101 - a trading day has a session
        return following.closes

    # -- taking ----------------------------------------------------------------------------------

    def _take(
        self, client_id: int, order_id: int, contract: Contract, order: Order
    ) -> Refusal | None:
        ticket = check(self._desk, contract, order)
        if isinstance(ticket, Refusal):
            return ticket
        if self._same_side(ticket, order) >= ACTIVE_ORDERS_MAX:
            return Refusal(
                code=201,
                text="Order rejected - reason:At most "
                f"{ACTIVE_ORDERS_MAX} orders working on either the buy or sell side for this "
                "particular contract",
            )
        taken = WorkingOrder(
            client_id=client_id,
            order_id=order_id,
            perm_id=self._next_perm_id,
            contract=ticket.contract,
            order=replace(order, tif=order.tif or "DAY"),
            parts=ticket.parts,
            arrivals=Arrivals(self._world.seed, self._next_perm_id),
            accepted=self._world.now,
            expires=ticket.expires,
            starts=ticket.starts,
        )
        self._next_perm_id += 1
        self.orders[taken.key] = self._live[taken.perm_id] = taken
        if (reason := self._means.shortage(ticket, order)) is not None:
            self.reject(taken, reason)
            return None
        for part in taken.parts:
            self._quotes.hold(part.instrument)
        self._locate(taken)
        self._emit(taken.open_order())
        self._emit(taken.order_status())
        for code, text in warnings(self._rules, contract, order, taken):
            self._emit(taken.error(code, text))
        self._announce(taken)
        return None

    def _locate(self, order: WorkingOrder) -> None:
        """Hold a short sale of stock until it is located, where that is the rule."""
        part = order.parts[0]
        if self._rules.short_stock == "available" or part.instrument.sec_type is not SecType.STOCK:
            return
        held = self._account.ledger.quantity(part.instrument.con_id)
        if signed(order.order.action) < 0 and held < order.order.quantity and not order.is_bag:
            order.why_held = "locate"
            order.starts = self._world.now + _LOCATE_TIME

    def _same_side(self, ticket: Ticket, order: Order) -> int:
        """Return how many live orders there are for the same contract and side."""
        wanted = [(p.instrument.con_id, p.ratio) for p in ticket.parts]
        return sum(
            live.order.action == order.action
            and [(p.instrument.con_id, p.ratio) for p in live.parts] == wanted
            for live in self.live()
        )

    def _announce(self, order: WorkingOrder) -> None:
        """Say that the order works, or when it will."""
        if not order.order.transmit:
            return
        if self._world.is_open:
            if self._may_work(order, self._world.now) and not self._is_quiet(order):
                self._release(order)
            return
        held = latest_session(self._world.now)
        opens = session(next_trading_day(held.day))
        assert opens is not None  # noqa: S101 - a trading day has a session
        when = f"{opens.opens.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S} US/Eastern"
        text = (
            f"Order Message:\nWarning: your order will not be placed at the exchange until {when}"
        )
        self._emit(order.error(399, text))

    def _release(self, order: WorkingOrder) -> None:
        order.why_held = ""
        if order.status is Status.PRE_SUBMITTED:
            order.status = Status.SUBMITTED
            self._emit(order.open_order())
            self._emit(order.order_status())

    def reject(self, order: WorkingOrder, reason: str) -> None:
        """End an order as rejected."""
        order.status, order.ended = Status.INACTIVE, self._world.now
        order.end_text = "Rejected"
        self._emit(order.error(201, reason))
        self._emit(order.order_status())

    # -- amending and ending ---------------------------------------------------------------------

    def _amend(self, known: WorkingOrder, contract: Contract, order: Order) -> Refusal | None:
        mismatch = Refusal(code=105, text="Order being modified does not match original order")
        ticket = check(self._desk, contract, order)
        if isinstance(ticket, Refusal):
            return ticket
        same_parts = [(p.instrument.con_id, p.ratio) for p in ticket.parts] == [
            (p.instrument.con_id, p.ratio) for p in known.parts
        ]
        if not same_parts or order.action != known.order.action:
            return mismatch
        begun = known.legging.units if known.legging else 0
        if order.quantity < known.filled + max(begun, 1):
            return Refusal(
                code=201, text="Order rejected - reason:size is not above what is filled"
            )
        rest = replace(order, quantity=order.quantity - known.filled)
        if (reason := self._means.shortage(ticket, rest)) is not None:
            return Refusal(code=201, text=reason)
        known.order = replace(order, tif=order.tif or "DAY")
        known.expires, known.starts = ticket.expires, ticket.starts
        self._emit(known.open_order())
        self._emit(known.order_status())
        return None

    def end(self, order: WorkingOrder, text: str, reason: str) -> None:
        """Cancel an order for a reason that is not its client's."""
        self._end(order, text, reason)

    def _end(self, order: WorkingOrder, text: str, reason: str) -> None:
        order.status, order.ended, order.end_text = Status.CANCELLED, self._world.now, text
        for part in order.parts:
            self._quotes.release(part.instrument)
        self._emit(order.error(202, reason))
        self._emit(order.order_status())

    # -- filling ---------------------------------------------------------------------------------

    def fill(self, order: WorkingOrder, units: int) -> None:
        """Fill units at the order's own price, whatever the market says."""
        price = order.order.limit_price
        if price is None:
            price = round(self._quotes.combo_quote(order.parts).model, 2)
        legs = tuple(self._matcher.leg_prices(order.parts, price))
        self._fill(order, Match(units=units, price=price, leg_prices=legs, took_liquidity=False))

    def take_twin(self, client_id: int, order_id: int, contract: Contract, order: Order) -> None:
        """Take an amendment as an order of its own beside the one it should have changed."""
        first = self.orders.pop((client_id, order_id))
        self._take(client_id, order_id, contract, order)
        twin = self.orders.pop((client_id, order_id), None)
        self.orders[first.key] = first
        if twin is not None:
            self.orders[client_id, -twin.perm_id] = twin

    def _begin_legs(self, order: WorkingOrder, match: Match) -> None:
        """Trade the first leg of a non-guaranteed combo alone."""
        base = self.reporter.next_base()
        order.legging = Legging(base=base, units=match.units, first_price=match.leg_prices[0])
        self.reporter.report_first_leg(order, match, base)

    def _finish_legs(self, order: WorkingOrder, begun: Legging) -> None:
        """Trade the other legs at their own market; the net price is what came of it."""
        others = self._matcher.market_prices(order)[1:]
        if any(isnan(price) for price in others):
            return
        order.legging = None
        prices = (begun.first_price, *others)
        net = sum(part.ratio * price for part, price in zip(order.parts, prices, strict=True))
        match = Match(
            units=begun.units, price=round(net, 4), leg_prices=prices, took_liquidity=True
        )
        self._fill(order, match, begun.base)

    def _fill(self, order: WorkingOrder, match: Match, legged: str | None = None) -> None:
        """Book one trade and report it in the order of ibkr-api.md 1.9.

        `legged` is the id of a trade whose first leg is booked and reported already.
        """
        units, was_done = Decimal(match.units), order.is_done
        order.filled += units
        order.value += units * Decimal(str(match.price))
        order.last_price = match.price
        is_filled = order.remaining <= 0
        if is_filled:
            order.status, order.ended = Status.FILLED, self._world.now
            order.end_text = f"Filled Size: {order.filled:f}"
        elif order.status is Status.PRE_SUBMITTED:
            order.status = Status.SUBMITTED
        self.reporter.report(order, match, legged)
        if is_filled and not was_done:
            for part in order.parts:
                self._quotes.release(part.instrument)


def _has_expired(part: ComboPart, now: datetime) -> bool:
    option, future = part.instrument.option, part.instrument.future
    if future is not None:
        return future.settles <= now
    return option is not None and option.piece.settles <= now
