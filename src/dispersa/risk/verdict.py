"""What did the gate answer, control by control?"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dispersa.orders import OrderRef, Purpose
from dispersa.risk.codes import CONTROLS, DenialCode

MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One control as asked: what was measured against which limit, and whether it passed."""

    code: DenialCode
    passed: bool
    measured: str
    limit: str

    @property
    def unit(self) -> str:
        """Unit of what was measured."""
        return CONTROLS[self.code].unit

    @property
    def sentence(self) -> str:
        """What was found, what was expected and, where it did not pass, what to do."""
        mend = "" if self.passed else f"; {CONTROLS[self.code].mend}"
        return f"{_found(self.code, self.measured)}; expected {self.limit}{mend}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """Every check of one plan, the four default checks of an opening plan first."""

    purpose: Purpose
    at: datetime
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed; a plan without checks has not."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        """Checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Our own no to one order: nothing of it may reach the broker."""

    ref: OrderRef
    code: DenialCode
    measured: str
    limit: str
    unit: str
    sentence: str
    mend: str
    at: datetime
    kind: Literal["denial"] = "denial"


def check_of(code: DenialCode, *, passed: bool, measured: str, limit: str) -> Check:
    """Note one check of a plan."""
    return Check(code=code, passed=passed, measured=measured, limit=limit)


def denial_of(
    code: DenialCode, *, ref: OrderRef, at: datetime, measured: str, limit: str
) -> Denial:
    """Word one denial of an order."""
    control = CONTROLS[code]
    return Denial(
        ref=ref,
        code=code,
        measured=measured,
        limit=limit,
        unit=control.unit,
        sentence=f"order {ref}: {_found(code, measured)}; expected {limit}; {control.mend}",
        mend=control.mend,
        at=at,
    )


def _found(code: DenialCode, measured: str) -> str:
    control = CONTROLS[code]
    unit = f" {control.unit}" if control.unit and measured != MISSING else ""
    return f"{control.subject} is {measured}{unit}"
