"""What does the day ask of the trades that are held: exits, hedges, re-strikes, dates?

Everything here looks; nothing is sent. A closing is asked for as any closing, a hedge as any order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from dispersa.correlation.terms import Direction
from dispersa.desk.dividends import next_dividend
from dispersa.desk.exits import ExitDecision, ExitPolicy, TradeLook, exit_of, unseen
from dispersa.desk.expiry import (
    CalendarRow,
    Dividend,
    ExpiryPolicy,
    HeldOption,
    Notice,
    calendar,
    notices,
)
from dispersa.desk.hedging import Borrow, HedgePolicy, StraddleLook, restrike_of
from dispersa.desk.lifecycle import option_contracts, trade_positions
from dispersa.desk.state import DeskState, TradeStart
from dispersa.desk.weighing import held as valued
from dispersa.errors import MarketDataMissing
from dispersa.market import ConId, Right, Symbol, to_float
from dispersa.orders import ProgramId
from dispersa.portfolio import Exposure, Mark, OptionMark, Position
from dispersa.portfolio.reconciliation import EXCHANGE_ZONE
from dispersa.pricing import basket, black
from dispersa.pricing.quality import Status
from dispersa.pricing.units import vega_per_point
from dispersa.runtime.hedging import HedgeLook, look_at_deltas
from dispersa.runtime.profit import (
    NAMES_MIN,
    TradeProfit,
    premium_at_start,
    profit_of,
    vols_of,
)
from dispersa.runtime.trade_session import TradeSetup
from dispersa.runtime.valuation import years_to_expiry


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclePolicies:
    """The rules of the day; dividends and what can be borrowed come from whoever knows them."""

    exits: ExitPolicy = field(default_factory=ExitPolicy)
    hedging: HedgePolicy = field(default_factory=HedgePolicy)
    expiry: ExpiryPolicy = field(default_factory=ExpiryPolicy)
    dividends: Mapping[Symbol, Sequence[Dividend]] = field(default_factory=dict)
    borrow: Mapping[Symbol, Borrow] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeDay:
    """One trade today: its profit, whether it is to be closed, what could not be measured."""

    trade: ProgramId
    profit: TradeProfit | None
    exit: ExitDecision | None
    unseen: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLook:
    """Everything that the day asks for."""

    trades: tuple[TradeDay, ...]
    hedges: HedgeLook | None
    hedges_missing: str
    restrikes: tuple[str, ...]
    calendar: tuple[CalendarRow, ...]
    notices: tuple[Notice, ...]


async def look_at_day(setup: TradeSetup, state: DeskState, policies: CyclePolicies) -> DayLook:
    """Look at every trade of a desk whose books were just read and marked."""
    now = setup.clock.live.now()
    today = now.astimezone(EXCHANGE_ZONE).date()
    options = _options(state, policies, today)
    try:
        found, missing = await look_at_deltas(setup, state, policies.hedging, policies.borrow), ""
    except MarketDataMissing as error:
        found, missing = None, str(error)
    return DayLook(
        trades=trades_today(state, policies, today),
        hedges=found,
        hedges_missing=missing,
        restrikes=_restrikes(valued(state), state.marks, policies.hedging),
        calendar=calendar(options, today),
        notices=notices(options, policies.expiry, today),
    )


def trades_today(state: DeskState, policies: CyclePolicies, today: date) -> tuple[TradeDay, ...]:
    """Look at the exit of every trade held, at the marks that the desk has."""
    return tuple(_trade(state, trade, policies, today) for trade in state.programs_held)


def _trade(state: DeskState, trade: ProgramId, policies: CyclePolicies, today: date) -> TradeDay:
    rows = _held(trade_positions(state, trade))
    contracts = option_contracts(state)
    days = [contracts[key].days_to_expiry(today) for key in rows if key in contracts]
    is_marked = all(key in state.marks for key in rows)
    profit = profit_of(state, trade, state.marks) if is_marked else None
    start = state.trade_starts.get(trade)
    look = TradeLook(
        profit_usd=None if profit is None else profit.total_usd,
        premium_usd=premium_at_start(state, trade),
        days_to_expiry=min(days, default=0),
        edge_vol_points=None if start is None else _edge(state, start.direction, today),
        vix=None if state.vix is None else state.vix.level,
        vix_at_start=None if start is None else start.vix,
        correlation=None if start is None else implied_among(start, _vols(state, rows)),
        correlation_at_start=None if start is None else implied_among(start, start.vols),
        is_short_correlation=start is None or start.direction is not Direction.SHORT_DISPERSION,
    )
    return TradeDay(
        trade=trade,
        profit=profit,
        exit=exit_of(look, policies.exits) if days else None,  # shares alone are hedged away
        unseen=unseen(look),
    )


def _edge(state: DeskState, direction: Direction, today: date) -> float | None:
    """Edge of today's signal in the trade's direction; an older signal says nothing."""
    signal = state.signal
    if signal is None or signal.as_of.astimezone(EXCHANGE_ZONE).date() != today:
        return None
    return signal.edge_net_of(direction)


def _vols(state: DeskState, rows: Mapping[ConId, Position]) -> Mapping[Symbol, float]:
    """Vol of each name of a trade, vega-weighted over the options that it holds."""
    return vols_of({key: mark for key, mark in state.marks.items() if key in rows})


def implied_among(start: TradeStart, vols: Mapping[Symbol, float]) -> float | None:
    """Implied correlation of the names that a trade began with, None where a vol is missing.

    (sI^2 - B) / (A^2 - B),   A = sum w_i s_i,   B = sum w_i^2 s_i^2,   weights to sum one
    """
    names = [name for name in start.weights if name in start.vols]
    if len(names) < NAMES_MIN or not {start.index, *names} <= vols.keys():
        return None
    total = sum(start.weights[name] for name in names)
    found = basket.implied_correlation(
        [start.weights[name] / total for name in names],
        [vols[name] for name in names],
        vols[start.index],
    )
    return float(found.clean) if int(found.status) == Status.OK else None


def _held(rows: Mapping[ConId, Position]) -> Mapping[ConId, Position]:
    return {key: row for key, row in rows.items() if not row.is_flat}


def _options(state: DeskState, policies: CyclePolicies, today: date) -> tuple[HeldOption, ...]:
    """Every option held with its underlying's spot and the value of the put of its strike."""
    rows = []
    for leg in valued(state).legs:
        mark = state.marks.get(leg.con_id)
        if leg.option is None or not isinstance(mark, OptionMark):
            continue
        rows.append(
            HeldOption(
                option=leg.option,
                quantity=leg.quantity,
                spot=to_float(mark.spot),
                put_value=_put_value(state.marks, mark),
                dividend=next_dividend(policies.dividends.get(leg.symbol, ()), today),
            )
        )
    return tuple(rows)


def _put_value(marks: Mapping[ConId, Mark], call: OptionMark) -> float | None:
    own = call.contract
    for mark in marks.values():
        if isinstance(mark, OptionMark) and mark.contract.right is Right.PUT:
            other = mark.contract
            same = (other.symbol, other.expiry, other.strike)
            if same == (own.symbol, own.expiry, own.strike):
                return to_float(mark.price)
    return None


def _restrikes(
    exposure: Exposure, marks: Mapping[ConId, Mark], policy: HedgePolicy
) -> tuple[str, ...]:
    """Compare each straddle's vega with that of one struck at the money at the same vol today."""
    found = []
    for row in exposure.straddles:
        legs = [
            mark
            for leg in exposure.legs
            if leg.option is not None
            and (leg.symbol, leg.option.expiry, leg.option.strike)
            == (row.symbol, row.expiry, row.strike)
            and isinstance(mark := marks.get(leg.con_id), OptionMark)
        ]
        if len(legs) < 2 or not row.straddles:
            continue
        spot, mark = to_float(legs[0].spot), legs[0]
        years = years_to_expiry(row.expiry, mark.at)
        if years <= 0:
            continue
        near = black.greeks(spot, spot, mark.greeks.implied_vol, years, 1.0, True)
        look = StraddleLook(
            label=f"{row.symbol} {row.expiry:%d%b%y} {row.strike}".upper(),
            vega=sum(leg.greeks.vega for leg in legs),
            vega_at_strike=2 * float(vega_per_point(near.vega)),
            delta=sum(leg.greeks.delta for leg in legs),
        )
        if (sentence := restrike_of(look, policy)) is not None:
            found.append(sentence)
    return tuple(found)


def day_document(look: DayLook) -> dict[str, Any]:
    """Return what the day asks for with plain values."""
    hedges = () if look.hedges is None else look.hedges.hedges
    return {
        "trades": [
            {
                "trade": row.trade,
                "profit_usd": None if row.profit is None else _usd(row.profit.total_usd),
                "realized_usd": None if row.profit is None else _usd(row.profit.realized_usd),
                "open_usd": None if row.profit is None else _usd(row.profit.open_usd),
                "exit": None if row.exit is None else row.exit.reason.value,
                "sentence": None if row.exit is None else row.exit.sentence,
                "unseen": list(row.unseen),
            }
            for row in look.trades
        ],
        "hedges": [
            {"symbol": each.symbol, "shares": each.shares, "sentence": each.sentence}
            for each in hedges
        ],
        "hedges_missing": look.hedges_missing or None,
        "restrikes": list(look.restrikes),
        "calendar": [
            {
                "contract": row.option.label,
                "quantity": float(row.quantity),
                "last_trading_day": row.last_trading_day.isoformat(),
                "settles": row.settles,
                "days": row.days,
            }
            for row in look.calendar
        ],
        "notices": [
            {"duty": note.duty.value, "by": note.by.isoformat(), "sentence": note.sentence}
            for note in look.notices
        ],
    }


def _usd(amount: Decimal) -> float:
    return float(round(amount, 2))
