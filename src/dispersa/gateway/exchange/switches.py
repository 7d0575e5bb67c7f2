"""Which behavior of IBKR is not verified, and which way does this venue take it?

Every switch has its choices, the default first; `ibkr-api.md` section 8 names what is unverified.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from dispersa.errors import InvalidInput
from dispersa.gateway.model import Status

CHOICES: Mapping[str, tuple[str, ...]] = {
    "fill_model": ("base", "generous", "hard"),
    "market_order_status": ("PreSubmitted", "Submitted"),
    "cancel_of_filled": ("10148", "161", "136"),
    "cancel_of_cancelled": ("10148", "161", "10147"),
    "cancel_of_rejected": ("161", "10148", "10147"),
    "cancel_of_unknown": ("10147", "135"),
    "cancel_of_foreign_order": ("refused", "allowed"),
    "combo_legs_max": ("4", "2", "3", "6", "8"),
    "combo_of_many_underlyings": ("312", "201", "321", "allowed"),
    "combo_types": ("refused", "taken"),
    "combo_good_till_date": ("allowed", "refused"),
    "non_guaranteed_fills": ("apart", "together"),
    "bag_commission_report": ("none", "zero"),
    "tif_preset": ("silent", "told"),
    "order_size_max": ("none", "100", "1000", "10000"),
    "not_permitted": ("none", "STK", "OPT", "BAG", "FUT", "CASH"),
    "short_stock": ("available", "located_first"),
}
"""What each switch may be set to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """The venue's named rules.

    fill_model: how hidden interest arrives.
    market_order_status: what a market order shows before its first fill; a recorded real one goes
        from PreSubmitted to Filled.
    cancel_of_*: the error code for a cancel of an order that was filled, cancelled, rejected, is
        unknown, and whether another client's order can be cancelled.
    combo_legs_max: most legs of a combo.
    combo_of_many_underlyings: the refusal of a guaranteed combo over several underlyings.
    combo_types: whether a combo may be REL + LMT, LMT + MKT or REL + MKT (else 387); the first two
        then work as limit orders, the last as a market order.
    combo_good_till_date: whether a guaranteed combo may be good till a date.
    non_guaranteed_fills: whether the legs of a non-guaranteed combo trade one after the other.
    bag_commission_report: whether the BAG line of a fill has a commission report (of zero).
    tif_preset: whether an order without time in force brings 10349 when it becomes a day order.
    order_size_max: larger orders are refused with 383.
    not_permitted: orders of this security type are refused with 460.
    short_stock: whether selling stock short is held for a while first, with 404.
    """

    fill_model: str = "base"
    market_order_status: str = "PreSubmitted"
    cancel_of_filled: str = "10148"
    cancel_of_cancelled: str = "10148"
    cancel_of_rejected: str = "161"
    cancel_of_unknown: str = "10147"
    cancel_of_foreign_order: str = "refused"
    combo_legs_max: str = "4"
    combo_of_many_underlyings: str = "312"
    combo_types: str = "refused"
    combo_good_till_date: str = "allowed"
    non_guaranteed_fills: str = "apart"
    bag_commission_report: str = "none"
    tif_preset: str = "silent"
    order_size_max: str = "none"
    not_permitted: str = "none"
    short_stock: str = "available"

    def __post_init__(self) -> None:
        """Refuse what is no choice."""
        for switch in fields(self):
            value, choices = getattr(self, switch.name), CHOICES[switch.name]
            if value not in choices:
                raise InvalidInput(
                    f"venue rule {switch.name} is {value!r}; choose {' or '.join(choices)}"
                )

    def cancel_code(self, status: Status) -> int:
        """Return the code for a cancel of an order that is done."""
        match status:
            case Status.FILLED:
                return int(self.cancel_of_filled)
            case Status.INACTIVE:
                return int(self.cancel_of_rejected)
            case _:
                return int(self.cancel_of_cancelled)


def switches(rules: Mapping[str, str]) -> Switches:
    """Return the switches with these set; raises `InvalidInput` for an unknown name or choice."""
    if unknown := sorted(set(rules) - set(CHOICES)):
        raise InvalidInput(
            f"venue rule {', '.join(unknown)} is unknown; there are {', '.join(sorted(CHOICES))}"
        )
    return Switches(**rules)
