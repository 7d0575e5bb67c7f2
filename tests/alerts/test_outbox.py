"""Does the outbox lose nothing, send nothing twice and keep order, through restarts?"""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.alerts import Alert, DeliveryState, Outbox, Severity
from dispersa.alerts.folding import is_repeat, summary
from dispersa.alerts.outbox import OutboxFailed, is_expired, next_free
from tests.alerts.sinks import NOON, alert

MINUTE = timedelta(minutes=1)


def test_what_waits_survives_a_restart_and_what_ended_does_not_come_back(tmp_path: Path) -> None:
    path = tmp_path / "alerts.sqlite3"
    with Outbox(path) as outbox:
        outbox.add(alert(1), ["email", "sms"])
        outbox.add(alert(2), ["email"])
        outbox.end(outbox.waiting("email")[0], DeliveryState.HANDED_OVER, NOON, "250 OK")
    assert path.stat().st_mode & 0o777 == 0o600
    with Outbox(path) as outbox:
        assert [one.alert.alert_id for one in outbox.waiting("email")] == ["a2"]
        assert [one.alert.alert_id for one in outbox.waiting("sms")] == ["a1"]
        (mailed, _) = outbox.deliveries("a1")
        assert (mailed.state, mailed.attempts) == (DeliveryState.HANDED_OVER, 1)
        assert mailed.answer == "250 OK"


def test_the_same_occurrence_raised_again_is_kept_once() -> None:
    outbox = Outbox(None)
    assert outbox.add(alert(1), ["email"])
    assert not outbox.add(alert(1), ["email"])
    assert len(outbox.waiting("email")) == 1


def test_critical_alerts_overtake() -> None:
    outbox = Outbox(None)
    for number, severity in enumerate((Severity.INFO, Severity.WARNING, Severity.CRITICAL)):
        outbox.add(alert(number, severity=severity), ["email"])
    assert [one.alert.alert_id for one in outbox.waiting("email")] == ["a2", "a0", "a1"]


def test_a_file_of_another_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "alerts.sqlite3"
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 9")
    other.close()
    with pytest.raises(OutboxFailed, match="format 9"):
        Outbox(path)
    path.write_bytes(b"this is no database at all, but a text")
    with pytest.raises(OutboxFailed):
        Outbox(path)
    assert path.read_bytes().startswith(b"this is no database")


def test_a_file_of_the_first_format_is_taken_over_with_what_waits(tmp_path: Path) -> None:
    path = tmp_path / "alerts.sqlite3"
    with Outbox(path) as outbox:
        outbox.add(alert(1), ["email"])
    old = sqlite3.connect(path)
    old.execute("ALTER TABLE alerts DROP COLUMN letter")
    old.execute("PRAGMA user_version = 1")
    old.close()
    with Outbox(path) as outbox:
        outbox.add(replace(alert(2), letter=tmp_path / "eod.eml"), ["email"])
        waiting = outbox.waiting("email")
    assert [(row.alert.alert_id, row.alert.letter) for row in waiting] == [
        ("a1", None),
        ("a2", tmp_path / "eod.eml"),
    ]


def test_an_alert_keeps_every_word(tmp_path: Path) -> None:
    kept = alert(5, link="https://desk.example.org/x", headline="Größe ‘x’ <b>")
    path = tmp_path / "alerts.sqlite3"
    with Outbox(path) as outbox:
        outbox.add(kept, ["email"])
    with Outbox(path) as outbox:
        assert outbox.waiting("email")[0].alert == kept


@pytest.mark.parametrize(
    ("severity", "minutes", "repeat"),
    [
        (Severity.WARNING, 9, True),
        (Severity.WARNING, 10, False),
        (Severity.INFO, 1, True),
        (Severity.CRITICAL, 1, False),
    ],
)
def test_only_what_is_not_critical_repeats(severity: Severity, minutes: int, repeat: bool) -> None:
    later = alert(2, severity=severity, at=NOON + minutes * MINUTE)
    assert is_repeat(later, NOON, 10 * MINUTE) is repeat
    assert not is_repeat(later, None, 10 * MINUTE)


def test_a_summary_counts_and_tells_first_and_last() -> None:
    repeats = [alert(n, at=NOON + n * MINUTE) for n in (1, 2, 3)]
    told = summary(repeats, NOON + 10 * MINUTE)
    assert told.headline == "The link to the broker is down (3 times more)"
    assert "12:01:00" in told.happened
    assert "12:03:00" in told.happened
    assert told.alert_id == "a1+3"
    with pytest.raises(ValueError, match="no repeats"):
        summary([], NOON)


@given(
    st.lists(st.integers(0, 7200), max_size=30).map(sorted),
    st.integers(1, 10),
    st.integers(0, 300),
)
def test_the_rate_is_kept_whatever_was_sent_before(
    seconds: list[int], per_hour: int, later: int
) -> None:
    now = NOON + timedelta(seconds=(seconds[-1] if seconds else 0) + later)
    taken = [NOON + timedelta(seconds=one) for one in seconds]
    free = next_free(taken, per_hour, now)
    assert free >= now
    inside = [at for at in taken if at > free - timedelta(hours=1)]
    assert len(inside) < per_hour


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(Severity)), max_size=12))
def test_every_alert_is_sent_or_summed_up_exactly_once(
    raised: list[tuple[int, Severity]],
) -> None:
    outbox = Outbox(None)
    alerts = [
        alert(n, topic=f"t{topic}", severity=severity, at=NOON + n * MINUTE)
        for n, (topic, severity) in enumerate(raised)
    ]
    sent: list[Alert] = []
    for one in alerts:
        if is_repeat(one, outbox.last_sent(one.topic), 5 * MINUTE):
            assert outbox.add_repeat(one)
        else:
            outbox.add(one, ["email"])
            sent.append(one)
    told: list[Alert] = []
    for topic in outbox.topics_with_repeats():
        repeats = outbox.repeats(topic)
        outbox.add_summary(summary(repeats, NOON + 30 * MINUTE), repeats, ["email"])
        told.extend(repeats)
    assert not outbox.topics_with_repeats()
    assert sorted(one.alert_id for one in (*sent, *told)) == sorted(a.alert_id for a in alerts)
    assert all(one in sent for one in alerts if one.severity is Severity.CRITICAL)


def test_what_is_too_old_is_given_up_by_grade() -> None:
    outbox = Outbox(None)
    outbox.add(alert(1, severity=Severity.INFO, at=NOON), ["email"])
    outbox.add(alert(2, severity=Severity.CRITICAL, at=NOON), ["email"])
    after = {
        one.alert.alert_id: is_expired(one, NOON + timedelta(hours=13))
        for one in outbox.waiting("email")
    }
    assert after == {"a1": True, "a2": False}
