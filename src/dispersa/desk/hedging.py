"""How many shares bring a name's delta back into its band, and is a straddle still at the money?

The band is as wide as trading costs make it worth (Whalley and Wilmott 1997, per name):

    half width in shares = (3/2 x cost x S x gamma^2 / risk_aversion)^(1/3)

with cost the half-spread and commission as a share of price, gamma in shares per dollar. Outside
the band delta is brought back to its edge, not to zero: the rest is not worth its cost.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dispersa.errors import InvalidConfig
from dispersa.market import Symbol, UnderlyingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgePolicy:
    """When and how delta is hedged.

    `risk_aversion_per_usd` trades cost against variance: smaller is a wider band. `delta_usd_min`
    is the smallest order worth sending. Nothing is sent in the first and last minutes of a session.
    `borrow_fee_max` is yearly, as a fraction.
    """

    risk_aversion_per_usd: float = 1e-5
    commission_per_share_usd: float = 0.005
    delta_usd_min: float = 5_000.0
    after_open_minutes: float = 15.0
    before_close_minutes: float = 10.0
    borrow_fee_max: float = 0.05
    restrike_vega_share: float = 0.6
    restrike_delta: float = 0.35

    def __post_init__(self) -> None:
        if not self.risk_aversion_per_usd > 0 or self.delta_usd_min < 0:
            raise InvalidConfig(
                f"hedging has risk aversion {self.risk_aversion_per_usd} and least delta "
                f"{self.delta_usd_min}; expected one above zero and one from zero"
            )
        if not 0 < self.restrike_vega_share < 1 or not 0 < self.restrike_delta < 1:
            raise InvalidConfig("re-strike triggers are fractions between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrow:
    """What can be borrowed of a stock; `fee` yearly, as a fraction."""

    shares: int
    fee: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NameDelta:
    """One underlying, everything held on it netted.

    `delta_shares` and `gamma` (shares per dollar) over options and stock of all trades;
    `half_spread` in dollars per share; `borrow` None where nobody has said what can be borrowed.
    """

    symbol: Symbol
    kind: UnderlyingKind
    delta_shares: float
    gamma: float
    spot: float
    half_spread: float
    shares_held: int
    borrow: Borrow | None = None
    is_locked: bool = False
    has_order: bool = False


class HedgeVerdict(StrEnum):
    """What comes of looking at one name."""

    TRADE = "trade"
    INSIDE = "inside"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """Shares to trade now (signed, zero for none), the band's half width, and why."""

    symbol: Symbol
    verdict: HedgeVerdict
    shares: int
    band_shares: float
    sentence: str


def band_shares(name: NameDelta, policy: HedgePolicy) -> float:
    """Half width of the no-trade band, in shares; never below the smallest order worth sending."""
    cost = (name.half_spread + policy.commission_per_share_usd) / name.spot
    width: float = (1.5 * cost * name.spot * name.gamma**2 / policy.risk_aversion_per_usd) ** (
        1 / 3
    )
    return max(width, policy.delta_usd_min / name.spot)


def hedge_of(
    name: NameDelta, policy: HedgePolicy, at: datetime, opens: datetime, closes: datetime
) -> Hedge:
    """Decide the hedge of one name at this moment of its session."""
    band = band_shares(name, policy)
    delta = name.delta_shares
    if abs(delta) <= band:
        text = f"{name.symbol}: delta {delta:+.0f} shares is within {band:.0f}"
        return _none(name, HedgeVerdict.INSIDE, band, text)
    blocked = _blocked(name, policy, at, opens, closes)
    if blocked is not None:
        return _none(name, HedgeVerdict.BLOCKED, band, f"{name.symbol}: {blocked}")
    wanted = -int(math.copysign(math.ceil(abs(delta) - band), delta))
    shares, remark = _borrowable(name, policy, wanted)
    if not shares:
        return _none(name, HedgeVerdict.BLOCKED, band, f"{name.symbol}: {remark}")
    text = (
        f"{name.symbol}: delta {delta:+.0f} shares is beyond {band:.0f}; trade {shares:+d}{remark}"
    )
    return Hedge(
        symbol=name.symbol,
        verdict=HedgeVerdict.TRADE,
        shares=shares,
        band_shares=band,
        sentence=text,
    )


def _none(name: NameDelta, verdict: HedgeVerdict, band: float, text: str) -> Hedge:
    return Hedge(symbol=name.symbol, verdict=verdict, shares=0, band_shares=band, sentence=text)


def _blocked(
    name: NameDelta, policy: HedgePolicy, at: datetime, opens: datetime, closes: datetime
) -> str | None:
    if name.kind is UnderlyingKind.INDEX:
        return "an index has no shares; hedge it with a fund or a future by hand"
    if name.is_locked:
        return "its books do not agree; nothing is hedged until they do"
    if name.has_order:
        return "an order on it works or is unknown; its delta is not settled"
    if at < opens + timedelta(minutes=policy.after_open_minutes):
        return "the session has just opened, or not yet"
    if at > closes - timedelta(minutes=policy.before_close_minutes):
        return "the session is about to close, or has"
    return None


def _borrowable(name: NameDelta, policy: HedgePolicy, wanted: int) -> tuple[int, str]:
    """Limit a sale to what is held and can be borrowed at a bearable fee."""
    short = -(name.shares_held + wanted)
    if wanted > 0 or short <= 0:
        return wanted, ""
    to_sell = max(name.shares_held, 0)
    if name.borrow is None:
        reason = "what can be borrowed is not known"
    elif name.borrow.fee > policy.borrow_fee_max:
        reason = f"borrowing costs {name.borrow.fee:.1%} a year"
    else:
        already = max(-name.shares_held, 0)
        room = min(name.borrow.shares, short - already)
        shares = -(to_sell + room)
        text = "" if shares == wanted else f" of {wanted:+d}: no more can be borrowed"
        return (shares, text) if shares else (0, "nothing can be borrowed to sell short")
    if to_sell:
        return -to_sell, f" of {wanted:+d}, what is held: {reason}"
    return 0, f"{reason}; nothing is sold short"


@dataclass(frozen=True, slots=True, kw_only=True)
class StraddleLook:
    """One straddle held: vega now and when it was struck (same units), delta per share."""

    label: str
    vega: float
    vega_at_strike: float
    delta: float


def restrike_of(look: StraddleLook, policy: HedgePolicy) -> str | None:
    """Say why a straddle should be struck anew, None while it is near enough to the money.

        vega / vega when struck < restrike_vega_share,   or   |delta| > restrike_delta

    Both triggers are of the quantitative reference, section 2.4: a 10 % move of a 30-day straddle
    leaves a third of its vega.
    """
    share = look.vega / look.vega_at_strike if look.vega_at_strike > 0 else 0.0
    if share < policy.restrike_vega_share:
        return (
            f"{look.label} has {share:.0%} of the vega it was struck with; re-strike below "
            f"{policy.restrike_vega_share:.0%}"
        )
    if abs(look.delta) > policy.restrike_delta:
        return (
            f"{look.label} has a delta of {look.delta:+.2f}; re-strike beyond "
            f"{policy.restrike_delta:.2f}"
        )
    return None
