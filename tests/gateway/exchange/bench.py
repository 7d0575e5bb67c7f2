"""A venue without sockets: a clock that the test moves, and a record of every event."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from dispersa.gateway import events
from dispersa.gateway.model import ComboLeg, Contract, Order, Refusal, Tick
from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.venue import Venue

T = TypeVar("T")
START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
"""10:00 New York time on a Friday."""
EXPIRY = "20261218"


class Bench:
    """A venue with one client's habits."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self.time = settings.start or START
        self.venue = Venue(settings, self)
        self.events: list[events.Event] = []
        self.venue.listen(self.events.append)
        self.next_id = 1

    def now(self) -> datetime:
        return self.time

    def run(self, seconds: float, step: float = 0.25) -> None:
        """Let market time pass in steps."""
        end = self.time + timedelta(seconds=seconds)
        while self.time < end:
            self.time = min(self.time + timedelta(seconds=step), end)
            self.venue.advance(self.time)

    def jump(self, to: datetime) -> None:
        self.time = to
        self.venue.advance(to)

    def of(self, kind: type[T]) -> list[T]:
        """Return the events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def errors(self) -> list[tuple[int, int]]:
        return [(error.order_id, error.code) for error in self.of(events.OrderError)]

    def stock(self, symbol: str) -> Contract:
        return Contract(symbol=symbol, sec_type="STK", exchange="SMART", currency="USD")

    def option(self, symbol: str, strike: float, right: str, expiry: str = EXPIRY) -> Contract:
        found = self.venue.contract_details(
            Contract(
                symbol=symbol, sec_type="OPT", exchange="SMART", currency="USD",
                last_trade_date=expiry, strike=strike, right=right,
            )
        )  # fmt: skip
        assert not isinstance(found, Refusal), found
        (only,) = found
        return only.contract

    def combo(self, symbol: str, *legs: tuple[Contract, int, str]) -> Contract:
        return Contract(
            symbol=symbol, sec_type="BAG", exchange="SMART", currency="USD",
            combo_legs=tuple(
                ComboLeg(con_id=leg.con_id, ratio=ratio, action=action, exchange="SMART")
                for leg, ratio, action in legs
            ),
        )  # fmt: skip

    def straddle(self, symbol: str, strike: float, expiry: str = EXPIRY) -> Contract:
        call, put = (self.option(symbol, strike, right, expiry) for right in "CP")
        return self.combo(symbol, (call, 1, "BUY"), (put, 1, "BUY"))

    def quote(self, contract: Contract) -> tuple[float, float]:
        """Return bid and ask of a contract or combo."""
        ticks = self.venue.snapshot(contract)
        assert not isinstance(ticks, Refusal), ticks
        by_kind: dict[int, Tick] = {tick.kind: tick for tick in ticks}
        return by_kind[1].price, by_kind[2].price  # type: ignore[union-attr]

    def place(self, contract: Contract, side: str, quantity: int, **terms: Any) -> int:
        """Place a limit order (or another by `terms`) and return its id."""
        order_id = terms.pop("order_id", self.next_id)
        self.next_id = max(self.next_id, order_id + 1)
        terms.setdefault("order_type", "LMT" if "limit_price" in terms else "MKT")
        order = Order(action=side, quantity=Decimal(quantity), **terms)
        self.venue.place(1, order_id, contract, order)
        return order_id

    def status(self, order_id: int) -> str:
        """Return the last status that was reported for an order."""
        found = [s for s in self.of(events.OrderStatus) if s.order_id == order_id]
        return found[-1].status if found else "none"
