"""What is held, what is it worth, what could it cost, and where did the P&L come from?"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from dispersa.desk.weighing import held, positions
from dispersa.execution.plan import TradePlan
from dispersa.market import ConId, Right, Symbol
from dispersa.portfolio import Exposure, LegExposure, Position
from dispersa.web.formats import EXCHANGE_ZONE
from dispersa.web.seam import Reading
from dispersa.web.views.drawing import waterfall
from dispersa.web.views.profit import attribution, mark_of, pnl
from dispersa.web.views.stress import heat_map, payoff

WATERFALL_WIDTH = 260.0


def positions_view(reading: Reading) -> dict[str, Any]:
    """Return the book by program, underlying and leg; `groups` is empty where nothing is held."""
    state = reading.state
    exposure = held(state)
    own = positions(state)
    known = {leg.con_id for leg in exposure.legs}
    return {
        "groups": _groups(reading, exposure, own),
        "exposure": exposure,
        "unmarked": [row for key, row in own.items() if key not in known and not row.is_flat],
        "pnl": pnl(reading, own),
        "attribution": waterfall(attribution(reading, own), WATERFALL_WIDTH),
        "heat": heat_map(state),
        "payoff": payoff(state),
        "external": [row for row in state.baseline if row.quantity],
        "calendar": _calendar(exposure, own, reading),
        "no_ex_dates": [
            name for name in _short_calls(exposure, own) if name not in reading.dividends
        ],
        "reconciled_at": state.reconciled_at,
    }


def _groups(
    reading: Reading, exposure: Exposure, own: Mapping[ConId, Position]
) -> list[dict[str, Any]]:
    state = reading.state
    planned = _planned_legs(state.plan)
    programs: dict[str, dict[str, list[LegExposure]]] = defaultdict(lambda: defaultdict(list))
    current = "earlier trades" if state.program is None else state.program.program
    for leg in exposure.legs:
        name = current if leg.con_id in planned else "earlier trades"
        programs[name][leg.symbol].append(leg)
    return [
        {
            "program": name,
            "underlyings": [
                _underlying(reading, symbol, legs, own) for symbol, legs in by_symbol.items()
            ],
        }
        for name, by_symbol in programs.items()
    ]


def _planned_legs(plan: TradePlan | None) -> frozenset[ConId]:
    if plan is None:
        return frozenset()
    return frozenset(leg.con_id for row in plan.packages for leg in row.straddle.legs)


def _underlying(
    reading: Reading, symbol: str, legs: Sequence[LegExposure], own: Mapping[ConId, Position]
) -> dict[str, Any]:
    rows = [_leg(reading, leg, own[leg.con_id]) for leg in legs]
    return {
        "symbol": symbol,
        "legs": rows,
        "value": sum((row["value"] for row in rows), Decimal(0)),
        "pnl": sum((row["pnl"] for row in rows), Decimal(0)),
        "delta": sum(row["delta"] for row in rows),
        "gamma": sum(row["gamma"] for row in rows),
        "vega": sum(row["vega"] for row in rows),
        "theta": sum(row["theta"] for row in rows),
    }


def _leg(reading: Reading, leg: LegExposure, position: Position) -> dict[str, Any]:
    price, source, at = mark_of(reading, leg.con_id)
    price = leg.price if price is None else price
    shares = position.quantity * position.multiplier
    return {
        "label": leg.symbol if leg.option is None else leg.option.label,
        "quantity": position.quantity,
        "average": position.average_price,
        "price": price,
        "source": source,
        "age_s": None if at is None else max((reading.at - at).total_seconds(), 0.0),
        "value": shares * price,
        "pnl": shares * (price - position.average_price) + position.realized,
        "delta": leg.greeks.delta_usd,
        "gamma": leg.greeks.gamma_usd,
        "vega": leg.greeks.vega_usd,
        "theta": leg.greeks.theta_usd,
    }


def _calendar(
    exposure: Exposure, own: Mapping[ConId, Position], reading: Reading
) -> list[dict[str, Any]]:
    """Expiries and ex-dividend dates of what is held, the next first."""
    today = reading.at.astimezone(EXCHANGE_ZONE).date()
    by_day: dict[date, set[str]] = defaultdict(set)
    for leg in exposure.legs:
        if leg.option is not None:
            by_day[leg.option.expiry].add(leg.symbol)
    expiries = [
        {
            "day": day,
            "what": f"expiry of {len(names)} straddles",
            "names": sorted(names),
            "warning": "",
        }
        for day, names in by_day.items()
    ]
    last = max(by_day, default=today)
    ends = _ex_dates(exposure, own, reading, today, last)
    rows = sorted([*expiries, *ends], key=lambda row: row["day"])
    return [{**row, "days": (row["day"] - today).days} for row in rows]


def _ex_dates(
    exposure: Exposure, own: Mapping[ConId, Position], reading: Reading, today: date, last: date
) -> list[dict[str, Any]]:
    """Ex-dividend dates of the names held, until the last option has expired."""
    assignable = _short_calls(exposure, own)
    return [
        {
            "day": dividend.ex_date,
            "what": f"ex-dividend ${dividend.amount:.2f}",
            "names": [symbol],
            "warning": "calls held short may be assigned the day before"
            if symbol in assignable
            else "",
        }
        for symbol in sorted({leg.symbol for leg in exposure.legs})
        for dividend in reading.dividends.get(symbol, ())
        if today <= dividend.ex_date <= last
    ]


def _short_calls(exposure: Exposure, own: Mapping[ConId, Position]) -> list[Symbol]:
    """Names whose calls are held short: they may be assigned the day before an ex-dividend date."""
    return sorted(
        {
            leg.symbol
            for leg in exposure.legs
            if leg.option is not None
            and leg.option.right is Right.CALL
            and own[leg.con_id].quantity < 0
        }
    )
