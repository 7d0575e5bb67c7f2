"""What does the send gate look at? One order with the facts of the moment."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from dispersa.market import OptionContract
from dispersa.orders import OrderIntent
from dispersa.risk.codes import DenialCode
from dispersa.risk.facts import GateFacts, OrderContext
from dispersa.risk.limits import Limits
from dispersa.risk.verdict import Denial, denial_of

SKEW = timedelta(seconds=2)
"""How far the clocks of a reading and of the desk may differ."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One order before the send gate; `is_amend` when it already works at another limit."""

    limits: Limits
    intent: OrderIntent
    facts: GateFacts
    context: OrderContext
    is_amend: bool

    def no(self, code: DenialCode, measured: object, limit: object) -> Denial:
        """Say no, with the numbers."""
        return denial_of(
            code,
            ref=self.intent.ref,
            at=self.facts.at,
            measured=str(measured),
            limit=str(limit),
        )

    @property
    def units(self) -> int:
        """Units that this order may still fill."""
        return self.intent.quantity - self.context.filled_units

    @property
    def contracts(self) -> int:
        """Option contracts that this order may still trade."""
        legs = self.intent.combo.legs
        per_unit = sum(leg.ratio for leg in legs if isinstance(leg.contract, OptionContract))
        return self.units * per_unit


Question = Callable[[Ask], Denial | None]
