"""What does one decision about the running program look at?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dispersa.desk.flatten import is_flattening
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState
from dispersa.execution.policy import PriceUnit, WalkPolicy
from dispersa.execution.program import (
    PackageProgress,
    Program,
    VegaBalance,
    balance_of,
    urgency_of,
)
from dispersa.execution.residuals import PackageLegs, legs_of
from dispersa.execution.walker import Sight
from dispersa.market import ConId, Quote, straddle_quote
from dispersa.orders import Order, Purpose

LEGS = 2
FIRST_MESSAGES = 2


def signed_at_risk(state: DeskState, program: Program) -> dict[str, int]:
    """Signed straddles per package that working and unknown orders may still fill."""
    at_risk: dict[str, int] = {}
    for key, row in program.packages.items():
        orders = (state.orders[ref] for ref in row.refs)
        units = sum(o.approved.intent.side.sign * o.units_at_risk for o in orders)
        if units:
            at_risk[key] = units
    return at_risk


def view_of(
    rules: DeskRules,
    state: DeskState,
    program: Program,
    at: datetime,
    quotes: Mapping[ConId, Quote],
) -> "ProgramView":
    """Look at the program as it stands now."""
    at_risk = signed_at_risk(state, program)
    return ProgramView(
        rules=rules,
        state=state,
        program=program,
        at=at,
        quotes=quotes,
        at_risk=at_risk,
        balance=balance_of(program, at_risk),
    )


@dataclass(frozen=True, slots=True)
class ProgramView:
    """The running program with rules, state, time and the quotes of the moment.

    `at_risk` is signed straddles that may still fill by package, `balance` vega filled and at its
    worst.
    """

    rules: DeskRules
    state: DeskState
    program: Program
    at: datetime
    quotes: Mapping[ConId, Quote]
    at_risk: Mapping[str, int]
    balance: VegaBalance

    @property
    def may_send(self) -> bool:
        """Whether links are proven, books were read since the last gap, and no halt forbids it."""
        state = self.state
        is_proven = state.linked and self.program.unproven_since is None
        is_free = state.halt is None or is_flattening(state)
        return is_proven and is_free and not state.stopping

    def package_quote(self, row: PackageProgress) -> Quote | None:
        """Quote of the package from its legs, None while a leg has none."""
        call = self.quotes.get(row.plan.straddle.call.con_id)
        put = self.quotes.get(row.plan.straddle.put.con_id)
        return None if call is None or put is None else straddle_quote(call, put)

    def spot(self, row: PackageProgress) -> float | None:
        """Mid of the package's underlying, None without a quote."""
        quote = self.quotes.get(row.plan.underlying_con_id)
        mid = None if quote is None else quote.mid
        return None if mid is None else float(mid)

    def fair_value(self, row: PackageProgress) -> Decimal | None:
        """Our own value of one straddle per share now."""
        spot = self.spot(row)
        return None if spot is None else row.plan.fair_value(spot)

    def sight(self, row: PackageProgress, quote: Quote, working: Decimal | None = None) -> Sight:
        """What the package's walk sees."""
        needs_value = self.program.walk_policy.unit is PriceUnit.VOL
        return Sight(
            quote=quote,
            at=self.at,
            fair=self.fair_value(row) if needs_value else None,
            working=working,
            urgency=urgency_of(self.program, row, self.balance, self.at),
        )

    def walk_policy(self, row: PackageProgress) -> WalkPolicy:
        """The program's policy; hurried for trading back, terse beyond the message budget."""
        policy = self.program.walk_policy
        if row.purpose is Purpose.REDUCE and row.plan.purpose is Purpose.OPEN:
            return policy.hurried()
        return policy.terse() if self.has_spent_messages(row) else policy

    def has_spent_messages(self, row: PackageProgress) -> bool:
        """Whether the package has used more messages than its share for what is filled.

        sent > messages_per_package x filled / target + a first order with one move
        """
        sent = sum(self.state.messages_sent.get(ref, 0) for ref in row.refs)
        share = row.filled / row.target if row.target else 1.0
        return sent > self.program.policy.messages_per_package * share + FIRST_MESSAGES

    def order_of(self, row: PackageProgress) -> Order | None:
        """The package's live order, if it has one."""
        return None if row.order is None else self.state.orders[row.order]

    def legs(self, row: PackageProgress) -> PackageLegs:
        """What the package's executions amount to."""
        return legs_of(row.plan, row.refs, self.state.book)

    def is_checked(self, row: PackageProgress) -> bool:
        """Whether the broker was read in full after the package's quiet period."""
        read = self.state.snapshot_at
        return row.settles_at is None or (read is not None and read >= row.settles_at)
