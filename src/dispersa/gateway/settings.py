"""How is one simulated gateway set up?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from dispersa.errors import InvalidInput

if TYPE_CHECKING:
    from dispersa.gateway.world.actions import CorporateAction

SERVER_VERSIONS = (157, 178)
"""First and last server version that the wire speaks; 157, 176 and 178 are proven by clients."""


MARKET_DATA_REFUSALS = (354, 10089, 10168)
_MAY_BE_ZERO = frozenset(
    {"messages_per_second_max", "market_data_lines_max", "order_efficiency_max", "restart_hour"}
)
_LOWEST = {
    "account_summaries_max": 1,
    "historical_requests_open_max": 1,
    "unsent_bytes_max": 65536,
    "frame_bytes_max": 4096,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Behaviour of IBKR that is a limit, differs between builds or is not verified.

    Defaults follow IBKR as ibkr-api.md documents it; every switch is named there.
    """

    messages_per_second_max: int | None = 50
    """More messages of one client in a second: error 100, then the end; 0 or None = no limit."""
    market_data_lines_max: int | None = 100
    """More concurrent lines, over all clients: error 101; 0 or None = no limit."""
    bag_quotes_count_as_lines: bool = True
    """Whether a subscription to a combo takes a line like any other."""
    account_summaries_max: int = 2
    """More account summaries of one client at once: error 322."""
    historical_requests_open_max: int = 50
    """More requests for bars open at once: error 322."""
    historical_pacing: bool = True
    """Bars of 30 s and less: the documented pacing limits, error 162."""
    executions_live_to_all_clients: bool = False
    """Live executions go to the order's client and the master client; True: to everybody."""
    read_only_api: bool = False
    """Refuse orders with error 321 as the Read-Only API setting does."""
    account_update_seconds: float = 180.0
    """How often account values, summaries and the portfolio are sent anew."""
    live_market_data: bool = True
    """False: no live subscription; type 1 and 2 get error 354, delayed data 10167 first."""
    market_data_refusal: int = 354
    """The code where live data is not subscribed: 354, 10089 or 10168."""
    greeks_subscribed: bool = True
    """False: options stream without computations, after error 10090."""
    pnl_update_seconds: float = 1.0
    """How often subscribed profits are sent."""
    snapshot_seconds: float = 11.0
    """A snapshot that is not complete after this long ends anyway."""
    frame_bytes_max: int = 16 * 2**20
    """A client's frame above this ends the connection."""
    unsent_bytes_max: int = 64 * 2**20
    """A client that does not read is dropped once this much waits for it.

    The details of the largest chains (some 30,000 contracts) are 20 MiB in one answer.
    """
    order_efficiency_max: float | None = 20.0
    """Order messages per executed order of a day that count as excessive; 0 or None = no limit."""
    order_efficiency_refuses: bool = False
    """True: an order above that count is refused with 201; IBKR only reports it afterwards."""
    restart_hour: float | None = 23.75
    """New York hour of the nightly restart, which rolls nextValidId back; None = none."""
    restart_seconds: float = 60.0
    """How long nothing listens then."""
    handshake_seconds: float = 30.0
    """A connection that has not said hello after this long is closed."""

    def __post_init__(self) -> None:
        """Refuse limits that can not work."""
        if self.market_data_refusal not in MARKET_DATA_REFUSALS:
            raise InvalidInput(
                f"the rule market_data_refusal is {self.market_data_refusal}; choose one of "
                f"{', '.join(map(str, MARKET_DATA_REFUSALS))}"
            )
        if self.restart_hour is not None and not 0.0 <= self.restart_hour < 24.0:
            raise InvalidInput(
                f"the rule restart_hour is {self.restart_hour}; expected an hour from 0 to below "
                '24, for example 23.75, or "none"'
            )
        for rule in fields(self):
            value = getattr(self, rule.name)
            lowest = 0 if rule.name in _MAY_BE_ZERO else _LOWEST.get(rule.name, 1e-3)
            if value is not None and not isinstance(value, bool) and not value >= lowest:
                raise InvalidInput(f"the rule {rule.name} is {value}; expected at least {lowest}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """One gateway: where it listens, which market it carries and which account it keeps.

    `start` is the market time at which the gateway begins, None for 10:00 New York time of the
    current or latest trading day. `market` is a chains file; None for the built-in synthetic
    market, in which case `names` limits the number of components. `venue_rules` are the
    exchange's own named switches.
    """

    host: str = "127.0.0.1"
    port: int = 4002
    seed: int = 1
    speed: float = 1.0
    start: datetime | None = None
    account: str = "DU1234567"
    cash: Decimal = Decimal(50_000_000)
    max_server_version: int = 178
    master_client_id: int = 0
    market: Path | None = None
    market_date: date | None = None
    weights: Path | None = None
    names: int | None = None
    step_seconds: float = 0.25
    faults: Path | None = None
    """A script of faults, see `gateway.script`."""
    fault_seed: int | None = None
    """Draw faults by chance from this seed, beside those of the script."""
    inspect_port: int | None = None
    """Where `gateway.inspection` tells the truth, 0 for any free port; None keeps it to itself."""
    corporate_actions: "tuple[CorporateAction, ...]" = ()
    """Splits, special dividends and symbol changes, each on a trading day after the start's."""
    rules: Rules = field(default_factory=Rules)
    venue_rules: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse settings that can not work."""
        low, high = SERVER_VERSIONS
        if not low <= self.max_server_version <= high:
            raise InvalidInput(
                f"server version {self.max_server_version} is not spoken here; "
                f"use a version from {low} to {high}"
            )
        if not 0 <= self.port <= 65535:
            raise InvalidInput(f"port {self.port} is outside 0..65535; use 0 for any free port")
        if self.speed <= 0 or self.step_seconds <= 0:
            raise InvalidInput("speed and step_seconds must be greater than zero")
        if not self.account or set(self.account) & set(", \0"):
            raise InvalidInput(f"the account is {self.account!r}; expected a name like DU1234567")
        if self.start is not None and self.start.tzinfo is None:
            raise InvalidInput("the start time has no time zone; add one, for example -05:00")
