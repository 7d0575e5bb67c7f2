"""Should a trade be closed now, and how much of it?

Rules in the order of their haste; the first that holds decides. All of them look at numbers that
were measured; a number that is missing triggers nothing and is named by `unseen`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from dispersa.errors import InvalidConfig, InvalidInput


class ExitReason(StrEnum):
    """Why a trade is closed."""

    LOSS_LIMIT = "loss_limit"
    CORRELATION_SHOCK = "correlation_shock"
    VIX_SHOCK = "vix_shock"
    DTE_FLOOR = "dte_floor"
    PROFIT_TARGET = "profit_target"
    EDGE_GONE = "edge_gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitPolicy:
    """When a trade is closed; None switches a rule off.

    `profit_share` and `loss_share` are of the premium paid and received at the start (both sides'
    absolute values). `dte_min` closes before the expiry week by default. `edge_min_vol_points` is
    the edge net of cost that must be left; `correlation_rise` is in points of 0.01,
    `vix_rise` in index points since the start.
    """

    profit_share: float | None = 0.25
    loss_share: float | None = 0.20
    dte_min: int | None = 7
    edge_min_vol_points: float | None = None
    vix_max: float | None = 40.0
    vix_rise: float | None = 15.0
    correlation_rise_points: float | None = 25.0
    rolls_at_dte_floor: bool = False

    def __post_init__(self) -> None:
        for name in ("profit_share", "loss_share", "vix_rise", "correlation_rise_points"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InvalidConfig(f"exit rule {name} is {value}; expected a number above zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeLook:
    """One trade as it stands; None where a number could not be measured.

    `profit_usd` since inception, after commission; `premium_usd` the absolute premium of both
    sides at the start; `days_to_expiry` of the leg that expires first; `is_short_correlation`
    where the index was sold (long dispersion), which a rise of correlation hurts.
    """

    profit_usd: Decimal | None
    premium_usd: Decimal
    days_to_expiry: int
    edge_vol_points: float | None = None
    vix: float | None = None
    vix_at_start: float | None = None
    correlation: float | None = None
    correlation_at_start: float | None = None
    is_short_correlation: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitDecision:
    """Close the trade, for this reason; with `rolls` the next one is opened at once."""

    reason: ExitReason
    sentence: str
    rolls: bool = False


def exit_of(look: TradeLook, policy: ExitPolicy) -> ExitDecision | None:
    """Return the most urgent reason to close, None where there is none."""
    for rule in _RULES:
        if (found := rule(look, policy)) is not None:
            return found
    return None


def unseen(look: TradeLook) -> tuple[str, ...]:
    """Name the numbers that exit rules want and could not be measured."""
    wanted = ("profit_usd", "edge_vol_points", "vix", "correlation")
    return tuple(name for name in wanted if getattr(look, name) is None)


def _loss(look: TradeLook, policy: ExitPolicy) -> ExitDecision | None:
    share = _profit_share(look)
    if share is None or policy.loss_share is None or share > -policy.loss_share:
        return None
    sentence = f"lost {-share:.1%} of the premium; the limit is {policy.loss_share:.0%}"
    return ExitDecision(reason=ExitReason.LOSS_LIMIT, sentence=sentence)


def _profit(look: TradeLook, policy: ExitPolicy) -> ExitDecision | None:
    share = _profit_share(look)
    if share is None or policy.profit_share is None or share < policy.profit_share:
        return None
    sentence = f"earned {share:.1%} of the premium; the target is {policy.profit_share:.0%}"
    return ExitDecision(reason=ExitReason.PROFIT_TARGET, sentence=sentence)


def _profit_share(look: TradeLook) -> float | None:
    if look.profit_usd is None or look.premium_usd <= 0:
        return None
    return float(look.profit_usd / look.premium_usd)


def _correlation(look: TradeLook, policy: ExitPolicy) -> ExitDecision | None:
    now, start, most = look.correlation, look.correlation_at_start, policy.correlation_rise_points
    if now is None or start is None or most is None:
        return None
    moved = 100.0 * (now - start)
    against = moved if look.is_short_correlation else -moved
    if against < most:
        return None
    sentence = f"implied correlation moved {moved:+.0f} points since the start, from {start:.2f}"
    return ExitDecision(reason=ExitReason.CORRELATION_SHOCK, sentence=sentence)


def _vix(look: TradeLook, policy: ExitPolicy) -> ExitDecision | None:
    if look.vix is None:
        return None
    if policy.vix_max is not None and look.vix >= policy.vix_max:
        sentence = f"VIX is {look.vix:.1f}; trades are closed from {policy.vix_max:g}"
        return ExitDecision(reason=ExitReason.VIX_SHOCK, sentence=sentence)
    rise = None if look.vix_at_start is None else look.vix - look.vix_at_start
    if rise is None or policy.vix_rise is None or rise < policy.vix_rise:
        return None
    sentence = f"VIX rose by {rise:.1f} since the start; the limit is {policy.vix_rise:g}"
    return ExitDecision(reason=ExitReason.VIX_SHOCK, sentence=sentence)


def _dte(look: TradeLook, policy: ExitPolicy) -> ExitDecision | None:
    if policy.dte_min is None or look.days_to_expiry > policy.dte_min:
        return None
    return ExitDecision(
        reason=ExitReason.DTE_FLOOR,
        sentence=f"{look.days_to_expiry} days to expiry; trades end at {policy.dte_min}",
        rolls=policy.rolls_at_dte_floor,
    )


def _edge(look: TradeLook, policy: ExitPolicy) -> ExitDecision | None:
    edge, least = look.edge_vol_points, policy.edge_min_vol_points
    if edge is None or least is None or edge >= least:
        return None
    sentence = f"the edge is {edge:+.2f} vol points; at least {least:+.2f} is held for"
    return ExitDecision(reason=ExitReason.EDGE_GONE, sentence=sentence)


_RULES: tuple[Callable[[TradeLook, ExitPolicy], ExitDecision | None], ...] = (
    _loss,
    _correlation,
    _vix,
    _dte,
    _profit,
    _edge,
)


def balanced_counts(held: Mapping[str, tuple[int, float]], share: float) -> Mapping[str, int]:
    """Choose how many straddles of each package to close so that the rest keeps its balance.

        minimize |sum of sign x count x vega - share x net vega|, counts within one of share x held

    `held` gives the signed quantity to trade and the vega of one straddle. Rounding down first,
    then the straddle that brings the sum nearest to its aim is added, one at a time.
    """
    if not 0 < share <= 1:
        raise InvalidInput(f"the share to close is {share}; expected more than 0 and at most 1")
    counts = {key: int(abs(quantity) * share + 1e-9) for key, (quantity, _) in held.items()}
    aim = share * sum(quantity * vega for quantity, vega in held.values())
    free = {key for key, (quantity, _) in held.items() if counts[key] < abs(quantity) * share}

    def miss(trial: Mapping[str, int]) -> float:
        signed = (
            (1 if quantity > 0 else -1) * trial[key] * vega
            for key, (quantity, vega) in held.items()
        )
        return abs(sum(signed) - aim)

    while free:
        best = min(sorted(free), key=lambda key: miss({**counts, key: counts[key] + 1}))
        if miss({**counts, best: counts[best] + 1}) >= miss(counts):
            break
        counts[best] += 1
        free.discard(best)
    return counts
