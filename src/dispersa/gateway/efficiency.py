"""How many order messages does a client send for each order that trades?

IBKR's order efficiency ratio of a day: (submissions + revisions + cancels) / (executed orders + 1);
more than 20 counts as excessive. IBKR reports it afterwards; nothing is refused on the spot unless
the rule `order_efficiency_refuses` is set.
"""

from datetime import date


class OrderEfficiency:
    """The count of one New York day; a new day begins at zero."""

    def __init__(self) -> None:
        self._day: date | None = None
        self.messages = 0
        self._executed: set[int] = set()

    def message(self, day: date) -> None:
        """Count a submission, a revision or a cancel."""
        self._roll(day)
        self.messages += 1

    def executed(self, perm_id: int, day: date) -> None:
        """Count an order that trades; each once."""
        self._roll(day)
        self._executed.add(perm_id)

    @property
    def ratio(self) -> float:
        """Messages over executed orders plus one."""
        return self.messages / (len(self._executed) + 1)

    def _roll(self, day: date) -> None:
        if day != self._day:
            self._day, self.messages = day, 0
            self._executed.clear()
