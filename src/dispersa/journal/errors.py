"""What can go wrong with a journal, named by what must happen next.

DispersaError
├── Halted
│   └── JournalOwned      another process writes it: ask that one                (exit 5)
├── JournalFailed         it can not be written: stop sending, keep what is there (exit 1)
└── JournalDamaged        what it holds is not what was written: restore          (exit 1)
"""

from dispersa.errors import DispersaError, Halted


class JournalOwned(Halted):
    """Another process owns the journal."""


class JournalFailed(DispersaError):
    """The journal could not be written and accepts nothing more; what was committed is safe."""


class JournalDamaged(DispersaError):
    """The journal does not hold what was written to it."""
