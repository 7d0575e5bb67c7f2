"""Run the scenarios with the official ibapi package; print JSON.  Usage: HOST PORT CLIENT_ID"""

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections import defaultdict
from typing import Any

from ibapi.client import EClient
from ibapi.contract import ComboLeg, Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.wrapper import EWrapper

LOG: list[str] = []


class Heard(logging.Handler):
    """Keeps every warning and error of the client's log."""

    def emit(self, record: logging.LogRecord) -> None:
        LOG.append(f"{record.name} {record.levelname} {self.format(record)}")


class Client(EWrapper, EClient):
    """Keeps everything that arrives, by callback name."""

    def __init__(self) -> None:
        EClient.__init__(self, wrapper=self)
        self.heard: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self.reader_failure = ""

    def __getattribute__(self, name: str) -> Any:
        if name in KEPT:
            heard = object.__getattribute__(self, "heard")
            return lambda *args, **kwargs: heard[name].append((*args, *kwargs.values()))
        return object.__getattribute__(self, name)

    def start(self, host: str, port: int, client_id: int) -> None:
        self.connect(host, port, client_id)
        self.thread = threading.Thread(target=self.guarded_run, daemon=True)
        self.thread.start()
        assert self.until(lambda: self.heard["nextValidId"])
        self.next_id = self.heard["nextValidId"][0][0]
        self.request_id = 100000

    def guarded_run(self) -> None:
        try:
            self.run()
        except Exception as error:  # noqa: BLE001 - the scenario reports whatever it was
            self.reader_failure = repr(error)

    def until(self, met: Any, seconds: float = 15.0) -> bool:
        for _ in range(int(seconds / 0.02)):
            if met():
                return True
            time.sleep(0.02)
        return False

    def ask(self) -> int:
        time.sleep(0.03)  # this client does not pace itself; IBKR allows 50 messages a second
        self.request_id += 1
        return self.request_id

    def of(self, name: str, request_id: int) -> list[tuple[Any, ...]]:
        return [call for call in list(self.heard[name]) if call[0] == request_id]

    def done(self, name: str, request_id: int) -> list[tuple[Any, ...]]:
        assert self.until(lambda: self.of(name, request_id)), (name, self.heard["error"][-3:])
        return self.of(name, request_id)


_NAMES = """
    nextValidId managedAccounts error contractDetails contractDetailsEnd
    securityDefinitionOptionParameter securityDefinitionOptionParameterEnd marketRule
    symbolSamples tickPrice tickSize tickGeneric tickString tickOptionComputation
    marketDataType tickSnapshotEnd tickReqParams openOrder orderStatus openOrderEnd
    execDetails execDetailsEnd commissionReport completedOrder completedOrdersEnd position
    positionEnd updateAccountValue updatePortfolio updateAccountTime accountDownloadEnd
    accountSummary accountSummaryEnd historicalData historicalDataEnd headTimestamp pnl
    pnlSingle currentTime historicalTicks historicalTicksLast historicalTicksBidAsk
    tickByTickBidAsk historicalDataUpdate
"""
KEPT = frozenset(_NAMES.split())


class Scenarios:
    """The scenarios, in the order in which they run."""

    def __init__(self, host: str, port: int, client_id: int) -> None:
        self.where = (host, port, client_id)
        self.client = Client()
        self.client.start(*self.where)
        self.account = self.client.heard["managedAccounts"][0][0].rstrip(",")

    def start(self) -> dict[str, Any]:
        client = self.client
        client.reqAccountUpdates(True, self.account)
        client.until(lambda: client.heard["accountDownloadEnd"])
        return {
            "version": client.serverVersion(),
            "accounts": [self.account],
            "values": len(client.heard["updateAccountValue"]) > 10,
            "portfolio": len(client.heard["updatePortfolio"]),
        }

    def handshakes(self) -> dict[str, Any]:
        """Twenty connections one after the other, then one with a client id in use."""
        host, port, client_id = self.where
        done = 0
        for number in range(20):
            client = Client()
            client.start(host, port, 100 + number)
            done += client.isConnected() and bool(client.heard["managedAccounts"])
            client.disconnect()
        second = Client()
        second.connect(host, port, client_id)
        threading.Thread(target=second.guarded_run, daemon=True).start()
        code = second.until(lambda: 326 in [call[1] for call in second.heard["error"]])
        refused = second.until(lambda: not second.isConnected())
        return {"done": done, "refused": refused, "code": code}

    def contract(self, **fields: Any) -> Contract:
        contract = Contract()
        contract.exchange, contract.currency = "SMART", "USD"
        for name, value in fields.items():
            setattr(contract, name, value)
        return contract

    def details(self, contract: Contract) -> list[Any]:
        request = self.client.ask()
        self.client.reqContractDetails(request, contract)
        ends = ("contractDetailsEnd", "error")
        self.client.until(lambda: any(self.client.of(name, request) for name in ends))
        return [call[1] for call in self.client.of("contractDetails", request)]

    def reference(self) -> dict[str, Any]:
        client = self.client
        (details,) = self.details(self.contract(symbol="AAPL", secType="STK"))
        self.stock = details.contract
        request = client.ask()
        client.reqSecDefOptParams(request, "AAPL", "", "STK", self.stock.conId)
        client.done("securityDefinitionOptionParameterEnd", request)
        chains = client.of("securityDefinitionOptionParameter", request)
        chain = next(c for c in chains if c[1] == "SMART")
        expirations, all_strikes = sorted(chain[5]), sorted(chain[6])
        spot = self.bars(self.stock, "2 D", "1 day", "TRADES", 1)[-1].close
        for strike in sorted(all_strikes, key=lambda strike: abs(strike - spot))[:10]:
            found = [self.details(self.option(expirations[3], strike, right)) for right in "CP"]
            if all(len(one) == 1 for one in found):
                self.call, self.put = (one[0].contract for one in found)
                break
        far = next(strike for strike in all_strikes if strike > self.call.strike * 1.02)
        (self.far,) = (d.contract for d in self.details(self.option(expirations[3], far, "C")))
        (index,) = self.details(self.contract(symbol="NDX", secType="IND", exchange="NASDAQ"))
        rule_id = int(details.marketRuleIds.split(",")[0])
        client.reqMarketRule(rule_id)
        (rule,) = client.done("marketRule", rule_id)
        self.details(self.contract(symbol="NOSUCHNAME", secType="STK"))
        request = client.ask()
        client.reqMatchingSymbols(request, "AAPL")
        (samples,) = client.done("symbolSamples", request)
        return {
            "stock": [self.stock.conId, self.stock.symbol, details.longName, details.minTick],
            "index": [index.contract.secType, index.contract.conId],
            "exchanges": details.validExchanges,
            "rules": details.marketRuleIds,
            "hours": details.liquidHours[:8].isdigit(),
            "expirations": expirations,
            "strikes": len(all_strikes),
            "call": [self.call.conId, self.call.strike, self.call.right, self.call.multiplier],
            "put": [self.put.conId, self.put.strike, self.put.right, self.put.multiplier],
            "expiry": self.call.lastTradeDateOrContractMonth,
            "rule": [[step.lowEdge, step.increment] for step in rule[1]],
            "samples": any(s.contract.symbol == "AAPL" for s in samples[1]),
        }

    def option(self, expiry: str, strike: float, right: str) -> Contract:
        return self.contract(
            symbol="AAPL", secType="OPT", lastTradeDateOrContractMonth=expiry, strike=strike,
            right=right, multiplier="100",
        )  # fmt: skip

    def price(self, request: int, kind: int) -> float:
        prices = [call[2] for call in self.client.of("tickPrice", request) if call[1] == kind]
        return prices[-1] if prices else 0.0

    def streaming(self) -> dict[str, Any]:
        client = self.client
        stock, call, late = client.ask(), client.ask(), client.ask()
        client.reqMktData(stock, self.stock, "106", False, False, [])
        client.reqMktData(call, self.call, "", False, False, [])

        def model() -> list[tuple[Any, ...]]:
            return [c for c in client.of("tickOptionComputation", call) if c[1] == 13 and c[3]]

        quoted = client.until(
            lambda: self.price(stock, 1) > 0 and self.price(stock, 2) > 0 and model()
        )
        vol30 = client.until(lambda: [c for c in client.of("tickGeneric", stock) if c[1] == 24])
        client.cancelMktData(stock)
        client.cancelMktData(call)
        client.reqMarketDataType(3)
        client.reqMktData(late, self.stock, "", False, False, [])
        delayed = client.until(lambda: self.price(late, 66) > 0)
        kind = client.done("marketDataType", late)[-1][1]
        client.cancelMktData(late)
        client.reqMarketDataType(1)
        bid, ask = self.quote(self.put)
        delta, vega, theta = (model()[-1][place] for place in (4, 8, 9))
        vol = [c for c in client.of("tickGeneric", stock) if c[1] == 24][-1][2]
        return {
            "quoted": quoted, "vol30": vol30, "vol30_kept": 0.05 < vol < 2,
            "delta": 0.2 < delta < 0.8, "vega": 0.0 < vega < 2.0, "theta": theta < 0.0,
            "delayed": delayed and kind == 3, "snapshot": 0 < bid <= ask,
        }  # fmt: skip

    def quote(self, contract: Contract) -> tuple[float, float]:
        request = self.client.ask()
        self.client.reqMktData(request, contract, "", True, False, [])
        self.client.done("tickSnapshotEnd", request)
        return self.price(request, 1), self.price(request, 2)

    def order(self, kind: str, side: str, quantity: int, reference: str) -> Order:
        order = Order()
        order.action, order.totalQuantity, order.orderType = side, quantity, kind
        order.tif, order.account, order.orderRef = "DAY", self.account, reference
        return order

    def place(self, contract: Contract, order: Order) -> int:
        order_id = self.client.next_id
        self.client.next_id += 1
        self.client.placeOrder(order_id, contract, order)
        return order_id

    def status(self, order_id: int) -> str:
        calls = self.client.of("orderStatus", order_id)
        return calls[-1][1] if calls else ""

    def codes(self, request_id: int) -> set[int]:
        return {call[1] for call in self.client.of("error", request_id)}

    def fills(self, order_id: int) -> list[Any]:
        return [c[2] for c in self.client.heard["execDetails"] if c[2].orderId == order_id]

    def commissions(self, order_id: int) -> int:
        known = {call[0].execId for call in self.client.heard["commissionReport"]}
        return sum(fill.execId in known for fill in self.fills(order_id))

    def orders(self) -> dict[str, Any]:
        client = self.client
        bid, _ = self.quote(self.stock)
        order = self.order("LMT", "BUY", 10, "rest")
        order.lmtPrice = round(bid * 0.97, 2)
        resting = self.place(self.stock, order)
        rests = client.until(lambda: self.status(resting) == "Submitted")
        order.lmtPrice = round(bid * 0.96, 2)
        client.placeOrder(resting, self.stock, order)
        amended = client.until(
            lambda: [c for c in client.of("openOrder", resting) if c[2].lmtPrice == order.lmtPrice]
        )
        before = len(client.heard["openOrder"])
        client.reqOpenOrders()
        client.until(lambda: client.heard["openOrderEnd"])
        opened = len(client.heard["openOrder"]) - before
        client.cancelOrder(resting)
        cancelled = client.until(lambda: self.status(resting) == "Cancelled")
        off_tick = self.order("LMT", "BUY", 1, "bad")
        off_tick.lmtPrice = 100.123
        bad = self.place(self.stock, off_tick)
        refused = client.until(lambda: 110 in self.codes(bad))
        bought = self.place(self.stock, self.order("MKT", "BUY", 10, "mkt"))
        filled = client.until(
            lambda: (
                self.status(bought) == "Filled"
                and self.fills(bought)
                and self.commissions(bought) == len(self.fills(bought))
            )
        )
        client.cancelOrder(bought)
        late_cancel = client.until(lambda: self.codes(bought) & {161, 10148})
        return {
            "rests": rests, "amended": amended, "opened": opened, "cancelled": cancelled,
            "refused": refused, "filled": filled, "late_cancel": late_cancel,
            "shares": sum(fill.shares for fill in self.fills(bought)),
            "reference": {fill.orderRef for fill in self.fills(bought)} == {"mkt"},
        }  # fmt: skip

    def combo(self) -> dict[str, Any]:
        client = self.client
        bag = self.contract(symbol="AAPL", secType="BAG")
        bag.comboLegs = []
        for contract in (self.call, self.put):
            leg = ComboLeg()
            leg.conId, leg.ratio, leg.action, leg.exchange = contract.conId, 1, "BUY", "SMART"
            bag.comboLegs.append(leg)
        order = self.order("LMT", "BUY", 2, "straddle")
        price = round(self.quote(self.call)[1] + self.quote(self.put)[1] + 0.10, 2)
        order.lmtPrice, order.whatIf = price, True
        asked = self.place(bag, order)
        unset = "1.7976931348623157E308"

        def real() -> bool:
            states = [call[3] for call in client.of("openOrder", asked)]
            return any(s.equityWithLoanChange not in {"", unset} for s in states)

        what_if = client.until(real) and len(client.of("openOrder", asked)) >= 2
        order.whatIf = False
        placed = self.place(bag, order)
        filled = client.until(
            lambda: (
                self.status(placed) == "Filled"
                and len(self.fills(placed)) == 3
                and self.commissions(placed) >= 2
            )
        )
        held = self.held()
        calls = [c for c in client.heard["execDetails"] if c[2].orderId == placed]
        last = client.of("orderStatus", placed)[-1]
        return {
            "what_if": what_if,
            "filled": filled,
            "kinds": sorted(call[1].secType for call in calls),
            "suffixes": sorted(call[2].execId[-6:] for call in calls),
            "units": last[2],
            "below_limit": last[4] <= price,
            "legs_held": [held.get(self.call.conId), held.get(self.put.conId)],
            "commissions": self.commissions(placed),
        }

    def spread(self) -> dict[str, Any]:
        """Buy one call and sell two of a higher strike, for a credit: a negative price."""
        client = self.client
        bag = self.contract(symbol="AAPL", secType="BAG")
        bag.comboLegs = []
        for contract, ratio, action in ((self.call, 1, "BUY"), (self.far, 2, "SELL")):
            leg = ComboLeg()
            leg.conId, leg.ratio, leg.action = contract.conId, ratio, action
            leg.exchange = "SMART"
            bag.comboLegs.append(leg)
        natural = self.quote(self.call)[1] - 2 * self.quote(self.far)[0]
        order = self.order("LMT", "BUY", 3, "spread")
        order.lmtPrice = resting = round(natural - 4.0, 2)
        placed = self.place(bag, order)
        rests = client.until(lambda: self.status(placed) == "Submitted")
        kept = client.of("openOrder", placed)[-1][2].lmtPrice == resting
        order.lmtPrice = round(natural + 0.2, 2)
        client.placeOrder(placed, bag, order)
        filled = client.until(
            lambda: self.status(placed) == "Filled" and self.commissions(placed) >= 2
        )
        shares: dict[str, float] = {}
        for call in list(client.heard["execDetails"]):
            if call[2].orderId == placed:
                key = f"{call[1].secType} {call[2].side}"
                shares[key] = shares.get(key, 0.0) + call[2].shares
        return {
            "rests": rests,
            "negative_price_kept": kept,
            "filled": filled,
            "shares": shares,
            "average": client.of("orderStatus", placed)[-1][4] <= order.lmtPrice,
        }

    def held(self) -> dict[int, float]:
        client = self.client
        client.heard["positionEnd"].clear()
        client.reqPositions()
        client.until(lambda: client.heard["positionEnd"])
        client.cancelPositions()
        return {call[1].conId: call[2] for call in client.heard["position"]}

    def bars(
        self, contract: Contract, duration: str, size: str, what: str, date_format: int
    ) -> list[Any]:
        request = self.client.ask()
        self.client.reqHistoricalData(
            request, contract, "", duration, size, what, 1, date_format, False, []
        )
        self.client.done("historicalDataEnd", request)
        return [call[1] for call in self.client.of("historicalData", request)]

    def past(self) -> dict[str, Any]:
        bars = self.bars(self.stock, "5 D", "1 day", "TRADES", 1)
        short = self.bars(self.stock, "1 D", "5 mins", "MIDPOINT", 2)
        vols = self.bars(self.stock, "10 D", "1 day", "OPTION_IMPLIED_VOLATILITY", 1)
        request = self.client.ask()
        self.client.reqHeadTimeStamp(request, self.stock, "TRADES", 1, 1)
        return {
            "days": len(bars),
            "ordered": [b.date for b in bars] == sorted(b.date for b in bars),
            "sane": all(b.low <= min(b.open, b.close) <= b.high for b in bars),
            "short": len(short) > 0,
            "vols": all(0.01 < b.close < 3 for b in vols) and len(vols) >= 8,
            "head": bool(self.client.done("headTimestamp", request)[0][1]),
        }

    def others(self) -> dict[str, Any]:
        """Futures, pairs and VIX: details, quotes, bars, an order; and single ticks."""
        month = self.call.lastTradeDateOrContractMonth[:4] + "12"
        future = self.contract(
            symbol="ES", secType="FUT", exchange="CME", lastTradeDateOrContractMonth=month
        )
        pair = self.contract(symbol="EUR", secType="CASH", exchange="IDEALPRO")
        vix = self.contract(symbol="VIX", secType="IND", exchange="CBOE")
        seen: dict[str, Any] = {}
        for wanted, what in ((future, "TRADES"), (pair, "MIDPOINT"), (vix, "TRADES")):
            (details,) = self.details(wanted)
            full, kind = details.contract, details.contract.secType
            sizes = [("1 D", "1 hour"), ("5 D", "1 day"), ("600 S", "30 secs")]
            bars = [self.bars(full, span, size, what, 2) for span, size in sizes]
            seen[kind] = [bool(full.conId), all(bars)]
            if kind != "IND":
                bid, ask = self.quote(full)
                order = self.order("LMT", "BUY", 1, "other")
                order.tif = "GTC"
                order.lmtPrice = round(round(bid * 0.96 / details.minTick) * details.minTick, 5)
                seen[kind] += [0 < bid < ask, *self.rests_and_ends(full, order)]
        return seen | self.single_ticks()

    def rests_and_ends(self, contract: Contract, order: Order) -> list[bool]:
        resting = self.place(contract, order)
        rests = self.client.until(lambda: self.status(resting) == "Submitted")
        self.client.cancelOrder(resting)
        return [rests, self.client.until(lambda: self.status(resting) == "Cancelled")]

    def single_ticks(self) -> dict[str, Any]:
        client, counts = self.client, []
        client.reqCurrentTime()
        client.until(lambda: client.heard["currentTime"])
        end = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(client.heard["currentTime"][-1][0]))
        callbacks = {
            "TRADES": "historicalTicksLast",
            "BID_ASK": "historicalTicksBidAsk",
            "MIDPOINT": "historicalTicks",
        }
        for kind, callback in callbacks.items():
            request = client.ask()
            client.reqHistoricalTicks(request, self.stock, "", end, 20, kind, 1, True, [])
            counts.append(len(client.done(callback, request)[0][1]))
        stream = client.ask()
        client.reqTickByTickData(stream, self.stock, "BidAsk", 0, False)
        came = client.until(lambda: client.of("tickByTickBidAsk", stream))
        client.cancelTickByTickData(stream)
        growing = client.ask()
        client.reqHistoricalData(
            growing, self.call, "", "300 S", "5 secs", "MIDPOINT", 1, 2, True, []
        )
        client.done("historicalDataEnd", growing)
        grew = client.until(lambda: client.of("historicalDataUpdate", growing))
        client.cancelHistoricalData(growing)
        many = len(client.of("historicalData", growing)) > 50
        return {"ticks": counts, "stream": came, "grew": many and grew}

    def profit(self) -> dict[str, Any]:
        client = self.client
        account, single, summary = client.ask(), client.ask(), client.ask()
        client.reqPnL(account, self.account, "")
        client.reqPnLSingle(single, self.account, "", self.stock.conId)
        came = client.until(
            lambda: (
                client.of("pnl", account)
                and [call for call in client.of("pnlSingle", single) if call[1] == 10]
            )
        )
        client.cancelPnL(account)
        client.cancelPnLSingle(single)
        client.reqAccountSummary(summary, "All", "NetLiquidation,BuyingPower")
        client.done("accountSummaryEnd", summary)
        client.cancelAccountSummary(summary)
        tags = {call[2] for call in client.of("accountSummary", summary)}
        return {"came": came, "summary": "NetLiquidation" in tags}

    def again(self) -> dict[str, Any]:
        errors = self.client.heard["error"]
        failure = self.client.reader_failure
        self.client.disconnect()
        self.client.thread.join(5)
        time.sleep(1.5)  # the reader thread holds the socket open for up to a second
        self.client = client = Client()
        client.reader_failure = failure
        client.start(*self.where)
        client.heard["error"][:0] = errors
        request = client.ask()
        client.reqExecutions(request, ExecutionFilter())
        client.done("execDetailsEnd", request)
        client.reqCompletedOrders(False)
        client.until(lambda: client.heard["completedOrdersEnd"])
        client.reqAccountUpdates(True, self.account)
        client.until(lambda: client.heard["accountDownloadEnd"])
        done = {order.orderRef: s.status for _, order, s in client.heard["completedOrder"]}
        held = self.held()
        return {
            "executions": sorted(call[1].secType for call in client.of("execDetails", request)),
            "completed": [done.get(ref) for ref in ("rest", "mkt", "straddle", "spread")],
            "held": [held.get(c.conId) for c in (self.stock, self.call, self.put, self.far)],
            "portfolio": len(client.heard["updatePortfolio"]),
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
    host, port, client_id = sys.argv[1:4]
    logging.getLogger().addHandler(Heard(logging.WARNING))
    scenarios = Scenarios(host, int(port), int(client_id))
    results: dict[str, Any] = {}
    for name in ORDER:
        results[name] = getattr(scenarios, name)()
    results["errors"] = [call[1] for call in scenarios.client.heard["error"]]
    failure = scenarios.client.reader_failure
    scenarios.client.disconnect()
    results["log"] = LOG + ([failure] if failure else [])
    print(json.dumps(results))


try:
    main()
finally:
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.exc_info()[0] is not None:
        traceback.print_exc()
    os._exit(sys.exc_info()[0] is not None)  # the package's reader thread may not end
