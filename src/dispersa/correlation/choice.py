"""Which names can take part in today's signal, and why can the others not?"""

from dataclasses import dataclass
from itertools import pairwise

from dispersa.correlation.terms import Reason, ReasonCode, SignalInputs, SignalName, SignalPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Names that take part, and why the others do not."""

    used: tuple[SignalName, ...]
    dropped: dict[str, Reason]

    @property
    def coverage(self) -> float:
        """Raw index weight of the names used."""
        return sum(name.weight for name in self.used)

    @property
    def shares(self) -> tuple[float, ...]:
        """Weights renormalized over the names used."""
        return tuple(name.weight / self.coverage for name in self.used)


def choose(inputs: SignalInputs, policy: SignalPolicy) -> Choice:
    """Keep the names that have a vol, a two-sided quote and enough closes."""
    reasons = {name.symbol: _why_not(name, inputs, policy) for name in inputs.components}
    return Choice(
        used=tuple(name for name in inputs.components if reasons[name.symbol] is None),
        dropped={symbol: reason for symbol, reason in reasons.items() if reason is not None},
    )


def _why_not(name: SignalName, inputs: SignalInputs, policy: SignalPolicy) -> Reason | None:
    """Say why a name can not take part; None if it can."""
    if name.implied_vol is None:
        return Reason(
            code=ReasonCode.NAME_VOL_MISSING,
            sentence=f"{name.symbol} has no at-the-money vol at {inputs.tenor_days} days; "
            "wait for two-sided quotes",
        )
    if name.spread_vol_points is None:
        return Reason(
            code=ReasonCode.NAME_SPREAD_MISSING,
            sentence=f"{name.symbol} has no two-sided straddle quote, so its cost is unknown; "
            "wait for quotes",
        )
    if name.share_spread is None:
        return Reason(
            code=ReasonCode.NAME_SHARE_QUOTE_MISSING,
            sentence=f"{name.symbol} has no two-sided share quote, so its hedging cost is unknown; "
            "wait for quotes",
        )
    days = _recent_returns(name, inputs, policy)
    if days < policy.horizon_days:
        return Reason(
            code=ReasonCode.NAME_HISTORY_SHORT,
            sentence=f"{name.symbol} has {days} returns in the last {policy.horizon_days} days of "
            "the index; fetch its closes",
        )
    return None


def _recent_returns(name: SignalName, inputs: SignalInputs, policy: SignalPolicy) -> int:
    """Returns of a name among the index's latest `horizon_days` returns before the scored day."""
    before = inputs.trading_day
    calendar = [day for day in inputs.index.closes.dates if day < before]
    known = set(name.closes.dates)
    latest = calendar[-policy.horizon_days - 1 :]
    return sum(earlier in known and later in known for earlier, later in pairwise(latest))
