"""How wide and how deep are the quotes?

Spread model (`SPREAD_MODEL_TEXT`), after the widths of data.md: near the money and at 30 days a
straddle is as wide as its name's figure; wings are wider in percent, narrower in cents.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dispersa.gateway.world.kernels import Floats

SPREAD_MODEL_TEXT = (
    "Quotes: mid = Black value; width = s x (a/2 + m/2) per option, where s is the name's straddle "
    "width over its mid (from 0.3 % for SPY, 0.7 % for QQQ, about 1 to 2 % for mega caps, 2 to "
    "6.5 % for less liquid names), a the value of the at-the-money option of the expiry and m the "
    "option's own value; at least one tick; bid rounded down and ask up to the tick, a bid under "
    "one tick is no bid. Sizes are drawn around the name's display size, larger near the money, "
    "and change every two seconds."
)

_SIZE_SECONDS = 2
_WORD = (1 << 64) - 1
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotes:
    """Top of book of a batch of contracts; a bid or ask that is absent is nan with size 0."""

    bids: Floats
    asks: Floats
    bid_sizes: NDArray[np.int64]
    ask_sizes: NDArray[np.int64]


def tick_sizes(prices: Floats, penny: NDArray[np.bool_]) -> Floats:
    """Return the quoting increment: 0.01, or 0.05 below 3.00 and 0.10 from there on."""
    return np.where(penny, 0.01, np.where(prices < 3.0, 0.05, 0.10))


def option_widths(mids: Floats, atm_values: Floats, straddle_spreads: Floats) -> Floats:
    """Return the unrounded bid-ask widths `s (a + m)/2`."""
    return straddle_spreads * 0.5 * (atm_values + mids)


def round_outward(mids: Floats, widths: Floats, penny: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return bid rounded down and ask rounded up to the tick; a bid under one tick is nan.

    The tick is that of the rounded price itself, so a price that reaches 3.00 moves to dimes.
    """
    bids = _floored(_floored(mids - 0.5 * widths, penny), penny)
    asks = _ceiled(_ceiled(mids + 0.5 * widths, penny), penny)
    asks = np.maximum(asks, np.maximum(bids, 0.0) + tick_sizes(asks, penny))
    bids = np.where(bids < tick_sizes(bids, penny) * 0.5, np.nan, bids)
    return np.round(bids, 4), np.round(asks, 4)


def _floored(prices: Floats, penny: NDArray[np.bool_]) -> Floats:
    ticks = tick_sizes(prices, penny)
    return np.floor(np.round(prices / ticks, 6)) * ticks


def _ceiled(prices: Floats, penny: NDArray[np.bool_]) -> Floats:
    ticks = tick_sizes(prices, penny)
    return np.ceil(np.round(prices / ticks, 6)) * ticks


def noise(keys: NDArray[np.uint64], salt: int) -> Floats:
    """Return uniform numbers in [0, 1) that depend on key and salt alone (splitmix64)."""
    with np.errstate(over="ignore"):
        z = keys + np.uint64(salt & 0xFFFFFFFFFFFFFFFF) * _MIX[0]
        z = (z ^ (z >> np.uint64(30))) * _MIX[1]
        z = (z ^ (z >> np.uint64(27))) * _MIX[2]
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(float) / float(1 << 53)


def noise_of(key: int, salt: int) -> float:
    """Return what `noise` gives for one key, without an array."""
    z = (key + salt * int(_MIX[0])) & _WORD
    z = ((z ^ (z >> 30)) * int(_MIX[1])) & _WORD
    z = ((z ^ (z >> 27)) * int(_MIX[2])) & _WORD
    return float((z ^ (z >> 31)) >> 11) / float(1 << 53)


def sizes(display: Floats, keys: NDArray[np.uint64], salt: int) -> NDArray[np.int64]:
    """Return displayed sizes: exponential around `display`, at least 1."""
    drawn = -np.log1p(-noise(keys, salt)) * display
    return np.maximum(1, np.rint(0.3 * display + 0.7 * drawn)).astype(np.int64)


def size_salt(seed: int, epoch_seconds: int, side: int) -> int:
    """Return the salt of a size draw; it changes every two seconds of market time."""
    return (seed * 1_000_003 + epoch_seconds // _SIZE_SECONDS) * 2 + side
