"""What does a person see of a trade before, while and after it is worked?"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dispersa.correlation.terms import Signal
from dispersa.desk.state import DeskState
from dispersa.execution.outcome import ProgramOutcome
from dispersa.execution.plan import PlanKind, PlannedPackage, TradePlan
from dispersa.execution.view import PackageStanding, ProgramStanding, Sources, standing
from dispersa.market import ConId, Quote
from dispersa.reports.tables import money, number, points, price, table
from dispersa.risk import GateVerdict


def signal_table(signal: Signal) -> RenderableType:
    """Show the signal: the numbers, the verdict and its reasons."""
    rows = table(f"Signal {signal.index} {signal.as_of:%Y-%m-%d %H:%M} UTC", "", "value", "")
    rows.add_row("implied correlation", points(signal.implied_correlation), "points, clean")
    rows.add_row("dirty, for comparison", points(signal.dirty_correlation), "points")
    for window in signal.realized:
        rows.add_row(f"realized, {window.days} days", points(window.clean), "points")
    rows.add_row("forecast", points(signal.forecast_correlation), "points")
    rows.add_row("premium", points(signal.correlation_premium, signed=True), "points")
    rows.add_row("index vol", points(signal.index_vol), f"%, {signal.tenor_days} days")
    rows.add_row("average component vol", points(signal.average_vol), "%")
    rows.add_row("edge before cost", number(signal.edge_gross, signed=True), "vol points")
    rows.add_row("round trip", number(signal.cost_round_trip), "vol points")
    rows.add_row("hedging", number(signal.cost_hedging), "vol points")
    rows.add_row("edge after cost", number(signal.edge_net, signed=True), "vol points")
    rows.add_row("z-score", number(signal.z_score, signed=True), f"{signal.history_days} days")
    rows.add_row("breakeven", points(signal.breakeven_correlation), "points realized, long")
    rows.add_row("coverage", points(signal.coverage, places=1), "% of the index")
    verdict = Text(f"Verdict: {signal.direction}", style="bold")
    reasons = [Text(f"  {reason.sentence}") for reason in signal.reasons]
    return Group(rows, verdict, *reasons, *_left_out(signal), *_marked(signal))


def _left_out(signal: Signal) -> list[RenderableType]:
    """Names that take no part, with their reasons."""
    dropped = [row for row in signal.names if row.dropped is not None]
    if not dropped:
        return []
    shown = table("Left out", "name", "weight %", "reason", left=1)
    shown.columns[2].justify, shown.columns[2].no_wrap = "left", False
    for row in dropped:
        sentence = "" if row.dropped is None else row.dropped.sentence
        shown.add_row(row.symbol, points(row.weight), sentence)
    return [shown]


def _marked(signal: Signal) -> list[RenderableType]:
    """What to know of the inputs: flags of the index, and of names with how many carry each."""
    counts = Counter(flag for row in signal.names for flag in row.flags)
    notes = [f"{flag.replace('_', ' ')}: {count} names" for flag, count in counts.most_common(6)]
    return [Text(f"Note: {'; '.join(notes)}")] if notes else []


def plan_table(plan: TradePlan, verdict: GateVerdict) -> RenderableType:
    """Show the whole plan as it is put to a person: packages, balance, cost, stress, checks."""
    parts: list[RenderableType] = [_packages(plan), _sums(plan), _stress(plan), _checks(verdict)]
    if plan.reserves:
        parts.append(_reserves(plan))
    if plan.dropped:
        dropped = table("Left out", "name", "reason", left=2)
        for row in plan.dropped:
            dropped.add_row(row.symbol, row.reason)
        parts.append(dropped)
    return Group(*parts)


def _reserves(plan: TradePlan) -> Table:
    """Names that may stand in for names that do not fill, each up to its quantity."""
    rows = table(
        "Reserves: stand in for names that do not fill", "side", "straddle", "up to", "IV %",
        "vega $/pt", "premium $", left=2,
    )  # fmt: skip
    for row in plan.reserves:
        cells = _package_cells(row)
        rows.add_row(*cells[:3], *cells[5:8])
    return rows


def _packages(plan: TradePlan) -> Table:
    what = f"{plan.direction} on {plan.index}"
    if plan.kind is PlanKind.PROBE:
        what = f"probe of one {plan.index} straddle, not neutral"
    title = f"Plan {plan.plan_hash}: {what}, {plan.expiry_days} days"
    rows = table(
        title, "side", "straddle", "qty", "bid", "ask", "IV %", "vega $/pt", "premium $", "cost $",
        left=2,
    )  # fmt: skip
    for package in plan.packages:
        rows.add_row(*_package_cells(package))
    return rows


def _package_cells(package: PlannedPackage) -> list[str]:
    return [
        package.side.value,
        package.straddle.label,
        str(package.quantity),
        price(package.quote.bid),
        price(package.quote.ask),
        points(package.implied_vol),
        money(package.vega_signed_usd, signed=True),
        money(package.premium_usd),
        money(package.cost_expected_usd),
    ]


def _sums(plan: TradePlan) -> Table:
    rows = table("Balance and cost", "", "$", "")
    rows.add_row("net vega", money(plan.net_vega_usd, signed=True), "$/pt")
    rows.add_row("gross vega", money(plan.gross_vega_usd), "$/pt")
    rows.add_row("premium, gross", money(plan.premium_usd), "")
    rows.add_row("margin, our model", money(plan.margin_modeled_usd), "Reg-T, no relief")
    rows.add_row("margin, broker's what-if", money(plan.margin_what_if_usd), "sum of packages")
    rows.add_row("expected cost", money(plan.cost_expected_usd), "slippage and commission")
    rows.add_row("edge after cost", number(plan.edge_vol_points, signed=True), _edge_note(plan))
    rows.caption = plan.sizing_note
    rows.caption_justify = "left"
    return rows


def _edge_note(plan: TradePlan) -> str:
    return "vol points" if plan.edge_waived is None else f"vol points; {plan.edge_waived}"


def _stress(plan: TradePlan) -> Table:
    rows = table("Stress", "scenario", "P&L $")
    for row in sorted(plan.stress, key=lambda each: each.pnl_usd):
        rows.add_row(row.name, money(row.pnl_usd, signed=True))
    return rows


def _checks(verdict: GateVerdict) -> Table:
    rows = table("Gate", "check", "", "measured", "limit", left=2)
    for column in rows.columns[2:]:
        column.no_wrap = False
    for check in verdict.checks:
        passed = Text("ok", style="green") if check.passed else Text("DENIED", style="bold red")
        has_unit = not check.unit or check.measured.endswith(f" {check.unit}")
        measured = check.measured if has_unit else f"{check.measured} {check.unit}"
        rows.add_row(check.code.value.replace("_", " "), passed, measured, check.limit)
    return rows


def program_table(
    state: DeskState, at: datetime, quotes: Mapping[ConId, Quote] = MappingProxyType({})
) -> RenderableType:
    """Show the running program: a row per package and the vega balance inside its corridor."""
    if state.program is None:
        return Text("No program is running.")
    sources = Sources(state.orders, state.messages_sent, quotes, at)
    return standing_table(standing(state.program, sources))


def standing_table(shown: ProgramStanding) -> RenderableType:
    """Show how a program stands."""
    rows = table(
        f"Program {shown.program}: {shown.state.value}",
        "side", "name", "filled", "", "bid", "limit", "ask", "paid $", "of $", "next",
        left=2,
    )  # fmt: skip
    rows.columns[-1].justify = "left"
    for row in shown.packages:
        rows.add_row(*_standing_cells(row))
    left = "" if shown.time_left is None else f", {_clock(shown.time_left)} left"
    return Group(
        rows,
        Text(vega_bar(shown)),
        Text(
            f"vega {money(shown.balance.filled, signed=True)} $/pt filled, at worst "
            f"{money(shown.balance.worst)} of {money(shown.corridor_usd)}; slippage "
            f"{money(shown.paid_usd)} $ of {money(shown.budget_usd)} $ budget{left}"
        ),
        Text(f"next: {shown.next_action}"),
    )


def _standing_cells(row: PackageStanding) -> list[str]:
    done = round(10 * min(row.filled / row.planned, 1.0)) if row.planned else 10
    return [
        row.side.value,
        row.key,
        f"{row.filled}/{row.target}",
        "█" * done + "·" * (10 - done),
        price(row.quote.bid),
        "" if row.limit is None else price(row.limit),
        price(row.quote.ask),
        money(row.paid_usd, signed=True),
        money(row.expected_usd),
        row.next_action,
    ]


def vega_bar(shown: ProgramStanding, width: int = 41) -> str:
    """Draw the corridor: what is filled (●), and how far what works may still carry it (─)."""
    cells = ["·"] * width

    def place(vega: float) -> int:
        share = (vega / shown.corridor_usd + 1) / 2
        return round(min(max(share, 0.0), 1.0) * (width - 1))

    for cell in range(place(shown.balance.lowest), place(shown.balance.highest) + 1):
        cells[cell] = "─"
    cells[width // 2] = "┼"
    cells[place(shown.balance.filled)] = "●"
    edge = money(shown.corridor_usd)
    return f"-{edge} ├{''.join(cells)}┤ +{edge} $/pt"


def _clock(left: timedelta) -> str:
    minutes, seconds = divmod(int(left.total_seconds()), 60)
    return f"{minutes}:{seconds:02d}"


def outcome_table(outcome: ProgramOutcome) -> RenderableType:
    """Show how the program ended: fills, prices, slippage, cost, balance."""
    rows = table(
        f"Result {outcome.program}: {outcome.state.value}",
        "side", "name", "filled", "arrival mid", "average", "slippage $", "of half-spread",
        "vol points", "commission $", "vega $/pt", "orders", "messages",
        left=2,
    )  # fmt: skip
    for row in outcome.packages:
        share = row.half_spread_share
        rows.add_row(
            row.side.value,
            row.symbol,
            f"{row.filled}/{row.quantity}",
            price(row.arrival_mid),
            price(row.average_price),
            money(row.slippage_usd, signed=True),
            "–" if share is None else f"{share:.0%}",
            number(row.slippage_vol_points, signed=True),
            money(row.commission_usd),
            money(row.vega_usd, signed=True),
            str(row.orders),
            str(row.messages),
        )
    return Group(rows, *(Text(line) for line in _outcome_lines(outcome)))


def _outcome_lines(outcome: ProgramOutcome) -> Iterable[str]:
    yield outcome.sentence
    yield (
        f"net vega {money(outcome.net_vega_usd, signed=True)} $/pt of "
        f"{money(outcome.gross_vega_usd)} gross; worst imbalance "
        f"{money(outcome.imbalance_max_usd)} of {money(outcome.corridor_usd)} allowed"
    )
    for alert in outcome.alerts:
        yield f"ALERT {alert.kind.value.replace('_', ' ')}: {alert.sentence}"
    yield (
        f"cost {money(outcome.cost_actual_usd)} $ against {money(outcome.cost_expected_usd)} $ "
        f"expected, in {outcome.seconds / 60:.1f} minutes of market time"
    )
