"""What do the market data lines say, and how many may we have?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from dispersa.broker.ibkr import sentinels
from dispersa.broker.protocol import Clock
from dispersa.errors import MarketDataMissing
from dispersa.market import (
    ConId,
    DataKind,
    Greeks,
    GreeksSource,
    OptionContract,
    Quote,
    Underlying,
    UnderlyingKind,
)

BID_PRICE, ASK_PRICE, LAST_PRICE = (1, 66), (2, 67), (4, 68)
BID_SIZE, ASK_SIZE = (0, 69), (3, 70)
OPEN_INTEREST, OPEN_INTEREST_MAX = (27, 28), 1e9
MODEL_GREEKS = (13, 83)
DELAYED_KINDS = frozenset({66, 67, 68, 69, 70, 71, 80, 81, 82, 83})
DATA_KINDS = {
    1: DataKind.LIVE,
    2: DataKind.FROZEN,
    3: DataKind.DELAYED,
    4: DataKind.DELAYED_FROZEN,
}
DATA_TYPE_NUMBERS = {kind: number for number, kind in DATA_KINDS.items()}
DATA_FOLLOW_CODES = frozenset({10090, 10091, 10167})
"""Notes about partial or delayed data: the line goes on."""


@dataclass(slots=True)
class Line:
    """One market data line: the last value of each tick, as sent."""

    contract: OptionContract | Underlying
    kind: DataKind
    bid: float = -1.0
    ask: float = -1.0
    last: float = -1.0
    bid_size: float = 0.0
    ask_size: float = 0.0
    said_at: datetime | None = None
    greeks: Greeks | None = None
    open_interest: int | None = None
    fault: str = ""
    made: Quote | None = None
    """The quote made from the ticks so far, until the next one."""

    @property
    def is_index(self) -> bool:
        """An index has no sizes and often no bid and offer: its level stands on both sides."""
        contract = self.contract
        return isinstance(contract, Underlying) and contract.kind is UnderlyingKind.INDEX

    def quote(self) -> Quote | None:
        """Quote as it stands, None before the line has said anything."""
        if self.said_at is None or self.fault:
            return None
        if self.made is None:
            self.made = self._make(self.said_at)
        return self.made

    def _make(self, at: datetime) -> Quote:
        bid, ask = sentinels.quoted_price(self.bid), sentinels.quoted_price(self.ask)
        if self.is_index:
            if bid is None or ask is None:
                bid = ask = sentinels.quoted_price(self.last)
            return Quote(bid=bid, ask=ask, at=at, kind=self.kind)
        return Quote(
            bid=bid if self.bid_size > 0 else None,
            ask=ask if self.ask_size > 0 else None,
            bid_size=_whole(self.bid_size),
            ask_size=_whole(self.ask_size),
            at=at,
            kind=self.kind,
        )


def _whole(size: float) -> int:
    return int(size) if sentinels.is_set(size) and size > 0 else 0


class LineBook:
    """All market data lines of the data link, within the allowance of the account.

    The broker sends a tick only when something changed, and everything about a contract comes on
    one line: any message of a line therefore confirms both sides of its quote, and a line that
    says nothing at all grows old (`Quote.at` is the time of the line's last message by our clock;
    ib_async's stamps, which are wall time, are never used).
    """

    def __init__(self, *, clock: Clock, lines_max: int, kind: DataKind) -> None:
        self._clock = clock
        self._lines_max = lines_max
        self._kind = kind
        self._by_number: dict[int, Line] = {}
        self._numbers: dict[ConId, int] = {}
        self._packet_at: datetime | None = None

    # Bookkeeping

    def __contains__(self, con_id: object) -> bool:
        return con_id in self._numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def free(self) -> int:
        """Lines that may still be opened."""
        return self._lines_max - len(self._numbers)

    @property
    def contracts(self) -> tuple[OptionContract | Underlying, ...]:
        """Contracts that have a line."""
        return tuple(line.contract for line in self._by_number.values())

    def require_free(self, wanted: int) -> None:
        """Refuse more lines than the allowance.

        Raises
        ------
        MarketDataMissing
            `wanted` more lines would exceed it; the broker would answer error 101.
        """
        if wanted > self.free:
            raise MarketDataMissing(
                f"{wanted} more market data lines were asked for and {self.free} of "
                f"{self._lines_max} are free; unsubscribe others, trade fewer names, or raise "
                "market_data_lines_max if the account's allowance is higher"
            )

    def add(self, contract: OptionContract | Underlying, number: int) -> None:
        """Open a line under a request number."""
        self._by_number[number] = Line(contract, self._kind)
        self._numbers[contract.con_id] = number

    def remove(self, con_id: ConId) -> int | None:
        """Close a line; return its request number, None when there is none."""
        number = self._numbers.pop(con_id, None)
        if number is not None:
            del self._by_number[number]
        return number

    def clear(self) -> tuple[OptionContract | Underlying, ...]:
        """Forget every line (the link is gone or its data are lost); return what had one."""
        contracts = self.contracts
        self._by_number.clear()
        self._numbers.clear()
        return contracts

    def line(self, con_id: ConId) -> Line | None:
        """Line of one contract."""
        number = self._numbers.get(con_id)
        return None if number is None else self._by_number[number]

    # Readings

    def quotes(self) -> Mapping[ConId, Quote]:
        """Latest quote of every line that has one."""
        found = ((line.contract.con_id, line.quote()) for line in self._by_number.values())
        return {con_id: quote for con_id, quote in found if quote is not None}

    def greeks(self) -> Mapping[ConId, Greeks]:
        """Latest complete model Greeks of every line that has some."""
        return {
            line.contract.con_id: line.greeks
            for line in self._by_number.values()
            if line.greeks is not None and not line.fault
        }

    def open_interest(self) -> Mapping[ConId, int]:
        """Contracts open in every option that has said so."""
        return {
            line.contract.con_id: line.open_interest
            for line in self._by_number.values()
            if line.open_interest is not None
        }

    def faults(self, con_ids: Iterable[ConId]) -> dict[ConId, str]:
        """Why lines carry no data, as the broker put it."""
        lines = ((con_id, self.line(con_id)) for con_id in con_ids)
        return {con_id: line.fault for con_id, line in lines if line is not None and line.fault}

    # What the receiver calls

    def on_packet(self) -> None:
        """Take the time of a packet, which everything in it shares."""
        self._packet_at = self._clock.now()

    def on_price(self, number: int, kind: int, price: float, size: float) -> None:
        """Take a price and its size."""
        line = self._saying(number, kind)
        if line is None:
            return
        if kind in BID_PRICE:
            line.bid, line.bid_size = price, size
        elif kind in ASK_PRICE:
            line.ask, line.ask_size = price, size
        elif kind in LAST_PRICE:
            line.last = price

    def on_size(self, number: int, kind: int, size: float) -> None:
        """Take a size."""
        line = self._saying(number, kind)
        if line is None:
            return
        if kind in BID_SIZE:
            line.bid_size = size
        elif kind in ASK_SIZE:
            line.ask_size = size
        elif kind in OPEN_INTEREST and 0 <= size < OPEN_INTEREST_MAX:
            # Both rights are sent for an option; that of the other right is 0.
            line.open_interest = max(line.open_interest or 0, int(size))

    def on_greeks(self, number: int, kind: int, values: tuple[float, ...]) -> None:
        """Take Greeks; only a complete, finite set from the broker's model is kept."""
        line = self._saying(number, kind)
        if line is None or kind not in MODEL_GREEKS:
            return
        greeks = model_greeks(values, at=line.said_at or self._clock.now())
        if greeks is not None:
            line.greeks = greeks

    def on_other(self, number: int) -> None:
        """Take note that the line said something."""
        self._saying(number, 0)

    def on_data_kind(self, number: int, kind: int) -> None:
        """Take the market data type; a kind that nobody knows is treated as delayed and frozen."""
        line = self._by_number.get(number)
        if line is not None:
            line.kind = DATA_KINDS.get(kind, DataKind.DELAYED_FROZEN)
            line.made = None

    def on_line_error(self, number: int, code: int, text: str) -> bool:
        """Take an error about a line."""
        line = self._by_number.get(number)
        if line is None:
            return False
        if code not in DATA_FOLLOW_CODES:
            line.fault = f"error {code}: {text}"
        return True

    def _saying(self, number: int, kind: int) -> Line | None:
        line = self._by_number.get(number)
        if line is not None:
            line.said_at = self._packet_at or self._clock.now()
            line.made = None
            if kind in DELAYED_KINDS and line.kind is DataKind.LIVE:
                line.kind = DataKind.DELAYED
        return line


def model_greeks(values: tuple[float, ...], *, at: datetime) -> Greeks | None:
    """Read one model computation, None unless it is complete.

    Order and sentinels of the wire: implied vol (-1), delta (-2), option price (-1), dividend
    (-1, not needed), gamma (-2), vega (-2), theta (-2), underlying price (-1); NaN, infinity and
    1.797e308 stand for missing everywhere. Per share, vega per vol point, theta per calendar day.
    """
    implied_vol, delta, price, _, gamma, vega, theta, underlying = values
    found = (
        sentinels.finite(implied_vol, unset=-1.0),
        sentinels.finite(delta, unset=-2.0),
        sentinels.finite(gamma, unset=-2.0),
        sentinels.finite(vega, unset=-2.0),
        sentinels.finite(theta, unset=-2.0),
        sentinels.finite(price, unset=-1.0),
        sentinels.finite(underlying, unset=-1.0),
    )
    if any(value is None for value in found):
        return None
    implied_vol, delta, gamma, vega, theta, price, underlying = (
        value for value in found if value is not None
    )
    if implied_vol <= 0 or not -1 <= delta <= 1 or gamma < 0 or vega < 0 or underlying <= 0:
        return None
    return Greeks(
        implied_vol=implied_vol,
        delta=delta,
        gamma=gamma,
        vega=vega,
        theta=theta,
        price=price,
        underlying_price=underlying,
        source=GreeksSource.BROKER_MODEL,
        at=at,
    )
