"""What is being worked right now? The program, its corridor, and each package on its ladder."""

from datetime import datetime
from typing import Any

from dispersa.desk.program_view import signed_at_risk
from dispersa.desk.state import DeskState
from dispersa.execution.outcome import outcome_of
from dispersa.execution.program import PackageProgress, Program, balance_of
from dispersa.market import Quote, straddle_quote
from dispersa.orders import Order
from dispersa.web.seam import Reading
from dispersa.web.views.drawing import ladder, share

LADDER_WIDTH = 132.0


def program_view(reading: Reading) -> dict[str, Any]:
    """Return the running or last program; `program` None where there never was one."""
    state, program = reading.state, reading.state.program
    if program is None:
        return {"program": None}
    balance = balance_of(program, signed_at_risk(state, program))
    rows = [_row(reading, program, row) for row in program.packages.values()]
    planned = sum(row.plan.quantity for row in program.packages.values())
    return {
        "program": program,
        "balance": balance,
        "rows": sorted(rows, key=_order),
        "filled_share": share(sum(row.filled for row in program.packages.values()), planned),
        "cost": _cost(state, program),
        "elapsed_s": ((program.ended_at or reading.at) - program.started_at).total_seconds(),
        "left_s": max((program.deadline_at - reading.at).total_seconds(), 0.0),
        "next": next_words(state, program),
        "series": corridor_series(state, program, reading.at),
        "packages_done": sum(not row["is_open"] for row in rows),
    }


def _order(row: dict[str, Any]) -> tuple[int, str, str]:
    rank = {"working": 0, "waiting": 1, "filled": 3, "abandoned": 2}
    return (0 if row["role"] == "index" else 1, str(rank.get(row["state"], 1)), row["symbol"])


def _row(reading: Reading, program: Program, row: PackageProgress) -> dict[str, Any]:
    state = reading.state
    order = None if row.order is None else state.orders.get(row.order)
    quote, is_live = _quote(reading, row)
    limit = None if order is None else order.working_limit
    commission = sum((state.book.commission_of(ref) for ref in row.refs), start=row.slippage_usd)
    return {
        "key": row.plan.key,
        "symbol": row.plan.symbol,
        "role": row.plan.role.value,
        "label": row.plan.straddle.label,
        "side": row.side.value,
        "filled": row.filled,
        "target": row.target,
        "planned": row.plan.quantity,
        "share": share(row.filled, row.plan.quantity),
        "quote": quote,
        "quote_live": is_live,
        "limit": limit,
        "ladder": ladder(
            {"bid": quote.bid, "mid": quote.mid, "ask": quote.ask, "limit": limit}, LADDER_WIDTH
        ),
        "order_state": None if order is None else order.state.value,
        "since_s": _since(order, reading.at),
        "cost": commission,
        "budget": row.plan.cost_expected_usd,
        "state": row.state.value,
        "reason": row.reason or ("paused: no usable quote" if row.paused_at else ""),
        "is_open": row.is_open and program.ended_at is None,
        "moves": 0 if order is None else max(len(order.limit_path) - 1, 0),
    }


def _quote(reading: Reading, row: PackageProgress) -> tuple[Quote, bool]:
    call = reading.quotes.get(row.plan.straddle.call.con_id)
    put = reading.quotes.get(row.plan.straddle.put.con_id)
    if call is None or put is None:
        return row.plan.quote, False
    return straddle_quote(call, put), True


def _since(order: Order | None, at: datetime) -> float | None:
    return None if order is None else (at - order.intended_at).total_seconds()


def _cost(state: DeskState, program: Program) -> dict[str, Any]:
    outcome = outcome_of(program, state.orders, state.book, state.messages_sent)
    return {
        "actual": outcome.cost_actual_usd,
        "expected": outcome.cost_expected_usd,
        "share": share(outcome.cost_actual_usd, outcome.cost_expected_usd),
        "slippage": program.slippage_usd,
    }


def next_words(state: DeskState, program: Program) -> str:
    """Say in a sentence what happens next."""
    if program.ended_at is not None:
        return program.sentence
    if state.halt is not None:
        return f"Halted ({state.halt.level}): nothing new is sent until somebody resumes."
    if program.unproven_since is not None:
        return "The link was lost: nothing is sent until the broker's books were read in full."
    working = [row for row in program.packages.values() if row.order is not None]
    waiting = [row for row in program.packages.values() if row.is_open and row.order is None]
    verb = "trading back" if program.state.value == "UNWINDING" else "working"
    names = ", ".join(row.plan.symbol for row in working[:4])
    more = f" and {len(working) - 4} more" if len(working) > 4 else ""
    now = f"{verb} {names}{more}" if working else "no order works"
    then = f"; {len(waiting)} packages wait for room in the corridor" if waiting else ""
    return f"{now[0].upper()}{now[1:]}{then}."


def corridor_series(state: DeskState, program: Program, at: datetime) -> dict[str, Any]:
    """Return the path of filled vega, from executions: two legs make one straddle's vega."""
    rows = []
    for row in program.packages.values():
        refs = set(row.refs)
        for execution in state.book.executions.values():
            if execution.order_ref in refs:
                sign = execution.side.sign
                vega = sign * float(execution.quantity) * row.plan.vega_usd / 2
                rows.append((execution.at, vega))
    rows.sort(key=lambda each: each[0])
    times, path, running = [program.started_at.timestamp()], [0.0], 0.0
    for moment, vega in rows:
        running += vega
        times.append(max(moment.timestamp(), times[-1]))
        path.append(round(running, 1))
    end = program.ended_at or at
    times.append(max(end.timestamp(), times[-1]))
    path.append(round(running, 1))
    return {"kind": "corridor", "times": times, "values": path, "limit": program.corridor_usd}
