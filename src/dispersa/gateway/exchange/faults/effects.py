"""What is wrong with the data of a symbol right now?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import isnan, nan

from dispersa.gateway.exchange.directory import Instrument
from dispersa.gateway.exchange.nbbo import Nbbo
from dispersa.gateway.model import Contract, ContractDetails, SecType, TickOption

EFFECTS = frozenset({"C1", "C2", "C3", "C4", "C5", "C6", "C7", "C12", "C13", "C14", "C15", "C16",
                     "C19", "C20"})  # fmt: skip
"""Faults of the data of a symbol."""
_ABSURD_VOL, _ABSURD_DELTA = 9.0, 3.0
_OTHER_ID = 700_000_000
_HOUR_SECONDS = 3600


@dataclass(slots=True)
class DataEffects:
    """Disturbances of quotes and Greeks by symbol; `until` None means until lifted."""

    active: dict[str, dict[str, datetime | None]] = field(default_factory=dict)
    absent_right: dict[str, str] = field(default_factory=dict)

    def begin(self, code: str, symbol: str, until: datetime | None, value: str = "") -> None:
        """Disturb the data of a symbol."""
        self.active.setdefault(symbol, {})[code] = until
        if code == "C16":
            self.absent_right[symbol] = value or "P"

    def expire(self, now: datetime) -> None:
        """Lift what is over."""
        for symbol, codes in list(self.active.items()):
            kept = {code: until for code, until in codes.items() if until is None or until > now}
            if kept:
                self.active[symbol] = kept
            else:
                del self.active[symbol]

    def _has(self, instrument: Instrument, code: str) -> bool:
        return code in self.active.get(instrument.symbol, ())

    def is_still(self, instrument: Instrument) -> bool:
        """Whether nothing of this instrument is sent."""
        is_call = instrument.option is not None and instrument.option.sign > 0
        is_all = self._has(instrument, "C5") or self._has(instrument, "C6")
        return is_all or (is_call and self._has(instrument, "C7"))

    def quote(self, instrument: Instrument, true: Nbbo) -> Nbbo:
        """Return the quote as it is shown."""
        if self._has(instrument, "C3") and true.is_two_sided:
            return replace(true, bid=true.ask, ask=true.bid)
        if self._has(instrument, "C4"):
            return replace(true, bid=nan, bid_size=0)
        if self._has(instrument, "C20"):
            halves = (side if isnan(side) else round(side / 2, 2) for side in (true.bid, true.ask))
            bid, ask = halves
            return replace(true, bid=bid, ask=ask)
        return true

    def computation(self, instrument: Instrument, true: TickOption) -> TickOption:
        """Return the computation as it is shown."""
        if self._has(instrument, "C1"):
            return TickOption(kind=true.kind)
        if self._has(instrument, "C2"):
            return replace(true, implied_vol=_ABSURD_VOL, delta=_ABSURD_DELTA, vega=-1e6)
        return true

    def trade_time(self, instrument: Instrument, true: int) -> int:
        """Return the time stamp of the last trade, epoch seconds, as it is shown."""
        return true + _HOUR_SECONDS if self._has(instrument, "C19") else true

    def details(self, true: list[ContractDetails]) -> list[ContractDetails]:
        """Return contract details as they are shown."""
        shown = []
        for one in true:
            codes = self.active.get(one.contract.symbol, {})
            if "C16" in codes and one.contract.right == self.absent_right[one.contract.symbol]:
                continue
            changed = replace(one, contract=_changed(one.contract, codes))
            shown.append(changed)
            if "C14" in codes:
                twin = replace(one.contract, con_id=one.contract.con_id + _OTHER_ID)
                shown.append(replace(changed, contract=twin))
        return shown


def _changed(true: Contract, codes: Mapping[str, object]) -> Contract:
    if "C12" in codes and true.sec_type == SecType.OPTION:
        root = f"{true.trading_class}1"
        local = f"{root:<6}{true.local_symbol[6:]}"
        true = replace(true, trading_class=root, local_symbol=local, multiplier="150")
    if "C13" in codes:
        multiplier = "10" if true.multiplier else ""
        true = replace(true, multiplier=multiplier, currency="EUR")
    if "C15" in codes:
        true = replace(true, con_id=true.con_id + _OTHER_ID)
    return true
