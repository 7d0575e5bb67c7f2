"""How does one order outside a program come about, and what becomes of it?"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import uuid4

from dispersa.broker import Broker, BrokerFeed
from dispersa.desk import events as ev
from dispersa.desk.decide_single import reference
from dispersa.desk.rules import DeskRules
from dispersa.errors import InvalidInput, MarketDataMissing
from dispersa.market import OptionContract, Quote, Side, Underlying, package_quote
from dispersa.orders import Combo, Leg, OrderRef, Purpose
from dispersa.runtime.chain_reading import Snapshot, read_contracts
from dispersa.runtime.desk_loop import DeskLoop

FILL_SECONDS = 20.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class TradeLeg:
    """One leg of a combo to trade: `quantity` contracts, bought or sold."""

    contract: OptionContract
    action: Side
    quantity: int


async def combo_request(
    sides: tuple[BrokerFeed, Broker],
    legs: Sequence[TradeLeg],
    limit_price: Decimal | None = None,
    *,
    purpose: Purpose,
    by: str,
) -> ev.OrderRequested:
    """Ask for one combo at a net limit per share, None for the far side of its quote.

    Quote, model value, vega and the broker's margin preview are read here, for the gate to judge.

    Raises
    ------
    MarketDataMissing
        If a leg is not quoted.
    """
    combo, side, quantity = as_combo(legs)
    feed, broker = sides
    options = [leg.contract for leg in legs]
    read = await read_contracts(feed, options)
    request = f"single-{uuid4().hex[:12]}"
    increments, quote = await feed.combo_increments(combo), _quote(combo, read)
    far = quote.ask if side is Side.BUY else quote.bid
    limit = far if limit_price is None else limit_price
    if limit is None:
        raise MarketDataMissing(f"{combo.symbol}: the far side of the combo is not quoted")
    preview = await broker.what_if(
        combo=combo,
        order_ref=OrderRef(f"what-if-{request}"),
        limit_price=increments.round_passive(limit, side),
        quantity=side.sign * quantity,
    )
    return ev.OrderRequested(
        request=request,
        requested_by=by,
        purpose=purpose,
        combo=combo,
        side=side,
        quantity=quantity,
        limit_price=limit,
        quote=quote,
        increments=increments,
        fair_value=_model_value(combo, read),
        unit_vega=_unit_vega(combo, read),
        margin_increase=preview.initial_margin_change,
    )


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of one order: how much of it was filled, and the story in a sentence."""

    filled: int
    sentence: str


async def work(
    desk: DeskLoop, rules: DeskRules, request: ev.OrderRequested, *, seconds: float = FILL_SECONDS
) -> Worked:
    """Send one order, cancel what does not fill in time, and say what came of it."""
    ref, symbol = reference(rules, request.request), request.combo.symbol
    await desk.tell(request)
    if ref in desk.state.denied:
        return Worked(0, f"{symbol}: {desk.state.denied[ref]}")
    await _rest(desk, ref, seconds)
    if desk.state.orders[ref].state.may_fill:
        await desk.tell(ev.CancelRequested(ref=ref, reason="it did not fill in time"))
        await _rest(desk, ref, FILL_SECONDS)
    order = desk.state.orders[ref]
    told = f"{symbol}: {request.side} {order.filled} of {request.quantity}, {order.state}"
    return Worked(order.filled, told)


async def _rest(desk: DeskLoop, ref: OrderRef, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while desk.state.orders[ref].state.may_fill and loop.time() < until:
        await asyncio.sleep(POLL_SECONDS)


def as_combo(legs: Sequence[TradeLeg]) -> tuple[Combo, Side, int]:
    """Turn legs into a combo in lowest terms, the side to trade it on, and how many.

    Legs that are all sold are the same combo sold: one straddle has one combo, bought or sold.
    """
    if not legs or any(leg.quantity < 1 for leg in legs):
        raise InvalidInput("a combo needs legs, each with a quantity of 1 or more")
    units = math.gcd(*(leg.quantity for leg in legs))
    all_sold = all(leg.action is Side.SELL for leg in legs)
    combo = Combo(
        legs=tuple(
            Leg(
                contract=leg.contract,
                side=leg.action.opposite if all_sold else leg.action,
                ratio=leg.quantity // units,
            )
            for leg in legs
        )
    )
    return combo, Side.SELL if all_sold else Side.BUY, units


def _quote(combo: Combo, read: Snapshot) -> Quote:
    quotes: list[tuple[int, Quote]] = []
    for leg in combo.legs:
        quote = read.quotes.get(leg.contract.con_id)
        if quote is None:
            raise MarketDataMissing(
                f"{_label(leg.contract)} is not quoted; a combo is priced from all its legs"
            )
        quotes.append((leg.side.sign * leg.ratio, quote))
    return package_quote(quotes)


def _label(contract: OptionContract | Underlying) -> str:
    return contract.label if isinstance(contract, OptionContract) else contract.symbol


def _model_value(combo: Combo, read: Snapshot) -> Decimal | None:
    """Net value of one unit by the broker's model, None where a leg has no model price."""
    total = 0.0
    for leg in combo.legs:
        greeks = read.greeks.get(leg.contract.con_id)
        if greeks is None:
            return None
        total += leg.side.sign * leg.ratio * greeks.price
    return Decimal(repr(round(total, 6)))


def _unit_vega(combo: Combo, read: Snapshot) -> float | None:
    """Absolute vega of one unit in dollars per vol point, None where a leg has none."""
    total = 0.0
    for leg in combo.legs:
        greeks = read.greeks.get(leg.contract.con_id)
        if greeks is None:
            return None
        total += leg.side.sign * leg.ratio * greeks.vega
    return abs(total) * combo.multiplier
