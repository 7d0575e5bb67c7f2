"""By which names do we know an instrument?"""

from typing import NewType

Symbol = NewType("Symbol", str)
"""Root symbol of an underlying as the broker spells it, for example ``QQQ`` or ``BRK B``."""

ConId = NewType("ConId", int)
"""The broker's contract id: one number for one tradable contract."""
