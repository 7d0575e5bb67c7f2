"""What did we ask for, and what became of it?"""

from dispersa.orders.broker_view import (
    AccountReading,
    BrokerSnapshot,
    CompletedOrderReading,
    OpenOrderReading,
    PositionReading,
    VixReading,
)
from dispersa.orders.executions import (
    Commission,
    Execution,
    ExecutionBook,
    execution_key,
)
from dispersa.orders.ids import ExecId, OrderRef, PackageId, PermId, ProgramId
from dispersa.orders.intents import (
    ApprovedOrder,
    Combo,
    Leg,
    OrderIntent,
    Purpose,
    straddle_combo,
)
from dispersa.orders.lifecycle import Order, OrderChange, OrderState, next_state
from dispersa.orders.outcome import OrderOutcome, outcome_of_order
from dispersa.orders.reports import (
    AmendRefused,
    BrokerReport,
    CommissionReported,
    ExecutionReported,
    LinkLost,
    LinkRestored,
    OrderCancelled,
    OrderDoubtful,
    OrderRejected,
    OrderWorking,
)

__all__ = [
    "AccountReading",
    "AmendRefused",
    "ApprovedOrder",
    "BrokerReport",
    "BrokerSnapshot",
    "Combo",
    "Commission",
    "CommissionReported",
    "CompletedOrderReading",
    "ExecId",
    "Execution",
    "ExecutionBook",
    "ExecutionReported",
    "Leg",
    "LinkLost",
    "LinkRestored",
    "OpenOrderReading",
    "Order",
    "OrderCancelled",
    "OrderChange",
    "OrderDoubtful",
    "OrderIntent",
    "OrderOutcome",
    "OrderRef",
    "OrderRejected",
    "OrderState",
    "OrderWorking",
    "PackageId",
    "PermId",
    "PositionReading",
    "ProgramId",
    "Purpose",
    "VixReading",
    "execution_key",
    "next_state",
    "outcome_of_order",
    "straddle_combo",
]
