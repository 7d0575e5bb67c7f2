"""Faults by script: read, refused with a reason, caused at their moment."""

from pathlib import Path

import pytest
from raw_client import START, RawClient, StartGateway
from test_server_visibility import is_status, place

from dispersa.errors import InvalidInput
from dispersa.gateway.outages import Outage
from dispersa.gateway.script import ScriptedFault, VenueFault, read_script

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
        ('[[fault]]\ncode = "B6"\nafter_seconds = 1\nvalue = "x"', "unknown key 'value'"),
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
