"""How much may a package pay, so that the program's money buys the most vega?

The program has one budget for slippage, a multiple of what the plan expects. One price per dollar
of vega holds for all: the cheapest vega may be paid for up to its half-spread, the dearest only as
far as the money reaches.

    find lambda with  sum over open packages of  min(h_i, lambda v_i) n_i  =  money left
    allowance_i = min(h_i, lambda v_i)

h_i half-spread and v_i vega of one straddle in dollars, n_i straddles left.
"""

from decimal import Decimal

from dispersa.execution.program import PackageProgress, Program
from dispersa.market import to_decimal
from dispersa.orders import Purpose


def budget_usd(program: Program) -> Decimal:
    """Slippage that the program may pay in all."""
    return program.plan.cost_expected_usd * to_decimal(program.policy.budget_multiple)


def allowance(program: Program, row: PackageProgress) -> Decimal | None:
    """Dollars per share that a walk of `row` may pay; None where the money reaches for all.

    Trading back is not held up by the budget: what is unbalanced costs more.
    """
    if row.purpose is Purpose.REDUCE:
        return None
    left = float(budget_usd(program) - program.slippage_usd)
    price = vega_price(program, left)
    if price is None:
        return None
    return to_decimal(price * row.plan.vega_usd / row.plan.straddle.multiplier)


def vega_price(program: Program, left: float) -> float | None:
    """Dollars that one dollar of vega may cost, None where `left` pays every half-spread."""
    rows = [row for row in program.packages.values() if row.is_open and row.gap > 0]
    costs = sorted((half_spread_usd(row) / row.plan.vega_usd, row.plan.key, row) for row in rows)
    vega = sum(row.plan.vega_usd * row.remaining for row in rows)
    for cost, _, row in costs:
        price = max(left, 0.0) / vega
        if price < cost:
            return price
        left -= half_spread_usd(row) * row.remaining
        vega -= row.plan.vega_usd * row.remaining
    return None


def half_spread_usd(row: PackageProgress) -> float:
    """Half of the planned quote's width in dollars per straddle; nothing where it has none."""
    return float(row.plan.quote.width or 0) / 2 * row.plan.straddle.multiplier
