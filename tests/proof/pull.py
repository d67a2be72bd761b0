"""Faults in what pulls from Stripe and derives anew, and in who may act on money."""

from __future__ import annotations

from tests.proof.fault import Fault

RECONCILE, RUNS = "tests/test_reconcile.py", "tests/test_reconcile_runs.py"


def _damage(name: str) -> str:
    return f"tests/test_reconcile_damage.py::test_damaged_rows_are_found_and_mended_or_listed_once[{name}]"


def _life(name: str) -> str:
    return f"tests/test_reconcile_lost_events.py::test_a_lost_event_is_made_up_for[{name}]"


FAULTS = (
    Fault(
        name="unknown sessions are counted over known ones",
        file="reconcile/leftovers.py",
        old="        seen.unknown = 0\n",
        new="",
        tests=(f"{RUNS}::test_unknown_sessions_between_known_ones_do_not_end_the_run",),
    ),
    Fault(
        name="expired orphans are reported",
        file="reconcile/strangers.py",
        old='if data.get("status") == SessionStatus.EXPIRED or data.get("livemode") != conf.livemode:',
        new='if data.get("livemode") != conf.livemode:',
        tests=(f"{RECONCILE}::test_a_session_whose_order_was_lost_is_listed_until_it_expires",),
    ),
    Fault(
        name="whose key it is is not asked",
        file="reconcile/account.py",
        old="    if latest:\n        raise",
        new="    if False:\n        raise",
        tests=(f"{RUNS}::test_a_key_of_another_account_ends_the_run_without_an_entry",),
    ),
    Fault(
        name="the mode of the key is not asked",
        file="reconcile/account.py",
        old="    if rows.exists() and _has_orphans():",
        new="    if False:",
        tests=(f"{RUNS}::test_a_key_of_the_other_mode_ends_the_run_without_an_entry",),
    ),
    Fault(
        name="a lost session is restored without proof",
        file="reconcile/strangers.py",
        old="or order is None or not _leads_back(data, order)",
        new="or order is None",
        tests=(f"{RECONCILE}::test_a_session_that_leads_to_another_order_is_not_restored",),
    ),
    Fault(
        name="a lost session is not restored",
        file="reconcile/mending.py",
        old="    Kind.SESSION_WITHOUT_ORDER: strangers.restore,\n",
        new="",
        tests=(_damage("session_deleted"),),
    ),
    Fault(
        name="orders are not derived anew",
        file="reconcile/orders.py",
        old="        doubtful = set(some) - _plain(some)",
        new="        doubtful: set[int] = set()",
        tests=(_damage("order_status"),),
    ),
    Fault(
        name="a plainly paid order's status is believed",
        file="reconcile/orders.py",
        old="(order.status, order.paid_minor) == (OrderStatus.PAID, payment.captured_minor)",
        new="order.paid_minor == payment.captured_minor",
        tests=(_damage("order_status"),),
    ),
    Fault(
        name="a plainly paid order's amount is believed",
        file="reconcile/orders.py",
        old="(order.status, order.paid_minor) == (OrderStatus.PAID, payment.captured_minor)",
        new="order.status == OrderStatus.PAID",
        tests=(_damage("order_paid_amount"),),
    ),
    Fault(
        name="a plainly paid order's announcement is believed",
        file="reconcile/orders.py",
        old="== AnnouncementState.ANNOUNCED and announcement.announced_at is not None",
        new="== AnnouncementState.ANNOUNCED",
        tests=(_damage("announcement_announced_though_pending"),),
    ),
    Fault(
        name="relations of a session are not compared",
        file="reconcile/sessions.py",
        old="    if _relations(row, fact):\n        return Kind.RELATION_DIFFERS\n",
        new="",
        tests=(_damage("session_payment_wrong"),),
    ),
    Fault(
        name="a session ahead of Stripe is believed",
        file="reconcile/sessions.py",
        old="    if _is_ahead(row, fact, payment):\n        return Kind.AHEAD_OF_STRIPE\n",
        new="",
        tests=(_damage("session_expired_but_open"),),
    ),
    Fault(
        name="a refund of another payment is believed",
        file="reconcile/aftermath.py",
        old="    if not ids & {fact.payment_intent_id, fact.charge_id}:",
        new="    if False:",
        tests=(
            _damage("refund_payment_wrong"),
            _damage("dispute_payment_wrong"),
        ),
    ),
    Fault(
        name="a refund that never failed is announced as failed",
        file="reconcile/aftermath.py",
        old="(left.kind is Kind.RELATION_DIFFERS or has_never_been)",
        new="(left.kind is Kind.RELATION_DIFFERS)",
        tests=(_damage("refund_status_ahead"),),
    ),
    Fault(
        name="a subscription of another order is believed",
        file="reconcile/aftermath.py",
        old="    if row is not None and row.order_id != order.pk:",
        new="    if False:",
        tests=(_damage("subscription_order_wrong"),),
    ),
    Fault(
        name="a Customer of another user is believed",
        file="reconcile/stages.py",
        old="    yield from customers.compare(page)\n",
        new="",
        tests=(_damage("customer_of_another_user"),),
    ),
    Fault(
        name="invoices are not announced",
        file="reconcile/mending.py",
        old="    Kind.INVOICE_UNKNOWN: notices.mend_invoice,\n",
        new="",
        tests=(_life("renewed"),),
    ),
    Fault(
        name="an invoice that failed is not read as such",
        file="reconcile/notices.py",
        old='has_failed = data.get("status") == "open" and bool(data.get("attempt_count"))',
        new="has_failed = False",
        tests=(_life("renewal_failed"),),
    ),
    Fault(
        name="fraud warnings are not noted",
        file="reconcile/mending.py",
        old="    Kind.FRAUD_WARNING_UNKNOWN: notices.mend_warning,\n",
        new="",
        tests=(_life("warned_of_fraud"),),
    ),
    Fault(
        name="reviews are not noted",
        file="reconcile/mending.py",
        old="    Kind.REVIEW_DIFFERS: notices.mend_review,\n",
        new="",
        tests=(_life("review_opened"),),
    ),
    Fault(
        name="closed reviews stay open",
        file="reconcile/stages.py",
        old="lambda which: look_for()",
        new="lambda which: iter(())",
        tests=(_life("review_closed"),),
    ),
    Fault(
        name="a correction forgets the order",
        file="ledger/corrections.py",
        old="    session.order_id = order_pk\n",
        new="",
        tests=(_damage("session_order_wrong"),),
    ),
    Fault(
        name="a correction takes back that money was taken",
        file="ledger/corrections.py",
        old="    if said is None or payment.captured_minor > (said.captured_minor or 0):\n        return\n",
        new="    if said is None:\n        return\n"
        "    Payment.objects.filter(pk=payment.pk).update(captured_minor=said.captured_minor or 0)\n",
        tests=(_damage("session_order_wrong_and_payment_captured_more"),),
    ),
    Fault(
        name="an order that keeps another's payment is believed",
        file="ledger/derivation.py",
        old="    order.kept_payment = kept\n",
        new="",
        tests=(_damage("order_kept_payment_of_a_later_order"),),
    ),
    Fault(
        name="what was announced as paid is taken back",
        file="ledger/derivation.py",
        old='    if kept is None and whole.announced("order_paid") is not None:\n        order.refresh_from_db()\n        return order\n',  # noqa: E501  # a line of the code
        new="",
        tests=("tests/test_reconcile_damage.py::test_what_was_announced_as_paid_is_not_taken_back",),
    ),
    Fault(
        name="missing announcements are not found",
        file="ledger/derivation.py",
        old="        if (news.signal, news.fact) not in told:\n            yield news\n",
        new="        pass\n        yield from ()\n",
        tests=(_damage("announcement_of_a_refund_deleted"),),
    ),
    Fault(
        name="live slots are not derived",
        file="ledger/derivation.py",
        old="    _write_slots(whole)\n    now",
        new="    now",
        tests=(_damage("session_slot_lost"),),
    ),
    Fault(
        name="what was asked to be refunded is not derived",
        file="ledger/derivation.py",
        old="            payment.refund_asked_minor = asked\n",
        new="",
        tests=(_damage("payment_refunds_asked_for"),),
    ),
    Fault(
        name="staff need not be staff",
        file="api/base.py",
        old="if not (user and user.is_authenticated and user.is_staff):",
        new="if not (user and user.is_authenticated):",
        tests=("tests/api/test_staff.py",),
    ),
    Fault(
        name="a refund's key is of any order",
        file="services/money_back.py",
        old="if known.payment.order_id != locked.order.pk or amount_minor",
        new="if amount_minor",
        tests=("tests/test_services_settling.py::test_a_key_belongs_to_the_refund_of_one_order",),
    ),
    Fault(
        name="a surplus is returned despite a fraud warning",
        file="services/surplus.py",
        old="or kept.fraud_warning_id or",
        new="or",
        tests=("tests/test_attention.py",),
    ),
    Fault(
        name="a fraud warning is lost when a payment is claimed",
        file="ledger/payments.py",
        old="    payment.fraud_warning_id = max(stranger.fraud_warning_id, payment.fraud_warning_id)\n",
        new="",
        tests=("tests/test_attention.py",),
    ),
    Fault(
        name="what was asked for is counted without a limit",
        file="ledger/refunds.py",
        old="payment.refund_asked_minor = min(sum(refund.amount_minor for refund in asked), payment.captured_minor)",
        new="payment.refund_asked_minor = sum(refund.amount_minor for refund in asked)",
        tests=("tests/test_services_settling.py::test_refunds_asked_for_never_count_for_more_than_was_captured",),
    ),
    Fault(
        name="an ignored difference comes back",
        file="reconcile/worklist.py",
        old="DiscrepancyState.IGNORED: Outcome.IGNORED",
        new="DiscrepancyState.IGNORED: Outcome.LISTED",
        tests=(f"{RECONCILE}::test_an_ignored_entry_stays_ignored_until_it_changes",),
    ),
    Fault(
        name="what is gone stays on the list",
        file="reconcile/runner.py",
        old="                if self.fix:\n                    worklist.cross_out(row)\n",
        new="",
        tests=(f"{RECONCILE}::test_what_is_gone_is_crossed_out_by_the_next_run",),
    ),
    Fault(
        name="a dry run mends",
        file="reconcile/runner.py",
        old="        if not self.fix:\n            self._tell(worklist.compare(drift))\n            return\n",
        new="",
        tests=(f"{RECONCILE}::test_drift_is_found_then_mended_or_listed_and_the_second_run_is_clean[stale_open]",),
    ),
)
