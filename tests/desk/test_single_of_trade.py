"""Does a leg that a single order closes leave the trade that held it?"""

import copy
import random
from decimal import Decimal

import pytest

from dispersa.desk import events as ev
from dispersa.desk.codec import decode, encode
from dispersa.desk.commands import PlaceOrder
from dispersa.desk.lifecycle import option_contracts, trade_in, trade_positions
from dispersa.journal import canonical_json
from dispersa.market import ConId, PriceIncrements, Quote, Side
from dispersa.orders import Combo, Leg, ProgramId, Purpose
from tests.desk.scene import Scene

BID, ASK = Decimal("4.90"), Decimal("5.10")


@pytest.fixture(scope="module")
def held() -> Scene:
    scene = Scene()
    scene.open()
    scene.fill_everything(random.Random(1))
    return scene


@pytest.fixture
def scene(held: Scene) -> Scene:
    return copy.deepcopy(held)


def request(scene: Scene, con_id: ConId, units: Decimal, trade: ProgramId) -> ev.OrderRequested:
    """Ask to trade so many of a leg back, for the trade that holds them."""
    return ev.OrderRequested(
        request=f"leg-{con_id}",
        requested_by="test",
        purpose=Purpose.REDUCE,
        combo=Combo(legs=(Leg(contract=option_contracts(scene.state)[con_id], side=Side.BUY),)),
        side=Side.BUY if units > 0 else Side.SELL,
        quantity=int(abs(units)),
        limit_price=ASK if units > 0 else BID,
        quote=Quote(bid=BID, ask=ASK, at=scene.now),
        increments=PriceIncrements(steps=((Decimal(0), Decimal("0.01")),)),
        fair_value=Decimal(5),
        unit_vega=20.0,
        margin_increase=Decimal(0),
        trade=trade,
    )


def close_leg(scene: Scene, con_id: ConId, trade: ProgramId) -> None:
    units = -trade_positions(scene.state, trade)[con_id].quantity
    scene.tick()
    scene.tell(scene.conditions())
    commands = scene.tell(request(scene, con_id, units, trade))
    (placed,) = [row for row in commands if isinstance(row, PlaceOrder)]
    for report in scene.reports_of_fill(placed.approved, int(abs(units)), f"leg{con_id}"):
        scene.tell(report)


def test_a_leg_closed_by_a_single_order_is_no_more_the_trades(scene: Scene) -> None:
    (trade,) = scene.state.programs_held
    first, *_ = trade_positions(scene.state, trade)
    close_leg(scene, first, trade)
    assert trade_positions(scene.state, trade)[first].is_flat, "else it is closed a second time"
    assert scene.state.programs_held == (trade,)


def test_a_trade_whose_last_leg_is_closed_by_single_orders_is_not_held(scene: Scene) -> None:
    (trade,) = scene.state.programs_held
    for con_id in trade_positions(scene.state, trade):
        close_leg(scene, con_id, trade)
    assert scene.state.programs_held == ()


def test_the_only_trade_in_a_name_is_found_for_its_hedges(scene: Scene) -> None:
    (trade,) = scene.state.programs_held
    rows = trade_positions(scene.state, trade).values()
    name = next(row.symbol for row in rows)
    assert trade_in(scene.state, name) == trade
    for row in rows:
        if row.symbol == name:
            close_leg(scene, row.con_id, trade)
    assert trade_in(scene.state, name) is None


def test_a_request_of_an_earlier_build_belongs_to_no_trade(scene: Scene) -> None:
    (trade,) = scene.state.programs_held
    con_id = next(iter(trade_positions(scene.state, trade)))
    kind, value = encode(request(scene, con_id, Decimal(1), trade))
    assert decode(kind, canonical_json(value)) == request(scene, con_id, Decimal(1), trade)
    del value["trade"]
    old = decode(kind, canonical_json(value))
    assert isinstance(old, ev.OrderRequested)
    assert old.trade is None
