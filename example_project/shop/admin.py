"""The shop's admin: products can be edited, orders only viewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from example_project.shop.models import Order, OrderLine, Product, Subscription

# Django's admin classes are generic to the type checker only.
if TYPE_CHECKING:
    ProductAdminBase = admin.ModelAdmin[Product]
    OrderAdminBase = admin.ModelAdmin[Order]
    SubscriptionAdminBase = admin.ModelAdmin[Subscription]
    OrderLineInlineBase = admin.TabularInline[OrderLine, Order]
else:
    ProductAdminBase = OrderAdminBase = SubscriptionAdminBase = admin.ModelAdmin
    OrderLineInlineBase = admin.TabularInline


@admin.register(Product)
class ProductAdmin(ProductAdminBase):
    """The products."""

    list_display = ["name", "kind", "price", "interval", "stock", "is_available", "position"]
    list_filter = ["kind", "is_available"]
    search_fields = ["name", "tagline"]
    prepopulated_fields = {"slug": ["name"]}


class OrderLineInline(OrderLineInlineBase):
    """The lines of an order."""

    model = OrderLine
    extra = 0
    can_delete = False
    readonly_fields = ["product", "name", "unit_price", "quantity", "interval"]

    def has_add_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False


@admin.register(Order)
class OrderAdmin(OrderAdminBase):
    """The shop's orders. Their payment side is under Checkout."""

    list_display = ["number", "state", "name", "created_at", "paid_at"]
    list_filter = ["state", "created_at"]
    search_fields = ["number", "name", "email"]
    readonly_fields = ["number", "user", "currency", "state", "created_at", "paid_at"]
    inlines = [OrderLineInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Subscription)
class SubscriptionAdmin(SubscriptionAdminBase):
    """The subscriptions. Their state follows Stripe, so it cannot be edited."""

    list_display = ["order", "state", "renewals", "renewed_at", "ended_at"]
    list_filter = ["state"]
    search_fields = ["order__number", "order__name"]
    readonly_fields = ["order", "state", "renewals", "renewed_at", "ended_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
