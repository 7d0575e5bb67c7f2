"""Messages recorded from real gateways come out of the encoder field by field.

The recordings (server versions 164 and 173) are test fixtures of the public project
wboayue/rust-ibapi, MIT licence; only account numbers differ.
"""

from datetime import UTC, datetime
from decimal import Decimal

from dispersa.gateway import events
from dispersa.gateway.model import Contract, Order, OrderState
from dispersa.gateway.wire import order_replies

TSLA = Contract(
    con_id=76792991,
    symbol="TSLA",
    sec_type="STK",
    exchange="SMART",
    currency="USD",
    local_symbol="TSLA",
    trading_class="NMS",
)
E308 = "1.7976931348623157E308"
RECORDED_OPEN_ORDER = (
    "5|13|76792991|TSLA|STK||0|?||SMART|USD|TSLA|NMS|BUY|100|MKT|0.0|0.0|DAY||DU1236109||0||100|"
    "1376327563|0|0|0||1376327563.0/DU1236109/100||||||||||0||-1|0||||||2147483647|0|0|0||3|0|0||"
    "0|0||0|None||0||||?|0|0||0|0||||||0|0|0|2147483647|2147483647|||0||IB|0|0||0|0|PreSubmitted|"
    + f"{E308}|" * 9
    + "|||||0|0|0|None|"
    + f"{E308}|" * 6
    + "0||||0|1|0|0|0|||0|"
)
RECORDED_COMPLETED = (
    "101|637533641|ES|FUT|20250919|0|?|50|CME|USD|ESU5|ES|BUY|1|LMT|1000.0|0.0|GTC||DU1236109||0||"
    "616088517|0|0|0|||||||||||0||-1||||||2147483647|0|0||3|0||0|None||0|0|0||0|0||||0|0|0|"
    "2147483647|2147483647||||IB|0|0||0|Cancelled|0|0|0|1001.0|"
    f"{E308}|0|1|0||0|2147483647|0|Not an insider or substantial shareholder|0|0|"
    "9223372036854775807|20250810 12:07:39 US/Eastern|Cancelled by Trader||||||"
)


def texts(frame: bytes) -> list[str]:
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    assert frame.endswith(b"\0")
    return frame[4:-1].decode("ascii").split("\0")


def test_open_order_equals_a_recorded_one() -> None:
    event = events.OpenOrder(
        client_id=100,
        order_id=13,
        perm_id=1376327563,
        contract=TSLA,
        order=Order(
            action="BUY",
            quantity=Decimal(100),
            order_type="MKT",
            limit_price=0.0,
            aux_price=0.0,
            tif="DAY",
            account="DU1236109",
        ),
        state=OrderState(status="PreSubmitted"),
    )
    assert texts(order_replies.open_order(event, 164)) == RECORDED_OPEN_ORDER.split("|")[:-1]


def test_order_status_equals_a_recorded_one() -> None:
    event = events.OrderStatus(
        client_id=100,
        order_id=13,
        perm_id=1376327563,
        status="PreSubmitted",
        filled=Decimal(0),
        remaining=Decimal(100),
    )
    recorded = "3|13|PreSubmitted|0|100|0|1376327563|0|0|100||0"
    assert texts(order_replies.order_status(event)) == recorded.split("|")


def test_execution_equals_a_recorded_one() -> None:
    event = events.Execution(
        client_id=100,
        order_id=13,
        perm_id=1376327563,
        exec_id="00025b46.63f8f39c.01.01",
        contract=Contract(
            con_id=76792991,
            symbol="TSLA",
            sec_type="STK",
            exchange="ISLAND",
            currency="USD",
            local_symbol="TSLA",
            trading_class="NMS",
        ),
        time=datetime(2023, 2, 24, 17, 4, 56, tzinfo=UTC),
        account="DU1236109",
        exchange="ISLAND",
        side="BOT",
        shares=Decimal(100),
        price=196.52,
        cumulative_quantity=Decimal(100),
        average_price=196.52,
    )
    recorded = (
        "11|-1|13|76792991|TSLA|STK||0.0|||ISLAND|USD|TSLA|NMS|00025b46.63f8f39c.01.01|"
        "20230224  12:04:56|DU1236109|ISLAND|BOT|100|196.52|1376327563|100|0|100|196.52|||||2"
    )
    assert texts(order_replies.execution(event, -1, 164)) == recorded.split("|")
    assert texts(order_replies.execution(event, -1, 178))[-1] == "0"


def test_completed_order_equals_a_recorded_one() -> None:
    order = Order(
        action="BUY",
        quantity=Decimal(1),
        order_type="LMT",
        limit_price=1000.0,
        aux_price=0.0,
        tif="GTC",
        account="DU1236109",
    )
    opened = events.OpenOrder(
        client_id=100,
        order_id=1,
        perm_id=616088517,
        contract=Contract(
            con_id=637533641,
            symbol="ES",
            sec_type="FUT",
            last_trade_date="20250919",
            multiplier="50",
            exchange="CME",
            currency="USD",
            local_symbol="ESU5",
            trading_class="ES",
        ),
        order=order,
        state=OrderState(status="Cancelled"),
    )
    completed = events.CompletedOrder(
        order=opened,
        filled=Decimal(0),
        completed_time=datetime(2025, 8, 10, 16, 7, 39, tzinfo=UTC),
        completed_status="Cancelled by Trader",
    )
    found = texts(order_replies.completed_order(completed, 173))
    recorded = RECORDED_COMPLETED.split("|")[:-1]
    # The recording's 1001.0 is a trail price that the real server filled in by itself.
    recorded[recorded.index("1001.0")] = E308
    assert found == recorded
