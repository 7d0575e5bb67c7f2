"""How far has a trade come, and how is it written down in the end?"""

import math
from dataclasses import dataclass
from datetime import date

from dispersa.backtest.result import TradeRow
from dispersa.orders import ProgramId

NAN = math.nan


@dataclass(slots=True, kw_only=True)
class OpenTrade:
    """A trade as far as it has come."""

    trade: ProgramId
    opened: date
    direction: str
    names: int
    premium: float
    vega: float
    edge_net: float
    correlation: float | None
    vix: float | None
    reason: str = ""
    pnl: float = 0.0
    index: float = 0.0
    hedges: float = 0.0
    commissions: float = 0.0
    slippage: float = 0.0
    days: int = 0
    end_state: str = ""

    def row(self, *, closed: date | None, correlation: float | None) -> TradeRow:
        """The trade as it is written down; `correlation` is the implied one of now."""
        return TradeRow(
            trade=self.trade,
            opened=self.opened,
            closed=closed,
            reason=self.reason or ("held at the end of the data" if closed is None else "expired"),
            direction=self.direction,
            names=self.names,
            premium=self.premium,
            vega=self.vega,
            edge_net=self.edge_net,
            correlation_in=number_of(self.correlation),
            correlation_out=number_of(correlation),
            pnl=self.pnl,
            index=self.index,
            components=self.pnl - self.index,
            hedges=self.hedges,
            commissions=self.commissions,
            slippage=self.slippage,
            days=self.days,
            end_state=self.end_state,
        )


def number_of(value: float | None) -> float:
    """A number, NaN where there is none."""
    return NAN if value is None else value
