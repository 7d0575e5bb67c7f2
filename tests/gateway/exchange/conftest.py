"""Fixtures of the exchange's tests."""

from collections.abc import Callable
from typing import Any

import pytest

from dispersa.gateway.settings import GatewaySettings
from tests.gateway.exchange.bench import START, Bench


@pytest.fixture
def make_bench() -> Callable[..., Bench]:
    def make(**changes: Any) -> Bench:
        settings: dict[str, Any] = {"names": 10, "start": START, "seed": 7} | changes
        return Bench(GatewaySettings(**settings))

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()
