"""Which legs were traded without their partners? Package fills by leg quantities.

legs_i  = signed contracts of leg i over all orders of the package, on the package's side
filled  = the smallest of the legs (whole straddles that are really held)
residual_i = legs_i - filled
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dispersa.execution.plan import PlannedPackage
from dispersa.market import ConId, OptionContract, Side
from dispersa.orders import ExecutionBook, Order, OrderRef


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageLegs:
    """What a package's executions amount to: whole straddles and what is left over by leg."""

    filled: int
    residuals: Mapping[ConId, int]

    @property
    def is_whole(self) -> bool:
        """Whether every leg has its partner."""
        return not any(self.residuals.values())


def legs_of(
    package: PlannedPackage, refs: tuple[OrderRef, ...], book: ExecutionBook
) -> PackageLegs:
    """Count a package's executions, each once, over all its orders."""
    signed = dict.fromkeys((leg.con_id for leg in package.straddle.legs), 0)
    for row in (row for ref in dict.fromkeys(refs) for row in book.of(ref)):
        if row.con_id in signed:
            signed[row.con_id] += row.side.sign * int(row.quantity)
    legs = {con_id: package.side.sign * count for con_id, count in signed.items()}
    smallest = min(legs.values(), key=abs)
    whole = smallest if all(count * smallest >= 0 for count in legs.values()) else 0
    return PackageLegs(
        filled=whole, residuals={con_id: count - whole for con_id, count in legs.items()}
    )


def filled_of(
    package: PlannedPackage, refs: tuple[OrderRef, ...], live: Order | None, book: ExecutionBook
) -> int:
    """Whole straddles held; a live combo counts by both legs together, whichever is told first.

    Otherwise the first leg of a trade back would count before the order does, and the rest of
    that order would look as if it were too much.
    """
    if live is None or not live.state.may_fill or len(live.approved.intent.combo.legs) == 1:
        return legs_of(package, refs, book).filled
    intent = live.approved.intent
    past = legs_of(package, tuple(ref for ref in refs if ref != intent.ref), book)
    return past.filled + package.side.sign * intent.side.sign * live.filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """Trade `quantity` contracts of one leg back, so that only whole straddles are held."""

    contract: OptionContract
    side: Side
    quantity: int


def repair_of(package: PlannedPackage, legs: PackageLegs) -> Repair | None:
    """The single leg to trade back next, None where all legs have their partners."""
    for leg in package.straddle.legs:
        count = legs.residuals[leg.con_id]
        if count:
            held = package.side if count > 0 else package.side.opposite
            return Repair(contract=leg, side=held.opposite, quantity=abs(count))
    return None
