"""Which faults of the catalogue can the venue cause?

Numbers are those of controls-and-faults.md section 4; groups A (connections) and the rest belong to
the server. A fault is armed for some orders (by reference or symbol) or for a symbol, strikes a
number of times and is then spent.
"""

from dataclasses import dataclass, field
from datetime import datetime
from math import inf

from dispersa.errors import InvalidInput

FAULTS = {
    "B1": "one unit fills while the cancel is on its way",
    "B2": "one unit fills after the order was reported cancelled",
    "B3": "a cancel meets a filled order: 10148",
    "B4": "a cancel of a live order is answered 10147",
    "B5": "a cancel is never answered and the order stays live",
    "B6": "an execution is reported twice with the same id",
    "B7": "an execution is corrected later: same id, next revision, another price",
    "B8": "an execution is busted: its position goes without a word",
    "B9": "executions arrive before the order's first openOrder",
    "B10": "no status of the order ever arrives",
    "B11": "after Filled the order is reported as Submitted once more",
    "B12": "commissions arrive late, or never",
    "B13": "the order is lost on its way: no answer, nothing at the exchange",
    "B14": "the order is rejected with 201",
    "B15": "the order is rejected after its first partial fill",
    "B16": "the order is reported Inactive although it works",
    "B17": "a new order is refused as a duplicate id: 103",
    "B18": "an amendment is refused and the old order stays",
    "B19": "an amendment becomes a second live order with its own permanent id",
    "B20": "an amendment arrives `seconds` late: a cancel that follows overtakes it",
    "B21": "one leg of a combo's fill is `seconds` late, or never comes: the legs are unequal",
    "B22": "only the BAG line of a fill arrives; its legs come late, or never",
    "B23": "a combo is refused with `value`, by default 10058",
    "B24": "the echoed combo has one leg on the wrong side",
    "B25": "the broker changes the limit of the order and says 10349",
    "B26": "one unit more than ordered is filled",
    "B33": "a new order is held to the next trading day: 399",
    "B34": "orders expire now, as day orders do at the close",
    "B35": "somebody cancels the order by hand",
    "B36": "the list of completed orders holds only every second one",
    "C1": "Greeks of a symbol are not computed",
    "C2": "Greeks of a symbol are absurd",
    "C3": "quotes of a symbol are crossed",
    "C4": "a symbol has no bids",
    "C5": "quotes of a symbol stand still while the market moves",
    "C6": "quotes of a symbol are frozen without a label, Greeks included",
    "C7": "the calls of a symbol stand still",
    "C8": "a symbol is halted: nothing trades",
    "C9": "the whole market is halted",
    "C10": "the market closes now, unscheduled",
    "C12": "options of a symbol are adjusted: other class, multiplier 150",
    "C13": "contracts of a symbol have the multiplier 10 and the currency EUR",
    "C14": "every contract of a symbol is found twice",
    "C15": "contracts of a symbol have other contract ids than before",
    "C16": "the puts of a symbol (or `value` = C: the calls) are not there",
    "C19": "trades of a symbol are stamped an hour in the future",
    "C20": "one quote of a symbol is half of what it should be, then all is well",
    "D1": "a manual trade of 100 shares appears in the account",
    "D2": "somebody closes the holdings of a symbol, or all, by hand",
    "D3": "short options in the money are assigned, without an event of their own",
    "D4": "an expired position stays behind with quantity 0 and without contract details",
    "D5": "a corporate action at the next opening: `value` is `split 3:2`, `dividend 5.00` or "
    "`rename NEWCO`, by default `split 2:1`",
    "D6": "short options just out of the money are assigned at expiry all the same",
    "D7": "holdings of a symbol, or all, are transferred to another account",
    "D8": "one row of the positions is missing once",
    "D9": "another strategy buys one more of every option held of a symbol, or of all",
    "E1": "cash leaves the account: `value` is left, by default 1000",
    "E2": "the broker liquidates one holding of a symbol, or the first",
    "E3": "margin requirements rise by half",
    "E4": "there is cash in another currency, without an exchange rate",
    "E5": "account values stand still",
    "E6": "there is no trading permission for a symbol: 201",
    "E7": "the account may only close: no day trades remain, opening orders get 201",
    "E8": "profits are reported with the wrong sign",
}


@dataclass(slots=True, kw_only=True)
class Armed:
    """A fault that waits for its orders or its symbol; empty selectors fit everything.

    `seconds` is the delay or the duration that the fault speaks of (`inf` = for ever); `count`
    the number of orders or times it strikes.
    """

    code: str
    order_ref: str = ""
    symbol: str = ""
    seconds: float = 2.0
    count: int = 1
    value: str = ""
    orders: set[int] = field(default_factory=set)
    ends: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse a number that the venue does not know."""
        if self.code not in FAULTS:
            raise InvalidInput(f"the venue has no fault {self.code!r}; it has {', '.join(FAULTS)}")

    @property
    def is_forever(self) -> bool:
        """Whether what is delayed never comes."""
        return self.seconds == inf

    def fits(self, order_ref: str, symbol: str) -> bool:
        """Whether an order with this reference on this symbol is meant."""
        return self.order_ref in ("", order_ref) and self.symbol in ("", symbol)

    def takes(self, perm_id: int, order_ref: str, symbol: str) -> bool:
        """Whether this order is or becomes one of those that the fault strikes."""
        if perm_id in self.orders:
            return True
        if len(self.orders) >= self.count or not self.fits(order_ref, symbol):
            return False
        self.orders.add(perm_id)
        return True
