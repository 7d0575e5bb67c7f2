"""Which plan closes a trade? What it holds, straddle by straddle, priced at today's market.

A closing is a plan of its own: every package only reduces, the gate asks it as it asks any plan,
and the same engine works it inside the corridor. A roll holds the closing packages and those of
the next trade in one plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from dispersa.broker import BrokerFeed
from dispersa.correlation.terms import Direction
from dispersa.desk.commands import ComputeClosing
from dispersa.desk.exits import balanced_counts
from dispersa.desk.lifecycle import option_contracts, trade_positions
from dispersa.desk.state import DeskState
from dispersa.errors import MarketDataMissing
from dispersa.execution.plan import DroppedName, PlanKind, PlannedPackage, Role, TradePlan
from dispersa.market import (
    ConId,
    OptionContract,
    Right,
    Side,
    Straddle,
    Symbol,
    Underlying,
    to_decimal,
)
from dispersa.orders import Purpose, straddle_combo
from dispersa.portfolio import Position
from dispersa.runtime.chain_reading import Snapshot, read_contracts
from dispersa.runtime.market_reading import NameReading, StraddleReading
from dispersa.runtime.planning import LEGS, PLAN_LIFE, PlanningPolicy
from dispersa.runtime.step_clock import Clock
from dispersa.runtime.valuation import ValuedStraddle, value_at_intrinsic, value_held

VEGA_LEAST_USD = 0.01
"""A straddle far from the money counts with this much: costs are weighed per dollar of vega."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldStraddle:
    """Whole straddles of one trade; `quantity` is signed."""

    straddle: Straddle
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a trade holds as straddles, and legs that have lost their partner."""

    straddles: tuple[HeldStraddle, ...]
    unpaired: tuple[tuple[OptionContract, Decimal], ...]


def holding_of(positions: Sequence[Position], options: Mapping[ConId, OptionContract]) -> Holding:
    """Pair calls and puts of one strike and expiry; what is left over is named."""
    pairs: dict[tuple[Symbol, date, Decimal, str], dict[Right, tuple[OptionContract, Decimal]]]
    pairs = {}
    for row in positions:
        option = options.get(row.con_id)
        if option is not None and not row.is_flat:
            key = (option.symbol, option.expiry, option.strike, option.trading_class)
            pairs.setdefault(key, {})[option.right] = (option, row.quantity)
    straddles: list[HeldStraddle] = []
    unpaired: list[tuple[OptionContract, Decimal]] = []
    for key in sorted(pairs):
        legs = pairs[key]
        whole = _whole(legs)
        if whole:
            pair = Straddle(call=legs[Right.CALL][0], put=legs[Right.PUT][0])
            straddles.append(HeldStraddle(straddle=pair, quantity=whole))
        left = ((option, quantity - whole) for option, quantity in legs.values())
        unpaired.extend((option, quantity) for option, quantity in left if quantity)
    return Holding(straddles=tuple(straddles), unpaired=tuple(unpaired))


def _whole(legs: Mapping[Right, tuple[OptionContract, Decimal]]) -> int:
    if len(legs) < LEGS:
        return 0
    call, put = legs[Right.CALL][1], legs[Right.PUT][1]
    if call * put <= 0:
        return 0
    return int(min(abs(call), abs(put))) * (1 if call > 0 else -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingDesk:
    """What a closing is priced with."""

    feed: BrokerFeed
    clock: Clock
    policy: PlanningPolicy
    index: Symbol


async def closing_plan(desk: ClosingDesk, state: DeskState, asked: ComputeClosing) -> TradePlan:
    """Write the plan that closes this share of a trade.

    Raises
    ------
    MarketDataMissing
        If nothing is held as straddles, or one of them can not be priced now.
    """
    holding = holding_of(
        tuple(trade_positions(state, asked.trade).values()), option_contracts(state)
    )
    if not holding.straddles:
        raise MarketDataMissing(
            f"trade {asked.trade} holds no whole straddle; close single legs with --leg alone, "
            "shares with dispersa cycle --hedge"
        )
    packages, unquoted = await _packages(desk, holding)
    if not packages:
        raise MarketDataMissing("; ".join(row.reason for row in unquoted))
    counts = balanced_counts(
        {p.key: (p.side.sign * p.quantity, p.vega_usd) for p in packages}, asked.share
    )
    closing = tuple(replace(p, quantity=counts[p.key]) for p in packages if counts[p.key])
    if not closing:
        raise MarketDataMissing(
            f"{asked.share:.0%} of trade {asked.trade} is less than one straddle; close more of it"
        )
    return _written(desk, state, closing, (*unquoted, *_unpaired(holding)))


def _written(
    desk: ClosingDesk,
    state: DeskState,
    packages: tuple[PlannedPackage, ...],
    dropped: tuple[DroppedName, ...],
) -> TradePlan:
    now = desk.clock.now()
    vega = sum(p.quantity * p.vega_usd for p in packages if p.role is Role.INDEX)
    budget = vega or max(p.quantity * p.vega_usd for p in packages)
    sold_index = any(p.role is Role.INDEX and p.side is Side.SELL for p in packages)
    return TradePlan(
        created_at=now,
        expires_at=now + PLAN_LIFE,
        account=state.account_expected,
        direction=Direction.LONG_DISPERSION if sold_index else Direction.SHORT_DISPERSION,
        index=desk.index,
        expiry_days=min(p.straddle.call.days_to_expiry(now.date()) for p in packages),
        packages=packages,
        vega_budget_usd=budget,
        vega_tolerance_usd=min(
            (p.vega_usd for p in packages if p.vega_usd > VEGA_LEAST_USD), default=VEGA_LEAST_USD
        ),
        dropped=dropped,
        stress=(),
        margin_modeled_usd=Decimal(0),
        margin_what_if_usd=None,
        edge_vol_points=None,
        edge_waived=None,
        sizing_note="what is held of the trade, closed in balance",
        kind=PlanKind.EXIT,
    )


@dataclass(frozen=True, slots=True)
class _Priced:
    name: NameReading
    valued: ValuedStraddle


def _unpaired(holding: Holding) -> tuple[DroppedName, ...]:
    return tuple(
        DroppedName(symbol=option.symbol, reason=f"{quantity:+f} {option.label} is unpaired")
        for option, quantity in holding.unpaired
    )


async def _packages(
    desk: ClosingDesk, holding: Holding
) -> tuple[tuple[PlannedPackage, ...], tuple[DroppedName, ...]]:
    """Plan each straddle; one that is not quoted on both sides must not keep the others."""
    underlyings = {
        symbol: await desk.feed.underlying(symbol)
        for symbol in dict.fromkeys(row.straddle.symbol for row in holding.straddles)
    }
    legs: list[OptionContract | Underlying] = list(underlyings.values())
    legs.extend(leg for row in holding.straddles for leg in row.straddle.legs)
    read = await read_contracts(desk.feed, legs)
    planned, unquoted = [], []
    for row in holding.straddles:
        pair = row.straddle
        try:
            priced = await _price(desk, pair, underlyings[pair.symbol], read)
            planned.append(_package(desk, priced, row))
        except MarketDataMissing as error:
            unquoted.append(DroppedName(symbol=pair.symbol, reason=str(error)))
    return tuple(planned), tuple(unquoted)


async def _price(
    desk: ClosingDesk, pair: Straddle, underlying: Underlying, read: Snapshot
) -> _Priced:
    spot = read.quotes.get(underlying.con_id)
    call, put = (read.quotes.get(leg.con_id) for leg in pair.legs)
    if spot is None or spot.mid is None or call is None or put is None:
        raise MarketDataMissing(f"{pair.label} or its underlying is not quoted")
    if call.bid is None or put.bid is None:
        worthless = pair.put if put.bid is None else pair.call
        raise MarketDataMissing(
            f"nobody bids for {worthless.label}, so the straddle can not be closed as one order; "
            "close the other leg by a single order (dispersa close ... --leg) and let this one "
            "expire"
        )
    reading = StraddleReading(
        straddle=pair,
        call=call,
        put=put,
        call_greeks=read.greeks.get(pair.call.con_id),
        put_greeks=read.greeks.get(pair.put.con_id),
    )
    name = NameReading(
        underlying=underlying,
        spot=spot.mid,
        spot_quote=spot,
        straddles={pair.expiry: (reading,)},
        increments=await desk.feed.combo_increments(straddle_combo(pair)),
    )
    now, rate = desk.clock.now(), desk.policy.rate
    found = value_held(name, pair.expiry, now=now, rate=rate)
    valued = found[0] if found else value_at_intrinsic(name, pair.expiry, now=now, rate=rate)
    if valued is None:
        raise MarketDataMissing(f"no vol explains the quotes of {pair.label}; try again later")
    return _Priced(name, valued)


def _package(desk: ClosingDesk, priced: _Priced, held: HeldStraddle) -> PlannedPackage:
    name, valued = priced.name, priced.valued
    if name.increments is None:
        raise MarketDataMissing(f"the price grid of {name.symbol} options was not read")
    size, spot = valued.straddle.multiplier, float(name.spot)
    half_spread = float(valued.reading.quote.width or 0) / 2 * size
    commission = desk.policy.commission_per_contract_usd * LEGS
    slippage = to_decimal(half_spread * desk.policy.slippage_share, places=2)
    broker = valued.broker_vega
    return PlannedPackage(
        symbol=name.symbol,
        role=Role.INDEX if name.symbol == desk.index else Role.COMPONENT,
        straddle=valued.straddle,
        underlying_con_id=name.underlying.con_id,
        side=Side.SELL if held.quantity > 0 else Side.BUY,
        quantity=abs(held.quantity),
        weight=None,
        implied_vol=valued.implied_vol,
        spot=spot,
        forward=valued.forward,
        discount=valued.discount,
        years=valued.years,
        vega_usd=max(valued.vega * size, VEGA_LEAST_USD),
        theta_usd=valued.theta * size,
        delta_usd=valued.delta * spot * size,
        cash_gamma_usd=valued.gamma * spot * spot * size,
        quote=valued.reading.quote,
        increments=name.increments,
        cost_expected_usd=(slippage + commission) * abs(held.quantity),
        broker_vega_usd=None if broker is None else broker * size,
        purpose=Purpose.REDUCE,
    )


def rolled(closing: TradePlan, opening: TradePlan) -> TradePlan:
    """Put closing and opening packages into one plan; a straddle in both is simply kept."""
    kept: dict[tuple[int, int], int] = {}
    for row in opening.packages:
        for old in closing.packages:
            if _is_same(old, row):
                kept[_legs(row)] = min(old.quantity, row.quantity)
    packages = [
        replace(row, quantity=row.quantity - kept.get(_legs(row), 0))
        for row in (*closing.packages, *opening.packages)
    ]
    return replace(
        opening,
        packages=tuple(row for row in packages if row.quantity),
        dropped=(*closing.dropped, *opening.dropped),
        sizing_note=f"roll: {len(closing.packages)} straddles closed; {opening.sizing_note}",
        kind=PlanKind.ROLL,
        reserves=(),
    )


def _is_same(old: PlannedPackage, new: PlannedPackage) -> bool:
    return _legs(old) == _legs(new) and old.side is not new.side


def _legs(row: PlannedPackage) -> tuple[int, int]:
    return (row.straddle.call.con_id, row.straddle.put.con_id)
