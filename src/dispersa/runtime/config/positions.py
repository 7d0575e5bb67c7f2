"""Which keys say when a trade ends, how its delta is hedged, and what its legs call for?"""

from typing import TYPE_CHECKING

from dispersa.desk.exits import ExitPolicy
from dispersa.desk.expiry import Dividend, ExpiryPolicy
from dispersa.desk.hedging import Borrow, HedgePolicy
from dispersa.runtime.config.keys import (
    Count,
    File,
    Flag,
    Number,
    Section,
    count,
    file,
    flag,
    number,
    number_above,
    optional_number,
)

if TYPE_CHECKING:
    from dispersa.runtime.daily_cycle import CyclePolicies

_EXITS = ExitPolicy()
_HEDGING = HedgePolicy()
_EXPIRY = ExpiryPolicy()


class ExitsSection(Section):
    """When a trade is closed; 0 switches a rule off."""

    profit_share: Number = number(
        _EXITS.profit_share, 0, 10, "share", "Profit target, of the premium at the start."
    )
    loss_share: Number = number(
        _EXITS.loss_share, 0, 10, "share", "Loss limit, of the premium at the start."
    )
    dte_min: Count = count(
        _EXITS.dte_min, 0, 60, "days", "Days to expiry from which a trade is closed."
    )
    edge_min_vol_points: Number | None = optional_number(
        -50, 50, "vol points", "Edge after cost below which a trade is closed.", example=0.5
    )
    vix_max: Number = number(_EXITS.vix_max, 0, 200, "", "VIX from which trades are closed.")
    vix_rise: Number = number(
        _EXITS.vix_rise, 0, 200, "points", "Rise of VIX since the start that closes a trade."
    )
    correlation_rise_points: Number = number(
        _EXITS.correlation_rise_points,
        0,
        200,
        "points of 0.01",
        "Move of implied correlation against the trade that closes it.",
    )
    rolls_at_dte_floor: Flag = flag(
        _EXITS.rolls_at_dte_floor, "Open the next trade in the program that closes at `dte_min`."
    )

    def policy(self) -> ExitPolicy:
        """Return the desk's exit rules."""
        return ExitPolicy(
            profit_share=self.profit_share or None,
            loss_share=self.loss_share or None,
            dte_min=self.dte_min or None,
            edge_min_vol_points=self.edge_min_vol_points,
            vix_max=self.vix_max or None,
            vix_rise=self.vix_rise or None,
            correlation_rise_points=self.correlation_rise_points or None,
            rolls_at_dte_floor=self.rolls_at_dte_floor,
        )


class HedgingSection(Section):
    """When delta is hedged with shares, and when a straddle is struck anew."""

    risk_aversion_per_usd: Number = number_above(
        _HEDGING.risk_aversion_per_usd,
        0,
        1,
        "1/USD",
        "Cost against variance: smaller is a wider band.",
    )
    commission_per_share_usd: Number = number(
        _HEDGING.commission_per_share_usd, 0, 1, "USD", "Commission per share."
    )
    delta_usd_min: Number = number(
        _HEDGING.delta_usd_min, 0, 1e8, "USD", "Smallest hedge worth sending; the band is no less."
    )
    after_open_minutes: Number = number(
        _HEDGING.after_open_minutes, 0, 390, "minutes", "No hedge so soon after the opening."
    )
    before_close_minutes: Number = number(
        _HEDGING.before_close_minutes, 0, 390, "minutes", "No hedge so late before the close."
    )
    borrow_fee_max: Number = number(
        _HEDGING.borrow_fee_max, 0, 10, "a year", "Dearest borrow at which shares are sold short."
    )
    restrike_vega_share: Number = number_above(
        _HEDGING.restrike_vega_share,
        0,
        0.99,
        "share",
        "Vega, of one at the money, below which a straddle is struck anew.",
    )
    restrike_delta: Number = number_above(
        _HEDGING.restrike_delta, 0, 0.99, "", "Delta beyond which a straddle is struck anew."
    )
    borrow: File | None = file(
        None,
        "File with symbol, shares and yearly fee of what can be borrowed; without it nothing is "
        "sold short.",
        example="~/dispersa/borrow.csv",
    )

    def policy(self) -> HedgePolicy:
        """Return the desk's hedging rules."""
        values = {key: value for key, value in dict(self).items() if key != "borrow"}
        return HedgePolicy(**values)


class ExpirySection(Section):
    """When a leg that ends, pays or may be assigned is worth a word."""

    pin_share: Number = number(
        _EXPIRY.pin_share, 0, 0.5, "share of spot", "Distance to the strike that is pin risk."
    )
    pin_days: Count = count(_EXPIRY.pin_days, 0, 30, "days", "Pin risk is told so early.")
    close_days: Count = count(
        _EXPIRY.close_days, 0, 60, "days", "The end of a leg is told so early."
    )
    dividend_calendar: File | None = file(
        None,
        "File with symbol, ex_date and amount of cash dividends; without it no dividend is "
        "booked, and no early exercise foreseen.",
        example="~/dispersa/dividends.csv",
    )


def cycle_policies(
    exits: ExitsSection, hedging: HedgingSection, expiry: ExpirySection, *, rate: float
) -> "CyclePolicies":
    """Return the rules of the day, with dividends and borrow as the files know them."""
    from dispersa.history.dividends import read_borrow, read_dividends
    from dispersa.runtime.daily_cycle import CyclePolicies

    dividends = {} if expiry.dividend_calendar is None else read_dividends(expiry.dividend_calendar)
    borrow = {} if hedging.borrow is None else read_borrow(hedging.borrow)
    return CyclePolicies(
        exits=exits.policy(),
        hedging=hedging.policy(),
        expiry=ExpiryPolicy(
            pin_share=expiry.pin_share,
            pin_days=expiry.pin_days,
            close_days=expiry.close_days,
            rate=rate,
        ),
        dividends={
            symbol: tuple(Dividend(ex_date=day, amount=amount) for day, amount in rows)
            for symbol, rows in dividends.items()
        },
        borrow={symbol: Borrow(shares=n, fee=fee) for symbol, (n, fee) in borrow.items()},
    )
