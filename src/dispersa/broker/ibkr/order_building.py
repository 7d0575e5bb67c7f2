"""What exactly goes on the wire for an approved order?

The one place that fills IBKR's contract and order, field by field. Account, time in force,
reference, transmit, open or close and price sign are explicit on every order, so that no preset
of TWS fills them in (error 10349).
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from ib_async.contract import ComboLeg, Contract
from ib_async.order import Order

from dispersa.broker.ibkr.contracts import SMART, tradable
from dispersa.errors import InvalidInput, require
from dispersa.market import OptionContract, Side, UnderlyingKind, to_float
from dispersa.orders import ApprovedOrder, Combo, Leg, OrderRef, Purpose

TIME_IN_FORCE = "DAY"
SAME_AS_COMBO = 0
NO_EXEMPTION = -1


def contract_for(combo: Combo) -> Contract:
    """Plain contract for one leg, a SMART BAG for more.

    The BAG is guaranteed: it carries no NonGuaranteed parameter, and no prices per leg.
    """
    require_tradable(combo)
    if len(combo.legs) == 1:
        return tradable(combo.legs[0].contract)
    return Contract(
        secType="BAG",
        symbol=combo.symbol,
        exchange=SMART,
        currency=combo.legs[0].contract.currency,
        comboLegs=[_combo_leg(leg) for leg in combo.legs],
    )


def require_tradable(combo: Combo) -> None:
    """Refuse a combo that IBKR can not trade, before it is sent."""
    for leg in combo.legs:
        if not isinstance(leg.contract, OptionContract) and (
            leg.contract.kind is UnderlyingKind.INDEX
        ):
            raise InvalidInput(f"the index {leg.contract.symbol} itself can not be traded")
    if len({leg.contract.currency for leg in combo.legs}) != 1:
        raise InvalidInput(f"combo legs on {combo.symbol} have several currencies; expected one")
    if len(combo.legs) == 1 and (combo.legs[0].ratio != 1 or combo.legs[0].side is not Side.BUY):
        raise InvalidInput(
            "a plain order has one leg, bought once per unit; sell it by selling the combo"
        )


def _combo_leg(leg: Leg) -> ComboLeg:
    return ComboLeg(
        conId=leg.contract.con_id,
        ratio=leg.ratio,
        action=leg.side.value,
        exchange=SMART,
        openClose=SAME_AS_COMBO,
        shortSaleSlot=0,
        designatedLocation="",
        exemptCode=NO_EXEMPTION,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an order asks for, apart from its contract."""

    side: Side
    quantity: int
    limit_price: Decimal
    account: str
    ref: OrderRef
    closes: bool = False

    def __post_init__(self) -> None:
        require(self.quantity > 0, f"order {self.ref} of {self.quantity} units; expected some")
        require(bool(self.account and self.ref), "an order needs an account and a reference")


def order_for(approved: ApprovedOrder, *, order_id: int, client_id: int) -> Order:
    """DAY limit order with every field that matters set on purpose."""
    intent = approved.intent
    terms = Terms(
        side=intent.side,
        quantity=intent.quantity,
        limit_price=intent.limit_price,
        account=intent.account,
        ref=intent.ref,
        closes=intent.purpose is Purpose.REDUCE,
    )
    return limit_order(terms, order_id=order_id, client_id=client_id)


def limit_order(terms: Terms, *, order_id: int, client_id: int) -> Order:
    """Fill IBKR's order; the price of a combo is signed, a debit bought is positive."""
    return Order(
        orderId=order_id,
        clientId=client_id,
        action=terms.side.value,
        totalQuantity=terms.quantity,
        orderType="LMT",
        lmtPrice=to_float(terms.limit_price),
        tif=TIME_IN_FORCE,
        account=terms.account,
        orderRef=terms.ref,
        openClose="C" if terms.closes else "O",
        origin=0,
        transmit=True,
        parentId=0,
        outsideRth=False,
        hidden=False,
        allOrNone=False,
        whatIf=False,
        smartComboRoutingParams=[],
        orderComboLegs=[],
        algoStrategy="",
        usePriceMgmtAlgo=False,
    )


def preview_of(order: Order) -> Order:
    """Return the same order as a what-if: never executed, answered with margins."""
    return replace(order, whatIf=True)


def contract_to_amend(echo: Contract) -> Contract:
    """Contract of the broker's own openOrder, fit to be sent back.

    TWS may rewrite a BAG, and a change sent with our own version gets error 105. Question marks
    stand for empty fields in openOrder; class and local symbol of a BAG stay empty.
    """
    is_bag = echo.secType == "BAG"
    return replace(
        echo,
        right="" if echo.right == "?" else echo.right,
        localSymbol="" if is_bag else echo.localSymbol,
        tradingClass="" if is_bag else echo.tradingClass,
        comboLegs=[replace(leg) for leg in echo.comboLegs or []],
        comboLegsDescrip="",
    )


def echo_differences(sent: ApprovedOrder, contract: Contract, order: Order) -> tuple[str, ...]:
    """Name the fields in which the broker's echo is another order than ours.

    The limit price is compared elsewhere: it changes with amendments. Flipping the side together
    with every leg changes nothing.
    """
    intent = sent.intent
    expected = {
        leg.contract.con_id: intent.side.sign * leg.side.sign * leg.ratio
        for leg in intent.combo.legs
    }
    pairs: dict[str, tuple[object, object]] = {
        "legs": (expected, _echoed_legs(contract, order)),
        "quantity": (float(intent.quantity), float(order.totalQuantity)),
        "order type": ("LMT", order.orderType),
        "time in force": (TIME_IN_FORCE, order.tif),
        "account": (intent.account, order.account),
    }
    return tuple(
        f"{name} {found} instead of {wanted}"
        for name, (wanted, found) in pairs.items()
        if wanted != found
    )


def _echoed_legs(contract: Contract, order: Order) -> dict[int, int]:
    sign = 1 if order.action == Side.BUY.value else -1
    if contract.secType != "BAG":
        return {contract.conId: sign}
    return {
        leg.conId: sign * (1 if leg.action == Side.BUY.value else -1) * leg.ratio
        for leg in contract.comboLegs or []
    }
