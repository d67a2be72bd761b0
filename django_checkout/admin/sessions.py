"""Checkout Sessions in the admin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_checkout.admin import columns, deferred, display
from django_checkout.admin.filters import by
from django_checkout.admin.operations import OperableAdmin, Operation
from django_checkout.models import CheckoutSession
from django_checkout.states import PaymentStatus, SessionPayment, SessionStatus, UIMode


def _sync(request: HttpRequest, session: CheckoutSession, values: Mapping[str, Any]) -> str:
    deferred.services.sync(session)
    session.refresh_from_db()
    return _("Synced with Stripe: the session is %(status)s.") % {"status": SessionStatus.label_of(session.status)}


def _expire(request: HttpRequest, session: CheckoutSession, values: Mapping[str, Any]) -> str:
    expired = deferred.services.expire(session)
    return _("The session is %(status)s.") % {"status": SessionStatus.label_of(expired.status)}


@admin.register(CheckoutSession)
class CheckoutSessionAdmin(OperableAdmin[CheckoutSession]):
    """The Checkout Sessions and their operations."""

    operations = (
        Operation(
            name="sync",
            label=gettext_lazy("Sync with Stripe"),
            hint=gettext_lazy("Reads the session from Stripe, and updates the session and its order."),
            run=_sync,
            is_offered=lambda session: bool(session.stripe_id),
        ),
        Operation(
            name="expire",
            label=gettext_lazy("Expire"),
            hint=gettext_lazy("Closes the payment page. The customer can start a new one."),
            run=_expire,
            is_offered=lambda session: session.status == SessionStatus.OPEN,
        ),
    )
    list_display = ("name", "order_link", "status_badge", "payment_badge", "total", "ui_mode_label", "created")
    list_filter = (
        by(SessionStatus),
        by(PaymentStatus, "payment_status", gettext_lazy("payment status")),
        "livemode",
        "created_at",
    )
    list_select_related = ("order",)
    sortable_by = ("created",)
    ordering = ("-id",)
    search_exact = ("stripe_id",)
    search_order_column = "order_id"
    search_help_text = gettext_lazy("Stripe ID of a session, payment, charge, refund or dispute")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "order_link",
                    "stripe_id",
                    "status_badge",
                    "payment_badge",
                    "payment_link",
                    "mode_badge",
                    "mode",
                    "ui_mode_label",
                )
            },
        ),
        (
            gettext_lazy("Amounts"),
            {"fields": ("asked", "subtotal", "discount", "shipping", "tax", "total", "presentment")},
        ),
        (gettext_lazy("At Stripe"), {"fields": ("customer", "subscription", "invoice", "created_by_request")}),
        (
            gettext_lazy("History"),
            {"fields": ("created_at", "expires_at", "completed_at", "synced_at", "recovered_from", "error")},
        ),
        (gettext_lazy("Request"), {"fields": ("uuid", "revision", "request_json"), "classes": ("collapse",)}),
    )

    @admin.display(description=gettext_lazy("session"))
    def name(self, session: CheckoutSession) -> SafeString:
        return display.short_id(str(session))

    payment_link = columns.link(gettext_lazy("payment"), "payment")
    status_badge = columns.status(SessionStatus)

    @admin.display(description=gettext_lazy("payment status"))
    def payment_badge(self, session: CheckoutSession) -> SafeString:
        return display.status_badge(SessionPayment, display.session_payment(session))

    @admin.display(description=gettext_lazy("page"))
    def ui_mode_label(self, session: CheckoutSession) -> str:
        return UIMode.label_of(session.ui_mode)

    asked = columns.amount(gettext_lazy("requested"), "asked_subtotal_minor", currency="asked_currency")
    subtotal = columns.amount(gettext_lazy("subtotal"), "amount_subtotal_minor")
    discount = columns.amount(gettext_lazy("discount"), "amount_discount_minor")
    shipping = columns.amount(gettext_lazy("shipping"), "amount_shipping_minor")
    tax = columns.amount(gettext_lazy("tax"), "amount_tax_minor")

    @admin.display(description=gettext_lazy("total"))
    def total(self, session: CheckoutSession) -> SafeString:
        if session.amount_total_minor is None:
            return display.amount_cell(session.asked_subtotal_minor, session.asked_currency)
        return display.amount_cell(session.amount_total_minor, session.currency)

    presentment = columns.amount(
        gettext_lazy("shown to the customer"), "presentment_amount_minor", currency="presentment_currency"
    )
    customer = columns.stripe_id(gettext_lazy("customer"), "customer_id")
    subscription = columns.stripe_id(gettext_lazy("subscription"), "subscription_id")
    invoice = columns.stripe_id(gettext_lazy("invoice"), "invoice_id")
    created_by_request = columns.stripe_id(gettext_lazy("request"), "request_id")
    error = columns.error()

    @admin.display(description=gettext_lazy("request"))
    def request_json(self, session: CheckoutSession) -> SafeString:
        return display.pretty_json(session.request)
