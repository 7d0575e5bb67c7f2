"""What came of a run, day by day, trade by trade, fill by fill?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from dispersa.backtest.settings import BacktestSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """One day of a run; money in USD, vega dollars per vol point, correlations as fractions.

    `pnl` is the change of net liquidation, `trading` the same without interest on cash. `index` and
    `components` are the two sides of it, hedges, fees and dividends included, interest not. Signal
    columns are NaN where there was none. The parts of the attribution sum to `trading`.
    """

    day: date
    equity: float
    pnl: float
    trading: float
    interest: float
    index: float
    components: float
    commissions: float
    slippage: float
    dividends: float
    borrow: float
    margin: float
    gross_exposure: float
    net_vega: float
    gross_vega: float
    net_delta: float
    trades_held: int
    implied_correlation: float
    forecast_correlation: float
    premium: float
    edge_gross: float
    edge_net: float
    cost: float
    direction: str
    verdict: str
    vix: float
    index_vol: float
    average_vol: float
    stale_marks: int
    halt: str
    attribution: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """One trade from its first fill to its last; `closed` is None while it is held."""

    trade: str
    opened: date
    closed: date | None
    reason: str
    direction: str
    names: int
    premium: float
    vega: float
    edge_net: float
    correlation_in: float
    correlation_out: float
    pnl: float
    index: float
    components: float
    hedges: float
    commissions: float
    slippage: float
    days: int
    end_state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRow:
    """One execution, in USD: `slippage` against the mid at the order's arrival, which is at most
    `half_spread` where the far side was not crossed beyond what was shown.
    """

    day: date
    trade: str
    order: str
    symbol: str
    contract: str
    side: str
    purpose: str
    quantity: float
    price: float
    commission: float
    slippage: float
    half_spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestResult:
    """A finished run: what was asked, on which data, and everything that came of it.

    `summary` is flat, for tables of many runs; its words begin where numbers would mislead.
    """

    settings: BacktestSettings
    source: str
    is_model_marked: bool
    statements: tuple[str, ...]
    fill_model: str
    daily: tuple[DayRow, ...]
    trades: tuple[TradeRow, ...]
    fills: tuple[FillRow, ...]
    notes: tuple[str, ...]
    summary: Mapping[str, float | str]
