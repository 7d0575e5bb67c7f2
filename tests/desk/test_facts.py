"""What does the gate get to see while a program is worked, and after it?"""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import TypeAdapter

from dispersa.desk import events as ev
from dispersa.desk.codec import decode, encode
from dispersa.desk.evolve import evolve
from dispersa.desk.facts import gate_facts
from dispersa.desk.state import DeskState
from dispersa.desk.step import fold
from dispersa.desk.weighing import held, positions, weighed
from dispersa.errors import InvalidConfig
from dispersa.execution.plan import PlannedPackage
from dispersa.journal import canonical_json
from dispersa.market import Greeks, GreeksSource, Symbol, UnderlyingKind
from dispersa.orders import OrderRef, OrderRejected, OrderState, Purpose
from dispersa.portfolio import MarkSource, OptionMark
from dispersa.risk import Limits
from dispersa.runtime.opening import bound_limits
from tests.desk.scene import T0, Scene, plan, replay

LATER = T0 + timedelta(hours=1)


@pytest.fixture(scope="module")
def finished() -> DeskState:
    scene = Scene()
    scene.open()
    scene.fill_everything(random.Random(1))
    return scene.state


def own_value(package: PlannedPackage) -> Decimal:
    """Premium of the filled package at the plan's own vol."""
    fair = package.fair_value(package.spot)
    assert fair is not None
    return fair * package.straddle.multiplier * package.quantity


def test_what_is_held_is_valued_at_own_marks_not_at_what_was_paid(finished: DeskState) -> None:
    facts = gate_facts(finished, LATER)
    assert facts.uses is not None
    for package in plan().packages:
        used = facts.uses.by_name[package.symbol]
        assert used.premium_usd == pytest.approx(own_value(package), rel=Decimal("1e-5"))
        assert used.contracts == 2 * package.quantity
    assert facts.uses.book.premium_usd == sum(
        (row.premium_usd for row in facts.uses.by_name.values()), Decimal(0)
    )
    assert facts.exposure_after.hedge_stock_usd == 0


def test_running_program_is_asked_for_with_what_fills_what_works_and_what_is_left() -> None:
    """Whatever has filled, the book after the trade stays the whole plan's, within the walk."""
    scene = Scene()
    scene.open()
    whole = sum((own_value(package) for package in plan().packages), Decimal(0))
    rng = random.Random(2)
    for _ in range(40):
        scene.fill_everything(rng, ticks=5)
        after = gate_facts(scene.state, scene.now).exposure_after
        assert after.premium_usd is not None
        assert abs(after.premium_usd / whole - 1) < Decimal("0.05")
        assert after.margin_usd is not None
        assert after.margin_usd >= plan().margin_modeled_usd


def test_day_counts_today_alone_and_the_book_everything(finished: DeskState) -> None:
    tomorrow = gate_facts(finished, LATER + timedelta(days=1)).uses
    assert tomorrow is not None
    assert tomorrow.day.contracts == 0
    assert tomorrow.programs_today == 0
    assert tomorrow.book.contracts == 2 * (10 + 30 + 32)


def next_plan(state: DeskState) -> DeskState:
    """The state once the present plan has gone: its contracts have no marks of their own."""
    return replace(state, plan=None, program=None)


def test_position_without_a_mark_counts_as_it_was_paid(finished: DeskState) -> None:
    unmarked = next_plan(finished)
    assert held(unmarked).legs == ()
    assert not any(row.is_marked for row in weighed(unmarked, LATER))
    uses, marked = gate_facts(unmarked, LATER).uses, gate_facts(finished, LATER).uses
    assert uses is not None
    assert marked is not None
    assert uses.book.contracts == marked.book.contracts
    assert uses.book.premium_usd == pytest.approx(marked.book.premium_usd, rel=Decimal("0.05"))


def test_position_that_has_expired_uses_nothing_any_more(finished: DeskState) -> None:
    uses = gate_facts(next_plan(finished), LATER + timedelta(days=40)).uses
    assert uses is not None
    assert uses.book.contracts == 0
    assert uses.by_name == {}


def test_marks_read_at_the_start_value_what_earlier_trades_have_left(finished: DeskState) -> None:
    legs = [leg for package in plan().packages for leg in package.straddle.legs]
    greeks = Greeks(
        implied_vol=0.5, delta=0.5, gamma=0.01, vega=0.9, theta=-0.2, price=40.0,
        underlying_price=600.0, source=GreeksSource.OWN, at=LATER,
    )  # fmt: skip
    marks = tuple(
        OptionMark(contract=leg, price=Decimal(40), spot=Decimal(600), greeks=greeks,
                   underlying=UnderlyingKind.ETF, source=MarkSource.OWN_VOL, at=LATER)
        for leg in legs
    )  # fmt: skip
    kind, value = encode(ev.BookMarked(marks=marks))
    told = decode(kind, canonical_json(value))
    state = evolve(next_plan(finished), LATER, told)
    uses = gate_facts(state, LATER).uses
    assert uses is not None
    assert uses.book.premium_usd == 2 * (10 + 30 + 32) * 40 * 100
    assert uses.book.vega_usd == pytest.approx(2 * (10 + 30 + 32) * 90.0)
    assert positions(state).keys() == {leg.con_id for leg in legs}


def rejected(count: int) -> Scene:
    """A scene in which the broker rejected the last `count` orders of those it was sent."""
    scene = Scene()
    scene.open()
    scene.fill_everything(random.Random(1))
    made = list(scene.state.orders.values())
    orders = dict(scene.state.orders)
    for order in made[len(made) - count :]:
        ref = order.approved.intent.ref
        orders[ref] = replace(order, state=OrderState.REJECTED, filled=0, acknowledged_at=None)
    scene.state = replace(scene.state, orders=orders)
    return scene


@pytest.mark.parametrize("count", [0, 1, 3])
def test_rejections_in_a_row_are_counted_back_to_the_last_order_that_was_taken(count: int) -> None:
    assert gate_facts(rejected(count).state, LATER).rejects_in_a_row == count


def test_a_restart_keeps_the_count_and_a_resume_with_a_reason_clears_it() -> None:
    state = rejected(3).state
    adapter = TypeAdapter(DeskState)
    again = adapter.validate_json(adapter.dump_json(state))
    assert gate_facts(again, LATER).rejects_in_a_row == 3
    resumed = evolve(state, LATER, ev.ResumeRequested(reason="the route is mended", operator="ann"))
    assert gate_facts(resumed, LATER).rejects_in_a_row == 0


def test_rejection_reported_by_the_broker_is_counted() -> None:
    scene = Scene()
    scene.open()
    scene.silent = True
    scene.tick(20)
    refs = [ref for ref, order in scene.state.orders.items() if not order.state.is_terminal]
    assert refs
    scene.tell(OrderRejected(ref=OrderRef(refs[-1]), code=201, message="no"))
    assert gate_facts(scene.state, scene.now).rejects_in_a_row >= 1
    assert fold(replay(scene)) == scene.state


def test_reduction_uses_no_cap(finished: DeskState) -> None:
    first = next(iter(finished.orders.values()))
    intent = replace(first.approved.intent, purpose=Purpose.REDUCE)
    closing = replace(first, approved=replace(first.approved, intent=intent))
    state = replace(finished, orders={**finished.orders, intent.ref: closing})
    uses, before = gate_facts(state, LATER).uses, gate_facts(finished, LATER).uses
    assert uses is not None
    assert before is not None
    assert uses.day.contracts == before.day.contracts - 2 * first.filled


NARROW = Limits(vix_max=25.0)


def bound(state: DeskState, limits: Limits, reason: str) -> ev.LimitsBound | None:
    return bound_limits(state, limits, reason=reason, actor="ann", at=T0)


def after(state: DeskState, limits: Limits, reason: str) -> DeskState:
    event = bound(state, limits, reason)
    assert event is not None
    kind, value = encode(event)
    return evolve(state, T0, decode(kind, canonical_json(value)))


def test_first_limits_bind_without_a_reason_and_the_same_ones_bind_again() -> None:
    state = after(DeskState(), Limits(), "")
    assert state.limits == Limits()
    assert bound(state, Limits(), "") is None


def test_other_limits_need_a_reason_that_was_not_used_before() -> None:
    state = after(DeskState(), Limits(), "")
    with pytest.raises(InvalidConfig, match=r"vix_max from 30.0 to 25.0.*change_reason"):
        bound(state, NARROW, " ")
    state = after(state, NARROW, "calmer book")
    assert (state.limits, state.limits_reason) == (NARROW, "calmer book")
    with pytest.raises(InvalidConfig, match="calmer book"):
        bound(state, Limits(), "calmer book")
    wide = bound(state, Limits(), "risk committee of 3 December")
    assert wide is not None
    assert wide.change is not None
    assert wide.change.loosens
    assert wide.change.actor == "ann"
    assert Symbol("QQQ") not in Limits().restricted
