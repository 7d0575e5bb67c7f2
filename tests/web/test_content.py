"""Does the page say what is so? Numbers by hand, and a recorded day."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dispersa.desk.expiry import Dividend
from dispersa.desk.phases import Phase
from dispersa.desk.weighing import held, positions
from dispersa.journal import NewEntry
from dispersa.market import Quote, Symbol
from dispersa.web.formats import EXCHANGE_ZONE
from dispersa.web.seam import Reading
from dispersa.web.searching import JournalIndex
from dispersa.web.security import links
from dispersa.web.views.drawing import sparkline
from dispersa.web.views.positions import positions_view
from dispersa.web.views.profit import attribution, mark_of, pnl
from dispersa.web.views.risk import risk_view
from dispersa.web.views.signal import cost_in_correlation, past_series
from tests.web.stage import WORDS, Stage, StageDesk, stage_on
from tests.web.story import lines, number_of

PUBLIC = "https://desk.example.org"


@pytest.fixture(scope="module")
def day() -> StageDesk:
    """The recorded day, told to its end."""
    desk = StageDesk()
    desk.tell(len(lines()))
    return desk


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[Stage]:
    made = stage_on(tmp_path, public_url=PUBLIC)
    yield made
    made.page.close()


def test_the_cost_is_shown_as_the_correlation_that_it_takes() -> None:
    """By hand: sI 0.20, A 0.25, one name's own variance 10 % of A^2, cost 0.5 vol points.

    dirty = 0.64, clean = (0.64 - 0.1) / 0.9 = 0.6; at sI 0.205 dirty = 0.6724 and clean =
    0.636, which is 0.036 more; the tangent at 0.20 gives 0.0356.
    """
    signal = {
        "index_vol": 0.20,
        "average_vol": 0.25,
        "implied_correlation": 0.6,
        "dirty_correlation": 0.64,
        "cost_round_trip": 0.4,
        "cost_hedging": 0.1,
    }
    found = cost_in_correlation(signal)
    assert found == pytest.approx(2 * 0.20 / 0.25**2 / 0.9 * 0.005)
    assert found == pytest.approx(0.036, abs=5e-4)
    assert cost_in_correlation({**signal, "average_vol": None}) is None


def test_every_signal_of_the_past_is_a_point_of_the_chart(day: StageDesk) -> None:
    signals = [entry for entry in day.entries(0, 10_000) if entry.kind == "SignalComputed"]
    series = past_series(signals)
    assert series is not None
    assert len(series["times"]) == 62
    last = day.state.signal
    assert last is not None
    assert last.implied_correlation is not None
    assert series["implied"][-1] == pytest.approx(100 * last.implied_correlation, abs=0.01)
    assert series["z"][-1] == last.z_score
    assert all(h > f for h, f in zip(series["hurdle"], series["forecast"], strict=True))
    assert past_series(signals[:1]) is None


def test_greeks_and_costs_sum_to_the_profit(day: StageDesk) -> None:
    reading = day.reading()
    own = positions(reading.state)
    rows = dict(attribution(reading, own))
    assert sum(rows.values()) == pytest.approx(float(pnl(reading, own)["total"]), abs=0.01)
    assert {"delta", "gamma", "theta", "vega", "not explained", "commission"} <= rows.keys()
    assert rows["theta"] < 0, "an hour passed and the book pays time value"
    assert abs(rows["not explained"]) < 0.01 * abs(rows["vega"])


def test_before_the_book_is_marked_the_profit_is_split_by_side() -> None:
    desk = StageDesk()
    desk.tell(number_of("PlaceOrder", nth=16) + 9)
    reading = desk.reading()
    own = positions(reading.state)
    rows = dict(attribution(reading, own))
    assert {"index, marked", "names, marked", "slippage", "commission"} <= rows.keys()
    assert sum(rows.values()) == pytest.approx(float(pnl(reading, own)["total"]), abs=0.01)


def test_an_old_quote_does_not_beat_a_newer_mark(day: StageDesk) -> None:
    reading = day.reading()
    con_id, mark = next(iter(reading.state.marks.items()))
    quote = reading.quotes[con_id]
    assert quote.at < mark.at
    assert mark_of(reading, con_id)[0] == mark.price
    fresh = Quote(
        bid=Decimal("9.90"),
        ask=Decimal("10.10"),
        bid_size=1,
        ask_size=1,
        at=mark.at + timedelta(seconds=1),
    )
    newer = replace(reading, quotes={**reading.quotes, con_id: fresh})
    assert mark_of(newer, con_id)[:2] == (Decimal("10.00"), "quote mid")


def test_who_is_short_calls_is_told_to_look_up_ex_dividend_dates(day: StageDesk) -> None:
    found = positions_view(day.reading())
    assert found["no_ex_dates"] == ["QQQ"]
    assert [row["days"] for row in found["calendar"]] == [28]


def test_ex_dates_until_the_expiry_stand_in_the_calendar_and_short_calls_are_warned_of(
    day: StageDesk,
) -> None:
    reading = day.reading()
    today = reading.at.astimezone(EXCHANGE_ZONE).date()
    long = next(leg.symbol for leg in held(reading.state).legs if leg.symbol != "QQQ")

    def pays(days: int) -> Dividend:
        return Dividend(ex_date=today + timedelta(days=days), amount=0.7)

    known = {
        Symbol("QQQ"): (pays(-1), pays(5), pays(29)),
        long: (pays(0),),
        Symbol("ELSE"): (pays(1),),
    }
    found = positions_view(replace(reading, dividends=known))
    assert found["no_ex_dates"] == []
    assert [(row["days"], row["names"]) for row in found["calendar"][:2]] == [
        (0, [long]),
        (5, ["QQQ"]),
    ]
    assert [row["days"] for row in found["calendar"][2:]] == [28]
    assert [bool(row["warning"]) for row in found["calendar"]] == [False, True, False]
    assert found["calendar"][1]["what"] == "ex-dividend $0.70"


def test_payoff_agrees_with_the_heat_map_and_with_what_straddles_pay_out(day: StageDesk) -> None:
    found = positions_view(day.reading())
    today, expiry = found["payoff"]["lines"]
    moves = found["payoff"]["moves"]
    unmoved = next(row for row in found["heat"]["rows"] if row["shift"] == 0.0)
    for spot, cell in zip(found["heat"]["spots"], unmoved["cells"], strict=True):
        assert today["values"][moves.index(spot)] == pytest.approx(cell["value"])
    state = day.state
    assert state.plan is not None
    assert state.program is not None
    slope = 0.0
    for row in state.plan.packages:
        filled = state.program.packages[row.key].filled
        slope += row.side.sign * filled * row.straddle.multiplier * row.forward
    assert expiry["values"][-1] - expiry["values"][-2] == pytest.approx(slope / 200)
    assert expiry["values"][0] - expiry["values"][1] == pytest.approx(slope / 200)


def test_limits_that_are_hardly_used_are_folded_and_none_is_lost(day: StageDesk) -> None:
    found = risk_view(day.reading())
    assert len(found["shown"]) + len(found["small"]) == len(found["limits"])
    assert all(row["share"] >= 0.1 for row in found["shown"])
    assert [row["share"] for row in found["limits"]] == sorted(
        (row["share"] for row in found["limits"]), reverse=True
    )


def test_what_the_daemon_says_of_itself_is_told_in_words_with_trouble_first(
    day: StageDesk,
) -> None:
    health = {
        "tasks": {"books": {"failures": 0, "reason": None}, "page": {"failures": 2, "reason": "x"}},
        "channels": ["email", "sms"],
        "next": "",
        "committed_sequence": 12345,
    }
    reading: Reading = replace(day.reading(), health=health)
    rows = risk_view(reading)["machinery"]
    told = {row["name"]: row["text"] for row in rows}
    assert (rows[0]["name"], rows[0]["is_bad"]) == ("task page", True)
    assert told["channels"] == "email, sms"
    assert told["committed sequence"] == "12,345"
    assert told["next"] == "–"
    assert told["task books"] == "runs"


@pytest.mark.parametrize(
    ("beat_seconds", "is_bad", "words"),
    [(None, True, "start dispersa watchdog"), (0.4, False, "0 s ago"), (90.0, True, "1 min")],
)
def test_a_missing_or_silent_watchdog_is_trouble(
    day: StageDesk, beat_seconds: float | None, is_bad: bool, words: str
) -> None:
    reading = replace(day.reading(), health={"watchdog_beat_seconds": beat_seconds})
    row = next(row for row in risk_view(reading)["machinery"] if row["name"] == "watchdog")
    assert row["is_bad"] is is_bad
    assert words in row["text"]


def test_data_lines_stand_beside_their_limit_and_warn_when_near(day: StageDesk) -> None:
    used = len(day.reading().quotes)
    for most, is_near in ((10 * used, False), (used, True)):
        rows = risk_view(day.reading(), data_lines_max=most)["machinery"]
        row = next(row for row in rows if row["name"] == "market data lines in use")
        assert (row["text"], row["is_bad"]) == (f"{used} of {most}", is_near)


def test_each_control_that_answered_is_told_with_its_tests(day: StageDesk) -> None:
    found = risk_view(day.reading())
    tests = dict(found["tests"])
    assert list(tests) == [check.code.value for check in found["checks"]]
    assert all(tests.values())
    assert "limits_fail_exactly_these_checks" in tests["package_vega"]


async def test_settings_offer_only_the_phases_that_the_desk_works_in(tmp_path: Path) -> None:
    made = stage_on(tmp_path, phases=(Phase.CRAWL,))
    await made.set_up()
    assert 'action="/phase"' not in (await made.ask("/settings")).text
    await made.act("/phase", phase="walk", reason="look", passphrase=WORDS)
    assert made.desk.names_asked() == []
    made.page.close()


def test_words_find_entries_by_what_they_say_and_not_by_the_names_of_fields() -> None:
    desk = StageDesk()
    texts = ("rested 30 s at its worst price", 'a "quoted" word', "rest")
    desk.journal.append(
        [NewEntry.of("CancelOrder", {"ref": f"desk-{n}", "reason": t}) for n, t in enumerate(texts)]
    )
    index = JournalIndex()
    index.add(desk.entries(0))
    found = {
        words: [row.sequence for row in index.search(words)]
        for words in ("worst price", "rest", "desk-1", "quoted", "reason", "ref", "CancelOrder")
    }
    assert found == {
        "worst price": [1],
        "rest": [3, 1],
        "desk-1": [2],
        "quoted": [2],
        "reason": [],
        "ref": [],
        "CancelOrder": [3, 2, 1],
    }


def test_a_line_of_values_starts_left_ends_right_and_fills_its_height() -> None:
    assert sparkline([1.0, 3.0, 2.0], 10, 4) == "0.0,4.0 5.0,0.0 10.0,2.0"
    assert sparkline([1.0], 10, 4) == ""
    long = sparkline([float(n) for n in range(5_000)], 10, 4).split()
    assert len(long) < 200
    assert long[-1] == "10.0,0.0"


def test_a_cancel_link_lives_as_long_as_its_plan_by_the_markets_clock(linked: Stage) -> None:
    """A market at twenty times the speed ends a plan of five minutes after fifteen seconds."""
    desk = linked.desk
    link = linked.page.cancel_link("abc", desk.at + timedelta(minutes=5))
    assert link is not None
    token, vault = link.rpartition("/")[2], linked.page._page.vault
    assert links.plan_of(vault, token, desk.now()) == "abc"
    desk.at += timedelta(minutes=5)
    assert links.plan_of(vault, token, desk.now()) is None


async def test_a_link_whose_plan_has_expired_in_the_market_cancels_nothing(linked: Stage) -> None:
    link = linked.page.cancel_link("abc", linked.desk.at + timedelta(minutes=5))
    assert link is not None
    path = link.removeprefix(PUBLIC)
    assert (await linked.ask(path)).status == 200
    linked.desk.at += timedelta(minutes=6)
    assert (await linked.ask(path)).status == 404
