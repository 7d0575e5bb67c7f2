"""How is the connection to TWS or IB Gateway set up?"""

from dataclasses import dataclass
from pathlib import Path

from dispersa.errors import InvalidConfig
from dispersa.market import DataKind

MESSAGES_PER_SECOND_MAX = 45
"""IBKR answers error 100 above 50 messages a second and then closes the socket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long each kind of answer may take, in seconds of the event loop's time."""

    connect_seconds: float = 15.0
    request_seconds: float = 10.0
    contract_seconds: float = 30.0
    history_seconds: float = 60.0
    what_if_seconds: float = 10.0
    snapshot_seconds: float = 20.0
    first_quote_seconds: float = 12.0
    silence_seconds: float = 4.0
    """No message at all for so long, heartbeats included: the link is not good."""
    fill_gap_seconds: float = 5.0
    """The broker says filled and leg executions are missing for so long: ask again."""
    reconnect_seconds_max: float = 30.0
    """Longest pause between two attempts to connect again."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 < getattr(self, name) <= 600:
                raise InvalidConfig(
                    f"{name} is {getattr(self, name)}; expected seconds above 0 and at most 600"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class IbkrSettings:
    """Where the gateway listens, as whom we connect and within which limits.

    `account` None accepts the only account of the login; `live_allowed` is the explicit opt-in
    without which a live account is refused. With `read_only` no order and no change is sent
    (cancels are); what-if previews and reads go on. `order_id_floor` is the highest order id that
    the journal knows (ids may roll back after a restart of the gateway). `cache_folder` keeps
    contract definitions for the day; None keeps them in memory only.
    """

    host: str = "127.0.0.1"
    port: int = 4002
    data_client_id: int = 11
    order_client_id: int = 12
    account: str | None = None
    live_allowed: bool = False
    read_only: bool = False
    market_data_lines_max: int = 100
    messages_per_second: int = 40
    messages_reserved_for_orders: int = 8
    market_data_kind: DataKind = DataKind.LIVE
    open_interest_wanted: bool = False
    order_id_floor: int = 0
    tws_time_zone: str = "America/New_York"
    cache_folder: Path | None = None
    deadlines: Deadlines = Deadlines()

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise InvalidConfig(f"port is {self.port}; expected 1 to 65535")
        if self.data_client_id == self.order_client_id:
            raise InvalidConfig(
                f"data and orders share client id {self.order_client_id}; expected two different "
                "ids, so that data requests never delay an order"
            )
        if min(self.data_client_id, self.order_client_id) < 1:
            raise InvalidConfig("client ids start at 1; id 0 would adopt orders typed into TWS")
        if not 1 <= self.messages_per_second <= MESSAGES_PER_SECOND_MAX:
            raise InvalidConfig(
                f"messages_per_second is {self.messages_per_second}; expected 1 to "
                f"{MESSAGES_PER_SECOND_MAX}"
            )
        if not 0 <= self.messages_reserved_for_orders < self.messages_per_second:
            raise InvalidConfig(
                f"messages_reserved_for_orders is {self.messages_reserved_for_orders}; expected "
                f"less than messages_per_second ({self.messages_per_second})"
            )
        if self.market_data_lines_max < 1:
            raise InvalidConfig("market_data_lines_max must be 1 or more")
        if self.order_id_floor < 0:
            raise InvalidConfig("order_id_floor must not be negative")
