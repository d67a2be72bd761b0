"""Customers and subscriptions in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from django_checkout.admin import columns
from django_checkout.admin.base import FactsAdmin
from django_checkout.admin.filters import by
from django_checkout.models import Customer, Subscription
from django_checkout.states import SubscriptionStatus


@admin.register(Customer)
class CustomerAdmin(FactsAdmin[Customer]):
    """The Stripe Customers of the shop's users."""

    list_display = ("stripe_id", "account", "mode_badge", "created")
    list_filter = ("livemode",)
    sortable_by = ()
    ordering = ("-id",)
    search_exact = ("stripe_id",)
    search_help_text = gettext_lazy("Stripe ID of a customer")
    fieldsets = ((None, {"fields": ("user", "at_stripe", "mode_badge", "created_at")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        return super().get_queryset(request).prefetch_related("user")

    @admin.display(description=gettext_lazy("user"))
    def account(self, customer: Customer) -> str:
        return str(customer.user)


@admin.register(Subscription)
class SubscriptionAdmin(FactsAdmin[Subscription]):
    """The subscriptions that orders started."""

    list_display = ("stripe_id", "order_link", "status_badge", "period_end", "mode_badge", "created")
    list_filter = (by(SubscriptionStatus), "livemode")
    list_select_related = ("order",)
    sortable_by = ()
    ordering = ("-id",)
    search_exact = ("stripe_id",)
    search_order_column = "order_id"
    search_help_text = gettext_lazy("Order number, or a Stripe ID of the subscription or of its order")
    fieldsets = (
        (None, {"fields": ("order_link", "at_stripe", "customer", "status_badge", "mode_badge")}),
        (
            gettext_lazy("History"),
            {
                "fields": (
                    "current_period_end",
                    "is_canceled_at_period_end",
                    "ended_at",
                    "created_at",
                    "updated_at",
                )
            },
        ),
    )

    customer = columns.stripe_id(gettext_lazy("customer"), "customer_id")
    status_badge = columns.status(SubscriptionStatus)
    period_end = columns.instant(gettext_lazy("current period ends"), "current_period_end")
