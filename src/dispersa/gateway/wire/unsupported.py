"""Which requests of the protocol does this gateway know, but not simulate?"""

from dispersa.gateway.wire import requests as r
from dispersa.gateway.wire.fields import Fields

_UNSUPPORTED = {
    10: ("market depth", 1),
    22: ("market scanner", 0),
    50: ("real-time bars", 1),
    52: ("fundamental data", 1),
    67: ("display groups", 1),
    84: ("news article", 0),
    86: ("historical news", 0),
    88: ("price histogram", 0),
    100: ("Wall Street Horizon meta data", 0),
    102: ("Wall Street Horizon events", 0),
}
"""Message id → what it asks for, and how many fields come before its request id."""
_IGNORED = frozenset({11, 12, 13, 23, 51, 53, 70, 89, 101, 103})
"""Ends of the above, and news bulletins, of which there are none."""


def unsupported(fields: Fields, number: int) -> r.Unsupported | r.Ignored | None:
    """Read the rest of such a message; None where `number` is none of them."""
    if number in _IGNORED:
        return r.Ignored()
    if number not in _UNSUPPORTED:
        return None
    what, skipped = _UNSUPPORTED[number]
    for _ in range(skipped):
        fields.text()
    return r.Unsupported(what=what, request_id=fields.integer())
