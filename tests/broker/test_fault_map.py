"""Which test answers which fault that touches the connector?

Ids are those of the project's fault catalogue, groups A (connection), B (orders), C (market data)
and E (account). A whole number is a case of the conformance table, a text is a test of this room.
Faults that the desk or the gate answers by timers and limits (A9, B13, B28 to B31, C3 to C5,
C8, C9, C19 to C21, E2, E3, E6 to E8) are not the connector's.
"""

import pytest

from . import (
    test_codes,
    test_faults,
    test_gateway_faults,
    test_lines,
    test_links,
    test_order_building,
    test_order_truth,
    test_pacer,
    test_readings,
)
from .conformance import (  # noqa: F401
    cases_connection,
    cases_data,
    cases_index,
    cases_orders,
    cases_recovery,
)
from .conformance.bench import CASES

MODULES = (
    test_codes,
    test_faults,
    test_gateway_faults,
    test_lines,
    test_links,
    test_order_building,
    test_order_truth,
    test_pacer,
    test_readings,
)
OUTAGE = "test_outage_is_lost_restored_and_trading_goes_on"
BY_NUMBER = "test_fault_of_the_order_life_is_told_as_it_is"
CUTS = "test_cuts_in_mid_frame_neither_lose_nor_repeat_an_execution"
ANY_ORDER = "test_any_order_of_duplicated_and_delayed_messages_gives_the_same_truth"

FAULTS: dict[str, tuple[str | int, ...]] = {
    "A1 TCP refused": (6, "test_nobody_listens"),
    "A2 half-open TCP": (
        OUTAGE,
        "test_unanswered_heartbeats_lose_the_link",
    ),
    "A3 reset while a frame is half sent": (CUTS,),
    "A4 reset before any acknowledgement": (89, "test_order_unanswered_at_the_loss_is_doubtful"),
    "A5 1100": (90, 91, 94, "test_what_the_gateway_says_while_we_connect_is_not_lost"),
    "A6 1102": (93,),
    "A7 1101": (92,),
    "A8 1300": (
        OUTAGE,
        "test_broker_losing_its_own_link_stops_orders_and_lets_cancels_pass",
    ),
    "A10 next id rolls back": (
        95,
        "test_ids_do_not_go_back_when_the_gateway_rolls_them_back",
        "test_order_ids_go_on_above_what_the_journal_tells_after_the_start",
    ),
    "A11 next id impossible": ("test_impossible_next_order_id_is_refused",),
    "A12 login pending": ("test_gateway_that_never_gets_ready_is_disconnected",),
    "A13 client id in use": (3, 4, "test_id_in_use_after_a_loss_waits_and_never_switches"),
    "A14 competing login": (
        "test_competing_login_takes_the_quotes_away",
        "test_refused_line_has_no_quote_and_a_reason",
    ),
    "A15 wrong account": (5, 7, "test_account_that_is_not_meant_is_refused"),
    "A16 server version": (9, 10, "test_too_old_gateway_is_refused"),
    "A17 Read-Only API": (17, 18, "test_what_if_refused_with_321_is_refused_in_words"),
    "A18 flapping link": (98, "test_same_reason_is_reported_once_while_we_try_again"),
    "A19 slow, dripping bytes": (
        "test_frames_in_single_bytes_are_read",
        "test_chopped_and_slow_stream_tells_the_same_story",
    ),
    "A20 malformed frame": (
        OUTAGE,
        "test_garbage_drops_the_link_with_a_reason",
    ),
    "B1 fill during cancel": (
        BY_NUMBER,
        ANY_ORDER,
    ),
    "B2 fill after cancelled": ("test_fill_after_the_cancel_is_reported",),
    "B3 10148": (81, 84),
    "B4 10147": (81, "test_doubtful_order_that_shows_up_again_is_working_again"),
    "B5 cancel never answered": (106, 107),
    "B6 duplicate execution": (88, ANY_ORDER),
    "B7 execution correction": ("test_correction_replaces_and_its_duplicate_does_nothing",),
    "B9 execution before openOrder": (
        "test_execution_before_the_acknowledgement_is_bound_by_its_reference",
    ),
    "B10 no orderStatus": ("test_execution_without_reference_is_bound_by_its_permanent_id",),
    "B11 status regression": (ANY_ORDER,),
    "B12 commission late or unset": ("test_unset_commission_is_unknown_and_zero_is_zero", 62),
    "B14 rejected": ("test_rejection_reaches_the_reports",),
    "B15 rejected after part fill": (
        "test_rejection_after_a_part_fill_ends_the_rest_and_keeps_the_fill",
    ),
    "B16 Inactive": ("test_inactive_alone_is_doubtful_and_after_a_rejection_adds_nothing",),
    "B17 duplicate order id": (83,),
    "B18 modify rejected": (58, "test_refused_amend_keeps_the_accepted_limit"),
    "B19 two live orders": (
        "test_two_live_orders_of_one_reference_end_only_together",
        "test_second_permanent_id_after_a_cancel_is_reported",
    ),
    "B20 cancel and modify cross": ("test_cancel_that_crosses_a_change_wins",),
    "B22 legs or combo line missing": (
        "test_filled_without_executions_is_asked_for_and_then_doubtful",
    ),
    "B23 non-guaranteed": ("test_code_of_a_new_order_gives_the_expected_report",),
    "B24 echo differs": (
        BY_NUMBER,
        "test_echo_of_another_order_is_named",
    ),
    "B25 broker changes our order": ("test_echo_of_another_order_is_doubtful",),
    "B26 overfill": (
        BY_NUMBER,
        "test_overfill_is_reported_execution_by_execution",
    ),
    "B27 pacing": (15, "test_no_second_holds_more_than_the_limit"),
    "B33 held to the next day": (80,),
    "B34 expired": ("test_expired_order_is_cancelled_as_expired",),
    "B35 manual cancel in TWS": ("test_order_cancelled_by_hand_in_tws_is_cancelled",),
    "B36 partial reads": (
        "test_snapshot_without_one_end_marker_is_no_snapshot",
        "test_late_marker_completes_no_read_and_a_second_unanswered_one_ends_the_link",
    ),
    "B37 request never answered": (
        "test_silent_request_ends_in_a_named_error",
        "test_request_refused_with_321_ends_in_a_named_error",
    ),
    "B38 halt while messages are queued": (
        "test_cancel_all_takes_back_what_waits_and_cancels_what_left",
    ),
    "C1 sentinels": ("test_one_sentinel_spoils_the_set", "test_no_price_is_none"),
    "C2 absurd Greeks": ("test_no_number_that_is_none_ever_becomes_a_greek",),
    "C6 delayed or frozen": (49, "test_delayed_ticks_are_never_called_live"),
    "C10 half day": ("test_half_day_ends_early",),
    "C11 morning and evening settlement": (101, 102),
    "C12 adjusted option": ("test_only_the_one_standard_option_of_a_strike_is_taken",),
    "C14 ambiguous contract": ("test_two_contracts_that_fit_alike_are_refused",),
    "C15 conId re-used": ("test_definitions_survive_the_disk_and_not_the_day",),
    "C16 strike missing": (27, 28),
    "C18 line limit": (38, 39, 40),
    "E1 buying power": (71, 72),
    "E4 other currency": ("test_account_reading_keeps_only_numbers_in_its_own_currency",),
    "E5 values missing": ("test_account_without_net_liquidation_is_missing",),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_has_its_tests(fault: str) -> None:
    for answer in FAULTS[fault]:
        if isinstance(answer, int):
            assert answer in CASES
        else:
            assert any(hasattr(module, answer) for module in MODULES), answer
