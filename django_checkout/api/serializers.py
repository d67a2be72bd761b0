"""What shoppers are shown: nothing that they need not see."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from django_checkout.api.fields import Money, OptionalMoney
from django_checkout.models import CheckoutSession, Order, OrderLine, Subscription
from django_checkout.states import OrderStatus, SessionStatus
from django_checkout.terms import get_terms

ORDER_STATUSES = [status.value for status in OrderStatus]
SESSION_STATUSES = [status.value for status in SessionStatus]
#: What the shopper should read, as the return page has it.
OUTCOMES = ["paid", "processing", "authorized", "refunded", "canceled", "expired", "failed", "open"]


class LineSerializer(serializers.ModelSerializer[OrderLine]):
    """One line of an order."""

    unit_price = Money("unit_amount_minor", "order.currency")
    total = Money("amount_minor", "order.currency")

    class Meta:
        model = OrderLine
        fields = (
            "sku",
            "name",
            "description",
            "image_url",
            "quantity",
            "unit_price",
            "total",
            "recurring_interval",
            "recurring_interval_count",
        )
        read_only_fields = fields


class RecurrenceSerializer(serializers.Serializer[Any]):
    """What is charged at each interval."""

    amount = Money("amount_minor")
    interval = serializers.ChoiceField(choices=["day", "week", "month", "year"], read_only=True)
    interval_count = serializers.IntegerField(read_only=True)


class TermsSerializer(serializers.Serializer[Any]):
    """What an order charges now and later, before shipping, tax and codes that are typed at Stripe."""

    today = Money("today_minor")
    trial_days = serializers.IntegerField(read_only=True)
    recurring = RecurrenceSerializer(many=True, read_only=True)
    text = serializers.CharField(
        read_only=True, help_text="To be shown beside the button that pays; empty for what is paid once."
    )


class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order as its buyer sees it."""

    status = serializers.ChoiceField(choices=ORDER_STATUSES, read_only=True)
    subtotal = Money("subtotal_minor")
    discount = OptionalMoney("discount_minor")
    shipping = OptionalMoney("shipping_minor")
    tax = OptionalMoney("tax_minor")
    total = OptionalMoney("total_minor")
    paid = Money("paid_minor")
    refunded = Money("refunded_minor")
    lines = LineSerializer(many=True, read_only=True)
    terms = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = (
            "reference",
            "status",
            "mode",
            "currency",
            "terms",
            "subtotal",
            "discount",
            "shipping",
            "tax",
            "total",
            "paid",
            "refunded",
            "lines",
            "created_at",
            "paid_at",
        )
        read_only_fields = fields

    @extend_schema_field(TermsSerializer)
    def get_terms(self, order: Order) -> Any:
        return TermsSerializer(get_terms(order, list(order.lines.all()))).data


class PlacedOrderSerializer(OrderSerializer):
    """An order that was just placed, with the token by which a guest goes on."""

    token = serializers.CharField(
        read_only=True, help_text="For the Checkout-Token header: the right to see this order and to pay it."
    )

    class Meta(OrderSerializer.Meta):
        fields = (*OrderSerializer.Meta.fields, "token")  # type: ignore[assignment]  # one more
        read_only_fields = fields  # type: ignore[assignment]  # one more


class SessionSerializer(serializers.ModelSerializer[CheckoutSession]):
    """One attempt to pay, as the buyer sees it."""

    id = serializers.UUIDField(source="uuid", read_only=True)
    status = serializers.ChoiceField(choices=SESSION_STATUSES, read_only=True)
    url = serializers.SerializerMethodField()
    total = OptionalMoney("amount_total_minor")

    class Meta:
        model = CheckoutSession
        fields = ("id", "stripe_id", "status", "payment_status", "mode", "ui_mode", "url", "total", "expires_at")
        read_only_fields = fields

    @extend_schema_field({"type": ["string", "null"], "description": "Stripe's page, while it can be paid there."})
    def get_url(self, session: CheckoutSession) -> str | None:
        return session.url if session.status == SessionStatus.OPEN and session.url else None


class StatusSerializer(serializers.Serializer[Any]):
    """How the payment of an order stands."""

    status = serializers.ChoiceField(choices=ORDER_STATUSES, read_only=True)
    outcome = serializers.ChoiceField(choices=OUTCOMES, read_only=True, help_text="What the shopper should read.")
    paid = Money("paid_minor")
    refunded = Money("refunded_minor")


class SecretSerializer(serializers.Serializer[Any]):
    """What Stripe.js needs; never stored anywhere."""

    client_secret = serializers.CharField(read_only=True)
    publishable_key = serializers.CharField(read_only=True)
    stripe_js_url = serializers.CharField(read_only=True)


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    """A subscription as its owner sees it."""

    id = serializers.CharField(source="stripe_id", read_only=True)
    order = serializers.CharField(source="order.reference", read_only=True)
    customer = serializers.CharField(
        source="customer_id", read_only=True, help_text="Whose Billing portal manages this subscription."
    )
    is_active = serializers.BooleanField(read_only=True)

    class Meta:
        model = Subscription
        fields = (
            "id",
            "order",
            "customer",
            "status",
            "is_active",
            "is_canceled_at_period_end",
            "current_period_end",
            "ended_at",
            "created_at",
        )
        read_only_fields = fields


class PortalSerializer(serializers.Serializer[Any]):
    """A short-lived address at Stripe."""

    url = serializers.CharField(read_only=True)
