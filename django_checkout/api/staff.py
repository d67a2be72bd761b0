"""Orders, sessions, payments and events for staff, and the operations on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from django_checkout import services
from django_checkout.api import inputs, staff_serializers
from django_checkout.api.base import CheckoutView, IsStaff, get_order
from django_checkout.api.fields import Input
from django_checkout.api.filters import ListView
from django_checkout.api.idempotency import done_before, idempotent, service_key
from django_checkout.api.schema import staff_operation
from django_checkout.api.serializers import ORDER_STATUSES, SESSION_STATUSES
from django_checkout.exceptions import AcceptError, CaptureError, SessionNotFoundError
from django_checkout.models import CheckoutSession, Order, OrderLine, Payment, Refund, WebhookEvent
from django_checkout.models.events import EventState
from django_checkout.states import IntentStatus
from django_checkout.webhooks import processing

CREATED = {"created_after": "created_at__gte", "created_before": "created_at__lte"}


class StaffView(CheckoutView):
    """A view for staff with the permissions that it requires."""

    permission_classes = [IsStaff]
    read_scope = write_scope = "checkout_staff"
    is_for_staff = True
    permissions: ClassVar[Mapping[str, tuple[str, ...]]] = {"GET": ("view_order",)}


class StaffListView(StaffView, ListView):
    """A list for staff."""


def payments() -> QuerySet[Payment]:
    """Prefetch the refunds and disputes of payments. The release of an authorization is not a refund."""
    refunds = Prefetch("refunds", Refund.objects.filter(is_release=False))
    return Payment.objects.select_related("order").prefetch_related(refunds, "disputes")


def order_response(order: Order, status: int = 200) -> Response:
    """Return the response with the current order and everything that belongs to it: eight queries."""
    rows = Order.objects.prefetch_related(
        Prefetch("lines", OrderLine.objects.select_related("order")),
        Prefetch("sessions", CheckoutSession.objects.select_related("order", "payment")),
        Prefetch("payments", payments()),
        "attention",
    )
    return Response(staff_serializers.StaffOrderSerializer(rows.get(pk=order.pk)).data, status=status)


class StaffOrders(StaffListView):
    """Lists all orders."""

    serializer_class = staff_serializers.OrderRowSerializer
    filters = {
        "status": "status",
        "currency": "currency",
        "needs_attention": "needs_attention",
        "disputed": "disputed",
        "livemode": "livemode",
        **CREATED,
        "paid_after": "paid_at__gte",
        "paid_before": "paid_at__lte",
    }
    choices = {"status": {"enum": ORDER_STATUSES}}
    search = ("reference__startswith", "email__istartswith", "sessions__stripe_id", "payments__stripe_id")
    orderings = ("-id", "id", "-created_at", "created_at")

    @staff_operation("search_orders", "Search orders", response=staff_serializers.OrderRowSerializer, is_list=True)
    def get(self, request: Request) -> Response:
        rows = Order.objects.all()
        return self.page(rows.distinct() if "q" in request.query_params else rows)


class StaffOrder(StaffView):
    """Returns an order with everything that belongs to it."""

    @staff_operation(
        "read_order",
        "Get an order as staff",
        response=staff_serializers.StaffOrderSerializer,
        errors=("order_not_found",),
    )
    def get(self, request: Request, reference: str) -> Response:
        return order_response(get_order(reference))


class StaffOperation(StaffView):
    """The base view for an operation of staff on an order."""

    permissions = {"GET": ("view_order", "operate_order")}


def order_operation(
    name: str, summary: str, *errors: str, request: type[Input] = inputs.EmptyInput, calls_stripe: bool = True
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Describe an operation on an order whose response is the order, and make it repeatable with a key."""
    describe = staff_operation(
        name,
        summary,
        request=request,
        response=staff_serializers.StaffOrderSerializer,
        calls_stripe=calls_stripe,
        errors=("order_not_found", *errors),
    )
    return lambda method: describe(idempotent()(method))


class SyncOrder(StaffOperation):
    """Reads an order from Stripe."""

    @order_operation("sync_order", "Read an order from Stripe")
    def post(self, request: Request, reference: str) -> Response:
        self.read(inputs.EmptyInput)
        return order_response(services.sync(get_order(reference)))


class CancelOrder(StaffOperation):
    """Cancels an unpaid order."""

    @order_operation("cancel_order", "Cancel an unpaid order", "order_not_payable", "payment_in_flight")
    def post(self, request: Request, reference: str) -> Response:
        self.read(inputs.EmptyInput)
        return order_response(services.cancel(get_order(reference)))


class CaptureOrder(StaffOperation):
    """Captures an authorized payment."""

    @order_operation(
        "capture_order",
        "Capture an authorized payment",
        "not_capturable",
        "invalid_amount",
        request=inputs.CaptureInput,
    )
    def post(self, request: Request, reference: str) -> Response:
        data = self.read(inputs.CaptureInput)
        order = get_order(reference)
        with done_before(self, CaptureError, lambda: order.paid_minor > 0):
            services.capture(order, data.get("amount_minor"))
        return order_response(order)


class RefundOrder(StaffView):
    """Refunds an order. The same ``Idempotency-Key`` never makes a second refund."""

    permissions = {"GET": ("view_order", "refund_order")}

    @staff_operation(
        "refund_order",
        "Refund an order",
        request=inputs.RefundInput,
        response=staff_serializers.RefundSerializer,
        status=201,
        calls_stripe=True,
        errors=("order_not_found", "not_refundable", "refund_repeated", "invalid_amount", "payment_in_flight"),
    )
    @idempotent()
    def post(self, request: Request, reference: str) -> Response:
        data = self.read(inputs.RefundInput)
        order = get_order(reference)
        key = service_key(request)
        refund = services.refund(
            order,
            data.get("amount_minor"),
            data.get("reason"),
            by=request.user,
            key=key,
            in_addition_to=data.get("in_addition_to"),
        )
        return Response(staff_serializers.RefundSerializer(refund).data, status=201)


class AcceptOrder(StaffOperation):
    """Resolves what needs attention on an order."""

    @order_operation(
        "accept_order",
        "Accept an order that needs attention",
        "nothing_to_accept",
        request=inputs.NoteInput,
        calls_stripe=False,
    )
    def post(self, request: Request, reference: str) -> Response:
        data = self.read(inputs.NoteInput)
        order = get_order(reference)
        accepted = order.attention.filter(note=data["note"], resolved_by=request.user.pk)
        with done_before(self, AcceptError, accepted.exists):
            services.accept(order, data["note"], by=request.user)
        return order_response(order)


class StaffSessions(StaffListView):
    """Lists all sessions."""

    permissions = {"GET": ("view_checkoutsession",)}
    serializer_class = staff_serializers.StaffSessionSerializer
    filters = {"status": "status", "ui_mode": "ui_mode", "mode": "mode", "order": "order__reference", **CREATED}
    choices = {"status": {"enum": SESSION_STATUSES}}
    search = ("stripe_id", "order__reference__startswith", "payment__stripe_id")
    orderings = ("-id", "id", "-created_at", "created_at")

    @staff_operation(
        "search_sessions", "Search sessions", response=staff_serializers.StaffSessionSerializer, is_list=True
    )
    def get(self, request: Request) -> Response:
        return self.page(CheckoutSession.objects.select_related("order", "payment"))


class _StaffSession(StaffView):
    permissions = {"GET": ("view_checkoutsession",), "POST": ("view_checkoutsession", "operate_order")}

    def get_session(self, session_id: Any) -> CheckoutSession:
        session = CheckoutSession.objects.select_related("order", "payment").filter(uuid=session_id).first()
        if session is None:
            raise SessionNotFoundError("The session does not exist.")
        return session


class StaffSession(_StaffSession):
    """Returns a session."""

    @staff_operation(
        "read_session",
        "Get a session",
        response=staff_serializers.StaffSessionSerializer,
        errors=("session_not_found",),
    )
    def get(self, request: Request, session_id: Any) -> Response:
        return Response(staff_serializers.StaffSessionSerializer(self.get_session(session_id)).data)


class StaffExpireSession(_StaffSession):
    """Expires a session."""

    @staff_operation(
        "end_session",
        "Expire a session as staff",
        request=inputs.EmptyInput,
        response=staff_serializers.StaffSessionSerializer,
        calls_stripe=True,
        errors=("session_not_found",),
    )
    @idempotent()
    def post(self, request: Request, session_id: Any) -> Response:
        self.read(inputs.EmptyInput)
        session = services.expire(self.get_session(session_id))
        return Response(staff_serializers.StaffSessionSerializer(session).data)


class StaffPayments(StaffListView):
    """Lists all payments."""

    permissions = {"GET": ("view_payment",)}
    serializer_class = staff_serializers.PaymentSerializer
    filters = {"status": "intent_status", "currency": "currency", "order": "order__reference", **CREATED}
    choices = {"status": {"enum": [status.value for status in IntentStatus]}}
    search = ("stripe_id", "charge_id", "order__reference__startswith")
    orderings = ("-id", "id", "-created_at", "created_at")

    @staff_operation("search_payments", "Search payments", response=staff_serializers.PaymentSerializer, is_list=True)
    def get(self, request: Request) -> Response:
        return self.page(payments())


class Events(StaffListView):
    """Lists the events in the inbox."""

    permissions = {"GET": ("view_webhookevent",)}
    serializer_class = staff_serializers.EventSerializer
    filters = {"state": "state", "type": "type", "received_after": "received_at__gte"}
    choices = {"state": {"enum": list(EventState.values)}}
    search = ("stripe_id", "object_id", "payment_intent_id", "subscription_id")

    @staff_operation("search_events", "Search events", response=staff_serializers.EventSerializer, is_list=True)
    def get(self, request: Request) -> Response:
        return self.page(WebhookEvent.objects.defer("payload"))


class ReplayEvent(StaffView):
    """Processes an event again."""

    permissions = {"GET": ("view_webhookevent", "operate_order")}

    @staff_operation(
        "replay_event",
        "Process an event again",
        request=inputs.EmptyInput,
        response=staff_serializers.EventSerializer,
        calls_stripe=True,
        errors=("not_found", "event_busy"),
    )
    @idempotent()
    def post(self, request: Request, event_id: str) -> Response:
        self.read(inputs.EmptyInput)
        event = WebhookEvent.objects.filter(stripe_id=event_id).first()
        if event is None:
            raise Http404
        return Response(staff_serializers.EventSerializer(processing.replay(event)).data)
