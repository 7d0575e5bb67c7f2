"""Is the basket chosen from what was read, with a reason for every name that is not in it?"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from dispersa.correlation.narrowing import Asked, BasketPolicy, BasketRule, narrowed
from dispersa.correlation.past import DailySeries
from dispersa.correlation.selection import EarningsPolicy, Eligibility
from dispersa.correlation.signal import assess
from dispersa.correlation.terms import ReasonCode, SignalInputs, SignalName, SignalPolicy
from dispersa.market import Symbol

NOW = datetime(2026, 6, 10, 15, tzinfo=UTC)
DAYS = tuple(date(2025, 6, 1) + timedelta(days=n) for n in range(300))
EXPIRY = date(2026, 7, 10)
LOOSE = Eligibility(spread_vol_points_max=3.0, open_interest_min=0)
WEIGHTS = {"AAA": 0.4, "BBB": 0.3, "CCC": 0.2, "DDD": 0.1}
SPREADS = {"AAA": 2.0, "BBB": 0.5, "CCC": 1.0, "DDD": 0.2}


def name(symbol: str, weight: float, spread: float | None) -> SignalName:
    rng = np.random.default_rng(sum(map(ord, symbol)))
    closes = tuple((100 * np.cumprod(1 + rng.normal(0, 0.01, len(DAYS)))).tolist())
    return SignalName(
        symbol=Symbol(symbol),
        weight=weight,
        implied_vol=0.3,
        spread_vol_points=spread,
        share_spread=1e-4,
        implied_vols=DailySeries(),
        closes=DailySeries(dates=DAYS, values=closes),
    )


INPUTS = SignalInputs(
    as_of=NOW,
    tenor_days=30,
    index=name("IDX", 1.0, 0.1),
    components=tuple(name(symbol, weight, SPREADS[symbol]) for symbol, weight in WEIGHTS.items()),
)


def chosen(policy: BasketPolicy, names: int = 2, inputs: SignalInputs = INPUTS) -> list[str]:
    made = narrowed(inputs, policy, Asked(names=names, expiry=EXPIRY))
    out = {one.name.symbol for one in made.left_out}
    assert out | {one.symbol for one in made.components} == {x.symbol for x in inputs.components}
    return [one.symbol for one in made.components]


@pytest.mark.parametrize(
    ("rule", "aversion", "want"),
    [
        (BasketRule.HEAVIEST, 1.0, ["AAA", "BBB"]),
        (BasketRule.MOST_LIQUID, 1.0, ["BBB", "DDD"]),
        (BasketRule.TRACKING, 1e6, ["DDD"]),  # nothing but cost counts: the cheapest alone
    ],
)
def test_rule_decides_among_the_names_that_were_read(
    rule: BasketRule, aversion: float, want: list[str]
) -> None:
    assert chosen(BasketPolicy(rule=rule, cost_aversion=aversion, eligibility=LOOSE)) == want


def test_tracking_without_cost_takes_what_tracks_best() -> None:
    policy = BasketPolicy(rule=BasketRule.TRACKING, cost_aversion=0.0, eligibility=LOOSE)
    assert chosen(policy, names=4) == ["AAA", "BBB", "CCC", "DDD"]
    assert chosen(policy, names=2) == ["AAA", "BBB"]  # independent returns: the largest weights


def test_tracking_does_not_look_at_the_scored_day_or_later() -> None:
    policy = BasketPolicy(rule=BasketRule.TRACKING, eligibility=LOOSE)
    later = (*DAYS, NOW.date(), NOW.date() + timedelta(days=1))
    first, *others = INPUTS.components
    wild = DailySeries(dates=later, values=(*first.closes.values, 1.0, 900.0))
    moved = replace(INPUTS, components=(replace(first, closes=wild), *others))
    assert chosen(policy, 3, moved) == chosen(policy, 3)


def test_wide_name_is_left_out_and_the_next_one_steps_in() -> None:
    policy = BasketPolicy(eligibility=replace(LOOSE, spread_vol_points_max=1.0))
    assert chosen(policy) == ["BBB", "CCC"]


@pytest.mark.parametrize(
    ("earnings", "events", "want"),
    [
        (EarningsPolicy.EXCLUDE, (), ["BBB", "CCC"]),
        (EarningsPolicy.ALLOW, (), ["AAA", "BBB"]),
        (EarningsPolicy.ALLOW_WITH_EVENT_VOL, (), ["BBB", "CCC"]),
        (EarningsPolicy.ALLOW_WITH_EVENT_VOL, ("AAA",), ["AAA", "BBB"]),
    ],
)
def test_report_before_the_expiry_is_judged_by_the_policy(
    earnings: EarningsPolicy, events: tuple[str, ...], want: list[str]
) -> None:
    policy = BasketPolicy(
        eligibility=replace(LOOSE, earnings=earnings),
        earnings={Symbol("AAA"): (date(2026, 4, 1), date(2026, 6, 20))},
    )
    events_read = frozenset(Symbol(symbol) for symbol in events)
    made = narrowed(INPUTS, policy, Asked(names=2, expiry=EXPIRY, event_vols=events_read))
    assert [one.symbol for one in made.components] == want


def test_left_out_names_are_rows_of_the_signal_and_enter_no_number() -> None:
    policy = BasketPolicy(eligibility=LOOSE)
    made = narrowed(INPUTS, policy, Asked(names=3, expiry=EXPIRY))
    found = assess(made, SignalPolicy(names_min=2, coverage_min=0.1))
    alone = assess(replace(made, left_out=()), SignalPolicy(names_min=2, coverage_min=0.1))
    assert found.coverage == pytest.approx(0.9)
    assert replace(found, names=()) == replace(alone, names=())
    last = found.names[-1]
    assert (last.symbol, last.share) == ("DDD", 0.0)
    assert last.dropped is not None
    assert last.dropped.code is ReasonCode.NAME_NOT_CHOSEN


def test_rules_that_look_beyond_weight_read_twice_the_names() -> None:
    assert BasketPolicy().to_read(30) == 33
    assert BasketPolicy(rule=BasketRule.TRACKING).to_read(30) == 60
    assert BasketPolicy(candidates=45).to_read(30) == 45
    assert BasketPolicy(candidates=10).to_read(30) == 30
