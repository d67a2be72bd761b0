"""Faults in what staff waive, in deleted orders, in unanswered calls, in the time of refunds, and in pending work."""

from __future__ import annotations

from tests.proof.fault import Fault

WAIVE, DELETED, UNANSWERED = "tests/test_waive.py", "tests/test_deleted_orders.py", "tests/test_unanswered.py"
PENDING, SPEED = "tests/test_pending_work.py", "tests/test_health_speed.py"
REFUNDS = "tests/test_services_refunds.py"
EARLIER = f"{REFUNDS}::test_earlier_refund_that_arrives_late_does_not_stop_an_unanswered_one"

FAULTS = (
    Fault(
        name="a waived notification stays pending",
        file="ledger/announcements.py",
        old="waived.update(state=AnnouncementState.WAIVED, next_attempt_at=None,",
        new="waived.update(next_attempt_at=None,",
        tests=(f"{WAIVE}::test_waived_notification_is_settled",),
    ),
    Fault(
        name="a delivered notification can be waived",
        file="ledger/announcements.py",
        old="    pending = order.announcements.filter(state=AnnouncementState.PENDING)\n",
        new="    pending = order.announcements.all()\n",
        tests=(f"{WAIVE}::test_waived_notification_is_settled",),
    ),
    Fault(
        name="a refund waits for ever for a waived notification",
        file="ledger/announcements.py",
        old="        pending.filter(next_attempt_at=None).update(next_attempt_at=timezone.now())\n",
        new="        pass\n",
        tests=(f"{WAIVE}::test_refund_that_waited_for_a_waived_notification_is_announced",),
    ),
    Fault(
        name="a refund is not announced after a waived notification",
        file="ledger/sending.py",
        old="paid is None or (paid == AnnouncementState.PENDING and",
        new="paid is None or (paid != AnnouncementState.ANNOUNCED and",
        tests=(f"{WAIVE}::test_refund_that_waited_for_a_waived_notification_is_announced",),
    ),
    Fault(
        name="a retry delivers a notification twice",
        file="ledger/announcements.py",
        old="    if only_pending and announcement.state != AnnouncementState.PENDING:\n",
        new="    if False:\n",
        tests=(f"{WAIVE}::test_notification_that_is_delivered_meanwhile_is_not_delivered_again",),
    ),
    Fault(
        name="a waived event is processed when it is delivered again",
        file="webhooks/inbox.py",
        old="EventState.IGNORED, EventState.WAIVED)",
        new="EventState.IGNORED)",
        tests=(f"{WAIVE}::test_waived_event_stays_waived_when_stripe_delivers_it_again",),
    ),
    Fault(
        name="a processed event can be waived",
        file="webhooks/inbox.py",
        old="        if fresh.state != EventState.FAILED:\n            return False\n",
        tests=(f"{WAIVE}::test_waived_event_is_settled",),
    ),
    Fault(
        name="who may look may waive",
        file="admin/pending.py",
        old='gettext_lazy("Waive with the note"), permissions=["operate"]',
        new='gettext_lazy("Waive with the note")',
        tests=(f"{WAIVE}::test_viewer_can_neither_retry_nor_waive",),
    ),
    Fault(
        name="sessions of deleted orders stay open",
        file="services/syncing.py",
        old="    ledger.in_transaction(mark)\n    return run(expire_steps(session))",
        new="    ledger.in_transaction(mark)\n    return session",
        tests=(f"{DELETED}::test_session_of_a_deleted_order_is_expired",),
    ),
    Fault(
        name="every order counts as deleted",
        file="services/syncing.py",
        old="if (type_id, pk) in missing)",
        new="if True)",
        tests=(f"{DELETED}::test_session_of_a_deleted_order_is_expired",),
    ),
    Fault(
        name="orders of a model that is not installed count as deleted",
        file="models/relations.py",
        old="        if model is None:\n            continue\n        rows = model",
        new="        if model is None:\n            missing |= {(type_id, pk) for pk in type_pks}\n"
        "            continue\n        rows = model",
        tests=(f"{DELETED}::test_session_is_kept_if_the_model_of_its_order_is_not_installed",),
    ),
    Fault(
        name="a copy of the database expires sessions of the original",
        file="services/syncing.py",
        old="    own = CheckoutSession.objects.filter(sites.own(), status=SessionStatus.OPEN,",
        new="    own = CheckoutSession.objects.filter(status=SessionStatus.OPEN,",
        tests=(f"{DELETED}::test_copy_of_the_database_leaves_deleted_orders_to_the_original",),
    ),
    Fault(
        name="a payment of a deleted order raises no attention",
        file="ledger/settling.py",
        old="    if is_deleted(order) and order.source_deleted_at is None:\n",
        new="    if False:\n",
        tests=(f"{DELETED}::test_payment_of_a_deleted_order_needs_attention",),
    ),
    Fault(
        name="it is not recorded that an order was deleted",
        file="services/syncing.py",
        old="    ledger.in_transaction(mark)\n    return run(expire_steps(session))",
        new="    return run(expire_steps(session))",
        tests=(f"{DELETED}::test_payment_after_the_sweep_needs_attention_whatever_row_has_the_key_by_then",),
    ),
    Fault(
        name="an order that was paid before it was deleted raises attention",
        file="ledger/intentions.py",
        old="    if locked.kept_payment() is None and locked.order.source_deleted_at is None:\n",
        new="    if locked.order.source_deleted_at is None:\n",
        tests=(f"{DELETED}::test_surplus_session_of_a_paid_order_that_is_deleted_is_expired_without_attention",),
    ),
    Fault(
        name="an order that was deleted stays deleted",
        file="services/placing.py",
        old='    columns["source_deleted_at"] = None\n',
        tests=(f"{DELETED}::test_row_that_comes_back_can_be_paid",),
    ),
    Fault(
        name="staff are told to repeat a refund",
        file="services/surplus.py",
        old="@unanswered.says(unanswered.REFUND",
        new="@unanswered.says(unanswered.START",
        tests=(f"{UNANSWERED}::test_refund_of_a_surplus_payment",),
    ),
    Fault(
        name="a shopper is told that an unanswered change failed",
        file="services/changing.py",
        old="@unanswered.says(unanswered.CHANGE, user_message=unanswered.CHANGE_UNKNOWN)\ndef _change_shipping_steps",
        new="@unanswered.says(unanswered.CHANGE)\ndef _change_shipping_steps",
        tests=(f"{UNANSWERED}::test_unanswered_change_does_not_tell_the_shopper_that_it_failed",),
    ),
    Fault(
        name="the command exits with 0 although something has failed",
        file="management/commands/checkout_process_events.py",
        old="        exit_with(int(has_failed))\n",
        new="        exit_with(0)\n",
        tests=(f"{PENDING}::test_what_is_left_is_reported_as_json",),
    ),
    Fault(
        name="the report says that nothing has failed",
        file="management/commands/checkout_process_events.py",
        old='"has_failed": has_failed}',
        new='"has_failed": False}',
        tests=(f"{PENDING}::test_what_is_left_is_reported_as_json",),
    ),
    Fault(
        name="unresolved reasons for attention are read without a limit",
        file="operations/health.py",
        old='values_list("order_id", "raised_at")[:MAX_COUNT])',
        new='values_list("order_id", "raised_at"))',
        tests=(f"{SPEED}::test_no_table_that_grows_is_read_without_a_limit",),
    ),
    Fault(
        name="Stripe's time of a refund is not read",
        file="stripe_api/facts.py",
        old='        made_at=instant(stripe_object, "created"),\n',
        tests=(EARLIER,),
    ),
    Fault(
        name="Stripe's time of a refund is not stored",
        file="ledger/refunds.py",
        old="            made_at=fact.made_at,\n",
        tests=(f"{REFUNDS}::test_earlier_refund_that_arrives_late_needs_no_confirmation",),
    ),
    Fault(
        name="Stripe's time of a refund that was stored without it is not filled in",
        file="ledger/refunds.py",
        old='        "made_at": refund.made_at or fact.made_at,\n',
        tests=(f"{REFUNDS}::test_time_of_a_refund_is_filled_in",),
    ),
    Fault(
        name="a refund counts from when it arrived",
        file="services/refunds.py",
        old="row.occurred_at > since",
        new="row.created_at > since",
        tests=(f"{REFUNDS}::test_earlier_refund_that_arrives_late_needs_no_confirmation",),
    ),
    Fault(
        name="an earlier refund that arrives late stops an unanswered one",
        file="services/refunds.py",
        old="        Q(made_at=None) | Q(made_at__gte=since),\n",
        tests=(EARLIER,),
    ),
    Fault(
        name="a refund of which the time is unknown is taken for an earlier one",
        file="services/refunds.py",
        old="Q(made_at=None) | Q(made_at__gte=since)",
        new="Q(made_at__gte=since)",
        tests=(f"{REFUNDS}::test_refund_of_unknown_time_stops_an_unanswered_one",),
    ),
    Fault(
        name="a refund that was made a moment before does not stop an unanswered one",
        file="services/refunds.py",
        old="    since = row.created_at - timedelta(seconds=REPEAT_SECONDS)\n",
        new="    since = row.created_at\n",
        tests=(f"{REFUNDS}::test_refund_made_shortly_before_that_arrives_late_stops_an_unanswered_one",),
    ),
)
