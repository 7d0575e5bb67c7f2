"""Do the races that others lost (lessons 1 to 16) come out right here? Each with its seed."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from dispersa.desk import events as ev
from dispersa.desk.commands import Command, RaiseAlert, WindDown
from dispersa.desk.state import DeskState, Stage
from dispersa.desk.step import fold, step
from dispersa.errors import BrokenInvariant, InvalidInput
from dispersa.execution.alerts import AlertKind
from dispersa.execution.policy import PRESETS, ProgramPolicy, RepriceStyle, WalkPolicy
from dispersa.execution.program import Program, ProgramState, begin_program
from dispersa.market import PENNY, PriceIncrements
from dispersa.orders import (
    AmendRefused,
    Combo,
    Leg,
    OrderCancelled,
    OrderDoubtful,
    OrderRejected,
    OrderState,
    OrderWorking,
    PermId,
    ProgramId,
)
from tests.desk.scene import T0, Scene, plan, replay, straddle

TWO = replace(plan(), packages=(plan().packages[0], replace(plan().packages[1], quantity=50)))
"""Two packages: 10 x 200 = 50 x 40."""
AT_ONCE = ProgramPolicy(slice_share=0.1, attempts_max=100)
LITERAL = replace(PRESETS["roadmap"], style=RepriceStyle.CANCEL_REPLACE)


def begun(walk: WalkPolicy | None = None) -> Scene:
    scene = Scene(planned=TWO, walk_policy=walk or WalkPolicy(), policy=AT_ONCE)
    scene.open()
    scene.tick(4)
    return scene


def program_of(scene: Scene) -> Program:
    assert scene.state.program is not None
    return scene.state.program


def completed(scene: Scene, seed: int) -> None:
    scene.fill_everything(random.Random(seed), ticks=8000)
    program = program_of(scene)
    assert program.state is ProgramState.COMPLETED, program.sentence
    assert {key: row.filled for key, row in program.packages.items()} == {"QQQ": 10, "AAA": 50}
    assert program.imbalance_max_usd <= program.corridor_usd + 1e-9
    assert fold(replay(scene)) == scene.state


def told(scene: Scene, events: list[ev.Event]) -> list[Command]:
    return [command for event in events for command in scene.tell(event)]


def ends(scene: Scene, state: DeskState, left: list[ev.Event]) -> Iterator[DeskState]:
    """The state after every order of the events that are left; orders share their beginnings."""
    if not left:
        yield state
    for number, event in enumerate(left):
        after, _ = step(scene.rules, state, scene.now, event)
        yield from ends(scene, after, [*left[:number], *left[number + 1 :]])


def books(state: DeskState) -> object:
    """What must not depend on the order in which the broker speaks."""
    assert state.program is not None
    rows = state.program.packages.values()
    return (
        {key: (row.exec_id, row.quantity, row.price) for key, row in state.book.executions.items()},
        {key: row.amount for key, row in state.book.commissions.items()},
        {ref: (order.filled, order.state) for ref, order in state.orders.items()},
        {row.plan.key: (row.filled, row.slippages) for row in rows},
    )


def test_every_order_of_the_callbacks_of_two_packages_leads_to_the_same_books() -> None:
    scene = begun()
    first, second = scene.sent[:2]
    assert {row.intent.combo.symbol for row in (first, second)} == {"QQQ", "AAA"}
    callbacks: list[ev.Event] = []
    for approved in (first, second):
        legs = scene.reports_of_fill(approved, approved.intent.quantity, approved.intent.ref)
        callbacks += [scene.working(approved), legs[0], legs[2]]
    found = [books(state) for state in ends(scene, scene.state, callbacks)]
    assert len(found) == 720
    assert all(each == found[0] for each in found)


def test_every_order_of_fill_commission_and_cancel_of_one_package_counts_the_same() -> None:
    scene = begun()
    approved = scene.sent[0]
    reports = scene.reports_of_fill(approved, 1, "part")
    gone = OrderCancelled(ref=approved.intent.ref, message="cancelled")
    callbacks: list[ev.Event] = [scene.working(approved), *reports, gone]
    found = [books(state) for state in ends(scene, scene.state, callbacks)]
    assert len(found) == 720
    assert all(each == found[0] for each in found)


def test_lessons_1_and_4_an_amend_changes_the_limit_of_the_whole_package_and_nothing_else() -> None:
    scene = begun(WalkPolicy(wait=timedelta(seconds=1), amend_steps=1))
    approved = scene.sent[0]
    scene.tell(scene.working(approved))
    scene.tick(4 * 4)
    amended = next(row for row in scene.amended if row.intent.ref == approved.intent.ref)
    assert amended.intent.limit_price != approved.intent.limit_price
    assert replace(amended.intent, limit_price=approved.intent.limit_price) == approved.intent
    assert len(amended.intent.combo.legs) == 2
    completed(scene, 1)


@pytest.mark.parametrize("style", RepriceStyle)
@pytest.mark.parametrize("seed", [2, 22])
def test_lesson_2_a_package_never_has_two_live_orders(style: RepriceStyle, seed: int) -> None:
    walk = WalkPolicy(wait=timedelta(seconds=1), amend_steps=1, style=style)
    scene = begun(walk)
    rng = random.Random(seed)
    for _ in range(6000):
        scene.fill_everything(rng, ticks=1)
        symbols = [row.intent.combo.symbol for row in scene.live.values()]
        assert len(symbols) == len(set(symbols))
        if scene.state.stage is Stage.ENDED:
            break
    completed(scene, seed)


def test_lesson_3_an_order_that_lives_twice_stops_the_program_and_is_cancelled() -> None:
    scene = begun()
    approved = scene.sent[0]
    scene.tell(scene.working(approved))
    twin = OrderWorking(
        ref=approved.intent.ref, perm_id=PermId(999), limit_price=approved.intent.limit_price
    )
    commands = scene.tell(twin)
    assert isinstance(commands[0], WindDown)
    assert not commands[0].may_unwind
    assert approved.intent.ref in scene.cancelled


def test_lessons_5_and_6_a_combo_that_can_not_be_guaranteed_is_not_made() -> None:
    call, other = straddle("AAA").call, straddle("BBB").call
    with pytest.raises(InvalidInput, match="several underlyings"):
        Combo(legs=(Leg(contract=call, side=plan().packages[0].side),
                    Leg(contract=other, side=plan().packages[0].side)))  # fmt: skip


def test_lesson_7_a_package_that_is_sold_pays_by_selling_lower() -> None:
    scene = begun()
    sold = next(row for row in scene.sent if row.intent.combo.symbol == "QQQ")
    order = scene.state.orders[sold.intent.ref]
    assert order.arrival_mid is not None
    cheaper = replace(sold, intent=replace(sold.intent, limit_price=order.arrival_mid - 1))
    told(scene, scene.reports_of_fill(cheaper, 1, "low"))
    paid = program_of(scene).packages["QQQ"].slippage_usd
    assert paid == pytest.approx(Decimal(100))


def test_lesson_8_limits_of_nickel_names_lie_on_the_passive_side_of_their_grid() -> None:
    grid = PriceIncrements(steps=((Decimal(0), Decimal("0.05")), (Decimal(3), Decimal("0.10"))))
    packages = tuple(replace(row, increments=grid) for row in TWO.packages)
    scene = Scene(planned=replace(TWO, packages=packages))
    scene.open()
    scene.tick(8)
    assert scene.sent
    for row in scene.sent:
        order = scene.state.orders[row.intent.ref]
        assert grid.is_valid(row.intent.limit_price)
        assert row.intent.side.sign * (row.intent.limit_price - (order.arrival_mid or 0)) <= 0


def test_lesson_9_a_refused_amend_leaves_the_order_alive_at_its_old_limit() -> None:
    scene = begun(WalkPolicy(wait=timedelta(seconds=1), amend_steps=1))
    approved = scene.sent[0]
    ref = approved.intent.ref
    scene.tell(scene.working(approved))
    scene.tick(4 * 2)
    assert scene.state.orders[ref].amend_pending
    old = approved.intent.limit_price
    scene.tell(AmendRefused(ref=ref, code=110, message="price", limit_price=old))
    order = scene.state.orders[ref]
    assert (order.state, order.working_limit) == (OrderState.WORKING, old)
    scene.amended.clear()
    for _ in range(4 * 5):  # five seconds in which every change is refused
        scene.tick()
        if scene.state.orders[ref].amend_pending:
            scene.tell(AmendRefused(ref=ref, code=110, message="price", limit_price=old))
    assert 1 <= len([row for row in scene.amended if row.intent.ref == ref]) <= 5
    scene.live[ref] = approved
    completed(scene, 9)


def test_lesson_10_an_unknown_code_means_unknown_and_nothing_is_sent_again() -> None:
    scene = begun()
    ref = scene.sent[0].intent.ref
    scene.tell(OrderDoubtful(ref=ref, code=10349, message="order TIF was set to DAY"))
    assert scene.state.orders[ref].state is OrderState.UNKNOWN
    name = scene.sent[0].intent.combo.symbol
    before = [row for row in scene.sent if row.intent.combo.symbol == name]
    scene.tick(40)
    assert [row for row in scene.sent if row.intent.combo.symbol == name] == before
    scene.tell(scene.working(scene.sent[0]))
    completed(scene, 10)


def test_lesson_11_a_walk_that_ends_in_vain_is_cancelled_counted_and_given_up() -> None:
    walk = WalkPolicy(wait=timedelta(seconds=1), rest_at_cap=timedelta(seconds=1))
    scene = Scene(planned=TWO, walk_policy=walk, policy=ProgramPolicy(attempts_max=2))
    scene.stubborn = frozenset({"QQQ", "AAA"})
    scene.open()
    scene.fill_everything(random.Random(11), ticks=4 * 120)
    program = program_of(scene)
    assert program.state is ProgramState.CANCELLED, program.sentence
    reasons = [row.reason for row in program.packages.values()]
    assert any("2 walks did not fill" in reason for reason in reasons), reasons


def test_lesson_13_a_fill_at_an_impossible_price_is_told_once() -> None:
    scene = begun()
    approved = scene.sent[0]
    sign = approved.intent.side.sign
    beyond = replace(
        approved,
        intent=replace(approved.intent, limit_price=approved.intent.limit_price + sign * 2),
    )
    commands = told(scene, scene.reports_of_fill(beyond, 1, "odd") * 2)
    alerts = [each.alert.kind for each in commands if isinstance(each, RaiseAlert)]
    assert alerts == [AlertKind.WORSE_THAN_LIMIT]


@pytest.mark.parametrize("seed", [14, 141])
def test_lesson_14_fills_before_the_acknowledgement_are_counted(seed: int) -> None:
    scene = begun()
    rng = random.Random(seed)
    for approved in list(scene.sent):
        units = rng.randint(1, approved.intent.quantity)
        told(scene, scene.reports_of_fill(approved, units, f"early-{approved.intent.ref}"))
        assert scene.state.orders[approved.intent.ref].filled == units
        if scene.state.orders[approved.intent.ref].remaining == 0:
            scene.live.pop(approved.intent.ref)
    completed(scene, seed)


def test_lesson_15_reports_of_orders_that_are_not_ours_change_nothing_and_raise_nothing() -> None:
    scene = begun()
    stranger = replace(
        scene.sent[0], intent=replace(scene.sent[0].intent, ref=type(scene.sent[0].intent.ref)("x"))
    )
    before = scene.state
    told(scene, [scene.working(stranger), *scene.reports_of_fill(stranger, 1, "foreign")])
    assert scene.state.program == before.program
    scene.executions.clear()
    completed(scene, 15)


def test_lesson_16_a_plan_that_names_a_package_twice_is_refused_before_anything_is_sent() -> None:
    doubled = replace(TWO, packages=(*TWO.packages, TWO.packages[1]))
    with pytest.raises(BrokenInvariant, match="names a package twice"):
        begin_program(ProgramId("p"), doubled, ProgramPolicy(), WalkPolicy(), T0)


def test_lesson_12_a_margin_rejection_stops_all_and_names_the_brokers_words() -> None:
    scene = begun()
    ref = scene.sent[0].intent.ref
    scene.live.pop(ref)
    commands = scene.tell(OrderRejected(ref=ref, code=201, message="initial margin 12,345"))
    assert isinstance(commands[0], WindDown)
    assert "initial margin 12,345" in commands[0].reason
    others = {row.intent.ref for row in scene.sent} - {ref}
    assert others <= set(scene.cancelled)


@pytest.mark.parametrize("seed", [31, 32, 33])
def test_the_roadmap_preset_completes_by_cancel_and_resubmit(seed: int) -> None:
    scene = begun(LITERAL)
    completed(scene, seed)
    assert not scene.amended
    for order in scene.state.orders.values():
        assert len(order.limit_path) == 1
        mid, limit = order.arrival_mid, order.limit_path[0][1]
        assert mid is not None
        beyond = order.approved.intent.side.sign * (limit - mid)
        assert beyond <= Decimal("0.10")
        assert PENNY.is_valid(limit)


def test_an_overfill_is_traded_back() -> None:
    scene = begun()
    approved = scene.sent[0]
    scene.tell(scene.working(approved))
    told(scene, scene.reports_of_fill(approved, approved.intent.quantity + 1, "over"))
    scene.live.pop(approved.intent.ref)
    scene.fill_everything(random.Random(26), ticks=8000)
    program = program_of(scene)
    assert program.state is ProgramState.COMPLETED, program.sentence
    kinds = {alert.kind for alert in program.alerts}
    assert AlertKind.ODD_SIZE in kinds


def test_a_late_fill_after_the_cancel_makes_the_next_order_smaller() -> None:
    scene = begun(WalkPolicy(wait=timedelta(seconds=1), style=RepriceStyle.CANCEL_REPLACE))
    approved = next(row for row in scene.sent if row.intent.combo.symbol == "AAA")
    ref = approved.intent.ref
    scene.tell(scene.working(approved))
    scene.live.pop(ref)
    scene.tell(OrderCancelled(ref=ref, message="cancelled"))
    told(scene, scene.reports_of_fill(approved, approved.intent.quantity, "late"))
    assert scene.state.orders[ref].state is OrderState.FILLED
    completed(scene, 2)
    bought = sum(o.filled for o in scene.state.orders.values() if o.approved.intent.combo.symbol
                 == "AAA")  # fmt: skip
    assert bought == 50
