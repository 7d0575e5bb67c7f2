"""Every error code of the tables, provoked by a client over TCP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from raw_client import RawClient, StartGateway
from raw_order import BAG, CALL, STOCK, Leg, contract, order_fields

from dispersa.gateway.model import Contract, Refusal
from dispersa.gateway.server import RunningGateway

WAIVED = (("NonGuaranteed", "1"),)
EVENING = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)


class Desk:
    """A client, and the ids of contracts to trade."""

    def __init__(self, client: RawClient, gateway: RunningGateway) -> None:
        self.client = client
        self.gateway = gateway
        self.call, self.put = (self.option(270.0, right) for right in "CP")

    def option(self, strike: float, right: str, symbol: str = "AAPL") -> int:
        wanted = Contract(symbol=symbol, sec_type="OPT", last_trade_date="20261218", strike=strike,
                          right=right)  # fmt: skip
        found = self.gateway.venue.contract_details(wanted)
        assert not isinstance(found, Refusal), found
        return found[0].contract.con_id

    def straddle(self) -> list[Leg]:
        return [(self.call, 1, "BUY", "SMART"), (self.put, 1, "BUY", "SMART")]

    def bag(self, order_id: int, legs: list[Leg], **terms: Any) -> None:
        where = contract(sec_type="BAG", exchange=terms.pop("exchange", "SMART"))
        terms.setdefault("price", 1)
        self.client.send(*order_fields(order_id, where, legs=legs, **terms))

    async def error(self, about: int, code: int) -> str:
        """Wait for the next error about an order or request; its text."""
        found = await self.client.until(lambda f: f[0] == "4" and f[2] == str(about))
        assert found[-1][3] == str(code), found[-1]
        assert len(found[-1]) == 6  # the sixth is the reject JSON of versions from 166
        return found[-1][4]

    async def status(self, order_id: int, status: str) -> list[str]:
        def fits(fields: list[str]) -> bool:
            return fields[0] == "3" and fields[1] == str(order_id) and fields[2] == status

        return (await self.client.until(fits))[-1]


@pytest.fixture
async def desk(gateway: RunningGateway) -> AsyncIterator[Desk]:
    """A desk at a gateway with the rules of IBKR."""
    return Desk(await RawClient.started(gateway), gateway)


async def desk_with(start: StartGateway, settings: dict[str, object], **rules: object) -> Desk:
    gateway = await start(settings, **rules)
    return Desk(await RawClient.started(gateway), gateway)


async def test_103_104_and_105_meet_ids_that_are_taken(desk: Desk) -> None:
    send = desk.client.send
    send(*order_fields(1, STOCK, kind="MKT"))
    await desk.status(1, "Filled")
    send(*order_fields(1, STOCK, kind="MKT"))
    await desk.error(1, 104)
    send(*order_fields(2, STOCK, price=1))
    await desk.status(2, "Submitted")
    send(*order_fields(2, STOCK, "SELL", price=1))
    await desk.error(2, 105)
    send(4, 1, 2, "")
    await desk.error(2, 202)
    send(*order_fields(2, STOCK, price=1))
    await desk.error(2, 103)


@pytest.mark.parametrize(
    ("what", "price", "code"),
    [
        (STOCK, "100.005", 110),
        (STOCK, "-1", 110),
        (contract("SPX", "OPT", expiry="20261218", strike="6600", right="C"), "2.02", 110),
        (contract("SPX", "OPT", expiry="20261218", strike="6600", right="C"), "4.05", 110),
        (contract("ES", "FUT", expiry="202612", exchange="CME"), "6000.1", 110),
        (contract("EUR", "CASH", exchange="IDEALPRO"), "1.15001", 110),
        (contract("NOSUCH"), "1", 200),
        (contract(sec_type="OPT"), "1", 200),
        (contract("VIX", "IND", exchange="CBOE"), "1", 201),
        (STOCK, "", 321),
        (STOCK, "1e300", 321),
    ],
)
async def test_prices_and_contracts_that_can_not_be(
    desk: Desk, what: tuple[object, ...], price: str, code: int
) -> None:
    desk.client.send(*order_fields(1, what, price=price))
    await desk.error(1, code)


async def test_110_depends_on_the_exchange(desk: Desk) -> None:
    """Market rules are per exchange: SMART takes cents, a single exchange nickels above 3."""
    details = desk.client
    details.send(9, 8, 7, *CALL, 0, "", "", "")
    fields = await details.of(10)
    venues, rules = fields[16].split(","), fields[34].split(",")
    assert len(venues) == len(rules)
    rule = dict(zip(venues, rules, strict=True))
    assert (rule["SMART"], rule["CBOE"]) == ("26", "109")
    single = (*CALL[:7], "CBOE", *CALL[8:])
    desk.client.send(*order_fields(1, CALL, price="4.01"))
    await desk.status(1, "Submitted")
    desk.client.send(*order_fields(2, single, price="4.01"))
    await desk.error(2, 110)
    desk.client.send(*order_fields(3, single, price="4.05"))
    await desk.status(3, "Submitted")


async def test_312_to_315_and_321_are_malformed_combos(desk: Desk) -> None:
    call, put = desk.straddle()
    other = desk.option(500.0, "C", "MSFT")
    stock: Leg = (265598, 100, "SELL", "NYSE")
    five = [(desk.option(strike, "C"), 1, "BUY", "SMART") for strike in (260.0, 265.0, 270.0, 275.0,
                                                                        280.0)]  # fmt: skip
    cases: list[tuple[list[Leg], int]] = [
        ([call], 312), (five, 312), ([call, (call[0], 2, "BUY", "SMART")], 312),
        ([call, (other, 1, "BUY", "SMART")], 312), ([call, (put[0], 0, "BUY", "SMART")], 313),
        ([call, (put[0], 1, "HOLD", "SMART")], 313), ([call, (77, 1, "BUY", "SMART")], 313),
        ([call, (416904, 1, "BUY", "SMART")], 313), ([call, (0, 1, "BUY", "SMART")], 314),
        ([call, stock], 315), ([], 321),
    ]  # fmt: skip
    for order_id, (legs, code) in enumerate(cases, start=1):
        desk.bag(order_id, legs)
        await desk.error(order_id, code)
    desk.bag(20, desk.straddle(), exchange="CBOE")
    await desk.error(20, 315)
    desk.bag(21, desk.straddle(), price=-1)
    await desk.error(21, 110)
    desk.client.send(9, 8, 30, *BAG, 0, "", "", "")
    await desk.error(30, 321)


async def test_10043_and_10058_are_rules_of_non_guaranteed_combos(desk: Desk) -> None:
    pair: list[Leg] = [(265598, 1, "BUY", "SMART"), (272093, 1, "SELL", "SMART")]
    desk.bag(1, pair, price=-200)
    await desk.error(1, 312)  # two underlyings can not be guaranteed
    three = [*desk.straddle(), (desk.option(280.0, "C"), 1, "BUY", "SMART")]
    desk.bag(2, three, routing=WAIVED)
    await desk.error(2, 10043)
    desk.bag(3, desk.straddle(), leg_prices=("1", "1"))
    await desk.error(3, 10058)
    desk.bag(4, desk.straddle(), leg_prices=("1", "1"), routing=WAIVED)
    await desk.status(4, "Submitted")


async def test_161_202_10147_and_10148_are_cancels(start_gateway: StartGateway) -> None:
    desk = await desk_with(start_gateway, {"cash": Decimal(20_000)})
    send = desk.client.send
    send(*order_fields(1, STOCK, quantity=1000, price=300))
    assert "Available Funds" in await desk.error(1, 201)
    await desk.status(1, "Inactive")
    send(4, 1, 1, "")
    assert "permId" in await desk.error(1, 161)
    send(*order_fields(2, STOCK, kind="MKT"))
    await desk.status(2, "Filled")
    send(4, 1, 2, "")
    assert "Filled" in await desk.error(2, 10148)
    send(*order_fields(3, STOCK, price=1))
    await desk.status(3, "Submitted")
    send(4, 1, 3, "")
    await desk.error(3, 202)
    await desk.status(3, "Cancelled")
    send(4, 1, 3, "")
    assert "Cancelled" in await desk.error(3, 10148)
    send(4, 1, 99, "")
    await desk.error(99, 10147)


async def test_cancel_at_once_after_a_marketable_order_ends_it_one_way_or_the_other(
    desk: Desk,
) -> None:
    for order_id in range(1, 9):
        desk.client.send(*order_fields(order_id, STOCK, kind="MKT"))
        desk.client.send(4, 1, order_id, "")
        news = await desk.client.until(lambda f: f[0] == "3" and f[2] in {"Filled", "Cancelled"})
        assert news[-1][1] == str(order_id)


async def test_399_says_when_an_order_after_hours_will_work(start_gateway: StartGateway) -> None:
    desk = await desk_with(start_gateway, {"start": EVENING})
    desk.client.send(*order_fields(1, STOCK, price=100))
    assert "2026-11-23 09:30:00" in await desk.error(1, 399)


async def test_2109_warns_of_a_combo_outside_regular_hours_and_takes_it(desk: Desk) -> None:
    desk.bag(1, desk.straddle(), outside_hours=1)
    await desk.error(1, 2109)
    await desk.status(1, "Submitted")


@pytest.mark.parametrize(
    ("rules", "terms", "code", "lives"),
    [
        ({"order_size_max": "100"}, {"quantity": 101, "price": 1}, 383, False),
        ({"not_permitted": "STK"}, {"price": 1}, 460, False),
        ({"tif_preset": "told"}, {"price": 1, "tif": ""}, 10349, True),
        ({"short_stock": "located_first"}, {"side": "SELL", "price": 900}, 404, True),
    ],
)
async def test_limits_of_the_login_are_switches(
    start_gateway: StartGateway,
    rules: dict[str, str],
    terms: dict[str, Any],
    code: int,
    lives: bool,
) -> None:
    desk = await desk_with(start_gateway, {"venue_rules": rules})
    desk.client.send(*order_fields(1, STOCK, **terms))
    await desk.error(1, code)
    desk.client.send(5, 1)
    listed = await desk.client.until(lambda f: f[0] == "53")
    opened = [f for f in listed if f[0] == "5"]
    assert bool(opened) == lives
    assert all(f[18] == "DAY" for f in opened)  # a preset fills in what the client left open


async def test_a_short_sale_is_held_with_the_reason_until_it_is_located(
    start_gateway: StartGateway,
) -> None:
    desk = await desk_with(start_gateway, {"venue_rules": {"short_stock": "located_first"}})
    desk.client.send(*order_fields(1, STOCK, "SELL", kind="MKT"))
    assert (await desk.status(1, "PreSubmitted"))[10] == "locate"


async def test_135_and_136_are_the_older_answers_to_a_cancel(start_gateway: StartGateway) -> None:
    rules = {"cancel_of_unknown": "135", "cancel_of_filled": "136"}
    desk = await desk_with(start_gateway, {"venue_rules": rules})
    desk.client.send(4, 1, 77, "")
    await desk.error(77, 135)
    desk.client.send(*order_fields(1, STOCK, kind="MKT"))
    await desk.status(1, "Filled")
    desk.client.send(4, 1, 1, "")
    await desk.error(1, 136)


@pytest.mark.parametrize("code", [354, 10089, 10168])
async def test_live_data_that_is_not_subscribed(start_gateway: StartGateway, code: int) -> None:
    desk = await desk_with(start_gateway, {}, live_market_data=False, market_data_refusal=code)
    desk.client.send(1, 11, 7, *STOCK, 0, "", 0, 0, "")
    await desk.error(7, code)


async def test_10090_is_an_option_without_greeks(start_gateway: StartGateway) -> None:
    desk = await desk_with(start_gateway, {}, greeks_subscribed=False)
    desk.client.send(1, 11, 7, *CALL, 0, "", 0, 0, "")
    await desk.error(7, 10090)
    desk.client.send(49, 1)
    seen = await desk.client.until(lambda f: f[0] == "49")
    assert {"1", "2"} <= {f[0] for f in seen}
    assert "21" not in {f[0] for f in seen}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ((20, 7, *STOCK, 0, "", "1 day", "1 X", 1, "TRADES", 1, 0, ""), 321),
        ((20, 7, *STOCK, 0, "", "9 days", "1 D", 1, "TRADES", 1, 0, ""), 321),
        ((20, 7, *STOCK, 0, "20261119 10:00:00", "1 day", "1 D", 1, "TRADES", 1, 1, ""), 321),
        ((20, 7, *STOCK, 0, "18001119 10:00:00", "1 day", "1 D", 1, "TRADES", 1, 0, ""), 320),
        ((20, 7, *STOCK, 0, "19801119 10:00:00", "1 min", "1 D", 1, "TRADES", 1, 0, ""), 162),
        ((20, 7, *BAG, 0, "", "1 day", "1 D", 1, "TRADES", 1, 0, 0, ""), 162),
        ((25, 1, 7), 366),
        ((96, 7, *STOCK, 0, "", "", 10, "TRADES", 1, 1, ""), 321),
        ((96, 7, *STOCK, 0, "", "20261119 10:00:00", 5000, "TRADES", 1, 1, ""), 321),
        ((96, 7, *STOCK, 0, "", "20261119 10:00:00", 5, "BID", 1, 1, ""), 321),
        ((97, 7, *CALL, "Last", 0, 0), 10189),
        ((2, 2, 7), 300),
        ((54, 3, 7, *CALL, "-1", "270", 0, ""), 321),
        ((55, 3, 7, *CALL, "0.3", "0", 0, ""), 321),
        ((10, 5, 7, *STOCK, 5, 1, ""), 322),
        ((78, 7, "NOSUCH", "", "STK", 0), 200),
        (
            (21, 2, 7, 265598, "AAPL", "STK", "", 0, "", "", "SMART", "USD", "", "", 1, 1, "", 0),
            322,
        ),
    ],
)
async def test_requests_that_can_not_be_answered_say_why_by_their_own_id(
    desk: Desk, message: tuple[object, ...], code: int
) -> None:
    desk.client.send(*message)
    await desk.error(7, code)
    desk.client.send(49, 1)
    await desk.client.of(49)


async def test_387_is_an_order_type_that_is_not_simulated(desk: Desk) -> None:
    for order_id, kind in enumerate(("STP", "TRAIL", "MIDPRICE", "REL"), start=1):
        desk.client.send(*order_fields(order_id, STOCK, kind=kind, price=100))
        await desk.error(order_id, 387)


async def test_orders_end_as_their_time_in_force_says(start_gateway: StartGateway) -> None:
    late = datetime(2026, 11, 20, 20, 59, 57, tzinfo=UTC)
    desk = await desk_with(start_gateway, {"start": late})
    send = desk.client.send
    send(*order_fields(1, STOCK, price=1, tif="GTC"))
    send(*order_fields(2, STOCK, price=1))
    send(*order_fields(3, STOCK, price=1, tif="GTD", good_till="20261120-20:59:58"))
    send(*order_fields(4, STOCK, price=1, tif="IOC"))
    ended = []
    while len(ended) < 3:
        news = await desk.client.until(lambda f: f[0] == "3" and f[2] == "Cancelled")
        ended.append(news[-1][1])
    assert ended == ["4", "3", "2"]
    send(5, 1)
    listed = await desk.client.until(lambda f: f[0] == "53")
    assert [f[1] for f in listed if f[0] == "5"] == ["1"]


async def test_gtd_without_a_date_and_a_fill_or_kill_are_refused(desk: Desk) -> None:
    desk.client.send(*order_fields(1, STOCK, price=1, tif="GTD"))
    await desk.error(1, 321)
    desk.client.send(*order_fields(2, STOCK, price=1, tif="FOK"))
    await desk.error(2, 321)
    desk.client.send(*order_fields(3, STOCK, price=1, account="DU999"))
    await desk.error(3, 321)
