"""Problems reported about other integrations, with the rule that prevents each and the tests of the rule.

A number is that of a report about payments in a list of 65, a name with a number an issue of a public repository.

``test_register.py`` checks that the tests exist, ``tests/proof/mutations.py`` that they fail when the rule is broken.
"""

from __future__ import annotations

from typing import NamedTuple


class Pain(NamedTuple):
    """A problem of other integrations: the rule that prevents it here, and the tests of the rule."""

    rule: str
    tests: tuple[str, ...]


START, SETTLING = "test_services_start", "test_services_syncing"
WEBHOOKS, VIEWS = "test_webhooks", "test_views"
HOST, CONTENT = "test_host_settings", "test_services_content"
THREADS, PERMUTATIONS = "races/test_threads", "properties/test_permutations"

PAINS: dict[str, Pain] = {
    "1 2 a duplicate event crashes, or is not recognized": Pain(
        "a duplicate is found by its unique id and answered with 200",
        (f"{WEBHOOKS}::test_duplicate_costs_at_most_three_statements",),
    ),
    "4 17 an event arrives before one that it depends on": Pain(
        "no fact depends on another",
        ("test_ownership::test_refund_that_arrives_first_and_names_only_its_charge_is_counted",),
    ),
    "5 7 65 return page and webhook both complete the order": Pain(
        "both use the same code, with one lock",
        (f"{VIEWS}::test_return_page_does_not_wait_for_the_webhook",),
    ),
    "6 8 12 a customer is charged twice": Pain(
        "one live session per order, and one key for all retries",
        (
            f"{START}::test_live_session_is_unique_per_order_in_the_database",
            f"{START}::test_same_request_is_sent_again_after_an_unknown_outcome",
        ),
    ),
    "9 a second payment is not noticed": Pain(
        "it is recorded, flagged and, depending on the setting, refunded",
        (
            f"{SETTLING}::test_second_payment_is_flagged_and_leaves_the_order_unchanged",
            f"{SETTLING}::test_policy_refund_refunds_the_surplus_once",
        ),
    ),
    "10 a reload creates another order": Pain("GET only reads", (f"{VIEWS}::test_start_refuses_get",)),
    "11 15 an order is announced as paid twice": Pain(
        "announced once, in one transaction with the host's writes",
        ("test_announcements::test_receiver_that_raises_is_retried_until_it_succeeds_once",),
    ),
    "16 20 21 events out of order": Pain(
        "nothing is ordered by time, and a slow read undoes nothing",
        ("test_states::test_order_of_the_sessions_changes_nothing",),
    ),
    "18 a late failure reopens a paid order": Pain(
        "no fact about a session undoes a payment",
        ("test_states::test_no_fact_about_a_session_undoes_a_payment",),
    ),
    "19 a success after a failure is ignored": Pain(
        "a failed session can become paid",
        (f"{SETTLING}::test_delayed_payment_that_fails_can_be_retried",),
    ),
    "23 a paid order is canceled by a cleanup": Pain(
        "cancel asks Stripe first",
        (f"{SETTLING}::test_cancel_of_an_order_that_was_just_paid_says_so",),
    ),
    "24 25 26 a key conflicts, or returns an expired session": Pain(
        "a key per attempt; an expired session is replaced",
        (
            f"{START}::test_host_order_is_placed_again_so_that_a_changed_price_is_charged",
            f"{START}::test_stored_failure_without_a_session_allows_another_attempt",
        ),
    ),
    "27 28 42 events of other integrations fail": Pain(
        "they are recorded as ignored and answered with 200",
        (f"{WEBHOOKS}::test_session_of_another_integration_is_ignored",),
    ),
    "30 a secret cannot be rotated": Pain(
        "several secrets and several signatures are accepted",
        (f"{WEBHOOKS}::test_any_of_two_secrets_matches_any_of_three_signatures",),
    ),
    "31 without a secret, every event is accepted": Pain(
        "without a secret, every event is refused",
        (f"{WEBHOOKS}::test_request_is_refused_without_a_secret",),
    ),
    "33 an unknown type is an error": Pain(
        "it is recorded as ignored",
        (f"{WEBHOOKS}::test_unknown_type_is_recorded_as_ignored",),
    ),
    "35 36 a failed event is acknowledged and lost": Pain(
        "it is answered with 5xx, kept and retried",
        (f"{WEBHOOKS}::test_failed_event_returns_500_and_is_retried",),
    ),
    "38 39 an order is fulfilled without payment": Pain(
        "a complete, unpaid session is pending",
        (f"{SETTLING}::test_delayed_payment_is_pending_then_paid",),
    ),
    "40 the session of another order is accepted": Pain(
        "our row binds a session to its order",
        (f"{VIEWS}::test_session_of_another_order_is_not_found",),
    ),
    "41 delayed payments never arrive": Pain(
        "their events are handled, and lost ones are read",
        ("test_pending_work::test_a_delayed_payment_whose_event_was_lost_is_read",),
    ),
    "43 44 amounts have wrong decimals": Pain(
        "one table of currencies, tested row by row",
        ("test_money::test_minor_units_survive_a_round_trip_through_decimal",),
    ),
    "45 the amount changes after the session was created": Pain(
        "the payment is compared with the current order",
        (
            f"{SETTLING}::test_wrong_amount_is_recorded_withheld_and_released_by_accept",
            "test_services_options::test_removing_a_discount_makes_a_new_revision",
        ),
    ),
    "47 48 the expected amount is recorded": Pain(
        "the amount that Stripe reports is recorded",
        (f"{SETTLING}::test_manual_capture_authorizes_and_captures_in_part",),
    ),
    "49 50 refunds are repeated or missed": Pain(
        "one row per refund, and all refunds are listed",
        (
            f"{SETTLING}::test_two_partial_refunds",
            f"{SETTLING}::test_charge_refunded_lists_every_refund",
        ),
    ),
    "52 a new status of Stripe does not fit the column": Pain(
        "the event is kept, and can be processed once the status is known",
        (f"{WEBHOOKS}::test_event_with_an_unknown_status_fails_and_can_be_processed_later",),
    ),
    "55 renamed parameters break the checkout": Pain(
        "old names are refused with the new names",
        (f"{START}::test_bad_arguments_are_refused_before_any_call",),
    ),
    "61 a paid order stays pending, and no tool fixes it": Pain(
        "reconciliation finds and fixes it",
        ("test_reconcile::test_a_difference_is_found_then_fixed_or_recorded_once",),
    ),
    "64 an old session is reused": Pain(
        "a session about to expire is replaced",
        (f"{START}::test_session_about_to_expire_is_replaced",),
    ),
    "dj-stripe/dj-stripe#2137 anymail/django-anymail#443 a site-wide login locks the payment pages": Pain(
        "every view is exempt",
        (f"{HOST}::test_no_view_of_ours_redirects_to_the_login", f"{HOST}::test_an_order_is_paid"),
    ),
    "Laravel/cashier-stripe#1778 TryGhost/Ghost#19882 raystack/frontier#565 a known Customer lacks an address": Pain(
        "the session saves it on the Customer",
        ("test_services_customers::test_second_purchase_of_a_customer_is_accepted",),
    ),
    "Stripe/stripe-ruby#1160 hotwired/turbo#401 skyderby/skyderby#558 a script sends the form to another site": Pain(
        "the forms opt out", (f"{HOST}::test_no_form_is_submitted_by_a_script_of_the_host",)
    ),
    "onetimesecret/onetimesecret#3821 the address of the payment page is assumed": Pain(
        "it is read, and reached through a page of ours if the policy blocks it",
        (f"{HOST}::test_a_payment_page_outside_the_policy_is_reached_through_a_redirect_page",),
    ),
    "hackerai-tech/hackerai#533 2witstudios/PageSpace#2648 every later invoice is announced as a renewal": Pain(
        "only an invoice that starts a period is",
        ("test_subscriptions::test_invoice_that_starts_no_period_is_not_a_renewal",),
    ),
    "Woocommerce/woocommerce-gateway-stripe#261 #2679 a payment in review is not shown": Pain(
        "it needs attention", ("test_attention::test_sync_reads_a_review_whose_events_are_lost",)
    ),
    "Woocommerce-gateway-stripe#1058 Sylius/PayumStripePlugin#9 nursit/bank#95 a value that Stripe refuses": Pain(
        "it is corrected or left out",
        (f"{CONTENT}::test_invalid_email_address_is_left_out", f"{CONTENT}::test_locale_is_mapped_or_left_out"),
    ),
    "Rfunduk/rails-stripe-connect-example#3 stripe/stripe-js#28 the shopper meets an invalid value": Pain(
        "place refuses it",
        (f"{CONTENT}::test_country_code_is_normalized", f"{CONTENT}::test_refusal_of_an_invalid_option_names_it"),
    ),
    "Woocommerce/woocommerce-gateway-stripe#1769 Automattic/woocommerce-payments#2872 a cheap article is refused": Pain(
        "the minimum is compared with the whole", (f"{CONTENT}::test_cheap_line_is_allowed_where_more_may_be_charged",)
    ),
    "dj-stripe/dj-stripe#1181 #1327 #997 what no receiver gets counts as delivered": Pain(
        "it waits, and a check reports it",
        (
            "test_announcements::test_notifications_wait_for_a_receiver",
            "test_announcements::test_check_reports_that_order_paid_has_no_receiver",
        ),
    ),
    "Jcass77/django-apscheduler#182 jazzband/django-axes#1084 transactions are opened on the wrong database": Pain(
        "the router is asked", ("test_database::test_our_tables_can_be_in_another_database",)
    ),
    "Django-webtest/django-webtest#46 mozilla/kitsune#3060 the test kit fails silently": Pain(
        "it follows the site's settings, or says what is wrong",
        (f"{HOST}::test_an_order_is_paid", f"{HOST}::test_the_test_kit_reports_redirected_webhooks"),
    ),
    "Saleor/saleor#11141 a text is longer than the column": Pain(
        "place refuses it", (f"{CONTENT}::test_refusal_of_a_long_value_names_field_and_limit",)
    ),
    "Fossasia/eventyay#4296 two addresses are taken for one": Pain(
        "the doctor reports the other",
        ("test_doctor::test_endpoint_without_the_trailing_slash_is_reported_and_corrected",),
    ),
    "Kilo-Org/cloud#6245 nyaruka/goflow#1027 PostHog/posthog#18282 a character does not fit into JSON": Pain(
        "it is replaced", ("test_storable::test_unstorable_value_does_not_hide_a_payment",)
    ),
}
