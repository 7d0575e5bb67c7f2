"""Does the page stand up to those who attack it?"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pyotp
import pytest

from dispersa.desk.state import DeskState, Halt
from dispersa.errors import InvalidConfig
from dispersa.journal import NewEntry
from dispersa.risk import HaltLevel
from dispersa.web import looking
from dispersa.web.desk_page import wall_now
from dispersa.web.page import POSTS, make_page
from dispersa.web.security import logins, passphrase
from dispersa.web.security.logins import STEP_UP
from dispersa.web.security.vault import Vault
from tests.web.stage import NOON, ORIGIN, WORDS, Stage, stage_on

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
PUBLIC = "https://desk.example.org"


class Attributes(HTMLParser):
    """Collects the names of attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {name for name, _ in attrs}


@cache
def known_hash() -> str:
    """The passphrase's hash, which takes long to make."""
    vault = Vault(None)
    passphrase.set_passphrase(vault, WORDS)
    return vault.fact("passphrase") or ""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = stage_on(tmp_path)
    yield made
    made.page.close()


@pytest.fixture
async def inside(stage: Stage) -> Stage:
    vault = stage.page._page.vault
    vault.set_fact("passphrase", known_hash())
    stage.cookies["dispersa"] = logins.log_in(vault, wall_now(), address="127.0.0.1", device="test")
    return stage


async def test_without_log_in_every_page_leads_to_the_log_in_and_no_action_acts(
    stage: Stage,
) -> None:
    for path in looking.PAGES:
        answer = await stage.ask(path)
        assert (answer.status, answer.header("location")) == (303, "/enter"), path
    for path in POSTS:
        answer = await stage.ask(path, {"csrf": "guess", "reason": "x"})
        assert (answer.status, answer.header("location")) == (303, "/enter"), path
    assert (await stage.ask("/stream")).status == 403
    assert (await stage.ask("/journal/export")).status == 303
    assert stage.desk.asked == []


async def test_no_action_is_done_by_looking(inside: Stage) -> None:
    for path in POSTS:
        assert (await inside.ask(path)).status == 405
    assert inside.desk.names_asked() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_form_from_elsewhere_is_refused(inside: Stage, headers: dict[str, str]) -> None:
    form = {"csrf": await inside.token(), "reason": "x", "level": "cancel"}
    assert (await inside.ask("/halt", form, headers=headers)).status == 403
    assert inside.desk.names_asked() == []


@pytest.mark.parametrize("token", ["", "guess", "x" * 5000])
async def test_a_form_without_the_token_is_refused(inside: Stage, token: str) -> None:
    assert (await inside.ask("/halt", {"csrf": token, "reason": "x"})).status == 403
    assert inside.desk.names_asked() == []


async def test_the_token_of_another_log_in_is_refused(inside: Stage) -> None:
    first = await inside.token()
    inside.cookies.clear()
    await inside.ask("/enter", {"passphrase": WORDS})
    assert (await inside.ask("/halt", {"csrf": first, "reason": "x"})).status == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil:8765"]
)
async def test_a_foreign_host_is_refused_before_anything_else(stage: Stage, host: str) -> None:
    assert (await stage.ask("/enter", headers={"host": host})).status == 421
    assert (await stage.ask("/static/page.css", headers={"host": host})).status == 421


async def test_a_log_in_gives_a_new_id_and_an_id_from_elsewhere_is_worthless(stage: Stage) -> None:
    stage.cookies["dispersa"] = "chosen-by-the-attacker"
    await stage.set_up()
    first = stage.cookies["dispersa"]
    assert first != "chosen-by-the-attacker"
    stage.cookies.clear()
    await stage.ask("/enter", {"passphrase": WORDS})
    assert stage.cookies["dispersa"] != first


async def test_the_cookie_is_strict_and_not_for_scripts(stage: Stage) -> None:
    cookie = (await stage.set_up()).header("set-cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie


async def test_behind_tls_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    stage = stage_on(tmp_path, public_url=PUBLIC)
    headers = {"host": "desk.example.org", "origin": PUBLIC}
    answer = await stage.ask(
        "/enter", {"setup": stage.page.setup_code or "", "passphrase": WORDS}, headers=headers
    )
    cookie = answer.header("set-cookie")
    assert cookie.startswith("__Host-dispersa=")
    assert "Secure" in cookie
    assert answer.header("strict-transport-security")
    stage.page.close()


async def test_guessing_is_slowed_down_and_never_locks_for_good(inside: Stage) -> None:
    inside.cookies.clear()
    answers = [await inside.ask("/enter", {"passphrase": f"guess {n}"}) for n in range(7)]
    assert [answer.status for answer in answers[:5]] == [403] * 5
    assert answers[-1].status == 429
    assert "Wait" in answers[-1].text


async def test_the_set_up_code_can_not_be_guessed_or_used_twice(stage: Stage) -> None:
    wrong = await stage.ask("/enter", {"setup": "0000-0000-0000-0000", "passphrase": WORDS})
    assert wrong.status == 403
    code = stage.page.setup_code or ""
    await stage.set_up()
    assert stage.page.setup_code is None
    stage.cookies.clear()
    again = await stage.ask("/enter", {"setup": code, "passphrase": "another passphrase"})
    assert again.status == 403


async def test_a_short_passphrase_is_refused_in_words(stage: Stage) -> None:
    answer = await stage.ask(
        "/enter", {"setup": stage.page.setup_code or "", "passphrase": "short"}
    )
    assert answer.status == 422
    assert "12" in answer.text


async def test_secrets_are_kept_as_hashes_only(tmp_path: Path) -> None:
    stage = stage_on(tmp_path)
    await stage.set_up()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert stage.cookies["dispersa"].encode() not in kept
    assert WORDS.encode() not in kept
    stage.page.close()


async def test_what_was_logged_out_stays_out(inside: Stage) -> None:
    secret = inside.cookies["dispersa"]
    await inside.act("/leave")
    inside.cookies["dispersa"] = secret
    assert (await inside.ask("/")).header("location") == "/enter"


@pytest.mark.parametrize("path", sorted(looking.PAGES))
async def test_hostile_words_from_broker_and_journal_stay_words(inside: Stage, path: str) -> None:
    inside.desk.state = replace(
        DeskState(),
        link_message=EVIL,
        decline_reason=EVIL,
        stopping=EVIL,
        account_expected="DU1234567",
        denials={EVIL: 3},
        halt=Halt(level=HaltLevel.HOLD, reason=EVIL, since=NOON, by=EVIL),
    )
    inside.desk.journal.append([NewEntry.of("OrderCancelled", {"ref": EVIL, "message": EVIL})])
    inside.page._page.index.add(inside.desk.entries(inside.page._page.index.last))
    for address in (path, f"{path}?q={EVIL}&kind={EVIL}&entry=1"):
        text = (await inside.ask(address)).text
        assert "<script>alert" not in text
        assert "<img" not in text
        assert len(re.findall("<script", text)) == len(re.findall(r"<script nonce=", text))
        attributes = Attributes()
        attributes.feed(text)
        assert not {name for name in attributes.names if name.startswith("on") or name == "style"}


async def test_the_policy_lets_no_script_in_but_ours(inside: Stage) -> None:
    one, two = await inside.ask("/"), await inside.ask("/")
    policy = one.header("content-security-policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    nonce = re.findall(r"'nonce-([^']+)'", policy)[0]
    assert f'nonce="{nonce}"' in one.text
    assert nonce not in two.header("content-security-policy")
    assert one.header("cache-control") == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../page.py",
        "/static/../../security/vault.py",
        "/static/%2e%2e/page.py",
        "/static//etc/passwd",
        "/static/vendor/../../page.py",
        "/static/vendor",
        "/static/",
    ],
)
async def test_no_path_leads_out_of_the_static_files(inside: Stage, path: str) -> None:
    answer = await inside.ask(path)
    assert answer.status in {404, 405}
    assert "import" not in answer.text


async def test_the_answer_to_a_form_leads_to_our_pages_only(inside: Stage) -> None:
    for referer in ("https://evil.example/x", "//evil.example", f"{ORIGIN}//evil.example", ""):
        form = {"csrf": await inside.token(), "reason": "x", "level": "hold"}
        answer = await inside.ask("/halt", form, headers={"referer": referer})
        assert answer.header("location").startswith("/?told=")
    form = {"csrf": await inside.token(), "reason": "x", "level": "hold"}
    answer = await inside.ask("/halt", form, headers={"referer": f"{ORIGIN}/plan?x=//evil"})
    assert answer.header("location").startswith("/plan?told=")


async def test_nobody_else_can_put_words_into_our_mouth(inside: Stage) -> None:
    for sealed in ("good:all is well", "WyJnb29kIiwiYWxsIGlzIHdlbGwiXQ.aaaa.bbbb", "x" * 5000):
        assert 'class="told' not in (await inside.ask(f"/?told={sealed}")).text


async def test_an_oversized_body_is_refused_unread(inside: Stage) -> None:
    answer = await inside.ask("/halt", {"reason": "x" * 70_000})
    assert answer.status == 413
    chunked = await inside.ask(
        "/halt", {}, headers={"content-length": ""}, chunks=[b"x" * 40_000, b"x" * 40_000]
    )
    assert chunked.status == 413


async def test_approving_asks_for_the_passphrase_again_after_five_minutes(inside: Stage) -> None:
    inside.desk.plan_hash = "abc"
    vault: Vault = inside.page._page.vault
    row = vault.rows("SELECT proven FROM logins", ())[0][0]
    early = type(NOON).fromisoformat(row) - STEP_UP - timedelta(seconds=1)
    vault.change("UPDATE logins SET proven = ?", (early.isoformat(),))
    form = {"plan_hash": "abc", "word": "EXECUTE"}
    await inside.act("/approve", **form)
    await inside.act("/approve", **form, passphrase=WORDS.upper())
    assert inside.desk.names_asked() == []
    await inside.act("/approve", **form, passphrase=WORDS)
    assert inside.desk.names_asked() == ["approve"]


async def test_stopping_asks_for_nothing_but_the_log_in(inside: Stage) -> None:
    inside.page._page.vault.change("UPDATE logins SET proven = begun, seen = begun", ())
    await inside.act("/halt", level="cancel", reason="stop")
    assert inside.desk.asked[-1][1]["level"] is HaltLevel.CANCEL
    assert inside.desk.asked[-1][1]["reason"] == "stop"
    assert inside.desk.asked[-1][1]["by"].startswith("page 127.0.0.1")


@pytest.mark.parametrize("word", ["", "execute", "EXECUTE NOW", "yes"])
async def test_anything_but_execute_sends_nothing(inside: Stage, word: str) -> None:
    inside.desk.plan_hash = "abc"
    await inside.act("/approve", plan_hash="abc", word=word)
    assert inside.desk.names_asked() == []


async def test_a_live_account_starts_nothing_without_a_second_factor(tmp_path: Path) -> None:
    stage = stage_on(tmp_path, profile="live")
    await stage.set_up()
    stage.desk.plan_hash = "abc"
    await stage.act("/approve", plan_hash="abc", word="EXECUTE")
    await stage.act("/request-trade")
    assert stage.desk.names_asked() == []
    await stage.act("/halt", level="cancel", reason="stopping works all the same")
    assert stage.desk.names_asked() == ["halt"]
    await stage.act("/settings/offer")
    found = re.search(r'class="secret">(\w+)<', (await stage.ask("/settings")).text)
    assert found is not None
    totp = pyotp.TOTP(found[1])
    await stage.act("/settings/enroll", new_code=totp.now())
    await stage.act("/approve", plan_hash="abc", word="EXECUTE")
    assert stage.desk.names_asked() == ["halt", "approve"]
    stage.cookies.clear()
    assert (await stage.ask("/enter", {"passphrase": WORDS})).status == 403
    stage.page.close()


@pytest.fixture
async def linked(tmp_path: Path) -> tuple[Stage, str]:
    stage = stage_on(tmp_path, public_url=PUBLIC)
    link = stage.page.cancel_link("abc", NOON + timedelta(minutes=5))
    assert link is not None
    return stage, link.removeprefix(PUBLIC)


async def proof_on(stage: Stage, path: str) -> str:
    found = re.search(r'name="proof" value="([^"]+)"', (await stage.ask(path)).text)
    return "" if found is None else found[1]


async def test_a_link_cancels_once_by_its_button_without_a_log_in(
    linked: tuple[Stage, str],
) -> None:
    stage, path = linked
    proof = await proof_on(stage, path)
    for _ in range(3):
        assert (await stage.ask(path)).status == 200
    assert stage.desk.asked == []
    assert (await stage.ask(path, {"proof": proof})).status == 200
    assert stage.desk.asked == [
        ("cancel", {"reason": "one-time link", "by": "link from 127.0.0.1", "plan_hash": "abc"})
    ]
    assert (await stage.ask(path, {"proof": proof})).status == 404
    assert (await stage.ask(path)).status == 404
    assert stage.desk.names_asked() == ["cancel"]


async def test_altered_unknown_and_expired_links_get_one_answer(linked: tuple[Stage, str]) -> None:
    stage, path = linked
    expired = stage.page.cancel_link("abc", NOON - timedelta(minutes=1)) or ""
    texts = set()
    for address in (path[:-1] + "_", "/link/unknown", expired.removeprefix(PUBLIC)):
        answer = await stage.ask(address)
        assert answer.status == 404
        texts.add(re.sub(r'nonce="[^"]+"', "", answer.text))
    assert len(texts) == 1


async def test_a_link_needs_the_button_of_its_own_page(linked: tuple[Stage, str]) -> None:
    stage, path = linked
    other = (stage.page.cancel_link("xyz", NOON + timedelta(minutes=5)) or "").removeprefix(PUBLIC)
    for proof in ("", "guess", await proof_on(stage, other)):
        assert (await stage.ask(path, {"proof": proof})).status == 403
    own = await proof_on(stage, path)
    foreign = {"origin": "https://evil.example"}
    assert (await stage.ask(path, {"proof": own}, headers=foreign)).status == 403
    assert stage.desk.asked == []


async def test_a_link_can_do_nothing_but_cancel(linked: tuple[Stage, str]) -> None:
    stage, path = linked
    token = path.rpartition("/")[2]
    proof = await proof_on(stage, path)
    for target in ("/approve", "/resume", "/phase", f"/proof/{token}"):
        await stage.ask(target, {"proof": proof, "word": "EXECUTE", "plan_hash": "abc"})
    assert stage.desk.names_asked() == []


async def test_the_proof_link_records_the_public_address_once(tmp_path: Path) -> None:
    stage = stage_on(tmp_path, public_url=PUBLIC)
    path = (stage.page.proof_link() or "").removeprefix(PUBLIC)
    proof = await proof_on(stage, path)
    assert stage.desk.asked == []
    await stage.ask(path, {"proof": proof})
    await stage.ask(path, {"proof": proof})
    assert [values["url"] for _, values in stage.desk.asked] == [PUBLIC]
    stage.page.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "desk.example.org", "::"])  # noqa: S104
def test_the_page_does_not_start_beyond_this_machine_without_tls(tmp_path: Path, host: str) -> None:
    stage = stage_on(tmp_path)
    seam = replace(stage.page._page.seam, host=host)
    with pytest.raises(InvalidConfig, match="TLS"):
        make_page(seam)
    make_page(replace(seam, public_url=PUBLIC)).close()
    stage.page.close()


async def test_log_ins_and_actions_are_in_the_journal(inside: Stage, tmp_path: Path) -> None:
    other = stage_on(tmp_path / "other")
    await other.set_up()
    assert [values["text"] for _, values in other.desk.asked] == ["logged in"]
    other.page.close()
    await inside.act("/settings/passphrase", new_passphrase=WORDS.upper())
    await inside.act("/leave")
    said = [values["text"] for what, values in inside.desk.asked if what == "note"]
    assert said == ["changed the passphrase", "logged out"]
    assert WORDS.upper() not in str(inside.desk.asked)
