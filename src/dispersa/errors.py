"""What went wrong, named by what must happen next.

    DispersaError
    ├── InvalidInput          usage, file or configuration: mend it and run again      (exit 2)
    │   └── InvalidConfig     the configuration file: mend the named key
    ├── Denied                our own gate said no, or nobody confirmed                (exit 3)
    ├── BrokerError           the broker's side                                        (exit 4)
    │   ├── Disconnected      no usable connection: bring the gateway up, try again
    │   ├── RequestTimedOut   no answer before the deadline: nothing may be concluded
    │   └── BrokerRefused     the broker answered no: a person decides
    ├── MarketDataMissing     missing, stale or doubtful data: wait or mend the feed   (exit 1)
    ├── Halted                trading is stopped or locked                             (exit 5)
    ├── Unresolved            an order outcome or a reconciliation break is open       (exit 6)
    └── BrokenInvariant       we are wrong: halt, keep the journal, report a bug       (exit 1)

Expected outcomes (a denial while planning, an order that does not fill) are return values; an
exception means that the caller can not go on. Every message says what was found, what was
expected and what to do.
"""

from typing import ClassVar


class DispersaError(Exception):
    """Root of every error that dispersa raises on purpose."""

    exit_code: ClassVar[int] = 1


class InvalidInput(DispersaError):
    """A usage error, or a file whose content can not be used."""

    exit_code: ClassVar[int] = 2


class InvalidConfig(InvalidInput):
    """A configuration key is unknown, missing or out of range."""


class Denied(DispersaError):
    """The gate said no, or the operator did not confirm."""

    exit_code: ClassVar[int] = 3


class BrokerError(DispersaError):
    """The broker can not be reached, or refused."""

    exit_code: ClassVar[int] = 4


class Disconnected(BrokerError):
    """There is no usable connection to the broker."""


class RequestTimedOut(BrokerError):
    """The broker did not answer before the deadline; nothing may be concluded from that."""


class BrokerRefused(BrokerError):
    """The broker answered no."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class MarketDataMissing(DispersaError):
    """Market data is missing, stale or doubtful, and no decision may be based on it."""


class Halted(DispersaError):
    """Trading is halted or the name is locked."""

    exit_code: ClassVar[int] = 5


class Unresolved(DispersaError):
    """An order outcome is unknown, or our book and the broker's disagree."""

    exit_code: ClassVar[int] = 6


class BrokenInvariant(DispersaError):
    """Something that can not happen has happened; trading must stop."""


def require(condition: bool, message: str) -> None:
    """Raise `BrokenInvariant` unless `condition` holds; stays on in production."""
    if not condition:
        raise BrokenInvariant(message)
