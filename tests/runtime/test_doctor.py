"""What the doctor finds on a gateway that is well, on one that is not, and without any."""

import asyncio
import json
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dispersa.cli.app import app
from dispersa.gateway.server import serve
from dispersa.gateway.settings import GatewaySettings, Rules
from dispersa.reports.findings import Finding, Standing
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.doctor import Diagnosis, diagnose
from dispersa.runtime.doctor_gateway import BROKER_CHECKS
from dispersa.runtime.doctor_machine import machine_checks


def settings_on(port: int, folder: Path, **changes: object) -> Settings:
    broker = {"port": port, "market_data_lines_max": 30}
    values = {
        "universe": {"names": 4},
        "broker": broker,
        "journal": {"path": str(folder / "desk.sqlite3")},
    }
    return Settings.model_validate({**values, **changes})


async def examined(folder: Path, *, rules: Rules | None = None, **changes: object) -> Diagnosis:
    running = await serve(
        GatewaySettings(port=0, names=4, step_seconds=0.0625, rules=rules or Rules())
    )
    try:
        settings = settings_on(running.port, folder, **changes)
        return await diagnose(settings, (), show=lambda *_: None)
    finally:
        await running.close()


def by_check(found: Diagnosis) -> Mapping[str, Finding]:
    return {row.check: row for row in found.findings}


async def test_healthy_gateway_has_no_failure_and_every_check_an_answer(tmp_path: Path) -> None:
    shown: list[tuple[int, int]] = []
    running = await serve(GatewaySettings(port=0, names=4, step_seconds=0.0625))
    try:
        settings = settings_on(running.port, tmp_path)
        found = await diagnose(settings, (), show=lambda *step: shown.append(step))
    finally:
        await running.close()
    rows = by_check(found)
    assert found.exit_code == 0, found
    assert {row.check for row in found.findings if row.standing is not Standing.OK} == {
        "order precautions"
    }
    assert set(BROKER_CHECKS) < set(rows)
    assert "server version 178, paper" in rows["links"].found
    assert rows["data lines"].found == "16 lines at once; 5 names take 16 of 30"
    assert shown[-1] == (len(found.findings), len(found.findings))


async def test_nobody_listening_names_cause_and_the_other_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    found = await diagnose(settings_on(free, tmp_path), (), show=lambda *_: None)
    row = by_check(found)["links"]
    assert found.exit_code == 4
    assert "nobody listens there" in row.found
    assert "Enable ActiveX" in row.mend or "does listen" in row.mend
    untested = [r for r in found.findings if r.standing is Standing.UNTESTED]
    assert [r.check for r in untested] == list(BROKER_CHECKS)


async def test_silent_listener_is_told_from_a_closed_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.close()

    async with await asyncio.start_server(stay_silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await diagnose(settings_on(port, tmp_path), (), show=lambda *_: None)
    assert "something listens" in by_check(found)["links"].mend


async def test_read_only_api_is_named_with_its_switch(tmp_path: Path) -> None:
    found = await examined(tmp_path, rules=Rules(read_only_api=True))
    for check in ("buying", "selling"):
        row = by_check(found)[check]
        assert row.standing is Standing.FAILED
        assert "Read-Only API" in row.mend
    assert found.exit_code == 4


async def test_missing_subscription_is_named_with_the_portal(tmp_path: Path) -> None:
    found = await examined(tmp_path, rules=Rules(live_market_data=False))
    rows = by_check(found)
    assert "354" in rows["market data"].found
    assert "account portal" in rows["market data"].mend
    assert rows["VIX"].standing is Standing.FAILED
    assert "not tried" in rows["Greeks"].found


async def test_fewer_lines_than_configured_are_found(tmp_path: Path) -> None:
    found = await examined(tmp_path, rules=Rules(market_data_lines_max=10))
    row = by_check(found)["data lines"]
    assert row.standing is Standing.FAILED
    assert "101" in row.found


async def test_own_dispersa_running_does_not_hide_the_rest(tmp_path: Path) -> None:
    running = await serve(GatewaySettings(port=0, names=4, step_seconds=0.0625))
    try:
        settings = settings_on(running.port, tmp_path)
        quiet = lambda *_: None  # noqa: E731  # two readers of one settings
        first, second = await asyncio.gather(
            diagnose(settings, (), show=quiet), diagnose(settings, (), show=quiet)
        )
    finally:
        await running.close()
    standings = {by_check(each)["links"].standing for each in (first, second)}
    assert Standing.WARNING in standings
    assert first.exit_code == second.exit_code == 0


async def test_profile_paper_without_weights_and_alerts_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    settings = settings_on(free, tmp_path, profile="paper")
    rows = by_check(await diagnose(settings, ("a remark",), show=lambda *_: None))
    assert rows["configuration"].standing is Standing.WARNING
    assert rows["weights"].standing is Standing.FAILED
    assert rows["alerts"].standing is Standing.WARNING


@pytest.mark.parametrize(
    ("alerts", "standing", "words"),
    [
        ({}, Standing.OK, "needs none"),
        (
            {"email_to": ["a@b.org"], "smtp_host": "127.0.0.1"},
            Standing.FAILED,
            "127.0.0.1, an addr",
        ),
        ({"email_to": ["a@b.org"]}, Standing.FAILED, "belong together"),
        (
            {"email_to": ["a@b.org"], "smtp_host": "127.0.0.1", "allow_private_targets": True},
            Standing.OK,
            "email; `dispersa alerts test`",
        ),
        (
            {"sms_to": ["+15550001"], "sms_from": "+15550000", "sms_account": "AC1"},
            Standing.FAILED,
            "alerts.sms_token too",
        ),
        (
            {
                "sms_to": ["+15550001"],
                "sms_from": "+15550000",
                "sms_account": "AC1",
                "sms_token": "env:DISPERSA_NO_SUCH_TOKEN",
            },
            Standing.FAILED,
            "DISPERSA_NO_SUCH_TOKEN",
        ),
        (
            {
                "sms_to": ["+15550001"],
                "sms_from": "+15550000",
                "sms_account": "AC1",
                "sms_token": "env:HOME",
                "sms_base_url": "http://127.0.0.1:9",
                "notifications": "env:DISPERSA_TEST_URLS",
            },
            Standing.FAILED,
            "sms ···0001, 1 JSON: 127.0.0.1 is",
        ),
        ({"notifications": "env:DISPERSA_TEST_WRONG"}, Standing.FAILED, "URL 1 of"),
    ],
)
def test_alerts_are_examined_on_every_channel_without_sending(
    monkeypatch: pytest.MonkeyPatch, alerts: dict[str, object], standing: Standing, words: str
) -> None:
    monkeypatch.setenv("DISPERSA_TEST_URLS", "json://10.0.0.7/hook")
    monkeypatch.setenv("DISPERSA_TEST_WRONG", "nosuchservice://secret")
    *_, examine = machine_checks(Settings.model_validate({"alerts": alerts}))
    found = examine()
    assert found.standing is standing, found
    assert words in found.found
    assert "secret" not in found.found


async def test_damaged_journal_fails(tmp_path: Path) -> None:
    (tmp_path / "desk.sqlite3").write_bytes(b"no database at all" * 100)
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    rows = by_check(await diagnose(settings_on(free, tmp_path), (), show=lambda *_: None))
    assert rows["journal"].standing is Standing.FAILED
    assert rows["disk"].standing is Standing.OK


def test_unknown_key_is_a_finding_with_exit_code_2(tmp_path: Path) -> None:
    file = tmp_path / "dispersa.toml"
    file.write_text("[broker]\nprot = 4002\n")
    answer = CliRunner().invoke(app, ["doctor", "--config", str(file), "--json"])
    document = json.loads(answer.stdout)
    assert answer.exit_code == 2
    assert document["findings"][0]["check"] == "configuration"
    assert "prot" in document["findings"][0]["found"]
    assert all(row["mend"] for row in document["findings"])
