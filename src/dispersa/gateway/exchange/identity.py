"""Which contract id does an instrument have, in every run alike?

Well-known names carry IBKR's real ids; other names get a stable hash. An option's id is computed,
not stored: each trading class owns a region of ids, and expiry, strike and right give the place
inside, so a name's ids do not depend on which other options exist or in which order they are met.
"""

import zlib
from collections.abc import Iterable
from datetime import date

from dispersa.gateway.world.listings import ExpirySlice

KNOWN_IDS = {
    "AAPL": 265598, "MSFT": 272093, "NVDA": 4815747, "AMZN": 3691937, "META": 107113386,
    "GOOGL": 208813719, "GOOG": 208813720, "TSLA": 76792991, "NFLX": 15124833, "AMD": 4391,
    "INTC": 270639, "ADBE": 265768, "QCOM": 273544, "TXN": 13096, "INTU": 270662, "IBM": 8314,
    "QQQ": 320227571, "SPY": 756733, "IWM": 9579970, "SPX": 416904, "VIX": 13455763,
    "NDX": 416843, "EUR.USD": 12087792, "GBP.USD": 12087797, "AUD.USD": 14433401,
}  # fmt: skip
"""Ids that public documents and recordings show."""

_STOCK_LOW, _STOCK_SPAN = 400_000_000, 90_000_000
_REGION_LOW, _REGION_SIZE, _REGIONS = 500_000_000, 2_100_000, 780
_EXPIRY_CODES, _STRIKE_CODES = 420, 2_500
_PROBE = 1_249


def stock_ids(symbols: Iterable[str]) -> dict[str, int]:
    """Return the contract id of each underlying."""
    ids: dict[str, int] = {}
    taken = set(KNOWN_IDS.values())
    for symbol in sorted(symbols):
        found = KNOWN_IDS.get(symbol)
        if found is None:
            found = _STOCK_LOW + zlib.crc32(symbol.encode()) % _STOCK_SPAN
            while found in taken:
                found += 1
            taken.add(found)
        ids[symbol] = found
    return ids


def strike_unit(spot: float) -> float:
    """Return the strike distance that one code stands for, so that a chain fits its codes."""
    units = ((1_250.0, 0.5), (6_000.0, 2.5), (12_000.0, 5.0))
    return next((unit for edge, unit in units if spot < edge), 25.0)


def strike_codes(piece: ExpirySlice, unit: float) -> list[int]:
    """Return a distinct code per strike of a slice: its place on the grid, others probed."""
    on_grid = [abs(strike / unit - round(strike / unit)) < 1e-6 for strike in piece.strikes]
    order = sorted(range(len(on_grid)), key=lambda i: not on_grid[i])
    codes, used = [0] * len(on_grid), set[int]()
    for i in order:
        code = round(float(piece.strikes[i]) / unit) % _STRIKE_CODES
        while code in used:
            code = (code + _PROBE) % _STRIKE_CODES
        used.add(code)
        codes[i] = code
    return codes


class OptionIds:
    """The regions of the trading classes."""

    def __init__(self, trading_classes: Iterable[str]) -> None:
        self._region: dict[str, int] = {}
        self._owner: dict[int, str] = {}
        self._past: set[int] = set()
        for name in sorted(trading_classes):
            self._settle(name, zlib.crc32(name.encode()) % _REGIONS)

    def renew(self, trading_class: str) -> None:
        """Give a class, known or new, a region that no option had before."""
        before = self._region.get(trading_class)
        if before is not None:
            del self._owner[before]
            self._past.add(before)
        start = zlib.crc32(trading_class.encode()) if before is None else before + 1
        self._settle(trading_class, start % _REGIONS)

    def rename(self, before: str, after: str) -> None:
        """Let a class keep its region, and its options their ids, under another name."""
        region = self._region.pop(before)
        self._region[after], self._owner[region] = region, after

    def _settle(self, name: str, region: int) -> None:
        while region in self._owner or region in self._past:
            region = (region + 1) % _REGIONS
        self._region[name], self._owner[region] = region, name

    def id_of(self, trading_class: str, expiry: date, strike_code: int, sign: int) -> int:
        """Return the id of one option."""
        slot = (expiry.toordinal() % _EXPIRY_CODES) * 2 * _STRIKE_CODES
        slot += 2 * strike_code + (sign < 0)
        return _REGION_LOW + self._region[trading_class] * _REGION_SIZE + slot

    def parts_of(self, con_id: int) -> tuple[str, int, int, int] | None:
        """Return trading class, expiry code, strike code and sign; None for a foreign id."""
        region, slot = divmod(con_id - _REGION_LOW, _REGION_SIZE)
        owner = self._owner.get(region)
        if owner is None or con_id < _REGION_LOW:
            return None
        expiry, rest = divmod(slot, 2 * _STRIKE_CODES)
        return owner, expiry, rest // 2, -1 if rest % 2 else 1


def expiry_code(expiry: date) -> int:
    """Return the code of an expiry; distinct within the listing horizon."""
    return expiry.toordinal() % _EXPIRY_CODES
