"""Which account is this, is it paper or live, and what is it worth?"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from ib_async.objects import AccountValue

from dispersa.broker.ibkr import sentinels
from dispersa.broker.ibkr.settings import IbkrSettings
from dispersa.errors import BrokerRefused, MarketDataMissing
from dispersa.orders import AccountReading

PAPER_PREFIXES = ("DU", "DF")
LIVE_PREFIXES = ("U", "F")
PAPER_PORTS = {7497: "TWS paper", 4002: "IB Gateway paper"}
LIVE_PORTS = {7496: "TWS live", 4001: "IB Gateway live"}

SUMMARY_TAGS = (
    "NetLiquidation",
    "AvailableFunds",
    "InitMarginReq",
    "MaintMarginReq",
    "TotalCashValue",
)


def is_paper(account: str) -> bool:
    """Whether an account id is a paper account's; an unknown prefix is refused."""
    if account.startswith(PAPER_PREFIXES):
        return True
    if account.startswith(LIVE_PREFIXES):
        return False
    raise BrokerRefused(
        f"account {shown(account)} has an unknown prefix; expected DU or DF (paper), U or F "
        "(live). Nothing is traded in an account of unknown kind"
    )


def shown(account: str) -> str:
    """Account id shortened for messages."""
    return f"{account[:3]}…{account[-2:]}" if len(account) > 5 else account


def guarded_account(settings: IbkrSettings, accounts: Sequence[str]) -> str:
    """Return the account to trade, or refuse.

    Raises
    ------
    BrokerRefused
        The configured account is not there, several accounts and none configured, a live account
        without the opt-in, or account and port of different kinds.
    """
    account = _chosen(settings, accounts)
    paper = is_paper(account)
    if not paper and not settings.live_allowed:
        raise BrokerRefused(
            f"account {shown(account)} is a live account and live trading was not allowed; log in "
            "to the paper account, or opt in to live trading explicitly in the configuration"
        )
    wrong_ports = LIVE_PORTS if paper else PAPER_PORTS
    if settings.port in wrong_ports:
        raise BrokerRefused(
            f"port {settings.port} is the port of {wrong_ports[settings.port]}, but account "
            f"{shown(account)} is a {'paper' if paper else 'live'} account; correct the port or "
            "the login"
        )
    return account


def _chosen(settings: IbkrSettings, accounts: Sequence[str]) -> str:
    if settings.account is not None:
        if settings.account not in accounts:
            raise BrokerRefused(
                f"the gateway is logged in to {', '.join(map(shown, accounts)) or 'no account'}; "
                f"expected {shown(settings.account)} as configured. Log in to that account or "
                "correct the configuration"
            )
        return settings.account
    if len(accounts) != 1:
        raise BrokerRefused(
            f"the login has {len(accounts)} accounts; name the one to trade in the configuration"
        )
    return accounts[0]


def read_account(rows: Iterable[AccountValue], *, account: str, at: datetime) -> AccountReading:
    """Read account values; those in another currency than net liquidation are left out.

    Raises
    ------
    MarketDataMissing
        The broker sent no net liquidation for this account.
    """
    values = {row.tag: row for row in rows if row.account == account}
    net = values.get("NetLiquidation")
    if net is None:
        raise MarketDataMissing(
            f"the broker sent no net liquidation value for {shown(account)}; try again, and check "
            "the account in TWS"
        )

    def amount(tag: str) -> Decimal | None:
        row = values.get(tag)
        if row is None or row.currency != net.currency:
            return None
        return sentinels.amount(row.value)

    return AccountReading(
        account=account,
        is_paper=is_paper(account),
        currency=net.currency,
        net_liquidation=amount("NetLiquidation"),
        available_funds=amount("AvailableFunds"),
        initial_margin=amount("InitMarginReq"),
        maintenance_margin=amount("MaintMarginReq"),
        total_cash=amount("TotalCashValue"),
        at=at,
    )
