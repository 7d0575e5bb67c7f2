"""May we? The one place where an intent becomes an approved order."""

from dataclasses import dataclass, replace
from decimal import Decimal

from dispersa.orders import ApprovedOrder, OrderIntent
from dispersa.risk.codes import DenialCode
from dispersa.risk.facts import GateFacts, OrderContext, PlanRequest
from dispersa.risk.limits import Limits
from dispersa.risk.plan_gate import check_plan
from dispersa.risk.send_ask import Ask
from dispersa.risk.send_gate import first_denial, passed_questions
from dispersa.risk.verdict import Denial, GateVerdict, denial_of


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate under one set of limits: asked when planning, before each send, at each reprice.

    It holds no state: what is used, sent and reserved comes in as facts. A cancel never comes
    here. There is no override: a limit changes only through the configuration.
    """

    limits: Limits

    def check_plan(self, request: PlanRequest, facts: GateFacts) -> GateVerdict:
        """Ask every control about a whole plan; the four default checks come first."""
        return check_plan(self.limits, request, facts)

    def approve(
        self, intent: OrderIntent, facts: GateFacts, context: OrderContext
    ) -> ApprovedOrder | Denial:
        """Approve a new order, or say no with a code."""
        return self._decide(intent, facts, context, revision=0)

    def approve_amend(
        self,
        approved: ApprovedOrder,
        limit_price: Decimal,
        facts: GateFacts,
        context: OrderContext,
    ) -> ApprovedOrder | Denial:
        """Approve another limit for an order that works, or say no: then the old limit stays."""
        if not limit_price.is_finite():
            return denial_of(
                DenialCode.COLLAR,
                ref=approved.intent.ref,
                at=facts.at,
                measured=str(limit_price),
                limit="a finite price",
            )
        intent = replace(approved.intent, limit_price=limit_price)
        return self._decide(intent, facts, context, revision=approved.revision + 1)

    def _decide(
        self, intent: OrderIntent, facts: GateFacts, context: OrderContext, *, revision: int
    ) -> ApprovedOrder | Denial:
        ask = Ask(self.limits, intent, facts, context, is_amend=revision > 0)
        denial = first_denial(ask)
        if denial is not None:
            return denial
        return ApprovedOrder(
            intent=intent,
            revision=revision,
            approved_at=facts.at,
            passed=passed_questions(intent.purpose),
        )
