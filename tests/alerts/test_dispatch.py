"""Do alerts reach real servers through delays, refusals, greylisting and outages?"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dispersa.alerts import (
    Alert,
    AlertPolicy,
    Delivery,
    DeliveryState,
    Dispatcher,
    Outbox,
    Severity,
)
from dispersa.alerts.channels import Channel
from tests.alerts.sinks import (
    MailSink,
    WebSink,
    alert,
    free_port,
    mail_channel,
    mail_server,
    sms_channel,
    web_server,
)

SOON = timedelta(seconds=10)
CRITICAL = Severity.CRITICAL


QUICK = AlertPolicy(first_retry=timedelta(milliseconds=50))
"""The first retry after 50 ms, so that a test of three attempts does not take 15 s."""


@asynccontextmanager
async def running(
    channels: Sequence[Channel],
    path: Path | None = None,
    policy: AlertPolicy = QUICK,
) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(Outbox(path), channels, lambda: datetime.now(UTC), policy)
    task = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def states(deliveries: Sequence[Delivery]) -> dict[str, DeliveryState]:
    return {one.channel: one.state for one in deliveries}


async def test_an_alert_is_handed_over_on_every_channel() -> None:
    mails, texts = MailSink(), WebSink()
    with mail_server(mails) as smtp, web_server(texts) as web:
        async with running([mail_channel(smtp), sms_channel(web)]) as dispatcher:
            await dispatcher.post(alert())
            found = await dispatcher.settled("a1", SOON)
    assert set(states(found).values()) == {DeliveryState.HANDED_OVER}
    assert (len(mails.mails), len(texts.requests)) == (1, 1)


async def test_a_greylisted_mail_is_handed_over_at_a_later_attempt() -> None:
    sink = MailSink()
    sink.answers = ["451 4.7.1 greylisted"] * 2
    with mail_server(sink) as port:
        async with running([mail_channel(port)]) as dispatcher:
            await dispatcher.post(alert())
            (found,) = await dispatcher.outcome("a1", SOON)
    assert (found.state, found.attempts) == (DeliveryState.HANDED_OVER, 3)
    assert len(sink.mails) == 1


async def test_a_refused_mail_is_known_to_be_refused_and_the_text_message_goes() -> None:
    sink, texts = MailSink(), WebSink()
    sink.answers = ["550 5.7.1 no"]
    with mail_server(sink) as smtp, web_server(texts) as web:
        async with running([mail_channel(smtp), sms_channel(web)]) as dispatcher:
            await dispatcher.post(alert())
            found = states(await dispatcher.settled("a1", SOON))
    assert found["email"] is DeliveryState.REFUSED
    assert found["sms ···0002"] is DeliveryState.HANDED_OVER
    assert sink.attempts == 1


async def test_outcome_says_refused_when_every_channel_refused() -> None:
    sink = MailSink()
    sink.answers = ["550 no"]
    with mail_server(sink) as port:
        async with running([mail_channel(port)]) as dispatcher:
            await dispatcher.post(alert())
            (found,) = await dispatcher.outcome("a1", SOON)
    assert found.state is DeliveryState.REFUSED
    assert "550" in found.answer


async def test_outcome_does_not_wait_beyond_its_time_for_a_server_that_is_down() -> None:
    async with running([mail_channel(free_port())]) as dispatcher:
        await dispatcher.post(alert())
        begun = time.monotonic()
        (found,) = await dispatcher.outcome("a1", timedelta(seconds=0.4))
    assert time.monotonic() - begun < 5
    assert found.state is DeliveryState.WAITING
    assert "can not be reached" in found.answer


async def test_an_outage_delays_and_loses_nothing() -> None:
    port, sink = free_port(), MailSink()
    async with running([mail_channel(port)]) as dispatcher:
        for number in range(5):
            await dispatcher.post(alert(number, topic=f"t{number}"))
        await dispatcher.outcome("a0", timedelta(seconds=0.3))
        with mail_server(sink, port):
            for number in range(5):
                await dispatcher.outcome(f"a{number}", SOON)
    ids = sorted(mail["Message-ID"] for mail in sink.mails)
    assert ids == [f"<a{n}@dispersa.invalid>" for n in range(5)]


async def test_a_restart_sends_what_waited_once(tmp_path: Path) -> None:
    port, sink, path = free_port(), MailSink(), tmp_path / "alerts.sqlite3"
    async with running([mail_channel(port)], path) as dispatcher:
        await dispatcher.post(alert(1))
        await dispatcher.outcome("a1", timedelta(seconds=0.2))
    with mail_server(sink, port):
        async with running([mail_channel(port)], path) as dispatcher:
            await dispatcher.post(alert(1))  # the desk raises it again after its own replay
            (found,) = await dispatcher.outcome("a1", SOON)
            assert found.state is DeliveryState.HANDED_OVER
    assert len(sink.mails) == 1


async def test_a_slow_channel_holds_up_no_other() -> None:
    mails, texts = MailSink(), WebSink()
    mails.delay_s = 2.0
    with mail_server(mails) as smtp, web_server(texts) as web:
        async with running([mail_channel(smtp), sms_channel(web)]) as dispatcher:
            begun = time.monotonic()
            await dispatcher.post(alert())
            found = states(await dispatcher.outcome("a1", SOON))
            waited = time.monotonic() - begun
    assert found["sms ···0002"] is DeliveryState.HANDED_OVER
    assert waited < 1.9


async def test_repeats_are_folded_into_one_summary_and_critical_ones_never() -> None:
    sink = MailSink()
    policy = AlertPolicy(fold_within=timedelta(seconds=1))
    with mail_server(sink) as port:
        async with running([mail_channel(port)], policy=policy) as dispatcher:
            for number in range(6):
                await dispatcher.post(alert(number))
            for number in range(6, 9):
                await dispatcher.post(alert(number, severity=CRITICAL, topic="halt"))
            await dispatcher.outcome("a8", SOON)
            await dispatcher.outcome("a1+5", SOON)
            for _ in range(100):
                if len(sink.mails) == 5:
                    break
                await asyncio.sleep(0.05)
    subjects = [mail["Subject"] for mail in sink.mails]
    assert sum("CRITICAL" in one for one in subjects) == 3
    assert sum("5 times more" in one for one in subjects) == 1
    assert len(subjects) == 5


@dataclass
class Paper:
    """A channel of this test: a list, with a rate."""

    per_hour: int
    name: str = "paper"
    taken: list[Alert] = field(default_factory=list)
    fault: Exception | None = None

    def send(self, one: Alert) -> str:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        self.taken.append(one)
        return "taken"


async def test_the_rate_limit_holds_back_warnings_and_lets_critical_alerts_through() -> None:
    paper = Paper(per_hour=2)
    async with running([paper]) as dispatcher:
        for number in range(4):
            await dispatcher.post(alert(number, topic=f"t{number}"))
        await dispatcher.post(alert(9, severity=CRITICAL))
        await dispatcher.outcome("a9", SOON)
        (held,) = await dispatcher.outcome("a3", timedelta(seconds=0.3))
    assert held.state is DeliveryState.WAITING
    assert len(paper.taken) == 3


async def test_a_fault_in_a_channel_is_retried_and_named() -> None:
    paper = Paper(per_hour=9, fault=KeyError("a bug"))
    async with running([paper]) as dispatcher:
        await dispatcher.post(alert())
        (found,) = await dispatcher.outcome("a1", SOON)
    assert (found.state, found.attempts) == (DeliveryState.HANDED_OVER, 2)


async def test_when_the_disk_fails_alerts_go_on_from_memory(tmp_path: Path) -> None:
    sink, path = MailSink(), tmp_path / "alerts.sqlite3"
    with mail_server(sink) as port:
        outbox = Outbox(path)
        outbox._sql.execute("PRAGMA max_page_count = 1")  # SQLite's own "disk is full"
        outbox._sql.execute("PRAGMA max_page_count = 8")
        dispatcher = Dispatcher(outbox, [mail_channel(port)], lambda: datetime.now(UTC))
        task = asyncio.create_task(dispatcher.run())
        for number in range(40):
            await dispatcher.post(alert(number, topic=f"t{number}", headline="x" * 900))
        (found,) = await dispatcher.outcome("a39", SOON)
        for _ in range(200):
            if len(sink.mails) >= 40:
                break
            await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert found.state is DeliveryState.HANDED_OVER
    assert dispatcher.trouble is not None
    assert "from memory" in dispatcher.trouble
    assert len(sink.mails) == 40


async def test_without_channels_the_outcome_is_known_at_once() -> None:
    async with running([]) as dispatcher:
        await dispatcher.post(alert())
        assert await dispatcher.outcome("a1", SOON) == ()


async def test_bursts_of_critical_alerts_are_each_handed_over_once() -> None:
    sink = WebSink()
    with web_server(sink) as port:
        channel = sms_channel(port)
        async with running([channel]) as dispatcher:
            for burst in range(20):
                for number in range(10):
                    await dispatcher.post(
                        alert(burst * 10 + number, severity=CRITICAL, topic=f"t{number}")
                    )
                await asyncio.sleep(0.1)
            found = [
                one for number in range(200) for one in await dispatcher.outcome(f"a{number}", SOON)
            ]
    bodies = [form["Body"][0] for _, form, _ in sink.requests]
    assert len(bodies) == 200
    assert all(one.state is DeliveryState.HANDED_OVER for one in found)
