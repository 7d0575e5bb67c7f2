"""Each error code in the three situations in which it can meet an order."""

import pytest

from dispersa.broker.ibkr.codes import CODES, Verdict, ends_request, order_verdict
from dispersa.broker.ibkr.order_truth import OrderTruth
from dispersa.orders import (
    AmendRefused,
    BrokerReport,
    OrderCancelled,
    OrderDoubtful,
    OrderRejected,
)

from .builders import (
    ACCOUNT,
    CLIENT_ID,
    ORDER_ID,
    approved,
    echo,
    error,
    with_limit,
)

NOTHING = type(None)
# code: (just sent, working, with a change unanswered)
EXPECTED: dict[int, tuple[type, type, type]] = {
    # informational: the order lives on
    399: (NOTHING, NOTHING, NOTHING),
    404: (NOTHING, NOTHING, NOTHING),
    10349: (NOTHING, NOTHING, NOTHING),
    10167: (NOTHING, NOTHING, NOTHING),
    10090: (NOTHING, NOTHING, NOTHING),
    2109: (NOTHING, NOTHING, NOTHING),
    2161: (NOTHING, NOTHING, NOTHING),
    # proven end
    202: (OrderCancelled, OrderCancelled, OrderCancelled),
    # refused by the broker's system; about a change it proves nothing
    201: (OrderRejected, OrderRejected, OrderDoubtful),
    203: (OrderRejected, OrderRejected, OrderDoubtful),
    412: (OrderRejected, OrderRejected, OrderDoubtful),
    460: (OrderRejected, OrderRejected, OrderDoubtful),
    # failed validation: a new order never lived, a change leaves the old one
    **dict.fromkeys(
        (109, 110, 111, 163, 200, 312, 313, 314, 315, 321, 355, 382, 383, 387, 388, 434, 435),
        (OrderRejected, OrderDoubtful, AmendRefused),
    ),
    10043: (OrderRejected, OrderDoubtful, AmendRefused),
    10052: (OrderRejected, OrderDoubtful, AmendRefused),
    10058: (OrderRejected, OrderDoubtful, AmendRefused),
    # about a change
    104: (OrderDoubtful, OrderDoubtful, AmendRefused),
    105: (OrderDoubtful, OrderDoubtful, AmendRefused),
    134: (OrderDoubtful, OrderDoubtful, AmendRefused),
    329: (OrderDoubtful, OrderDoubtful, AmendRefused),
    2102: (OrderDoubtful, OrderDoubtful, AmendRefused),
    # proving nothing
    **dict.fromkeys(
        (103, 135, 136, 161, 10147, 10148), (OrderDoubtful, OrderDoubtful, OrderDoubtful)
    ),
    # unknown codes
    **dict.fromkeys((1, 150, 507, 9999, 10999), (OrderDoubtful, OrderDoubtful, OrderDoubtful)),
}


def sent() -> OrderTruth:
    truth = OrderTruth(client_id=CLIENT_ID, account=ACCOUNT)
    truth.sending(approved(), ORDER_ID)
    return truth


def working() -> OrderTruth:
    truth = sent()
    truth.take(echo())
    return truth


def changing() -> OrderTruth:
    truth = working()
    truth.amending(with_limit(approved(), "12.40"))
    return truth


def only(reports: tuple[BrokerReport, ...]) -> BrokerReport | None:
    assert len(reports) <= 1
    return reports[0] if reports else None


@pytest.mark.parametrize("code", sorted(EXPECTED))
def test_code_of_a_new_order_gives_the_expected_report(code: int) -> None:
    assert type(only(sent().take(error(code)))) is EXPECTED[code][0]


@pytest.mark.parametrize("code", sorted(EXPECTED))
def test_code_of_a_working_order_gives_the_expected_report(code: int) -> None:
    assert type(only(working().take(error(code)))) is EXPECTED[code][1]


@pytest.mark.parametrize("code", sorted(EXPECTED))
def test_code_during_a_change_gives_the_expected_report(code: int) -> None:
    assert type(only(changing().take(error(code)))) is EXPECTED[code][2]


def test_every_code_of_the_table_has_an_expectation() -> None:
    assert set(CODES) <= set(EXPECTED)


def test_unknown_code_is_ambiguous_and_said_to_be_unknown() -> None:
    assert order_verdict(9999) is Verdict.AMBIGUOUS
    report = only(working().take(error(9999, "strange")))
    assert isinstance(report, OrderDoubtful)
    assert report.code == 9999
    assert "does not know" in report.message


def test_refused_change_reports_the_limit_that_still_works() -> None:
    report = only(changing().take(error(105, "does not match")))
    assert isinstance(report, AmendRefused)
    assert str(report.limit_price) == "12.35"


def test_expired_order_is_cancelled_as_expired() -> None:
    report = only(working().take(error(202, "Order Canceled - reason: Order expired")))
    assert isinstance(report, OrderCancelled)
    assert report.expired


def test_code_of_an_unknown_order_id_reports_nothing() -> None:
    assert working().take(error(201, order_id=ORDER_ID + 1)) == ()


@pytest.mark.parametrize("code", [10167, 10090, 10091, 2104, 2119, 399, 10349])
def test_note_does_not_end_a_request(code: int) -> None:
    assert not ends_request(code)


@pytest.mark.parametrize("code", [200, 321, 162, 354, 366, 420, 10089, 10168, 322])
def test_refusal_ends_a_request(code: int) -> None:
    assert ends_request(code)
