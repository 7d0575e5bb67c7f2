"""How do positions, exposure, breaks, orders and the desk's state look?"""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dispersa.desk.state import DeskState
from dispersa.orders import BrokerSnapshot, PositionReading
from dispersa.portfolio import Exposure, Reconciliation, Statement, StatementBreak
from dispersa.reports.tables import price, table


def _label(row: PositionReading) -> str:
    return row.symbol if row.option is None else row.option.label


def positions_document(snapshot: BrokerSnapshot) -> dict[str, Any]:
    """Return the positions with plain values."""
    return {
        "account": snapshot.account.account,
        "at": snapshot.at.isoformat(),
        "positions": [
            {
                "con_id": row.con_id,
                "symbol": row.symbol,
                "contract": _label(row),
                "quantity": float(row.quantity),
                "average_cost": float(row.average_cost),
            }
            for row in snapshot.positions
            if row.quantity
        ],
    }


def exposure_document(found: Exposure) -> dict[str, Any]:
    """Return the exposure with plain values."""
    book = found.book
    return {
        "at": found.at.isoformat(),
        "premium": float(book.premium),
        "margin_modeled": float(found.margin_modelled),
        "margin_broker": None if found.margin_broker is None else float(found.margin_broker),
        "notional": float(book.notional),
        "gross": None if found.gross is None else float(found.gross),
        "delta": book.greeks.delta_usd,
        "vega": book.greeks.vega_usd,
        "theta": book.greeks.theta_usd,
        "unmarked": list(found.unmarked),
        "underlyings": [
            {
                "symbol": each.symbol,
                "premium": float(each.sums.premium),
                "margin": float(each.margin),
                "vega": each.sums.greeks.vega_usd,
            }
            for each in found.underlyings
        ],
    }


def reconciliation_table(found: Reconciliation) -> RenderableType:
    """Show every break, or that there is none."""
    if found.agrees:
        return Text(f"Our book and the broker's agree, {found.at:%Y-%m-%d %H:%M:%S} UTC.")
    rows = table("Breaks: these names are locked", "name", "kind", "found", "expected", left=2)
    for each in found.breaks:
        rows.add_row(each.symbol, each.kind.value, each.found, each.expected)
    return Group(rows, *(Text(each.sentence) for each in found.breaks))


def reconciliation_document(found: Reconciliation) -> dict[str, Any]:
    """Return the comparison with plain values."""
    return {
        "at": found.at.isoformat(),
        "reconciled": found.agrees,
        "breaks": [
            {"symbol": each.symbol, "kind": each.kind.value, "sentence": each.sentence}
            for each in found.breaks
        ],
    }


def orders_table(state: DeskState) -> Table:
    """Show one row per order."""
    rows = table(
        "Orders", "reference", "side", "name", "filled", "limit", "limits", "state", left=3
    )
    for ref, order in state.orders.items():
        intent = order.approved.intent
        rows.add_row(
            ref,
            intent.side.value,
            intent.combo.symbol,
            f"{order.filled}/{intent.quantity}",
            price(order.working_limit),
            str(len(order.limit_path)),
            order.state.value,
        )
    return rows


def orders_document(state: DeskState) -> dict[str, Any]:
    """Return the orders with plain values."""
    return {
        "orders": [
            {
                "ref": ref,
                "symbol": order.approved.intent.combo.symbol,
                "side": order.approved.intent.side.value,
                "quantity": order.approved.intent.quantity,
                "filled": order.filled,
                "limit": float(order.working_limit),
                "state": order.state.value,
                "message": order.message,
            }
            for ref, order in state.orders.items()
        ]
    }


def status_document(state: DeskState) -> dict[str, Any]:
    """Return the desk's state in short."""
    program = state.program
    return {
        "profile": state.profile or None,
        "stage": state.stage.value,
        "halted": None if state.halt is None else f"{state.halt.level.value}: {state.halt.reason}",
        "program": None if program is None else program.program,
        "program_state": None if program is None else program.state.value,
        "program_sentence": None if program is None else program.sentence,
        "open_orders": len(state.open_orders()),
        "unknown_names": ", ".join(sorted(state.unknown_names())) or None,
        "locked_names": ", ".join(sorted(state.locked_names())) or None,
        "reconciled_at": None if state.reconciled_at is None else state.reconciled_at.isoformat(),
    }


def statement_table(statement: Statement, breaks: tuple[StatementBreak, ...]) -> RenderableType:
    """Show in what our book and the broker's statement differ, or that they do not."""
    days = f"{statement.first_day} to {statement.last_day}"
    if not breaks:
        return Text(f"The statement of {days} agrees: {len(statement.trades)} executions.")
    rows = table(f"Our book against the statement of {days}", "name", "kind", "found", "expected")
    for each in breaks:
        rows.add_row(each.symbol, each.kind.value, each.found, each.expected)
    return Group(rows, *(Text(each.sentence) for each in breaks))


def statement_document(statement: Statement, breaks: tuple[StatementBreak, ...]) -> dict[str, Any]:
    """Return the comparison with a statement with plain values."""
    return {
        "account": statement.account,
        "first_day": statement.first_day.isoformat(),
        "last_day": statement.last_day.isoformat(),
        "executions": len(statement.trades),
        "agrees": not breaks,
        "breaks": [
            {"symbol": each.symbol, "kind": each.kind.value, "sentence": each.sentence}
            for each in breaks
        ],
    }
