"""How do the trades of a journal look: held, closed, rolled, with their money?"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.table import Table

from dispersa.desk.lifecycle import (
    option_contracts,
    refs_by_trade,
    trade_of,
    trade_positions,
)
from dispersa.desk.state import DeskState
from dispersa.errors import InvalidInput
from dispersa.market import ConId
from dispersa.orders import ProgramId
from dispersa.portfolio import Position
from dispersa.reports.tables import money, table


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """One trade in short; `cash_usd` is what its trades brought in, before commission."""

    trade: ProgramId
    programs: tuple[ProgramId, ...]
    positions: Mapping[ConId, Position]

    @property
    def is_open(self) -> bool:
        """Whether something is left of it."""
        return any(not row.is_flat for row in self.positions.values())

    @property
    def cash_usd(self) -> Decimal:
        """Net cash of all executions and bookings."""
        return sum((row.cash + row.income for row in self.positions.values()), Decimal(0))

    @property
    def realized_usd(self) -> Decimal:
        """Profit of what was closed, before commission."""
        return sum((row.realized + row.income for row in self.positions.values()), Decimal(0))

    @property
    def commission_usd(self) -> Decimal:
        """Commission known so far."""
        return sum((row.commission for row in self.positions.values()), Decimal(0))


def trade_rows(state: DeskState) -> tuple[TradeRow, ...]:
    """Every trade of the journal, oldest first."""
    rows = []
    for trade, refs in refs_by_trade(state).items():
        programs = [state.orders[ref].approved.intent.program for ref in refs]
        rows.append(
            TradeRow(
                trade=trade,
                programs=tuple(dict.fromkeys(programs)),
                positions=trade_positions(state, trade),
            )
        )
    return tuple(rows)


def _chosen(state: DeskState, program: str | None) -> tuple[TradeRow, ...]:
    rows = trade_rows(state)
    if program is None:
        return rows
    wanted = trade_of(state, ProgramId(program))
    found = tuple(row for row in rows if row.trade == wanted)
    if not found:
        known = ", ".join(row.trade for row in rows) or "none"
        raise InvalidInput(f"the journal has no trade {program!r}; it has {known}")
    return found


def programs_table(state: DeskState, program: str | None = None) -> Table:
    """Show one row per trade, or one per contract of one trade."""
    rows = _chosen(state, program)
    return _one(state, rows[0]) if program is not None else _all(rows)


def _all(rows: tuple[TradeRow, ...]) -> Table:
    found = table(
        "Trades", "trade", "state", "programs", "contracts held", "cash $", "realized $",
        "commission $", left=2,
    )  # fmt: skip
    for row in rows:
        found.add_row(
            row.trade,
            "open" if row.is_open else "closed",
            str(len(row.programs)),
            str(sum(not each.is_flat for each in row.positions.values())),
            money(row.cash_usd, signed=True),
            money(row.realized_usd, signed=True),
            money(row.commission_usd),
        )
    return found


def _one(state: DeskState, row: TradeRow) -> Table:
    options = option_contracts(state)
    held = "open" if row.is_open else "closed"
    title = f"Trade {row.trade}, {held}; programs: {', '.join(row.programs)}"
    found = table(
        title, "contract", "quantity", "average price", "realized $", "cash $", "commission $"
    )
    for con_id, each in row.positions.items():
        option = options.get(con_id)
        found.add_row(
            f"{each.symbol} shares" if option is None else option.label,
            f"{each.quantity:+f}",
            f"{each.average_price:.4f}",
            money(each.realized, signed=True),
            money(each.cash + each.income, signed=True),
            money(each.commission),
        )
    return found


def programs_document(state: DeskState, program: str | None = None) -> dict[str, Any]:
    """Return the trades with plain values."""
    options = option_contracts(state)
    return {
        "trades": [
            {
                "trade": row.trade,
                "programs": list(row.programs),
                "open": row.is_open,
                "cash_usd": float(row.cash_usd),
                "realized_usd": float(row.realized_usd),
                "commission_usd": float(row.commission_usd),
                "positions": [
                    {
                        "con_id": con_id,
                        "symbol": each.symbol,
                        "contract": options[con_id].label
                        if con_id in options
                        else f"{each.symbol} shares",
                        "quantity": float(each.quantity),
                        "average_price": float(each.average_price),
                        "realized_usd": float(each.realized),
                        "income_usd": float(each.income),
                    }
                    for con_id, each in row.positions.items()
                ],
            }
            for row in _chosen(state, program)
        ]
    }
