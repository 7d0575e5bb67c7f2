"""How wide and how deep are the quotes?

The spread model (`SPREAD_MODEL_TEXT`) is fitted to the real quotes that data.md calls
quotes_2026_feb and quotes_2025_nov: 14 names, six days, medians of names of medians of quotes, by
moneyness in standard deviations and by tenor. Widths in and out of the money scale differently:
out of the money with the name's own width, in the money with the value of the at-the-money option,
alike for all names. A test compares quotes with those files.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dispersa.gateway.world.kernels import Floats

SPREAD_MODEL_TEXT = (
    "Quotes: mid = the option's value; width = a (s F + G) per option, where a is the value of the "
    "at-the-money option of the expiry, s the name's straddle width over its mid (from 0.3 % for "
    "SPY, 0.7 % for QQQ, about 1 to 2 % for mega caps, 2 to 6.5 % for less liquid names), and F "
    "and G come from a table by standard deviations out of or in the money and by tenor, fitted to "
    "real quotes: F falls to a quarter far out of the money, G rises to a fifth and more far in "
    "the money; at least one tick; bid rounded down and ask up to the tick, a bid under one tick "
    "is no bid. Sizes are drawn around the name's display size, larger near the money, and change "
    "every two seconds."
)
_DEVIATIONS = np.array([-3.5, -2.5, -1.5, -0.65, 0.0, 0.35, 0.65, 1.5, 2.5, 3.5])
"""Standard deviations in the money, negative out of it."""
_TENOR_DAYS = np.array([5.0, 11.0, 18.0, 70.0, 130.0, 280.0])
_NAME_SHARES = np.array([
    [0.27, 0.27, 0.31, 0.60, 1.49, 1.49, 1.49, 1.49, 1.49, 1.49],
    [0.24, 0.24, 0.33, 0.60, 1.25, 1.25, 1.25, 1.25, 1.25, 1.25],
    [0.19, 0.24, 0.33, 0.57, 0.99, 0.99, 0.99, 0.99, 0.99, 0.99],
    [0.19, 0.24, 0.33, 0.57, 0.99, 0.99, 0.99, 0.99, 0.99, 0.99],
    [0.19, 0.19, 0.28, 0.42, 0.60, 0.60, 0.60, 0.60, 0.60, 0.60],
    [0.19, 0.19, 0.32, 0.49, 0.68, 0.68, 0.68, 0.68, 0.68, 0.68],
])  # fmt: skip
"""F: width over `s a`, a row per tenor."""
_DEPTH_SHARES = np.array([
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.026, 0.139, 0.260, 0.627],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.015, 0.103, 0.314, 0.393],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.025, 0.071, 0.204, 0.216],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.025, 0.071, 0.204, 0.216],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.020, 0.036, 0.098, 0.111],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.013, 0.037, 0.066, 0.076],
])  # fmt: skip
"""G: what is wider in the money, over `a`."""

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


def option_widths(
    deviations: Floats, years: Floats, atm_values: Floats, straddle_spreads: Floats
) -> Floats:
    """Return the unrounded bid-ask widths `a (s F + G)`; linear between the table's points.

    `deviations` is `cp ln(F/K) / (s sqrt T)`: standard deviations in the money.
    """
    column, right = _places(_DEVIATIONS, deviations)
    row, late = _places(_TENOR_DAYS, years * 365.0)

    def read(table: Floats) -> Floats:
        early = table[row, column] * (1.0 - right) + table[row, column + 1] * right
        later = table[row + 1, column] * (1.0 - right) + table[row + 1, column + 1] * right
        found: Floats = early * (1.0 - late) + later * late
        return found

    return atm_values * (straddle_spreads * read(_NAME_SHARES) + read(_DEPTH_SHARES))


def _places(points: Floats, at: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Return the point before each value and how far it is on the way to the next one."""
    at = np.clip(at, points[0], points[-1])
    place = np.clip(np.searchsorted(points, at, side="right") - 1, 0, len(points) - 2)
    return place, (at - points[place]) / (points[place + 1] - points[place])


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
