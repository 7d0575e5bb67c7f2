"""Every request with every field spoiled in turn is answered, and the connection stays.

The seeds are valid messages: a spoiled field reaches code that random fields never do.
"""

import asyncio
import random
from typing import Any

from raw_client import RawClient, StartGateway
from raw_order import BAG, CALL, STOCK, contract, order_fields

from dispersa.gateway.model import Contract, Refusal

SPOILED = (
    "", "0", "-1", "2", "1e308", "-1e308", "1.7976931348623157E308", "2147483647",
    "9223372036854775807", "Infinity", "nan", "abc", "BAG", "OPT", "é\x01", "9" * 400, "GTD",
    "20261120 10:00:00", "99991231 00:00:00", "1e-320", "0.0001", "BUY",
)  # fmt: skip
CASES = 1_500
FUTURE = contract("ES", "FUT", expiry="202612", exchange="CME")


def seeds(call: int, put: int) -> list[list[object]]:
    """Return one valid message of every kind."""
    legs = [(call, 1, "BUY", "SMART"), (put, 1, "BUY", "SMART")]
    flat = [part for leg in legs for part in leg]
    past = "20261119 10:00:00 US/Eastern"
    plain: list[list[object]] = [
        [9, 8, 1, *STOCK, 0, "", "", ""], [9, 8, 1, *CALL, 0, "", "", ""],
        [78, 2, "AAPL", "", "STK", 265598], [81, 3, "AAP"], [83, 4, "9c0001"], [91, 26],
        [1, 11, 5, *STOCK, 0, "106", 0, 0, ""], [1, 11, 6, *CALL, 0, "", 1, 0, ""],
        [1, 11, 7, *BAG, 2, *flat, 0, "", 1, 0, ""], [2, 2, 5], [97, 8, *STOCK, "BidAsk", 3, 0],
        [98, 8], [20, 9, *STOCK, 0, "", "1 min", "1 D", 1, "TRADES", 1, 0, ""],
        [20, 9, *CALL, 0, past, "1 hour", "2 D", 1, "MIDPOINT", 2, 0, ""],
        [20, 9, *FUTURE, 0, "", "5 secs", "60 S", 1, "TRADES", 1, 1, ""], [25, 1, 9],
        [87, 10, *STOCK, 0, 1, "TRADES", 1], [90, 10],
        [96, 11, *STOCK, 0, past, "", 5, "TRADES", 1, 1, ""],
        [54, 3, 12, *CALL, "5.0", "270", 0, ""], [55, 3, 13, *CALL, "0.3", "270", 0, ""],
        [56, 1, 12], [57, 1, 13], [61, 1], [64, 1], [62, 1, 14, "All", "NetLiquidation"],
        [63, 1, 14], [6, 2, 1, ""], [76, 1, 15, "", "", 1], [77, 1, 15], [74, 1, 16, "", ""],
        [75, 1, 16], [92, 17, "", ""], [93, 17], [94, 18, "", "", call], [95, 18], [5, 1], [16, 1],
        [15, 1, 1], [99, 0], [7, 3, 19, 0, "", "", "", "", "", ""],
        [21, 2, 20, call, *[""] * 10, 1, 1, "", 0], [4, 1, 1, ""], [8, 1, 1], [17, 1], [49, 1],
        [14, 1, 1], [59, 1, 1],
    ]  # fmt: skip
    return [
        *plain,
        order_fields(900, STOCK, price=100),
        order_fields(901, BAG, legs=legs, price=1, routing=[("NonGuaranteed", "0")]),
        order_fields(902, STOCK, price=100, what_if=1),
    ]


async def test_spoiled_fields_never_end_a_connection_or_go_unanswered(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(
        messages_per_second_max=None, historical_pacing=False, market_data_lines_max=None
    )
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    found = [
        gateway.venue.contract_details(
            Contract(symbol="AAPL", sec_type="OPT", last_trade_date="20261218", strike=270.0,
                     right=right)
        )
        for right in "CP"
    ]  # fmt: skip
    call, put = (one[0].contract.con_id for one in found if not isinstance(one, Refusal))
    every = [
        (message, place, text)
        for message in seeds(call, put)
        for place in range(1, len(message))
        for text in SPOILED
    ]
    client = await RawClient.started(gateway)
    for number, (message, place, text) in enumerate(random.Random(3).sample(every, CASES)):
        spoiled = list(message)
        if message[0] == 3:
            spoiled[1] = 1000 + number
        spoiled[place] = text
        client.send(*spoiled)
        client.send(49, 1)
        await client.until(lambda fields: fields[0] == "49")
        assert not failures, (spoiled, failures)


async def test_many_small_and_few_huge_fields_are_refused(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    client = await RawClient.started(gateway)
    for huge in (["81", "5", "A" * 8_000_000], ["81", "5", *["ab"] * 400_000]):
        client.send(*huge)
        assert (await client.of(4))[2:4] == ["5", "320"]
    client.send(49, 1)
    await client.of(49)
