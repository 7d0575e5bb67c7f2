"""Run the scenarios with ib_async or ib_insync, which share one interface; print JSON.

Usage: insync_client.py MODULE HOST PORT CLIENT_ID
"""

import importlib
import json
import logging
import sys
from types import ModuleType
from typing import Any


class Heard(logging.Handler):
    """Keeps every warning and error of the client's log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {record.levelname} {self.format(record)}")


class Scenarios:
    """The scenarios, in the order in which they run."""

    def __init__(self, api: ModuleType, host: str, port: int, client_id: int) -> None:
        self.api, self.host, self.port, self.client_id = api, host, port, client_id
        self.errors: list[int] = []
        self.ib = self.connect()
        self.account = self.ib.managedAccounts()[0]

    def connect(self) -> Any:
        ib = self.api.IB()
        ib.errorEvent += lambda _id, code, _text, _contract: self.errors.append(code)
        ib.connect(self.host, self.port, clientId=self.client_id, timeout=10)
        return ib

    def until(self, met: Any, seconds: float = 15.0) -> bool:
        for _ in range(int(seconds / 0.05)):
            if met():
                return True
            self.ib.sleep(0.05)
        return False

    def start(self) -> dict[str, Any]:
        return {
            "version": self.ib.client.serverVersion(),
            "accounts": self.ib.managedAccounts(),
            "values": len(self.ib.accountValues()) > 10,
            "portfolio": len(self.ib.portfolio()),
        }

    def handshakes(self) -> dict[str, Any]:
        """Twenty connections one after the other, then one with a client id in use."""
        done = 0
        for number in range(20):
            ib = self.api.IB()
            ib.connect(self.host, self.port, clientId=100 + number, timeout=10)
            done += ib.isConnected() and bool(ib.managedAccounts())
            ib.disconnect()
        second = self.api.IB()
        codes: list[int] = []
        second.errorEvent += lambda _id, code, _text, _contract: codes.append(code)
        try:
            second.connect(self.host, self.port, clientId=self.client_id, timeout=5)
        except (ConnectionError, TimeoutError):
            refused = not second.isConnected()
        else:
            refused = False
        return {"done": done, "refused": refused, "code": 326 in codes}

    def reference(self) -> dict[str, Any]:
        stock = self.api.Stock("AAPL", "SMART", "USD")
        (details,) = self.ib.reqContractDetails(stock)
        self.stock = details.contract
        chains = self.ib.reqSecDefOptParams("AAPL", "", "STK", self.stock.conId)
        chain = next(c for c in chains if c.exchange == "SMART")
        expiry = sorted(chain.expirations)[3]
        spot = self.ib.reqHistoricalData(
            self.stock, "", "2 D", "1 day", "TRADES", True, 1, False, []
        )[-1].close
        strikes = sorted(chain.strikes, key=lambda strike: abs(strike - spot))
        for strike in strikes[:10]:
            wanted = [self.option(expiry, strike, right) for right in "CP"]
            found = [self.ib.reqContractDetails(option) for option in wanted]
            if all(len(one) == 1 for one in found):
                self.call, self.put = (one[0].contract for one in found)
                break
        far = next(s for s in sorted(chain.strikes) if s > self.call.strike * 1.02)
        (self.far,) = (
            d.contract for d in self.ib.reqContractDetails(self.option(expiry, far, "C"))
        )
        (index,) = self.ib.reqContractDetails(self.api.Index("NDX", "NASDAQ", "USD"))
        rule = self.ib.reqMarketRule(int(details.marketRuleIds.split(",")[0]))
        self.ib.reqContractDetails(self.api.Stock("NOSUCHNAME", "SMART", "USD"))
        samples = self.ib.reqMatchingSymbols("AAPL")
        return {
            "stock": [self.stock.conId, self.stock.symbol, details.longName, details.minTick],
            "index": [index.contract.secType, index.contract.conId],
            "exchanges": details.validExchanges,
            "rules": details.marketRuleIds,
            "hours": details.liquidHours[:8].isdigit(),
            "expirations": sorted(chain.expirations),
            "strikes": len(chain.strikes),
            "call": [self.call.conId, self.call.strike, self.call.right, self.call.multiplier],
            "put": [self.put.conId, self.put.strike, self.put.right, self.put.multiplier],
            "expiry": self.call.lastTradeDateOrContractMonth,
            "rule": [[step.lowEdge, step.increment] for step in rule],
            "samples": any(s.contract.symbol == "AAPL" for s in samples),
        }

    def option(self, expiry: str, strike: float, right: str) -> Any:
        return self.api.Option("AAPL", expiry, strike, right, "SMART", "100", "USD")

    def streaming(self) -> dict[str, Any]:
        stock = self.ib.reqMktData(self.stock, "106", False, False)
        call = self.ib.reqMktData(self.call, "", False, False)
        quoted = self.until(lambda: stock.bid > 0 and stock.ask > 0 and call.modelGreeks)
        greeks = call.modelGreeks
        vol30 = self.until(lambda: stock.impliedVolatility > 0)
        self.ib.cancelMktData(self.stock)
        self.ib.cancelMktData(self.call)
        self.ib.reqMarketDataType(3)
        delayed = self.ib.reqMktData(self.stock, "", False, False)
        late = self.until(lambda: delayed.marketDataType == 3 and delayed.bid > 0)
        self.ib.cancelMktData(self.stock)
        self.ib.reqMarketDataType(1)
        (ticker,) = self.ib.reqTickers(self.put)
        return {
            "quoted": quoted,
            "vol30": vol30,
            "vol30_kept": 0.05 < stock.impliedVolatility < 2,
            "delta": 0.2 < greeks.delta < 0.8,
            "vega": 0.0 < greeks.vega < 2.0,
            "theta": greeks.theta < 0.0,
            "delayed": late,
            "snapshot": 0 < ticker.bid <= ticker.ask,
        }

    def orders(self) -> dict[str, Any]:
        (ticker,) = self.ib.reqTickers(self.stock)
        order = self.api.LimitOrder(
            "BUY", 10, round(ticker.bid * 0.97, 2), tif="DAY", account=self.account,
            orderRef="rest",
        )  # fmt: skip
        trade = self.ib.placeOrder(self.stock, order)
        rests = self.until(lambda: trade.orderStatus.status == "Submitted")
        order.lmtPrice = round(ticker.bid * 0.96, 2)
        self.ib.placeOrder(self.stock, order)
        self.ib.sleep(0.5)
        amended = trade.orderStatus.status == "Submitted" and trade.order.lmtPrice == order.lmtPrice
        opened = len(self.ib.reqOpenOrders())
        self.ib.cancelOrder(order)
        cancelled = self.until(lambda: trade.orderStatus.status == "Cancelled")
        off_tick = self.api.LimitOrder("BUY", 1, 100.123, tif="DAY", account=self.account)
        self.ib.placeOrder(self.stock, off_tick)
        refused = self.until(lambda: 110 in self.errors)
        market = self.api.MarketOrder("BUY", 10, tif="DAY", account=self.account, orderRef="mkt")
        bought = self.ib.placeOrder(self.stock, market)
        filled = self.until(
            lambda: (
                bought.orderStatus.status == "Filled"
                and bought.fills
                and all(fill.commissionReport.execId for fill in bought.fills)
            )
        )
        self.ib.client.cancelOrder(market.orderId, *self.manual_time())
        late_cancel = self.until(lambda: 10148 in self.errors or 161 in self.errors)
        return {
            "rests": rests, "amended": amended, "opened": opened, "cancelled": cancelled,
            "refused": refused, "filled": filled, "late_cancel": late_cancel,
            "shares": sum(fill.execution.shares for fill in bought.fills),
            "reference": {fill.execution.orderRef for fill in bought.fills} == {"mkt"},
        }  # fmt: skip

    def manual_time(self) -> list[str]:
        return [""]

    def combo(self) -> dict[str, Any]:
        leg = self.api.ComboLeg
        bag = self.api.Bag(
            symbol="AAPL",
            exchange="SMART",
            currency="USD",
            comboLegs=[
                leg(conId=self.call.conId, ratio=1, action="BUY", exchange="SMART"),
                leg(conId=self.put.conId, ratio=1, action="BUY", exchange="SMART"),
            ],
        )
        tickers = self.ib.reqTickers(self.call, self.put)
        price = round(sum(ticker.ask for ticker in tickers) + 0.10, 2)
        order = self.api.LimitOrder(
            "BUY", 2, price, tif="DAY", account=self.account, orderRef="straddle"
        )
        state = self.ib.whatIfOrder(bag, order)
        trade = self.ib.placeOrder(bag, order)
        filled = self.until(
            lambda: (
                trade.orderStatus.status == "Filled"
                and len(trade.fills) == 3
                and sum(bool(fill.commissionReport.execId) for fill in trade.fills) >= 2
            )
        )
        held = {p.contract.conId: p.position for p in self.ib.positions()}
        return {
            "what_if": bool(state) and float(state.equityWithLoanChange) != 0.0,
            "filled": filled,
            "kinds": sorted(fill.contract.secType for fill in trade.fills),
            "suffixes": sorted(fill.execution.execId[-6:] for fill in trade.fills),
            "units": trade.orderStatus.filled,
            "below_limit": trade.orderStatus.avgFillPrice <= price,
            "legs_held": [held.get(self.call.conId), held.get(self.put.conId)],
            "commissions": sum(bool(f.commissionReport.commission) for f in trade.fills),
        }

    def spread(self) -> dict[str, Any]:
        """Buy one call and sell two of a higher strike, for a credit: a negative price."""
        near, far = self.ib.reqTickers(self.call, self.far)
        bag = self.api.Bag(symbol="AAPL", exchange="SMART", currency="USD")
        for contract, ratio, action in ((self.call, 1, "BUY"), (self.far, 2, "SELL")):
            bag.comboLegs.append(
                self.api.ComboLeg(
                    conId=contract.conId, ratio=ratio, action=action, exchange="SMART"
                )
            )
        natural = near.ask - 2 * far.bid
        order = self.api.LimitOrder(
            "BUY", 3, round(natural - 4.0, 2), tif="DAY", account=self.account, orderRef="spread"
        )
        trade = self.ib.placeOrder(bag, order)
        rests = self.until(lambda: trade.orderStatus.status == "Submitted")
        seen = next(t for t in self.ib.reqOpenOrders() if t.order.orderRef == "spread")
        kept = seen.order.lmtPrice == order.lmtPrice < 0
        order.lmtPrice = round(natural + 0.2, 2)
        self.ib.placeOrder(bag, order)
        filled = self.until(
            lambda: (
                trade.orderStatus.status == "Filled"
                and sum(bool(fill.commissionReport.execId) for fill in trade.fills) >= 2
            )
        )
        shares: dict[str, float] = {}
        for fill in trade.fills:
            key = f"{fill.contract.secType} {fill.execution.side}"
            shares[key] = shares.get(key, 0.0) + fill.execution.shares
        return {
            "rests": rests,
            "negative_price_kept": kept,
            "filled": filled,
            "shares": shares,
            "average": trade.orderStatus.avgFillPrice <= order.lmtPrice,
        }

    def past(self) -> dict[str, Any]:
        bars = self.ib.reqHistoricalData(
            self.stock, "", "5 D", "1 day", "TRADES", True, 1, False, []
        )
        short = self.ib.reqHistoricalData(
            self.stock, "", "1 D", "5 mins", "MIDPOINT", True, 2, False, []
        )
        vols = self.ib.reqHistoricalData(
            self.stock, "", "10 D", "1 day", "OPTION_IMPLIED_VOLATILITY", True, 1, False, []
        )
        head = self.ib.reqHeadTimeStamp(self.stock, "TRADES", True, 1)
        return {
            "days": len(bars),
            "ordered": [b.date for b in bars] == sorted(b.date for b in bars),
            "sane": all(b.low <= min(b.open, b.close) <= b.high for b in bars),
            "short": len(short) > 0,
            "vols": all(0.01 < b.close < 3 for b in vols) and len(vols) >= 8,
            "head": bool(head),
        }

    def others(self) -> dict[str, Any]:
        """Futures, pairs and VIX: details, quotes, bars, an order; and single ticks."""
        future = self.api.Future("ES", self.call.lastTradeDateOrContractMonth[:4] + "12", "CME")
        pair = self.api.Forex("EURUSD")
        vix = self.api.Index("VIX", "CBOE", "USD")
        seen: dict[str, Any] = {}
        for contract, what in ((future, "TRADES"), (pair, "MIDPOINT"), (vix, "TRADES")):
            (details,) = self.ib.reqContractDetails(contract)
            full, kind = details.contract, details.contract.secType
            sizes = [("1 D", "1 hour"), ("5 D", "1 day"), ("600 S", "30 secs")]
            bars = [
                self.ib.reqHistoricalData(full, "", span, size, what, True, 2, False, [])
                for span, size in sizes
            ]
            seen[kind] = [bool(full.conId), all(bars)]
            if kind != "IND":
                (ticker,) = self.ib.reqTickers(full)
                price = round(ticker.bid * 0.96 / details.minTick) * details.minTick
                order = self.api.LimitOrder("BUY", 1, round(price, 5), tif="GTC")
                trade = self.ib.placeOrder(full, order)
                rests = self.until(lambda trade=trade: trade.orderStatus.status == "Submitted")
                self.ib.cancelOrder(order)
                ended = self.until(lambda trade=trade: trade.orderStatus.status == "Cancelled")
                seen[kind] += [0 < ticker.bid < ticker.ask, rests, ended]
        return seen | self.single_ticks()

    def single_ticks(self) -> dict[str, Any]:
        past = [
            self.ib.reqHistoricalTicks(self.stock, "", self.ib.reqCurrentTime(), 20, kind, True)
            for kind in ("TRADES", "BID_ASK", "MIDPOINT")
        ]
        stream = self.ib.reqTickByTickData(self.stock, "BidAsk")
        came = self.until(lambda: stream.tickByTicks)
        self.ib.cancelTickByTickData(self.stock, "BidAsk")
        growing = self.ib.reqHistoricalData(
            self.call, "", "300 S", "5 secs", "MIDPOINT", True, 2, True, []
        )
        count = len(growing)
        grew = self.until(lambda: len(growing) > count)
        self.ib.cancelHistoricalData(growing)
        counts = [len(ticks) for ticks in past]
        return {"ticks": counts, "stream": bool(came), "grew": count > 50 and bool(grew)}

    def profit(self) -> dict[str, Any]:
        pnl = self.ib.reqPnL(self.account)
        single = self.ib.reqPnLSingle(self.account, "", self.stock.conId)
        came = self.until(lambda: pnl.dailyPnL == pnl.dailyPnL and single.position == 10)
        self.ib.cancelPnL(self.account)
        self.ib.cancelPnLSingle(self.account, "", self.stock.conId)
        summary = {value.tag for value in self.ib.accountSummary()}
        return {"came": came, "summary": "NetLiquidation" in summary}

    def again(self) -> dict[str, Any]:
        self.ib.disconnect()
        self.ib = self.connect()
        kinds = sorted(fill.contract.secType for fill in self.ib.fills())
        done = {t.order.orderRef: t.orderStatus.status for t in self.ib.trades()}
        held = {p.contract.conId: p.position for p in self.ib.positions()}
        return {
            "executions": kinds,
            "completed": [done.get(ref) for ref in ("rest", "mkt", "straddle", "spread")],
            "held": [held.get(c.conId) for c in (self.stock, self.call, self.put, self.far)],
            "portfolio": len(self.ib.portfolio()),
        }


ORDER = (
    "start",
    "handshakes",
    "reference",
    "streaming",
    "orders",
    "combo",
    "spread",
    "past",
    "others",
    "profit",
    "again",
)


def main() -> None:
    module, host, port, client_id = sys.argv[1:5]
    heard = Heard()
    logging.getLogger().addHandler(heard)
    scenarios = Scenarios(importlib.import_module(module), host, int(port), int(client_id))
    results: dict[str, Any] = {}
    for name in ORDER:
        results[name] = getattr(scenarios, name)()
    scenarios.ib.disconnect()
    results["errors"] = scenarios.errors
    results["log"] = heard.lines
    print(json.dumps(results))


main()
