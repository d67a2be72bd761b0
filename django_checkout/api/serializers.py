"""Serializers for shoppers, without the data that is only for staff."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from django_checkout.api.fields import Money, OptionalMoney
from django_checkout.models import CheckoutSession, Order, OrderLine, Subscription
from django_checkout.params.terms import get_terms
from django_checkout.services.documents import DOCUMENT_KINDS
from django_checkout.services.outcomes import Outcome
from django_checkout.states import OrderStatus, SessionStatus, describe_method

Row = TypeVar("Row", bound=Model)

ORDER_STATUSES = [status.value for status in OrderStatus]
SESSION_STATUSES = [status.value for status in SessionStatus]
OUTCOMES = [outcome.value for outcome in Outcome]


class ReadOnlySerializer(serializers.ModelSerializer[Row]):
    """A serializer for responses: every column of ``Meta.fields`` is read-only."""

    def get_extra_kwargs(self) -> dict[str, dict[str, Any]]:
        return {name: {"read_only": True} for name in self.Meta.fields}


class LineSerializer(ReadOnlySerializer[OrderLine]):
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


class RecurrenceSerializer(serializers.Serializer[Any]):
    """An amount that is charged at an interval."""

    amount = Money("amount_minor")
    interval = serializers.ChoiceField(choices=["day", "week", "month", "year"], read_only=True)
    interval_count = serializers.IntegerField(read_only=True)


class TermsSerializer(serializers.Serializer[Any]):
    """What an order charges now and later, before shipping, tax and promotion codes."""

    today = Money("today_minor")
    trial_days = serializers.IntegerField(read_only=True)
    recurring = RecurrenceSerializer(many=True, read_only=True)
    text = serializers.CharField(
        read_only=True, help_text="For display next to the pay button. Empty for a one-time payment."
    )


class OrderSerializer(ReadOnlySerializer[Order]):
    """An order, for its buyer."""

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

    @extend_schema_field(TermsSerializer)
    def get_terms(self, order: Order) -> Any:
        return TermsSerializer(get_terms(order, list(order.lines.all()))).data


class DocumentSerializer(serializers.Serializer[Any]):
    """A receipt or an invoice."""

    kind = serializers.ChoiceField(choices=DOCUMENT_KINDS, read_only=True)
    url = serializers.CharField(
        read_only=True,
        help_text="Redirects to the document. Its bearer can see and pay the order.",
    )


class OrderDetailSerializer(OrderSerializer):
    """An order with how it was paid and its documents; staff get no links, which are the buyer's."""

    payment_method = serializers.SerializerMethodField(help_text="For display. Empty until a charge has succeeded.")
    documents = DocumentSerializer(many=True, read_only=True)

    class Meta(OrderSerializer.Meta):
        fields = (*OrderSerializer.Meta.fields, "payment_method", "documents")  # type: ignore[assignment]  # adds fields

    def get_payment_method(self, order: Order) -> str:
        return describe_method(None if order.kept_payment is None else order.kept_payment.method)


class PlacedOrderSerializer(OrderSerializer):
    """An order that has just been placed, with the token that a guest needs to pay it."""

    token = serializers.CharField(
        read_only=True, help_text="For the Checkout-Token header. Its bearer can see and pay this order."
    )

    class Meta(OrderSerializer.Meta):
        fields = (*OrderSerializer.Meta.fields, "token")  # type: ignore[assignment]  # adds a field


class SessionSerializer(ReadOnlySerializer[CheckoutSession]):
    """A Checkout Session, for the buyer of its order."""

    id = serializers.UUIDField(source="uuid", read_only=True)
    status = serializers.ChoiceField(choices=SESSION_STATUSES, read_only=True)
    url = serializers.SerializerMethodField()
    total = OptionalMoney("amount_total_minor")

    class Meta:
        model = CheckoutSession
        fields = ("id", "stripe_id", "status", "payment_status", "mode", "ui_mode", "url", "total", "expires_at")

    @extend_schema_field(
        {"type": ["string", "null"], "description": "Stripe's payment page, while the session is open."}
    )
    def get_url(self, session: CheckoutSession) -> str | None:
        return session.url if session.status == SessionStatus.OPEN and session.url else None


class ActionDetailSerializer(serializers.Serializer[Any]):
    """A text that the shopper needs for their next step."""

    name = serializers.CharField(read_only=True)
    label = serializers.CharField(read_only=True)  # type: ignore[assignment]  # the name of a DRF attribute
    group = serializers.CharField(read_only=True, help_text="The store or kind of account. Empty for all.")
    group_label = serializers.CharField(read_only=True)
    value = serializers.CharField(read_only=True)


class NextActionSerializer(serializers.Serializer[Any]):
    """What the shopper has to do to pay: use a voucher, make a bank transfer, scan a QR code."""

    kind = serializers.CharField(read_only=True, help_text="Stripe's payment method.")
    label = serializers.CharField(read_only=True)  # type: ignore[assignment]  # the name of a DRF attribute
    instruction = serializers.CharField(read_only=True)
    url = serializers.CharField(read_only=True, help_text="Stripe's page with the instructions, or empty.")
    image_url = serializers.CharField(read_only=True, help_text="Stripe's image of a QR code, or empty.")
    amount = Money("amount_minor")
    received = Money("received_minor")
    expires_at = serializers.DateTimeField(read_only=True, allow_null=True)
    details = ActionDetailSerializer(many=True, read_only=True)


class StatusSerializer(serializers.Serializer[Any]):
    """The payment status of an order."""

    status = serializers.ChoiceField(choices=ORDER_STATUSES, read_only=True)
    outcome = serializers.ChoiceField(choices=OUTCOMES, read_only=True, help_text="What to show the shopper.")
    paid = Money("paid_minor")
    refunded = Money("refunded_minor")
    next_action = NextActionSerializer(
        read_only=True, allow_null=True, help_text="Null with a token that may see the status only."
    )


class SecretSerializer(serializers.Serializer[Any]):
    """What Stripe.js needs. The client secret is never stored."""

    client_secret = serializers.CharField(read_only=True)
    publishable_key = serializers.CharField(read_only=True)
    stripe_js_url = serializers.CharField(read_only=True)


class SubscriptionSerializer(ReadOnlySerializer[Subscription]):
    """A subscription, for its owner."""

    id = serializers.CharField(source="stripe_id", read_only=True)
    order = serializers.CharField(source="order.reference", read_only=True)
    customer = serializers.CharField(
        source="customer_id", read_only=True, help_text="The Customer whose Billing portal manages this subscription."
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


class PortalSerializer(serializers.Serializer[Any]):
    """The short-lived URL of the Billing portal."""

    url = serializers.CharField(read_only=True)
