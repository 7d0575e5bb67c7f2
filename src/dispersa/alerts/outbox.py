"""Which alerts are still to be handed over? A small SQLite file that survives a crash.

It is a file of its own beside the journal: when the journal can not be written, alerts still go
out. Every change is one transaction, durable when the method returns. One thread uses it.
"""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dispersa.alerts.alert import Alert, Severity
from dispersa.alerts.delivery import LIFETIME, Delivery, DeliveryState
from dispersa.errors import DispersaError

FORMAT = 2

_SCHEMA = f"""
BEGIN IMMEDIATE;
PRAGMA user_version = {FORMAT};
CREATE TABLE alerts (
    number INTEGER PRIMARY KEY,
    alert_id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    severity TEXT NOT NULL,
    at TEXT NOT NULL,
    headline TEXT NOT NULL,
    happened TEXT NOT NULL,
    done TEXT NOT NULL,
    options TEXT NOT NULL,
    link TEXT,
    folded INTEGER NOT NULL,
    letter TEXT
) STRICT;
CREATE INDEX alerts_topic ON alerts (topic, number);
CREATE TABLE deliveries (
    alert_id TEXT NOT NULL REFERENCES alerts (alert_id),
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due TEXT NOT NULL,
    ended TEXT,
    answer TEXT NOT NULL,
    PRIMARY KEY (alert_id, channel)
) STRICT;
CREATE INDEX deliveries_due ON deliveries (state, due);
COMMIT;
"""
_FROM_1 = f"""
BEGIN IMMEDIATE;
PRAGMA user_version = {FORMAT};
ALTER TABLE alerts ADD COLUMN letter TEXT;
COMMIT;
"""
SENT, REPEAT, SUMMED_UP = 0, 1, 2
_ALERT = (
    "a.alert_id, a.topic, a.severity, a.at, a.headline, a.happened, a.done, a.options, a.link, "
    "a.letter"
)
_DELIVERY = f"{_ALERT}, d.channel, d.state, d.attempts, d.due, d.ended, d.answer"


class OutboxFailed(DispersaError):
    """The outbox can not be written or read; alerts go on from memory alone."""


class Outbox:
    """Alerts and what became of each on every channel.

    Parameters
    ----------
    path
        File to keep them in, made if missing (mode 0600); None keeps them in memory only.

    Raises
    ------
    OutboxFailed
        If the file can not be opened or was written by another format.
    """

    def __init__(self, path: Path | None) -> None:
        try:
            self._sql = _opened(path)
        except (sqlite3.Error, OSError) as error:
            raise OutboxFailed(
                f"the alert outbox {path} can not be opened ({error}); expected a file of this "
                "build on a disk with free space: move it away, what it holds is not sent"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    def add(self, alert: Alert, channels: Iterable[str]) -> bool:
        """Keep an alert for sending over `channels`; False if its id is already known."""
        with self._sql:
            if not self._keep(alert, SENT):
                return False
            due = _text(alert.at)
            self._sql.executemany(
                "INSERT INTO deliveries VALUES (?, ?, ?, 0, ?, NULL, '')",
                [
                    (alert.alert_id, channel, DeliveryState.WAITING.value, due)
                    for channel in channels
                ],
            )
        return True

    def add_repeat(self, alert: Alert) -> bool:
        """Keep an alert that is only counted; False if its id is already known."""
        with self._sql:
            return self._keep(alert, REPEAT)

    def last_sent(self, topic: str) -> datetime | None:
        """Return when an alert of this topic last went on its way, None if never."""
        row = self._sql.execute(
            "SELECT at FROM alerts WHERE topic = ? AND folded = ? ORDER BY number DESC LIMIT 1",
            (topic, SENT),
        ).fetchone()
        return None if row is None else _time(row[0])

    def topics_with_repeats(self) -> tuple[str, ...]:
        """Return the topics that have repeats nobody was told of yet."""
        rows = self._sql.execute(
            "SELECT DISTINCT topic FROM alerts WHERE folded = ? ORDER BY topic", (REPEAT,)
        )
        return tuple(row[0] for row in rows)

    def repeats(self, topic: str) -> tuple[Alert, ...]:
        """Return the repeats of a topic that nobody was told of yet, the oldest first."""
        rows = self._sql.execute(
            f"SELECT {_ALERT} FROM alerts a WHERE topic = ? AND folded = ? ORDER BY number",  # noqa: S608  # columns of ours
            (topic, REPEAT),
        )
        return tuple(map(_alert, rows))

    def add_summary(
        self, summary: Alert, repeats: Sequence[Alert], channels: Iterable[str]
    ) -> None:
        """Queue the summary and take its repeats as told."""
        self.add(summary, channels)
        with self._sql:
            self._sql.executemany(
                "UPDATE alerts SET folded = ? WHERE alert_id = ?",
                [(SUMMED_UP, alert.alert_id) for alert in repeats],
            )

    def waiting(self, channel: str) -> tuple[Delivery, ...]:
        """Return what waits for a channel: critical alerts first, then the oldest."""
        rows = self._sql.execute(
            f"SELECT {_DELIVERY} FROM deliveries d JOIN alerts a USING (alert_id) "  # noqa: S608  # columns of ours
            "WHERE d.channel = ? AND d.state = ? ORDER BY a.severity != ?, a.number",
            (channel, DeliveryState.WAITING.value, Severity.CRITICAL.value),
        )
        return tuple(map(_delivery, rows))

    def deliveries(self, alert_id: str) -> tuple[Delivery, ...]:
        """Return what became of one alert, a row for each channel."""
        rows = self._sql.execute(
            f"SELECT {_DELIVERY} FROM deliveries d JOIN alerts a USING (alert_id) "  # noqa: S608  # columns of ours
            "WHERE d.alert_id = ? ORDER BY d.channel",
            (alert_id,),
        )
        return tuple(map(_delivery, rows))

    def recent(self, count: int) -> tuple[Delivery, ...]:
        """Return the deliveries of the last `count` alerts that were sent, the newest first."""
        rows = self._sql.execute(
            f"SELECT {_DELIVERY} FROM deliveries d JOIN alerts a USING (alert_id) "  # noqa: S608  # columns of ours
            "WHERE a.number IN (SELECT number FROM alerts WHERE folded = ? "
            "ORDER BY number DESC LIMIT ?) ORDER BY a.number DESC, d.channel",
            (SENT, count),
        )
        return tuple(map(_delivery, rows))

    def handed_over_since(self, channel: str, since: datetime) -> tuple[datetime, ...]:
        """Return when this channel took alerts that count for its rate limit, oldest first."""
        rows = self._sql.execute(
            "SELECT ended FROM deliveries JOIN alerts USING (alert_id) "
            "WHERE channel = ? AND state = ? AND severity != ? AND ended > ? ORDER BY ended",
            (channel, DeliveryState.HANDED_OVER.value, Severity.CRITICAL.value, _text(since)),
        )
        return tuple(_time(row[0]) for row in rows)

    def end(self, delivery: Delivery, state: DeliveryState, at: datetime, answer: str) -> None:
        """Record how a delivery ended."""
        self._update(delivery, state.value, delivery.attempts + 1, delivery.due, at, answer)

    def expire(self, delivery: Delivery, at: datetime) -> None:
        """Give up a delivery that could not be made in time."""
        attempts = delivery.attempts
        self._update(
            delivery, DeliveryState.EXPIRED.value, attempts, delivery.due, at, delivery.answer
        )

    def postpone(self, delivery: Delivery, due: datetime, answer: str) -> None:
        """Record a failed attempt and when the next one is due."""
        waiting = DeliveryState.WAITING.value
        self._update(delivery, waiting, delivery.attempts + 1, due, None, answer)

    def _keep(self, alert: Alert, folded: int) -> bool:
        values = (
            *(alert.alert_id, alert.topic, alert.severity.value, _text(alert.at)),
            *(alert.headline, alert.happened, alert.done, alert.options, alert.link, folded),
            None if alert.letter is None else str(alert.letter),
        )
        added = self._sql.execute(
            "INSERT OR IGNORE INTO alerts VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values
        )
        return added.rowcount == 1

    def _update(
        self,
        delivery: Delivery,
        state: str,
        attempts: int,
        due: datetime,
        ended: datetime | None,
        answer: str,
    ) -> None:
        with self._sql:
            self._sql.execute(
                "UPDATE deliveries SET state = ?, attempts = ?, due = ?, ended = ?, answer = ? "
                "WHERE alert_id = ? AND channel = ?",
                (
                    *(state, attempts, _text(due), None if ended is None else _text(ended)),
                    *(answer[:500], delivery.alert.alert_id, delivery.channel),
                ),
            )


def is_expired(delivery: Delivery, now: datetime) -> bool:
    """Return whether a delivery is no longer worth making."""
    return now - delivery.alert.at > LIFETIME[delivery.alert.severity]


def next_free(taken: Sequence[datetime], per_hour: int, now: datetime) -> datetime:
    """Return when a channel that took alerts at `taken` may take one more.

    At most `per_hour` in any hour; `taken` is sorted.
    """
    inside = [at for at in taken if at > now - timedelta(hours=1)]
    return now if len(inside) < per_hour else inside[-per_hour] + timedelta(hours=1)


def _opened(path: Path | None) -> sqlite3.Connection:
    if path is not None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(
        ":memory:" if path is None else str(path), check_same_thread=False, timeout=5
    )
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in {0, 1, FORMAT}:
        raise sqlite3.DatabaseError(f"it has format {version}, this build reads {FORMAT}")
    if version != FORMAT:
        connection.executescript(_SCHEMA if version == 0 else _FROM_1)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _alert(row: tuple[Any, ...]) -> Alert:
    alert_id, topic, severity, at, headline, happened, done, options, link, letter = row[:10]
    return Alert(
        alert_id=alert_id,
        topic=topic,
        severity=Severity(severity),
        at=_time(at),
        headline=headline,
        happened=happened,
        done=done,
        options=options,
        link=link,
        letter=None if letter is None else Path(letter),
    )


def _delivery(row: tuple[Any, ...]) -> Delivery:
    channel, state, attempts, due, ended, answer = row[10:]
    return Delivery(
        alert=_alert(row),
        channel=channel,
        state=DeliveryState(state),
        attempts=attempts,
        due=_time(due),
        ended=None if ended is None else _time(ended),
        answer=answer,
    )
