"""The planner's gate: every control answers, the four default checks first."""

from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from situations import (
    AT,
    FACTS,
    GATE,
    NAME,
    PACKAGE,
    PLAN,
    SESSION,
    with_account,
    with_exposure,
    with_messages,
    with_uses,
    with_vix,
)

from dispersa.market import DataKind, Symbol
from dispersa.orders import Purpose
from dispersa.risk import (
    CONTROLS,
    Cap,
    DenialCode,
    EdgeMeasured,
    EdgeWaived,
    Gate,
    GateFacts,
    HaltLevel,
    Limits,
    PlanRequest,
    QuietWindow,
    Use,
)

C = DenialCode
NAN = Decimal("NaN")


def failures(
    request: PlanRequest = PLAN, facts: GateFacts = FACTS, limits: Limits | None = None
) -> list[DenialCode]:
    gate = GATE if limits is None else Gate(limits)
    return [check.code for check in gate.check_plan(request, facts).failures]


def package(**changes: Any) -> PlanRequest:
    return replace(PLAN, packages=(replace(PACKAGE, **changes),))


def test_calm_plan_passes_every_check_and_the_default_four_come_first() -> None:
    verdict = GATE.check_plan(PLAN, FACTS)
    assert verdict.passed
    assert [check.code for check in verdict.checks[:4]] == [
        C.NET_LIQUIDATION,
        C.VIX,
        C.ACTIVE_POSITIONS,
        C.GROSS_EXPOSURE,
    ]
    assert len({check.code for check in verdict.checks}) == len(verdict.checks)


def test_check_names_measure_limit_and_unit_in_one_sentence() -> None:
    check = GATE.check_plan(PLAN, FACTS).checks[3]
    # max(100,000; 200,000) + 50,000 of hedge stock against half of 1,000,000
    assert (check.measured, check.unit) == ("250,000.00", "USD")
    assert check.sentence == (
        "gross exposure after the trade is 250,000.00 USD; expected below 500,000.00 "
        "(50% of net liquidation)"
    )


@pytest.mark.parametrize(
    ("request_", "measured"),
    [
        (PLAN, "LONG_DISPERSION, 2 packages"),
        (replace(PLAN, packages=()), "empty"),
        (package(quantity=0), "without usable numbers for ['QQQ'], naming [] twice"),
    ],
)
def test_shape_of_the_plan_is_said(request_: PlanRequest, measured: str) -> None:
    checks = {check.code: check for check in GATE.check_plan(request_, FACTS).checks}
    assert checks[C.PLAN_SHAPE].measured == measured


def test_failed_check_says_the_mend() -> None:
    [check] = GATE.check_plan(PLAN, with_vix(30.0)).failures
    assert check.sentence.endswith(CONTROLS[C.VIX].mend)


ROWS: list[tuple[str, GateFacts, list[DenialCode]]] = [
    ("capital a cent above", with_account(net_liquidation=Decimal("50000.01")), [
        C.GROSS_EXPOSURE,
    ]),
    ("capital at its minimum", with_account(net_liquidation=Decimal(50_000)), [
        C.NET_LIQUIDATION, C.GROSS_EXPOSURE,
    ]),
    ("vix just below", with_vix(29.99), []),
    ("vix at its limit", with_vix(30.0), [C.VIX]),
    ("vix above", with_vix(80.0), [C.VIX]),
    ("vix at the oldest", with_vix(at=AT - timedelta(seconds=60)), []),
    ("vix too old", with_vix(at=AT - timedelta(seconds=61)), [C.VIX]),
    ("vix from the future", with_vix(at=AT + timedelta(seconds=3)), [C.VIX]),
    ("vix delayed", with_vix(kind=DataKind.DELAYED), [C.VIX]),
    ("vix not a number", with_vix(float("nan")), [C.VIX]),
    ("vix zero", with_vix(0.0), [C.VIX]),
    ("no vix", replace(FACTS, vix=None), [C.VIX]),
    ("no positions", replace(FACTS, active_positions=0), []),
    ("positions below zero", replace(FACTS, active_positions=-1), [C.ACTIVE_POSITIONS]),
    ("two positions", replace(FACTS, active_positions=2), []),
    ("three positions", replace(FACTS, active_positions=3), [C.ACTIVE_POSITIONS]),
    ("positions unknown", replace(FACTS, active_positions=None), [C.ACTIVE_POSITIONS]),
    ("exposure a cent below", with_exposure(margin_usd=Decimal("449999.99")), []),
    ("exposure at its limit", with_exposure(margin_usd=Decimal(450_000)), [C.GROSS_EXPOSURE]),
    ("short stock counts too", with_exposure(hedge_stock_usd=Decimal(-300_000)), [
        C.GROSS_EXPOSURE,
    ]),
    ("exposure not computed", with_exposure(margin_usd=None), [C.GROSS_EXPOSURE]),
    (
        "signaling not a number",
        with_account(net_liquidation=Decimal("sNaN")),
        [C.NET_LIQUIDATION, C.GROSS_EXPOSURE, C.MARGIN],
    ),
    ("exposure not a number", with_exposure(premium_usd=NAN), [C.GROSS_EXPOSURE]),
    ("margin to the cent", with_account(available_funds=Decimal(320_000)), []),
    ("margin a cent short", with_account(available_funds=Decimal("319999.99")), [C.MARGIN]),
    (
        "uses not known",
        replace(FACTS, uses=None),
        [
            C.DAY_PREMIUM,
            C.DAY_VEGA,
            C.DAY_CONTRACTS,
            C.UNDERLYING_PREMIUM,
            C.UNDERLYING_VEGA,
            C.UNDERLYING_CONTRACTS,
            C.BOOK_PREMIUM,
            C.BOOK_VEGA,
            C.BOOK_CONTRACTS,
            C.DAY_PROGRAMS,
        ],
    ),
    ("no account", replace(FACTS, account=None), [
        C.NET_LIQUIDATION, C.GROSS_EXPOSURE, C.MARGIN, C.ACCOUNT, C.ACCOUNT_AGE, C.PAPER_OR_LIVE,
    ]),
    ("another account", with_account(account="U1"), [C.ACCOUNT]),
    ("another currency", with_account(currency="EUR"), [C.ACCOUNT]),
    ("old account values", with_account(at=AT - timedelta(seconds=301)), [C.ACCOUNT_AGE]),
    ("live without opt-in", with_account(is_paper=False), [C.PAPER_OR_LIVE]),
    ("halted", replace(FACTS, halt=HaltLevel.HOLD), [C.HALTED]),
    ("links", replace(FACTS, are_links_proven=False), [C.LINK]),
    ("no session", replace(FACTS, session=None), [C.SESSION]),
    ("not reconciled", replace(FACTS, reconciled_at=None), [C.RECONCILED]),
    ("locked name", replace(FACTS, locked_names=(NAME,)), [C.NAME_LOCKED]),
    ("unknown order", replace(FACTS, unknown_names=(NAME,)), [C.NAME_UNKNOWN]),
    ("other name locked", replace(FACTS, locked_names=(Symbol("MSFT"),)), []),
    ("third program", with_uses(programs_today=2), []),
    ("fourth program", with_uses(programs_today=3), [C.DAY_PROGRAMS]),
    ("two rejects", replace(FACTS, rejects_in_a_row=2), []),
    ("three rejects", replace(FACTS, rejects_in_a_row=3), [C.REJECTS_IN_A_ROW]),
    ("messages left", with_messages(today=7_998), []),
    ("messages used up", with_messages(today=7_999), [C.MESSAGES_OF_DAY]),
    ("day full", with_uses(day=Use(premium_usd=Decimal(471_001), vega_usd=12_401.0,
                                   contracts=1_961)),
     [C.DAY_PREMIUM, C.DAY_VEGA, C.DAY_CONTRACTS]),
    ("day to the brim", with_uses(day=Use(premium_usd=Decimal(471_000), vega_usd=12_400.0,
                                          contracts=1_960)), []),
    ("name full", with_uses(by_name={"AAPL": Use(premium_usd=Decimal(9_991_001),
                                                 vega_usd=298_701.0, contracts=9_981)}),
     [C.UNDERLYING_PREMIUM, C.UNDERLYING_VEGA, C.UNDERLYING_CONTRACTS]),
    ("book full", with_uses(book=Use(premium_usd=Decimal(40_000_000), vega_usd=1_200_000.0,
                                     contracts=80_000)),
     [C.BOOK_PREMIUM, C.BOOK_VEGA, C.BOOK_CONTRACTS]),
    ("book vega not a number", with_uses(book=Use(premium_usd=Decimal(0), vega_usd=float("nan"),
                                                  contracts=0)), [C.BOOK_VEGA]),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "expected"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_facts_fail_exactly_these_checks(facts: GateFacts, expected: list[DenialCode]) -> None:
    assert failures(facts=facts) == expected


def small(scope: str, **changes: Any) -> Limits:
    """Limits whose `scope` is just below what PLAN asks for: 29,000 USD, 2,600 vega, 40."""
    order = Cap(premium_usd_max=Decimal(1_000), vega_usd_max=100.0, contracts_max=5)
    return Limits(**{"order": order, scope: Cap(**changes)})


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (small("package", premium_usd_max=Decimal(19_999), vega_usd_max=1299.0, contracts_max=19),
         [C.PACKAGE_PREMIUM, C.PACKAGE_VEGA, C.PACKAGE_CONTRACTS]),
        (small("package", premium_usd_max=Decimal(20_000), vega_usd_max=1300.0, contracts_max=20),
         []),
        (Limits(restricted=(NAME,)), [C.RESTRICTED]),
        (
            Limits(quiet_windows=(QuietWindow(start=time(10, 30), end=time(11)),)),
            [C.QUIET_WINDOW],
        ),
        (Limits(quiet_windows=(QuietWindow(start=time(10), end=time(10, 30)),)), []),
        (Limits(edge_min_vol_points=0.8), [C.EDGE]),
        (Limits(edge_min_vol_points=0.79), []),
    ],
)  # fmt: skip
def test_limits_fail_exactly_these_checks(limits: Limits, expected: list[DenialCode]) -> None:
    assert failures(limits=limits) == expected


def test_program_caps_hold_the_sum_of_the_packages() -> None:
    cap = Cap(premium_usd_max=Decimal(28_999), vega_usd_max=2_599.0, contracts_max=39)
    limits = Limits(
        order=Cap(premium_usd_max=Decimal(1_000), vega_usd_max=100.0, contracts_max=5),
        package=cap,
        program=cap,
    )
    assert failures(limits=limits) == [C.PROGRAM_PREMIUM, C.PROGRAM_VEGA, C.PROGRAM_CONTRACTS]


@pytest.mark.parametrize(
    "request_",
    [
        replace(PLAN, packages=()),
        package(quantity=0),
        package(multiplier=0),
        package(contracts_per_unit=0),
        package(premium_usd=None),
        package(premium_usd=NAN),
        package(premium_usd=Decimal(0)),
        package(vega_usd=None),
        package(vega_usd=float("inf")),
        replace(PLAN, packages=(PACKAGE, PACKAGE)),
    ],
)
def test_plan_without_usable_numbers_fails_on_its_shape(request_: PlanRequest) -> None:
    assert failures(request_) == [C.PLAN_SHAPE]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"margin_modelled_usd": Decimal(700_000), "margin_what_if_usd": None}, []),
        ({"margin_modelled_usd": Decimal(700_001), "margin_what_if_usd": None}, [C.MARGIN]),
        ({"margin_modelled_usd": Decimal(1), "margin_what_if_usd": Decimal(700_001)}, [C.MARGIN]),
        ({"margin_modelled_usd": Decimal(700_001), "margin_what_if_usd": Decimal(1)}, [C.MARGIN]),
        ({"margin_modelled_usd": None, "margin_what_if_usd": Decimal(1)}, [C.MARGIN]),
        ({"margin_modelled_usd": Decimal(1), "margin_what_if_usd": NAN}, [C.MARGIN]),
        ({"edge": EdgeMeasured(vol_points=None)}, [C.EDGE]),
        ({"edge": EdgeMeasured(vol_points=float("nan"))}, [C.EDGE]),
        ({"edge": EdgeMeasured(vol_points=-0.1)}, [C.EDGE]),
        ({"edge": EdgeWaived(label="demo")}, []),
        ({"edge": EdgeWaived(label="")}, [C.EDGE]),
    ],
)
def test_larger_margin_binds_and_edge_is_measured_or_waived_by_label(
    changes: dict[str, Any], expected: list[DenialCode]
) -> None:
    assert failures(replace(PLAN, **changes)) == expected


@pytest.mark.parametrize(
    ("at", "passes"),
    [
        (SESSION.opens + timedelta(seconds=59), False),
        (SESSION.opens + timedelta(seconds=60), True),
        (SESSION.closes - timedelta(seconds=300), True),
        (SESSION.closes - timedelta(seconds=299), False),
        (SESSION.closes, False),
        (SESSION.opens - timedelta(hours=12), False),
    ],
)
def test_session_margins_of_the_plan(at: Any, passes: bool) -> None:
    assert (C.SESSION not in failures(facts=replace(FACTS, at=at))) is passes


def test_plan_to_reduce_is_asked_none_of_the_limits_on_opening() -> None:
    worst = replace(
        with_account(net_liquidation=Decimal(1), available_funds=Decimal(-9_999_999)),
        vix=with_vix(80.0).vix,
        active_positions=99,
        exposure_after=with_exposure(margin_usd=None).exposure_after,
        uses=with_uses(
            programs_today=99,
            book=Use(premium_usd=Decimal(10**11), vega_usd=1e9, contracts=10**8),
        ).uses,
    )
    request = replace(PLAN, purpose=Purpose.REDUCE, edge=EdgeMeasured(vol_points=None))
    assert GATE.check_plan(request, worst).passed


def test_verdict_without_checks_has_not_passed() -> None:
    verdict = GATE.check_plan(PLAN, FACTS)
    assert not replace(verdict, checks=()).passed
