"""Which legs of a trade are closed one by one, and what becomes of the order for each?"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from dispersa.desk.decide_single import SINGLE_ORDERS
from dispersa.desk.lifecycle import option_contracts, trade_positions
from dispersa.desk.state import DeskState
from dispersa.errors import InvalidInput, MarketDataMissing
from dispersa.market import OptionContract, Side
from dispersa.orders import ProgramId, Purpose
from dispersa.runtime.closing import holding_of
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.single_orders import TradeLeg, Worked, combo_request, work
from dispersa.runtime.trade_session import TradeSetup

ALONE = "alone"
"""Asks for every leg that has lost its partner."""


def legs_asked(
    state: DeskState, trade: ProgramId, leg: str
) -> tuple[tuple[OptionContract, Decimal], ...]:
    """Return the legs of a trade that `leg` names: one by its label, or every one that is alone.

    Raises
    ------
    InvalidInput
        If the trade holds no such leg.
    """
    rows, options = trade_positions(state, trade), option_contracts(state)
    held = tuple(
        (options[con_id], row.quantity)
        for con_id, row in rows.items()
        if con_id in options and not row.is_flat
    )
    found = tuple(row for row in held if row[0].label == leg.upper())
    if leg == ALONE:
        found = holding_of(tuple(rows.values()), options).unpaired
    if not found:
        known = ", ".join(contract.label for contract, _ in held) or "none"
        raise InvalidInput(
            f"trade {trade} holds no leg {leg!r}; legs held: {known}; {ALONE!r} means those that "
            "have lost their partner"
        )
    return found


def leg_sentence(contract: OptionContract, quantity: Decimal) -> str:
    """Say what closing a leg trades."""
    return f"{_closing(contract, quantity).action} {abs(quantity):f} {contract.label}"


async def close_legs(
    setup: TradeSetup,
    desk: DeskLoop,
    trade: ProgramId,
    legs: Sequence[tuple[OptionContract, Decimal]],
    *,
    by: str,
) -> tuple[Worked, ...]:
    """Close each leg at the far side of its quote, through the gate; say what came of each."""
    sides = (setup.connection.feed, setup.connection.orders)
    told = []
    for contract, quantity in legs:
        try:
            request = await combo_request(
                sides, [_closing(contract, quantity)], purpose=Purpose.REDUCE, by=by
            )
        except MarketDataMissing as error:
            told.append(Worked(0, f"{contract.label}: nothing was sent; {error}"))
            continue
        owner = None if trade == SINGLE_ORDERS else trade
        worked = await work(desk, setup.rules, replace(request, trade=owner))
        said = worked.sentence.removeprefix(f"{contract.symbol}: ")
        told.append(replace(worked, sentence=f"{contract.label}: {said}"))
    return tuple(told)


def _closing(contract: OptionContract, quantity: Decimal) -> TradeLeg:
    return TradeLeg(contract, Side.SELL if quantity > 0 else Side.BUY, int(abs(quantity)))
