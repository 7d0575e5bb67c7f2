"""Do the numbers allow a trade, and in which words is that said?"""

from dispersa.correlation.choice import Choice
from dispersa.correlation.readings import Readings
from dispersa.correlation.terms import (
    Direction,
    Reason,
    ReasonCode,
    SignalInputs,
    SignalPolicy,
)


def data_reasons(inputs: SignalInputs, chosen: Choice, policy: SignalPolicy) -> tuple[Reason, ...]:
    """Refusals that follow from today's quotes and basket."""
    index = inputs.index
    checks = (
        (
            index.implied_vol is None,
            ReasonCode.INDEX_VOL_MISSING,
            (
                f"{index.symbol} has no at-the-money vol at {inputs.tenor_days} days; wait for "
                "two-sided quotes"
            ),
        ),
        (
            index.spread_vol_points is None,
            ReasonCode.INDEX_SPREAD_MISSING,
            (
                f"{index.symbol} has no two-sided straddle quote, so its cost is unknown; wait for "
                "quotes"
            ),
        ),
        (
            index.share_spread is None,
            ReasonCode.INDEX_SHARE_QUOTE_MISSING,
            (
                f"{index.symbol} has no two-sided share quote, so its hedging cost is unknown; "
                "wait for quotes"
            ),
        ),
        (
            len(chosen.used) < max(policy.names_min, 2),
            ReasonCode.TOO_FEW_NAMES,
            (
                f"{len(chosen.used)} names can take part; expected at least "
                f"{max(policy.names_min, 2)}; see why the others were dropped"
            ),
        ),
        (
            chosen.coverage < policy.coverage_min,
            ReasonCode.COVERAGE_TOO_LOW,
            (
                f"the names carry {chosen.coverage:.1%} of the index; expected at least "
                f"{policy.coverage_min:.1%}; add names"
            ),
        ),
    )
    return tuple(Reason(code=code, sentence=text) for fails, code, text in checks if fails)


def history_reasons(readings: Readings, policy: SignalPolicy) -> tuple[Reason, ...]:
    """Refusals that follow from the past before today."""
    short = len(readings.history) < policy.history_days_min
    impossible = readings.index_vol_forecast is None
    checks = (
        (
            short,
            ReasonCode.HISTORY_TOO_SHORT,
            (
                f"{len(readings.history)} days before this one have an implied correlation; "
                f"expected at least {policy.history_days_min}; fetch daily implied vols and closes"
            ),
        ),
        (
            impossible,
            ReasonCode.FORECAST_IMPOSSIBLE,
            (
                "correlation and vols of the coming month can not be forecast from what is known; "
                "fetch closes of the index and its names"
            ),
        ),
    )
    return tuple(Reason(code=code, sentence=text) for fails, code, text in checks if fails)


def verdict(
    wanted: Direction, net: float, premium: float, policy: SignalPolicy
) -> tuple[tuple[Reason, ...], bool]:
    """Reasons for and against a direction, and whether all are for it."""
    edge_clears = net >= policy.edge_min_vol_points
    premium_clears = premium >= policy.premium_min
    allowed = wanted is Direction.LONG_DISPERSION or policy.allow_short_dispersion
    reasons = [
        Reason(
            code=ReasonCode.EDGE_CLEARS if edge_clears else ReasonCode.EDGE_TOO_SMALL,
            sentence=f"{wanted} keeps {net:.2f} vol points after cost; the threshold is "
            f"{policy.edge_min_vol_points:.2f}",
        ),
        Reason(
            code=ReasonCode.PREMIUM_CLEARS if premium_clears else ReasonCode.PREMIUM_TOO_SMALL,
            sentence=f"its correlation premium is {100 * premium:.1f} points; the threshold is "
            f"{100 * policy.premium_min:.1f}",
        ),
    ]
    if not allowed:
        reasons.append(
            Reason(
                code=ReasonCode.SHORT_NOT_ALLOWED,
                sentence="SHORT_DISPERSION is not allowed by this policy; set "
                "allow_short_dispersion to trade it",
            )
        )
    return tuple(reasons), edge_clears and premium_clears and allowed
