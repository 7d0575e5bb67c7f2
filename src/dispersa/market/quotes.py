"""What is bid and offered, how old is it, and may a decision rest on it?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum


class DataKind(StrEnum):
    """What kind of market data the broker says it sends (IBKR market data types 1 to 4)."""

    LIVE = "live"
    FROZEN = "frozen"
    DELAYED = "delayed"
    DELAYED_FROZEN = "delayed_frozen"


class QuoteFault(StrEnum):
    """Why a quote can not carry a decision."""

    NO_BID = "no_bid"
    NO_ASK = "no_ask"
    CROSSED = "crossed"
    STALE = "stale"
    NOT_LIVE = "not_live"
    FROM_THE_FUTURE = "from_the_future"


CLOCK_SKEW_MAX = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Best bid and offer of one contract, or of a package built from its legs.

    Prices per share; sizes in contracts (or package units); None where nothing is quoted. `at`
    is the time of the older side, on the desk's clock.
    """

    bid: Decimal | None
    ask: Decimal | None
    bid_size: int = 0
    ask_size: int = 0
    at: datetime
    kind: DataKind = DataKind.LIVE

    def fault(self, *, now: datetime, age_max: timedelta) -> QuoteFault | None:
        """Return the first reason why this quote can not be used, or None when it can."""
        if self.kind is not DataKind.LIVE:
            return QuoteFault.NOT_LIVE
        if self.bid is None or self.bid <= 0:
            return QuoteFault.NO_BID
        if self.ask is None or self.ask <= 0:
            return QuoteFault.NO_ASK
        if self.bid > self.ask:
            return QuoteFault.CROSSED
        return self._age_fault(now, age_max)

    def _age_fault(self, now: datetime, age_max: timedelta) -> QuoteFault | None:
        if now - self.at > age_max:
            return QuoteFault.STALE
        if self.at - now > CLOCK_SKEW_MAX:
            return QuoteFault.FROM_THE_FUTURE
        return None

    @property
    def mid(self) -> Decimal | None:
        """Middle of bid and ask, None unless both are quoted."""
        if self.bid is None or self.ask is None:
            return None
        return (self.bid + self.ask) / 2

    @property
    def width(self) -> Decimal | None:
        """Ask less bid, None unless both are quoted."""
        if self.bid is None or self.ask is None:
            return None
        return self.ask - self.bid


def straddle_quote(call: Quote, put: Quote) -> Quote:
    """Quote of one straddle from its two legs."""
    return package_quote([(1, call), (1, put)])


def package_quote(legs: Sequence[tuple[int, Quote]]) -> Quote:
    """Quote of a package from its legs (BAG quotes of the broker are never relied on).

    Each leg comes with its signed ratio n: bid = sum of n x bid over bought legs and n x ask over
    sold ones, ask the other way round; size = the smallest leg's over |n|, time = the oldest
    leg's, kind = the worst leg's. A side that one leg lacks is missing.
    """
    kinds = list(DataKind)
    bids = [(n, quote.bid if n > 0 else quote.ask) for n, quote in legs]
    asks = [(n, quote.ask if n > 0 else quote.bid) for n, quote in legs]
    return Quote(
        bid=_net(bids),
        ask=_net(asks),
        bid_size=min((q.bid_size if n > 0 else q.ask_size) // abs(n) for n, q in legs),
        ask_size=min((q.ask_size if n > 0 else q.bid_size) // abs(n) for n, q in legs),
        at=min(quote.at for _, quote in legs),
        kind=max((quote.kind for _, quote in legs), key=kinds.index),
    )


def _net(sides: Sequence[tuple[int, Decimal | None]]) -> Decimal | None:
    total = Decimal(0)
    for ratio, price in sides:
        if price is None:
            return None
        total += ratio * price
    return total
