"""What is to be tested: which configuration, over which days, filled how, against which costs?

The configuration is the product's own, whole: what a sweep varies is a key of that model, and what
trades in the backtest is what trades live.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from dispersa.errors import InvalidConfig
from dispersa.gateway.exchange.fillmodel import PRESETS
from dispersa.runtime.config.settings import Settings


class Entry(StrEnum):
    """When the desk is asked for a trade, and whether the signal binds.

    SIGNAL is the product. ALWAYS trades whatever the signal says, RANDOM on days that a seeded coin
    chooses: both waive the edge through the desk's own labeled waiver, every other check binds.
    """

    SIGNAL = "signal"
    ALWAYS = "always"
    RANDOM = "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestSettings:
    """Everything that a run depends on besides its data; equal settings give equal results.

    Attributes
    ----------
    config
        The product's configuration: universe, signal, sizing, risk, execution, exits, hedging.
    fills
        Preset of the gateway's fill model: generous, base or hard.
    spread_multiple, commission_multiple
        Stress of costs: quoted widths and commissions times this.
    trades_at_once
        No new trade is asked for while so many are held; the gate's own limit binds beside it.
    entry_probability
        Chance of a day to be asked for, with entry RANDOM.
    rate_credit, rate_debit
        Yearly interest on cash and on what is owed.
    borrow_fee
        Yearly, on the value of shares sold short.
    displayed_size
        Contracts quoted on each side, where the data has no sizes.
    """

    config: Settings = field(default_factory=Settings)
    start: date | None = None
    end: date | None = None
    capital_usd: Decimal = Decimal(5_000_000)
    fills: str = "base"
    spread_multiple: float = 1.0
    commission_multiple: float = 1.0
    seed: int = 1
    entry: Entry = Entry.SIGNAL
    entry_probability: float = 0.05
    trades_at_once: int = 1
    is_hedged: bool = True
    rate_credit: float = 0.02
    rate_debit: float = 0.05
    borrow_fee: float = 0.005
    displayed_size: int = 50

    def __post_init__(self) -> None:
        if self.fills not in PRESETS:
            raise InvalidConfig(f"fills is {self.fills!r}; choose {', '.join(PRESETS)}")
        if self.capital_usd <= 0 or self.displayed_size < 1 or self.trades_at_once < 1:
            raise InvalidConfig(
                f"capital is {self.capital_usd}, displayed size {self.displayed_size}, trades at "
                f"once {self.trades_at_once}; expected each above zero"
            )
        if self.spread_multiple < 0 or self.commission_multiple < 0:
            raise InvalidConfig("cost multiples are zero or more")
        if not 0 <= self.entry_probability <= 1:
            raise InvalidConfig(
                f"entry_probability is {self.entry_probability}; expected a share of days from 0 "
                "to 1"
            )
        if self.start is not None and self.end is not None and self.start > self.end:
            raise InvalidConfig(f"the run begins on {self.start}, after its end on {self.end}")
