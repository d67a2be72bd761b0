"""Faults in what staff see and may do."""

from __future__ import annotations

from tests.proof.fault import Fault

OPERATIONS, ORDERS, LISTS = "tests/admin/test_operations.py", "tests/admin/test_orders.py", "tests/admin/test_lists.py"
DASHBOARD, DISCREPANCIES = "tests/admin/test_dashboard.py", "tests/admin/test_discrepancies.py"
DISPLAY, EXPORT, PAYOUTS = "tests/admin/test_display.py", "tests/admin/test_export.py", "tests/admin/test_payouts.py"

PERMISSIONS = (
    Fault(
        name="staff with view permission run operations",
        file="admin/operations.py",
        old="if not self.has_view_permission(request) or not self._has_permission(request, operation):",
        new="if not self.has_view_permission(request):",
        tests=(f"{OPERATIONS}::test_a_viewer_cannot_run_operations",),
    ),
    Fault(
        name="staff operate on rows that they may not view",
        file="admin/operations.py",
        old="if not self.has_view_permission(request) or not self._has_permission(request, operation):",
        new="if not self._has_permission(request, operation):",
        tests=(f"{OPERATIONS}::test_operating_requires_the_view_permission",),
    ),
    Fault(
        name="operators refund",
        file="admin/operations.py",
        old='        if operation.permission == "refund":\n            return self.has_refund_permission(request)\n',
        tests=(f"{OPERATIONS}::test_an_operator_cannot_refund",),
    ),
    Fault(
        name="operators refund surplus payments",
        file="admin/order_operations.py",
        old='        permission="refund",\n        form=ConfirmForm,\n',
        new="        form=ConfirmForm,\n",
        tests=(f"{OPERATIONS}::test_an_operator_cannot_refund",),
    ),
    Fault(
        name="buttons are shown to staff with view permission",
        file="admin/operations.py",
        old="if self._has_permission(request, operation) and operation.is_offered(subject)",
        new="if operation.is_offered(subject)",
        tests=(f"{ORDERS}::test_a_viewer_sees_no_buttons",),
    ),
    Fault(
        name="operations that do not apply are offered",
        file="admin/operations.py",
        old="if self._has_permission(request, operation) and operation.is_offered(subject)",
        new="if self._has_permission(request, operation)",
        tests=(f"{ORDERS}::test_a_refunded_order_has_no_operations_but_sync",),
    ),
    Fault(
        name="actions of a list are open to staff with view permission",
        file="admin/orders.py",
        old='@admin.action(description=gettext_lazy("Sync with Stripe"), permissions=["operate"])',
        new='@admin.action(description=gettext_lazy("Sync with Stripe"))',
        tests=(f"{OPERATIONS}::test_the_list_offers_no_sync_to_a_viewer",),
    ),
    Fault(
        name="staff with view permission resolve several differences",
        file="admin/discrepancies.py",
        old='@admin.action(description=gettext_lazy("Resolve with the note"), permissions=["operate"])',
        new='@admin.action(description=gettext_lazy("Resolve with the note"))',
        tests=(f"{DISCREPANCIES}::test_a_viewer_cannot_resolve_differences_in_the_list",),
    ),
    Fault(
        name="staff with view permission ignore several differences",
        file="admin/discrepancies.py",
        old='@admin.action(description=gettext_lazy("Ignore with the note"), permissions=["operate"])',
        new='@admin.action(description=gettext_lazy("Ignore with the note"))',
        tests=(f"{DISCREPANCIES}::test_a_viewer_cannot_resolve_differences_in_the_list",),
    ),
    Fault(
        name="the payment link is shown to staff with view permission",
        file="admin/orders.py",
        old="if order.status != OrderStatus.UNPAID or not self.has_operate_permission(request):",
        new="if order.status != OrderStatus.UNPAID:",
        tests=(f"{ORDERS}::test_the_payment_link_is_for_operators_while_the_order_is_unpaid",),
    ),
    Fault(
        name="a paid order has a payment link",
        file="admin/orders.py",
        old="if order.status != OrderStatus.UNPAID or not self.has_operate_permission(request):",
        new="if not self.has_operate_permission(request):",
        tests=(f"{ORDERS}::test_the_payment_link_is_for_operators_while_the_order_is_unpaid",),
    ),
    Fault(
        name="the dashboard is open to all staff",
        file="admin/orders.py",
        old="        if not self.has_view_permission(request):\n            raise PermissionDenied\n",
        tests=(f"{DASHBOARD}::test_it_requires_the_permission_to_view_orders",),
    ),
    Fault(
        name="the dashboard links to lists that the user may not see",
        file="admin/dashboard.py",
        old='    if not request.user.has_perm(f"django_checkout.{permission}"):\n        return ""\n',
        tests=(f"{DASHBOARD}::test_it_links_only_to_pages_that_the_user_may_view",),
    ),
    Fault(
        name="payouts are downloaded without permission",
        file="admin/payouts.py",
        old="        if not self.has_view_permission(request):\n            raise PermissionDenied\n",
        tests=(f"{PAYOUTS}::test_downloads_need_the_permission",),
    ),
    Fault(
        name="facts are edited by hand",
        file="admin/base.py",
        old="has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:\n        return False",
        new="has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:\n        return True",
        tests=(f"{LISTS}::test_a_page_is_read_only",),
    ),
)

OPERATING = (
    Fault(
        name="a link runs an operation",
        file="admin/operations.py",
        old='                return HttpResponseNotAllowed(["POST"])\n',
        new="                self._operate(request, row, operation, subject, {})\n"
        "                return SeeOther(self.url_of(row))\n",
        tests=(f"{OPERATIONS}::test_a_get_request_runs_no_operation",),
    ),
    Fault(
        name="operations of staff are not logged",
        file="admin/operations.py",
        old="            self.log_change(request, row, done)\n",
        tests=(f"{OPERATIONS}::test_sync_records_a_payment_without_a_webhook",),
    ),
    Fault(
        name="failed operations of staff are not logged",
        file="admin/operations.py",
        old="            self.log_change(request, row, failed)\n",
        tests=(f"{OPERATIONS}::test_an_outage_of_stripe_is_shown_and_changes_nothing",),
    ),
    Fault(
        name="more is refunded than is left",
        file="admin/forms.py",
        old="if not 0 < minor <= self.most_minor:",
        new="if not 0 < minor:",
        tests=(f"{OPERATIONS}::test_an_invalid_amount_is_not_requested",),
    ),
    Fault(
        name="a refund form sent twice refunds twice",
        file="admin/forms.py",
        old='if self.cleaned_data.get("seen") != self.rows.refunds_seen:',
        new="if False:",
        tests=(f"{OPERATIONS}::test_a_refund_form_submitted_twice_refunds_once",),
    ),
    Fault(
        name="a partial capture captures the whole authorization",
        file="admin/order_operations.py",
        old="None if minor == rows.authorized_minor else minor",
        new="None",
        tests=(f"{OPERATIONS}::test_capture_takes_the_full_amount_or_a_part",),
    ),
    Fault(
        name="a surplus that was not refunded is reported as refunded",
        file="admin/order_operations.py",
        old="    if not returned:\n",
        new="    if False:\n",
        tests=(f"{OPERATIONS}::test_an_uncertain_surplus_payment_is_not_refunded",),
    ),
    Fault(
        name="the user who resolved a difference is not stored",
        file="admin/discrepancies.py",
        old="if not deferred.discrepancies.settle(row.pk, state, note=note, by=request.user):",
        new="if not deferred.discrepancies.settle(row.pk, state, note=note, by=None):",
        tests=(f"{DISCREPANCIES}::test_a_difference_is_resolved_or_ignored_with_a_note",),
    ),
    Fault(
        name="the message of a handler's exception is shown",
        file="admin/events.py",
        old='{"error": type(error).__name__}',
        new='{"error": repr(error)}',
        tests=(f"{OPERATIONS}::test_an_error_of_the_hosts_handler_is_shown_by_its_class_only",),
    ),
)

SHOWING = (
    Fault(
        name="a pending refund is offered again",
        file="admin/order_rows.py",
        old="(row for row in self.refunds if row.payment_id == kept.pk and row.status in ACTIVE_REFUND_STATUSES)",
        new='(row for row in self.refunds if row.payment_id == kept.pk and row.status == "succeeded")',
        tests=(f"{OPERATIONS}::test_the_refund_form_subtracts_pending_refunds",),
    ),
    Fault(
        name="an amount is shown in minor units",
        file="admin/display.py",
        old="return money.format_minor(minor, money.get_currency(currency))",
        new="return money.format_minor(minor * 100, money.get_currency(currency))",
        tests=(f"{DISPLAY}::test_an_amount_is_formatted_or_a_dash",),
    ),
    Fault(
        name="a list shows the requested amount instead of the total",
        file="admin/orders.py",
        old="minor = order.subtotal_minor if order.total_minor is None else order.total_minor",
        new="minor = order.subtotal_minor",
        tests=(f"{LISTS}::test_the_list_shows_the_total_charged",),
    ),
    Fault(
        name="the amount that a dispute withdrew is shown in the currency of the payment",
        file="admin/payments.py",
        old="dispute.withdrawn_currency or dispute.currency",
        new="dispute.currency",
        tests=(f"{LISTS}::test_the_withdrawn_amount_is_in_the_currency_of_the_balance",),
    ),
    Fault(
        name="the net amount ignores lost disputes",
        file="admin/order_page.py",
        old="order.paid_minor - order.refunded_minor - rows.lost[order.currency]",
        new="order.paid_minor - order.refunded_minor",
        tests=(f"{ORDERS}::test_a_lost_dispute_reduces_the_remaining_amount",),
    ),
    Fault(
        name="a value of Stripe is not escaped in a badge",
        file="admin/display.py",
        old="checkout-badge-{}\">{}</span>', tone, text)",
        new="checkout-badge-{}\">{}</span>', tone, SafeString(text))",
        tests=(f"{DISPLAY}::test_a_badge_is_escaped",),
    ),
    Fault(
        name="an order number is not escaped in a list",
        file="admin/display.py",
        old='        return format_html("{}", first)\n',
        new="        return SafeString(first)\n",
        tests=(f"{LISTS}::test_customer_input_is_escaped",),
    ),
    Fault(
        name="an e-mail address is not escaped in a list",
        file="admin/display.py",
        old="checkout-below\">{}</span>', first, second)",
        new="checkout-below\">{}</span>', first, SafeString(second))",
        tests=(f"{LISTS}::test_customer_input_is_escaped",),
    ),
    Fault(
        name="a link to a row is not escaped",
        file="admin/base.py",
        old="self.url_of(row), row if text is None else text)",
        new="self.url_of(row), SafeString(row if text is None else text))",
        tests=(f"{LISTS}::test_customer_input_is_escaped",),
    ),
    Fault(
        name="a payload is not escaped",
        file="admin/display.py",
        old='tabindex="0">{}</pre>\', text)',
        new='tabindex="0">{}</pre>\', SafeString(text))',
        tests=(f"{DISPLAY}::test_json_is_readable_and_escaped",),
    ),
    Fault(
        name="a payload shows links that allow payment",
        file="admin/events.py",
        old="display.pretty_json(deferred.envelope.reduced(event.payload))",
        new="display.pretty_json(event.payload)",
        tests=("tests/admin/test_bearer_links.py::test_no_admin_page_shows_a_bearer_link",),
    ),
    Fault(
        name="an exported cell is a formula",
        file="admin/export.py",
        old='return without_formulas("" if value is None',
        new='return str("" if value is None',
        tests=(f"{EXPORT}::test_a_cell_is_never_a_formula",),
    ),
    Fault(
        name="a live object is linked in the test dashboard",
        file="admin/stripe_links.py",
        old='mode = "" if livemode else "test/"',
        new='mode = "test/"',
        tests=(f"{ORDERS}::test_live_orders_link_to_the_live_dashboard",),
    ),
)

FAULTS = (*PERMISSIONS, *OPERATING, *SHOWING)
