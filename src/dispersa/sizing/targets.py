"""How much vega should each name carry, and which names can carry it in whole straddles?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dispersa.errors import MarketDataMissing
from dispersa.market import Symbol
from dispersa.sizing.outcome import CountCause, DroppedName
from dispersa.sizing.policy import Scheme, SizingPolicy
from dispersa.sizing.program import ROUNDING, Counts, Floats
from dispersa.sizing.terms import StraddleTerms

Flags: TypeAlias = NDArray[np.bool_]

UNBOUNDED = 10**9
"""Stands for no upper limit on a count; no listed option trades a billion contracts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Names that can be traded with the vega wanted of each and the whole counts allowed."""

    columns: "Columns"
    weights: Floats
    target: Floats
    lower: Counts
    upper: Counts
    dropped: tuple[DroppedName, ...]

    @property
    def names(self) -> tuple[StraddleTerms, ...]:
        """Terms of the names, heaviest first."""
        return self.columns.names

    def cause(self, at: int, count: int, nearest: int) -> CountCause:
        """Why the name at `at` has `count` straddles."""
        wanted = self.target[at]
        if self.columns.fixed[at] >= 0:
            return CountCause.FIXED
        if count != nearest:
            return CountCause.BALANCED
        if count == self.columns.cap[at] and wanted >= count * self.columns.vega[at]:
            return CountCause.CAPPED
        if count and count == self.columns.floor[at] and wanted <= count * self.columns.vega[at]:
            return CountCause.FILLED
        return CountCause.NEAREST


@dataclass(frozen=True, slots=True, kw_only=True)
class TooSmall:
    """More weight than allowed has no whole straddle count near its target."""

    reason: str
    dropped: tuple[DroppedName, ...]


def exposure(terms: StraddleTerms, scheme: Scheme) -> float:
    """What one straddle contributes to the scheme's balance, above zero.

    Raises
    ------
    MarketDataMissing
        If the Greek that the scheme balances does not have the sign of a long straddle's.
    """
    value = _signed_exposure(terms, scheme)
    if value <= 0:
        raise MarketDataMissing(
            f"{terms.symbol}: a long straddle's contribution to {scheme} came out as {value:g}; "
            "expected above zero; check its Greeks or choose another scheme"
        )
    return value


def _signed_exposure(terms: StraddleTerms, scheme: Scheme) -> float:
    match scheme:
        case Scheme.VEGA_NEUTRAL:
            return terms.vega_usd_per_point
        case Scheme.THETA_NEUTRAL:
            return -terms.theta_usd_per_day
        case Scheme.GAMMA_NEUTRAL:
            return terms.cash_gamma_usd
        case Scheme.PREMIUM_NEUTRAL:
            return terms.premium_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Terms of the names as columns, with the counts that each name's own caps allow."""

    names: tuple[StraddleTerms, ...]
    weight: Floats
    vega: Floats
    exposure: Floats
    fixed: Counts
    """Count that may not change; -1 where the name is free."""
    floor: Counts
    cap: Counts

    @classmethod
    def of(
        cls, names: Sequence[StraddleTerms], fixed: Mapping[Symbol, int], policy: SizingPolicy
    ) -> "Columns":
        """Read the columns, heaviest name first, weights renormalized to one."""
        ranked = tuple(sorted(names, key=lambda row: (-(row.weight or 0.0), row.symbol)))
        weight = np.array([row.weight or 0.0 for row in ranked])
        return cls(
            names=ranked,
            weight=weight / weight.sum(),
            vega=np.array([row.vega_usd_per_point for row in ranked]),
            exposure=np.array([exposure(row, policy.scheme) for row in ranked]),
            fixed=np.array([fixed.get(row.symbol, -1) for row in ranked], dtype=np.int64),
            floor=np.array([row.count_min for row in ranked], dtype=np.int64),
            cap=np.array([_cap(row, policy) for row in ranked], dtype=np.int64),
        )

    def kept(self, mask: Flags) -> "Columns":
        """Only the names where `mask` is true; weights as they are."""
        return Columns(
            names=tuple(row for row, keep in zip(self.names, mask, strict=True) if keep),
            weight=self.weight[mask],
            vega=self.vega[mask],
            exposure=self.exposure[mask],
            fixed=self.fixed[mask],
            floor=self.floor[mask],
            cap=self.cap[mask],
        )


def _cap(row: StraddleTerms, policy: SizingPolicy) -> int:
    caps = [UNBOUNDED if row.count_max is None else row.count_max]
    if policy.name_premium_max_usd is not None:
        caps.append(math.floor(policy.name_premium_max_usd / row.premium_usd))
    if policy.name_vega_max_usd_per_point is not None:
        caps.append(math.floor(policy.name_vega_max_usd_per_point / row.vega_usd_per_point))
    return min(caps)


def wanted_vegas(columns: Columns, pinned: Counts, index_exposure: float) -> Floats:
    """Vega wanted of each name, dollars per point, unsigned; `pinned` is -1 where free.

    ``t_i = k w_i`` with one k such that the exposures balance: ``sum x_i t_i / v_i = X_0`` where x
    is the scheme's exposure per straddle and v its vega. Vega-neutral: ``t_i = w_i V``;
    theta-neutral: ``w_i V sI / A`` (quant.md 2.2). A pinned name is wanted at its count, and the
    others share what it leaves in proportion to their weights: the L1 norm alone would not care
    which of them takes all of it.
    """
    free = pinned < 0
    ratio = columns.exposure / columns.vega
    held = np.where(free, 0, pinned) * columns.vega
    weight = np.where(free, columns.weight, 0.0)
    left = max(index_exposure - float(held @ ratio), 0.0)
    shared = float(weight @ ratio)
    return held + weight * (left / shared if shared else 0.0)


def targets(columns: Columns, index_exposure: float, policy: SizingPolicy) -> Targets | TooSmall:
    """Drop the names without an allowed whole count, and target the others."""
    live = columns.fixed != 0
    dropped = [_dropped(columns, at, "its count is fixed at zero") for at in np.flatnonzero(~live)]
    lost = 0.0
    while live.any():
        draft = _draft(columns.kept(live), index_exposure, policy)
        positions = np.flatnonzero(live)
        if draft.faulty.any():
            out = draft.first_out(policy.weight_error_max)
            lost += float(columns.weight[positions[out]].sum())
            dropped += [_dropped(columns, positions[at], draft.reason(at)) for at in out]
            live[positions[out]] = False
        elif policy.names_max is not None and len(positions) > policy.names_max:
            reason = f"beyond the {policy.names_max} heaviest names"
            dropped += [_dropped(columns, at, reason) for at in positions[policy.names_max :]]
            live[positions[policy.names_max :]] = False
        elif lost > policy.dropped_weight_max or (lost and len(positions) < NAMES_MIN):
            break
        else:
            return draft.targets(tuple(dropped))
    return _too_small(lost, dropped, policy)


def _dropped(columns: Columns, at: int | np.intp, reason: str) -> DroppedName:
    return DroppedName(
        symbol=columns.names[at].symbol, weight=float(columns.weight[at]), reason=reason
    )


NAMES_MIN = 2
"""A correlation needs two names; no drop may leave fewer."""


def _too_small(lost: float, dropped: Sequence[DroppedName], policy: SizingPolicy) -> TooSmall:
    reason = (
        f"{lost:.1%} of the basket's weight has no whole straddle count within "
        f"{policy.weight_error_max:.0%} of its target vega; at most "
        f"{policy.dropped_weight_max:.1%} may be dropped, and {NAMES_MIN} names must stay"
    )
    return TooSmall(reason=reason, dropped=tuple(dropped))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """Targets of the names still in, and the names that can not reach theirs."""

    columns: Columns
    before_caps: Floats
    target: Floats
    lower: Counts
    upper: Counts

    @property
    def faulty(self) -> Flags:
        """Names without an allowed count."""
        return self.lower > self.upper

    def first_out(self, error_max: float) -> Counts:
        """Positions to drop first: the names past help together, else the lightest faulty one.

        A dropped name's vega goes to the others, so a faulty name can recover. It is past help if
        it is too light for one straddle even with the vega of every other faulty name; where caps
        or fixed counts move the targets in their own ways, the names go one by one.
        """
        lightest = np.flatnonzero(self.faulty)[-1:]
        if np.any(self.columns.fixed >= 0) or not np.array_equal(self.target, self.before_caps):
            return lightest
        weight = self.columns.weight
        growth = weight.sum() / weight[~self.faulty].sum() if not self.faulty.all() else np.inf
        most = self.target * growth * (1 + error_max) / self.columns.vega
        hopeless = np.flatnonzero(self.faulty & (most < 1 - ROUNDING))
        return hopeless if len(hopeless) else lightest

    def reason(self, at: int) -> str:
        """Why the name at `at` has no allowed count."""
        wanted, vega = self.before_caps[at], self.columns.vega[at]
        if self.columns.cap[at] < wanted / vega:
            return (
                f"its own caps (liquidity, premium, vega) allow {self.columns.cap[at]} straddles "
                f"where {wanted / vega:.1f} are wanted"
            )
        return (
            f"one straddle has {vega:,.0f} dollars of vega per point where {wanted:,.0f} are "
            f"wanted, so no whole count is near"
        )

    def targets(self, dropped: tuple[DroppedName, ...]) -> Targets:
        """Settle the draft."""
        weight = self.columns.weight
        return Targets(
            columns=self.columns,
            weights=weight / weight.sum(),
            target=self.target,
            lower=self.lower,
            upper=self.upper,
            dropped=dropped,
        )


def _draft(columns: Columns, index_exposure: float, policy: SizingPolicy) -> _Draft:
    before_caps = wanted_vegas(columns, columns.fixed, index_exposure)
    pinned, target = columns.fixed, before_caps
    while True:
        capped = (pinned < 0) & (columns.cap * columns.vega < target)
        floored = (pinned < 0) & (columns.floor * columns.vega > target)
        if not (capped.any() or floored.any()):
            break
        pinned = np.where(capped, columns.cap, np.where(floored, columns.floor, pinned))
        target = wanted_vegas(columns, pinned, index_exposure)
    lower, upper = _near(columns, before_caps, target, policy.weight_error_max)
    is_fixed = columns.fixed >= 0
    return _Draft(
        columns=columns,
        before_caps=before_caps,
        target=target,
        lower=np.where(is_fixed, columns.fixed, lower),
        upper=np.where(is_fixed, columns.fixed, upper),
    )


def _near(
    columns: Columns, before_caps: Floats, target: Floats, error_max: float
) -> tuple[Counts, Counts]:
    # A name held down by its cap is judged by the vega that it was to carry before the cap.
    is_capped = columns.cap * columns.vega <= target * (1 + ROUNDING)
    wanted = np.where(is_capped, np.maximum(before_caps, target), target)
    low = np.ceil(wanted * (1 - error_max) / columns.vega - ROUNDING)
    high = np.floor(target * (1 + error_max) / columns.vega + ROUNDING)
    lower = np.maximum(np.maximum(low, 1), columns.floor).astype(np.int64)
    upper = np.maximum(np.minimum(high, columns.cap), columns.floor).astype(np.int64)
    return lower, upper
