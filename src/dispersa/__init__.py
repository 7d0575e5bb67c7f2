"""Automated dispersion trading on Interactive Brokers.

`Trader` is the async facade; it is imported when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dispersa.api import TradeLeg, Trader

__version__ = "0.1.0"
__all__ = ["TradeLeg", "Trader", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the facade on first use, so that `import dispersa` stays light."""
    if name in {"TradeLeg", "Trader"}:
        from dispersa import api

        return getattr(api, name)
    raise AttributeError(f"module 'dispersa' has no attribute {name!r}")
