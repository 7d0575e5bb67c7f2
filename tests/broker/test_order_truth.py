"""What raw messages prove, and that their order does not matter."""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.broker.ibkr.order_truth import OrderTruth
from dispersa.broker.ibkr.raw import OrderLine
from dispersa.market import Side
from dispersa.orders import (
    AmendRefused,
    BrokerReport,
    CommissionReported,
    ExecutionBook,
    ExecutionReported,
    LinkLost,
    LinkRestored,
    OrderCancelled,
    OrderChange,
    OrderDoubtful,
    OrderRejected,
    OrderState,
    OrderWorking,
    next_state,
)

from .builders import (
    ACCOUNT,
    CALL_ID,
    CLIENT_ID,
    ORDER_ID,
    PERM_ID,
    PUT_ID,
    REF,
    approved,
    combo_execution,
    commission,
    echo,
    error,
    leg_execution,
    status,
    with_limit,
)


def sent() -> OrderTruth:
    truth = OrderTruth(client_id=CLIENT_ID, account=ACCOUNT)
    truth.sending(approved(), ORDER_ID)
    return truth


def take_all(truth: OrderTruth, *lines: OrderLine) -> list[BrokerReport]:
    return [report for line in lines for report in truth.take(line)]


def test_acknowledgement_is_reported_once() -> None:
    reports = take_all(
        sent(),
        echo(status="PreSubmitted"),
        status("PreSubmitted"),
        echo(),
        echo(),
        status("Submitted"),
    )
    assert reports == [OrderWorking(ref=REF, perm_id=PERM_ID, limit_price=Decimal("12.35"))]


@pytest.mark.parametrize("name", ["ApiPending", "PendingSubmit", "PendingCancel"])
def test_status_on_the_way_proves_nothing(name: str) -> None:
    assert take_all(sent(), echo(status=name), status(name)) == []


def test_status_before_the_echo_acknowledges_with_the_limit_we_sent() -> None:
    (report,) = take_all(sent(), status("Submitted"))
    # A status names the order by (client, order id) until a permanent id is known.
    assert report == OrderWorking(ref=REF, perm_id=PERM_ID, limit_price=Decimal("12.35"))


@pytest.mark.parametrize("name", ["Cancelled", "ApiCancelled"])
def test_cancelled_status_ends_the_order_once(name: str) -> None:
    truth = sent()
    reports = take_all(truth, echo(), status(name), error(202), status(name), echo(status=name))
    assert [type(report) for report in reports] == [OrderWorking, OrderCancelled]
    assert truth.live() == ()


def test_inactive_alone_is_doubtful_and_after_a_rejection_adds_nothing() -> None:
    (doubt,) = take_all(sent(), status("Inactive"))
    assert isinstance(doubt, OrderDoubtful)
    reports = take_all(sent(), error(201, "margin"), status("Inactive"))
    assert [type(report) for report in reports] == [OrderRejected]


def test_inactive_while_shares_are_located_is_alive() -> None:
    assert take_all(sent(), status("Inactive", why_held="locate")) == []


def test_unknown_status_is_doubtful() -> None:
    (doubt,) = take_all(sent(), status("Bewildered"))
    assert isinstance(doubt, OrderDoubtful)


def test_amend_is_confirmed_by_the_echo_with_the_new_limit() -> None:
    truth = sent()
    take_all(truth, echo())
    truth.amending(with_limit(approved(), "12.40"))
    (report,) = take_all(truth, echo(limit=12.35), status("Submitted"), echo(limit=12.40))
    assert report == OrderWorking(ref=REF, perm_id=PERM_ID, limit_price=Decimal("12.40"))


def test_amend_to_the_same_limit_is_confirmed_all_the_same() -> None:
    truth = sent()
    take_all(truth, echo())
    truth.amending(approved())
    assert [type(report) for report in take_all(truth, echo(), echo())] == [OrderWorking]


@pytest.mark.parametrize("shown", [12.35, 12.40])
def test_amend_cut_off_by_a_lost_link_is_settled_by_the_next_echo(shown: float) -> None:
    truth = sent()
    take_all(truth, echo())
    truth.amending(with_limit(approved(), "12.40"))
    assert [type(report) for report in truth.link_lost()] == [OrderDoubtful]
    (report,) = take_all(truth, echo(limit=shown))
    assert isinstance(report, OrderWorking)
    assert report.limit_price == Decimal(str(shown))
    tracked = truth.get(REF)
    assert tracked is not None
    assert tracked.pending_limit is None


def test_refused_amend_keeps_the_accepted_limit() -> None:
    truth = sent()
    take_all(truth, echo())
    truth.amending(with_limit(approved(), "12.40"))
    (report,) = take_all(truth, error(105), status("Submitted"))
    assert isinstance(report, AmendRefused)
    assert report.limit_price == Decimal("12.35")


def test_amended_limit_is_the_accepted_one_for_the_next_refusal() -> None:
    truth = sent()
    take_all(truth, echo())
    truth.amending(with_limit(approved(), "12.40"))
    take_all(truth, echo(limit=12.40))
    truth.amending(with_limit(approved(), "12.45"))
    (report,) = take_all(truth, error(110))
    assert isinstance(report, AmendRefused)
    assert report.limit_price == Decimal("12.40")


def test_doubtful_order_that_shows_up_again_is_working_again() -> None:
    reports = take_all(sent(), echo(), error(10147), status("Submitted"))
    assert [type(report) for report in reports] == [OrderWorking, OrderDoubtful, OrderWorking]


def test_echo_of_another_order_is_doubtful() -> None:
    other = echo(totalQuantity=30.0)
    (doubt,) = take_all(sent(), other, status("Submitted"), other, status("PreSubmitted"))
    assert isinstance(doubt, OrderDoubtful)
    assert "quantity" in doubt.message


def test_combo_lines_never_become_executions_and_legs_do() -> None:
    truth = sent()
    reports = take_all(
        truth,
        combo_execution("0001.01.01"),
        leg_execution(CALL_ID, "0001.02.01"),
        leg_execution(PUT_ID, "0001.03.01", price=6.2),
    )
    assert [type(report) for report in reports] == [ExecutionReported, ExecutionReported]
    assert truth.book_of(REF).units_filled(REF, approved().intent.combo) == 3
    assert truth.live() == ()


def test_execution_before_the_acknowledgement_is_bound_by_its_reference() -> None:
    (report,) = take_all(sent(), leg_execution(CALL_ID, "0001.02.01"))
    assert isinstance(report, ExecutionReported)
    assert report.execution.order_ref == REF
    assert report.execution.side is Side.BUY


def test_execution_without_reference_is_bound_by_its_permanent_id() -> None:
    reports = take_all(sent(), echo(), leg_execution(CALL_ID, "0001.02.01", ref=""))
    assert isinstance(reports[-1], ExecutionReported)
    assert reports[-1].execution.order_ref == REF


def test_correction_replaces_and_its_duplicate_does_nothing() -> None:
    truth = sent()
    reports = take_all(
        truth,
        leg_execution(CALL_ID, "0001.02.01", price=6.1),
        leg_execution(CALL_ID, "0001.02.02", price=6.2),
        leg_execution(CALL_ID, "0001.02.01", price=6.1),
        leg_execution(CALL_ID, "0001.02.02", price=6.2),
    )
    assert len(reports) == 2
    (only,) = truth.book_of(REF).of(REF)
    assert only.price == Decimal("6.2")


def test_fill_after_the_cancel_is_reported() -> None:
    truth = sent()
    reports = take_all(truth, echo(), error(202), leg_execution(CALL_ID, "1.02.01", shares=1))
    assert [type(r) for r in reports] == [OrderWorking, OrderCancelled, ExecutionReported]


def test_rejection_after_a_part_fill_ends_the_rest_and_keeps_the_fill() -> None:
    truth = sent()
    lines = (
        leg_execution(CALL_ID, "1.02.01", shares=1),
        leg_execution(PUT_ID, "1.03.01", shares=1),
    )
    reports = take_all(truth, echo(), *lines, error(201, "margin"))
    assert isinstance(reports[-1], OrderRejected)
    assert truth.book_of(REF).units_filled(REF, approved().intent.combo) == 1


def test_cancel_that_crosses_a_change_wins() -> None:
    truth = sent()
    take_all(truth, echo())
    truth.amending(with_limit(approved(), "12.40"))
    reports = take_all(truth, status("Cancelled"), echo(limit=12.40), error(104))
    assert [type(report) for report in reports] == [OrderCancelled]


def test_overfill_is_reported_execution_by_execution() -> None:
    truth = sent()
    lines = [leg_execution(CALL_ID, f"{n}.02.01", shares=3) for n in range(1, 4)]
    assert len(take_all(truth, *lines)) == 3


def test_order_cancelled_by_hand_in_tws_is_cancelled() -> None:
    reports = take_all(sent(), echo(), status("Cancelled"))
    assert isinstance(reports[-1], OrderCancelled)


def test_execution_of_another_account_is_not_ours() -> None:
    assert take_all(sent(), leg_execution(CALL_ID, "1.02.01", account="DU7654321")) == []


def test_unset_commission_is_unknown_and_zero_is_zero() -> None:
    truth = sent()
    assert take_all(truth, commission("1.02.01", amount=1.7976931348623157e308)) == []
    (report,) = take_all(truth, commission("1.02.01", amount=0.0))
    assert isinstance(report, CommissionReported)
    assert report.commission.amount == 0


def test_filled_status_without_leg_executions_is_noticed() -> None:
    truth = sent()
    take_all(truth, echo(), status("Filled", filled=3, remaining=0))
    assert [order.ref for order in truth.short_of_fills()] == [REF]
    take_all(truth, leg_execution(CALL_ID, "1.02.01"))
    assert truth.short_of_fills()
    take_all(truth, leg_execution(PUT_ID, "1.03.01"))
    assert truth.short_of_fills() == ()


def test_lost_link_doubts_only_what_is_unanswered() -> None:
    unanswered = sent()
    assert [type(report) for report in unanswered.link_lost()] == [OrderDoubtful]
    working = sent()
    take_all(working, echo())
    assert working.link_lost() == ()
    working.cancelling(REF)
    assert [type(report) for report in working.link_lost()] == [OrderDoubtful]


def test_order_of_an_earlier_process_is_adopted_from_its_echo() -> None:
    truth = OrderTruth(client_id=CLIENT_ID, account=ACCOUNT)
    (report,) = truth.take(echo(order_id=7))
    assert isinstance(report, OrderWorking)
    assert [order.order_id for order in truth.live()] == [7]
    assert truth.order_id_seen == 7


def test_market_order_of_somebody_else_is_not_reported_as_doubtful() -> None:
    truth = OrderTruth(client_id=CLIENT_ID, account=ACCOUNT)
    assert truth.take(echo(client_id=0, limit=1.7976931348623157e308, orderType="MKT")) == ()


def test_order_of_another_client_can_not_be_cancelled_by_us() -> None:
    truth = OrderTruth(client_id=CLIENT_ID, account=ACCOUNT)
    truth.take(echo(client_id=0, order_id=-3))
    assert truth.live() == ()


def test_second_permanent_id_of_a_live_order_is_reported() -> None:
    reports = take_all(sent(), echo(), echo(perm_id=PERM_ID + 1))
    assert [report.perm_id for report in reports if isinstance(report, OrderWorking)] == [
        PERM_ID,
        PERM_ID + 1,
    ]


def test_second_permanent_id_after_a_cancel_is_reported() -> None:
    reports = take_all(sent(), echo(), status("Cancelled"), echo(perm_id=PERM_ID + 1))
    assert isinstance(reports[-1], OrderWorking)
    assert reports[-1].perm_id == PERM_ID + 1


def test_two_live_orders_of_one_reference_end_only_together() -> None:
    truth = sent()
    twin = echo(perm_id=PERM_ID + 1, order_id=ORDER_ID + 1)
    take_all(truth, echo(), twin)
    tracked = truth.get(REF)
    assert tracked is not None
    assert set(tracked.cancellable_ids) == {ORDER_ID, ORDER_ID + 1}
    (first,) = take_all(truth, status("Cancelled"))
    assert isinstance(first, OrderDoubtful)
    assert [order.ref for order in truth.live()] == [REF]
    (second,) = take_all(truth, status("Cancelled", perm_id=PERM_ID + 1))
    assert isinstance(second, OrderCancelled)


@dataclass
class Fold:
    """The final truth a desk reaches by folding reports with the life-cycle table."""

    state: OrderState = OrderState.SENT
    book: ExecutionBook = field(default_factory=ExecutionBook)

    def take(self, report: BrokerReport) -> None:
        match report:
            case OrderWorking():
                self.state = next_state(self.state, OrderChange.ACKNOWLEDGED)
            case OrderCancelled():
                self.state = next_state(self.state, OrderChange.CANCELLED)
            case OrderRejected():
                self.state = next_state(self.state, OrderChange.REJECTED)
            case OrderDoubtful():
                self.state = next_state(self.state, OrderChange.DOUBT)
            case ExecutionReported():
                self.book = self.book.with_execution(report.execution)
                if self.book.units_filled(REF, approved().intent.combo) >= 3:
                    self.state = next_state(self.state, OrderChange.FILLED)
            case CommissionReported():
                self.book = self.book.with_commission(report.commission)
            case AmendRefused() | LinkLost() | LinkRestored():
                pass


def final_truth(lines: list[OrderLine]) -> tuple[OrderState, set[object], set[object]]:
    truth, fold = sent(), Fold()
    for line in lines:
        for report in truth.take(line):
            fold.take(report)
    executions = {(e.exec_id, e.con_id, e.quantity, e.price) for e in fold.book.executions.values()}
    charges = {(c.exec_id, c.amount) for c in fold.book.commissions.values()}
    assert fold.book.executions == truth.book_of(REF).executions
    return fold.state, executions, charges


FILLED: list[OrderLine] = [
    echo(status="PreSubmitted"),
    status("PreSubmitted"),
    echo(),
    combo_execution("0001.01.01", shares=1),
    leg_execution(CALL_ID, "0001.02.01", shares=1),
    leg_execution(PUT_ID, "0001.03.01", shares=1),
    status("Submitted", filled=1, remaining=2),
    combo_execution("0002.01.01", shares=2),
    leg_execution(CALL_ID, "0002.02.01", shares=2),
    leg_execution(PUT_ID, "0002.03.01", shares=2, price=6.15),
    leg_execution(PUT_ID, "0002.03.02", shares=2, price=6.25),
    echo(status="Filled"),
    status("Filled", filled=3, remaining=0),
    commission("0001.02.01", 0.7),
    commission("0001.03.01", 0.7),
    commission("0002.02.01", 1.4),
    commission("0002.03.01", 1.4),
    error(10148, "state: Filled"),
    error(399),
    error(10349),
]
CANCELLED_PART_FILLED: list[OrderLine] = [
    echo(),
    status("Submitted"),
    leg_execution(CALL_ID, "0001.02.01", shares=1),
    leg_execution(PUT_ID, "0001.03.01", shares=1),
    status("PendingCancel", filled=1, remaining=2),
    error(202, "Order Canceled - reason:"),
    status("Cancelled", filled=1, remaining=2),
    echo(status="Cancelled"),
    commission("0001.02.01", 0.7),
    error(161),
]
REJECTED: list[OrderLine] = [
    error(201, "margin"),
    error(201, "margin"),
    status("Inactive"),
    error(399),
]


@pytest.mark.parametrize("story", [FILLED, CANCELLED_PART_FILLED, REJECTED])
@given(data=st.data())
def test_any_order_of_duplicated_and_delayed_messages_gives_the_same_truth(
    story: list[OrderLine], data: st.DataObject
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(story), max_size=8))
    shuffled = data.draw(st.permutations([*story, *repeated]))
    assert final_truth(shuffled) == final_truth(story)


@given(data=st.data())
def test_any_subset_never_claims_more_than_was_executed(data: st.DataObject) -> None:
    subset = data.draw(st.lists(st.sampled_from(FILLED), max_size=25))
    state, executions, _ = final_truth(subset)
    full = {"0001.02.01", "0001.03.01", "0002.02.01"}
    seen = {row[0] for row in executions}
    if state is OrderState.FILLED:
        assert full <= seen
        assert seen & {"0002.03.01", "0002.03.02"}
    assert state not in (OrderState.CANCELLED, OrderState.REJECTED)
