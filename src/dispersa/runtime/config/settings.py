"""What is the whole configuration, and does it make sense together?"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from dispersa.errors import InvalidConfig
from dispersa.runtime.config.alerting import AlertsSection, contradictions_in
from dispersa.runtime.config.basket import BasketSection
from dispersa.runtime.config.halting import HaltsSection
from dispersa.runtime.config.keys import Section, choice
from dispersa.runtime.config.limits import RiskSection, simulated_risk
from dispersa.runtime.config.phases import PhasesSection
from dispersa.runtime.config.policies import (
    ExecutionSection,
    PlanningSection,
    SignalSection,
    SizingSection,
    StressSection,
)
from dispersa.runtime.config.positions import (
    ExitsSection,
    ExpirySection,
    HedgingSection,
    cycle_policies,
)
from dispersa.runtime.config.schedule import DaemonSection, ScheduleSection
from dispersa.runtime.config.sections import (
    LIVE_ACCOUNT,
    BrokerSection,
    JournalSection,
    LiveSection,
    Profile,
    UniverseSection,
    WatchdogSection,
    WebSection,
)

if TYPE_CHECKING:
    from dispersa.broker.ibkr.settings import IbkrSettings
    from dispersa.runtime.daily_cycle import CyclePolicies

PORTS: dict[str, int] = {"sim": 4002, "paper": 4002, "live": 4001}
"""API port of IB Gateway by profile."""
LIVE_PORTS, PAPER_PORTS = (4001, 7496), (4002, 7497)


class Settings(Section):
    """One validated configuration."""

    profile: Profile = choice(
        "sim",
        Profile,
        "sim: the simulated gateway; paper: a paper account; live: real money, see [live].",
    )
    broker: BrokerSection = Field(default_factory=BrokerSection)
    live: LiveSection = Field(default_factory=LiveSection)
    universe: UniverseSection = Field(default_factory=UniverseSection)
    basket: BasketSection = Field(default_factory=BasketSection)
    signal: SignalSection = Field(default_factory=SignalSection)
    planning: PlanningSection = Field(default_factory=PlanningSection)
    sizing: SizingSection = Field(default_factory=SizingSection)
    stress: StressSection = Field(default_factory=StressSection)
    risk: RiskSection = Field(default_factory=RiskSection)
    halts: HaltsSection = Field(default_factory=HaltsSection)
    execution: ExecutionSection = Field(default_factory=ExecutionSection)
    exits: ExitsSection = Field(default_factory=ExitsSection)
    hedging: HedgingSection = Field(default_factory=HedgingSection)
    expiry: ExpirySection = Field(default_factory=ExpirySection)
    phases: PhasesSection = Field(default_factory=PhasesSection)
    schedule: ScheduleSection = Field(default_factory=ScheduleSection)
    daemon: DaemonSection = Field(default_factory=DaemonSection)
    journal: JournalSection = Field(default_factory=JournalSection)
    watchdog: WatchdogSection = Field(default_factory=WatchdogSection)
    alerts: AlertsSection = Field(default_factory=AlertsSection)
    web: WebSection = Field(default_factory=WebSection)

    @model_validator(mode="before")
    @classmethod
    def _simulated(cls, values: object) -> object:
        """Give the simulated account its own limits where none are named."""
        if not isinstance(values, dict) or values.get("profile", "sim") != "sim":
            return values
        return {**values, "risk": simulated_risk(values.get("risk", {}))}

    @property
    def port(self) -> int:
        """API port: the configured one, else IB Gateway's by profile."""
        return self.broker.port or PORTS[self.profile]

    @property
    def account(self) -> str | None:
        """Account to trade, None for the only one of the login."""
        return self.live.account if self.profile == "live" else self.broker.account

    @property
    def journal_file(self) -> Path:
        """Where the journal lies."""
        if self.journal.path is not None:
            return self.journal.path
        state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        return Path(state).expanduser() / "dispersa" / f"{self.profile}.sqlite3"

    @property
    def cache_folder(self) -> Path | None:
        """Where the day's contract definitions lie; they are learned anew every day.

        None with profile sim: the next simulated gateway may list other contracts by the same ids.
        """
        if self.broker.cache_folder is not None or self.profile == "sim":
            return self.broker.cache_folder
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return Path(cache).expanduser() / "dispersa" / "contracts"

    def cycle(self) -> "CyclePolicies":
        """Return the rules of the day for what is held, with the files of dividends and borrow."""
        return cycle_policies(self.exits, self.hedging, self.expiry, rate=self.planning.rate)

    def ibkr(self) -> "IbkrSettings":
        """Return how the connector connects."""
        from dispersa.broker.ibkr.settings import IbkrSettings

        return IbkrSettings(
            host=self.broker.host,
            port=self.port,
            data_client_id=self.broker.data_client_id,
            order_client_id=self.broker.order_client_id,
            account=self.account,
            live_allowed=self.profile == "live" and self.live.enabled,
            market_data_lines_max=self.broker.market_data_lines_max,
            messages_per_second=self.broker.messages_per_second,
            messages_reserved_for_orders=self.broker.messages_reserved_for_orders,
            read_only=self.broker.read_only,
            open_interest_wanted=self.planning.open_interest_share_max is not None
            or self.basket.open_interest_min > 0,
            cache_folder=self.cache_folder,
        )


def contradictions(settings: Settings) -> tuple[str, ...]:
    """Say what is wrong with keys that are each right by themselves."""
    return (
        *_in_live(settings),
        *_in_account(settings),
        *_in_numbers(settings),
        *_in_risk(settings),
        *contradictions_in(settings.alerts),
    )


def remarks(settings: Settings) -> tuple[str, ...]:
    """Say what is allowed and still looks like a mistake."""
    found = []
    wrong_ports = PAPER_PORTS if settings.profile == "live" else LIVE_PORTS
    if settings.port in wrong_ports:
        found.append(
            f"broker.port is {settings.port}, by default the port of a "
            f"{'paper' if settings.profile == 'live' else 'live'} login, and profile is "
            f"{settings.profile!r}"
        )
    if settings.profile != "live" and settings.live.enabled:
        found.append(f"live.enabled is true and has no effect with profile {settings.profile!r}")
    if settings.broker.host not in {"127.0.0.1", "localhost", "::1"}:
        found.append(
            f"broker.host is {settings.broker.host!r}: the TWS API is not encrypted; tunnel it"
        )
    weights = settings.universe.weights
    if weights is None and settings.profile != "sim":
        found.append(
            "universe.weights is not set: without the weights of the index no signal is made"
        )
    if weights is not None and not weights.is_file():
        found.append(f"universe.weights names {weights}, which is no file")
    return tuple(found)


def _in_live(settings: Settings) -> list[str]:
    live, found = settings.live, []
    if settings.profile != "live":
        return []
    if not live.enabled:
        found.append("profile is 'live' and live.enabled is false; set it to true to opt in")
    if live.account is None:
        found.append("profile is 'live' and live.account is missing; write the account out there")
    elif settings.broker.account not in {None, live.account}:
        found.append(
            f"live.account is {live.account!r} and broker.account is "
            f"{settings.broker.account!r}; expected the same, or no broker.account"
        )
    return found


def _in_account(settings: Settings) -> list[str]:
    account = settings.broker.account
    if settings.profile == "live" or account is None or not LIVE_ACCOUNT.fullmatch(account):
        return []
    return [
        (
            f"profile is {settings.profile!r} and broker.account {account!r} is a live account; "
            "expected one that begins with D, or the profile 'live'"
        )
    ]


def _in_numbers(settings: Settings) -> list[str]:
    found = []
    broker, universe = settings.broker, settings.universe
    if broker.data_client_id == broker.order_client_id:
        found.append(
            f"broker.data_client_id and broker.order_client_id are both {broker.data_client_id}; "
            "expected two different ids"
        )
    watch = settings.watchdog.client_id
    if {watch, watch + 1} & {broker.data_client_id, broker.order_client_id}:
        found.append(
            f"watchdog.client_id is {watch}; expected that neither it nor {watch + 1} is "
            f"broker.data_client_id {broker.data_client_id} or broker.order_client_id "
            f"{broker.order_client_id}"
        )
    if broker.messages_reserved_for_orders >= broker.messages_per_second:
        found.append(
            f"broker.messages_reserved_for_orders is {broker.messages_reserved_for_orders}; "
            f"expected less than broker.messages_per_second ({broker.messages_per_second})"
        )
    if not universe.dte_min <= universe.dte_target <= universe.dte_max:
        found.append(
            f"universe.dte_min {universe.dte_min}, dte_target {universe.dte_target} and dte_max "
            f"{universe.dte_max} are out of order; expected min <= target <= max"
        )
    return found


def _in_risk(settings: Settings) -> list[str]:
    """Let the room judge its own limits, which may contradict each other."""
    try:
        settings.risk.limits()
    except InvalidConfig as error:
        return [str(error)]
    return []
