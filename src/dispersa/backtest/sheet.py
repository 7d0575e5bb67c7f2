"""What does the tear sheet of a run show? The verdict first, then the evidence, then the pictures.

It is a document of the house (`reports.eod_page`), one HTML file without script.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from math import isfinite

import numpy as np

from dispersa.backtest import pictures
from dispersa.backtest.evidence import Evidence, index_alone
from dispersa.backtest.reading import Reading, read
from dispersa.backtest.result import BacktestResult, DayRow, TradeRow
from dispersa.backtest.statistics import drawdown, months, sharpe, t_statistic, years
from dispersa.reports.eod_html import page_html
from dispersa.reports.eod_page import Document, Grid, Section, Tile, Tone, sign_tone, usd

TRADES_SHOWN = 60
DECLINES_SHOWN = 8
VIX_BANDS = ((0.0, 15.0), (15.0, 20.0), (20.0, 30.0), (30.0, 1000.0))


def sheet_html(result: BacktestResult, evidence: Evidence) -> str:
    """The whole tear sheet."""
    return page_html(sheet_of(result, evidence))


def sheet_of(result: BacktestResult, evidence: Evidence) -> Document:
    """Put the tear sheet together."""
    reading = read(result, evidence)
    first, last = result.daily[0].day, result.daily[-1].day
    marks = "MODEL-MARKED backtest" if result.is_model_marked else "Backtest"
    return Document(
        subject=f"{marks}: {result.source}",
        title=f"{marks} of the dispersion desk",
        subtitle=f"{result.source} · {first:%d %b %Y} to {last:%d %b %Y} · "
        f"{len(result.daily):,} days · fills {result.settings.fills}",
        verdict=reading.verdict,
        tone=Tone.GOOD if reading.is_shown else Tone.WARN,
        concerns=reading.remarks,
        tiles=_tiles(result, reading),
        sections=(*_results(result, evidence), *_tests(result, evidence, reading), *_rest(result)),
        footer=(result.fill_model, *_how(result)),
        pictures=_pictures(result, evidence),
    )


def _tiles(result: BacktestResult, reading: Reading) -> tuple[Tile, ...]:
    return (*_money_tiles(result, reading), *_other_tiles(result, reading))


def _money_tiles(result: BacktestResult, reading: Reading) -> tuple[Tile, ...]:
    daily, capital = result.daily, float(result.settings.capital_usd)
    trading = [row.trading for row in daily]
    total, ratio = sum(trading), reading.ratio
    worst = min(months(daily), key=lambda month: month[1])
    return (
        Tile(
            label="P&L after cost",
            value=usd(total, signed=True),
            note=f"{total / capital:+.1%} of {capital:,.0f} USD, interest left out",
            tone=sign_tone(total),
        ),
        Tile(
            label="Sharpe ratio",
            value=f"{ratio.value:+.2f}",
            note=f"95 %: {ratio.low:+.2f} to {ratio.high:+.2f}",
        ),
        Tile(
            label="Deepest fall",
            value=usd(drawdown(trading)),
            note=f"worst month {worst[0]}: {worst[1]:+,.0f}",
        ),
        Tile(
            label="Cost",
            value=usd(sum(row.commissions + row.slippage for row in daily)),
            note="half-spreads and commissions paid",
        ),
    )


def _other_tiles(result: BacktestResult, reading: Reading) -> tuple[Tile, ...]:
    daily, deflated = result.daily, reading.deflated
    ended = [row for row in result.trades if row.closed is not None]
    won = sum(row.pnl > 0 for row in ended)
    chance = "none was measured"
    if deflated is not None:
        chance = f"chance of skill after {deflated.trials} trials"
    return (
        Tile(
            label="Trades",
            value=str(len(result.trades)),
            note=f"{won} of {len(ended)} ended with a gain" if ended else "none has ended",
        ),
        Tile(
            label="Days held",
            value=f"{sum(row.trades_held > 0 for row in daily) / len(daily):.0%}",
            note="of all days something was held",
        ),
        Tile(
            label="Margin at most",
            value=f"{max(row.margin / row.equity for row in daily):.0%}",
            note="of equity, by the strategy-based rules",
        ),
        Tile(
            label="Deflated Sharpe",
            value="–" if deflated is None else f"{deflated.probability:.0%}",
            note=chance,
        ),
    )


def _results(result: BacktestResult, evidence: Evidence) -> tuple[Section, ...]:
    others = "" if not evidence.baselines else " In gray: runs that differ in one thing."
    return (
        Section(
            title="Running P&L",
            lede=f"After cost, in dollars, interest on idle cash left out.{others}",
            picture="equity",
            picture_words="Line of the running P&L",
        ),
        Section(title="Fall from the peak", picture="drawdown", picture_words="Drawdown by day"),
        Section(
            title="By year",
            picture="years",
            picture_words="P&L by year",
            grid=_year_grid(result.daily),
        ),
        Section(
            title="Where the P&L came from",
            lede="Each cause by the Greeks at the start of each day; what they do not explain is "
            "shown, never spread over the others. The parts sum to the P&L.",
            picture="waterfall",
            picture_words="Waterfall of the P&L by cause",
        ),
        Section(
            title="What it cost",
            lede="Paid so far, running.",
            picture="costs",
            picture_words="Running cost by kind",
        ),
    )


def _tests(result: BacktestResult, evidence: Evidence, reading: Reading) -> tuple[Section, ...]:
    sections = [
        Section(
            title="Against what needs no signal",
            lede="The same desk over the same days with one thing changed. The index alone is the "
            "index side of this run's own trades, hedged.",
            grid=_against_grid(result, evidence, reading),
        )
    ]
    if evidence.walk:
        sections.append(
            Section(
                title="Walk-forward",
                lede="Each year's edge threshold is the one that did best in all years before it.",
                grid=_walk_grid(evidence),
            )
        )
    sections.append(
        Section(
            title="By regime",
            lede="P&L of the days by the VIX of the day.",
            grid=_regimes(result.daily),
        )
    )
    return tuple(sections)


def _rest(result: BacktestResult) -> tuple[Section, ...]:
    return (
        Section(
            title="Trades on the correlation chart",
            picture="correlation",
            picture_words="Implied and forecast correlation with entries and exits",
        ),
        Section(
            title="Premium and edge",
            lede="Implied less forecast correlation, and the edge of the actual trade after cost "
            "with its threshold (dashed). Shaded while a trade is held.",
            picture="premium",
            picture_words="Correlation premium and edge by day",
        ),
        Section(
            title="Exposure and margin",
            picture="margin",
            picture_words="Margin and gross exposure as a share of equity",
        ),
        _trades(result.trades),
        _declines(result.daily),
        Section(title="The data", remarks=result.statements),
        _notes(result.notes),
    )


def _year_grid(daily: Sequence[DayRow]) -> Grid:
    rows = []
    for year, total in years(daily):
        own = [row for row in daily if f"{row.day:%Y}" == year]
        trading = [row.trading for row in own]
        rows.append(
            (
                year,
                usd(total, signed=True),
                f"{sharpe(trading):+.2f}",
                usd(drawdown(trading)),
                usd(min(value for _, value in months(own)), signed=True),
                f"{sum(row.trades_held > 0 for row in own) / len(own):.0%}",
                usd(sum(row.commissions + row.slippage for row in own)),
            )
        )
    columns = ("Year", "P&L", "Sharpe", "Deepest fall", "Worst month", "Held", "Cost")
    return Grid(columns=columns, rows=tuple(rows))


def _against_grid(result: BacktestResult, evidence: Evidence, reading: Reading) -> Grid:
    own = [row.trading for row in result.daily]
    rows = [_against("this run", own, str(len(result.trades)))]
    rows.append(_against("index straddle alone", index_alone(result.daily), "same"))
    rows.append(("same fills, cost doubled", usd(reading.doubled, signed=True), "", "", "same"))
    rows.extend(
        _against(each.name, each.trading, f"{each.summary['trades']:.0f}")
        for each in (*evidence.baselines, *evidence.stress, *evidence.thresholds[1:])
    )
    return Grid(columns=("Run", "P&L", "Sharpe", "Deepest fall", "Trades"), rows=tuple(rows))


def _against(name: str, pnl: Sequence[float], trades: str) -> tuple[str, ...]:
    return (name, usd(sum(pnl), signed=True), f"{sharpe(pnl):+.2f}", usd(drawdown(pnl)), trades)


def _walk_grid(evidence: Evidence) -> Grid:
    rows = [
        (
            year.year,
            f"{year.threshold:.2f}",
            usd(sum(year.trading), signed=True),
            f"{sharpe(year.trading):+.2f}",
        )
        for year in evidence.walk
    ]
    every = [value for year in evidence.walk for value in year.trading]
    rows.append(("all", "", usd(sum(every), signed=True), f"{sharpe(every):+.2f}"))
    columns = ("Year", "Threshold chosen before it", "P&L", "Sharpe")
    return Grid(columns=columns, rows=tuple(rows), bold_last=True)


def _regimes(daily: Sequence[DayRow]) -> Grid:
    rows = []
    for low, high in VIX_BANDS:
        own = [row.trading for row in daily if low <= row.vix < high]
        name = f"VIX from {low:.0f}" + ("" if high >= 1000 else f" to below {high:.0f}")
        if own:
            rows.append(_regime(name, own))
    unknown = [row.trading for row in daily if not isfinite(row.vix)]
    if unknown:
        rows.append(_regime("VIX not known", unknown))
    columns = ("Regime", "Days", "P&L", "A day", "t", "Worst day")
    return Grid(columns=columns, rows=tuple(rows))


def _regime(name: str, own: Sequence[float]) -> tuple[str, ...]:
    return (
        name,
        f"{len(own):,}",
        usd(sum(own), signed=True),
        usd(float(np.mean(own)), signed=True),
        f"{t_statistic(own):+.1f}",
        usd(min(own), signed=True),
    )


def _trades(trades: Sequence[TradeRow]) -> Section:
    shown = trades[-TRADES_SHOWN:]
    rows = tuple(
        (
            f"{row.opened:%d %b %y}",
            "held" if row.closed is None else f"{row.closed:%d %b %y}",
            row.reason.replace("_", " "),
            f"{row.edge_net:+.2f}" if isfinite(row.edge_net) else "–",
            usd(row.index, signed=True),
            usd(row.components, signed=True),
            usd(row.commissions + row.slippage),
            usd(row.pnl, signed=True),
        )
        for row in shown
    )
    columns = ("Opened", "Closed", "Why", "Edge", "Index", "Names", "Cost", "P&L")
    lede = "" if len(shown) == len(trades) else f"The last {len(shown)} of {len(trades)}."
    return Section(
        title="Trades",
        lede=lede or ("" if trades else "None was made."),
        grid=Grid(columns=columns, rows=rows, left=3) if rows else None,
    )


def _declines(daily: Sequence[DayRow]) -> Section:
    counts = Counter(row.verdict.partition(":")[0] for row in daily if row.verdict)
    rows = tuple((name or "–", f"{count:,}") for name, count in counts.most_common(DECLINES_SHOWN))
    return Section(
        title="What the desk answered",
        lede="Days on which it was asked for a trade, by who said the last word.",
        grid=Grid(columns=("Answer", "Days"), rows=rows) if rows else None,
    )


def _notes(notes: Sequence[str]) -> Section:
    return Section(
        title="Out of the ordinary",
        lede="" if notes else "Nothing.",
        remarks=tuple(note if len(note) < 240 else f"{note[:237]}…" for note in notes[:20]),
    )


def _how(result: BacktestResult) -> tuple[str, ...]:
    own = result.settings
    terms = (
        f"{own.displayed_size} contracts shown each side",
        f"spreads x {own.spread_multiple:g}, commissions x {own.commission_multiple:g}",
        f"cash earns {own.rate_credit:.1%}, debt costs {own.rate_debit:.1%}",
        f"borrowed shares cost {own.borrow_fee:.1%} a year",
    )
    made = "The desk's own step, signal, sizing, gate, execution and books made every decision"
    return (
        f"Decisions and fills at the day's closing values; {'; '.join(terms)}.",
        f"{made}; the manifest beside this file repeats the run bit for bit.",
    )


def _pictures(result: BacktestResult, evidence: Evidence) -> dict[str, bytes]:
    others = {each.name: each.trading for each in (*evidence.baselines, *evidence.stress)}
    made: dict[str, Callable[[], bytes]] = {
        "equity": lambda: pictures.equity_picture(result, others),
        "drawdown": lambda: pictures.drawdown_picture(result),
        "years": lambda: pictures.years_picture(result.daily),
        "waterfall": lambda: pictures.waterfall_picture(result.daily),
        "costs": lambda: pictures.cost_picture(result.daily),
        "correlation": lambda: pictures.correlation_picture(result),
        "premium": lambda: pictures.premium_picture(result),
        "margin": lambda: pictures.margin_picture(result),
    }
    return {name: draw() for name, draw in made.items()}
