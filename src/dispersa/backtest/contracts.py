"""Which contracts exist on a past day? Numbered in the order in which they are first asked for."""

from datetime import date, timedelta
from decimal import Decimal

from dispersa.backtest.market import NameDay
from dispersa.market import (
    ConId,
    ExerciseStyle,
    OptionContract,
    Right,
    Settlement,
    Symbol,
    Underlying,
    UnderlyingKind,
)

FRIDAY = 4
WEEKS_LISTED = 10
STRIKES_EACH_SIDE = 20


class Contracts:
    """The register of one run: the same term gives the same contract, for good."""

    def __init__(self) -> None:
        self._underlyings: dict[Symbol, Underlying] = {}
        self._options: dict[tuple[Symbol, date, Decimal, Right], OptionContract] = {}
        self._number = 0

    def underlying(self, name: NameDay) -> Underlying:
        """Return the underlying of a name."""
        known = self._underlyings.get(name.symbol)
        if known is None:
            known = Underlying(con_id=self._next(), symbol=name.symbol, kind=name.kind)
            self._underlyings[name.symbol] = known
        return known

    def option(self, name: NameDay, expiry: date, strike: Decimal, right: Right) -> OptionContract:
        """Return one option: European and cash-settled on an index, else American on shares."""
        key = (name.symbol, expiry, strike, right)
        known = self._options.get(key)
        if known is None:
            is_index = name.kind is UnderlyingKind.INDEX
            known = OptionContract(
                con_id=self._next(),
                symbol=name.symbol,
                expiry=expiry,
                strike=strike,
                right=right,
                trading_class=name.symbol,
                style=ExerciseStyle.EUROPEAN if is_index else ExerciseStyle.AMERICAN,
                settlement=Settlement.CASH_PM if is_index else Settlement.SHARES,
            )
            self._options[key] = known
        return known

    def _next(self) -> ConId:
        self._number += 1
        return ConId(self._number)


def listed_expiries(name: NameDay, today: date) -> tuple[date, ...]:
    """Expiries of a name: those of the data, else every Friday of the next ten weeks."""
    if name.expiries:
        return tuple(day for day in name.expiries if day > today)
    first = today + timedelta(days=(FRIDAY - today.weekday()) % 7 or 7)
    return tuple(first + timedelta(weeks=week) for week in range(WEEKS_LISTED))


def listed_strikes(name: NameDay) -> tuple[Decimal, ...]:
    """Strikes of a name: those of the data, else a grid by the usual steps around the spot."""
    if name.strikes:
        return tuple(Decimal(str(strike)) for strike in name.strikes)
    step = _step(name.spot)
    middle = int(Decimal(str(name.spot)) / step)
    first = max(middle - STRIKES_EACH_SIDE, 1)
    return tuple(step * number for number in range(first, middle + STRIKES_EACH_SIDE + 2))


def _step(spot: float) -> Decimal:
    """Step between strikes near the money, as exchanges list weekly options."""
    steps = ((5.0, "0.1"), (25.0, "0.5"), (100.0, "1"), (250.0, "2.5"), (1000.0, "5"))
    return next((Decimal(step) for below, step in steps if spot < below), Decimal(10))
