"""What does an error code prove about an order?

The table is the whole knowledge: a code that is not in it proves nothing, and the order becomes
doubtful. Source: ibkr-api.md sections 2, 3.4, 3.5 and 3.8, and IBKR's list of message codes.
"""

from enum import StrEnum

LINK_LOST_CODES = frozenset({1100, 1300, 2110})
LINK_RESTORED_DATA_LOST = 1101
LINK_RESTORED_DATA_KEPT = 1102
NO_DEFINITION = 200
CLIENT_ID_IN_USE = 326
REQUEST_INVALID = 321
WARNING_RANGE = range(2100, 2200)


class Verdict(StrEnum):
    """What a code means for the order it names."""

    INFORMATIONAL = "informational"
    """A remark: the order lives on as it was."""
    REJECTED = "rejected"
    """The broker's system refused the order (margin, permission, price band)."""
    INVALID = "invalid"
    """What was sent failed validation: a new order never lived, a change was not taken."""
    CHANGE_REFUSED = "change_refused"
    """Only ever said about a change: the order itself is as it was."""
    CANCELLED = "cancelled"
    """The broker's proof of a cancel."""
    AMBIGUOUS = "ambiguous"
    """It proves nothing: ask the broker's open orders, completed orders and executions."""


_INFORMATIONAL = {
    399: "order message, for example held until the market opens",
    404: "shares are being located, the order is held",
    10349: "time in force set by an order preset",
    10167: "delayed market data are shown",
    10090: "part of the market data is not subscribed",
}

_REJECTED = {
    201: "order rejected, the reason is in the text",
    203: "the security is not available or not allowed for this account",
    412: "the contract is not available for trading",
    460: "no trading permission",
}

_INVALID = {
    109: "price outside the range of the precautionary settings",
    110: "price does not conform to the minimum price variation",
    111: "time in force and order type do not go together",
    163: "price violates the percentage constraint",
    200: "no security definition, or an ambiguous one",
    312: "combo details are invalid",
    313: "combo details of a leg are invalid",
    314: "a combo needs security type BAG",
    315: "stock combo legs are restricted to SMART routing",
    321: "request failed validation, for example Read-Only API",
    355: "order size does not conform to the market rule",
    382: "price violates the ticks constraint",
    383: "size limit of the precautionary settings",
    387: "order type is not supported for this exchange and security",
    388: "order size is below the minimum",
    434: "order size is zero",
    435: "an account must be given",
    10043: "value for NonGuaranteed is missing",
    10052: "time in force is invalid",
    10058: "leg prices are not allowed on this combo",
}

_CHANGE_REFUSED = {
    104: "a filled order can not be modified",
    105: "the modified order does not match the original",
    134: "the modification failed",
    329: "the order can not be changed to the new type",
    2102: "the order is still being processed",
}

_CANCELLED = {202: "order cancelled, the reason is in the text"}

_AMBIGUOUS = {
    103: "duplicate order id: says nothing about the order that has the id",
    135: "no order with this id",
    136: "the order can not be cancelled",
    161: "cancel tried in a state that allows none",
    10147: "the order to cancel was not found",
    10148: "the order can not be cancelled in its state",
}

CODES: dict[int, tuple[Verdict, str]] = {
    code: (verdict, meaning)
    for verdict, table in (
        (Verdict.INFORMATIONAL, _INFORMATIONAL),
        (Verdict.REJECTED, _REJECTED),
        (Verdict.INVALID, _INVALID),
        (Verdict.CHANGE_REFUSED, _CHANGE_REFUSED),
        (Verdict.CANCELLED, _CANCELLED),
        (Verdict.AMBIGUOUS, _AMBIGUOUS),
    )
    for code, meaning in table.items()
}


def order_verdict(code: int) -> Verdict:
    """What `code` proves about the order that it names; an unknown code is ambiguous."""
    if code in CODES:
        return CODES[code][0]
    return Verdict.INFORMATIONAL if code in WARNING_RANGE else Verdict.AMBIGUOUS


def ends_request(code: int) -> bool:
    """Whether `code` means that a request got its (negative) answer.

    Warnings, remarks and the notes about delayed or partial data are followed by the answer.
    """
    return code != 10091 and order_verdict(code) is not Verdict.INFORMATIONAL


def told(what: str, code: int, text: str) -> str:
    """Say what a request met, in the broker's words, with the mend where a setting is the cause."""
    said = f"{what}: error {code}: {text}".rstrip(".")
    if code == REQUEST_INVALID and "read-only" in text.lower():
        return f"{said}; switch off 'Read-Only API' in TWS or IB Gateway (API, Settings)"
    return said
