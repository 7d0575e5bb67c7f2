"""What is really so?  For tests only, never reachable through the TWS port."""

from collections.abc import Mapping
from decimal import Decimal

from dispersa.gateway import events
from dispersa.gateway.exchange.account import Account
from dispersa.gateway.exchange.floor import Floor
from dispersa.gateway.exchange.orders import WorkingOrder
from dispersa.gateway.world.world import World


class Truth:
    """Orders, fills, holdings and cash as booked; volatilities and correlations as they are."""

    def __init__(self, world: World, floor: Floor, account: Account) -> None:
        self._world = world
        self._floor = floor
        self._account = account

    @property
    def orders(self) -> list[WorkingOrder]:
        """Every order ever taken, live or done."""
        return list(self._floor.orders.values())

    @property
    def executions(self) -> list[events.Execution]:
        """Every execution line, BAG lines included."""
        return list(self._floor.reporter.executions)

    @property
    def positions(self) -> dict[int, Decimal]:
        """Signed position by contract id, flat ones left out."""
        held = self._account.ledger.open_holdings()
        return {one.instrument.con_id: one.quantity for one in held}

    @property
    def cash(self) -> Decimal:
        """Cash of the account."""
        return self._account.ledger.cash

    @property
    def implied_correlation(self) -> float:
        """The implied correlation at 30 days that the model's surfaces are built from."""
        return self._world.implied_correlation()

    @property
    def realized_correlation(self) -> float:
        """Correlation between any two components' returns at this moment."""
        return self._world.paths.realized_correlation(self._world.state)

    @property
    def implied_vols(self) -> Mapping[str, float]:
        """30-day at-the-money implied volatility by symbol, baskets included."""
        vols = self._world.vols()
        return {symbol: float(vols[i]) for symbol, i in self._world.columns.items()}

    @property
    def realized_vols(self) -> Mapping[str, float]:
        """Annual volatility of the components' paths at this moment."""
        vols = self._world.paths.realized_vols(self._world.state)
        return {u.symbol: float(v) for u, v in zip(self._world.universe.components, vols,
                                                   strict=True)}  # fmt: skip

    @property
    def spots(self) -> Mapping[str, float]:
        """Exact levels by symbol, baskets included."""
        spots = self._world.market.spots
        return {symbol: float(spots[i]) for symbol, i in self._world.columns.items()}

    @property
    def label(self) -> str:
        """Where the market comes from."""
        return self._world.universe.label

    def report(self) -> dict[str, object]:
        """Return everything as plain values: orders, executions, positions, account, world."""
        return {
            "orders": [_order_row(order) for order in self.orders],
            "executions": [_execution_row(line) for line in self.executions],
            "positions": [
                {
                    "con_id": held.instrument.con_id,
                    "local_symbol": held.instrument.contract.local_symbol,
                    "quantity": str(held.quantity),
                    "average_cost": str(held.average_cost),
                }
                for held in self._account.ledger.open_holdings()
            ],
            "account": {
                "account": self._account.ledger.account,
                "cash": str(self.cash),
                "fees": str(self._account.ledger.fees),
                "realized": str(self._account.ledger.realized),
            },
            "world": {
                "label": self.label,
                "market_time": self._world.now.isoformat(),
                "is_open": self._world.is_open,
                "seed": self._world.seed,
                "implied_correlation": self.implied_correlation,
                "realized_correlation": self.realized_correlation,
                "implied_vols": dict(self.implied_vols),
                "realized_vols": dict(self.realized_vols),
                "spots": dict(self.spots),
                "vix": self._world.vix,
            },
        }


def _order_row(order: WorkingOrder) -> dict[str, object]:
    return {
        "client_id": order.client_id,
        "order_id": order.order_id,
        "perm_id": order.perm_id,
        "order_ref": order.order.order_ref,
        "symbol": order.contract.symbol,
        "sec_type": order.contract.sec_type,
        "action": order.order.action,
        "quantity": str(order.order.quantity),
        "limit_price": order.order.limit_price,
        "status": str(order.status),
        "filled": str(order.filled),
        "average_price": order.average_price,
        "commission": str(order.commission),
        "accepted": order.accepted.isoformat(),
        "ended": None if order.ended is None else order.ended.isoformat(),
    }


def _execution_row(line: events.Execution) -> dict[str, object]:
    return {
        "exec_id": line.exec_id,
        "client_id": line.client_id,
        "order_id": line.order_id,
        "perm_id": line.perm_id,
        "order_ref": line.order_ref,
        "con_id": line.contract.con_id,
        "local_symbol": line.contract.local_symbol or line.contract.symbol,
        "side": line.side,
        "shares": str(line.shares),
        "price": line.price,
        "time": line.time.isoformat(),
    }
