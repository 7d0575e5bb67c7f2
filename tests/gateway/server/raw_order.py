"""Contracts and orders in raw fields, in the layout of ibkr-api.md 1.4 and 1.6."""

from collections.abc import Sequence

Leg = tuple[int, int, str, str]


def contract(
    symbol: str = "AAPL", sec_type: str = "STK", *, con_id: object = 0, expiry: str = "",
    strike: str = "", right: str = "", exchange: str = "SMART", currency: str = "USD",
) -> tuple[object, ...]:  # fmt: skip
    """Return the twelve fields of a contract."""
    return con_id, symbol, sec_type, expiry, strike, right, "", exchange, "", currency, "", ""


STOCK = contract()
CALL = contract(sec_type="OPT", expiry="20261218", strike="270", right="C")
BAG = contract(sec_type="BAG")


def order_fields(
    order_id: int,
    what: Sequence[object],
    side: str = "BUY",
    quantity: object = 1,
    *,
    kind: str = "LMT",
    price: object = "",
    tif: str = "DAY",
    good_till: str = "",
    legs: Sequence[Leg] | None = None,
    leg_prices: Sequence[object] = (),
    routing: Sequence[tuple[str, str]] = (),
    account: str = "",
    outside_hours: int = 0,
    what_if: int = 0,
    transmit: int = 1,
    version: int = 178,
) -> list[object]:
    """Return every field of a placeOrder message."""
    fields: list[object] = [3, order_id, *what, "", "", side, quantity, kind, price, "", tif, ""]
    fields += [account, "", 0, f"ref-{order_id}", transmit, 0, 0, 0, 0, 0, outside_hours, 0]
    if legs is not None:
        fields += [len(legs), *(part for leg in legs for part in (*leg, 0, 0, "", -1))]
        fields += [len(leg_prices), *leg_prices, len(routing)]
        fields += [text for pair in routing for text in pair]
    fields += ["", "", "", good_till, "", "", ""]
    fields += [] if version >= 177 else [""]
    fields += ["", 0, "", -1, 0, "", "", 0, "", "", 0, 0, "", 0, "", "", "", "", "", 0, "", "", ""]
    fields += ["", 0, "", "", "", "", "", "", "", "", "", "", 0, "", "", 0, 0, "", "", what_if]
    fields += ["", 0, 0, 0, 0, *[""] * 15, 0, 0, 0, ""]
    tail = ((158, ""), (160, ""), (162, 0), (166, ""), (169, ""))
    return [*fields, *(value for since, value in tail if version >= since)]
