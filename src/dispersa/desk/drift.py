"""Has the market moved since the plan was made? Fresh quotes of every leg against its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispersa.desk.phases import DriftPolicy
from dispersa.execution.plan import PlannedPackage, Role, TradePlan
from dispersa.market import ConId, Quote, straddle_quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What has moved too far, in words, and which names are not quoted now."""

    moved: tuple[str, ...]
    unseen: tuple[str, ...]


def drift_of(
    plan: TradePlan, quotes: Mapping[ConId, Quote], at: datetime, policy: DriftPolicy
) -> Drift:
    """Compare a plan's straddles and the index with the quotes of now."""
    moved: list[str] = []
    unseen: list[str] = []
    for package in plan.packages:
        now = _straddle(package, quotes, at, policy)
        if now is None or now.mid is None or package.quote.mid is None:
            unseen.append(package.symbol)
            continue
        share = float(now.mid / package.quote.mid) - 1
        if abs(share) > policy.mid_share:
            moved.append(f"{package.symbol} straddle {share:+.1%} (at most {policy.mid_share:.1%})")
    index = next((row for row in plan.packages if row.role is Role.INDEX), None)
    if index is not None:
        moved += _index_moved(index, quotes, policy)
    return Drift(moved=tuple(moved), unseen=tuple(unseen))


def _straddle(
    package: PlannedPackage, quotes: Mapping[ConId, Quote], at: datetime, policy: DriftPolicy
) -> Quote | None:
    legs = [quotes.get(leg.con_id) for leg in package.straddle.legs]
    oldest = at - timedelta(seconds=policy.quote_seconds_max)
    if any(leg is None or leg.mid is None or leg.at < oldest for leg in legs):
        return None
    call, put = legs
    return None if call is None or put is None else straddle_quote(call, put)


def _index_moved(
    index: PlannedPackage, quotes: Mapping[ConId, Quote], policy: DriftPolicy
) -> list[str]:
    quote = quotes.get(index.underlying_con_id)
    if quote is None or quote.mid is None:
        return []
    share = float(quote.mid) / index.spot - 1
    if abs(share) <= policy.spot_share:
        return []
    return [f"{index.symbol} {share:+.2%} (at most {policy.spot_share:.2%})"]
