"""Gateways in the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from raw_client import OPEN_CLIENTS, START, StartGateway

from dispersa.gateway.server import RunningGateway, serve
from dispersa.gateway.settings import GatewaySettings, Rules


@pytest.fixture
async def start_gateway() -> AsyncIterator[StartGateway]:
    """Start gateways that end with the test; keywords are rules, `settings` replaces settings."""
    async with AsyncExitStack() as stack:

        async def start(
            settings: dict[str, object] | None = None, **rules: object
        ) -> RunningGateway:
            chosen = {"port": 0, "seed": 7, "start": START, "rules": Rules(**rules)}
            gateway = await serve(GatewaySettings(**(chosen | (settings or {}))))
            return await stack.enter_async_context(gateway)

        yield start
        for client in OPEN_CLIENTS:
            client.writer.transport.abort()
        OPEN_CLIENTS.clear()
        await asyncio.sleep(0)


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> RunningGateway:
    """A gateway with the rules of IBKR."""
    return await start_gateway()
