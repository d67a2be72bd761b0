"""Payments, refunds and disputes in the admin: what Stripe did with money."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from django_checkout.admin import display
from django_checkout.admin.base import FactsAdmin
from django_checkout.admin.filters import DisputeStatusFilter, IntentStatusFilter, RefundStatusFilter
from django_checkout.models import Dispute, Payment, Refund


@admin.register(Payment)
class PaymentAdmin(FactsAdmin[Payment]):
    """One PaymentIntent each, or one session that needed none."""

    list_display = ("stripe_id", "order_link", "status_badge", "amount", "captured", "mode_badge", "created")
    list_filter = (IntentStatusFilter, "livemode")
    list_select_related = ("order",)
    sortable_by = ()
    ordering = ("-id",)
    search_exact = ("charge_id",)
    search_prefix = ("stripe_id",)
    search_order_column = "order_id"
    search_help_text = gettext_lazy("Stripe id of a payment, charge, session, refund or dispute")
    fieldsets = (
        (None, {"fields": ("order_link", "at_stripe", "status_badge", "mode_badge")}),
        (gettext_lazy("Amounts"), {"fields": ("amount", "captured", "refund_asked")}),
        (
            gettext_lazy("At Stripe"),
            {"fields": ("charge", "fraud_warning_id", "capture_before", "created_at", "updated_at")},
        ),
    )

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, payment: Payment) -> SafeString:
        return self.link(payment.order)

    @admin.display(description=gettext_lazy("Stripe id"))
    def at_stripe(self, payment: Payment) -> SafeString:
        return self.stripe_link(payment.stripe_id, livemode=payment.livemode)

    @admin.display(description=gettext_lazy("charge"))
    def charge(self, payment: Payment) -> SafeString:
        return self.stripe_link(payment.charge_id, livemode=payment.livemode)

    @admin.display(description=gettext_lazy("status"))
    def status_badge(self, payment: Payment) -> SafeString:
        return display.badge(payment.intent_status)

    @admin.display(description=gettext_lazy("test or live"))
    def mode_badge(self, payment: Payment) -> SafeString:
        return display.mode_badge(payment.livemode)

    @admin.display(description=gettext_lazy("amount"))
    def amount(self, payment: Payment) -> SafeString:
        return display.amount_cell(payment.amount_minor, payment.currency)

    @admin.display(description=gettext_lazy("captured"))
    def captured(self, payment: Payment) -> SafeString:
        return display.amount_cell(payment.captured_minor, payment.currency)

    @admin.display(description=gettext_lazy("refunds asked for here"))
    def refund_asked(self, payment: Payment) -> SafeString:
        return display.amount_cell(payment.refund_asked_minor, payment.currency)

    @admin.display(description=gettext_lazy("created"))
    def created(self, payment: Payment) -> SafeString:
        return display.instant_cell(payment.created_at)


@admin.register(Refund)
class RefundAdmin(FactsAdmin[Refund]):
    """Money given back, asked for here or made in Stripe's dashboard."""

    list_display = ("name", "order_link", "amount", "status_badge", "reason_label", "is_ours", "created")
    list_filter = (RefundStatusFilter, "is_ours")
    list_select_related = ("payment__order",)
    sortable_by = ()
    ordering = ("-id",)
    search_prefix = ("stripe_id",)
    search_order_column = "payment__order_id"
    search_help_text = gettext_lazy("Stripe id of a refund, payment, charge, session or dispute")
    fieldsets = (
        (None, {"fields": ("order_link", "payment_link", "name", "amount", "status_badge", "reason_label")}),
        (gettext_lazy("Origin"), {"fields": ("is_ours", "asked_by", "created_at", "updated_at")}),
        (gettext_lazy("At Stripe"), {"fields": ("at_stripe", "created_by_request", "failure_reason", "error")}),
    )

    @admin.display(description=gettext_lazy("refund"))
    def name(self, refund: Refund) -> str:
        return str(refund)

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, refund: Refund) -> SafeString:
        return self.link(refund.payment.order)

    @admin.display(description=gettext_lazy("payment"))
    def payment_link(self, refund: Refund) -> SafeString:
        return self.link(refund.payment)

    @admin.display(description=gettext_lazy("payment at Stripe"))
    def at_stripe(self, refund: Refund) -> SafeString:
        return self.stripe_link(refund.payment.stripe_id, livemode=refund.payment.livemode)

    @admin.display(description=gettext_lazy("amount"))
    def amount(self, refund: Refund) -> SafeString:
        return display.amount_cell(refund.amount_minor, refund.currency)

    @admin.display(description=gettext_lazy("status"))
    def status_badge(self, refund: Refund) -> SafeString:
        return display.badge(refund.status)

    @admin.display(description=gettext_lazy("reason"))
    def reason_label(self, refund: Refund) -> str:
        if refund.is_release:
            return gettext("released, not captured")
        return display.label(refund.reason) or display.DASH

    @admin.display(description=gettext_lazy("created by request"))
    def created_by_request(self, refund: Refund) -> SafeString:
        return self.stripe_link(refund.request_id, livemode=refund.payment.livemode)

    @admin.display(description=gettext_lazy("error"))
    def error(self, refund: Refund) -> str:
        return " ".join(filter(None, (refund.error_code, refund.error_message))) or display.DASH

    @admin.display(description=gettext_lazy("created"))
    def created(self, refund: Refund) -> SafeString:
        return display.instant_cell(refund.created_at)


@admin.register(Dispute)
class DisputeAdmin(FactsAdmin[Dispute]):
    """Customers' objections to charges: the list to look at before evidence is due."""

    list_display = ("stripe_id", "order_link", "amount", "status_badge", "reason_label", "due", "created")
    list_filter = (DisputeStatusFilter,)
    list_select_related = ("payment__order",)
    sortable_by = ()
    ordering = ("-id",)
    search_prefix = ("stripe_id",)
    search_order_column = "payment__order_id"
    search_help_text = gettext_lazy("Stripe id of a dispute, payment, charge, session or refund")
    fieldsets = (
        (None, {"fields": ("order_link", "payment_link", "at_stripe", "status_badge", "reason_label", "due_by")}),
        (gettext_lazy("Amounts"), {"fields": ("amount", "withdrawn")}),
        (gettext_lazy("History"), {"fields": ("created_at", "updated_at")}),
    )

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, dispute: Dispute) -> SafeString:
        return self.link(dispute.payment.order)

    @admin.display(description=gettext_lazy("payment"))
    def payment_link(self, dispute: Dispute) -> SafeString:
        return self.link(dispute.payment)

    @admin.display(description=gettext_lazy("Stripe id"))
    def at_stripe(self, dispute: Dispute) -> SafeString:
        return self.stripe_link(dispute.stripe_id, livemode=dispute.payment.livemode)

    @admin.display(description=gettext_lazy("amount"))
    def amount(self, dispute: Dispute) -> SafeString:
        return display.amount_cell(dispute.amount_minor, dispute.currency)

    @admin.display(description=gettext_lazy("withdrawn"))
    def withdrawn(self, dispute: Dispute) -> SafeString:
        return display.amount_cell(dispute.withdrawn_minor, dispute.withdrawn_currency or dispute.currency)

    @admin.display(description=gettext_lazy("status"))
    def status_badge(self, dispute: Dispute) -> SafeString:
        return display.badge(dispute.status)

    @admin.display(description=gettext_lazy("reason"))
    def reason_label(self, dispute: Dispute) -> str:
        return display.label(dispute.reason) or display.DASH

    @admin.display(description=gettext_lazy("evidence due by"))
    def due(self, dispute: Dispute) -> SafeString:
        return display.instant_cell(dispute.due_by) if dispute.is_open else display.NOTHING

    @admin.display(description=gettext_lazy("created"))
    def created(self, dispute: Dispute) -> SafeString:
        return display.instant_cell(dispute.created_at)
