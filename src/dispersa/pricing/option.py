"""Option: the scalar face - one option, plain numbers in, plain numbers out."""

import math
from dataclasses import dataclass, replace

import numpy as np

from dispersa.errors import InvalidInput
from dispersa.market import ExerciseStyle, Right
from dispersa.pricing import american, american_implied, black, implied
from dispersa.pricing.black import Greeks
from dispersa.pricing.contracts import Carry, DividendModel
from dispersa.pricing.quality import JudgedVol, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionGreeks:
    """Price and sensitivities of one option per share; units as `black.Greeks`."""

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float
    vanna: float
    volga: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option on a spot, with what is needed to value it.

    `dividends` are (years to the ex-date, cash per share). A European option with cash dividends
    is priced on the forward less their present value.

    >>> put = Option(spot=100.0, strike=100.0, years=45 / 365, rate=0.05, right=Right.PUT)
    >>> round(put.greeks(0.25).price, 3)
    3.237
    """

    spot: float
    strike: float
    years: float
    rate: float
    right: Right
    style: ExerciseStyle = ExerciseStyle.AMERICAN
    dividend_yield: float = 0.0
    dividends: tuple[tuple[float, float], ...] = ()
    model: DividendModel = DividendModel.SPOT_JUMP

    def greeks(self, vol: float) -> OptionGreeks:
        """Price and Greeks at a vol; raises `InvalidInput` where the model does not apply."""
        found = self._greeks(vol)
        if found.status != Status.OK:
            reason = Status(int(found.status)).sentence
            raise InvalidInput(f"can not value {self} at vol {vol}: {reason}")
        names = OptionGreeks.__dataclass_fields__
        return OptionGreeks(**{name: float(getattr(found, name)) for name in names})

    def implied_vol(self, price: float) -> float:
        """The vol at which the option is worth `price`; raises `InvalidInput` if there is none."""
        found = self._implied(price)
        if found.status != Status.OK:
            reason = Status(int(found.status)).sentence
            raise InvalidInput(f"no implied vol for price {price} of {self}: {reason}")
        return float(found.vol)

    @property
    def _is_call(self) -> bool:
        return self.right is Right.CALL

    @property
    def _carry(self) -> Carry:
        return Carry(
            dividend_yield=self.dividend_yield,
            ex_years=[years for years, _ in self.dividends],
            amounts=[amount for _, amount in self.dividends],
            model=self.model,
        )

    @property
    def _dividends_present_value(self) -> float:
        alive = [(t, a) for t, a in self.dividends if 0 < t <= self.years]
        return sum(a * math.exp(-self.rate * t) for t, a in alive)

    @property
    def _forward(self) -> float:
        growth = math.exp((self.rate - self.dividend_yield) * self.years)
        return (self.spot - self._dividends_present_value) * growth

    @property
    def _discount(self) -> float:
        return math.exp(-self.rate * self.years)

    def _greeks(self, vol: float) -> Greeks:
        terms = (self.strike, vol, self.years)
        if self.style is ExerciseStyle.AMERICAN:
            return american.greeks(self.spot, *terms, self.rate, self._is_call, self._carry)
        held_back = self._dividends_present_value
        under = self.spot - held_back  # what diffuses; the dividends' value grows at the rate
        found = black.greeks(self._forward, *terms, self._discount, self._is_call, under)
        theta = np.asarray(found.theta - self.rate * held_back * found.delta)
        return replace(found, theta=theta)

    def _implied(self, price: float) -> JudgedVol:
        if self.style is ExerciseStyle.AMERICAN:
            option = (self.spot, self.strike, self.years, self.rate, self._is_call)
            return american_implied.implied_vol(price, *option, self._carry)
        terms = (self._forward, self.strike, self.years, self._discount, self._is_call)
        return implied.implied_vol(price, *terms)
