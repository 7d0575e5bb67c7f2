"""Who sees and may touch whose orders, fills and positions, and in which order news arrives."""

import asyncio
from collections.abc import Callable

import pytest
from raw_client import RawClient, StartGateway

from dispersa.gateway.server import RunningGateway

E308 = "1.7976931348623157E308"
AAPL = ("265598", "AAPL", "STK", "", "0", "", "", "SMART", "", "USD", "", "")


def place(
    client: RawClient, order_id: int, *, kind: str = "MKT", price: str = "", side: str = "BUY",
    what_if: str = "0",
) -> None:  # fmt: skip
    """Send a stock order of 10 shares as the tables say, at server version 178."""
    fields: list[object] = [
        "3",
        order_id,
        *AAPL,
        "",
        "",
        side,
        "10",
        kind,
        price,
        "",
        "DAY",
        "",
        "",
    ]
    fields += ["", "0", f"ref-{order_id}", "1", "0", "0", "0", "0", "0", "0", "0"]
    fields += ["", "0", "", "", "", "", ""]
    fields += ["", "0", "", "-1", "0", "", "", "0", "", "", "0", "0", ""]
    fields += ["0", "", "", "", "", "", "0", "", "", "", "", "0", "", "", "", "", "", ""]
    fields += ["", "", "", "", "0", "", "", "0", "0", "", "", what_if, "", "0", "0", "0", "0"]
    fields += ["", E308, E308, E308, E308, E308, "0", "", "", "", E308, "", "", "", "", "0", "0"]
    fields += ["0", "", "2147483647", "2147483647", "0", "", ""]
    client.send(*fields)


def is_status(status: str) -> Callable[[list[str]], bool]:
    return lambda fields: fields[0] == "3" and fields[2] == status


async def ended(client: RawClient, message_id: int) -> list[list[str]]:
    return await client.until(lambda fields: fields[0] == str(message_id))


async def test_market_order_news_arrive_in_the_order_of_a_real_gateway(
    gateway: RunningGateway,
) -> None:
    client = await RawClient.started(gateway)
    place(client, 1)
    news = await client.until(lambda fields: fields[0] == "59")
    kinds = [fields[0] for fields in news]
    executed = kinds.index("11")
    assert kinds[:executed] == ["5", "3"]
    assert is_status("PreSubmitted")(news[1])
    filled = [n for n, fields in enumerate(news) if is_status("Filled")(fields)]
    assert executed < filled[0] < len(kinds) - 1
    assert kinds[filled[0] - 1] == "5"
    execution = next(fields for fields in news if fields[0] == "11")
    assert (execution[1], execution[2], execution[19]) == ("-1", "1", "10")
    assert news[-1][2] == execution[14]


async def test_only_the_owner_hears_of_and_may_cancel_an_order(gateway: RunningGateway) -> None:
    owner, other = await RawClient.started(gateway, 3), await RawClient.started(gateway, 4)
    place(owner, 1, kind="LMT", price="100.0")
    await owner.until(is_status("Submitted"))
    other.send("4", "1", "1", "")
    refused = await other.fields()
    assert refused[:4] == ["4", "2", "1", "10147"]
    other.send("5", "1")
    assert await ended(other, 53) == [["53", "1"]]
    other.send("16", "1")
    everybody = await ended(other, 53)
    assert [fields[0] for fields in everybody] == ["5", "3", "53"]
    assert everybody[1][9] == "3"
    owner.send("5", "1")
    assert [fields[0] for fields in await ended(owner, 53)] == ["5", "3", "53"]
    other.send("58", "1")
    await owner.until(is_status("Cancelled"))


async def test_executions_and_positions_are_account_wide(gateway: RunningGateway) -> None:
    trader, watcher = await RawClient.started(gateway, 3), await RawClient.started(gateway, 4)
    watcher.send("61", "1")
    assert await ended(watcher, 62) == [["62", "1"]]
    place(trader, 1)
    await trader.until(lambda fields: fields[0] == "59")
    position = await watcher.of(61)
    assert (position[3], position[14]) == ("265598", "10")
    watcher.send("7", "3", "9", "0", "", "", "", "", "", "")
    found = await ended(watcher, 55)
    assert [fields[0] for fields in found] == ["11", "59", "55"]
    assert found[0][1] == "9"
    assert found[0][22] == "3"
    watcher.send("7", "3", "10", "4", "", "", "", "", "", "")
    assert await ended(watcher, 55) == [["55", "1", "10"]]


@pytest.mark.parametrize(("to_all", "hears"), [(False, False), (True, True)])
async def test_live_executions_reach_the_master_and_by_rule_everybody(
    start_gateway: StartGateway, to_all: bool, hears: bool
) -> None:
    gateway = await start_gateway(executions_live_to_all_clients=to_all)
    master, trader, other = [await RawClient.started(gateway, number) for number in (0, 3, 4)]
    place(trader, 1)
    await trader.until(lambda fields: fields[0] == "59")
    assert (await master.of(11))[22] == "3"
    assert (await master.of(59))[0] == "59"
    other.send("49", "1")
    before = await ended(other, 49)
    assert ("11" in {fields[0] for fields in before}) is hears


async def test_order_ids_are_remembered_and_every_client_has_its_own(
    gateway: RunningGateway,
) -> None:
    first = await RawClient.started(gateway, 3)
    place(first, 41, kind="LMT", price="100.0")
    await first.until(is_status("Submitted"))
    first.send("8", "1", "1")
    assert await first.of(9) == ["9", "1", "42"]
    second = await RawClient.started(gateway, 4)
    second.send("8", "1", "1")
    assert await second.of(9) == ["9", "1", "1"]


async def test_orders_outlive_their_client_and_come_back_after_reconnect(
    gateway: RunningGateway,
) -> None:
    first = await RawClient.started(gateway, 3)
    place(first, 1, kind="LMT", price="100.0")
    status = (await first.until(is_status("Submitted")))[-1]
    first.close()
    await asyncio.sleep(0.05)
    again = await RawClient.started(gateway, 3)
    again.send("5", "1")
    opened = await ended(again, 53)
    assert opened[0][:2] == ["5", "1"]
    assert opened[1][6] == status[6]  # the permId stays
    again.send("4", "1", "1", "")
    await again.until(is_status("Cancelled"))
    again.send("99", "0")
    completed = await ended(again, 102)
    assert [fields[0] for fields in completed] == ["101", "102"]


async def test_what_if_brings_an_early_unset_answer_and_then_the_real_one(
    gateway: RunningGateway,
) -> None:
    client = await RawClient.started(gateway)
    place(client, 1, what_if="1")
    early, real = await client.fields(), await client.fields()
    assert early[0] == real[0] == "5"
    assert len(early) == len(real)
    differing = [(a, b) for a, b in zip(early, real, strict=True) if a != b]
    margins = [(a, b) for a, b in differing if a == E308]
    assert len(margins) == 9
    assert all(float(b) < 1e9 for _, b in margins)
    client.send("5", "1")
    assert await ended(client, 53) == [["53", "1"]]


async def test_only_client_0_may_bind_manual_orders(gateway: RunningGateway) -> None:
    zero, one = await RawClient.started(gateway, 0), await RawClient.started(gateway, 1)
    one.send("15", "1", "1")
    assert (await one.of(4))[3] == "327"
    zero.send("15", "1", "1")
    zero.send("49", "1")
    assert (await zero.fields())[0] == "49"


async def test_read_only_api_refuses_orders_with_321(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(read_only_api=True)
    client = await RawClient.started(gateway)
    place(client, 1)
    assert (await client.of(4))[2:4] == ["1", "321"]
    client.send("5", "1")
    assert (await client.of(4))[3] == "321"


async def test_account_updates_bring_everything_and_then_only_changes(
    gateway: RunningGateway,
) -> None:
    client = await RawClient.started(gateway)
    client.send("6", "2", "1", "")
    first = await ended(client, 54)
    keys = [fields[2] for fields in first if fields[0] == "6"]
    assert "NetLiquidation" in keys
    assert first[-2][0] == "8"
    place(client, 1)
    portfolio = await client.of(7)
    assert (portfolio[2], portfolio[13]) == ("265598", "10")
    client.send("6", "2", "1", "U999")
    wrong = await client.of(4)
    assert (wrong[3], "DU1234567" in wrong[4]) == ("321", True)


async def test_account_summary_brings_the_wanted_tags_and_at_most_two_run(
    gateway: RunningGateway,
) -> None:
    client = await RawClient.started(gateway)
    for request in (1, 2):
        client.send("62", "1", request, "All", "NetLiquidation,BuyingPower")
        found = await ended(client, 64)
        assert {fields[4] for fields in found[:-1]} == {"NetLiquidation", "BuyingPower"}
    client.send("62", "1", 3, "All", "NetLiquidation")
    assert (await client.of(4))[2:4] == ["3", "322"]
    client.send("63", "1", 1)
    client.send("62", "1", 3, "All", "NetLiquidation")
    assert (await client.of(64))[2] == "3"


async def test_multi_requests_have_their_end_markers(gateway: RunningGateway) -> None:
    client = await RawClient.started(gateway)
    client.send("74", "1", 5, "DU1234567", "")
    assert await ended(client, 72) == [["72", "1", "5"]]
    client.send("76", "1", 6, "DU1234567", "", "0")
    values = await ended(client, 74)
    assert values[-1] == ["74", "1", "6"]
    assert len(values) > 10
    place(client, 1)
    position = await client.of(71)
    assert (position[2], position[15]) == ("5", "10")


async def test_market_data_lines_are_limited_over_all_clients(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(market_data_lines_max=2)
    one, two = await RawClient.started(gateway, 1), await RawClient.started(gateway, 2)
    tail = ("0", "", "0", "0", "")
    one.send("1", "11", 7, *AAPL, *tail)
    await one.of(81)
    two.send("1", "11", 7, *AAPL, *tail)
    await two.of(81)
    two.send("1", "11", 8, *AAPL, *tail)
    assert (await two.of(4))[2:4] == ["8", "101"]
    two.send("1", "11", 7, *AAPL, *tail)
    assert (await two.of(4))[2:4] == ["7", "322"]
    one.close()
    await asyncio.sleep(0.05)
    two.send("1", "11", 8, *AAPL, *tail)
    assert (await two.of(81))[1] == "8"
    two.send("2", "2", 8)
    two.send("2", "2", 8)
    assert (await two.of(4))[2:4] == ["8", "300"]
    assert gateway.floor.lines == 1


async def test_line_begins_with_parameters_and_data_type_before_any_tick(
    gateway: RunningGateway,
) -> None:
    client = await RawClient.started(gateway)
    client.send("59", "1", "3")
    client.send("1", "11", 7, *AAPL, "0", "", "0", "0", "")
    first, second, third = [await client.fields() for _ in range(3)]
    assert (first[0], first[1]) == ("81", "7")
    assert second == ["58", "1", "7", "3"]
    assert third[0] in {"1", "2", "45", "46"}
    bid = await client.until(lambda fields: fields[0] == "1" and fields[3] == "66")
    assert float(bid[-1][4]) > 0


async def test_without_live_data_live_requests_get_354_and_delayed_ones_10167(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(live_market_data=False)
    client = await RawClient.started(gateway)
    client.send("1", "11", 7, *AAPL, "0", "", "0", "0", "")
    assert (await client.of(4))[2:4] == ["7", "354"]
    client.send("59", "1", "3")
    client.send("1", "11", 8, *AAPL, "0", "", "0", "0", "")
    assert (await client.of(4))[2:4] == ["8", "10167"]
    await client.until(lambda fields: fields[0] == "1" and fields[3] == "66")


async def test_tick_by_tick_is_for_stocks_only(gateway: RunningGateway) -> None:
    client = await RawClient.started(gateway)
    for request, kind in ((7, "BidAsk"), (8, "MidPoint")):
        client.send("97", request, *AAPL, kind, "0", "0")
        mine = lambda fields, request=request: fields[:2] == ["99", str(request)]  # noqa: E731
        tick = (await client.until(mine))[-1]
        assert (tick[1], tick[2]) == (str(request), {"BidAsk": "3", "MidPoint": "4"}[kind])
        client.send("98", request)
    option = ("0", "AAPL", "OPT", "20261218", "270", "C", "100", "SMART", "", "USD", "", "")
    client.send("97", 9, *option, "Last", "0", "0")
    assert (await client.of(4))[2:4] == ["9", "10189"]


async def test_small_bars_are_paced(gateway: RunningGateway) -> None:
    client = await RawClient.started(gateway)
    tail = ("0", "", "30 secs", "600 S", "1", "TRADES", "1", "0", "")
    client.send("20", 1, *AAPL, *tail)
    await client.fields()
    client.send("20", 2, *AAPL, *tail)
    refused = await client.fields()
    assert refused[2:4] == ["2", "162"]
    assert "15 seconds" in refused[4]


async def test_bars_that_keep_up_to_date_grow(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    client = await RawClient.started(gateway)
    client.send("20", 1, *AAPL, "0", "", "1 min", "1800 S", "1", "TRADES", "2", "1", "")
    bars = await client.fields()
    update = await client.of(90)
    assert update[1] == "1"
    assert int(update[3]) >= int(bars[5])
    client.send("25", "1", 1)
    assert (await client.of(4))[2:4] == ["1", "162"]
    client.send("25", "1", 1)
    assert (await client.of(4))[2:4] == ["1", "366"]


async def test_snapshots_of_stock_index_option_and_bag_end_at_once(
    gateway: RunningGateway,
) -> None:
    client = await RawClient.started(gateway)
    index = ("0", "NDX", "IND", "", "0", "", "", "NASDAQ", "", "USD", "", "")
    option = ("0", "AAPL", "OPT", "20261218", "270", "C", "100", "SMART", "", "USD", "", "")
    for request, contract in ((1, AAPL), (2, index), (3, option)):
        client.send("1", "11", request, *contract, "0", "", "1", "0", "")
        ticks = await client.until(lambda fields: fields[0] in {"57", "4"})
        assert ticks[-1] == ["57", "1", str(request)]
        assert "1" in {fields[0] for fields in ticks}
    client.send("9", "8", 9, *option, "0", "", "", "")
    con_id = (await client.of(10))[12]
    bag = ("0", "AAPL", "BAG", "", "0", "", "", "SMART", "", "USD", "", "")
    legs = ("2", con_id, "1", "BUY", "SMART", "265598", "100", "SELL", "SMART")
    client.send("1", "11", 4, *bag, *legs, "0", "", "1", "0", "")
    ticks = await client.until(lambda fields: fields[0] in {"57", "4"})
    assert ticks[-1] == ["57", "1", "4"]
