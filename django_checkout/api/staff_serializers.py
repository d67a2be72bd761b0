"""Serializers for staff: the same facts as the admin's, without payloads and without what shoppers typed."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from django_checkout.api.fields import Money, OptionalMoney
from django_checkout.api.serializers import (
    ORDER_STATUSES,
    SESSION_STATUSES,
    LineSerializer,
    ReadOnlySerializer,
    TermsSerializer,
)
from django_checkout.models import (
    AttentionItem,
    CheckoutSession,
    Discrepancy,
    Dispute,
    Order,
    Payment,
    ReconciliationRun,
    Refund,
    WebhookEvent,
)
from django_checkout.operations.alerts import Reason
from django_checkout.params.terms import get_terms


class RefundSerializer(ReadOnlySerializer[Refund]):
    """A refund."""

    id = serializers.UUIDField(source="uuid", read_only=True)
    amount = Money("amount_minor")
    created_at = serializers.DateTimeField(source="occurred_at", read_only=True)

    class Meta:
        model = Refund
        fields = (
            "id",
            "stripe_id",
            "amount",
            "status",
            "reason",
            "failure_reason",
            "is_ours",
            "created_at",
            "credit_note_id",
            "credit_note_error",
        )


class DisputeSerializer(ReadOnlySerializer[Dispute]):
    """A dispute."""

    amount = Money("amount_minor")

    class Meta:
        model = Dispute
        fields = ("stripe_id", "amount", "status", "reason", "due_by", "created_at")


class PaymentSerializer(ReadOnlySerializer[Payment]):
    """A payment: a PaymentIntent, or a session that has none."""

    order = serializers.CharField(source="order.reference", read_only=True, allow_null=True, default=None)
    status = serializers.CharField(source="intent_status", read_only=True)
    amount = OptionalMoney("amount_minor")
    captured = OptionalMoney("captured_minor")
    refunds = RefundSerializer(many=True, read_only=True)
    disputes = DisputeSerializer(many=True, read_only=True)

    class Meta:
        model = Payment
        fields = (
            "stripe_id",
            "order",
            "livemode",
            "status",
            "amount",
            "captured",
            "charge_id",
            "capture_before",
            "refunds",
            "disputes",
            "created_at",
        )


class StaffSessionSerializer(ReadOnlySerializer[CheckoutSession]):
    """A Checkout Session."""

    id = serializers.UUIDField(source="uuid", read_only=True)
    order = serializers.CharField(source="order.reference", read_only=True)
    status = serializers.ChoiceField(choices=SESSION_STATUSES, read_only=True)
    payment = serializers.CharField(source="payment.stripe_id", read_only=True, allow_null=True, default=None)
    total = OptionalMoney("amount_total_minor")

    class Meta:
        model = CheckoutSession
        fields = (
            "id",
            "stripe_id",
            "order",
            "livemode",
            "status",
            "payment_status",
            "mode",
            "ui_mode",
            "total",
            "payment",
            "error_code",
            "expires_at",
            "created_at",
            "completed_at",
        )


@extend_schema_field(
    {
        "type": "object",
        "description": "Numbers, currencies and Stripe's codes and IDs, by name; the same in every language.",
        "additionalProperties": {"type": ["integer", "string"]},
    }
)
class Details(serializers.JSONField):
    """The details of an attention item."""


class AttentionSerializer(ReadOnlySerializer[AttentionItem]):
    """A reason why an order needs attention."""

    detail = serializers.CharField(
        source="detail_text",
        read_only=True,
        help_text="The details as text to display, in the language of the request.",
    )
    details = Details(read_only=True)

    class Meta:
        model = AttentionItem
        fields = ("code", "fact", "detail", "details", "raised_at", "resolved_at", "note")


class OrderRowSerializer(ReadOnlySerializer[Order]):
    """An order in a list."""

    status = serializers.ChoiceField(choices=ORDER_STATUSES, read_only=True)
    email = serializers.CharField(read_only=True)
    subtotal = Money("subtotal_minor")
    total = OptionalMoney("total_minor")
    paid = Money("paid_minor")
    refunded = Money("refunded_minor")

    class Meta:
        model = Order
        fields = (
            "reference",
            "status",
            "disputed",
            "needs_attention",
            "livemode",
            "mode",
            "email",
            "currency",
            "subtotal",
            "total",
            "paid",
            "refunded",
            "created_at",
            "paid_at",
            "canceled_at",
        )


class StaffOrderSerializer(OrderRowSerializer):
    """An order with everything that belongs to it."""

    lines = LineSerializer(many=True, read_only=True)
    terms = serializers.SerializerMethodField()
    sessions = StaffSessionSerializer(many=True, read_only=True)
    payments = PaymentSerializer(many=True, read_only=True)
    attention = AttentionSerializer(many=True, read_only=True)
    consent = serializers.SerializerMethodField(help_text="What the shopper agreed to, in Stripe's words.")

    class Meta(OrderRowSerializer.Meta):
        fields = (*OrderRowSerializer.Meta.fields, "terms", "consent", "lines", "sessions", "payments", "attention")  # type: ignore[assignment]  # adds fields

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_consent(self, order: Order) -> Any:
        return order.customer_details.get("consent", {})

    @extend_schema_field(TermsSerializer)
    def get_terms(self, order: Order) -> Any:
        return TermsSerializer(get_terms(order, list(order.lines.all()))).data


class EventSerializer(ReadOnlySerializer[WebhookEvent]):
    """An event from Stripe, without its payload."""

    class Meta:
        model = WebhookEvent
        fields = (
            "stripe_id",
            "type",
            "object_id",
            "livemode",
            "state",
            "attempts",
            "error_code",
            "error_message",
            "created_at",
            "received_at",
            "processed_at",
            "next_attempt_at",
        )


class DiscrepancySerializer(ReadOnlySerializer[Discrepancy]):
    """A difference between our database and Stripe that needs a decision."""

    order = serializers.CharField(source="order.reference", read_only=True, allow_null=True, default=None)
    here = serializers.DictField(read_only=True)
    at_stripe = serializers.DictField(read_only=True)

    class Meta:
        model = Discrepancy
        fields = (
            "id",
            "kind",
            "subject",
            "order",
            "here",
            "at_stripe",
            "suggestion",
            "state",
            "note",
            "first_seen_at",
            "last_seen_at",
            "resolved_at",
        )


class RunSerializer(ReadOnlySerializer[ReconciliationRun]):
    """A reconciliation run."""

    seen = serializers.DictField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = ReconciliationRun
        fields = (
            "id",
            "scope",
            "is_fixing",
            "since",
            "until",
            "state",
            "seen",
            "found",
            "fixed",
            "started_at",
            "finished_at",
        )


class DriftSerializer(serializers.Serializer[Any]):
    """A difference that a reconciliation run has found."""

    kind = serializers.CharField(read_only=True)
    outcome = serializers.CharField(read_only=True)
    subject = serializers.CharField(read_only=True)
    order = serializers.CharField(source="reference", read_only=True)
    explanation = serializers.CharField(source="kind.explanation", read_only=True)
    suggestion = serializers.CharField(read_only=True)
    done = serializers.CharField(read_only=True)
    here = serializers.DictField(read_only=True)
    at_stripe = serializers.DictField(read_only=True)


class ReportSerializer(serializers.Serializer[Any]):
    """The result of a reconciliation run."""

    since = serializers.DateTimeField(read_only=True, allow_null=True)
    until = serializers.DateTimeField(read_only=True, allow_null=True)
    is_clean = serializers.BooleanField(read_only=True)
    is_complete = serializers.BooleanField(read_only=True)
    is_resumed = serializers.BooleanField(read_only=True)
    seen = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    gone = serializers.IntegerField(read_only=True)
    drift = DriftSerializer(many=True, read_only=True, source="differences")


class HealthSerializer(serializers.Serializer[Any]):
    """The state of webhook processing, and the alerts: the number of problems of each reason, up to 1000.

    Ages and counts are null while the database cannot be read.
    """

    ok = serializers.BooleanField(read_only=True)
    reasons = serializers.ListField(child=serializers.ChoiceField(choices=[*Reason]), read_only=True)
    alerts = serializers.DictField(source="numbers", child=serializers.IntegerField(), read_only=True)
    last_event_seconds = serializers.IntegerField(read_only=True, allow_null=True)
    oldest_waiting_seconds = serializers.IntegerField(read_only=True, allow_null=True)
    events_waiting = serializers.IntegerField(read_only=True, allow_null=True)
    events_failed = serializers.IntegerField(read_only=True, allow_null=True)
    announcements_pending = serializers.IntegerField(read_only=True, allow_null=True)


class TotalSerializer(serializers.Serializer[Any]):
    """An amount in one currency, and the number of orders or refunds that it sums."""

    amount = Money("amount_minor")
    count = serializers.IntegerField(read_only=True)


class FunnelSerializer(serializers.Serializer[Any]):
    """The sessions of a period by their outcome."""

    opened = serializers.IntegerField(read_only=True)
    completed = serializers.IntegerField(read_only=True)
    paid = serializers.IntegerField(read_only=True)
    expired = serializers.IntegerField(read_only=True)
    failed = serializers.IntegerField(read_only=True)


class PeriodSerializer(serializers.Serializer[Any]):
    """The statistics of a number of days."""

    first_day = serializers.DateField(read_only=True)
    days = serializers.IntegerField(read_only=True)
    revenue = TotalSerializer(many=True, read_only=True)
    refunds = TotalSerializer(many=True, read_only=True)
    funnel = FunnelSerializer(read_only=True)


class DisputesDueSerializer(serializers.Serializer[Any]):
    """The disputes that are open."""

    open = serializers.IntegerField(read_only=True)
    due = serializers.IntegerField(read_only=True)
    pressing = serializers.IntegerField(read_only=True)
    overdue = serializers.IntegerField(read_only=True)
    next_due_at = serializers.DateTimeField(read_only=True, allow_null=True)


class WebhooksSerializer(HealthSerializer):
    """The state of webhook processing, with today's number of events."""

    received_today = serializers.IntegerField(read_only=True)


class FiguresSerializer(serializers.Serializer[Any]):
    """The statistics of the dashboard."""

    at = serializers.DateTimeField(read_only=True)
    periods = PeriodSerializer(many=True, read_only=True)
    disputes = DisputesDueSerializer(read_only=True)
    discrepancies = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    attention = serializers.IntegerField(read_only=True)
    webhooks = WebhooksSerializer(read_only=True)
