"""The official ibapi, with threads of its own, against a gateway whose time the test moves."""

import subprocess
import time
from pathlib import Path

import pytest

from dispersa.testing import GatewayFixture

SCRIPT = """
import sys, threading
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper

class Client(EWrapper, EClient):
    def __init__(self):
        EClient.__init__(self, self)
        self.filled = threading.Event()
    def nextValidId(self, order_id):
        stock, order = Contract(), Order()
        stock.symbol, stock.secType, stock.exchange, stock.currency = "NVDA", "STK", "SMART", "USD"
        order.action, order.totalQuantity, order.orderType, order.tif = "BUY", 7, "MKT", "DAY"
        order.eTradeOnly = order.firmQuoteOnly = False
        self.placeOrder(order_id, stock, order)
        print("placed", flush=True)
    def orderStatus(self, order_id, status, filled, *rest):
        if status == "Filled":
            self.filled.set()

client = Client()
client.connect("127.0.0.1", int(sys.argv[1]), 3)
threading.Thread(target=client.run, daemon=True).start()
done = client.filled.wait(60)
client.disconnect()
print("filled" if done else "nothing", flush=True)
"""


@pytest.mark.ib_gateway(names=3)
def test_ibapi_fills_only_once_the_test_lets_time_pass(
    ib_gateway: GatewayFixture, ibapi_python: Path
) -> None:
    with ib_gateway.in_thread() as gateway:
        process = subprocess.Popen(
            [ibapi_python, "-c", SCRIPT, str(gateway.port)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "placed\n"
        ends = time.monotonic() + 30
        while not gateway.truth.orders and time.monotonic() < ends:
            time.sleep(0.02)
        assert gateway.truth.positions == {}
        while process.poll() is None and time.monotonic() < ends:
            gateway.advance(0.5)
        assert process.stdout.read() == "filled\n"
        process.wait(10)
        process.stdout.close()
        assert list(gateway.truth.positions.values()) == [7]
