"""Sixty-five pains of shops that sell through Stripe, as far as they concern payments: the rule, and what holds it.

Each names tests by module and function; ``test_register.py`` sees that they exist and ``tests/proof/mutations.py`` that
they fail when the rule is broken.
"""

from __future__ import annotations

from typing import NamedTuple


class Pain(NamedTuple):
    """What goes wrong elsewhere, the rule that prevents it here, and the tests that hold the rule."""

    rule: str
    tests: tuple[str, ...]


START, SETTLING = "test_services_start", "test_services_settling"
WEBHOOKS, VIEWS, REGRESSIONS = "test_webhooks", "test_views", "test_regressions"
THREADS, PERMUTATIONS = "races/test_threads", "properties/test_permutations"

PAINS: dict[str, Pain] = {
    "1 2 a duplicate event crashes, or is not recognised": Pain(
        "a duplicate is a 200 without effect, by a unique id",
        (f"{WEBHOOKS}::test_duplicate_costs_at_most_three_statements",),
    ),
    "4 17 an event before the one it builds on": Pain(
        "no fact needs another to have come first",
        (f"{REGRESSIONS}::test_refund_that_names_only_its_charge_and_comes_first_is_counted",),
    ),
    "5 7 65 return page and webhook both complete the order": Pain(
        "both take the same path, under one lock",
        (f"{VIEWS}::test_return_page_is_faster_than_the_webhook",),
    ),
    "6 8 12 a customer is charged twice": Pain(
        "one live session per order, and a key that survives the attempt",
        (
            f"{START}::test_live_session_is_unique_per_order_in_the_database",
            f"{START}::test_after_an_unknown_outcome_the_same_request_is_sent_again",
        ),
    ),
    "9 a second payment goes unnoticed": Pain(
        "it is recorded, flagged and, by policy, given back",
        (
            f"{SETTLING}::test_second_payment_is_flagged_and_leaves_the_order_as_it_was",
            f"{SETTLING}::test_policy_refund_gives_the_surplus_back_once",
        ),
    ),
    "10 a reload makes another order": Pain("GET only reads", (f"{VIEWS}::test_start_is_not_for_get",)),
    "11 15 paid is told twice": Pain(
        "told exactly once, with the host's own writes",
        ("test_announcements::test_receiver_that_raises_is_tried_until_it_has_run_once",),
    ),
    "16 20 21 events out of order": Pain(
        "nothing is ordered by time, and a slow read undoes nothing",
        ("test_states::test_order_of_the_sessions_changes_nothing",),
    ),
    "18 a late failure reopens what is paid": Pain(
        "no fact about a session takes paid away",
        ("test_states::test_no_fact_about_a_session_takes_paid_away",),
    ),
    "19 success after a failure is skipped": Pain(
        "failed may become paid",
        (f"{SETTLING}::test_delayed_payment_that_fails_can_be_retried",),
    ),
    "23 a paid order is canceled by a cleanup": Pain(
        "cancel asks Stripe first",
        (f"{SETTLING}::test_cancel_of_an_order_that_was_just_paid_says_so",),
    ),
    "24 25 26 a key that clashes, or returns a dead session": Pain(
        "a key per attempt; a dead session is replaced",
        (
            f"{START}::test_host_order_is_placed_again_so_that_a_changed_price_is_charged",
            f"{START}::test_stored_failure_frees_the_order_for_another_attempt_where_stripe_made_no_session",
        ),
    ),
    "27 28 42 events of other integrations fail": Pain(
        "they are recorded as ignored, with 200",
        (f"{WEBHOOKS}::test_session_of_another_integration_is_ignored",),
    ),
    "30 a secret cannot be rolled": Pain(
        "several secrets, several signatures",
        (f"{WEBHOOKS}::test_either_of_two_secrets_and_three_signatures_pass",),
    ),
    "31 no secret lets everybody in": Pain(
        "no secret refuses every delivery",
        (f"{WEBHOOKS}::test_no_secret_configured_refuses_everything",),
    ),
    "33 an unknown type is an error": Pain(
        "it is stored as ignored",
        (f"{WEBHOOKS}::test_unknown_type_is_recorded_as_ignored",),
    ),
    "35 36 a failed event is acknowledged and lost": Pain(
        "5xx, kept, and tried again",
        (f"{WEBHOOKS}::test_failing_event_answers_500_is_kept_and_tried_again",),
    ),
    "38 39 fulfilled without payment": Pain(
        "complete and unpaid is pending",
        (f"{SETTLING}::test_delayed_payment_is_pending_then_paid",),
    ),
    "40 another order's session is accepted": Pain(
        "a session is bound to its order on our side",
        (f"{VIEWS}::test_session_of_another_order_is_not_found",),
    ),
    "41 delayed payments never arrive": Pain(
        "their events are heard, and what is lost is read",
        (f"{REGRESSIONS}::test_lost_news_of_a_delayed_payment_is_swept",),
    ),
    "43 44 wrong decimals": Pain(
        "one table, tested row by row",
        ("test_money::test_minor_units_survive_the_way_to_decimal_and_back",),
    ),
    "45 the amount drifts after the session was made": Pain(
        "what was paid is compared with the order as it is",
        (
            f"{SETTLING}::test_wrong_amount_is_recorded_withheld_and_released_by_accept",
            f"{REGRESSIONS}::test_withdrawn_discount_is_another_revision",
        ),
    ),
    "47 48 what was hoped for is recorded": Pain(
        "what Stripe took is recorded",
        (f"{SETTLING}::test_manual_capture_authorizes_and_captures_in_part",),
    ),
    "49 50 refunds are doubled or missed": Pain(
        "one row per refund, and every refund is listed",
        (
            f"{SETTLING}::test_two_partial_refunds",
            f"{SETTLING}::test_charge_refunded_rings_the_bell_and_every_refund_is_listed",
        ),
    ),
    "52 a new status of Stripe's overflows": Pain(
        "it is kept, and can be processed once it is known",
        (f"{WEBHOOKS}::test_unknown_status_is_kept_as_failed_and_can_be_processed_after_the_cause_is_mended",),
    ),
    "55 renamed parameters break the checkout": Pain(
        "old names are refused with the new ones",
        (f"{START}::test_bad_arguments_are_refused_before_any_call",),
    ),
    "61 paid but pending, and no tool to mend it": Pain(
        "reconciliation finds and mends it",
        ("test_reconcile::test_drift_is_found_then_mended_or_listed_and_the_second_run_is_clean",),
    ),
    "64 a stale session is reused": Pain(
        "one about to expire is replaced",
        (f"{START}::test_session_about_to_expire_is_replaced",),
    ),
}
