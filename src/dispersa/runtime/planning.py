"""How does today's market become a plan? Straddles valued, sized, priced and written down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from dispersa.correlation.narrowing import BasketPolicy
from dispersa.correlation.selection import Eligibility
from dispersa.correlation.terms import Direction, Signal
from dispersa.errors import MarketDataMissing
from dispersa.execution.plan import (
    DroppedName,
    PlanKind,
    PlannedPackage,
    Role,
    StressRow,
    TradePlan,
)
from dispersa.market import Side, Symbol, to_decimal
from dispersa.orders import AccountReading
from dispersa.runtime.market_reading import MarketReading, NameReading
from dispersa.runtime.valuation import ValuedStraddle, nearest_to_forward, value_expiry
from dispersa.sizing import Infeasible, Sizing, StraddleTerms, VegaNeutralSizer
from dispersa.sizing.liquidity import LiquidityPolicy, liquid_count
from dispersa.sizing.margin import ShortPair, short_pair_margin_usd
from dispersa.sizing.stress import AccountSizing, StressPolicy

PLAN_LIFE = timedelta(minutes=5)
LEGS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningPolicy:
    """What a plan may contain.

    `spread_max_vol_points` is the widest straddle that is traded, in vol points;
    `broker_vega_gap_max` how far the broker model's vega may be from ours;
    `size_at_quote_multiple` bounds a package by so many times the smaller size quoted,
    `open_interest_share_max` by that share of the smaller leg's open interest (None: no bound);
    `slippage_share` is the part of the half-spread that a walk is expected to pay; at most
    `reserves_max` eligible names that were not chosen may stand in for names that do not fill.
    """

    rate: float = 0.04
    spread_max_vol_points: float = 6.0
    broker_vega_gap_max: float = 0.25
    size_at_quote_multiple: int = 40
    open_interest_share_max: float | None = None
    slippage_share: float = 0.6
    commission_per_contract_usd: Decimal = Decimal("0.65")
    reserves_max: int = 3


def anything_quoted() -> BasketPolicy:
    """The heaviest names that are quoted no wider than a plan may trade."""
    widest = PlanningPolicy().spread_max_vol_points
    return BasketPolicy(eligibility=Eligibility(spread_vol_points_max=widest, open_interest_min=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One name that could be traded: its valued straddle and what the sizer needs of it."""

    valued: ValuedStraddle
    terms: StraddleTerms


def find_candidates(
    reading: MarketReading,
    weights: Mapping[Symbol, float],
    policy: PlanningPolicy,
) -> tuple[Mapping[Symbol, Candidate], tuple[DroppedName, ...]]:
    """Value every name that was read at the traded expiry; a name that can not be is dropped."""
    found: dict[Symbol, Candidate] = {}
    dropped: list[DroppedName] = list(reading.dropped)
    for symbol, name in reading.names.items():
        try:
            valued = nearest_to_forward(
                value_expiry(name, reading.expiry, now=reading.at, rate=policy.rate), symbol
            )
            _require_tradable(symbol, valued, policy)
            terms = _terms(reading, symbol, valued, weights.get(symbol), policy)
            found[symbol] = Candidate(valued=valued, terms=terms)
        except MarketDataMissing as error:
            dropped.append(DroppedName(symbol=symbol, reason=str(error)))
    return found, tuple(dropped)


def _require_tradable(symbol: Symbol, valued: ValuedStraddle, policy: PlanningPolicy) -> None:
    width = valued.reading.quote.width
    if width is None:
        raise MarketDataMissing(f"{symbol} has no two-sided straddle")
    spread = float(width) / valued.vega
    if spread > policy.spread_max_vol_points:
        raise MarketDataMissing(
            f"{symbol} is {spread:.1f} vol points wide; at most "
            f"{policy.spread_max_vol_points:.1f} are traded"
        )
    broker = valued.broker_vega
    if broker is not None and abs(broker / valued.vega - 1) > policy.broker_vega_gap_max:
        raise MarketDataMissing(
            f"{symbol}: our vega {valued.vega:.3f} and the broker's {broker:.3f} differ by more "
            f"than {policy.broker_vega_gap_max:.0%}"
        )


def _terms(
    reading: MarketReading,
    symbol: Symbol,
    valued: ValuedStraddle,
    weight: float | None,
    policy: PlanningPolicy,
) -> StraddleTerms:
    spot = float(reading.names[symbol].spot)
    quote = valued.reading.quote
    multiplier = valued.straddle.multiplier
    mid, width = float(quote.mid or 0), float(quote.width or 0)
    return StraddleTerms(
        symbol=symbol,
        weight=weight,
        spot=spot,
        strike=float(valued.straddle.strike),
        forward=valued.forward,
        discount=valued.discount,
        years=valued.years,
        implied_vol=valued.implied_vol,
        vega_usd_per_point=valued.vega * multiplier,
        theta_usd_per_day=valued.theta * multiplier,
        cash_gamma_usd=valued.gamma * spot * spot * multiplier,
        delta_usd=valued.delta * spot * multiplier,
        premium_usd=mid * multiplier,
        half_spread_usd=width / 2 * multiplier,
        count_max=_count_max(symbol, valued, policy),
        short_margin_usd=_short_margin(reading.names[symbol], valued),
        multiplier=multiplier,
        style=valued.straddle.call.style,
    )


def _count_max(symbol: Symbol, valued: ValuedStraddle, policy: PlanningPolicy) -> int | None:
    """Bound by the smallest size quoted and, where asked for, by the open interest."""
    quote = valued.reading.quote
    bound = LiquidityPolicy(
        quote_size_multiple_max=float(policy.size_at_quote_multiple),
        open_interest_share_max=policy.open_interest_share_max,
    )
    quote_size = min(quote.bid_size, quote.ask_size)
    return liquid_count(symbol, quote_size, valued.reading.open_interest, bound)


def _short_margin(name: NameReading, valued: ValuedStraddle) -> float:
    strike = float(valued.straddle.strike)
    pair = ShortPair(
        spot=float(name.spot),
        call_strike=strike,
        put_strike=strike,
        call_price=float(valued.reading.call.mid or 0),
        put_price=float(valued.reading.put.mid or 0),
        kind=name.underlying.kind,
    )
    return short_pair_margin_usd(pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequestInputs:
    """Everything that a plan is made from; `reserves` are eligible names that were not chosen."""

    reading: MarketReading
    signal: Signal
    account: AccountReading
    candidates: Mapping[Symbol, Candidate]
    dropped: tuple[DroppedName, ...]
    sizer: VegaNeutralSizer
    stress: StressPolicy
    policy: PlanningPolicy
    now: datetime
    reserves: Mapping[Symbol, Candidate] = field(default_factory=dict)


def propose(inputs: PlanRequestInputs, *, edge_waived: str | None) -> TradePlan | str:
    """Size the trade and write the plan, or say in a sentence why there is none."""
    index = inputs.signal.index
    direction = _direction(inputs.signal, edge_waived)
    components = [row.terms for symbol, row in inputs.candidates.items() if symbol != index]
    if index not in inputs.candidates:
        return f"the index {index} can not be traded: {_why(inputs.dropped, index)}"
    net_liquidation = inputs.account.net_liquidation
    if net_liquidation is None:
        return "the broker sent no net liquidation; wait for account values"
    index_terms = inputs.candidates[index].terms
    sized = inputs.sizer.size_for_account(
        index_terms, components, direction, float(net_liquidation), inputs.stress
    )
    if isinstance(sized, Infeasible):
        return sized.sentence
    return _written(inputs, direction, sized, edge_waived)


def _direction(signal: Signal, edge_waived: str | None) -> Direction:
    """Direction of the signal; a waived NO_TRADE is traded as LONG_DISPERSION, the default."""
    if signal.direction is Direction.NO_TRADE and edge_waived is not None:
        return Direction.LONG_DISPERSION
    return signal.direction


def _why(dropped: Sequence[DroppedName], symbol: Symbol) -> str:
    return next((row.reason for row in dropped if row.symbol == symbol), "it was not read")


def _written(
    inputs: PlanRequestInputs,
    direction: Direction,
    sized: AccountSizing,
    edge_waived: str | None,
) -> TradePlan:
    index, sizing = inputs.signal.index, sized.sizing
    packages = tuple(
        _package(inputs, inputs.candidates[symbol], quantity, is_index=symbol == index)
        for symbol, quantity in sizing.quantities.items()
        if quantity
    )
    reserves = _reserves(inputs, packages, sizing.index.vega_usd_per_point)
    held_back = {package.symbol for package in reserves}
    left_out = tuple(DroppedName(symbol=row.symbol, reason=row.reason) for row in sizing.dropped)
    margin = sizing.totals.margin_usd
    if margin is None:
        raise MarketDataMissing("the margin of the plan could not be modeled")
    return TradePlan(
        created_at=inputs.now,
        expires_at=inputs.now + PLAN_LIFE,
        account=inputs.account.account,
        direction=direction,
        index=index,
        expiry_days=(inputs.reading.expiry - inputs.reading.today).days,
        packages=packages,
        vega_budget_usd=sizing.index.vega_usd_per_point,
        vega_tolerance_usd=inputs.sizer.policy.tolerance * sizing.index.vega_usd_per_point,
        dropped=tuple(row for row in (*inputs.dropped, *left_out) if row.symbol not in held_back),
        stress=tuple(
            StressRow(name=row.scenario.name, pnl_usd=row.pnl_usd) for row in sized.stress.rows
        ),
        margin_modeled_usd=to_decimal(margin, places=2),
        margin_what_if_usd=None,
        edge_vol_points=inputs.signal.edge_net_of(direction),
        edge_waived=edge_waived,
        sizing_note=_note(sizing),
        reserves=reserves,
    )


def _reserves(
    inputs: PlanRequestInputs, packages: Sequence[PlannedPackage], vega_usd: float
) -> tuple[PlannedPackage, ...]:
    """Up to `reserves_max` names that may stand in, each for as much as the largest component.

    They are on the components' side; liquidity bounds them as it bounds everybody.
    """
    components = [row for row in packages if row.role is Role.COMPONENT]
    most = max((abs(row.vega_signed_usd) for row in components), default=0.0)
    found: list[PlannedPackage] = []
    for candidate in inputs.reserves.values():
        terms = candidate.terms
        wanted = int(min(most, vega_usd) / terms.vega_usd_per_point)
        units = wanted if terms.count_max is None else min(wanted, terms.count_max)
        if units > 0 and len(found) < inputs.policy.reserves_max:
            signed = components[0].side.sign * units
            found.append(_package(inputs, candidate, signed, is_index=False))
    return tuple(found)


def probe(inputs: PlanRequestInputs, symbol: Symbol, *, edge_waived: str | None) -> TradePlan:
    """Write the plan of one straddle, bought: what it costs is what it can lose."""
    package = _package(inputs, inputs.candidates[symbol], 1, is_index=False)
    premium = package.premium_usd
    return TradePlan(
        created_at=inputs.now,
        expires_at=inputs.now + PLAN_LIFE,
        account=inputs.account.account,
        direction=Direction.LONG_DISPERSION,
        index=symbol,
        expiry_days=(inputs.reading.expiry - inputs.reading.today).days,
        packages=(package,),
        vega_budget_usd=package.vega_usd,
        vega_tolerance_usd=package.vega_usd,
        dropped=inputs.dropped,
        stress=(StressRow(name="worthless at expiry", pnl_usd=-float(premium)),),
        margin_modeled_usd=premium,
        margin_what_if_usd=None,
        edge_vol_points=None,
        edge_waived=edge_waived,
        sizing_note="a probe: one straddle, long vega, not neutral",
        kind=PlanKind.PROBE,
    )


def _note(sizing: Sizing) -> str:
    proof = "proven optimum" if sizing.gap <= 1e-6 else f"within {sizing.gap:.2%} of the optimum"
    return (
        f"{proof}: weights missed by {sizing.weight_error_total:.2%} of vega, balance off by "
        f"{sizing.neutrality_error:+.3%}; plain rounding would be off by "
        f"{sizing.naive.neutrality_error:+.3%}"
    )


def _package(
    inputs: PlanRequestInputs, candidate: Candidate, quantity: int, *, is_index: bool
) -> PlannedPackage:
    valued, terms, policy = candidate.valued, candidate.terms, inputs.policy
    symbol = terms.symbol
    name = inputs.reading.names[symbol]
    slippage = to_decimal(terms.half_spread_usd * policy.slippage_share, places=2)
    commission = policy.commission_per_contract_usd * LEGS
    broker = valued.broker_vega
    if name.increments is None:
        raise MarketDataMissing(f"the price grid of {symbol} options was not read")
    return PlannedPackage(
        symbol=symbol,
        role=Role.INDEX if is_index else Role.COMPONENT,
        straddle=valued.straddle,
        underlying_con_id=name.underlying.con_id,
        side=Side.BUY if quantity > 0 else Side.SELL,
        quantity=abs(quantity),
        weight=terms.weight,
        implied_vol=valued.implied_vol,
        spot=terms.spot,
        forward=valued.forward,
        discount=valued.discount,
        years=valued.years,
        vega_usd=terms.vega_usd_per_point,
        theta_usd=terms.theta_usd_per_day,
        delta_usd=terms.delta_usd,
        cash_gamma_usd=terms.cash_gamma_usd,
        quote=valued.reading.quote,
        increments=name.increments,
        cost_expected_usd=(slippage + commission) * abs(quantity),
        broker_vega_usd=None if broker is None else broker * terms.multiplier,
    )
