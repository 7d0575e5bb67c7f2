"""Which way?"""

from enum import StrEnum


class Side(StrEnum):
    """Direction of an order, an execution or a leg."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for a purchase, -1 for a sale: quantities are signed everywhere in dispersa."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """The side that closes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY
