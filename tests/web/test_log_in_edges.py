"""What happens at the edges of the log-in: late disconnects, moved clocks, damaged vaults?"""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from dispersa.errors import Halted, InvalidConfig
from dispersa.web.desk_page import wall_now
from dispersa.web.entering import prove_again
from dispersa.web.security import logins, passphrase
from dispersa.web.security.bodies import BodyGuard
from dispersa.web.security.headers import HeaderGuard
from dispersa.web.security.logins import LOGINS_MAX, STEP_UP
from dispersa.web.security.throttle import FORGOTTEN_AFTER, FREE, Throttle
from dispersa.web.security.vault import Vault
from tests.web.stage import NOON, WORDS, Stage, stage_on


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = stage_on(tmp_path)
    yield made
    made.page.close()


def log_in(stage: Stage, *, set_words: bool = False) -> Vault:
    """Give the stage's browser a log-in, without the slow hash where it is not looked at."""
    vault = stage.page._page.vault
    if set_words:
        passphrase.set_passphrase(vault, WORDS)
    stage.cookies["dispersa"] = logins.log_in(vault, wall_now(), address="127.0.0.1", device="test")
    return vault


async def raw(app: Any, scope: Scope, messages: list[Message]) -> list[Message]:
    """Run an application on messages of our own making."""
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


POST: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
PART: Message = {"type": "http.request", "body": b"half", "more_body": True}
GONE: Message = {"type": "http.disconnect"}


async def test_a_body_that_breaks_off_is_what_came_of_it() -> None:
    async def twice(_scope: Scope, receive: Receive, send: Send) -> None:
        first, second = await receive(), await receive()
        text = f"{first['body'].decode()} {second['type']}"
        await PlainTextResponse(text)(POST, receive, send)

    sent = await raw(BodyGuard(twice), POST, [PART, GONE, GONE])
    assert sent[1]["body"] == b"half http.disconnect"


async def test_what_is_no_request_passes_without_headers() -> None:
    async def started(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.complete"})

    sent = await raw(HeaderGuard(started, tls=False), {"type": "lifespan"}, [])
    assert sent == [{"type": "lifespan.startup.complete"}]


async def test_a_page_that_may_be_kept_says_so_itself_and_plain_http_promises_no_tls() -> None:
    kept = PlainTextResponse("x", headers={"Cache-Control": "private, max-age=3600"})
    sent = await raw(HeaderGuard(kept, tls=False), {**POST, "method": "GET"}, [])
    headers = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
    assert headers["cache-control"] == "private, max-age=3600"
    assert "strict-transport-security" not in headers


def test_wrong_guesses_are_forgotten_after_a_while() -> None:
    throttle = Throttle()
    for _ in range(FREE + 3):
        throttle.failed("anna", NOON)
    assert throttle.wait("anna", NOON) > timedelta(0)
    later = NOON + FORGOTTEN_AFTER + timedelta(seconds=1)
    assert throttle.wait("anna", later) == timedelta(0)
    throttle.failed("anna", later)
    assert throttle.wait("anna", later) == timedelta(0), "counting begins anew"


def test_a_vault_that_is_no_database_is_refused_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "page.sqlite3"
    path.write_bytes(b"this is no database at all, whatever its name says" * 20)
    path.chmod(0o600)
    with pytest.raises(InvalidConfig, match="move it away and set the passphrase again"):
        Vault(path)


def test_a_vault_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.sqlite3"
    Vault(path).close()
    with sqlite3.connect(path) as found:
        found.execute("PRAGMA user_version = 99")
    found.close()
    with pytest.raises(InvalidConfig, match="format 99"):
        Vault(path)


async def test_who_is_in_is_led_past_the_log_in(stage: Stage) -> None:
    assert (await stage.ask("/enter")).status == 200
    log_in(stage)
    answer = await stage.ask("/enter")
    assert (answer.status, answer.header("location")) == (303, "/")


async def test_a_log_in_from_elsewhere_is_refused_whatever_it_knows(stage: Stage) -> None:
    log_in(stage, set_words=True)
    stage.cookies.clear()
    answer = await stage.ask(
        "/enter", {"passphrase": WORDS}, headers={"origin": "https://evil.example"}
    )
    assert answer.status == 403
    assert stage.cookies == {}


async def test_nobody_steps_up_whose_log_in_has_just_ended(stage: Stage) -> None:
    scope: Scope = {**POST, "app": stage.page._app, "query_string": b""}
    assert await prove_again(stage.page._page, Request(scope)) == "log in again"


async def test_a_new_log_in_ends_the_one_before_it(stage: Stage) -> None:
    vault = log_in(stage, set_words=True)
    before = stage.cookies["dispersa"]
    assert (await stage.ask("/enter", {"passphrase": WORDS})).status == 303
    assert stage.cookies["dispersa"] != before
    assert logins.find(vault, before, wall_now()) is None


async def test_a_log_in_older_than_fifty_others_is_not_noted(stage: Stage) -> None:
    vault = log_in(stage, set_words=True)
    ahead = wall_now() + timedelta(hours=1)  # the clock was moved back since
    for _ in range(LOGINS_MAX):
        logins.log_in(vault, ahead, address="127.0.0.1", device="test")
    stage.cookies.clear()
    noted = len(stage.desk.asked)
    assert (await stage.ask("/enter", {"passphrase": WORDS})).status == 303
    assert len(stage.desk.asked) == noted
    assert (await stage.ask("/")).status == 303


async def test_a_log_in_is_noted_in_the_vault_where_the_desk_has_ended(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ended(text: str, *, by: str) -> dict[str, Any]:
        raise Halted(f"the desk has ended: {text} by {by}")

    vault = log_in(stage, set_words=True)
    monkeypatch.setattr(stage.desk, "note", ended)
    assert (await stage.ask("/enter", {"passphrase": WORDS})).status == 303
    ((_, text, by),) = vault.notes(1)
    assert text == "logged in (not in the journal)"
    assert by.startswith("page 127.0.0.1")


async def stale(stage: Stage) -> Vault:
    """A log-in whose proof is too old for what starts or loosens."""
    vault = log_in(stage, set_words=True)
    then = (wall_now() - STEP_UP - timedelta(seconds=5)).isoformat()
    vault.change("UPDATE logins SET proven = ?", (then,))
    return vault


async def test_a_step_up_waits_after_too_many_wrong_words(stage: Stage) -> None:
    await stale(stage)
    token = await stage.token()
    for _ in range(FREE):
        await stage.ask("/resume", {"csrf": token, "reason": "x", "passphrase": "wrong words all"})
    form = {"csrf": token, "reason": "x", "passphrase": WORDS}
    answer = await stage.ask("/resume", form)
    assert "too many wrong tries" in (await stage.ask(answer.header("location"))).text
    assert stage.desk.names_asked() == []
