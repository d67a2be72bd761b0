"""Faults in what staff see and may do."""

from __future__ import annotations

from tests.proof.fault import Fault

OPERATIONS, ORDERS, LISTS = "tests/admin/test_operations.py", "tests/admin/test_orders.py", "tests/admin/test_lists.py"
DASHBOARD, DISCREPANCIES = "tests/admin/test_dashboard.py", "tests/admin/test_discrepancies.py"
DISPLAY, EXPORT, PAYOUTS = "tests/admin/test_display.py", "tests/admin/test_export.py", "tests/admin/test_payouts.py"

PERMISSIONS = (
    Fault(
        name="staff who may only look run operations",
        file="admin/operations.py",
        old="if not self.has_view_permission(request) or not self._may(request, operation):",
        new="if not self.has_view_permission(request):",
        tests=(f"{OPERATIONS}::test_who_may_only_look_is_refused",),
    ),
    Fault(
        name="staff operate on what they may not see",
        file="admin/operations.py",
        old="if not self.has_view_permission(request) or not self._may(request, operation):",
        new="if not self._may(request, operation):",
        tests=(f"{OPERATIONS}::test_to_operate_is_not_to_see",),
    ),
    Fault(
        name="operators refund",
        file="admin/operations.py",
        old='        if operation.permission == "refund":\n            return self.has_refund_permission(request)\n',
        new="",
        tests=(f"{OPERATIONS}::test_an_operator_may_not_refund",),
    ),
    Fault(
        name="operators give surplus payments back",
        file="admin/order_operations.py",
        old='        permission="refund",\n        form=ConfirmForm,\n',
        new="        form=ConfirmForm,\n",
        tests=(f"{OPERATIONS}::test_an_operator_may_not_refund",),
    ),
    Fault(
        name="buttons are shown to staff who may only look",
        file="admin/operations.py",
        old="if self._may(request, operation) and operation.is_offered(subject)",
        new="if operation.is_offered(subject)",
        tests=(f"{ORDERS}::test_who_may_only_look_sees_no_button",),
    ),
    Fault(
        name="operations that do not apply are offered",
        file="admin/operations.py",
        old="if self._may(request, operation) and operation.is_offered(subject)",
        new="if self._may(request, operation)",
        tests=(f"{ORDERS}::test_a_merchant_sees_nothing_to_do_on_a_refunded_order",),
    ),
    Fault(
        name="a list's action is open to staff who may only look",
        file="admin/orders.py",
        old='@admin.action(description=gettext_lazy("Sync with Stripe"), permissions=["operate"])',
        new='@admin.action(description=gettext_lazy("Sync with Stripe"))',
        tests=(f"{OPERATIONS}::test_the_list_offers_no_sync_to_those_who_may_only_look",),
    ),
    Fault(
        name="staff who may only look resolve several differences",
        file="admin/discrepancies.py",
        old='@admin.action(description=gettext_lazy("Resolve, with the note"), permissions=["operate"])',
        new='@admin.action(description=gettext_lazy("Resolve, with the note"))',
        tests=(f"{DISCREPANCIES}::test_a_viewer_settles_nothing_from_the_list",),
    ),
    Fault(
        name="staff who may only look ignore several differences",
        file="admin/discrepancies.py",
        old='@admin.action(description=gettext_lazy("Ignore, with the note"), permissions=["operate"])',
        new='@admin.action(description=gettext_lazy("Ignore, with the note"))',
        tests=(f"{DISCREPANCIES}::test_a_viewer_settles_nothing_from_the_list",),
    ),
    Fault(
        name="the payment link is shown to staff who may only look",
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
        new="",
        tests=(f"{DASHBOARD}::test_it_needs_the_permission_to_see_orders",),
    ),
    Fault(
        name="the dashboard links to lists that the user may not see",
        file="admin/dashboard.py",
        old='    if not request.user.has_perm(f"django_checkout.{permission}"):\n        return ""\n',
        new="",
        tests=(f"{DASHBOARD}::test_it_links_only_to_what_the_user_may_see",),
    ),
    Fault(
        name="payouts are downloaded without permission",
        file="admin/payouts.py",
        old="        if not self.has_view_permission(request):\n            raise PermissionDenied\n",
        new="",
        tests=(f"{PAYOUTS}::test_downloads_need_the_permission",),
    ),
    Fault(
        name="facts are edited by hand",
        file="admin/base.py",
        old="has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:\n        return False",
        new="has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:\n        return True",
        tests=(f"{LISTS}::test_a_page_shows_facts_and_nothing_to_edit",),
    ),
)

OPERATING = (
    Fault(
        name="a link runs an operation",
        file="admin/operations.py",
        old='                return HttpResponseNotAllowed(["POST"])\n',
        new="                self._operate(request, row, operation, subject, {})\n"
        "                return SeeOther(self.url_of(row))\n",
        tests=(f"{OPERATIONS}::test_a_link_does_nothing",),
    ),
    Fault(
        name="what staff did is not logged",
        file="admin/operations.py",
        old="            self.log_change(request, row, done)\n",
        new="",
        tests=(f"{OPERATIONS}::test_sync_brings_what_no_webhook_told",),
    ),
    Fault(
        name="what staff tried is not logged",
        file="admin/operations.py",
        old="            self.log_change(request, row, failed)\n",
        new="",
        tests=(f"{OPERATIONS}::test_stripe_down_is_said_and_changes_nothing",),
    ),
    Fault(
        name="more is refunded than is left",
        file="admin/forms.py",
        old="if not 0 < minor <= self.most_minor:",
        new="if not 0 < minor:",
        tests=(f"{OPERATIONS}::test_an_impossible_amount_is_not_sent",),
    ),
    Fault(
        name="a refund form sent twice refunds twice",
        file="admin/forms.py",
        old='if self.cleaned_data.get("seen") != self.rows.refunds_seen:',
        new="if False:",
        tests=(f"{OPERATIONS}::test_a_refund_form_sent_twice_refunds_once",),
    ),
    Fault(
        name="a part of an authorization is captured as all of it",
        file="admin/order_operations.py",
        old="None if minor == rows.authorized_minor else minor",
        new="None",
        tests=(f"{OPERATIONS}::test_capture_takes_all_or_part",),
    ),
    Fault(
        name="a surplus that was not given back is called given back",
        file="admin/order_operations.py",
        old="    if not returned:\n",
        new="    if False:\n",
        tests=(f"{OPERATIONS}::test_a_surplus_in_doubt_is_said_to_be_kept",),
    ),
    Fault(
        name="who settled a difference is not kept",
        file="admin/discrepancies.py",
        old="if not decisions.settle(row.pk, state, note=note, by=request.user):",
        new="if not decisions.settle(row.pk, state, note=note, by=None):",
        tests=(f"{DISCREPANCIES}::test_it_is_settled_with_a_note_by_somebody",),
    ),
    Fault(
        name="what a handler raised is shown with what it says",
        file="admin/events.py",
        old="a handler raised {type(error).__name__};",
        new="a handler raised {error!r};",
        tests=(f"{OPERATIONS}::test_whatever_a_handler_of_the_hosts_raises_is_said_by_its_name_only",),
    ),
)

SHOWING = (
    Fault(
        name="a pending refund is offered again",
        file="admin/rows.py",
        old="(row for row in self.refunds if row.payment_id == kept.pk and row.status in ACTIVE_REFUND_STATUSES)",
        new='(row for row in self.refunds if row.payment_id == kept.pk and row.status == "succeeded")',
        tests=(f"{OPERATIONS}::test_what_a_pending_refund_takes_is_not_offered_again",),
    ),
    Fault(
        name="an amount is shown in minor units",
        file="admin/display.py",
        old="return money.format_minor(minor, money.get_currency(currency))",
        new="return money.format_minor(minor * 100, money.get_currency(currency))",
        tests=(f"{DISPLAY}::test_an_amount_is_formatted_or_a_dash",),
    ),
    Fault(
        name="a list shows what was asked for instead of the total",
        file="admin/orders.py",
        old="minor = order.subtotal_minor if order.total_minor is None else order.total_minor",
        new="minor = order.subtotal_minor",
        tests=(f"{LISTS}::test_the_list_shows_what_stripe_charged",),
    ),
    Fault(
        name="what a dispute withdrew is shown in the payment's currency",
        file="admin/payments.py",
        old="dispute.withdrawn_currency or dispute.currency",
        new="dispute.currency",
        tests=(f"{LISTS}::test_what_a_dispute_withdrew_is_in_the_currency_of_the_balance",),
    ),
    Fault(
        name="what is kept ignores lost disputes",
        file="admin/page.py",
        old="order.paid_minor - order.refunded_minor - rows.lost[order.currency]",
        new="order.paid_minor - order.refunded_minor",
        tests=(f"{ORDERS}::test_what_a_lost_dispute_took_is_not_kept",),
    ),
    Fault(
        name="what Stripe says is not escaped in a badge",
        file="admin/display.py",
        old="        of or tone(status),\n        label(status) if text is None else text,\n",
        new="        of or tone(status),\n        SafeString(label(status) if text is None else text),\n",
        tests=(f"{DISPLAY}::test_a_badge_escapes_what_stripe_says",),
    ),
    Fault(
        name="an order number is not escaped in a list",
        file="admin/display.py",
        old='        return format_html("{}", first)\n',
        new="        return SafeString(first)\n",
        tests=(f"{LISTS}::test_what_people_typed_is_escaped",),
    ),
    Fault(
        name="an e-mail address is not escaped in a list",
        file="admin/display.py",
        old="checkout-below\">{}</span>', first, second)",
        new="checkout-below\">{}</span>', first, SafeString(second))",
        tests=(f"{LISTS}::test_what_people_typed_is_escaped",),
    ),
    Fault(
        name="a link to a row is not escaped",
        file="admin/base.py",
        old="self.url_of(row), row if text is None else text)",
        new="self.url_of(row), SafeString(row if text is None else text))",
        tests=(f"{LISTS}::test_what_people_typed_is_escaped",),
    ),
    Fault(
        name="a payload is not escaped",
        file="admin/display.py",
        old='tabindex="0">{}</pre>\', text)',
        new='tabindex="0">{}</pre>\', SafeString(text))',
        tests=(f"{DISPLAY}::test_json_is_readable_and_escaped",),
    ),
    Fault(
        name="a payload shows links that let their bearer pay",
        file="admin/events.py",
        old="display.pretty_json(reduced(event.payload))",
        new="display.pretty_json(event.payload)",
        tests=("tests/admin/test_bearer_links.py::test_no_page_of_the_admin_shows_one",),
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
