"""Faults by script: read, refused with a reason, caused at their moment."""

from pathlib import Path

import pytest
from raw_client import START, RawClient, StartGateway
from test_server_visibility import is_status, place

from dispersa.errors import InvalidInput
from dispersa.gateway.outages import Outage
from dispersa.gateway.script import ScriptedFault, Storm, VenueFault, cause, read_script

SCRIPT = """
[[fault]]
code = "A5"
at = 2026-11-20T10:00:01-05:00

[[fault]]
code = "A19"
after_seconds = 5
client_id = 3
seconds = 0.5

[[fault]]
code = "B14"
after_seconds = 0
order_ref = "ref-1"
"""


def test_script_is_read(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(SCRIPT)
    first, second, third = read_script(path)
    assert first.fault == Outage(code="A5")
    assert first.moment == START.replace(second=1)
    assert second == ScriptedFault(moment=5.0, fault=Outage(code="A19", client_id=3, seconds=0.5))
    assert third.fault == VenueFault(code="B14", order_ref="ref-1")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no \\[\\[fault\\]\\]"),
        ("fault = 3", "no \\[\\[fault\\]\\]"),
        ("[[fault]", "can not read"),
        ('[[fault]]\ncode = "Z9"\nafter_seconds = 1', "unknown code 'Z9'"),
        ('[[fault]]\ncode = "A5"', "needs either"),
        ('[[fault]]\ncode = "A5"\nafter_seconds = -1', "needs either"),
        ('[[fault]]\ncode = "A5"\nat = 2026-11-20T10:00:01', "with its zone"),
        ('[[fault]]\ncode = "A5"\nafter_seconds = 1\nsymbol = "X"', "unknown key 'symbol'"),
        ('[[fault]]\ncode = "A5"\nafter_seconds = 1\nseconds = "x"', "seconds is 'x'"),
        ('[[fault]]\ncode = "B6"\nafter_seconds = 1\nclient_id = 1', "unknown key 'client_id'"),
    ],
)
def test_senseless_script_is_refused_with_a_reason(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=reason):
        read_script(path)


async def test_scripted_faults_strike_server_and_venue(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(SCRIPT)
    gateway = await start_gateway({"faults": path})
    client = await RawClient.started(gateway)
    place(client, 1, kind="LMT", price="100.0")
    refused = await client.until(lambda fields: fields[0] == "4" and fields[2] == "1")
    assert refused[-1][3] == "201"
    place(client, 2, kind="LMT", price="100.0")
    await client.until(is_status("Submitted"))
    notice = await client.of(4)
    assert notice[3] == "1100"


def test_storm_is_the_same_for_the_same_seed_and_lasts_its_hours() -> None:
    storm = Storm(seed=5, per_hour=60.0, hours=2.0)
    drawn = list(storm.faults(["AAPL", "MSFT"]))
    assert drawn == list(storm.faults(["MSFT", "AAPL"]))
    assert drawn != list(Storm(seed=6, per_hour=60.0, hours=2.0).faults(["AAPL", "MSFT"]))
    moments = [one.moment for one in drawn if isinstance(one.moment, float)]
    assert moments == sorted(moments)
    assert len(moments) == len(drawn)
    assert 80 < len(drawn) < 160  # Poisson with mean 120
    assert max(moments) < 7200.0


def test_storm_of_a_script_names_its_codes(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text('[random]\nseed = 3\nper_hour = 30\ncodes = ["B6", "A5"]')
    (storm,) = read_script(path)
    assert isinstance(storm, Storm)
    assert {one.fault.code for one in storm.faults([])} == {"B6", "A5"}


@pytest.mark.parametrize(
    "text",
    [
        "[random]\nper_hour = 3",
        '[random]\nseed = "x"',
        "[random]\nseed = 1\nper_hour = 0",
        '[random]\nseed = 1\ncodes = ["Z1"]',
        "[random]\nseed = 1\nsurplus = 1",
        "[random]\nseed = 1\nhours = true",
    ],
)
def test_senseless_storm_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"\[random\]"):
        read_script(path)


async def test_every_fault_of_a_long_storm_can_strike(start_gateway: StartGateway) -> None:
    gateway = await start_gateway({"names": 3})
    causes = Storm(seed=1, per_hour=3600.0, hours=0.5).faults(["NVDA"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway.outages, "_stop_listening", lambda _: None)
        codes = set()
        for one in causes:
            cause(one.fault, gateway)
            codes.add(one.fault.code)
    assert len(codes) > 50
