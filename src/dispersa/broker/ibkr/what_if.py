"""What would an order do to margin and commission?"""

from typing import cast

from ib_async.order import OrderState

from dispersa.broker.ibkr import sentinels
from dispersa.broker.ibkr.link import Link
from dispersa.broker.ibkr.order_building import Terms, contract_for, limit_order, preview_of
from dispersa.broker.protocol import WhatIf
from dispersa.orders import Combo


async def ask_what_if(
    link: Link, *, order_id: int, combo: Combo, terms: Terms, seconds: float
) -> WhatIf:
    """Ask with an order that is never executed.

    TWS answers twice, first with margins unset; the receiver waits for the real answer.
    """
    contract = contract_for(combo)
    preview = preview_of(limit_order(terms, order_id=order_id, client_id=link.client_id))
    rows = await link.ask_as(
        order_id,
        f"what-if of {combo.symbol}",
        lambda number: link.client.placeOrder(number, contract, preview),
        seconds=seconds,
    )
    return what_if_from(cast("OrderState", rows[-1]))


def what_if_from(state: OrderState) -> WhatIf:
    """Read the answer; what the broker did not say is None."""
    commission = sentinels.price(state.commission)
    return WhatIf(
        initial_margin_change=sentinels.amount(str(state.initMarginChange)),
        maintenance_margin_change=sentinels.amount(str(state.maintMarginChange)),
        commission=sentinels.price(state.maxCommission) if commission is None else commission,
    )
