"""What do we hold, what is it exposed to, where did the P&L come from, does the broker agree?"""

from dispersa.portfolio.attribution import (
    IndexVolMove,
    LegPnl,
    PnlAttribution,
    PnlParts,
    Valued,
    attribute_pnl,
)
from dispersa.portfolio.bookings import Booking, BookingKind
from dispersa.portfolio.differences import Cause, Change, Explanation, Known
from dispersa.portfolio.explanations import explain
from dispersa.portfolio.exposure import (
    Exposure,
    ExposureSums,
    LegExposure,
    Sensitivities,
    StraddleExposure,
    UnderlyingExposure,
    exposure_of,
    gross_exposure,
)
from dispersa.portfolio.margin import modelled_margin
from dispersa.portfolio.marks import Mark, MarkSource, OptionMark, SecondOrder, ShareMark
from dispersa.portfolio.positions import Position, positions_from, positions_of
from dispersa.portfolio.reconciliation import (
    Break,
    BreakKind,
    Reconciliation,
    external_book,
    reconcile,
)
from dispersa.portfolio.splits import holder, restated
from dispersa.portfolio.statement import (
    Statement,
    StatementBreak,
    StatementBreakKind,
    StatementTrade,
    parse_statement,
    statement_breaks,
)
from dispersa.portfolio.stress import Basket, BookStress, StressAxes, stress_of
from dispersa.portfolio.tables import correlation_usd_per_point, leg_rows, name_rows

__all__ = [
    "Basket",
    "BookStress",
    "Booking",
    "BookingKind",
    "Break",
    "BreakKind",
    "Cause",
    "Change",
    "Explanation",
    "Exposure",
    "ExposureSums",
    "IndexVolMove",
    "Known",
    "LegExposure",
    "LegPnl",
    "Mark",
    "MarkSource",
    "OptionMark",
    "PnlAttribution",
    "PnlParts",
    "Position",
    "Reconciliation",
    "SecondOrder",
    "Sensitivities",
    "ShareMark",
    "Statement",
    "StatementBreak",
    "StatementBreakKind",
    "StatementTrade",
    "StraddleExposure",
    "StressAxes",
    "UnderlyingExposure",
    "Valued",
    "attribute_pnl",
    "correlation_usd_per_point",
    "explain",
    "exposure_of",
    "external_book",
    "gross_exposure",
    "holder",
    "leg_rows",
    "modelled_margin",
    "name_rows",
    "parse_statement",
    "positions_from",
    "positions_of",
    "reconcile",
    "restated",
    "statement_breaks",
    "stress_of",
]
