"""Which keys belong to the installation: broker, account, universe, files, web?"""

import re
from decimal import Decimal
from typing import Literal

from pydantic import field_validator

from dispersa.runtime.config.keys import (
    Amount,
    Count,
    File,
    Flag,
    Number,
    Section,
    Text,
    Texts,
    choice,
    count,
    file,
    flag,
    number,
    number_above,
    text,
    texts,
)

Profile = Literal["sim", "paper", "live"]
LIVE_ACCOUNT = re.compile(r"U\d{5,9}")
"""Number of an individual live account at Interactive Brokers; paper ones begin with D."""

_SYMBOL = "symbols in capitals, such as ['TSLA']"


class BrokerSection(Section):
    """Where TWS or IB Gateway listens, and as whom dispersa connects."""

    host: Text = text(
        "127.0.0.1", "a host name or address", "Host of TWS or IB Gateway.", pattern=r"^[\w.:-]+$"
    )
    port: Count | None = count(
        None,
        1,
        65535,
        "port",
        "API port. By profile if left out: 4002 for sim and paper, 4001 for live (TWS itself uses "
        "7497 and 7496).",
        example=4002,
    )
    data_client_id: Count = count(
        11, 1, 2**31 - 1, "client id", "Client id of the data connection."
    )
    order_client_id: Count = count(
        12, 1, 2**31 - 1, "client id", "Client id of the order connection; never the data one."
    )
    account: Text | None = text(
        None,
        "an account number such as 'DU1234567'",
        "Account to trade; the only one of the login if left out.",
        pattern=r"^[A-Z]{1,3}\d{4,9}[A-Z]?$",
        example="DU1234567",
    )
    market_data_lines_max: Count = count(
        100, 2, 10_000, "lines", "Concurrent market data lines that the login may use."
    )
    messages_per_second: Count = count(
        40, 1, 45, "messages", "Pace of requests; IBKR ends the connection above 50."
    )
    messages_reserved_for_orders: Count = count(
        8, 0, 44, "messages", "Part of the pace that data requests never use."
    )
    read_only: Flag = flag(
        False, "Refuse to send or change orders on this connection; reads and previews go on."
    )
    self_test: Flag = flag(
        True,
        "With profile 'paper': before a trade, place one order far from the market and cancel it.",
    )
    cache_folder: File | None = file(
        None,
        "Folder of the day's contract definitions. If left out: ~/.cache/dispersa/contracts, and "
        "none with profile 'sim'.",
        example="~/.cache/dispersa/contracts",
    )


class LiveSection(Section):
    """The opt-in to trading with real money; both keys are needed with profile 'live'."""

    enabled: Flag = flag(False, "Set to true to allow live trading.")
    account: Text | None = text(
        None,
        "a live account number such as 'U1234567'",
        "The live account, written out once more.",
        pattern=f"^{LIVE_ACCOUNT.pattern}$",
        example="U1234567",
    )


class UniverseSection(Section):
    """What is traded: the index, its components and the expiry."""

    index: Literal["QQQ", "SPY", "DIA", "SPX", "XSP", "NDX"] = choice(
        "QQQ",
        Literal["QQQ", "SPY", "DIA", "SPX", "XSP", "NDX"],
        "Index or its ETF, whose straddle is one leg of the trade.",
    )
    names: Count = count(30, 2, 60, "names", "Number of components, the heaviest first.")
    weights: File | None = file(
        None,
        "Weights file: CSV (gz allowed) with date, symbol, weight, etf.",
        example="~/dispersa/weights.csv.gz",
    )
    excluded: Texts = texts((), _SYMBOL, "Components that are never traded.")
    dte_target: Count = count(30, 1, 365, "days", "Days to expiry aimed at.")
    dte_min: Count = count(21, 1, 365, "days", "Fewest days to expiry.")
    dte_max: Count = count(45, 1, 365, "days", "Most days to expiry.")

    @field_validator("excluded")
    @classmethod
    def _are_symbols(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[A-Z][A-Z0-9.]{0,9}", symbol) for symbol in symbols):
            raise ValueError("no symbols")
        return symbols


class JournalSection(Section):
    """Where what happened is kept."""

    path: File | None = file(
        None,
        "Journal file, on a local disk. If left out: ~/.local/state/dispersa/PROFILE.sqlite3.",
        example="~/.local/state/dispersa/paper.sqlite3",
    )


class WatchdogSection(Section):
    """When `dispersa watchdog`, a process of its own, stops the engine."""

    client_id: Count = count(
        21, 1, 2**31 - 2, "client id", "Client id of the watchdog; it uses the next one, too."
    )
    beat_seconds_max: Number = number(
        8.0, 1, 600, "s", "Longest silence of a running engine, which beats every second."
    )
    blind_seconds_max: Number = number(
        30.0, 1, 600, "s", "Longest time without a full read of the broker while an engine runs."
    )
    orphan_seconds_max: Number = number(
        10.0, 1, 600, "s", "Longest time that our orders may work without a running engine."
    )
    loss_share_max: Amount = number_above(
        Decimal("0.05"), 0, 1, "fraction", "Largest fall of net liquidation since the watch began."
    )
    orders_max: Count = count(40, 1, 10_000, "orders", "Most open orders of ours at one time.")
    contracts_max: Count | None = count(
        None,
        1,
        10_000_000,
        "contracts",
        "Most option contracts held, long and short alike; risk.book.contracts_max if left out.",
        example=6000,
    )
    read_every_seconds: Number = number(5.0, 1, 60, "s", "Time between two reads of the broker.")


class WebSection(Section):
    """The web page."""

    host: Text = text(
        "127.0.0.1", "a host name or address", "Address to listen on.", pattern=r"^[\w.:-]+$"
    )
    port: Count = count(8765, 1, 65535, "port", "Port to listen on.")
    public_url: Text | None = text(
        None,
        "an https address",
        "Address under which links in alerts reach the page.",
        pattern=r"^https://[\w.:-]+(/.*)?$",
        example="https://desk.example.org",
    )
