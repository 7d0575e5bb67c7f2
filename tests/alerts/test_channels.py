"""Does each channel hand over, refuse and ask for patience as its protocol says?"""

import base64
import re
from datetime import timedelta

import pytest

from dispersa.alerts import Severity
from dispersa.alerts.channels.mail import Mail, MailServer
from dispersa.alerts.channels.notification import notifications
from dispersa.alerts.delivery import Refused, TryLater, retry_after
from dispersa.alerts.rendering import SMS_LENGTH_MAX, letter, subject, text_message
from dispersa.alerts.targets import require_allowed
from dispersa.errors import InvalidConfig
from tests.alerts.sinks import (
    NOON,
    SENDER,
    MailSink,
    WebSink,
    alert,
    mail_channel,
    mail_server,
    sms_channel,
    web_server,
)


def test_a_mail_arrives_with_grade_words_and_its_own_id() -> None:
    sink = MailSink()
    with mail_server(sink) as port:
        answer = mail_channel(port, "a@example.org", "b@example.org").send(alert(7, at=NOON))
    assert answer == "taken over for 2 of 2 receivers"
    (mail,) = sink.mails
    assert mail["Subject"] == "[dispersa PAPER] WARNING: The link to the broker is down"
    assert mail["Message-ID"] == "<a7@dispersa.invalid>"
    assert mail["To"] == "a@example.org, b@example.org"
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    for words in ("WHAT HAPPENED", "WHAT THE SYSTEM DID", "WHAT YOU CAN DO", "12:00:00 New York"):
        assert words in text


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("451 4.7.1 greylisted, come back later", TryLater),
        ("452 4.2.2 mailbox full", TryLater),
        ("550 5.7.1 we do not like you", Refused),
        ("554 5.6.0 content", Refused),
    ],
)
def test_transient_and_permanent_answers_are_told_apart(answer: str, kind: type[Exception]) -> None:
    sink = MailSink()
    sink.answers = [answer]
    with mail_server(sink) as port, pytest.raises(kind, match=re.escape(answer)):
        mail_channel(port).send(alert())


def test_one_unknown_receiver_is_named_and_the_others_are_told() -> None:
    sink = MailSink()
    sink.recipient_answers = {"gone@example.org": "550 5.1.1 no such user"}
    with mail_server(sink) as port:
        answer = mail_channel(port, "gone@example.org", "b@example.org").send(alert())
    assert answer == "taken over for 1 of 2 receivers; gone@example.org: 550 5.1.1 no such user"
    assert len(sink.mails) == 1


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (("550 no such user", "550 no such user"), Refused),
        (("450 try again", "550 no such user"), TryLater),
    ],
)
def test_no_receiver_taken_is_final_only_if_every_refusal_is(
    answers: tuple[str, str], kind: type[Exception]
) -> None:
    sink = MailSink()
    sink.recipient_answers = dict(zip(("a@example.org", "b@example.org"), answers, strict=True))
    with mail_server(sink) as port, pytest.raises(kind, match="no receiver was taken"):
        mail_channel(port, "a@example.org", "b@example.org").send(alert())


def test_a_mail_server_that_is_down_is_tried_later() -> None:
    with mail_server(MailSink()) as port:
        pass
    with pytest.raises(TryLater, match="can not be reached"):
        mail_channel(port).send(alert())


def test_a_password_never_crosses_an_unencrypted_line() -> None:
    sink = MailSink()
    with mail_server(sink) as port:
        server = MailServer(
            host="127.0.0.1",
            port=port,
            security="none",
            private_allowed=True,
            user="desk",
            password="hush",  # noqa: S106  # of a server of our own
        )
        channel = Mail(server=server, origin="d@e.org", receivers=("a@b.org",), sender=SENDER)
        with pytest.raises(Refused, match="unencrypted"):
            channel.send(alert())
    assert "hush" not in repr(channel)
    assert not sink.attempts


def test_starttls_that_is_not_offered_is_refused() -> None:
    with mail_server(MailSink()) as port:
        server = MailServer(host="127.0.0.1", port=port, security="starttls", private_allowed=True)
        channel = Mail(server=server, origin="d@e.org", receivers=("a@b.org",), sender=SENDER)
        with pytest.raises(Refused, match="does not offer"):
            channel.send(alert())


def test_line_breaks_of_the_broker_never_reach_a_header() -> None:
    sink = MailSink()
    bad = alert(headline="201 rejected\r\nBcc: thief@example.org", at=NOON)
    with mail_server(sink) as port:
        mail_channel(port).send(bad)
    (mail,) = sink.mails
    assert mail["Bcc"] is None
    assert mail["Subject"].endswith("201 rejected Bcc: thief@example.org")


def test_a_text_message_is_posted_as_the_provider_wants_it() -> None:
    sink = WebSink()
    with web_server(sink) as port:
        answer = sms_channel(port).send(alert(at=NOON))
    ((path, form, headers),) = sink.requests
    assert path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert form["From"] == ["+15550001"]
    assert form["To"] == ["+15550002"]
    assert form["Body"][0].startswith("dispersa PAPER WARNING 12:00 NY: The link to the broker")
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"AC1:hush").decode()
    assert "201" in answer


@pytest.mark.parametrize(
    ("status", "headers", "kind", "after"),
    [
        (429, {"Retry-After": "40"}, TryLater, timedelta(seconds=40)),
        (503, {}, TryLater, None),
        (400, {}, Refused, None),
        (401, {}, Refused, None),
        (302, {"Location": "http://127.0.0.1:1/elsewhere"}, Refused, None),
    ],
)
def test_answers_of_the_provider_are_told_apart(
    status: int, headers: dict[str, str], kind: type[Exception], after: timedelta | None
) -> None:
    sink = WebSink(answers=[(status, headers, '{"code": 21211}')])
    with web_server(sink) as port, pytest.raises(kind, match=str(status)) as raised:
        sms_channel(port).send(alert())
    assert len(sink.requests) == 1
    if isinstance(raised.value, TryLater):
        assert raised.value.after == after


def test_targets_on_this_machine_need_an_explicit_setting() -> None:
    sink = WebSink()
    with web_server(sink) as port, pytest.raises(Refused, match="allow_private_targets"):
        sms_channel(port, private_allowed=False).send(alert())
    assert not sink.requests
    mails = MailSink()
    with mail_server(mails) as port, pytest.raises(Refused, match="allow_private_targets"):
        mail_channel(port, private_allowed=False).send(alert())
    assert not mails.mails


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "10.0.0.7", "169.254.169.254", "::ffff:192.168.1.1", "0.0.0.1"]
)
def test_hidden_addresses_are_refused_in_every_spelling(host: str) -> None:
    with pytest.raises(Refused):
        require_allowed(host, private_allowed=False)
    require_allowed(host, private_allowed=True)


def test_a_public_address_is_allowed() -> None:
    require_allowed("93.184.216.34", private_allowed=False)


def test_a_notification_reaches_a_service_of_apprise() -> None:
    sink = WebSink(answers=[(200, {}, "")])
    with web_server(sink) as port:
        (channel,) = notifications(f"json://127.0.0.1:{port}/hook", SENDER, private_allowed=True)
        assert channel.send(alert(severity=Severity.CRITICAL)) == "the service took it over"
        assert "127.0.0.1" not in repr(channel)
    assert sink.requests[0][0].rstrip("/") == "/hook"


def test_a_service_that_fails_is_tried_later_and_private_ones_are_refused() -> None:
    sink = WebSink(answers=[(500, {}, "out of order")])
    with web_server(sink) as port:
        url = f"json://127.0.0.1:{port}/hook"
        (channel,) = notifications(url, SENDER, private_allowed=True)
        with pytest.raises(TryLater, match="did not take it"):
            channel.send(alert())
        (channel,) = notifications(url, SENDER, private_allowed=False)
        with pytest.raises(Refused, match="private"):
            channel.send(alert())


def test_an_unknown_service_is_refused_without_showing_its_secret() -> None:
    with pytest.raises(InvalidConfig, match="URL 2") as refused:
        notifications("json://127.0.0.1/a nosuch://secret-token", SENDER, private_allowed=True)
    assert "secret-token" not in str(refused.value)


def test_a_text_message_is_cut_in_its_words_and_never_in_its_link() -> None:
    link = "https://desk.example.org/cancel/" + "x" * 60
    long = alert(headline="x" * 400, link=link)
    message = text_message(long, SENDER)
    assert len(message) == SMS_LENGTH_MAX
    assert message.endswith(f"… {link}")


def test_letter_and_subject_name_profile_and_grade() -> None:
    grave = alert(severity=Severity.CRITICAL, link="https://desk.example.org/x")
    assert subject(grave, SENDER).startswith("[dispersa PAPER] CRITICAL: ")
    assert "https://desk.example.org/x" in letter(grave, SENDER)
    assert "DU···567" in letter(grave, SENDER)


@pytest.mark.parametrize(
    ("attempts", "asked", "seconds"),
    [(1, None, 5), (2, None, 10), (40, None, 600), (1, 90, 90), (1, 999_999, 3600), (9, 1, 600)],
)
def test_waits_double_up_to_ten_minutes_and_heed_the_other_side(
    attempts: int, asked: int | None, seconds: int
) -> None:
    wait = retry_after(attempts, None if asked is None else timedelta(seconds=asked))
    assert wait.total_seconds() == seconds
