"""May a person's single order go out? Through the same gate as a program's."""

from datetime import datetime
from decimal import Decimal

from dispersa.desk import events as ev
from dispersa.desk.commands import CancelOrder, Command, DenyOrder, PlaceOrder
from dispersa.desk.facts import gate_facts, single_context
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState
from dispersa.errors import BrokenInvariant
from dispersa.orders import OrderIntent, OrderRef, OrderState, PackageId, ProgramId
from dispersa.risk import Denial

SINGLE_ORDERS = ProgramId("single")


def decide_single(
    rules: DeskRules,
    state: DeskState,
    at: datetime,
    event: ev.OrderRequested | ev.CancelRequested,
) -> Command | None:
    """Answer one request once: place it, deny it, or cancel what it names."""
    match event:
        case ev.OrderRequested():
            return _answer(rules, state, at, event)
        case ev.CancelRequested():
            return _cancel(state, event)


def reference(rules: DeskRules, request: str) -> OrderRef:
    """Return the order reference of a request."""
    return OrderRef(f"{rules.order_prefix}-{request}")


def single_program(trade: ProgramId | None) -> ProgramId:
    """Return the program of the single orders that belong to a trade, or to none."""
    return SINGLE_ORDERS if trade is None else ProgramId(f"{SINGLE_ORDERS}-{trade}")


def _answer(
    rules: DeskRules, state: DeskState, at: datetime, event: ev.OrderRequested
) -> Command | None:
    intent = _intent(rules, state, event)
    if intent.ref in state.orders or intent.ref in state.denied:
        return None
    premium = None if event.fair_value is None else _premium(event, event.fair_value)
    answer = rules.gate.approve(
        intent,
        gate_facts(state, at, single=(premium, event.margin_increase)),
        single_context(state, event),
    )
    if isinstance(answer, Denial):
        return DenyOrder(program=SINGLE_ORDERS, package=event.combo.symbol, denial=answer)
    if event.unit_vega is None:
        raise BrokenInvariant(f"the gate approved {intent.ref} although its vega is not known")
    return PlaceOrder(
        approved=answer,
        walk=None,
        arrival_mid=event.quote.mid,
        unit_vega=event.unit_vega,
    )


def _premium(event: ev.OrderRequested, fair_value: Decimal) -> Decimal:
    return abs(fair_value) * event.combo.multiplier * event.quantity


def _intent(rules: DeskRules, state: DeskState, event: ev.OrderRequested) -> OrderIntent:
    return OrderIntent(
        ref=reference(rules, event.request),
        program=single_program(event.trade),
        package=PackageId(f"{SINGLE_ORDERS}/{event.combo.symbol}"),
        purpose=event.purpose,
        account=state.account_expected,
        combo=event.combo,
        side=event.side,
        quantity=event.quantity,
        limit_price=event.limit_price,
    )


def _cancel(state: DeskState, event: ev.CancelRequested) -> Command | None:
    order = state.orders.get(event.ref)
    if order is None or order.state.is_terminal or order.state is OrderState.CANCEL_PENDING:
        return None
    return CancelOrder(ref=event.ref, reason=event.reason, walk_ended=False, walk_failed=False)
