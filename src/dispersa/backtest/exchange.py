"""What would a broker have done with our orders on a past day? Fills, books, cash and charges.

Fills follow the documented model of the simulated gateway (`gateway.exchange.fillmodel`): an order
that crosses fills at the displayed quote, one that rests between the quotes waits for hidden
interest, drawn from a stream of its own. Every execution, position and dollar is kept here, apart
from the desk's own book, and both are compared as they are live.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from dispersa.backtest.valuing import Contract, Valuer
from dispersa.gateway.exchange.fillmodel import Arrivals, FillModel
from dispersa.market import ConId, OptionContract, Quote, Side, Symbol, package_quote
from dispersa.orders import (
    AccountReading,
    ApprovedOrder,
    BrokerSnapshot,
    Commission,
    CommissionReported,
    CompletedOrderReading,
    ExecId,
    Execution,
    ExecutionReported,
    OpenOrderReading,
    OrderCancelled,
    OrderRef,
    OrderWorking,
    PermId,
    PositionReading,
)
from dispersa.portfolio import Mark

ACCOUNT = "DU7654321"
CLIENT = 1
TENTH_OF_CENT = Decimal("0.0001")
ZERO = Decimal(0)

Part = tuple[Symbol, bool]
"""A name's options (True) or its shares (False)."""
Report = OrderWorking | ExecutionReported | CommissionReported | OrderCancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges:
    """Commissions: per option contract, and per share."""

    option_usd: Decimal
    share_usd: Decimal


@dataclass(slots=True)
class _Holding:
    contract: Contract
    quantity: Decimal
    cost: Decimal


@dataclass(slots=True)
class _Live:
    approved: ApprovedOrder
    perm_id: PermId
    arrivals: Arrivals
    filled: int = 0


@dataclass(slots=True, kw_only=True)
class Flows:
    """Cash by cause since the last look, and by name for everything but interest."""

    interest: Decimal = ZERO
    borrow: Decimal = ZERO
    dividends: Decimal = ZERO
    commissions: Decimal = ZERO
    by_part: dict[Part, Decimal] = field(default_factory=dict)

    def add(self, part: Part, amount: Decimal) -> None:
        """Count cash of one name's options or shares."""
        self.by_part[part] = self.by_part.get(part, ZERO) + amount


class PastExchange:
    """One account at one exchange, over the days of a run."""

    def __init__(
        self, *, valuer: Valuer, model: FillModel, charges: Charges, capital: Decimal, seed: int
    ) -> None:
        self.cash = capital
        self.flows = Flows()
        self._valuer = valuer
        self._model = model
        self._charges = charges
        self._seed = seed
        self._held: dict[ConId, _Holding] = {}
        self._live: dict[OrderRef, _Live] = {}
        self._executions: list[Execution] = []
        self._commissions: list[Commission] = []
        self._completed: list[CompletedOrderReading] = []
        self._numbers = 0

    @property
    def holdings(self) -> Mapping[ConId, tuple[Contract, Decimal]]:
        """What is held: contract and signed quantity."""
        return {key: (row.contract, row.quantity) for key, row in self._held.items()}

    @property
    def has_live_orders(self) -> bool:
        """Whether an order works."""
        return bool(self._live)

    def begin_day(self) -> None:
        """Forget the reports of the day before: a broker shows those of today."""
        self._executions.clear()
        self._commissions.clear()
        self._completed.clear()

    def place(self, approved: ApprovedOrder, at: datetime) -> list[Report]:
        """Take a new order; what crosses fills at once."""
        self._numbers += 1
        ref = approved.intent.ref
        perm_id = PermId(self._numbers)
        live = _Live(approved, perm_id, Arrivals(self._seed, self._numbers))
        self._live[ref] = live
        limit = approved.intent.limit_price
        working = OrderWorking(ref=ref, perm_id=perm_id, limit_price=limit)
        return [working, *self._work(live, at, timedelta(0))]

    def amend(self, approved: ApprovedOrder, at: datetime) -> list[Report]:
        """Move the limit of a working order."""
        live = self._live.get(approved.intent.ref)
        if live is None:
            return []
        live.approved = approved
        limit = approved.intent.limit_price
        working = OrderWorking(ref=approved.intent.ref, perm_id=live.perm_id, limit_price=limit)
        return [working, *self._work(live, at, timedelta(0))]

    def cancel(self, ref: OrderRef) -> list[Report]:
        """Cancel a working order."""
        live = self._live.pop(ref, None)
        if live is None:
            return []
        self._complete(live, "Cancelled")
        return [OrderCancelled(ref=ref, message="cancelled as asked")]

    def pass_time(self, at: datetime, waited: timedelta) -> list[Report]:
        """Let resting orders wait for hidden interest."""
        return [row for live in list(self._live.values()) for row in self._work(live, at, waited)]

    def _work(self, live: _Live, at: datetime, waited: timedelta) -> list[Report]:
        intent = live.approved.intent
        legs = [leg.contract for leg in intent.combo.legs]
        quotes = self._valuer.quotes(legs, at)
        if len(quotes) < len(legs):
            return []
        sides = [
            (leg.side.sign * leg.ratio, quotes[leg.contract.con_id]) for leg in intent.combo.legs
        ]
        package = sides[0][1] if len(sides) == 1 else package_quote(sides)
        left = intent.quantity - live.filled
        units, price = self._filled(live, package, left, waited)
        if not units:
            return []
        return self._fill(live, quotes, price, units, at)

    def _filled(
        self, live: _Live, quote: Quote, left: int, waited: timedelta
    ) -> tuple[int, Decimal]:
        """Units that fill now, and at which net price."""
        intent = live.approved.intent
        limit, bid, ask = intent.limit_price, quote.bid, quote.ask
        if bid is None or ask is None:
            return 0, limit
        far = ask if intent.side is Side.BUY else bid
        if (limit - far) * intent.side.sign >= 0:
            return left, far
        mid, half = (bid + ask) / 2, (ask - bid) / 2
        if half <= 0 or not waited:
            return 0, limit
        aggression = float((limit - mid) * intent.side.sign / half)
        rate = self._model.rate(aggression)
        if not live.arrivals.wait(rate, waited.total_seconds()):
            return 0, limit
        displayed = quote.ask_size if intent.side is Side.BUY else quote.bid_size
        return min(live.arrivals.units(displayed), left), limit

    def _fill(
        self,
        live: _Live,
        quotes: Mapping[ConId, Quote],
        price: Decimal,
        units: int,
        at: datetime,
    ) -> list[Report]:
        intent = live.approved.intent
        reports: list[Report] = []
        live.filled += units
        for leg_price, leg in zip(
            _leg_prices(live.approved, quotes, price), intent.combo.legs, strict=True
        ):
            side = intent.side if leg.side is Side.BUY else intent.side.opposite
            reports += self._execute(live, leg.contract, side, units * leg.ratio, leg_price, at)
        if live.filled >= intent.quantity:
            del self._live[intent.ref]
            self._complete(live, "Filled")
        return reports

    def _execute(
        self,
        live: _Live,
        contract: Contract,
        side: Side,
        quantity: int,
        price: Decimal,
        at: datetime,
    ) -> list[Report]:
        self._numbers += 1
        is_option = isinstance(contract, OptionContract)
        execution = Execution(
            exec_id=ExecId(f"bt.{self._numbers:08d}.01"),
            order_ref=live.approved.intent.ref,
            perm_id=live.perm_id,
            account=ACCOUNT,
            con_id=contract.con_id,
            symbol=contract.symbol,
            side=side,
            quantity=Decimal(quantity),
            price=price,
            multiplier=contract.multiplier if isinstance(contract, OptionContract) else 1,
            at=at,
        )
        each = self._charges.option_usd if is_option else self._charges.share_usd
        if is_option:
            each *= Decimal(repr(self._valuer.name(contract.symbol).contracts_per_unit))
        charge = Commission(
            exec_id=execution.exec_id,
            amount=(each * quantity).quantize(TENTH_OF_CENT),
            currency="USD",
        )
        self._executions.append(execution)
        self._commissions.append(charge)
        self.move(contract, side.sign * execution.quantity, price)
        self._pay((contract.symbol, is_option), -charge.amount)
        self.flows.commissions += charge.amount
        return [ExecutionReported(execution=execution), CommissionReported(commission=charge)]

    def _complete(self, live: _Live, status: str) -> None:
        self._completed.append(
            CompletedOrderReading(
                ref=live.approved.intent.ref,
                perm_id=live.perm_id,
                filled=Decimal(live.filled),
                status=status,
            )
        )

    def move(self, contract: Contract, quantity: Decimal, price: Decimal) -> None:
        """Change a position at a price per share, against cash."""
        is_option = isinstance(contract, OptionContract)
        multiplier = contract.multiplier if isinstance(contract, OptionContract) else 1
        held = self._held.setdefault(contract.con_id, _Holding(contract, ZERO, ZERO))
        held.quantity += quantity
        held.cost += quantity * price * multiplier
        self._pay((contract.symbol, is_option), -quantity * price * multiplier)
        if not held.quantity:
            del self._held[contract.con_id]

    def _pay(self, part: Part, amount: Decimal) -> None:
        self.cash += amount
        self.flows.add(part, amount)

    def dividend(self, symbol: Symbol, amount: Decimal) -> None:
        """Receive (or, on shares sold short, pay) a dividend."""
        self._pay((symbol, False), amount)
        self.flows.dividends += amount

    def charge_borrow(self, symbol: Symbol, amount: Decimal) -> None:
        """Pay for borrowed shares."""
        self._pay((symbol, False), -amount)
        self.flows.borrow += amount

    def accrue(self, amount: Decimal) -> None:
        """Receive interest on cash, or pay it."""
        self.cash += amount
        self.flows.interest += amount

    def take_flows(self) -> Flows:
        """Return the flows since the last look and begin anew."""
        taken, self.flows = self.flows, Flows()
        return taken

    def value(self, marks: Mapping[ConId, Mark]) -> dict[Part, Decimal]:
        """Market value by name, options and shares apart."""
        found: dict[Part, Decimal] = {}
        for key, row in self._held.items():
            option = row.contract if isinstance(row.contract, OptionContract) else None
            multiplier = 1 if option is None else option.multiplier
            part = (row.contract.symbol, option is not None)
            worth = row.quantity * multiplier * marks[key].price
            found[part] = found.get(part, ZERO) + worth
        return found

    def account(self, marks: Mapping[ConId, Mark], margin: Decimal, at: datetime) -> AccountReading:
        """Account values at these marks; `margin` is the strategy-based requirement."""
        worth = self.cash + sum(self.value(marks).values(), ZERO)
        return AccountReading(
            account=ACCOUNT,
            is_paper=True,
            currency="USD",
            net_liquidation=worth.quantize(TENTH_OF_CENT, rounding=ROUND_HALF_EVEN),
            available_funds=(worth - margin).quantize(TENTH_OF_CENT),
            initial_margin=margin.quantize(TENTH_OF_CENT),
            maintenance_margin=margin.quantize(TENTH_OF_CENT),
            total_cash=self.cash.quantize(TENTH_OF_CENT),
            at=at,
        )

    def snapshot(self, account: AccountReading, at: datetime) -> BrokerSnapshot:
        """The broker's books of the day."""
        return BrokerSnapshot(
            account=replace(account, at=at),
            positions=tuple(_position(row) for row in self._held.values()),
            open_orders=tuple(_open(live) for live in self._live.values()),
            completed_orders=tuple(self._completed),
            executions=tuple(self._executions),
            commissions=tuple(self._commissions),
            at=at,
        )


def _leg_prices(
    approved: ApprovedOrder, quotes: Mapping[ConId, Quote], price: Decimal
) -> Iterable[Decimal]:
    """Split a net price over the legs: each at its mid, the difference shared, the last exact."""
    legs = approved.intent.combo.legs
    if len(legs) == 1:
        return [price]
    mids = [_mid(quotes[leg.contract.con_id]) for leg in legs]
    signs = [leg.side.sign * leg.ratio for leg in legs]
    gap = (price - sum((s * m for s, m in zip(signs, mids, strict=True)), ZERO)) / len(legs)
    found: list[Decimal] = []
    for sign, mid in zip(signs[:-1], mids[:-1], strict=True):
        found.append(max((mid + sign * gap).quantize(TENTH_OF_CENT), ZERO))
    spent = sum((s * p for s, p in zip(signs[:-1], found, strict=True)), ZERO)
    return [*found, (price - spent) / signs[-1]]


def _mid(quote: Quote) -> Decimal:
    mid = quote.mid
    return ZERO if mid is None else mid


def _position(row: _Holding) -> PositionReading:
    option = row.contract if isinstance(row.contract, OptionContract) else None
    return PositionReading(
        con_id=row.contract.con_id,
        symbol=row.contract.symbol,
        quantity=row.quantity,
        average_cost=(row.cost / row.quantity).quantize(TENTH_OF_CENT),
        option=option,
    )


def _open(live: _Live) -> OpenOrderReading:
    intent = live.approved.intent
    return OpenOrderReading(
        ref=intent.ref,
        perm_id=live.perm_id,
        client_id=CLIENT,
        symbol=intent.combo.symbol,
        side=intent.side,
        quantity=Decimal(intent.quantity),
        filled=Decimal(live.filled),
        limit_price=intent.limit_price,
        status="Submitted",
    )
