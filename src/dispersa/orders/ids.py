"""By which names do we know a program, a package, an order and an execution?"""

from typing import NewType

ProgramId = NewType("ProgramId", str)
"""One dispersion trade being worked, for example ``20261120-a41f``."""

PackageId = NewType("PackageId", str)
"""One straddle of a program, for example ``20261120-a41f/QQQ``."""

OrderRef = NewType("OrderRef", str)
"""Our unique reference of one order, echoed by the broker in executions (orderRef)."""

PermId = NewType("PermId", int)
"""The broker's permanent, account-wide order number (permId)."""

ExecId = NewType("ExecId", str)
"""The broker's execution id; its last dotted part is the correction revision."""
