"""What do splits, special dividends and symbol changes do to a listed underlying and its chain?

After the practice of OCC: a split n:1 divides strikes by n and multiplies contracts; any other
split (3:2, 1:10) leaves the contracts, which become an adjusted class (`NVDA1`) with strikes over
the ratio and the deliverable of 100 times the ratio as multiplier; a special dividend lowers the
strikes by its amount. The protocol has no field for a deliverable, so where OCC would keep strike
and multiplier and change the deliverable (reverse splits), the adjusted class shows the equivalent
strike per new share.
"""

import re
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from dispersa.errors import InvalidInput
from dispersa.gateway.world.listings import Chain, ExpirySlice
from dispersa.gateway.world.universe import Underlying

_SPLIT = re.compile(r"split (\d{1,3}):(\d{1,3})")
_DIVIDEND = re.compile(r"dividend (\d{1,5}(?:\.\d{1,4})?)")
_RENAME = re.compile(r"rename ([A-Z]{1,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`new` shares for `old` ones."""

    new: int
    old: int

    @property
    def ratio(self) -> float:
        """New shares per old one."""
        return self.new / self.old

    @property
    def is_whole(self) -> bool:
        """Whether contracts are multiplied instead of adjusted."""
        return self.new % self.old == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialDividend:
    """Cash per share beyond the ordinary dividends."""

    amount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A new ticker for the same company."""

    to: str


Change = Split | SpecialDividend | Rename


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAction:
    """What happens to `symbol` at the opening of `day`."""

    day: date
    symbol: str
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """An action that has happened: the underlying after it, and what became of each old slice."""

    action: CorporateAction
    underlying: Underlying
    pieces: tuple[tuple[ExpirySlice, ExpirySlice], ...]


def change_of(text: str) -> Change:
    """Read `split 3:2`, `dividend 5.00` or `rename NEW`."""
    if (found := _SPLIT.fullmatch(text)) and found[1] != found[2] and int(found[1]) * int(found[2]):
        return Split(new=int(found[1]), old=int(found[2]))
    if found := _DIVIDEND.fullmatch(text):
        return SpecialDividend(amount=float(found[1]))
    if found := _RENAME.fullmatch(text):
        return Rename(to=found[1])
    raise InvalidInput(
        f"the corporate action is {text!r}; expected for example 'split 3:2', 'dividend 5.00' or "
        "'rename NEWCO'"
    )


def changed_underlying(underlying: Underlying, change: Change) -> Underlying:
    """Return the underlying after the change; its numbers are per new share."""
    match change:
        case Split(ratio=ratio):
            return replace(
                underlying,
                spot=underlying.spot / ratio,
                day_volume=round(underlying.day_volume * ratio),
                dividends=tuple((day, paid / ratio) for day, paid in underlying.dividends),
            )
        case SpecialDividend(amount=amount):
            return replace(underlying, spot=underlying.spot - amount)
        case Rename(to=to):
            return replace(underlying, symbol=to)


def changed_chain(chain: Chain, change: Change) -> Chain:
    """Return the chain after the change, slice by slice in the same order."""
    slices = tuple(_changed_slice(piece, change, chain.multiplier) for piece in chain.slices)
    symbol = change.to if isinstance(change, Rename) else chain.symbol
    return replace(chain, symbol=symbol, slices=slices)


def _changed_slice(piece: ExpirySlice, change: Change, multiplier: int) -> ExpirySlice:
    match change:
        case Split(ratio=ratio, is_whole=True):
            return replace(piece, strikes=np.round(piece.strikes / ratio, 2))
        case Split(ratio=ratio):
            return replace(
                piece,
                strikes=np.round(piece.strikes / ratio, 2),
                trading_class=_adjusted(piece.trading_class),
                multiplier=round((piece.multiplier or multiplier) * ratio),
            )
        case SpecialDividend(amount=amount):
            return replace(piece, strikes=np.maximum(np.round(piece.strikes - amount, 2), 0.01))
        case Rename(to=to):
            digits = re.sub(r"\D", "", piece.trading_class)
            return replace(piece, trading_class=to + digits)


def _adjusted(trading_class: str) -> str:
    """Return the class with the next digit: NVDA, NVDA1, NVDA2."""
    root = trading_class.rstrip("0123456789")
    return f"{root}{int(trading_class[len(root) :] or 0) + 1}"
