"""Checkout Sessions in the admin: each attempt to pay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_checkout import services
from django_checkout.admin import display
from django_checkout.admin.filters import PaymentStatusFilter, SessionStatusFilter
from django_checkout.admin.operations import OperableAdmin, Operation
from django_checkout.models import CheckoutSession
from django_checkout.states import SessionStatus


def _sync(request: HttpRequest, session: CheckoutSession, values: Mapping[str, Any]) -> str:
    services.sync(session)
    session.refresh_from_db()
    return _("Synced with Stripe: the session is %(status)s.") % {"status": display.label(session.status)}


def _expire(request: HttpRequest, session: CheckoutSession, values: Mapping[str, Any]) -> str:
    now = services.expire(session)
    return _("The session is %(status)s.") % {"status": display.label(now.status)}


@admin.register(CheckoutSession)
class CheckoutSessionAdmin(OperableAdmin[CheckoutSession]):
    """One attempt to pay an order each."""

    operations = (
        Operation(
            name="sync",
            label=gettext_lazy("Sync with Stripe"),
            hint=gettext_lazy("Reads this session from Stripe and records what it says."),
            run=_sync,
            is_offered=lambda session: bool(session.stripe_id),
        ),
        Operation(
            name="expire",
            label=gettext_lazy("Expire"),
            hint=gettext_lazy("Ends the payment page; the customer can start a new one."),
            run=_expire,
            is_offered=lambda session: session.status == SessionStatus.OPEN,
        ),
    )
    list_display = ("name", "order_link", "status_badge", "payment_badge", "total", "ui_mode_label", "created")
    list_filter = (SessionStatusFilter, PaymentStatusFilter, "livemode", "created_at")
    list_select_related = ("order",)
    sortable_by = ("created",)
    ordering = ("-id",)
    search_prefix = ("stripe_id",)
    search_order_column = "order_id"
    search_help_text = gettext_lazy("Stripe id of a session, payment, charge, refund or dispute")
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
        (gettext_lazy("As sent"), {"fields": ("uuid", "revision", "request_json"), "classes": ("collapse",)}),
    )

    @admin.display(description=gettext_lazy("session"))
    def name(self, session: CheckoutSession) -> SafeString:
        return display.short_id(str(session))

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, session: CheckoutSession) -> SafeString:
        return self.link(session.order)

    @admin.display(description=gettext_lazy("payment"))
    def payment_link(self, session: CheckoutSession) -> SafeString:
        return self.link(session.payment)

    @admin.display(description=gettext_lazy("status"))
    def status_badge(self, session: CheckoutSession) -> SafeString:
        return display.badge(session.status)

    @admin.display(description=gettext_lazy("payment status"))
    def payment_badge(self, session: CheckoutSession) -> SafeString:
        return display.badge(display.payment_status(session))

    @admin.display(description=gettext_lazy("test or live"))
    def mode_badge(self, session: CheckoutSession) -> SafeString:
        return display.mode_badge(session.livemode)

    @admin.display(description=gettext_lazy("page"))
    def ui_mode_label(self, session: CheckoutSession) -> str:
        return display.label(session.ui_mode)

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def created(self, session: CheckoutSession) -> SafeString:
        return display.instant_cell(session.created_at)

    @admin.display(description=gettext_lazy("asked for"))
    def asked(self, session: CheckoutSession) -> str:
        return display.amount(session.asked_subtotal_minor, session.asked_currency)

    @admin.display(description=gettext_lazy("subtotal"))
    def subtotal(self, session: CheckoutSession) -> str:
        return display.amount(session.amount_subtotal_minor, session.currency)

    @admin.display(description=gettext_lazy("discount"))
    def discount(self, session: CheckoutSession) -> str:
        return display.amount(session.amount_discount_minor, session.currency)

    @admin.display(description=gettext_lazy("shipping"))
    def shipping(self, session: CheckoutSession) -> str:
        return display.amount(session.amount_shipping_minor, session.currency)

    @admin.display(description=gettext_lazy("tax"))
    def tax(self, session: CheckoutSession) -> str:
        return display.amount(session.amount_tax_minor, session.currency)

    @admin.display(description=gettext_lazy("total"))
    def total(self, session: CheckoutSession) -> SafeString:
        if session.amount_total_minor is None:
            return display.amount_cell(session.asked_subtotal_minor, session.asked_currency)
        return display.amount_cell(session.amount_total_minor, session.currency)

    @admin.display(description=gettext_lazy("shown to the customer"))
    def presentment(self, session: CheckoutSession) -> str:
        return display.amount(session.presentment_amount_minor, session.presentment_currency)

    @admin.display(description=gettext_lazy("customer"))
    def customer(self, session: CheckoutSession) -> SafeString:
        return self.stripe_link(session.customer_id, livemode=session.livemode)

    @admin.display(description=gettext_lazy("subscription"))
    def subscription(self, session: CheckoutSession) -> SafeString:
        return self.stripe_link(session.subscription_id, livemode=session.livemode)

    @admin.display(description=gettext_lazy("invoice"))
    def invoice(self, session: CheckoutSession) -> SafeString:
        return self.stripe_link(session.invoice_id, livemode=session.livemode)

    @admin.display(description=gettext_lazy("created by request"))
    def created_by_request(self, session: CheckoutSession) -> SafeString:
        return self.stripe_link(session.request_id, livemode=session.livemode)

    @admin.display(description=gettext_lazy("error"))
    def error(self, session: CheckoutSession) -> str:
        return " ".join(filter(None, (session.error_code, session.error_message))) or display.DASH

    @admin.display(description=gettext_lazy("request"))
    def request_json(self, session: CheckoutSession) -> SafeString:
        return display.pretty_json(session.request)
