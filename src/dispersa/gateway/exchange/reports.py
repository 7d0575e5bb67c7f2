"""How does the exchange report a fill: executions 1 + N, commissions, positions?

A BAG reports one execution at its net price (`base.01.01`, contract id of every BAG, no legs) and
one for each leg (`base.02.01` and on); commissions, cash and positions belong to the legs alone.
The order of events follows ibkr-api.md 1.9.
"""

from collections.abc import Callable
from decimal import Decimal

from dispersa.gateway import events
from dispersa.gateway.exchange.account import Account
from dispersa.gateway.exchange.commissions import LegCharge
from dispersa.gateway.exchange.directory import exchanges_of
from dispersa.gateway.exchange.matching import Match
from dispersa.gateway.exchange.nbbo import ComboPart, signed
from dispersa.gateway.exchange.orders import WorkingOrder
from dispersa.gateway.exchange.switches import Switches
from dispersa.gateway.model import BAG_CON_ID, Contract, OrderState
from dispersa.gateway.world.world import World

Emit = Callable[[events.Event], None]
ADDED, REMOVED = 1, 2
"""IB's last-liquidity codes."""


def money(price: float) -> Decimal:
    """Cross from a float price to exact money."""
    return Decimal(str(price))


class FillReporter:
    """Numbers executions, books legs and tells listeners in IB's order."""

    def __init__(self, account: Account, world: World, emit: Emit, rules: Switches) -> None:
        self._account = account
        self._world = world
        self._emit = emit
        self._rules = rules
        self._sequence = int(world.start.timestamp())
        self.executions: list[events.Execution] = []
        self.commissions: dict[str, events.CommissionReport] = {}

    def next_base(self) -> str:
        """Return what the ids of one trade's executions begin with."""
        self._sequence += 1
        return f"0000e1a7.{self._sequence:08x}"

    def report(self, order: WorkingOrder, match: Match, legged: str | None = None) -> None:
        """Book a trade of `order` and send everything that follows from it.

        `legged` is the id of a trade whose first leg is booked and reported already.
        """
        lines = self._lines(order, match, legged or self.next_base())
        trades = list(zip(order.parts, match.leg_prices, lines[-len(order.parts) :], strict=True))
        if legged is not None:
            trades, lines = trades[1:], [*lines[2:], lines[0]]
        self._tell(lines)
        reports = self._book(order, trades)
        if order.is_bag and self._rules.bag_commission_report == "zero":
            bag = next(line for line in lines if line.contract.con_id == BAG_CON_ID)
            reports.append(
                events.CommissionReport(
                    client_id=order.client_id, exec_id=bag.exec_id, commission=0.0
                )
            )
        self._emit(order.open_order())
        self._emit(order.order_status())
        paid = OrderState(
            status=order.status, commission=float(order.commission), commission_currency="USD"
        )
        self._emit(order.open_order(paid))
        self._settle([part for part, _, _ in trades], reports)

    def report_first_leg(self, order: WorkingOrder, match: Match, base: str) -> None:
        """Book and report the first leg of a combo whose other legs have not traded yet."""
        part, price = order.parts[0], match.leg_prices[0]
        line = self._leg_line(order, match, f"{base}.02.01", part, price)
        self._tell([line])
        self._settle([part], self._book(order, [(part, price, line)]))

    def _tell(self, lines: list[events.Execution]) -> None:
        self.executions += lines
        for line in lines:
            self._emit(line)

    def _settle(self, parts: list[ComboPart], reports: list[events.CommissionReport]) -> None:
        """Send commissions and what became of the account."""
        for report in reports:
            self.commissions[report.exec_id] = report
            self._emit(report)
        for part in parts:
            held = self._account.ledger.holdings[part.instrument.con_id]
            self._emit(self._account.position(held))
        self._emit(events.AccountChanged(account=self._account.ledger.account))

    # -- inside ----------------------------------------------------------------------------------

    def _lines(self, order: WorkingOrder, match: Match, base: str) -> list[events.Execution]:
        units = Decimal(match.units)
        if not order.is_bag:
            contract = order.parts[0].instrument.contract
            return [self._line(order, match, f"{base}.01.01", contract, units, match.price)]
        bag = Contract(
            con_id=BAG_CON_ID,
            symbol=order.contract.symbol,
            sec_type=order.contract.sec_type,
            exchange="SMART",
            currency="USD",
        )
        lines = [self._line(order, match, f"{base}.01.01", bag, units, match.price)]
        for number, (part, price) in enumerate(
            zip(order.parts, match.leg_prices, strict=True), start=2
        ):
            lines.append(self._leg_line(order, match, f"{base}.{number:02d}.01", part, price))
        return lines

    def _line(
        self,
        order: WorkingOrder,
        match: Match,
        exec_id: str,
        contract: Contract,
        shares: Decimal,
        price: float,
    ) -> events.Execution:
        return events.Execution(
            client_id=order.client_id,
            order_id=order.order_id,
            perm_id=order.perm_id,
            exec_id=exec_id,
            contract=contract,
            time=self._world.now,
            account=self._account.ledger.account,
            exchange="SMART" if order.is_bag else self._venue(order, order.parts[0]),
            side="BOT" if signed(order.order.action) > 0 else "SLD",
            shares=shares,
            price=price,
            cumulative_quantity=order.filled,
            average_price=order.average_price,
            order_ref=order.order.order_ref,
            last_liquidity=REMOVED if match.took_liquidity else ADDED,
        )

    def _leg_line(
        self, order: WorkingOrder, match: Match, exec_id: str, part: ComboPart, price: float
    ) -> events.Execution:
        side = signed(order.order.action) * part.ratio
        charge = order.charges.setdefault(part.instrument.con_id, LegCharge())
        shares = Decimal(match.units * abs(part.ratio))
        total = charge.quantity + shares
        average = (charge.value + shares * money(price)) / total
        return events.Execution(
            client_id=order.client_id,
            order_id=order.order_id,
            perm_id=order.perm_id,
            exec_id=exec_id,
            contract=part.instrument.contract,
            time=self._world.now,
            account=self._account.ledger.account,
            exchange=self._venue(order, part),
            side="BOT" if side > 0 else "SLD",
            shares=shares,
            price=price,
            cumulative_quantity=total,
            average_price=round(float(average), 6),
            order_ref=order.order.order_ref,
            last_liquidity=REMOVED if match.took_liquidity else ADDED,
        )

    @staticmethod
    def _venue(order: WorkingOrder, part: ComboPart) -> str:
        """Return where a leg prints: behind SMART, an exchange drawn from the order's stream."""
        if order.contract.exchange not in ("", "SMART"):
            return order.contract.exchange
        venues = exchanges_of(part.instrument)[1:]
        return venues[order.arrivals.pick(len(venues))]

    def _book(
        self, order: WorkingOrder, trades: list[tuple[ComboPart, float, events.Execution]]
    ) -> list[events.CommissionReport]:
        """Book each leg in the ledger; return its commission reports."""
        reports = []
        side = signed(order.order.action)
        for part, price, line in trades:
            charge = order.charges.setdefault(part.instrument.con_id, LegCharge())
            fee = charge.charge(part.instrument, line.shares, money(price))
            order.commission += fee
            signed_shares = line.shares if side * part.ratio > 0 else -line.shares
            profit = self._account.ledger.book(
                part.instrument, signed_shares, money(price), fee, self._world.today
            )
            reports.append(
                events.CommissionReport(
                    client_id=order.client_id,
                    exec_id=line.exec_id,
                    commission=float(fee),
                    realized_pnl=None if profit is None else float(profit),
                )
            )
        return reports
