"""Do closings, expiries and adoptions find their way through the desk and its journal?"""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from dispersa.desk import events as ev
from dispersa.desk.codec import decode, encode
from dispersa.desk.commands import BookLifecycle, ComputeClosing, DeclineTrade, RecordReconciliation
from dispersa.desk.lifecycle import bookings_of, explanations, trade_positions, trades_held
from dispersa.desk.state import DeskState, Stage
from dispersa.desk.step import step
from dispersa.journal import canonical_json
from dispersa.market import ConId, OptionContract, Symbol
from dispersa.orders import BrokerSnapshot, PositionReading, ProgramId
from dispersa.portfolio import BookingKind, BreakKind
from dispersa.risk import HaltLevel
from tests.desk.scene import T0, Scene

LATER = T0 + timedelta(hours=3)


@pytest.fixture(scope="module")
def scene() -> Scene:
    scene = Scene()
    scene.open()
    scene.fill_everything(random.Random(1))
    return scene


@pytest.fixture(scope="module")
def trade(scene: Scene) -> ProgramId:
    (held,) = scene.state.programs_held
    return held


def legs(state: DeskState, symbol: str) -> list[OptionContract]:
    contracts = {
        leg.contract.con_id: leg.contract
        for order in state.orders.values()
        for leg in order.approved.intent.combo.legs
    }
    return [
        each
        for each in contracts.values()
        if each.symbol == symbol and isinstance(each, OptionContract)
    ]


def moved(scene: Scene, symbol: str, **there: Decimal) -> BrokerSnapshot:
    """The broker's books with the options of one name gone and some shares instead."""
    taken = scene.snapshot()
    kept = [row for row in taken.positions if row.symbol != symbol]
    shares = [
        PositionReading(
            con_id=ConId(77_001), symbol=Symbol(symbol), quantity=there["shares"],
            average_cost=Decimal(100), option=None,
        )
    ] if there.get("shares") else []  # fmt: skip
    account = replace(taken.account, at=LATER)
    return replace(taken, positions=(*kept, *shares), at=LATER, account=account)


def shares_of(state: DeskState, symbol: str, right: str) -> Decimal:
    """What the name's calls (or puts) deliver."""
    total = Decimal(0)
    for option in legs(state, symbol):
        if option.right.value == right:
            quantity = trade_positions(state, state.programs_held[0])[option.con_id].quantity
            total += quantity * (100 if right == "C" else -100)
    return total


def test_a_trade_is_its_program_and_holds_what_was_filled(scene: Scene, trade: ProgramId) -> None:
    assert trades_held(scene.state) == (trade,)
    rows = trade_positions(scene.state, trade)
    assert all(not row.is_flat for row in rows.values())


def test_a_closing_asks_for_a_price_and_goes_the_road(scene: Scene, trade: ProgramId) -> None:
    asked = ev.ClosingRequested(trade=trade, reason="target", requested_by="me", share=0.5)
    state, commands = step(scene.rules, scene.state, LATER, asked)
    assert commands == (ComputeClosing(trade=trade, reason="target", share=0.5, rolls=False),)
    assert (state.stage, state.plan) == (Stage.PLAN, None)


def test_nothing_held_and_a_cancelling_halt_close_nothing(scene: Scene, trade: ProgramId) -> None:
    none = ev.ClosingRequested(trade=ProgramId("none"), reason="x", requested_by="me")
    _, commands = step(scene.rules, scene.state, LATER, none)
    assert isinstance(commands[0], DeclineTrade)
    halt = ev.HaltRequested(level=HaltLevel.CANCEL, reason="stop", by="me")
    halted, _ = step(scene.rules, scene.state, LATER, halt)
    asked = replace(none, trade=trade)
    _, commands = step(scene.rules, halted, LATER, asked)
    assert isinstance(commands[0], DeclineTrade)


@pytest.mark.parametrize("right", ["C", "P"])
def test_an_exercise_is_booked_by_itself_and_unlocks_the_name(scene: Scene, right: str) -> None:
    name = "AAPL" if legs(scene.state, "AAPL") else str(legs_names(scene.state)[0])
    expired = {option.expiry for option in legs(scene.state, name)}
    taken = moved(scene, name, shares=shares_of(scene.state, name, right))
    at = LATER + timedelta(days=(max(expired) - LATER.date()).days)
    taken = replace(taken, at=at, account=replace(taken.account, at=at))
    state, commands = step(scene.rules, scene.state, at, ev.SnapshotRead(snapshot=taken))
    kinds = [type(command) for command in commands[:3]]
    assert kinds == [RecordReconciliation, BookLifecycle, RecordReconciliation]
    assert Symbol(name) not in state.locked_names()
    exercised = {BookingKind.EXERCISE, BookingKind.ASSIGNMENT}
    booked = {row.kind for row in state.bookings}
    assert booked - exercised == {BookingKind.EXPIRY, BookingKind.DELIVERY}
    assert len(booked & exercised) == 1
    assert {row.program for row in state.bookings} == set(scene.state.programs_held)
    again, commands = step(scene.rules, state, at, ev.SnapshotRead(snapshot=taken))
    assert again.bookings == state.bookings


def legs_names(state: DeskState) -> list[Symbol]:
    return sorted({order.approved.intent.combo.symbol for order in state.orders.values()})


def test_what_nothing_explains_stays_locked_until_a_person_adopts_it(scene: Scene) -> None:
    name = legs_names(scene.state)[0]
    taken = moved(scene, name, shares=Decimal(37))
    state, commands = step(scene.rules, scene.state, LATER, ev.SnapshotRead(snapshot=taken))
    assert not any(isinstance(command, BookLifecycle) for command in commands)
    assert name in state.locked_names()
    assert {row.kind for row in state.reconciliation.breaks} >= {BreakKind.POSITION_DIFFERS}  # type: ignore[union-attr]
    assert [row.symbol for row in explanations(state)] == [name]
    adopted = ev.PositionsAdopted(symbol=name, reason="transferred out", by="me")
    state, _ = step(scene.rules, state, LATER, adopted)
    assert name not in state.locked_names()


def test_every_new_record_survives_the_journal(scene: Scene, trade: ProgramId) -> None:
    name = legs_names(scene.state)[0]
    option = legs(scene.state, name)[0]
    taken = moved(scene, name, shares=shares_of(scene.state, name, "C"))
    at = LATER + timedelta(days=(option.expiry - LATER.date()).days)
    taken = replace(taken, at=at)
    state, _ = step(scene.rules, scene.state, at, ev.SnapshotRead(snapshot=taken))
    assert state.bookings
    assert bookings_of(state, explanations(state)[0], by="me") if explanations(state) else True
    for record in (
        ev.BookingRecorded(booking=state.bookings[0]),
        ev.PositionsAdopted(symbol=name, reason="r", by="me"),
        ev.ClosingRequested(trade=trade, reason="r", requested_by="me", rolls=True),
        BookLifecycle(bookings=state.bookings),
        ComputeClosing(trade=trade, reason="r", share=1.0, rolls=False),
    ):
        kind, value = encode(record)
        assert decode(kind, canonical_json(value)) == record
