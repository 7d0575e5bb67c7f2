"""Send gate: is this the order that was approved, once, and of the purpose it claims?"""

from dispersa.market import Underlying
from dispersa.risk.codes import DenialCode
from dispersa.risk.send_ask import Ask
from dispersa.risk.verdict import MISSING, Denial

_C = DenialCode


def plan(ask: Ask) -> Denial | None:
    """Deny unless side and contracts are those of the approved plan."""
    intent, context = ask.intent, ask.context
    if intent.side is not context.approved_side:
        return ask.no(_C.NOT_IN_PLAN, f"a {intent.side}", f"a {context.approved_side}")
    sent = {int(leg.contract.con_id) for leg in intent.combo.legs}
    approved = {int(con_id) for con_id in context.approved_con_ids}
    if sent != approved:
        return ask.no(_C.NOT_IN_PLAN, f"on contracts {sorted(sent)}", sorted(approved))
    return None


def conservation(ask: Ask) -> Denial | None:
    """Deny unless filled, working and asked-for units stay within the approved quantity."""
    context, left = ask.context, ask.context.units_left
    if context.filled_units < 0 or context.reserved_units < 0 or ask.units < 1:
        found = f"{ask.units} with {context.reserved_units} reserved"
        return ask.no(_C.CONSERVATION, found, "at least 1, with none negative")
    wanted = ask.units + context.reserved_units
    if wanted > left:
        return ask.no(_C.CONSERVATION, wanted, f"at most {left}")
    return None


def duplicate(ask: Ask) -> Denial | None:
    """Deny unless this is the only live order of its package, under a new reference."""
    if ask.context.live_refs:
        return ask.no(_C.DUPLICATE, ", ".join(ask.context.live_refs), "none")
    if not ask.is_amend and not ask.context.is_ref_new:
        return ask.no(_C.DUPLICATE, f"a used reference, {ask.intent.ref}", "a new reference")
    return None


def shrinks(ask: Ask) -> Denial | None:
    """Each leg must go towards zero and not beyond, other working reductions included."""
    held = {row.con_id: row.quantity for row in ask.context.held}
    units = ask.units + ask.context.reserved_units
    for leg in ask.intent.combo.legs:
        now = held.get(leg.contract.con_id)
        change = units * leg.ratio * leg.side.sign * ask.intent.side.sign
        if now is None or not now.is_finite() or now * change >= 0 or abs(change) > abs(now):
            found = f"{'nothing' if now is None else now} held, {change:+d} asked"
            return ask.no(_C.NOT_REDUCING, found, "less of what is held in each leg")
    return None


def hedges(ask: Ask) -> Denial | None:
    """Deny unless the order moves net delta towards zero, by shares alone."""
    legs, delta = ask.intent.combo.legs, ask.context.delta_shares
    towards = "shares alone, towards zero delta"
    if len(legs) != 1 or not isinstance(legs[0].contract, Underlying):
        return ask.no(_C.NOT_A_HEDGE, "an order on options", towards)
    if delta is None or not abs(delta) < float("inf"):
        return ask.no(_C.NOT_A_HEDGE, MISSING if delta is None else delta, towards)
    units = (ask.units + ask.context.reserved_units) * legs[0].ratio
    change = units * legs[0].side.sign * ask.intent.side.sign
    # Half a share is as near to zero as whole shares come.
    if delta * change >= 0 or abs(change) > abs(delta) + 0.5:
        return ask.no(_C.NOT_A_HEDGE, f"{delta:.1f} with {change:+d}", towards)
    return None
