"""How many whole straddles?"""

from dispersa.sizing.book import Book, sized_book, totals
from dispersa.sizing.margin import (
    MarginSource,
    MarginView,
    ShortPair,
    margin_view,
    short_pair_margin_usd,
)
from dispersa.sizing.outcome import (
    BookTotals,
    CountCause,
    DroppedName,
    Infeasible,
    NaiveRounding,
    Refusal,
    SizedStraddle,
    Sizing,
    Workable,
)
from dispersa.sizing.policy import Norm, Scheme, SizingPolicy
from dispersa.sizing.revaluation import ScenarioResult, revalue
from dispersa.sizing.scenarios import DEFAULT_SCENARIOS, Scenario
from dispersa.sizing.sizer import VegaNeutralSizer
from dispersa.sizing.stress import (
    AccountSizing,
    StressPolicy,
    StressReport,
    VegaBudget,
    stress_book,
    vega_budget,
)
from dispersa.sizing.terms import StraddleTerms, TermsMissing, TermsSource

__all__ = [
    "DEFAULT_SCENARIOS",
    "AccountSizing",
    "Book",
    "BookTotals",
    "CountCause",
    "DroppedName",
    "Infeasible",
    "MarginSource",
    "MarginView",
    "NaiveRounding",
    "Norm",
    "Refusal",
    "Scenario",
    "ScenarioResult",
    "Scheme",
    "ShortPair",
    "SizedStraddle",
    "Sizing",
    "SizingPolicy",
    "StraddleTerms",
    "StressPolicy",
    "StressReport",
    "TermsMissing",
    "TermsSource",
    "VegaBudget",
    "VegaNeutralSizer",
    "Workable",
    "margin_view",
    "revalue",
    "short_pair_margin_usd",
    "sized_book",
    "stress_book",
    "totals",
    "vega_budget",
]
