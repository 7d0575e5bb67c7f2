"""From what is a run wired? Rules, policies, charges, sessions, a fresh desk."""

from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal

from dispersa.backtest.answering import Policies
from dispersa.backtest.exchange import Charges
from dispersa.backtest.market import Source
from dispersa.backtest.settings import BacktestSettings
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState
from dispersa.errors import InvalidInput
from dispersa.market import TradingSession
from dispersa.risk import Gate
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.live import desk_rules, within
from dispersa.runtime.market_reading import TenorWindow
from dispersa.runtime.valuation import EXCHANGE_ZONE
from dispersa.sizing import VegaNeutralSizer

OPENS, CLOSES = time(9, 30), time(16, 0)


def forgotten(state: DeskState) -> DeskState:
    """A desk that holds nothing begins a new journal: what has ended is in the run's records."""
    fresh = DeskState()
    return replace(
        state,
        orders=fresh.orders,
        unit_vegas=fresh.unit_vegas,
        messages_sent=fresh.messages_sent,
        absences=fresh.absences,
        book=fresh.book,
        bookings=fresh.bookings,
        trade_of=fresh.trade_of,
        denied=fresh.denied,
        denials=fresh.denials,
        marks=fresh.marks,
        program=None,
        program_starts=state.program_starts[-10:],
    )


def rules_of(config: Settings) -> DeskRules:
    """The desk's rules by the configuration; plans start as they were approved, by a typed word."""
    rules = desk_rules(config)
    phases = replace(rules.phases, drift=None)
    return replace(rules, phases=phases, order_prefix="bt", gate=Gate(config.risk.limits()))


def policies_of(config: Settings) -> Policies:
    """How signal and plan are made by the configuration."""
    universe = config.universe
    return Policies(
        names=universe.names,
        window=TenorWindow(
            target_days=universe.dte_target, days_min=universe.dte_min, days_max=universe.dte_max
        ),
        signal=config.signal.policy(),
        planning=config.planning.policy(),
        stress=config.stress.policy(),
        sizer=VegaNeutralSizer(within(config.sizing.policy(), config.risk.limits())),
        basket_rules=config.basket.policy(),
    )


def session_of(day: date) -> TradingSession:
    """Regular hours of a day, New York."""
    return TradingSession(
        opens=datetime.combine(day, OPENS, EXCHANGE_ZONE),
        closes=datetime.combine(day, CLOSES, EXCHANGE_ZONE),
    )


def days_of(settings: BacktestSettings, source: Source) -> tuple[date, ...]:
    """Days of the source within the range; raises `InvalidInput` where there is none."""
    first, last = settings.start or source.days[0], settings.end or source.days[-1]
    days = tuple(day for day in source.days if first <= day <= last)
    if not days:
        raise InvalidInput(
            f"{source.label} has no day from {first} to {last}; it has {source.days[0]} to "
            f"{source.days[-1]}"
        )
    return days


def charges_of(settings: BacktestSettings) -> Charges:
    """Commissions by the configuration, stressed."""
    times = Decimal(repr(settings.commission_multiple))
    share = Decimal(repr(settings.config.hedging.policy().commission_per_share_usd))
    option = settings.config.planning.policy().commission_per_contract_usd
    return Charges(option_usd=option * times, share_usd=share * times)
