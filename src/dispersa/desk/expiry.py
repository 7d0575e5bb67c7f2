"""What is due on which leg: last trading day, settlement, early exercise, pin risk?

A call is exercised before an ex-date when the dividend is worth more than what is given up,

    D > K (1 - exp(-r tau)) + P        (quantitative reference, section 3; block D)

by us for what we hold, and against us for what we are short.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from dispersa.market import ExerciseStyle, OptionContract, Right, Settlement, to_float

DAYS_PER_YEAR = 365.0
SATURDAY = 5


class Duty(StrEnum):
    """What a leg calls for."""

    EXERCISE = "exercise"
    ASSIGNMENT_LIKELY = "assignment_likely"
    PIN_RISK = "pin_risk"
    CLOSE_BEFORE_EXPIRY = "close_before_expiry"
    SETTLEMENTS_DIFFER = "settlements_differ"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryPolicy:
    """When a leg is worth a word; `pin_share` is of spot, days are calendar days."""

    pin_share: float = 0.01
    pin_days: int = 1
    close_days: int = 7
    rate: float = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class Dividend:
    """The next cash dividend of a name, in dollars per share."""

    ex_date: date
    amount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOption:
    """One option held, signed, with the value of the put of its strike and its next dividend.

    `put_value` per share; None where it is not quoted, and then nothing is said about exercise.
    """

    option: OptionContract
    quantity: Decimal
    spot: float
    put_value: float | None = None
    dividend: Dividend | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is due on one leg, and by when; `sentence` says what to do."""

    duty: Duty
    option: OptionContract
    by: date
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRow:
    """The dates of one leg held."""

    option: OptionContract
    quantity: Decimal
    last_trading_day: date
    settles: str
    days: int


def last_trading_day(option: OptionContract) -> date:
    """Last day on which the option trades: the weekday before, where the morning settles it."""
    if option.settlement is not Settlement.CASH_AM:
        return option.expiry
    day = option.expiry - timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day -= timedelta(days=1)
    return day


def calendar(held: tuple[HeldOption, ...], today: date) -> tuple[CalendarRow, ...]:
    """Every leg held, the first to end first."""
    words = {
        Settlement.SHARES: "shares, at the close",
        Settlement.CASH_PM: "cash, at the close",
        Settlement.CASH_AM: "cash, at the opening",
    }
    rows = (
        CalendarRow(
            option=row.option,
            quantity=row.quantity,
            last_trading_day=last_trading_day(row.option),
            settles=words[row.option.settlement],
            days=(last_trading_day(row.option) - today).days,
        )
        for row in held
    )
    return tuple(sorted(rows, key=lambda row: (row.last_trading_day, row.option.label)))


def notices(held: tuple[HeldOption, ...], policy: ExpiryPolicy, today: date) -> tuple[Notice, ...]:
    """Everything that is due, the most urgent first."""
    found = [note for row in held for note in _of_leg(row, policy, today)]
    found.extend(_mixed(held, policy, today))
    return tuple(sorted(found, key=lambda note: (note.by, note.duty, note.option.label)))


def _of_leg(row: HeldOption, policy: ExpiryPolicy, today: date) -> list[Notice]:
    rows = (_exercise(row, policy, today), _pin(row, policy, today), _floor(row, policy, today))
    return [note for note in rows if note is not None]


def gain_of_exercise(row: HeldOption, policy: ExpiryPolicy) -> float | None:
    """What exercising a call on the eve of the ex-date gains, per share; None where unknown."""
    option, dividend, put = row.option, row.dividend, row.put_value
    if option.right is not Right.CALL or option.style is not ExerciseStyle.AMERICAN:
        return None
    if dividend is None or put is None or not dividend.ex_date <= option.expiry:
        return None
    years = (option.expiry - dividend.ex_date).days / DAYS_PER_YEAR
    interest = -to_float(option.strike) * math.expm1(-policy.rate * years)
    if row.spot <= to_float(option.strike):
        return None
    return dividend.amount - interest - put


def _exercise(row: HeldOption, policy: ExpiryPolicy, today: date) -> Notice | None:
    gain = gain_of_exercise(row, policy)
    dividend = row.dividend
    if gain is None or dividend is None or gain <= 0 or not today < dividend.ex_date:
        return None
    by = dividend.ex_date - timedelta(days=1)
    label, size = row.option.label, abs(row.quantity)
    if row.quantity > 0:
        duty, words = Duty.EXERCISE, "exercise or sell them by then, or the dividend is lost"
    else:
        duty = Duty.ASSIGNMENT_LIKELY
        words = "buy them back by then, or expect to deliver the shares and owe the dividend"
    return Notice(
        duty=duty,
        option=row.option,
        by=by,
        sentence=(
            f"{size} {label}: the dividend of {dividend.amount:.2f} on {dividend.ex_date} is worth "
            f"{gain:.2f} a share more than holding the call; {words}"
        ),
    )


def _pin(row: HeldOption, policy: ExpiryPolicy, today: date) -> Notice | None:
    """A short option that may or may not be assigned leaves an unknown position overnight."""
    option = row.option
    days = (last_trading_day(option) - today).days
    is_physical = option.settlement is Settlement.SHARES
    if row.quantity >= 0 or not is_physical or not 0 <= days <= policy.pin_days:
        return None
    away = abs(row.spot - to_float(option.strike)) / row.spot
    if away > policy.pin_share:
        return None
    return Notice(
        duty=Duty.PIN_RISK,
        option=option,
        by=option.expiry,
        sentence=(
            f"{abs(row.quantity)} {option.label} short are {away:.2%} from the strike with {days} "
            "days left: nobody knows how many will be assigned; buy them back before the close"
        ),
    )


def _floor(row: HeldOption, policy: ExpiryPolicy, today: date) -> Notice | None:
    last = last_trading_day(row.option)
    days = (last - today).days
    if not 0 <= days <= policy.close_days:
        return None
    return Notice(
        duty=Duty.CLOSE_BEFORE_EXPIRY,
        option=row.option,
        by=last,
        sentence=f"{row.quantity:+f} {row.option.label} ends in {days} days; close or roll it",
    )


def _mixed(held: tuple[HeldOption, ...], policy: ExpiryPolicy, today: date) -> list[Notice]:
    """Morning-settled index legs end a day before the names': a day of naked gamma."""
    morning = [row for row in held if row.option.settlement is Settlement.CASH_AM]
    days = {row.option.expiry for row in held if row.option.settlement is not Settlement.CASH_AM}
    return [
        Notice(
            duty=Duty.SETTLEMENTS_DIFFER,
            option=row.option,
            by=last_trading_day(row.option),
            sentence=(
                f"{row.option.label} stops trading on {last_trading_day(row.option)} and settles "
                "at the next opening, while the names trade to the close: close the names with it"
            ),
        )
        for row in morning
        if row.option.expiry in days
        and 0 <= (last_trading_day(row.option) - today).days <= policy.close_days
    ]
