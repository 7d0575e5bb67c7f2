"""What will happen in one simulated session? All of it is drawn from the seed before it begins."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from dispersa.execution.policy import PRESETS, ProgramPolicy, RepriceStyle, WalkPolicy
from dispersa.gateway.outages import Outage
from dispersa.gateway.script import VenueFault
from dispersa.risk import HaltLevel
from dispersa.runtime.memory_transport import InMemory

Fault = Outage | VenueFault
SYMBOLS = ("QQQ", "NVDA", "AAPL")
MORNING = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
STARTS = (
    MORNING,
    MORNING + timedelta(hours=2, minutes=30),
    MORNING + timedelta(hours=5, minutes=51),
)
"""10:00, 12:30 and 15:51 in New York: the last one meets the end of the session."""

VENUE_FAULTS: Mapping[str, float] = {
    # code: how likely a seed has it, where faults are drawn at all
    "B1": 0.3, "B2": 0.15, "B3": 0.15, "B4": 0.2, "B5": 0.2, "B6": 0.3, "B7": 0.2, "B8": 0.03,
    "B9": 0.3, "B10": 0.2, "B11": 0.2, "B12": 0.2, "B13": 0.25, "B14": 0.15, "B15": 0.15,
    "B16": 0.2, "B17": 0.15, "B18": 0.2, "B19": 0.1, "B22": 0.2, "B24": 0.05, "B25": 0.1,
    "B26": 0.1, "B35": 0.15, "B36": 0.1, "C1": 0.1, "C2": 0.1, "C3": 0.15, "C4": 0.15,
    "C5": 0.2, "C7": 0.15, "C8": 0.15, "C20": 0.2, "D1": 0.05, "D3": 0.03, "D8": 0.15,
    "E3": 0.1, "E5": 0.1,
}  # fmt: skip
SERVER_FAULTS: Mapping[str, float] = {
    "A1": 0.1, "A2": 0.15, "A3": 0.15, "A4": 0.2, "A5": 0.2, "A7": 0.1, "A8": 0.1, "A9": 0.15,
    "A10": 0.1, "A11": 0.03, "A12": 0.08, "A13": 0.05, "A14": 0.1, "A15": 0.02, "A16": 0.02,
    "A17": 0.05, "A18": 0.08, "A19": 0.2, "A20": 0.1, "B37": 0.1,
}  # fmt: skip
WIDER_FROM = 3001
"""From this seed on the newer faults, the page, alert channels and FLATTEN are drawn, too; the
seeds before it keep the stories with which they found what they found."""
WIDER_FAULTS: Mapping[str, float] = {
    "A6": 0.1, "B20": 0.2, "B21": 0.1, "B23": 0.1, "B33": 0.1, "B34": 0.1, "C6": 0.15, "C9": 0.1,
    "C10": 0.05, "C12": 0.03, "C13": 0.03, "C14": 0.03, "C15": 0.03, "C16": 0.03, "C19": 0.15,
    "D2": 0.04, "D7": 0.04, "D9": 0.04, "E1": 0.05, "E2": 0.04, "E4": 0.05, "E6": 0.1, "E7": 0.05,
    "E8": 0.1,
}  # fmt: skip
"""Drawn beside the others. D4, D5 and D6 strike overnight only: tests/position_life has them."""
LASTING = frozenset(
    {
        *("A12", "A13", "A17", "A18", "B37", "A2", "A14", "A1"),
        *("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10"),
    }
)
"""Faults whose `seconds` is how long they last; they end with the chaos at the latest."""
ORDER_CLIENT_ID = 12
PAGES = ("/", "/signal", "/plan", "/program", "/positions", "/risk", "/journal", "/settings")
GARBAGE = ("huge", "negative", "zero", "truncated", "utf8", "extra", "type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One fault and when it strikes, in seconds after the chaos begins."""

    after_seconds: float
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltCommand:
    """A person halts trading so many seconds after the chaos begins."""

    after_seconds: float
    level: HaltLevel


class Deed(StrEnum):
    """What a person does on the page."""

    LOOK = "look"
    HOLD = "hold"
    CANCEL = "cancel"
    FLATTEN = "flatten"
    RESUME = "resume"
    FORGED_RESUME = "forged resume"
    """Somebody else's page asks in the person's name; nothing may come of it."""
    FOREIGN_HOST = "foreign host"
    """A name that is not ours is pointed at the page (DNS rebinding)."""


HARMLESS = frozenset({Deed.LOOK, Deed.FORGED_RESUME, Deed.FOREIGN_HOST})
DEED_WEIGHTS = (12, 1, 1, 1, 1, 2, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Something that a person, or somebody else, does on the page so many seconds in."""

    after_seconds: float
    deed: Deed
    path: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The mail server takes nothing for a while, so many seconds in."""

    after_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """The process dies so many seconds after the chaos begins, and comes back."""

    after_seconds: float
    down_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One session, whole: market, money, patience, network, faults, people, crashes."""

    seed: int
    names: int = 2
    world: int = 1
    start: datetime = MORNING
    cash: Decimal = Decimal(300_000)
    walk: WalkPolicy = field(default_factory=WalkPolicy)
    program: ProgramPolicy = field(default_factory=ProgramPolicy)
    network: InMemory = field(default_factory=InMemory)
    chaos_seconds: float = 60.0
    begins_at_once: bool = False
    commit_rounds_max: int = 3
    strikes: tuple[Strike, ...] = ()
    halts: tuple[HaltCommand, ...] = ()
    crashes: tuple[Crash, ...] = ()
    resumes: bool = True
    """Whether a person lifts the halts when the chaos is over."""
    visits: tuple[Visit, ...] = ()
    silences: tuple[Silence, ...] = ()

    @property
    def is_calm(self) -> bool:
        """Whether nothing at all goes wrong."""
        stops = any(visit.deed not in HARMLESS for visit in self.visits)
        return not (self.strikes or self.halts or self.crashes or self.silences or stops)

    @property
    def codes(self) -> frozenset[str]:
        """Numbers of all its faults."""
        return frozenset(strike.fault.code for strike in self.strikes)

    def is_exposed_to(self, *codes: str) -> bool:
        """Whether any of these faults is among its own."""
        return bool(self.codes.intersection(codes))


def draw(seed: int, *, names: int = 2) -> Scenario:
    """Draw a scenario; the same seed gives the same one."""
    chance = random.Random(seed)
    chaos_seconds = chance.choice([20.0, 45.0, 90.0, 150.0])
    style = chance.choice([RepriceStyle.AMEND, RepriceStyle.AMEND, RepriceStyle.CANCEL_REPLACE])
    calm_seed = chance.random() < 0.1
    drawn = Scenario(
        seed=seed,
        names=names,
        world=chance.choice([1, 2, 3]),
        start=chance.choices(STARTS, weights=[6, 3, 1])[0],
        cash=_cash(chance, names),
        walk=_walk(chance, style),
        program=ProgramPolicy(
            deadline=timedelta(seconds=chance.choice([120, 240, 400])),
            slices_at_once=chance.choice([1, 2, 4]),
            attempts_max=chance.choice([2, 5]),
            unwind_within=timedelta(seconds=chance.choice([30, 90])),
            pause_max=timedelta(seconds=60),
        ),
        network=_network(chance, seed),
        chaos_seconds=chaos_seconds,
        begins_at_once=chance.random() < 0.08,
        commit_rounds_max=chance.choice([0, 3, 12]),
        strikes=() if calm_seed else _strikes(chance, chaos_seconds),
        halts=_halts(chance, chaos_seconds),
        crashes=_crashes(chance, chaos_seconds),
        resumes=chance.random() < 0.5,
    )
    return drawn if seed < WIDER_FROM else _wider(drawn, random.Random(f"wider {seed}"), calm_seed)


def _wider(drawn: Scenario, chance: random.Random, calm_seed: bool) -> Scenario:
    """Add what was not drawn at first: newer faults, people on the page, a mail server's silence.

    It comes from a source of its own, so that what was drawn before stays as it was.
    """
    appetite, chaos_seconds = chance.choice([0.0, 0.4, 1.0]), drawn.chaos_seconds
    more = [] if calm_seed else _struck(chance, WIDER_FAULTS, appetite, chaos_seconds)
    silences = () if calm_seed else _silences(chance, chaos_seconds)
    strikes = sorted((*drawn.strikes, *more), key=lambda strike: strike.after_seconds)
    return replace(
        drawn,
        strikes=tuple(strikes),
        visits=_visits(chance, chaos_seconds, only_looks=calm_seed),
        silences=silences,
    )


def _visits(chance: random.Random, chaos_seconds: float, *, only_looks: bool) -> tuple[Visit, ...]:
    """Draw what is done on the page; in two seeds of three nobody opens it."""
    if chance.random() > 0.35:
        return ()
    deeds = [Deed.LOOK] if only_looks else chance.choices(list(Deed), weights=DEED_WEIGHTS, k=5)
    visits = (
        Visit(
            after_seconds=chance.uniform(0.0, chaos_seconds), deed=deed, path=chance.choice(PAGES)
        )
        for deed in deeds
    )
    return tuple(sorted(visits, key=lambda visit: visit.after_seconds))


def _silences(chance: random.Random, chaos_seconds: float) -> tuple[Silence, ...]:
    if chance.random() > 0.3:
        return ()
    after = chance.uniform(0.0, chaos_seconds)
    return (Silence(after_seconds=after, seconds=chance.choice([3.0, 30.0, 300.0])),)


def _cash(chance: random.Random, names: int) -> Decimal:
    sizes = [200_000, 300_000, 300_000, 400_000, 600_000]
    return Decimal(chance.choice(sizes) if names < 5 else 50_000_000)


def _walk(chance: random.Random, style: RepriceStyle) -> WalkPolicy:
    base = PRESETS[chance.choice(["standard", "urgent", "urgent", "roadmap"])]
    return WalkPolicy(
        wait=timedelta(seconds=chance.choice([1, 2, 5])),
        cap_share_of_mid=base.cap_share_of_mid,
        cap_steps=base.cap_steps,
        step_fixed=base.step_fixed,
        slippage_max=base.slippage_max,
        rest_at_cap=timedelta(seconds=chance.choice([3, 10, 30])),
        style=style,
    )


def _network(chance: random.Random, seed: int) -> InMemory:
    return InMemory(
        seed=seed,
        latency_seconds_max=chance.choice([0.0, 0.0005, 0.02, 0.3]),
        split_chance=chance.choice([0.0, 0.1, 0.5]),
    )


def _strikes(chance: random.Random, chaos_seconds: float) -> tuple[Strike, ...]:
    """Swarm: a random subset of the catalogue, each at its own rate."""
    appetite = chance.choice([0.15, 0.4, 1.0])
    strikes = _struck(chance, {**VENUE_FAULTS, **SERVER_FAULTS}, appetite, chaos_seconds)
    return tuple(sorted(strikes, key=lambda strike: strike.after_seconds))


def _struck(
    chance: random.Random, shares: Mapping[str, float], appetite: float, chaos_seconds: float
) -> list[Strike]:
    strikes: list[Strike] = []
    for code, share in sorted(shares.items()):
        if chance.random() >= share * appetite:
            continue
        for _ in range(chance.choice([1, 1, 1, 2, 4])):
            after = chance.uniform(0.0, chaos_seconds)
            strikes.append(
                Strike(after_seconds=after, fault=_fault(chance, code, chaos_seconds - after))
            )
    return strikes


def _fault(chance: random.Random, code: str, left_seconds: float) -> Fault:
    seconds = chance.choice([0.3, 2.0, 6.0, 20.0])
    if code in LASTING:
        seconds = min(seconds, max(left_seconds, 0.1))
    if code == "A6":
        return Outage(code=code)
    if code not in SERVER_FAULTS:
        symbol = chance.choice(["", *SYMBOLS]) if code[0] == "B" else chance.choice(SYMBOLS)
        if code in {"B12", "B21"}:
            seconds = chance.choice([seconds, float("inf")])
        return VenueFault(
            code=code, symbol=symbol, seconds=seconds, count=chance.choice([1, 1, 2, 5])
        )
    client = chance.choice([None, ORDER_CLIENT_ID, 11]) if code != "A13" else ORDER_CLIENT_ID
    value = chance.choice(GARBAGE) if code == "A20" else ""
    if code == "B37":
        value = chance.choice(["5", "7", "62", "99", "61", "16"])
    if code == "A19":
        seconds = chance.choice([0.05, 0.5, 3.0])
    return Outage(code=code, client_id=client, seconds=seconds, value=value)


def _halts(chance: random.Random, chaos_seconds: float) -> tuple[HaltCommand, ...]:
    if chance.random() > 0.25:
        return ()
    level = chance.choice([HaltLevel.HOLD, HaltLevel.CANCEL])
    return (HaltCommand(after_seconds=chance.uniform(0.0, chaos_seconds), level=level),)


def _crashes(chance: random.Random, chaos_seconds: float) -> tuple[Crash, ...]:
    count = chance.choices([0, 1, 2], weights=[70, 20, 10])[0]
    return tuple(
        sorted(
            (
                Crash(
                    after_seconds=chance.uniform(0.0, chaos_seconds),
                    down_seconds=chance.choice([0.5, 5.0, 40.0]),
                )
                for _ in range(count)
            ),
            key=lambda crash: crash.after_seconds,
        )
    )
