"""What do we hold, what is it exposed to, and does the broker agree?"""

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
from dispersa.portfolio.marks import Mark, MarkSource, OptionMark, ShareMark
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
    "LegExposure",
    "Mark",
    "MarkSource",
    "OptionMark",
    "Position",
    "Reconciliation",
    "Sensitivities",
    "ShareMark",
    "StraddleExposure",
    "UnderlyingExposure",
    "exposure_of",
    "external_book",
    "gross_exposure",
    "modelled_margin",
    "positions_from",
    "positions_of",
    "reconcile",
]
