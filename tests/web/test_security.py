"""Do the guards in front of the page hold, each by itself?"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Scope

from dispersa.errors import InvalidConfig, InvalidInput
from dispersa.web.security import links, logins, passphrase, second_factor
from dispersa.web.security.bodies import BODY_BYTES_MAX, BodyGuard
from dispersa.web.security.forgery import foreign, token_matches
from dispersa.web.security.headers import HeaderGuard
from dispersa.web.security.hosts import HostGuard, allowed_hosts, allowed_origins
from dispersa.web.security.throttle import LONGEST, Throttle
from dispersa.web.security.vault import Vault, hashed

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WORDS = "correct horse battery staple"


async def _echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


APP = Starlette(routes=[Route("/", _echo, methods=["GET", "POST"])])


async def ask(
    app: object,
    *,
    method: str = "GET",
    headers: list[tuple[bytes, bytes]] | None = None,
    chunks: list[bytes] | None = None,
    stall: bool = False,
) -> tuple[int, dict[str, str], bytes]:
    """Send one request through an ASGI application and collect its answer."""
    import asyncio

    parts = list(chunks or [b""])

    async def receive() -> Message:
        if parts:
            body = parts.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(parts) or stall}
        if stall:
            await asyncio.sleep(30)
        return {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": headers if headers is not None else [(b"host", b"127.0.0.1:8765")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8765),
        "scheme": "http",
        "http_version": "1.1",
    }
    run = app
    assert callable(run)
    await run(scope, receive, send)
    head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], head, b"".join(m.get("body", b"") for m in sent[1:])


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        ([b"127.0.0.1:8765"], 200),
        ([b"LOCALHOST:8765"], 200),
        ([b"[::1]:8765"], 200),
        ([b"desk.example.org"], 200),
        ([b"evil.example.org"], 421),
        ([b"127.0.0.1"], 421),
        ([b"127.0.0.1:80"], 421),
        ([b"0.0.0.0:8765"], 421),
        ([b"127.0.0.1:8765.evil.org"], 421),
        ([b"127.0.0.1:8765", b"evil.org"], 421),
        ([b""], 421),
        ([], 421),
    ],
)
async def test_only_our_own_names_are_served(hosts: list[bytes], status: int) -> None:
    app = HostGuard(APP, allowed_hosts(8765, "https://desk.example.org"))
    found, _, _ = await ask(app, headers=[(b"host", one) for one in hosts])
    assert found == status


async def test_every_answer_carries_the_headers_and_a_nonce_of_its_own() -> None:
    app = HeaderGuard(APP, tls=True)
    (_, first, _), (_, second, _) = await ask(app), await ask(app)
    policy = first["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert policy != second["content-security-policy"]
    assert first["cache-control"] == "no-store"
    assert first["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" in first


@pytest.mark.parametrize(
    ("headers", "chunks", "status"),
    [
        ([(b"content-length", b"5")], [b"hello"], 200),
        ([(b"content-length", str(BODY_BYTES_MAX + 1).encode())], [b""], 413),
        ([(b"content-length", b"-5")], [b""], 413),
        ([], [b"x" * BODY_BYTES_MAX, b"y"], 413),
        ([(b"content-length", b"3")], [b"x" * BODY_BYTES_MAX, b"y"], 413),
        ([], [b"x" * BODY_BYTES_MAX], 200),
    ],
)
async def test_long_bodies_are_cut_off(
    headers: list[tuple[bytes, bytes]], chunks: list[bytes], status: int
) -> None:
    found, _, text = await ask(BodyGuard(APP), method="POST", headers=headers, chunks=chunks)
    assert found == status
    if status == 200:
        assert int(text) == sum(map(len, chunks))


async def test_a_dripping_body_is_cut_off() -> None:
    app = BodyGuard(APP, seconds_max=0.1)
    found, _, _ = await ask(app, method="POST", headers=[], chunks=[b"x"], stall=True)
    assert found == 408


def _request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw})


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"origin": "http://127.0.0.1:8765", "sec_fetch_site": "same-origin"}, True),
        ({"origin": "http://127.0.0.1:8765"}, True),
        ({"origin": "https://desk.example.org"}, True),
        ({"origin": "http://desk.example.org"}, False),
        ({"origin": "http://evil.example.org"}, False),
        ({"origin": "null"}, False),
        ({}, False),
        ({"origin": "http://127.0.0.1:8765", "sec_fetch_site": "cross-site"}, False),
        ({"origin": "http://127.0.0.1:8765", "sec_fetch_site": "same-site"}, False),
    ],
)
def test_requests_of_other_pages_are_known(headers: dict[str, str], ours: bool) -> None:
    origins = allowed_origins(8765, "https://desk.example.org")
    assert (foreign(_request(**headers), origins) == "") is ours


def test_a_passphrase_is_kept_as_argon2id_and_only_the_right_one_passes() -> None:
    vault = Vault(None)
    assert not passphrase.is_set(vault)
    assert not passphrase.is_right(vault, WORDS)
    passphrase.set_passphrase(vault, WORDS)
    assert (vault.fact("passphrase") or "").startswith("$argon2id$")
    assert passphrase.is_right(vault, WORDS)
    assert not passphrase.is_right(vault, WORDS + " ")
    assert not passphrase.is_right(vault, "")
    assert not passphrase.is_right(vault, "x" * 1_000_000)


@pytest.mark.parametrize("weak", ["short", "x" * 300, "aaaaaaaaaaaaaaaa"])
def test_weak_passphrases_are_refused(weak: str) -> None:
    with pytest.raises(InvalidInput, match="passphrase"):
        passphrase.set_passphrase(Vault(None), weak)


def test_the_setup_code_is_new_each_time() -> None:
    code = passphrase.SetupCode()
    assert code.is_right(f" {code.text.upper()}\n")
    assert not code.is_right(passphrase.SetupCode().text)


def test_a_code_of_the_second_factor_is_good_once() -> None:
    vault, secret = Vault(None), second_factor.new_secret()
    totp = pyotp.TOTP(secret)
    assert not second_factor.is_right(vault, totp.at(1000), 1000)
    assert not second_factor.enroll(vault, secret, "000000", 1000)
    assert second_factor.enroll(vault, secret, totp.at(1000), 1000)
    assert not second_factor.is_right(vault, totp.at(1000), 1005), "the code of enrolling again"
    assert second_factor.is_right(vault, totp.at(1030), 1030)
    assert not second_factor.is_right(vault, totp.at(1030), 1031)
    assert not second_factor.is_right(vault, totp.at(1000), 1032), "an older code after a newer"
    assert not second_factor.is_right(vault, totp.at(1200), 1100)
    assert "dispersa" in second_factor.address(secret, "desk")


def test_every_login_has_a_new_id_and_only_its_hash_is_kept() -> None:
    vault = Vault(None)
    first = logins.log_in(vault, NOON, address="127.0.0.1", device="Firefox")
    second = logins.log_in(vault, NOON, address="127.0.0.1", device="Firefox")
    assert first != second
    stored = [one.id_hash for one in logins.listed(vault)]
    assert first not in stored
    assert hashed(first) in stored
    assert logins.find(vault, stored[0], NOON) is None, "the hash is no key"


def test_rights_end_after_idle_minutes_and_the_login_after_twelve_hours() -> None:
    vault = Vault(None)
    secret = logins.log_in(vault, NOON, address="a", device="d")
    login = logins.find(vault, secret, NOON + 16 * MINUTE)
    assert login is not None
    assert not login.may_act(NOON + 16 * MINUTE)
    assert not login.is_fresh(NOON + 6 * MINUTE)
    logins.touch(vault, login, NOON + 16 * MINUTE)
    again = logins.find(vault, secret, NOON + 20 * MINUTE)
    assert again is not None
    assert again.may_act(NOON + 20 * MINUTE)
    assert not again.is_fresh(NOON + 20 * MINUTE)
    logins.prove(vault, again, NOON + 20 * MINUTE)
    proven = logins.find(vault, secret, NOON + 21 * MINUTE)
    assert proven is not None
    assert proven.is_fresh(NOON + 21 * MINUTE)
    assert logins.find(vault, secret, NOON + timedelta(hours=12, seconds=1)) is None
    assert logins.listed(vault) == ()


def test_logging_out_ends_it_at_once() -> None:
    vault = Vault(None)
    secret = logins.log_in(vault, NOON, address="a", device="d")
    other = logins.log_in(vault, NOON, address="a", device="d")
    login = logins.find(vault, secret, NOON)
    assert login is not None
    assert token_matches(login, login.csrf)
    assert not token_matches(login, None)
    assert not token_matches(login, "ü")
    logins.log_out(vault, login.id_hash)
    assert logins.find(vault, secret, NOON) is None
    assert logins.find(vault, other, NOON) is not None
    assert logins.log_out_all(vault) == 1


def test_logins_survive_a_restart_of_the_page(tmp_path: Path) -> None:
    file = tmp_path / "web.sqlite3"
    vault = Vault(file)
    secret = logins.log_in(vault, NOON, address="a", device="d")
    vault.close()
    assert logins.find(Vault(file), secret, NOON) is not None


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "web.sqlite3"
    Vault(file).close()
    file.chmod(0o644)
    with pytest.raises(InvalidConfig, match="chmod 600"):
        Vault(file)


def test_a_link_cancels_its_plan_once_and_in_time() -> None:
    vault = Vault(None)
    token = links.issue(vault, "abc", NOON + MINUTE)
    assert links.plan_of(vault, token, NOON) == "abc"
    assert links.plan_of(vault, token, NOON) == "abc", "looking does not use it"
    assert links.use(vault, token, NOON) == "abc"
    assert links.use(vault, token, NOON) is None
    late = links.issue(vault, "abc", NOON + MINUTE)
    assert links.use(vault, late, NOON + MINUTE) is None
    for altered in (late[:-1], late + "A", late.swapcase(), ""):
        assert links.plan_of(vault, altered, NOON) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=60))
def test_waits_grow_stay_bounded_and_end(moves: list[tuple[bool, int]]) -> None:
    throttle, now, failures = Throttle(), NOON, 0
    for right, pause in moves:
        now += timedelta(seconds=pause)
        wait = throttle.wait("k", now)
        assert timedelta(0) <= wait <= LONGEST
        if wait:
            assert failures >= 5
            continue
        if right:
            throttle.succeeded("k")
            failures = 0
        else:
            throttle.failed("k", now)
            failures += 1
    assert throttle.wait("k", now + LONGEST) == timedelta(0)
    assert throttle.wait("another", now) == timedelta(0)


def test_guessing_is_slow_and_memory_is_bounded() -> None:
    throttle, now, tries = Throttle(), NOON, 0
    while now < NOON + timedelta(hours=1):
        wait = throttle.wait("k", now)
        if wait:
            now += wait
            continue
        throttle.failed("k", now)
        tries += 1
    assert tries < 30
    for number in range(20_000):
        throttle.failed(f"address {number}", now)
    assert len(throttle._failures) <= 10_000
