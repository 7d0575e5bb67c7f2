"""What would be traded, what could it cost, and may it start? The plan on one sheet."""

from typing import Any

from dispersa.desk.state import DeskState, Stage
from dispersa.execution.plan import PlannedPackage, TradePlan
from dispersa.web.formats import signed_whole, usd
from dispersa.web.seam import Reading
from dispersa.web.views.drawing import Bar, mirrored

SENTENCES = {
    "LONG_DISPERSION": "Sell {index} straddles and buy those of {count} names",
    "SHORT_DISPERSION": "Buy {index} straddles and sell those of {count} names",
    "NO_TRADE": "Trade {count} names against {index}",
}
WINDOW_SECONDS = 60.0


def plan_view(reading: Reading) -> dict[str, Any]:
    """Return the plan and where it stands; `plan` None where there is none."""
    state, plan = reading.state, reading.state.plan
    if plan is None:
        return {"plan": None, "stage": state.stage.value, "decline": state.decline_reason}
    stress = sorted(((row.name, row.pnl_usd) for row in plan.stress), key=lambda row: row[1])
    checks = () if state.verdict is None else state.verdict.checks
    return {
        "plan": plan,
        "stage": state.stage.value,
        "decline": state.decline_reason,
        "sentence": sentence_of(plan),
        "packages": [_package(row) for row in plan.packages],
        "sides": _sides(plan),
        "stress": mirrored(stress, 200.0),
        "worst": stress[0] if stress else None,
        "checks": sorted(checks, key=lambda check: check.passed),
        "checks_passed": sum(check.passed for check in checks),
        "expires_s": (plan.expires_at - reading.at).total_seconds(),
        "waits": state.stage is Stage.APPROVAL and reading.window_seconds is None,
        "may_ask": may_ask(state),
        **_window(reading),
    }


def may_ask(state: DeskState) -> bool:
    """Whether a new signal and plan may be asked for now."""
    return state.stage in {Stage.IDLE, Stage.DECLINED, Stage.ENDED} and state.halt is None


def sentence_of(plan: TradePlan) -> str:
    """Say the trade in a sentence."""
    count = sum(package.symbol != plan.index for package in plan.packages)
    first = SENTENCES[plan.direction.value].format(index=plan.index, count=count)
    return (
        f"{first}, {plan.expiry_days} days, {usd(plan.premium_usd)} $ of premium, net vega "
        f"{signed_whole(plan.net_vega_usd)} $/pt."
    )


def _package(row: PlannedPackage) -> dict[str, Any]:
    return {
        "side": row.side.value,
        "symbol": row.symbol,
        "label": row.straddle.label,
        "quantity": row.quantity,
        "bid": row.quote.bid,
        "ask": row.quote.ask,
        "vol": row.implied_vol,
        "vega": row.vega_signed_usd,
        "theta": row.side.sign * row.quantity * row.theta_usd,
        "premium": row.premium_usd,
        "cost": row.cost_expected_usd,
    }


def _sides(plan: TradePlan) -> list[Bar]:
    """Vega sold and vega bought, mirrored."""
    vegas = [package.vega_signed_usd for package in plan.packages]
    sold, bought = sum(v for v in vegas if v < 0), sum(v for v in vegas if v > 0)
    return mirrored([("sold", sold), ("bought", bought)], 200.0)


def _window(reading: Reading) -> dict[str, Any]:
    """Walk's window: what is left of it, as seconds and as the length of the ring's arc."""
    window = reading.state.phasing.window
    plan = reading.state.plan
    if window is None or plan is None or window.plan_hash != plan.plan_hash:
        return {"window": None, "window_seconds": None, "window_share": 0.0}
    whole = reading.state.phasing.window_policy.window.total_seconds() or WINDOW_SECONDS
    left = reading.window_seconds
    return {
        "window": window,
        "window_seconds": left,
        "window_share": 0.0 if left is None else left / whole,
    }
