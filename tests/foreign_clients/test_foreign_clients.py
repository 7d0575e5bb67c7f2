"""The same scenarios through three independent clients, each at a server version of its own."""

from collections.abc import Callable
from typing import Any

import pytest

VERSIONS = {"ib_async": 178, "ib_insync": 176, "ibapi": 157}
ACCOUNT = "DU1234567"
NOTICES = {2104, 2106, 2158}
"""Farm notices, which are no errors."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("client", VERSIONS)
def test_client_lives_through_every_scenario(
    client: str, run_client: Callable[[str], dict[str, Any]]
) -> None:
    seen = run_client(client)
    assert seen["start"] == {
        "version": VERSIONS[client],
        "accounts": [ACCOUNT],
        "values": True,
        "portfolio": 0,
    }
    assert seen["handshakes"] == {"done": 20, "refused": True, "code": True}
    _check_reference(seen["reference"])
    assert all(seen["streaming"].values()), seen["streaming"]
    assert seen["orders"] == {
        "rests": True,
        "amended": True,
        "opened": 1,
        "cancelled": True,
        "refused": True,
        "filled": True,
        "late_cancel": True,
        "shares": 10,
        "reference": True,
    }
    _check_combo(seen["combo"])
    assert seen["spread"] == {
        "rests": True,
        "negative_price_kept": True,
        "filled": True,
        "shares": {"BAG BOT": 3, "OPT BOT": 3, "OPT SLD": 6},
        "average": True,
    }
    assert seen["past"] == {
        "days": 5,
        "ordered": True,
        "sane": True,
        "short": True,
        "vols": True,
        "head": True,
    }
    assert seen["others"] == {
        "FUT": [True] * 5,
        "CASH": [True] * 5,
        "IND": [True] * 2,
        "ticks": [20, 20, 20],
        "stream": True,
        "grew": True,
    }
    assert seen["profit"] == {"came": True, "summary": True}
    _check_again(seen["again"])
    _check_log(seen, client)


def _check_reference(seen: dict[str, Any]) -> None:
    assert seen["stock"][:2] == [265598, "AAPL"]
    assert seen["stock"][3] == 0.01
    assert "SMART" in seen["exchanges"].split(",")
    assert len(seen["rules"].split(",")) == len(seen["exchanges"].split(","))
    assert seen["index"][0] == "IND"
    assert seen["hours"]
    assert seen["samples"]
    assert len(seen["expirations"]) >= 6
    assert seen["strikes"] >= 20
    assert seen["call"][1] == seen["put"][1]
    assert (seen["call"][2:], seen["put"][2:]) == (["C", "100"], ["P", "100"])
    assert seen["expiry"] == seen["expirations"][3]
    assert seen["rule"][0][0] == 0.0


def _check_combo(seen: dict[str, Any]) -> None:
    assert seen == {
        "what_if": True,
        "filled": True,
        "kinds": ["BAG", "OPT", "OPT"],
        "suffixes": [".01.01", ".02.01", ".03.01"],
        "units": 2,
        "below_limit": True,
        "legs_held": [2, 2],
        "commissions": 2,
    }


def _check_again(seen: dict[str, Any]) -> None:
    assert seen == {
        "executions": ["BAG", "BAG", "OPT", "OPT", "OPT", "OPT", "STK"],
        "completed": ["Cancelled", "Filled", "Filled", "Filled"],
        "held": [10, 5, 2, -6],
        "portfolio": 4,
    }


def _check_log(seen: dict[str, Any], client: str) -> None:
    """Only what the scenarios provoke may be in a client's log, and nothing of its own making."""
    expected = {200, 110, 202, 161, 162, 326, 10148}  # 162 confirms the end of a stream of bars
    assert set(seen["errors"]) - NOTICES <= expected
    assert {200, 110} <= set(seen["errors"])
    provoked = tuple(
        f"{word} {code}" for code in expected for word in ("Error", "Warning", "ERROR")
    )
    strange = [line for line in seen["log"] if not _is_provoked(line, provoked)]
    assert strange == [], f"{client} logged what no scenario provokes"


def _is_provoked(line: str, provoked: tuple[str, ...]) -> bool:
    marks = (*provoked, "Canceled order", "already in use", "API connection failed")
    return any(mark in line for mark in marks)
