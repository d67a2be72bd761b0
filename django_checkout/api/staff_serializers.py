"""What staff are shown: the facts as the admin has them, without payloads and without what shoppers typed."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from django_checkout.api.fields import Money, OptionalMoney
from django_checkout.api.serializers import ORDER_STATUSES, SESSION_STATUSES, LineSerializer, TermsSerializer
from django_checkout.health import Reason
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
from django_checkout.terms import get_terms


class RefundSerializer(serializers.ModelSerializer[Refund]):
    """Money given back."""

    id = serializers.UUIDField(source="uuid", read_only=True)
    amount = Money("amount_minor")

    class Meta:
        model = Refund
        fields = ("id", "stripe_id", "amount", "status", "reason", "failure_reason", "is_ours", "created_at")
        read_only_fields = fields


class DisputeSerializer(serializers.ModelSerializer[Dispute]):
    """A customer's objection."""

    amount = Money("amount_minor")

    class Meta:
        model = Dispute
        fields = ("stripe_id", "amount", "status", "reason", "due_by", "created_at")
        read_only_fields = fields


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    """One PaymentIntent, or what stands for it."""

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
        read_only_fields = fields


class StaffSessionSerializer(serializers.ModelSerializer[CheckoutSession]):
    """One attempt to pay."""

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
        read_only_fields = fields


class AttentionSerializer(serializers.ModelSerializer[AttentionItem]):
    """A reason to look at an order."""

    class Meta:
        model = AttentionItem
        fields = ("code", "fact", "detail", "raised_at", "resolved_at", "note")
        read_only_fields = fields


class OrderRowSerializer(serializers.ModelSerializer[Order]):
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
        read_only_fields = fields


class StaffOrderSerializer(OrderRowSerializer):
    """An order with everything that belongs to it."""

    lines = LineSerializer(many=True, read_only=True)
    terms = serializers.SerializerMethodField()
    sessions = StaffSessionSerializer(many=True, read_only=True)
    payments = PaymentSerializer(many=True, read_only=True)
    attention = AttentionSerializer(many=True, read_only=True)

    class Meta(OrderRowSerializer.Meta):
        fields = (*OrderRowSerializer.Meta.fields, "terms", "lines", "sessions", "payments", "attention")  # type: ignore[assignment]  # more
        read_only_fields = fields  # type: ignore[assignment]  # more

    @extend_schema_field(TermsSerializer)
    def get_terms(self, order: Order) -> Any:
        return TermsSerializer(get_terms(order, list(order.lines.all()))).data


class EventSerializer(serializers.ModelSerializer[WebhookEvent]):
    """An event of Stripe's, without its payload."""

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
        read_only_fields = fields


class DiscrepancySerializer(serializers.ModelSerializer[Discrepancy]):
    """A difference between Stripe and us."""

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
        read_only_fields = fields


class RunSerializer(serializers.ModelSerializer[ReconciliationRun]):
    """A run of reconciliation."""

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
            "mended",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields


class DriftSerializer(serializers.Serializer[Any]):
    """One difference that a run met."""

    kind = serializers.CharField(read_only=True)
    outcome = serializers.CharField(read_only=True)
    subject = serializers.CharField(read_only=True)
    order = serializers.CharField(source="reference", read_only=True)
    explanation = serializers.CharField(read_only=True)
    suggestion = serializers.CharField(read_only=True)
    here = serializers.DictField(read_only=True)
    at_stripe = serializers.DictField(read_only=True)


class ReportSerializer(serializers.Serializer[Any]):
    """What a run of reconciliation saw."""

    since = serializers.DateTimeField(read_only=True, allow_null=True)
    until = serializers.DateTimeField(read_only=True, allow_null=True)
    is_clean = serializers.BooleanField(read_only=True)
    is_complete = serializers.BooleanField(read_only=True)
    is_resumed = serializers.BooleanField(read_only=True)
    seen = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    gone = serializers.IntegerField(read_only=True)
    drift = DriftSerializer(many=True, read_only=True)


class HealthSerializer(serializers.Serializer[Any]):
    """How much waits or fails, and which of it needs attention."""

    ok = serializers.BooleanField(read_only=True)
    reasons = serializers.ListField(child=serializers.ChoiceField(choices=[*Reason]), read_only=True)
    last_event_seconds = serializers.IntegerField(read_only=True, allow_null=True)
    oldest_waiting_seconds = serializers.IntegerField(read_only=True, allow_null=True)
    events_waiting = serializers.IntegerField(read_only=True)
    events_failed = serializers.IntegerField(read_only=True)
    announcements_pending = serializers.IntegerField(read_only=True)


class TotalSerializer(serializers.Serializer[Any]):
    """Money of one currency, and of how many orders or refunds it is."""

    amount = Money("amount_minor")
    count = serializers.IntegerField(read_only=True)


class FunnelSerializer(serializers.Serializer[Any]):
    """What became of the sessions of a period."""

    opened = serializers.IntegerField(read_only=True)
    completed = serializers.IntegerField(read_only=True)
    paid = serializers.IntegerField(read_only=True)
    expired = serializers.IntegerField(read_only=True)
    failed = serializers.IntegerField(read_only=True)


class PeriodSerializer(serializers.Serializer[Any]):
    """A number of days."""

    first_day = serializers.DateField(read_only=True)
    days = serializers.IntegerField(read_only=True)
    revenue = TotalSerializer(many=True, read_only=True)
    refunds = TotalSerializer(many=True, read_only=True)
    funnel = FunnelSerializer(read_only=True)


class DisputesDueSerializer(serializers.Serializer[Any]):
    """Disputes that are not over."""

    open = serializers.IntegerField(read_only=True)
    due = serializers.IntegerField(read_only=True)
    pressing = serializers.IntegerField(read_only=True)
    overdue = serializers.IntegerField(read_only=True)
    next_due_at = serializers.DateTimeField(read_only=True, allow_null=True)


class WebhooksSerializer(HealthSerializer):
    """How deliveries fare."""

    received_today = serializers.IntegerField(read_only=True)


class FiguresSerializer(serializers.Serializer[Any]):
    """The dashboard."""

    at = serializers.DateTimeField(read_only=True)
    periods = PeriodSerializer(many=True, read_only=True)
    disputes = DisputesDueSerializer(read_only=True)
    discrepancies = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    attention = serializers.IntegerField(read_only=True)
    webhooks = WebhooksSerializer(read_only=True)
