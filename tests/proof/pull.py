"""Faults in reconciliation, in what is derived from rows, and in the rules about who may move money."""

from __future__ import annotations

from tests.proof.fault import Fault

RECONCILE, RUNS = "tests/test_reconcile.py", "tests/test_reconcile_runs.py"


def _damage(name: str) -> str:
    return f"tests/test_reconcile_damage.py::test_damaged_rows_are_found_and_fixed_or_recorded_once[{name}]"


def _scenario(name: str) -> str:
    return f"tests/test_reconcile_lost_events.py::test_run_has_the_effect_of_the_lost_events[{name}]"


FAULTS = (
    Fault(
        name="unknown sessions with known ones between them are counted",
        file="reconcile/resource.py",
        old="                listed.unknown_in_a_row = 0\n",
        tests=(f"{RUNS}::test_unknown_sessions_between_known_ones_do_not_end_the_run",),
    ),
    Fault(
        name="expired orphans are reported",
        file="reconcile/unlinked_sessions.py",
        old='if data.get("status") == SessionStatus.EXPIRED or data.get("livemode") != conf.livemode:',
        new='if data.get("livemode") != conf.livemode:',
        tests=(f"{RECONCILE}::test_session_without_an_order_is_recorded_until_it_expires",),
    ),
    Fault(
        name="the account of the key is not checked",
        file="reconcile/account.py",
        old="    if latest:\n        raise",
        new="    if False:\n        raise",
        tests=(f"{RUNS}::test_key_of_another_account_ends_the_run_and_records_nothing",),
    ),
    Fault(
        name="the mode of the key is not checked",
        file="reconcile/account.py",
        old="    if rows.exists() and _lists_our_sessions():",
        new="    if False:",
        tests=(f"{RUNS}::test_key_of_the_other_mode_ends_the_run_and_records_nothing",),
    ),
    Fault(
        name="a lost session is restored without proof",
        file="reconcile/unlinked_sessions.py",
        old="    if order is not None and is_provably_of(data, order):\n",
        new="    if order is not None:\n",
        tests=(f"{RECONCILE}::test_session_that_leads_to_another_order_is_not_restored",),
    ),
    Fault(
        name="a payment is joined with another shopper's order",
        file="services/lost_sessions.py",
        old="*(name for name, is_equal in equal.items() if not is_equal), *_differing_shopper(data, order)",
        new="*(name for name, is_equal in equal.items() if not is_equal)",
        tests=("tests/test_lost_sessions.py",),
    ),
    Fault(
        name="a copy of the database acts for the original site",
        file="models/sites.py",
        old="    return row.site_url in own_urls()\n",
        new="    return True\n",
        tests=("tests/test_copied_database.py",),
    ),
    Fault(
        name="events that a process with another base URL ignored stay ignored",
        file="webhooks/pending_work.py",
        old="    inbox.reopen_ignored_elsewhere()\n",
        new="",
        tests=("tests/test_wrong_base_url.py::test_refund_and_dispute_are_processed_once_the_setting_is_corrected",),
    ),
    Fault(
        name="a second refund of an amount needs no confirmation",
        file="services/refunds.py",
        old="    if repeated is not None and str(in_addition_to).lower() != str(repeated.uuid):\n",
        new="    if False:\n",
        tests=("tests/test_services_refunds.py",),
    ),
    Fault(
        name="an unanswered refund repeats one that was made in the dashboard",
        file="services/refunds.py",
        old="    _refuse_second(row)\n",
        new="",
        tests=("tests/test_services_refunds.py",),
    ),
    Fault(
        name="a lost session is not restored",
        file="reconcile/resources.py",
        old="        return unlinked_sessions.restore(subject)\n",
        new="        return difference\n",
        tests=(_damage("session_deleted"),),
    ),
    Fault(
        name="orders are not derived again",
        file="reconcile/orders.py",
        old="        doubtful = set(some) - _plain(some)",
        new="        doubtful: set[int] = set()",
        tests=(_damage("order_status"),),
    ),
    Fault(
        name="a plainly paid order's status is not compared",
        file="reconcile/orders.py",
        old="(order.status, order.paid_minor) == (OrderStatus.PAID, payment.captured_minor)",
        new="order.paid_minor == payment.captured_minor",
        tests=(_damage("order_status"),),
    ),
    Fault(
        name="a plainly paid order's amount is not compared",
        file="reconcile/orders.py",
        old="(order.status, order.paid_minor) == (OrderStatus.PAID, payment.captured_minor)",
        new="order.status == OrderStatus.PAID",
        tests=(_damage("order_paid_amount"),),
    ),
    Fault(
        name="a plainly paid order's announcement is not compared",
        file="reconcile/orders.py",
        old="== AnnouncementState.ANNOUNCED and announcement.announced_at is not None",
        new="== AnnouncementState.ANNOUNCED",
        tests=(_damage("announcement_announced_though_pending"),),
    ),
    Fault(
        name="relations of a session are not compared",
        file="reconcile/session_differences.py",
        old="    if wrong_links(row, fact):\n        return Kind.RELATION_DIFFERS\n",
        tests=(_damage("session_payment_wrong"),),
    ),
    Fault(
        name="a session ahead of Stripe is not found",
        file="reconcile/session_differences.py",
        old="    if _is_ahead(row, fact, payment):\n        return Kind.AHEAD_OF_STRIPE\n",
        tests=(_damage("session_expired_but_open"),),
    ),
    Fault(
        name="a refund of another payment is not found",
        file="reconcile/payments.py",
        old="    if not ids & {fact.payment_intent_id, fact.charge_id}:",
        new="    if False:",
        tests=(
            _damage("refund_payment_wrong"),
            _damage("dispute_payment_wrong"),
        ),
    ),
    Fault(
        name="a refund that never failed is announced as failed",
        file="reconcile/refunds.py",
        old="(left.kind is Kind.RELATION_DIFFERS or has_never_been)",
        new="(left.kind is Kind.RELATION_DIFFERS)",
        tests=(_damage("refund_status_ahead"),),
    ),
    Fault(
        name="a subscription of another order is not found",
        file="reconcile/subscriptions.py",
        old="    if row is not None and row.order_id != order.pk:",
        new="    if False:",
        tests=(_damage("subscription_order_wrong"),),
    ),
    Fault(
        name="a Customer of another user is not found",
        file="reconcile/sessions.py",
        old="        yield from CUSTOMERS.compare(page)\n",
        tests=(_damage("customer_of_another_user"),),
    ),
    Fault(
        name="invoices are not announced",
        file="reconcile/resource.py",
        old="            with_retries(partial(apply_facts, [fact]))\n",
        new="            pass\n",
        tests=(_scenario("renewed"),),
    ),
    Fault(
        name="an invoice that failed is not read as such",
        file="reconcile/invoices.py",
        old='has_failed = data.get("status") == "open" and bool(data.get("attempt_count"))',
        new="has_failed = False",
        tests=(_scenario("renewal_failed"),),
    ),
    Fault(
        name="fraud warnings are not recorded",
        file="reconcile/fraud_warnings.py",
        old="        return facts.read_fraud_warning(data)\n",
        new="        return None\n",
        tests=(_scenario("warned_of_fraud"),),
    ),
    Fault(
        name="reviews are not recorded",
        file="reconcile/reviews.py",
        old="        return facts.read_review(data)\n",
        new="        return None\n",
        tests=(_scenario("review_opened"),),
    ),
    Fault(
        name="closed reviews stay open",
        file="reconcile/reviews.py",
        old="return items.filter(order__livemode=conf.livemode)",
        new="return items.none()",
        tests=(_scenario("review_closed"),),
    ),
    Fault(
        name="a correction forgets the order",
        file="ledger/corrections.py",
        old="    session.order_id = order_pk\n",
        tests=(_damage("session_order_wrong"),),
    ),
    Fault(
        name="a correction takes back that money was taken",
        file="ledger/corrections.py",
        old="    if read is None or payment.captured_minor > (read.captured_minor or 0):\n        return\n",
        new="    if read is None:\n        return\n"
        "    Payment.objects.filter(pk=payment.pk).update(captured_minor=read.captured_minor or 0)\n",
        tests=(_damage("session_order_wrong_and_payment_captured_more"),),
    ),
    Fault(
        name="an order that keeps another's payment is not found",
        file="ledger/derivation.py",
        old="    order.kept_payment = kept\n",
        tests=(_damage("order_kept_payment_of_a_later_order"),),
    ),
    Fault(
        name="an order that was announced as paid becomes unpaid",
        file="ledger/derivation.py",
        old='    if kept is None and whole.announced("order_paid") is not None:\n        order.refresh_from_db()\n        return order\n',  # noqa: E501  # a line of the code
        tests=("tests/test_reconcile_damage.py::test_order_that_was_announced_as_paid_stays_paid",),
    ),
    Fault(
        name="missing announcements are not found",
        file="ledger/derivation.py",
        old="            yield announcement\n",
        new="            yield from ()\n",
        tests=(_damage("announcement_of_a_refund_deleted"),),
    ),
    Fault(
        name="live slots are not derived",
        file="ledger/derivation.py",
        old="    _write_slots(whole)\n    is_pending",
        new="    is_pending",
        tests=(_damage("session_slot_lost"),),
    ),
    Fault(
        name="requested refunds are not derived",
        file="ledger/derivation.py",
        old="            write(payment, refund_asked_minor=requested)\n",
        new="            pass\n",
        tests=(_damage("payment_refunds_requested"),),
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
        file="services/refunds.py",
        old="if known.payment.order_id != locked.order.pk or amount_minor",
        new="if amount_minor",
        tests=("tests/test_services_syncing.py::test_key_belongs_to_the_refund_of_one_order",),
    ),
    Fault(
        name="a surplus is returned despite a fraud warning",
        file="services/surplus.py",
        old="        and not kept.fraud_warning_id\n",
        tests=("tests/test_attention.py",),
    ),
    Fault(
        name="a fraud warning is lost when a payment is claimed",
        file="ledger/payments.py",
        old="        fraud_warning_id=max(by_charge.fraud_warning_id, payment.fraud_warning_id),\n",
        tests=("tests/test_attention.py",),
    ),
    Fault(
        name="requested refunds are counted without a limit",
        file="ledger/refunds.py",
        old="return min(sum(row.amount_minor for row in requests), payment.captured_minor)",
        new="return sum(row.amount_minor for row in requests)",
        tests=("tests/test_services_syncing.py::test_requested_refunds_never_exceed_the_captured_amount",),
    ),
    Fault(
        name="an ignored difference is reported as new",
        file="reconcile/discrepancies.py",
        old="DiscrepancyState.IGNORED: Outcome.IGNORED",
        new="DiscrepancyState.IGNORED: Outcome.LISTED",
        tests=(f"{RECONCILE}::test_ignored_discrepancy_stays_ignored_until_it_changes",),
    ),
    Fault(
        name="a discrepancy that is gone stays open",
        file="reconcile/runner.py",
        old="                if self.fix:\n                    discrepancies.resolve(row)\n",
        tests=(f"{RECONCILE}::test_discrepancy_that_is_gone_is_resolved_by_the_next_run",),
    ),
    Fault(
        name="a dry run fixes",
        file="reconcile/runner.py",
        old="        if not self.fix:\n            self._report(discrepancies.compare(difference))\n            return\n",  # noqa: E501  # a line of the code
        tests=(f"{RECONCILE}::test_a_difference_is_found_then_fixed_or_recorded_once[stale_open]",),
    ),
)
