"""How many whole straddles?"""

from dispersa.sizing.book import Book, totals
from dispersa.sizing.outcome import (
    BookTotals,
    DroppedName,
    Infeasible,
    NaiveRounding,
    Refusal,
    SizedStraddle,
    Sizing,
    Workable,
)
from dispersa.sizing.policy import Norm, Scheme, SizingPolicy
from dispersa.sizing.sizer import VegaNeutralSizer
from dispersa.sizing.terms import StraddleTerms, TermsMissing, TermsSource

__all__ = [
    "Book",
    "BookTotals",
    "DroppedName",
    "Infeasible",
    "NaiveRounding",
    "Norm",
    "Refusal",
    "Scheme",
    "SizedStraddle",
    "Sizing",
    "SizingPolicy",
    "StraddleTerms",
    "TermsMissing",
    "TermsSource",
    "VegaNeutralSizer",
    "Workable",
    "totals",
]
