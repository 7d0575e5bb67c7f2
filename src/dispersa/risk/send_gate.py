"""May this one order leave now, at this price?

This is the sender's half of the hard limits, asked before each send and at each reprice. It
holds every limit in code of its own: nothing here calls the planner's half.

The questions stand in a fixed order; the first no is the answer. Purposes:

    OPEN    every question
    HEDGE   shares only, towards zero delta and not beyond; none of the limits on opening
    REDUCE  must shrink each leg of a reconciled position; none of the limits that ask for less risk
"""

from dispersa.orders import Purpose
from dispersa.risk import send_capital, send_desk, send_plan, send_price
from dispersa.risk.send_ask import Ask, Question
from dispersa.risk.verdict import Denial

_ALWAYS: tuple[Question, ...] = (
    send_desk.halted,
    send_desk.link,
    send_desk.account,
    send_desk.session,
    send_desk.quiet,
    send_desk.reconciled,
    send_desk.name,
    send_plan.plan,
    send_plan.conservation,
    send_plan.duplicate,
    send_price.quote,
    send_price.price,
    send_desk.messages,
)

QUESTIONS: dict[Purpose, tuple[Question, ...]] = {
    Purpose.OPEN: (
        *_ALWAYS,
        send_capital.capital,
        send_capital.calm_market,
        send_capital.few_positions,
        send_capital.edge_left,
        send_capital.opening_size,
        send_desk.efficiency,
        send_desk.taken,
    ),
    Purpose.HEDGE: (*_ALWAYS, send_plan.hedges, send_capital.hedge_value, send_desk.taken),
    Purpose.REDUCE: (*_ALWAYS, send_plan.shrinks, send_capital.order_size),
}

_ASKED: dict[Purpose, tuple[str, ...]] = {
    purpose: tuple(question.__name__.strip("_") for question in questions)
    for purpose, questions in QUESTIONS.items()
}


def passed_questions(purpose: Purpose) -> tuple[str, ...]:
    """Names of the questions that an approved order of this purpose has passed."""
    return _ASKED[purpose]


def first_denial(ask: Ask) -> Denial | None:
    """Ask every question that binds the order's purpose; return the first no."""
    for question in QUESTIONS[ask.intent.purpose]:
        denial = question(ask)
        if denial is not None:
            return denial
    return None
