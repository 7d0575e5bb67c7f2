"""In which terms is a signal asked for and given?

Every noun holds floats, texts, dates and tuples only, so that it can be journaled as JSON.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from math import isfinite
from zoneinfo import ZoneInfo

from dispersa.correlation.past import DailySeries
from dispersa.errors import MarketDataMissing
from dispersa.market import Symbol

EXCHANGE_ZONE = ZoneInfo("America/New_York")


class ReasonCode(StrEnum):
    """Why the verdict is what it is, or why a name was left out."""

    EDGE_CLEARS = "edge_clears"
    PREMIUM_CLEARS = "premium_clears"
    EDGE_TOO_SMALL = "edge_too_small"
    PREMIUM_TOO_SMALL = "premium_too_small"
    SHORT_NOT_ALLOWED = "short_not_allowed"
    INDEX_VOL_MISSING = "index_vol_missing"
    INDEX_SPREAD_MISSING = "index_spread_missing"
    INDEX_SHARE_QUOTE_MISSING = "index_share_quote_missing"
    TOO_FEW_NAMES = "too_few_names"
    COVERAGE_TOO_LOW = "coverage_too_low"
    HISTORY_TOO_SHORT = "history_too_short"
    FORECAST_IMPOSSIBLE = "forecast_impossible"
    NAME_VOL_MISSING = "name_vol_missing"
    NAME_SPREAD_MISSING = "name_spread_missing"
    NAME_SHARE_QUOTE_MISSING = "name_share_quote_missing"
    NAME_HISTORY_SHORT = "name_history_short"
    NAME_INELIGIBLE = "name_ineligible"
    NAME_NOT_CHOSEN = "name_not_chosen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A code for programs and a sentence for people."""

    code: ReasonCode
    sentence: str


class Direction(StrEnum):
    """Which way to trade.

    LONG_DISPERSION sells the index straddle and buys component straddles: short correlation.
    SHORT_DISPERSION is the mirror.
    """

    LONG_DISPERSION = "LONG_DISPERSION"
    SHORT_DISPERSION = "SHORT_DISPERSION"
    NO_TRADE = "NO_TRADE"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalName:
    """What is known of one underlying, the index included.

    Attributes
    ----------
    weight
        Raw weight in the index, a fraction; 1 for the index.
    implied_vol
        At the money, at the signal's tenor; None where quotes gave none.
    spread_vol_points
        Quoted width of its at-the-money straddle in vol points; None without two-sided quotes.
    share_spread
        Quoted width of its shares as a fraction of their price; None without a two-sided quote,
        never zero for want of one.
    implied_vols, closes
        Daily history; days on or after the scored day are not looked at. Closes are adjusted for
        splits.
    open_interest
        The smaller of the straddle's two options; None where it was not read.
    flags
        What the caller wants carried along with this name, for example a stale quote.
    """

    symbol: Symbol
    weight: float
    implied_vol: float | None
    spread_vol_points: float | None
    share_spread: float | None
    implied_vols: DailySeries
    closes: DailySeries
    open_interest: int | None = None
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = [self.weight] if self.implied_vol is None else [self.weight, self.implied_vol]
        spreads = [one for one in (self.spread_vol_points, self.share_spread) if one is not None]
        if (
            not all(isfinite(one) for one in known + spreads)
            or min(known) <= 0
            or any(spread < 0 for spread in spreads)
        ):
            raise MarketDataMissing(
                f"{self.symbol}: weight {self.weight}, vol {self.implied_vol}, spreads "
                f"{self.spread_vol_points} and {self.share_spread}; expected numbers above zero "
                "(spreads may be zero), or None for what is not known"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A name that was read and does not belong to the basket."""

    name: SignalName
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalInputs:
    """Everything that the signal of one moment (`as_of`, aware) is computed from.

    `left_out` are names that were read and not chosen: they are reported and enter no number.
    """

    as_of: datetime
    tenor_days: int
    index: SignalName
    components: tuple[SignalName, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def trading_day(self) -> date:
        """Day that is scored, in New York; histories count only up to the day before it."""
        return self.as_of.astimezone(EXCHANGE_ZONE).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalPolicy:
    """Thresholds and estimation settings; docs/concepts/correlation.md has their evidence.

    Attributes
    ----------
    edge_min_vol_points
        Edge after cost, in vol points of index vega, below which nothing is traded.
    premium_min
        Implied less forecast correlation, a fraction, below which nothing is traded.
    prior_months
        Weight of the prior against the regressions' own months.
    """

    edge_min_vol_points: float = 0.25
    premium_min: float = 0.02
    coverage_min: float = 0.4
    names_min: int = 5
    history_days_min: int = 63
    horizon_days: int = 21
    prior_months: float = 36.0
    hedges_per_day: float = 1.0
    allow_short_dispersion: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RealizedWindow:
    """Realized correlation over one trailing window, None where history does not fill it.

    `clean` compares with the implied correlation; `average_pairwise` is shown and never mixed in.
    """

    days: int
    clean: float | None
    average_pairwise: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRow:
    """One name in the signal; `dropped` says why it was left out, None if it was used.

    `share` is its weight among the names used, and the vega share of a vega-neutral book;
    `gap_vol_points` is share x (implied - forecast), what buying this name costs.
    """

    symbol: Symbol
    weight: float
    share: float
    implied_vol: float | None
    forecast_vol: float | None
    spread_vol_points: float | None
    gap_vol_points: float | None
    dropped: Reason | None
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Verdict of one moment, with every number behind it. None means: could not be computed.

    Correlations are fractions, vols annualized decimals, edges and costs vol points of index vega.

    Attributes
    ----------
    implied_correlation, dirty_correlation
        Clean; and the dirty ratio (sI / A)^2, which is not comparable with it.
    forecast_correlation, correlation_premium
        Forecast of the clean realized correlation over the horizon; implied less forecast.
    considered
        The direction that the edge before cost favors, traded or not.
    edge_gross, cost_round_trip, cost_hedging, edge_net
        Of the direction considered.
    z_score, percentile
        Of the implied correlation in its own history before the scored day.
    breakeven_correlation
        Realized correlation at which LONG_DISPERSION earns nothing, names as forecast.
    coverage
        Raw index weight of the names used.
    history_days
        Days before the scored day that have an implied correlation.
    """

    as_of: datetime
    tenor_days: int
    index: Symbol
    direction: Direction
    implied_correlation: float | None = None
    dirty_correlation: float | None = None
    realized: tuple[RealizedWindow, ...] = ()
    forecast_correlation: float | None = None
    correlation_premium: float | None = None
    index_vol: float | None = None
    index_vol_forecast: float | None = None
    average_vol: float | None = None
    average_vol_forecast: float | None = None
    considered: Direction | None = None
    edge_gross: float | None = None
    cost_round_trip: float | None = None
    cost_hedging: float | None = None
    edge_net: float | None = None
    z_score: float | None = None
    percentile: float | None = None
    breakeven_correlation: float | None = None
    coverage: float = 0.0
    history_days: int = 0
    forecast_months: float = 0.0
    thresholds: SignalPolicy
    reasons: tuple[Reason, ...]
    names: tuple[SignalRow, ...] = ()
    flags: tuple[str, ...] = ()

    def edge_net_of(self, direction: Direction) -> float | None:
        """Edge after cost of one direction, which need not be the one considered."""
        if self.considered is None or self.edge_gross is None or self.edge_net is None:
            return None
        if direction is Direction.NO_TRADE:
            return 0.0
        if direction is self.considered:
            return self.edge_net
        cost = self.edge_gross - self.edge_net
        return -self.edge_gross - cost
