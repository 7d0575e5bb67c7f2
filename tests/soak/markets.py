"""Which markets is execution measured in? Five and a fault, each drawn from a seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from random import Random
from unittest.mock import patch

from dispersa.gateway import venue
from dispersa.gateway.market import market_source
from dispersa.gateway.script import ScriptedFault, VenueFault
from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.world.source import MarketSource
from dispersa.gateway.world.universe import Universe

MARKETS = ("calm", "fast", "wide", "one-sided", "faulty", "duplicate")
"""`duplicate` is calm, but one change of a limit becomes a second live order. Tests use three more,
`halted` and `paused`, where the heaviest name has no bids, and `margin`, where an order on QQQ
is rejected with 201."""
PAUSED_SECONDS = 45.0
FAST_TIMES = 3.0
"""Realized over implied volatility, against 0.92 in a calm market, and jumps each trading day."""
WIDE_TIMES = 3.0
"""Spread against the calm market; displayed sizes shrink as much."""
ONE_SIDED_EVERY, ONE_SIDED_FOR = 40.0, (2.0, 25.0)
"""A name loses its bids about so often, for so long (seconds)."""
FAULT_EVERY = 40.0
ORDER_FAULTS = (
    "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B9", "B10", "B11", "B12", "B13", "B16", "B18",
    "B19", "B25", "C3", "C5", "C7", "C20",
)  # fmt: skip
"""Faults of the catalogue that an order may meet in the faulty market; what breaks the books for
good (busts, manual trades, margin calls) is the deterministic simulation's and ends LOCKED."""
SECONDS = 3600.0


def shaped(market: str, universe: Universe) -> Universe:
    """Return the universe of that market."""
    match market:
        case "fast":
            motion = replace(
                universe.correlation,
                vol_premium=FAST_TIMES,
                jumps_per_year=250.0,
                common_vol_sd=0.6,
            )
            return replace(universe, correlation=motion)
        case "wide":
            names, indices = (
                tuple(
                    replace(
                        one,
                        straddle_spread=WIDE_TIMES * one.straddle_spread,
                        display_size=max(2, round(one.display_size / WIDE_TIMES)),
                    )
                    for one in rows
                )
                for rows in (universe.components, universe.indices)
            )
            return replace(universe, components=names, indices=indices)
        case _:
            return universe


@contextmanager
def carried(market: str) -> Iterator[None]:
    """Let gateways that are started meanwhile carry this market."""

    def source(settings: GatewaySettings, day: date) -> MarketSource:
        found = market_source(settings, day)
        return replace(found, universe=shaped(market, found.universe))

    with patch.object(venue, "market_source", source):
        yield


def faults_of(market: str, seed: int, symbols: list[str]) -> list[ScriptedFault]:
    """Draw what strikes in the first hour."""
    chance = Random(seed)
    match market:
        case "one-sided":
            return list(_one_sided(chance, symbols))
        case "faulty":
            return list(_faulty(chance, symbols))
        case "halted" | "paused":
            seconds = SECONDS if market == "halted" else PAUSED_SECONDS
            fault = VenueFault(code="C4", symbol=symbols[1], seconds=seconds)
            return [ScriptedFault(moment=0.0, fault=fault)]
        case "margin":
            fault = VenueFault(code="B14", symbol=symbols[0], seconds=SECONDS)
            return [ScriptedFault(moment=60.0, fault=fault)]
        case "duplicate":
            fault = VenueFault(code="B19", symbol=chance.choice(symbols), seconds=SECONDS)
            return [ScriptedFault(moment=chance.uniform(1.0, 120.0), fault=fault)]
        case _:
            return []


def _one_sided(chance: Random, symbols: list[str]) -> Iterator[ScriptedFault]:
    for symbol in symbols:
        moment = chance.expovariate(1 / ONE_SIDED_EVERY)
        while moment < SECONDS:
            seconds = chance.uniform(*ONE_SIDED_FOR)
            yield ScriptedFault(
                moment=moment, fault=VenueFault(code="C4", symbol=symbol, seconds=seconds)
            )
            moment += seconds + chance.expovariate(1 / ONE_SIDED_EVERY)


def _faulty(chance: Random, symbols: list[str]) -> Iterator[ScriptedFault]:
    moment = chance.expovariate(1 / FAULT_EVERY)
    while moment < SECONDS:
        code, symbol = chance.choice(ORDER_FAULTS), chance.choice(symbols)
        fault = VenueFault(code=code, symbol=symbol, seconds=chance.uniform(1.0, 8.0))
        yield ScriptedFault(moment=moment, fault=fault)
        moment += chance.expovariate(1 / FAULT_EVERY)
