"""What do faults do to holdings, cash and account rows?

Whatever is booked here is really so: `venue.truth` knows it, and clients hear of it as they would
at IBKR, by a changed position without an order of theirs.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from dispersa.gateway import events
from dispersa.gateway.exchange.account import Account
from dispersa.gateway.exchange.directory import Directory
from dispersa.gateway.exchange.faults.catalogue import Armed
from dispersa.gateway.exchange.floor import Floor
from dispersa.gateway.exchange.ledger import Holding
from dispersa.gateway.exchange.settlement import Settlement
from dispersa.gateway.model import Action, Contract, Order, SecType
from dispersa.gateway.world.actions import CorporateAction, change_of
from dispersa.gateway.world.calendar import next_trading_day, session
from dispersa.gateway.world.world import World

_MANUAL_SHARES = Decimal(100)
_MARGIN_RAISE = 1.5
_LEFT_CASH = "1000"


class Books:
    """Trades by other hands, transfers, restrictions."""

    def __init__(
        self,
        floor: Floor,
        account: Account,
        settlement: Settlement,
        world: World,
        directory: Directory,
        deliver: Callable[[events.Event], None],
    ) -> None:
        self._floor = floor
        self._account = account
        self._settlement = settlement
        self._world = world
        self._directory = directory
        self._deliver = deliver
        self.residue: list[Contract] = []
        self.has_foreign_cash = False
        self.is_close_only = False
        self.is_profit_reversed = False
        self.forbidden: set[str] = set()
        self.strikes: dict[str, Callable[[Armed], None]] = {
            "B34": self._end_day_orders,
            "D1": lambda fault: self._trade_stock(fault.symbol),
            "D2": lambda fault: self._close(self._held(fault)),
            "D3": lambda fault: settlement.assign(fault.symbol),
            "D4": self._leave_residue,
            "D5": self._announce,
            "D6": lambda fault: settlement.pinned.add(fault.symbol),
            "D7": self._transfer,
            "D9": self._trade_along,
            "E1": self._withdraw,
            "E2": lambda fault: self._close(self._held(fault)[:1]),
            "E3": lambda _: setattr(account, "margin_factor", _MARGIN_RAISE),
            "E4": lambda _: setattr(self, "has_foreign_cash", True),
            "E6": lambda fault: self.forbidden.add(fault.symbol),
            "E7": lambda _: setattr(self, "is_close_only", True),
            "E8": lambda _: setattr(self, "is_profit_reversed", True),
        }
        """What happens at once when one of these is armed."""

    def _announce(self, fault: Armed) -> None:
        """Let a split, a special dividend or a symbol change happen at the next opening."""
        day = next_trading_day(self._world.paths.day.day)
        change = change_of(fault.value or "split 2:1")
        self._world.announce(CorporateAction(day=day, symbol=fault.symbol, change=change))

    def lift(self) -> None:
        """Undo what lasts, but for trades and transfers."""
        self.residue.clear()
        self.forbidden.clear()
        self._settlement.pinned.clear()
        self.has_foreign_cash = self.is_close_only = self.is_profit_reversed = False
        self._account.margin_factor = 1.0
        self._account.frozen = None

    # -- what is shown and what is refused -------------------------------------------------------

    def refusal(self, contract: Contract, order: Order) -> str | None:
        """Return why the account may not send this order, None where it may."""
        if contract.symbol in self.forbidden:
            return "No trading permissions."
        if self.is_close_only and not self._reduces(contract, order):
            return "The account is restricted to closing transactions only."
        return None

    def values(self, rows: list[events.AccountValue]) -> list[events.AccountValue]:
        """Return account rows as they are shown."""
        if self.is_close_only:
            rows = [replace(row, value="0") if row.key == "DayTradesRemaining" else row
                    for row in rows]  # fmt: skip
        if self.has_foreign_cash:
            extra = (("CashBalance", "10000.00"), ("TotalCashBalance", "10000.00"))
            account = self._account.ledger.account
            rows = rows + [
                events.AccountValue(account=account, key=key, value=value, currency="EUR")
                for key, value in extra
            ]
        return rows

    def pnl(self, true: events.Pnl) -> events.Pnl:
        """Return a profit as it is shown."""
        if not self.is_profit_reversed:
            return true
        daily, unrealized = (None if x is None else -x for x in (true.daily, true.unrealized))
        return replace(true, daily=daily, unrealized=unrealized)

    def positions(self, rows: list[events.Position]) -> list[events.Position]:
        """Return positions with what has been left behind."""
        account = self._account.ledger.account
        return rows + [
            events.Position(account=account, contract=one, quantity=Decimal(0), average_cost=0.0)
            for one in self.residue
        ]

    # -- inside ----------------------------------------------------------------------------------

    def _held(self, fault: Armed) -> list[Holding]:
        held = self._account.ledger.open_holdings()
        return [one for one in held if fault.symbol in ("", one.instrument.symbol)]

    def _reduces(self, contract: Contract, order: Order) -> bool:
        found = self._directory.find(contract) if contract.sec_type != SecType.BAG else []
        held = self._account.ledger.quantity(found[0].con_id) if len(found) == 1 else Decimal(0)
        side = 1 if order.action == Action.BUY else -1
        return held * side < 0 and abs(held) >= order.quantity

    def _trade(self, contract: Contract, quantity: Decimal) -> None:
        action = Action.BUY if quantity > 0 else Action.SELL
        order = Order(action=action, quantity=abs(quantity), order_type="MKT")
        self._floor.place(0, -1 - len(self._floor.orders), contract, order)

    def _trade_stock(self, symbol: str) -> None:
        found = self._directory.underlying(symbol)
        if found is not None:
            self._trade(found.contract, _MANUAL_SHARES)

    def _trade_along(self, fault: Armed) -> None:
        for held in self._held(fault):
            if held.instrument.option is not None:
                self._trade(held.instrument.contract, Decimal(1))

    def _close(self, holdings: list[Holding]) -> None:
        for held in holdings:
            self._trade(held.instrument.contract, -held.quantity)

    def _transfer(self, fault: Armed) -> None:
        """Journal holdings to another account: they go at cost, and no cash moves."""
        for held in self._held(fault):
            ledger, unit = self._account.ledger, held.instrument.multiplier
            cash = ledger.cash
            ledger.book(held.instrument, -held.quantity, held.average_cost / unit, Decimal(0))
            ledger.cash = cash
            self._deliver(self._account.position(ledger.holdings[held.instrument.con_id]))

    def _leave_residue(self, fault: Armed) -> None:
        symbol = fault.symbol or "XYZ"
        self.residue.append(Contract(con_id=900_000_001, symbol=symbol, sec_type=SecType.OPTION))
        (last,) = self.positions([])[-1:]
        self._deliver(last)

    def _withdraw(self, fault: Armed) -> None:
        self._account.ledger.cash = Decimal(fault.value or _LEFT_CASH)
        self._deliver(events.AccountChanged(account=self._account.ledger.account))

    def _end_day_orders(self, fault: Armed) -> None:
        for order in self._floor.live():
            if fault.fits(order.order.order_ref, order.contract.symbol):
                order.expires = self._world.now

    def hold_to_next_day(self, client_id: int, order_id: int) -> None:
        """Let an order wait for the next session, and say so with 399."""
        order = self._floor.orders.get((client_id, order_id))
        following = session(next_trading_day(self._world.today))
        if order is None or order.is_done or following is None:
            return
        order.starts = following.opens + timedelta(0)
        text = f"{following.day:%Y-%m-%d} 09:30:00 US/Eastern"
        self._deliver(
            order.error(
                399,
                "Order Message:\nWarning: your order will not be placed at the exchange until "
                + text,
            )
        )
