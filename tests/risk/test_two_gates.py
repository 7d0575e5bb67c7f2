"""The planner's and the sender's half are two pieces of code that hold the same limits."""

import ast
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from situations import (
    AT,
    FACTS,
    GATE,
    NAME,
    PLAN,
    answer,
    code_of,
    with_account,
    with_exposure,
    with_uses,
    with_vix,
)

import dispersa.risk
from dispersa.orders import Purpose
from dispersa.risk import DenialCode, GateFacts, HaltLevel, Use

ROOM = Path(dispersa.risk.__file__).parent
SEND = {"send_ask", "send_capital", "send_desk", "send_gate", "send_plan", "send_price"}
FULL = Use(premium_usd=Decimal(10**9), vega_usd=1e9, contracts=10**7)


def imported(module: str) -> set[str]:
    tree = ast.parse((ROOM / f"{module}.py").read_text(encoding="utf-8"))
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = {(node.module or "").rpartition(".")[2] for node in froms}
    return names | {alias.name for node in froms for alias in node.names}


def test_neither_half_imports_the_other() -> None:
    assert not imported("plan_gate") & SEND
    for module in SEND:
        assert "plan_gate" not in imported(module)


HARD: list[tuple[DenialCode, GateFacts]] = [
    (DenialCode.NET_LIQUIDATION, with_account(net_liquidation=Decimal(50_000))),
    (DenialCode.VIX, with_vix(30.0)),
    (DenialCode.VIX, with_vix(at=AT - timedelta(minutes=5))),
    (DenialCode.ACTIVE_POSITIONS, replace(FACTS, active_positions=3)),
    (DenialCode.GROSS_EXPOSURE, with_exposure(margin_usd=Decimal(450_000))),
    (DenialCode.MARGIN, with_account(available_funds=Decimal(0))),
    (DenialCode.ACCOUNT, with_account(account="U1")),
    (DenialCode.PAPER_OR_LIVE, with_account(is_paper=False)),
    (DenialCode.HALTED, replace(FACTS, halt=HaltLevel.HOLD)),
    (DenialCode.LINK, replace(FACTS, are_links_proven=False)),
    (DenialCode.SESSION, replace(FACTS, session=None)),
    (DenialCode.RECONCILED, replace(FACTS, reconciled_at=None)),
    (DenialCode.NAME_LOCKED, replace(FACTS, locked_names=(NAME,))),
    (DenialCode.NAME_UNKNOWN, replace(FACTS, unknown_names=(NAME,))),
    (DenialCode.DAY_PREMIUM, with_uses(day=FULL)),
    (DenialCode.BOOK_PREMIUM, with_uses(book=FULL)),
    (DenialCode.UNDERLYING_PREMIUM, with_uses(by_name={NAME: FULL})),
    (DenialCode.DAY_PROGRAMS, with_uses(programs_today=3)),
]


@pytest.mark.parametrize(("code", "facts"), HARD)
def test_each_half_alone_holds_the_hard_limit(code: DenialCode, facts: GateFacts) -> None:
    planned = {check.code for check in GATE.check_plan(PLAN, facts).failures}
    assert code in planned or (code is DenialCode.NET_LIQUIDATION and planned)
    assert code_of(answer(Purpose.OPEN, facts=facts)) in planned | {code}
