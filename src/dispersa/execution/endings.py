"""How did the program end? One of five states, explained in words."""

from dispersa.execution.plan import PlanKind
from dispersa.execution.program import PackageProgress, Program, ProgramState, balance_of


def ending(program: Program, *, was_filled: bool) -> tuple[ProgramState, str]:
    """Name the end of a program in which nothing can fill any more, and explain it in words.

    `was_filled` says whether anything was ever filled. Vega neutrality is measured on what is
    filled, at the plan's vegas; a trade outside its tolerance is LOCKED: a person has to act.
    """
    net = balance_of(program, {}).filled
    rows = list(program.packages.values())
    why = f" ({program.sentence})" if program.sentence else ""
    if not any(row.filled for row in rows):
        if was_filled:
            return ProgramState.UNWOUND, f"everything filled was traded back{why}"
        return ProgramState.CANCELLED, f"nothing was filled{why}"
    if program.plan.kind is PlanKind.PROBE:
        return _probe(rows, net, why)
    if program.plan.kind in {PlanKind.EXIT, PlanKind.ROLL} and not _short(rows):
        return _closed(program, rows, net)
    if is_neutral(program):
        return _balanced(program, rows, net, why)
    return ProgramState.LOCKED, (
        f"net vega {net:+,.0f} $/pt is outside the tolerance of {program.tolerance_usd:,.0f} and "
        f"nothing more may be done without a person: {_short(rows) or 'all packages filled'}{why}; "
        "hedge or unwind the difference, then resume"
    )


def is_neutral(program: Program) -> bool:
    """Whether filled vega is within the tolerance; one straddle alone is never neutral."""
    return abs(balance_of(program, {}).filled) <= program.tolerance_usd


def _probe(rows: list[PackageProgress], net: float, why: str) -> tuple[ProgramState, str]:
    done = all(row.filled == row.plan.quantity for row in rows)
    state = ProgramState.COMPLETED if done else ProgramState.LOCKED
    return state, (
        f"probe of {rows[0].plan.symbol}: {_short(rows) or 'filled'}; it holds {net:+,.0f} $/pt of "
        f"vega and is not neutral{why}"
    )


def _closed(program: Program, rows: list[PackageProgress], net: float) -> tuple[ProgramState, str]:
    """A closing that did all it was to do; what was held need not have been in balance."""
    done = "closed" if program.plan.kind is PlanKind.EXIT else "rolled"
    return ProgramState.COMPLETED, (
        f"all {len(rows)} packages {done}; the book's vega changed by {net:+,.0f} $/pt"
    )


def _balanced(
    program: Program, rows: list[PackageProgress], net: float, why: str
) -> tuple[ProgramState, str]:
    short = _short(rows)
    if not short:
        return ProgramState.COMPLETED, (
            f"all {len(rows)} packages filled; net vega {net:+,.0f} $/pt is within "
            f"{program.tolerance_usd:,.0f}"
        )
    return ProgramState.PARTIAL_BALANCED, (
        f"{short}; the rest was balanced by {_steps(program)}, net vega {net:+,.0f} $/pt is within "
        f"{program.tolerance_usd:,.0f}{why}"
    )


def _short(rows: list[PackageProgress]) -> str:
    """Packages that are not as planned, in words."""
    off = [row for row in rows if row.filled != row.plan.quantity]
    return ", ".join(f"{row.plan.key} {row.filled} of {row.plan.quantity}" for row in off)


def _steps(program: Program) -> str:
    used = [remedy.value for remedy in dict.fromkeys(program.remedies)]
    return " and ".join(used) if used else "its own pace"
