"""What do we hold, what is it exposed to, where did the P&L come from, does the broker agree?"""

from dispersa.portfolio.attribution import (
    IndexVolMove,
    LegPnl,
    PnlAttribution,
    PnlParts,
    Valued,
    attribute_pnl,
)
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

__all__ = [
    "Break",
    "BreakKind",
    "Exposure",
    "ExposureSums",
    "IndexVolMove",
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
    "StraddleExposure",
    "UnderlyingExposure",
    "Valued",
    "attribute_pnl",
    "exposure_of",
    "external_book",
    "gross_exposure",
    "modelled_margin",
    "positions_from",
    "positions_of",
    "reconcile",
]
