"""How does dispersa talk to TWS and IB Gateway? The connector on ib_async."""

from dispersa.broker.ibkr.connection import IbkrConnection, Notice, connect
from dispersa.broker.ibkr.feed import IbkrFeed
from dispersa.broker.ibkr.orders import IbkrOrders
from dispersa.broker.ibkr.settings import Deadlines, IbkrSettings

__all__ = [
    "Deadlines",
    "IbkrConnection",
    "IbkrFeed",
    "IbkrOrders",
    "IbkrSettings",
    "Notice",
    "connect",
]
