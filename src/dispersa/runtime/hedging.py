"""Which names are out of their delta band now, and which share orders bring them back?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dispersa.broker import BrokerFeed
from dispersa.desk import events as ev
from dispersa.desk.hedging import Borrow, Hedge, HedgePolicy, HedgeVerdict, NameDelta, hedge_of
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
    """Send each hedge at the far side of its quote, cancel what does not fill; say what came."""
    wanted = [hedge for hedge in look.hedges if hedge.verdict is HedgeVerdict.TRADE]
    return tuple([await _send(setup, desk, hedge, look) for hedge in wanted])


async def _send(setup: TradeSetup, desk: DeskLoop, hedge: Hedge, look: HedgeLook) -> str:
    stock = look.underlyings[hedge.symbol]
    _, fresh = (await _quoted(setup.connection.feed, [hedge.symbol]))[hedge.symbol]
    quote = fresh or look.quotes[hedge.symbol]
    side = Side.BUY if hedge.shares > 0 else Side.SELL
    limit = quote.ask if side is Side.BUY else quote.bid
    if limit is None:
        return f"{hedge.symbol}: its far side is not quoted"
    now = setup.clock.live.now()
    request = ev.OrderRequested(
        request=f"hedge-{hedge.symbol}-{now:%Y%m%d%H%M%S}",
        requested_by="delta hedge",
        purpose=Purpose.HEDGE,
        combo=Combo(legs=(Leg(contract=stock, side=Side.BUY),)),
        side=side,
        quantity=abs(hedge.shares),
        limit_price=limit,
        quote=quote,
        increments=await setup.connection.feed.price_increments(stock),
        fair_value=quote.mid,
        unit_vega=0.0,
        margin_increase=None,
    )
    return await work(desk, setup.rules, request)
