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
