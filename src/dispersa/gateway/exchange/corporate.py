"""What do splits, special dividends and symbol changes do to orders, lines and holdings?

As at IBKR: working orders on the name are cancelled, lines on its options end, positions turn into
the new contracts without an event of their own, fractions of shares are paid in cash. A stock
keeps its contract id; options whose strikes change get new ones.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal

from dispersa.gateway import events
from dispersa.gateway.exchange.account import Account
from dispersa.gateway.exchange.directory import Directory, Instrument
from dispersa.gateway.exchange.feed import Feed
from dispersa.gateway.exchange.floor import Floor
from dispersa.gateway.exchange.ledger import Holding
from dispersa.gateway.exchange.nbbo import QuoteBook
from dispersa.gateway.world.actions import Applied, SpecialDividend, Split
from dispersa.gateway.world.world import World

_REASON = "Order Canceled - reason:Corporate action"


@dataclass(frozen=True, slots=True, kw_only=True)
class Corporate:
    """Carries out what the world's corporate actions mean for the exchange and the account."""

    world: World
    directory: Directory
    account: Account
    floor: Floor
    feed: Feed
    quotes: QuoteBook
    emit: Callable[[events.Event], None]
    seen: list[int] = field(default_factory=lambda: [0])
    """How many revisions of the chains have been carried out."""

    def carry_out(self) -> None:
        """Carry out every action that the world has applied since the last call."""
        for applied in self.world.take_applied():
            self._carry_out(applied)
        if self.world.revisions != self.seen[0]:
            self.seen[0] = self.world.revisions
            self._revise()

    def _revise(self) -> None:
        """Let orders, lines and holdings go on with the chains of a file's next date."""
        self.directory.revise()
        self.quotes.renew(self.directory)
        self.feed.renew("", self.directory)
        for order in self.floor.live():
            order.parts = tuple(
                replace(part, instrument=self._listed(part.instrument)) for part in order.parts
            )
        for held in self.account.ledger.open_holdings():
            held.instrument = self._listed(held.instrument)

    def _listed(self, old: Instrument) -> Instrument:
        return self.directory.by_id(old.con_id) or old

    def _carry_out(self, applied: Applied) -> None:
        symbol = applied.action.symbol
        for order in self.floor.live():
            if any(part.instrument.symbol == symbol for part in order.parts):
                self.floor.end(order, "Cancelled by System", _REASON)
        held = [one for one in self.account.ledger.open_holdings()
                if one.instrument.symbol == symbol and one.instrument.future is None]  # fmt: skip
        self.feed.end_options(symbol)
        self.quotes.forget()
        self.directory.succeed(applied)
        self.feed.renew(symbol, self.directory)
        for one in held:
            self._turn(one, applied)
        self.emit(events.AccountChanged(account=self.account.ledger.account))

    def _turn(self, old: Holding, applied: Applied) -> None:
        """Turn a holding into what it became."""
        ledger, change = self.account.ledger, applied.action.change
        fresh = self._fresh(old.instrument, applied)
        del ledger.holdings[old.instrument.con_id]
        factor = Decimal(1)
        if isinstance(change, Split) and (old.instrument.option is None or change.is_whole):
            factor = Decimal(change.new) / Decimal(change.old)
        elif isinstance(change, SpecialDividend) and old.instrument.option is None:
            ledger.cash += old.quantity * Decimal(str(change.amount))
        exact = old.quantity * factor
        whole = exact.quantize(Decimal(1), rounding=ROUND_DOWN)
        level = Decimal(str(round(self.world.spot(fresh.symbol), 2)))
        ledger.cash += (exact - whole) * level
        ledger.holdings[fresh.con_id] = Holding(
            instrument=fresh,
            quantity=whole,
            average_cost=old.average_cost / factor,
            realized=old.realized,
            touched=self.world.today,
        )
        if fresh.con_id != old.instrument.con_id:
            self.emit(replace(self.account.position(old), quantity=Decimal(0), average_cost=0.0))
        self.emit(self.account.position(ledger.holdings[fresh.con_id]))

    def _fresh(self, old: Instrument, applied: Applied) -> Instrument:
        underlying = applied.underlying
        if old.option is None:
            found = self.directory.underlying(underlying.symbol)
            assert found is not None  # noqa: S101 - what was held is listed
            return found
        pieces = {id(before): after for before, after in applied.pieces}
        piece = pieces[id(old.option.piece)]
        return self.directory.option(underlying, piece, old.option.strike_index, old.option.sign)
