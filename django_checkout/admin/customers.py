"""Customers and subscriptions in the admin: who pays again and again."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from django_checkout.admin import display
from django_checkout.admin.base import FactsAdmin
from django_checkout.admin.filters import SubscriptionStatusFilter
from django_checkout.models import Customer, Subscription


@admin.register(Customer)
class CustomerAdmin(FactsAdmin[Customer]):
    """The shop's users as Stripe knows them."""

    list_display = ("stripe_id", "account", "mode_badge", "created")
    list_filter = ("livemode",)
    sortable_by = ()
    ordering = ("-id",)
    search_prefix = ("stripe_id",)
    search_help_text = gettext_lazy("Stripe id of a customer")
    fieldsets = ((None, {"fields": ("user", "at_stripe", "mode_badge", "created_at")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        return super().get_queryset(request).prefetch_related("user")

    @admin.display(description=gettext_lazy("user"))
    def account(self, customer: Customer) -> str:
        return str(customer.user)

    @admin.display(description=gettext_lazy("Stripe id"))
    def at_stripe(self, customer: Customer) -> SafeString:
        return self.stripe_link(customer.stripe_id, livemode=customer.livemode)

    @admin.display(description=gettext_lazy("test or live"))
    def mode_badge(self, customer: Customer) -> SafeString:
        return display.mode_badge(customer.livemode)

    @admin.display(description=gettext_lazy("created"))
    def created(self, customer: Customer) -> SafeString:
        return display.instant_cell(customer.created_at)


@admin.register(Subscription)
class SubscriptionAdmin(FactsAdmin[Subscription]):
    """What an order started and Stripe renews."""

    list_display = ("stripe_id", "order_link", "status_badge", "period_end", "mode_badge", "created")
    list_filter = (SubscriptionStatusFilter, "livemode")
    list_select_related = ("order",)
    sortable_by = ()
    ordering = ("-id",)
    search_prefix = ("stripe_id",)
    search_order_column = "order_id"
    search_help_text = gettext_lazy("Order number, or a Stripe id of the subscription or of its order")
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

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, subscription: Subscription) -> SafeString:
        return self.link(subscription.order)

    @admin.display(description=gettext_lazy("Stripe id"))
    def at_stripe(self, subscription: Subscription) -> SafeString:
        return self.stripe_link(subscription.stripe_id, livemode=subscription.livemode)

    @admin.display(description=gettext_lazy("customer"))
    def customer(self, subscription: Subscription) -> SafeString:
        return self.stripe_link(subscription.customer_id, livemode=subscription.livemode)

    @admin.display(description=gettext_lazy("status"))
    def status_badge(self, subscription: Subscription) -> SafeString:
        return display.badge(subscription.status)

    @admin.display(description=gettext_lazy("current period ends"))
    def period_end(self, subscription: Subscription) -> SafeString:
        return display.instant_cell(subscription.current_period_end)

    @admin.display(description=gettext_lazy("test or live"))
    def mode_badge(self, subscription: Subscription) -> SafeString:
        return display.mode_badge(subscription.livemode)

    @admin.display(description=gettext_lazy("created"))
    def created(self, subscription: Subscription) -> SafeString:
        return display.instant_cell(subscription.created_at)
