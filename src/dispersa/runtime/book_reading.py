"""What is the whole book now: whose it is, what it is worth, and how it fares under stress?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from dispersa.broker import BrokerFeed
from dispersa.desk.decide_single import SINGLE_ORDERS
from dispersa.desk.lifecycle import refs_by_trade, trade_positions
from dispersa.desk.state import DeskState
from dispersa.errors import MarketDataMissing
from dispersa.market import ConId, Symbol
from dispersa.orders import BrokerSnapshot
from dispersa.portfolio import Basket, LegExposure, Position, exposure_of, stress_of
from dispersa.reports.exposure_views import EXTERNAL, BookView
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.live import basket_on
from dispersa.runtime.marking import position_of, read_marks
from dispersa.runtime.step_clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class BookInputs:
    """What a book is read with; `basket` gives the weights that correlation is implied with."""

    feed: BrokerFeed
    clock: Clock
    rate: float
    basket: Basket


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivePosition:
    """What one trade holds of one contract; `leg` values it, None where nothing can mark it now.

    `trade` is the opening program, "single orders", or "not ours" for what no order of ours made.
    """

    trade: str
    con_id: ConId
    symbol: Symbol
    quantity: Decimal
    leg: LegExposure | None


def book_inputs(settings: Settings, feed: BrokerFeed, clock: Clock) -> BookInputs:
    """Say what a book is read with: the configured rate, and today's weights of the index."""
    rows = basket_on(settings, clock.now().date()).weights
    return BookInputs(
        feed=feed,
        clock=clock,
        rate=settings.planning.rate,
        basket=Basket(
            index=Symbol(settings.universe.index),
            weights={row.symbol: row.weight for row in rows},
        ),
    )


def active_positions(
    state: DeskState, snapshot: BrokerSnapshot, view: BookView
) -> tuple[ActivePosition, ...]:
    """Return every position of the account by trade, with its value and its mark's source."""
    held = {row.con_id: position_of(row) for row in snapshot.positions}
    return tuple(
        ActivePosition(
            trade=trade,
            con_id=con_id,
            symbol=row.symbol,
            quantity=row.quantity,
            leg=next((leg for leg in view.by_trade[trade].legs if leg.con_id == con_id), None),
        )
        for trade, rows in _by_trade(state, held).items()
        for con_id, row in rows.items()
    )


async def read_book(inputs: BookInputs, state: DeskState, snapshot: BrokerSnapshot) -> BookView:
    """Mark every position of the account, split it by trade, and stress it."""
    marks = await read_marks(inputs.feed, snapshot.positions, rate=inputs.rate, clock=inputs.clock)
    now = inputs.clock.now()
    held = {row.con_id: position_of(row) for row in snapshot.positions}
    whole = exposure_of(held, marks, at=now, margin_broker=snapshot.account.initial_margin)
    by_trade = {
        name: exposure_of(part, marks, at=now) for name, part in _by_trade(state, held).items()
    }
    try:
        stress, missing = stress_of(whole, marks, inputs.basket, rate=inputs.rate), ""
    except MarketDataMissing as error:
        stress, missing = None, str(error)
    return BookView(exposure=whole, by_trade=by_trade, stress=stress, stress_missing=missing)


def _by_trade(
    state: DeskState, held: Mapping[ConId, Position]
) -> Mapping[str, Mapping[ConId, Position]]:
    """Our trades by our own books; what the account holds beyond them is external."""
    parts: dict[str, Mapping[ConId, Position]] = {}
    left = dict(held)
    for trade in refs_by_trade(state):
        rows = {k: row for k, row in trade_positions(state, trade).items() if not row.is_flat}
        if rows:
            parts["single orders" if trade == SINGLE_ORDERS else trade] = rows
        for con_id, row in rows.items():
            known = left.get(con_id)
            quantity = (known.quantity if known is not None else Decimal(0)) - row.quantity
            left[con_id] = replace(row if known is None else known, quantity=quantity)
    rest = {con_id: row for con_id, row in left.items() if not row.is_flat}
    return {**parts, EXTERNAL: rest} if rest else parts
