"""What is really so at the exchange? The gateway's own books, past every fault."""

from collections import defaultdict
from decimal import Decimal

from dispersa.gateway.events import Execution
from dispersa.gateway.exchange.orders import WorkingOrder
from dispersa.gateway.server import RunningGateway
from dispersa.gateway.venue import Venue


class Exchange:
    """Reads the truth of one gateway."""

    def __init__(self, gateway: RunningGateway, prefix: str) -> None:
        venue = gateway.venue
        if not isinstance(venue, Venue):
            raise TypeError(f"{venue!r} is no Venue; the checkers need its truth")
        self.venue = venue
        self.prefix = prefix

    def ours(self) -> list[WorkingOrder]:
        """Return every order with our prefix, live or done."""
        return [o for o in self.venue.truth.orders if o.order.order_ref.startswith(self.prefix)]

    def live(self) -> list[WorkingOrder]:
        """Return our orders that can still fill."""
        return [order for order in self.ours() if not order.is_done]

    def straddles(self) -> list[WorkingOrder]:
        """Return our orders for whole straddles; what repairs one leg is none."""
        return [order for order in self.ours() if order.is_bag]

    def traded(self) -> dict[int, Decimal]:
        """Return what our orders have bought and sold, by contract id; busts and corrections in."""
        net: dict[int, Decimal] = defaultdict(Decimal)
        for line in self._lines():
            net[line.contract.con_id] += line.shares if line.side == "BOT" else -line.shares
        return {con_id: quantity for con_id, quantity in net.items() if quantity}

    def _lines(self) -> list[Execution]:
        last: dict[str, Execution] = {}
        for line in self.venue.truth.executions:
            if line.contract.sec_type != "BAG" and line.order_ref.startswith(self.prefix):
                last[line.exec_id.rpartition(".")[0]] = line
        return list(last.values())

    def cash_spent(self) -> Decimal:
        """Return what our executions have cost, before commissions."""
        spent = Decimal(0)
        for line in self._lines():
            found = self.venue._directory.by_id(line.contract.con_id)
            assert found is not None
            sign = 1 if line.side == "BOT" else -1
            spent += sign * Decimal(str(line.price)) * line.shares * found.multiplier
        return spent

    def fair(self, con_ids: tuple[int, ...]) -> float:
        """Return the model's value of one of each contract together, faults aside."""
        instruments = [self.venue._directory.by_id(con_id) for con_id in con_ids]
        known = [found for found in instruments if found is not None]
        return sum(self.venue._quotes.quote(found).model for found in known)
