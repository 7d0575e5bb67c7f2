"""Who must know, and did it reach them? Alerts in words, kept until somebody took them over."""

from dispersa.alerts.alert import Alert, Severity
from dispersa.alerts.delivery import Delivery, DeliveryState
from dispersa.alerts.dispatch import AlertPolicy, Dispatcher
from dispersa.alerts.outbox import Outbox

__all__ = [
    "Alert",
    "AlertPolicy",
    "Delivery",
    "DeliveryState",
    "Dispatcher",
    "Outbox",
    "Severity",
]
