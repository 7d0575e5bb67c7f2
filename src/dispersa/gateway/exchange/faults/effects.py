"""What is wrong with the data of a symbol right now?"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from math import isnan, nan

from dispersa.gateway.exchange.directory import Instrument
from dispersa.gateway.exchange.nbbo import Nbbo
from dispersa.gateway.model import TickOption

_ABSURD_VOL, _ABSURD_DELTA = 9.0, 3.0


@dataclass(slots=True)
class DataEffects:
    """Disturbances of quotes and Greeks by symbol; `until` None means until lifted."""

    active: dict[str, dict[str, datetime | None]] = field(default_factory=dict)

    def begin(self, code: str, symbol: str, until: datetime | None) -> None:
        """Disturb the data of a symbol."""
        self.active.setdefault(symbol, {})[code] = until

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
        return self._has(instrument, "C5") or (is_call and self._has(instrument, "C7"))

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
