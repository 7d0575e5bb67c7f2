"""Which names are out of their delta band now, and which share orders bring them back?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dispersa.broker import BrokerFeed
from dispersa.desk import events as ev
from dispersa.desk.decide_single import reference
from dispersa.desk.hedging import Borrow, Hedge, HedgePolicy, HedgeVerdict, NameDelta, hedge_of
from dispersa.desk.lifecycle import trade_in
from dispersa.desk.state import DeskState
from dispersa.desk.weighing import held
from dispersa.errors import MarketDataMissing
from dispersa.market import Quote, Side, Symbol, Underlying, to_float
from dispersa.orders import Combo, Leg, Purpose
from dispersa.portfolio import UnderlyingExposure
from dispersa.runtime.chain_reading import read_contracts
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.single_orders import work
from dispersa.runtime.trade_session import TradeSetup

ATTEMPTS, ATTEMPT_SECONDS = 5, 4.0
"""A hedge is priced anew so often, and waits so long each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeLook:
    """The hedges of one moment, with what is needed to send them."""

    hedges: tuple[Hedge, ...]
    underlyings: Mapping[Symbol, Underlying] = field(default_factory=dict)
    quotes: Mapping[Symbol, Quote] = field(default_factory=dict)


async def look_at_deltas(
    setup: TradeSetup,
    state: DeskState,
    policy: HedgePolicy,
    borrow: Mapping[Symbol, Borrow],
) -> HedgeLook:
    """Net every underlying of our own trades and decide its hedge.

    Raises
    ------
    MarketDataMissing
        If the market has no session today.
    """
    session = state.session
    if session is None:
        raise MarketDataMissing("the market has no session today; nothing is hedged")
    rows = held(state).underlyings
    found = await _quoted(setup.connection.feed, [row.symbol for row in rows])
    now = setup.clock.live.now()
    hedges = []
    for row in rows:
        underlying, quote = found[row.symbol]
        if quote is None or quote.mid is None:
            hedges.append(_unseen(row.symbol))
            continue
        name = name_delta(state, row, underlying, quote, borrow.get(row.symbol))
        hedges.append(hedge_of(name, policy, now, session.opens, session.closes))
    return HedgeLook(
        hedges=tuple(hedges),
        underlyings={symbol: each for symbol, (each, _) in found.items()},
        quotes={symbol: quote for symbol, (_, quote) in found.items() if quote is not None},
    )


async def _quoted(
    feed: BrokerFeed, symbols: list[Symbol]
) -> Mapping[Symbol, tuple[Underlying, Quote | None]]:
    known = {symbol: await feed.underlying(symbol) for symbol in symbols}
    read = await read_contracts(feed, list(known.values()))
    return {symbol: (each, read.quotes.get(each.con_id)) for symbol, each in known.items()}


def _unseen(symbol: Symbol) -> Hedge:
    return Hedge(
        symbol=symbol,
        verdict=HedgeVerdict.BLOCKED,
        shares=0,
        band_shares=0.0,
        sentence=f"{symbol}: it is not quoted; without a price nothing is hedged",
    )


def name_delta(
    state: DeskState,
    row: UnderlyingExposure,
    underlying: Underlying,
    quote: Quote,
    borrow: Borrow | None,
) -> NameDelta:
    """Net one underlying of our own trades, shares included."""
    spot = to_float(quote.mid) if quote.mid is not None else 0.0
    shares = sum(
        int(leg.quantity)
        for leg in held(state).legs
        if leg.option is None and leg.symbol == row.symbol
    )
    working = {order.approved.intent.combo.symbol for order in state.open_orders()}
    return NameDelta(
        symbol=row.symbol,
        kind=underlying.kind,
        delta_shares=row.sums.greeks.delta_shares,
        gamma=row.sums.greeks.gamma_usd / spot**2,
        spot=spot,
        half_spread=0.0 if quote.width is None else to_float(quote.width) / 2,
        shares_held=shares,
        borrow=borrow,
        is_locked=row.symbol in state.locked_names(),
        has_order=row.symbol in working,
    )


async def send_hedges(setup: TradeSetup, desk: DeskLoop, look: HedgeLook) -> tuple[str, ...]:
    """Send each hedge at the far side of its quote, a few times as the quote moves on."""
    wanted = [hedge for hedge in look.hedges if hedge.verdict is HedgeVerdict.TRADE]
    return tuple([await _send(setup, desk, hedge, look) for hedge in wanted])


async def _send(setup: TradeSetup, desk: DeskLoop, hedge: Hedge, look: HedgeLook) -> str:
    side = Side.BUY if hedge.shares > 0 else Side.SELL
    left, told = abs(hedge.shares), ""
    trade = trade_in(desk.state, hedge.symbol)
    for attempt in range(1, ATTEMPTS + 1):
        request = await _request(setup, look, hedge.symbol, side, left)
        if request is None:
            return f"{hedge.symbol}: its far side is not quoted"
        worked = await work(
            desk,
            setup.rules,
            replace(request, request=f"{request.request}-{attempt}", trade=trade),
            seconds=ATTEMPT_SECONDS,
        )
        left -= worked.filled
        told = worked.sentence
        was_sent = reference(setup.rules, f"{request.request}-{attempt}") in desk.state.orders
        if not left or not was_sent:
            break
    done = abs(hedge.shares) - left
    return f"{hedge.symbol}: {side} {done} of {abs(hedge.shares)} shares" + (
        f"; {told}" if left else ""
    )


async def _request(
    setup: TradeSetup, look: HedgeLook, symbol: Symbol, side: Side, shares: int
) -> ev.OrderRequested | None:
    """Ask for shares at the far side as it is quoted now; None where it is not."""
    stock, feed = look.underlyings[symbol], setup.connection.feed
    _, quote = (await _quoted(feed, [symbol]))[symbol]
    limit = None if quote is None else quote.ask if side is Side.BUY else quote.bid
    if quote is None or limit is None:
        return None
    return ev.OrderRequested(
        request=f"hedge-{symbol}-{setup.clock.live.now():%Y%m%d%H%M%S}",
        requested_by="delta hedge",
        purpose=Purpose.HEDGE,
        combo=Combo(legs=(Leg(contract=stock, side=Side.BUY),)),
        side=side,
        quantity=shares,
        limit_price=limit,
        quote=quote,
        increments=await feed.price_increments(stock),
        fair_value=quote.mid,
        unit_vega=0.0,
        margin_increase=None,
    )
