"""Payments, refunds and disputes in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from django_checkout.admin import columns, display
from django_checkout.admin.base import FactsAdmin
from django_checkout.admin.filters import by
from django_checkout.models import Dispute, Payment, Refund
from django_checkout.states import (
    DisputeReason,
    DisputeStatus,
    IntentStatus,
    RefundReason,
    RefundStatus,
    describe_method,
)


@admin.register(Payment)
class PaymentAdmin(FactsAdmin[Payment]):
    """The payments: a row per PaymentIntent, or per session that has none."""

    list_display = ("stripe_id", "order_link", "status_badge", "amount", "captured", "mode_badge", "created")
    list_filter = (by(IntentStatus, "intent_status"), "livemode")
    list_select_related = ("order",)
    sortable_by = ()
    ordering = ("-id",)
    search_exact = ("stripe_id", "charge_id")
    search_order_column = "order_id"
    search_help_text = gettext_lazy("Stripe ID of a payment, charge, session, refund or dispute")
    fieldsets = (
        (None, {"fields": ("order_link", "at_stripe", "status_badge", "method_name", "mode_badge")}),
        (gettext_lazy("Amounts"), {"fields": ("amount", "captured", "refund_asked")}),
        (
            gettext_lazy("At Stripe"),
            {
                "fields": (
                    "charge",
                    "fraud_warning_id",
                    "capture_before",
                    "action_expires_at",
                    "created_at",
                    "updated_at",
                )
            },
        ),
    )

    charge = columns.stripe_id(gettext_lazy("charge"), "charge_id")
    status_badge = columns.status(IntentStatus, "intent_status")
    amount = columns.amount(gettext_lazy("amount"), "amount_minor")
    captured = columns.amount(gettext_lazy("captured"), "captured_minor")

    @admin.display(description=gettext_lazy("payment method"))
    def method_name(self, payment: Payment) -> str:
        return describe_method(payment.method) or display.DASH

    refund_asked = columns.amount(gettext_lazy("refunds requested here"), "refund_asked_minor")


@admin.register(Refund)
class RefundAdmin(FactsAdmin[Refund]):
    """The refunds, requested here or created in Stripe's dashboard."""

    list_display = ("name", "order_link", "amount", "status_badge", "reason_label", "is_ours", "created")
    list_filter = (by(RefundStatus), "is_ours")
    list_select_related = ("payment__order",)
    sortable_by = ()
    ordering = ("-id",)
    search_exact = ("stripe_id",)
    search_order_column = "payment__order_id"
    search_help_text = gettext_lazy("Stripe ID of a refund, payment, charge, session or dispute")
    fieldsets = (
        (None, {"fields": ("order_link", "payment_link", "name", "amount", "status_badge", "reason_label")}),
        (gettext_lazy("Origin"), {"fields": ("is_ours", "asked_by", "created", "updated_at")}),
        (gettext_lazy("At Stripe"), {"fields": ("at_stripe", "created_by_request", "failure_reason", "error")}),
        (gettext_lazy("Credit note"), {"fields": ("credit_note",)}),
    )

    @admin.display(description=gettext_lazy("credit note"))
    def credit_note(self, refund: Refund) -> str:
        return display.credit_note(refund)

    @admin.display(description=gettext_lazy("refund"))
    def name(self, refund: Refund) -> str:
        return str(refund)

    order_link = columns.link(gettext_lazy("order"), "payment.order")
    payment_link = columns.link(gettext_lazy("payment"), "payment")
    at_stripe = columns.stripe_id(gettext_lazy("payment at Stripe"), "payment.stripe_id", livemode="payment.livemode")
    amount = columns.amount(gettext_lazy("amount"), "amount_minor")
    status_badge = columns.status(RefundStatus)
    created = columns.instant(gettext_lazy("created"), "occurred_at")

    @admin.display(description=gettext_lazy("reason"))
    def reason_label(self, refund: Refund) -> str:
        if refund.is_release:
            return gettext("released, not captured")
        return RefundReason.label_of(refund.reason) or display.DASH

    created_by_request = columns.stripe_id(gettext_lazy("request"), "request_id", livemode="payment.livemode")
    error = columns.error()


@admin.register(Dispute)
class DisputeAdmin(FactsAdmin[Dispute]):
    """The disputes, with the dates when evidence is due."""

    list_display = ("stripe_id", "order_link", "amount", "status_badge", "reason_label", "due", "created")
    list_filter = (by(DisputeStatus),)
    list_select_related = ("payment__order",)
    sortable_by = ()
    ordering = ("-id",)
    search_exact = ("stripe_id",)
    search_order_column = "payment__order_id"
    search_help_text = gettext_lazy("Stripe ID of a dispute, payment, charge, session or refund")
    fieldsets = (
        (None, {"fields": ("order_link", "payment_link", "at_stripe", "status_badge", "reason_label", "due_by")}),
        (gettext_lazy("Amounts"), {"fields": ("amount", "withdrawn")}),
        (gettext_lazy("History"), {"fields": ("created_at", "updated_at")}),
    )

    order_link = columns.link(gettext_lazy("order"), "payment.order")
    payment_link = columns.link(gettext_lazy("payment"), "payment")
    at_stripe = columns.stripe_id(gettext_lazy("Stripe ID"), "stripe_id", livemode="payment.livemode")
    amount = columns.amount(gettext_lazy("amount"), "amount_minor")

    @admin.display(description=gettext_lazy("withdrawn"))
    def withdrawn(self, dispute: Dispute) -> SafeString:
        return display.amount_cell(dispute.withdrawn_minor, dispute.withdrawn_currency or dispute.currency)

    status_badge = columns.status(DisputeStatus)

    @admin.display(description=gettext_lazy("reason"))
    def reason_label(self, dispute: Dispute) -> str:
        return DisputeReason.label_of(dispute.reason) or display.DASH

    @admin.display(description=gettext_lazy("evidence due by"))
    def due(self, dispute: Dispute) -> SafeString:
        return display.instant_cell(dispute.due_by) if dispute.is_open else display.NOTHING
