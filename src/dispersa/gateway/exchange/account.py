"""What is the account worth, what margin does it need, what may it still trade?"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isnan

from dispersa.gateway import events
from dispersa.gateway.exchange.directory import Instrument
from dispersa.gateway.exchange.ledger import Holding, Ledger
from dispersa.gateway.exchange.margin import Exposure, Margin, margin
from dispersa.gateway.exchange.nbbo import QuoteBook
from dispersa.gateway.model import SecType
from dispersa.gateway.world.world import World

_DAY_TRADING_FACTOR = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A hypothetical or real change of holdings: signed quantity at a price per share."""

    instrument: Instrument
    quantity: Decimal
    price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Values in account currency. Equity with loan leaves out options, which carry no loan."""

    cash: float
    stock_value: float
    option_value: float
    gross: float
    margin: Margin

    @property
    def net_liquidation(self) -> float:
        """Cash, stock and options."""
        return self.cash + self.stock_value + self.option_value

    @property
    def equity_with_loan(self) -> float:
        """Cash and stock."""
        return self.cash + self.stock_value

    @property
    def available(self) -> float:
        """Equity with loan value over the initial requirement."""
        return self.equity_with_loan - self.margin.initial

    @property
    def excess(self) -> float:
        """Equity with loan value over the maintenance requirement."""
        return self.equity_with_loan - self.margin.maintenance


class Account:
    """One account, valued at the world's current quotes."""

    def __init__(self, world: World, quotes: QuoteBook, ledger: Ledger) -> None:
        self._world = world
        self._quotes = quotes
        self.ledger = ledger
        self._day = world.today
        self._day_start_value = float(ledger.cash)
        self._day_start_marks: dict[int, tuple[Decimal, float]] = {}
        self._day_realized = Decimal(0)
        self.margin_factor = 1.0
        self.frozen: list[events.AccountValue] | None = None

    # -- valuation -------------------------------------------------------------------------------

    def mark(self, instrument: Instrument) -> float:
        """Return the price per unit at which a holding is valued: the mid, else the model."""
        quote = self._quotes.quote(instrument)
        return quote.model if isnan(quote.mid) else round(quote.mid, 5)

    def balance(self, trades: Sequence[Trade] = (), fee: float = 0.0) -> Balance:
        """Return the account's values, after `trades` and their `fee` where given."""
        quantities = {h.instrument.con_id: h.quantity for h in self.ledger.open_holdings()}
        instruments = {h.instrument.con_id: h.instrument for h in self.ledger.open_holdings()}
        cash = float(self.ledger.cash) - fee
        for trade in trades:
            con_id = trade.instrument.con_id
            quantities[con_id] = quantities.get(con_id, Decimal(0)) + trade.quantity
            instruments[con_id] = trade.instrument
            if trade.instrument.sec_type is not SecType.FUTURE:
                cash -= float(trade.quantity) * trade.price * trade.instrument.multiplier
        return self._valued(cash, quantities, instruments)

    def _valued(
        self, cash: float, quantities: dict[int, Decimal], instruments: dict[int, Instrument]
    ) -> Balance:
        stock = option = gross = 0.0
        exposures = []
        for con_id, quantity in quantities.items():
            instrument, price = instruments[con_id], self.mark(instruments[con_id])
            value = float(quantity) * price * instrument.multiplier
            gross += abs(value)
            if instrument.sec_type is SecType.FUTURE:
                cash += self._variation(con_id, value)
            elif instrument.sec_type is SecType.OPTION:
                option += value
            else:
                stock += value
            exposures.append(self._exposure(instrument, int(quantity), price))
        return Balance(
            cash=cash,
            stock_value=stock,
            option_value=option,
            gross=gross,
            margin=margin(exposures).times(self.margin_factor),
        )

    def _variation(self, con_id: int, value: float) -> float:
        """Return the open profit of a future that is held; a hypothetical trade has none yet."""
        held = self.ledger.holdings.get(con_id)
        if held is None or not held.quantity:
            return 0.0
        return value - float(held.quantity * held.average_cost)

    def _exposure(self, instrument: Instrument, quantity: int, price: float) -> Exposure:
        key = instrument.option
        spot = self._world.spot(instrument.symbol)
        if key is None:
            return Exposure(
                symbol=instrument.symbol,
                under_type=instrument.sec_type,
                quantity=quantity,
                price=price,
                spot=spot,
                multiplier=instrument.multiplier,
            )
        return Exposure(
            symbol=instrument.symbol,
            under_type=instrument.underlying.sec_type,
            quantity=quantity,
            price=price,
            spot=spot,
            sign=key.sign,
            strike=float(key.piece.strikes[key.strike_index]),
            expiry=key.piece.last_trade_day,
            multiplier=instrument.multiplier,
        )

    # -- reports ---------------------------------------------------------------------------------

    def roll_day(self) -> None:
        """Begin a new day of profit when the date in New York has changed."""
        if self._world.today == self._day:
            return
        self._day = self._world.today
        self._day_start_value = self.balance().net_liquidation
        self._day_realized = self.ledger.realized
        self._day_start_marks = {
            h.instrument.con_id: (h.quantity, self.mark(h.instrument))
            for h in self.ledger.open_holdings()
        }

    def position(self, held: Holding) -> events.Position:
        """Return one holding as a position."""
        return events.Position(
            account=self.ledger.account,
            contract=held.instrument.contract,
            quantity=held.quantity,
            average_cost=float(held.average_cost),
        )

    def portfolio_item(self, held: Holding) -> events.PortfolioItem:
        """Return one holding with its valuation."""
        price = self.mark(held.instrument)
        value = float(held.quantity) * price * held.instrument.multiplier
        return events.PortfolioItem(
            position=self.position(held),
            market_price=price,
            market_value=value,
            unrealized_pnl=value - float(held.quantity * held.average_cost),
            realized_pnl=float(held.realized),
        )

    def portfolio(self) -> list[events.PortfolioItem]:
        """Return all holdings, those that went flat today with quantity 0."""
        return [
            self.portfolio_item(held)
            for held in self.ledger.holdings.values()
            if held.quantity or held.touched == self._world.today
        ]

    def pnl(self) -> events.Pnl:
        """Return the profit of the day, unrealized and realized."""
        items = [self.portfolio_item(held) for held in self.ledger.open_holdings()]
        return events.Pnl(
            daily=self.balance().net_liquidation - self._day_start_value,
            unrealized=sum(item.unrealized_pnl for item in items),
            realized=float(self.ledger.realized - self._day_realized),
        )

    def pnl_single(self, con_id: int) -> events.Pnl | None:
        """Return the profit of one position; daily is since the day began or it was opened."""
        held = self.ledger.holdings.get(con_id)
        if held is None:
            return None
        item = self.portfolio_item(held)
        start_quantity, start_mark = self._day_start_marks.get(con_id, (Decimal(0), 0.0))
        unit = held.instrument.multiplier
        kept = float(min(abs(start_quantity), abs(held.quantity))) if start_quantity else 0.0
        sign = 1.0 if start_quantity > 0 else -1.0
        before = sign * kept * (start_mark * unit - float(held.average_cost))
        return events.Pnl(
            daily=item.unrealized_pnl + item.realized_pnl - before,
            unrealized=item.unrealized_pnl,
            realized=item.realized_pnl,
            position=held.quantity,
            value=item.market_value,
        )

    def values(self) -> list[events.AccountValue]:
        """Return every line of account data."""
        if self.frozen is not None:
            return self.frozen
        now = self.balance()
        pnl = self.pnl()
        money = {
            "AccruedCash": 0.0,
            "AvailableFunds": now.available,
            "BuyingPower": max(now.available, 0.0) * _DAY_TRADING_FACTOR,
            "EquityWithLoanValue": now.equity_with_loan,
            "ExcessLiquidity": now.excess,
            "FullAvailableFunds": now.available,
            "FullExcessLiquidity": now.excess,
            "FullInitMarginReq": now.margin.initial,
            "FullMaintMarginReq": now.margin.maintenance,
            "GrossPositionValue": now.gross,
            "InitMarginReq": now.margin.initial,
            "LookAheadAvailableFunds": now.available,
            "LookAheadExcessLiquidity": now.excess,
            "LookAheadInitMarginReq": now.margin.initial,
            "LookAheadMaintMarginReq": now.margin.maintenance,
            "MaintMarginReq": now.margin.maintenance,
            "NetLiquidation": now.net_liquidation,
            "PreviousDayEquityWithLoanValue": self._day_start_value,
            "RegTEquity": now.equity_with_loan,
            "RegTMargin": now.margin.initial,
            "SMA": now.available,
            "TotalCashValue": now.cash,
        }
        ledger = {
            "CashBalance": now.cash,
            "TotalCashBalance": now.cash,
            "StockMarketValue": now.stock_value,
            "OptionMarketValue": now.option_value,
            "NetLiquidationByCurrency": now.net_liquidation,
            "UnrealizedPnL": pnl.unrealized or 0.0,
            "RealizedPnL": pnl.realized or 0.0,
            "ExchangeRate": 1.0,
        }
        cushion = now.excess / now.net_liquidation if now.net_liquidation > 0 else 0.0
        texts = {
            "AccountCode": self.ledger.account,
            "AccountReady": "true",
            "AccountType": "INDIVIDUAL",
            "Cushion": f"{cushion:.6f}",
            "DayTradesRemaining": "-1",
            "Leverage-S": f"{now.gross / max(now.net_liquidation, 1e-9):.2f}",
        }
        return [
            *(self._value(key, text) for key, text in texts.items()),
            *(self._value(key, f"{amount:.2f}", "USD") for key, amount in money.items()),
            *(
                self._value(key, f"{amount:.2f}", currency)
                for currency in ("BASE", "USD")
                for key, amount in ledger.items()
            ),
            *(self._value("Currency", currency, currency) for currency in ("BASE", "USD")),
        ]

    def _value(self, key: str, value: str, currency: str = "") -> events.AccountValue:
        return events.AccountValue(
            account=self.ledger.account, key=key, value=value, currency=currency
        )
