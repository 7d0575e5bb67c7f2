"""What does a run come to, in one flat table?"""

from dispersa.backtest.market import Source
from dispersa.backtest.recording import Records
from dispersa.backtest.result import BacktestResult, DayRow, TradeRow
from dispersa.backtest.settings import BacktestSettings
from dispersa.backtest.statistics import drawdown, sharpe, worst_month
from dispersa.gateway.exchange.fillmodel import fill_model


def result_of(settings: BacktestSettings, source: Source, records: Records) -> BacktestResult:
    """Put what was recorded into a result."""
    records.finish()
    daily, trades = tuple(records.daily), tuple(records.trades)
    return BacktestResult(
        settings=settings,
        source=source.label,
        is_model_marked=source.is_model_marked,
        statements=source.statements,
        fill_model=fill_model(settings.fills).text(),
        daily=daily,
        trades=trades,
        fills=tuple(records.fills),
        notes=tuple(records.notes),
        summary=summary_of(settings, source, daily, trades),
    )


def summary_of(
    settings: BacktestSettings,
    source: Source,
    daily: tuple[DayRow, ...],
    trades: tuple[TradeRow, ...],
) -> dict[str, float | str]:
    """One row for tables of many runs; P&L is without interest on idle cash unless named so."""
    capital = float(settings.capital_usd)
    trading = [row.trading for row in daily]
    ended = [row for row in trades if row.closed is not None]
    costs = sum(row.commissions + row.slippage for row in daily)
    held = sum(row.trades_held > 0 for row in daily)
    return {
        "source": source.label,
        "marks": "model-marked" if source.is_model_marked else "marked from quoted vols",
        "first_day": daily[0].day.isoformat(),
        "last_day": daily[-1].day.isoformat(),
        "days": float(len(daily)),
        "days_held": float(held),
        "trades": float(len(trades)),
        "trades_won": float(sum(row.pnl > 0 for row in ended)),
        "pnl_usd": sum(trading),
        "pnl_before_cost_usd": sum(trading) + costs,
        "commissions_usd": sum(row.commissions for row in daily),
        "slippage_usd": sum(row.slippage for row in daily),
        "interest_usd": sum(row.interest for row in daily),
        "index_usd": sum(row.index for row in daily),
        "components_usd": sum(row.components for row in daily),
        "return_on_capital": sum(trading) / capital,
        "sharpe": sharpe(trading),
        "max_drawdown_usd": drawdown(trading),
        "worst_day_usd": min(trading),
        "worst_month_usd": worst_month(daily),
        "margin_max_usd": max(row.margin for row in daily),
    }
