"""Whatever happens to orders, the worst case never exceeds a limit."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import TypeAdapter
from situations import (
    ACCOUNT_READING,
    AT,
    CONTEXT,
    FACTS,
    HEDGE_INTENT,
    INTENT,
    NAME,
    PACKAGE_QUOTE,
    REDUCE_INTENT,
    SESSION,
    STRADDLE,
    with_account,
    with_exposure,
    with_vix,
)

from dispersa.market import ConId, Greeks, GreeksSource, Side, UnderlyingKind
from dispersa.orders import (
    ApprovedOrder,
    ExecId,
    Execution,
    ExecutionBook,
    Order,
    OrderChange,
    OrderRef,
    OrderState,
    PermId,
    Purpose,
    next_state,
)
from dispersa.portfolio import (
    Exposure,
    Mark,
    MarkSource,
    OptionMark,
    ShareMark,
    exposure_of,
    positions_from,
)
from dispersa.risk import (
    NO_USE,
    Cap,
    Denial,
    Gate,
    GateFacts,
    HeldLeg,
    Limits,
    Use,
    WeighedOrder,
    exposure_after,
    limit_uses,
    uses_now,
    vega_range,
    worst_use,
)

UNIT_PREMIUM, UNIT_VEGA, UNIT_MARGIN = Decimal(2_005), 130.0, Decimal(12_000)
START = SESSION.opens
NOTHING_HELD = exposure_of({}, {}, at=AT)


def mark(leg: int) -> OptionMark:
    contract = STRADDLE.legs[leg]
    return OptionMark(
        contract=contract,
        price=Decimal("10.02") if leg else Decimal("10.03"),
        spot=Decimal(500),
        greeks=Greeks(
            implied_vol=0.2, delta=0.5, gamma=0.01, vega=0.65, theta=-0.2, price=10.0,
            underlying_price=500.0, source=GreeksSource.OWN, at=AT,
        ),
        underlying=UnderlyingKind.ETF,
        source=MarkSource.OWN_VOL,
        at=AT,
    )  # fmt: skip


MARKS: dict[ConId, Mark] = {leg.con_id: mark(number) for number, leg in enumerate(STRADDLE.legs)}


def weigh(order: Order) -> WeighedOrder:
    is_opening = order.approved.intent.purpose is Purpose.OPEN
    return WeighedOrder(
        order=order,
        unit_premium_usd=UNIT_PREMIUM,
        unit_vega_usd=UNIT_VEGA,
        unit_margin_usd=UNIT_MARGIN if is_opening else Decimal(0),
    )


def order(
    state: OrderState, *, filled: int = 0, purpose: Purpose = Purpose.OPEN, quantity: int = 4
) -> Order:
    intent = {Purpose.OPEN: INTENT, Purpose.REDUCE: REDUCE_INTENT, Purpose.HEDGE: HEDGE_INTENT}
    approved = ApprovedOrder(
        intent=replace(intent[purpose], quantity=quantity), revision=0, approved_at=AT, passed=()
    )
    return Order(
        approved=approved,
        state=state,
        intended_at=AT,
        filled=filled,
        working_limit=approved.intent.limit_price,
    )


# 4 units at 2,005 USD (above the limit of 2,000), 130 vega and two contracts each.
@pytest.mark.parametrize(
    ("state", "filled", "units"),
    [
        (OrderState.INTENDED, 0, 4),
        (OrderState.SENT, 0, 4),
        (OrderState.WORKING, 1, 4),
        (OrderState.CANCEL_PENDING, 1, 4),
        (OrderState.UNKNOWN, 0, 4),
        (OrderState.FILLED, 4, 4),
        (OrderState.CANCELLED, 1, 1),
        (OrderState.REJECTED, 0, 0),
        (OrderState.EXPIRED, 2, 2),
        (OrderState.NEVER_ARRIVED, 0, 0),
    ],
)
def test_order_counts_in_full_until_its_end_is_proven(
    state: OrderState, filled: int, units: int
) -> None:
    expected = Use(premium_usd=2_005 * Decimal(units), vega_usd=130.0 * units, contracts=2 * units)
    assert worst_use([weigh(order(state, filled=filled))]) == expected


def test_limit_above_own_value_weighs_more() -> None:
    dear = order(OrderState.WORKING)
    intent = replace(dear.approved.intent, limit_price=Decimal("20.20"))
    row = weigh(replace(dear, approved=replace(dear.approved, intent=intent)))
    assert row.worst.premium_usd == 4 * 2_020


def held_short(units: int) -> Exposure:
    book = ExecutionBook()
    for leg in STRADDLE.legs:
        book = book.with_execution(fill_of(leg.con_id, units, Side.SELL, f"{leg.con_id}"))
    return exposure_of(positions_from(book), MARKS, at=AT)


def fill_of(con_id: ConId, units: int, side: Side, key: str) -> Execution:
    return Execution(
        exec_id=ExecId(f"{key}.01"),
        order_ref=INTENT.ref,
        perm_id=PermId(1),
        account=INTENT.account,
        con_id=con_id,
        symbol=INTENT.combo.symbol,
        side=side,
        quantity=Decimal(units),
        price=Decimal(10),
        multiplier=100,
        at=AT,
    )


def test_uses_add_what_is_held_and_what_may_still_open() -> None:
    rows = [
        weigh(order(OrderState.WORKING, filled=1)),
        weigh(order(OrderState.WORKING, purpose=Purpose.REDUCE)),
    ]
    found = uses_now(held_short(5), rows, day_start=START, programs_today=1)
    assert found is not None
    # held: 5 x 2,005; at risk: 3 x 2,005; the reduction counts only once it has filled
    assert found.book.premium_usd == 8 * 2_005
    assert found.book.contracts == 16
    assert found.book.vega_usd == pytest.approx(8 * 130)
    assert found.by_name == {"QQQ": found.book}
    assert found.day.contracts == 8
    assert found.programs_today == 1


def test_orders_of_an_earlier_day_are_not_of_today() -> None:
    rows = [weigh(order(OrderState.FILLED, filled=4))]
    found = uses_now(held_short(4), rows, day_start=AT + timedelta(hours=9), programs_today=0)
    assert found is not None
    assert found.day == NO_USE
    assert found.book.contracts == 8


def test_use_is_not_known_while_a_position_has_no_mark() -> None:
    book = ExecutionBook().with_execution(fill_of(ConId(9), 1, Side.BUY, "x"))
    unmarked = exposure_of(positions_from(book), MARKS, at=AT)
    assert uses_now(unmarked, [], day_start=START, programs_today=0) is None
    after = exposure_after(unmarked, [], asked_premium_usd=Decimal(0), asked_margin_usd=Decimal(0))
    assert (after.premium_usd, after.margin_usd, after.hedge_stock_usd) == (None, None, None)


def test_exposure_after_adds_held_at_risk_and_asked() -> None:
    rows = [
        weigh(order(OrderState.UNKNOWN)),
        weigh(order(OrderState.WORKING, purpose=Purpose.HEDGE, quantity=10)),
    ]
    held = held_short(5)
    after = exposure_after(held, rows, asked_premium_usd=Decimal(7), asked_margin_usd=Decimal(9))
    assert after.premium_usd == 5 * 2_005 + 4 * 2_005 + 7
    # short ATM straddle of an ETF: 20 % of 500 + 10.03 + 10.02 per share
    assert after.margin_usd == 5 * Decimal(12_005) + 4 * 12_000 + 9
    assert after.hedge_stock_usd == Decimal("5000.20")


def test_vega_range_is_the_one_sided_worst_case() -> None:
    sale, purchase = order(OrderState.WORKING), order(OrderState.UNKNOWN, purpose=Purpose.REDUCE)
    found = vega_range(100.0, [weigh(sale), weigh(purchase)])
    assert (found.low, found.now, found.high) == (100.0 - 520, 100.0, 100.0 + 520)
    assert found.widest == 620.0
    below = vega_range(-100.0, [weigh(sale), weigh(purchase)])
    assert (below.low, below.high, below.widest) == (-620.0, 420.0, 620.0)


def test_use_is_unsigned_whatever_sign_the_vega_has() -> None:
    row = replace(weigh(order(OrderState.WORKING)), unit_vega_usd=-UNIT_VEGA)
    assert row.worst.vega_usd == 4 * UNIT_VEGA


CAP = Cap(premium_usd_max=Decimal(20_050), vega_usd_max=1_300.0, contracts_max=20)
TIGHT = Limits(order=CAP, package=CAP, program=CAP, day=CAP, underlying=CAP, book=CAP)
"""Ten units, by each of the three measures."""


def facts_of(orders: list[Order], exposure: Exposure = NOTHING_HELD) -> GateFacts:
    rows = [weigh(row) for row in orders]
    return replace(
        FACTS,
        uses=uses_now(exposure, rows, day_start=START, programs_today=0),
        exposure_after=exposure_after(
            exposure, rows, asked_premium_usd=Decimal(0), asked_margin_usd=Decimal(0)
        ),
    )


@pytest.mark.parametrize("count", [2, 11, 30])
def test_of_n_requests_at_once_a_limit_for_one_less_passes_one_less(count: int) -> None:
    """Every approval is reserved before the next question is asked, sent or not."""
    most = count - 1
    cap = Cap(premium_usd_max=2_005 * Decimal(most), vega_usd_max=1e5, contracts_max=1_000)
    small = replace(cap, premium_usd_max=Decimal(2_005))
    gate = Gate(Limits(order=small, package=small, program=cap, day=cap, underlying=cap, book=cap))
    reserved: list[Order] = []
    denials = []
    for number in range(count):
        intent = replace(INTENT, ref=OrderRef(f"order/{number}"), quantity=1)
        context = replace(CONTEXT, program_use=worst_use(weigh(row) for row in reserved))
        outcome = gate.approve(intent, facts_of(reserved), context)
        if isinstance(outcome, Denial):
            denials.append(outcome.code)
        else:
            reserved.append(
                Order(
                    approved=outcome,
                    state=OrderState.INTENDED,
                    intended_at=AT,
                    working_limit=intent.limit_price,
                )
            )
    assert len(reserved) == most
    assert denials == ["program_premium"]


class OneSession(RuleBasedStateMachine):
    """Random sends, fills, lost reports, rejections and restarts against a truthful broker.

    `ours` is what we believe; `truth` is what the broker has filled. Reports may be lost until a
    read of the broker; the truth must stay within the caps at every moment.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate(TIGHT)
        self.ours: dict[OrderRef, Order] = {}
        self.truth: dict[OrderRef, int] = {}
        self.live: dict[OrderRef, bool] = {}

    def exposure(self) -> Exposure:
        """Our own book, from the fills we know."""
        book = ExecutionBook()
        for ref, row in self.ours.items():
            if row.filled:
                side = row.approved.intent.side
                for leg in STRADDLE.legs:
                    key = f"{ref}/{leg.con_id}"
                    book = book.with_execution(fill_of(leg.con_id, row.filled, side, key))
        return exposure_of(positions_from(book), MARKS, at=AT)

    def change(self, ref: OrderRef, change: OrderChange) -> None:
        row = self.ours[ref]
        self.ours[ref] = replace(row, state=next_state(row.state, change))

    def pick(self, number: int) -> OrderRef:
        return list(self.ours)[number % len(self.ours)]

    @rule(quantity=st.integers(1, 12), purpose=st.sampled_from([Purpose.OPEN, Purpose.REDUCE]))
    def ask(self, quantity: int, purpose: Purpose) -> None:
        held = self.exposure().legs
        known = list(self.ours.values())
        opening = purpose is Purpose.OPEN
        intent = replace(
            INTENT if opening else REDUCE_INTENT,
            ref=OrderRef(f"order/{len(self.ours)}"),
            quantity=quantity,
        )
        reserved = sum(row.units_at_risk for row in known if row.approved.intent.purpose is purpose)
        context = replace(
            CONTEXT,
            approved_side=intent.side,
            units_left=1_000,
            reserved_units=reserved,
            program_use=worst_use(weigh(r) for r in known if weigh(r).is_opening),
            held=tuple(HeldLeg(con_id=leg.con_id, quantity=leg.quantity) for leg in held),
        )
        outcome = self.gate.approve(intent, facts_of(known, self.exposure()), context)
        if isinstance(outcome, ApprovedOrder):
            self.ours[intent.ref] = Order(
                approved=outcome,
                state=OrderState.INTENDED,
                intended_at=AT,
                working_limit=intent.limit_price,
            )
            self.truth[intent.ref] = 0
            self.live[intent.ref] = True

    @precondition(lambda self: self.ours)
    @rule(
        number=st.integers(0, 30),
        change=st.sampled_from(
            [OrderChange.SENT, OrderChange.ACKNOWLEDGED, OrderChange.DOUBT,
             OrderChange.CANCEL_REQUESTED, OrderChange.CANCEL_REFUSED]
        ),
    )  # fmt: skip
    def hear_something_that_ends_nothing(self, number: int, change: OrderChange) -> None:
        self.change(self.pick(number), change)

    @precondition(lambda self: self.ours)
    @rule(number=st.integers(0, 30), units=st.integers(1, 12), is_reported=st.booleans())
    def fill(self, number: int, units: int, is_reported: bool) -> None:
        ref = self.pick(number)
        if not self.live[ref]:
            return
        quantity = self.ours[ref].approved.intent.quantity
        self.truth[ref] = min(quantity, self.truth[ref] + units)
        if is_reported:
            self.learn(ref)

    def learn(self, ref: OrderRef) -> None:
        row = replace(self.ours[ref], filled=self.truth[ref])
        self.ours[ref] = row
        if row.remaining == 0:
            self.live[ref] = False
            self.change(ref, OrderChange.FILLED)

    @precondition(lambda self: self.ours)
    @rule(
        number=st.integers(0, 30),
        end=st.sampled_from([OrderChange.CANCELLED, OrderChange.REJECTED, OrderChange.EXPIRED]),
    )
    def broker_proves_an_end(self, number: int, end: OrderChange) -> None:
        ref = self.pick(number)
        self.learn(ref)
        self.live[ref] = False
        self.change(ref, end)

    @rule()
    def restart(self) -> None:
        """All that is replayed is the journal; every order that was under way is in doubt."""
        adapter = TypeAdapter(dict[OrderRef, Order])
        self.ours = adapter.validate_json(adapter.dump_json(self.ours))
        for ref in self.ours:
            self.change(ref, OrderChange.DOUBT)

    def filled(self, purpose: Purpose) -> int:
        return sum(
            units
            for ref, units in self.truth.items()
            if self.ours[ref].approved.intent.purpose is purpose
        )

    @invariant()
    def truth_stays_within_ten_units(self) -> None:
        assert self.filled(Purpose.OPEN) <= 10

    @invariant()
    def nothing_was_reduced_that_was_not_held(self) -> None:
        assert self.filled(Purpose.REDUCE) <= self.filled(Purpose.OPEN)

    @invariant()
    def worst_case_stays_within_ten_units(self) -> None:
        opening = [row for row in self.ours.values() if row.approved.intent.purpose is Purpose.OPEN]
        units = sum(max(row.filled + row.units_at_risk, self.truth[ref]) for ref, row in
                    self.ours.items() if row in opening)  # fmt: skip
        assert units <= 10


OneSession.TestCase.settings = settings(max_examples=40, stateful_step_count=25)
TestOneSession = OneSession.TestCase


def test_headroom_names_use_limit_and_what_is_left() -> None:
    rows = {row.code: row for row in limit_uses(Limits(), FACTS)}
    vix, capital, gross = rows["vix"], rows["net_liquidation"], rows["gross_exposure"]
    assert (vix.used, vix.limit, vix.headroom) == (18, 30, 12)
    assert capital.headroom == 950_000
    assert (gross.used, gross.limit, gross.headroom) == (250_000, 500_000, 250_000)
    assert rows["margin"].headroom == 700_000
    assert rows["messages_of_day"].headroom == 9_990


def test_headroom_of_an_unknown_use_is_unknown() -> None:
    facts = replace(with_vix(float("nan")), uses=None, active_positions=None)
    rows = {row.code: row for row in limit_uses(Limits(), facts)}
    assert rows["vix"].headroom is None
    assert rows["active_positions"].headroom is None
    assert rows["book_vega"].headroom is None
    without = {row.code for row in limit_uses(Limits(), replace(FACTS, account=None))}
    assert "gross_exposure" not in without


def test_gross_exposure_of_an_unknown_margin_has_no_headroom() -> None:
    rows = {row.code: row for row in limit_uses(Limits(), with_exposure(margin_usd=None))}
    assert rows["gross_exposure"].headroom is None
    assert rows["gross_exposure"].limit == 500_000


def test_hedge_stock_uses_exposure_and_no_option_cap() -> None:
    book = ExecutionBook().with_execution(
        replace(fill_of(ConId(3), 40, Side.BUY, "shares"), multiplier=1, price=Decimal(500))
    )
    share = ShareMark(
        con_id=ConId(3), symbol=NAME, price=Decimal(500), source=MarkSource.QUOTE_MID, at=AT
    )
    shares = exposure_of(positions_from(book), {ConId(3): share}, at=AT)
    found = uses_now(shares, [], day_start=START, programs_today=0)
    assert found is not None
    assert found.by_name == {}
    after = exposure_after(shares, [], asked_premium_usd=Decimal(0), asked_margin_usd=Decimal(0))
    assert after.hedge_stock_usd == 20_000
    assert after.premium_usd == 0


def test_fills_of_an_order_without_marks_count_as_they_were_paid() -> None:
    filled = replace(weigh(order(OrderState.FILLED, filled=4)), is_marked=False)
    found = uses_now(NOTHING_HELD, [filled], day_start=AT + timedelta(hours=9), programs_today=0)
    assert found is not None
    assert found.day == NO_USE
    assert found.book.premium_usd == 4 * 2_005
    assert found.by_name["QQQ"].contracts == 8
    after = exposure_after(
        NOTHING_HELD, [filled], asked_premium_usd=Decimal(0), asked_margin_usd=Decimal(0)
    )
    assert after.premium_usd == 4 * 2_005


def test_headroom_is_listed_per_name() -> None:
    rows = [weigh(order(OrderState.WORKING))]
    facts = replace(
        with_account(at=ACCOUNT_READING.at),
        uses=uses_now(NOTHING_HELD, rows, day_start=START, programs_today=0),
    )
    named = [row for row in limit_uses(TIGHT, facts) if row.whose == "QQQ"]
    assert [row.headroom for row in named] == [20_050 - 8_020, 1_300 - 520, 20 - 8]
    assert PACKAGE_QUOTE.at == AT
