"""Staff's view of orders, sessions, payments and events, and what they do to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from django_checkout import inbox, services
from django_checkout.api import inputs, staff_serializers
from django_checkout.api.base import CheckoutView, IsStaff
from django_checkout.api.filters import ListView
from django_checkout.api.idempotency import done_before, idempotent, service_key
from django_checkout.api.schema import operation
from django_checkout.api.serializers import ORDER_STATUSES, SESSION_STATUSES
from django_checkout.exceptions import AcceptError, CaptureError, OrderNotFoundError, SessionNotFoundError
from django_checkout.models import CheckoutSession, Order, OrderLine, Payment, Refund, WebhookEvent
from django_checkout.models.events import EventState
from django_checkout.states import IntentStatus

CREATED = {"created_after": "created_at__gte", "created_before": "created_at__lte"}


class StaffView(CheckoutView):
    """Staff with the permissions that the view names; nobody else is told whether there is anything."""

    permission_classes = [IsStaff]
    read_scope = write_scope = "checkout_staff"
    is_for_staff = True
    permissions: ClassVar[Mapping[str, tuple[str, ...]]] = {"GET": ("view_order",)}


class StaffListView(StaffView, ListView):
    """A list for staff."""


def get_order(reference: str) -> Order:
    """Return an order by its number.

    Raises:
        OrderNotFoundError: there is none.
    """
    order = Order.objects.filter(reference=reference).first()
    if order is None:
        raise OrderNotFoundError("There is no such order.")
    return order


def payments() -> QuerySet[Payment]:
    """Return payments with what was given back of them: the release of an authorization is no refund."""
    given_back = Prefetch("refunds", Refund.objects.filter(is_release=False))
    return Payment.objects.select_related("order").prefetch_related(given_back, "disputes")


def show(order: Order, status: int = 200) -> Response:
    """Answer with everything of an order, as it is now: eight queries."""
    rows = Order.objects.prefetch_related(
        Prefetch("lines", OrderLine.objects.select_related("order")),
        Prefetch("sessions", CheckoutSession.objects.select_related("order", "payment")),
        Prefetch("payments", payments()),
        "attention",
    )
    return Response(staff_serializers.StaffOrderSerializer(rows.get(pk=order.pk)).data, status=status)


class StaffOrders(StaffListView):
    """All orders."""

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
    search = ("reference__startswith", "email__startswith", "sessions__stripe_id", "payments__stripe_id")
    orderings = ("-id", "id", "-created_at", "created_at")

    @operation(
        "search_orders", "Search orders", answers=staff_serializers.OrderRowSerializer, is_list=True, is_staff=True
    )
    def get(self, request: Request) -> Response:
        rows = Order.objects.all()
        return self.page(rows.distinct() if "q" in request.query_params else rows)


class StaffOrder(StaffView):
    """One order with everything that belongs to it."""

    @operation(
        "read_order",
        "Read an order",
        answers=staff_serializers.StaffOrderSerializer,
        refusals=("order_not_found",),
        is_staff=True,
    )
    def get(self, request: Request, reference: str) -> Response:
        return show(get_order(reference))


class StaffOperation(StaffView):
    """Something that staff do to an order."""

    permissions = {"GET": ("view_order", "operate_order")}


class SyncOrder(StaffOperation):
    """Stripe's facts, read anew."""

    @operation(
        "sync_order",
        "Read an order from Stripe",
        takes=inputs.EmptyInput,
        answers=staff_serializers.StaffOrderSerializer,
        calls_stripe=True,
        refusals=("order_not_found",),
        is_staff=True,
    )
    @idempotent()
    def post(self, request: Request, reference: str) -> Response:
        self.read(inputs.EmptyInput)
        return show(services.sync(get_order(reference)))


class CancelOrder(StaffOperation):
    """The end of an unpaid order."""

    @operation(
        "cancel_order",
        "Cancel an unpaid order",
        takes=inputs.EmptyInput,
        answers=staff_serializers.StaffOrderSerializer,
        calls_stripe=True,
        refusals=("order_not_found", "order_not_payable", "payment_in_flight"),
        is_staff=True,
    )
    @idempotent()
    def post(self, request: Request, reference: str) -> Response:
        self.read(inputs.EmptyInput)
        return show(services.cancel(get_order(reference)))


class CaptureOrder(StaffOperation):
    """Authorised money, taken."""

    @operation(
        "capture_order",
        "Take authorised money",
        takes=inputs.CaptureInput,
        answers=staff_serializers.StaffOrderSerializer,
        calls_stripe=True,
        refusals=("order_not_found", "not_capturable", "invalid_amount"),
        is_staff=True,
    )
    @idempotent()
    def post(self, request: Request, reference: str) -> Response:
        wanted = self.read(inputs.CaptureInput)
        order = get_order(reference)
        with done_before(self, CaptureError, lambda: order.paid_minor > 0):
            services.capture(order, wanted.get("amount_minor"))
        return show(order)


class RefundOrder(StaffView):
    """Money given back; the same ``Idempotency-Key`` is the same refund, for ever."""

    permissions = {"GET": ("view_order", "refund_order")}

    @operation(
        "refund_order",
        "Give money back",
        takes=inputs.RefundInput,
        answers=staff_serializers.RefundSerializer,
        status=201,
        calls_stripe=True,
        refusals=("order_not_found", "not_refundable", "invalid_amount", "payment_in_flight"),
        is_staff=True,
    )
    @idempotent()
    def post(self, request: Request, reference: str) -> Response:
        wanted = self.read(inputs.RefundInput)
        order = get_order(reference)
        key = service_key(request)
        refund = services.refund(order, wanted.get("amount_minor"), wanted.get("reason"), by=request.user, key=key)
        return Response(staff_serializers.RefundSerializer(refund).data, status=201)


class AcceptOrder(StaffOperation):
    """What needed attention, settled."""

    @operation(
        "accept_order",
        "Accept what needs attention",
        takes=inputs.NoteInput,
        answers=staff_serializers.StaffOrderSerializer,
        refusals=("order_not_found", "nothing_to_accept"),
        is_staff=True,
    )
    @idempotent()
    def post(self, request: Request, reference: str) -> Response:
        wanted = self.read(inputs.NoteInput)
        order = get_order(reference)
        accepted = order.attention.filter(note=wanted["note"], resolved_by=request.user.pk)
        with done_before(self, AcceptError, accepted.exists):
            services.accept(order, wanted["note"], by=request.user)
        return show(order)


class StaffSessions(StaffListView):
    """All sessions."""

    permissions = {"GET": ("view_checkoutsession",)}
    serializer_class = staff_serializers.StaffSessionSerializer
    filters = {"status": "status", "ui_mode": "ui_mode", "mode": "mode", "order": "order__reference", **CREATED}
    choices = {"status": {"enum": SESSION_STATUSES}}
    search = ("stripe_id", "order__reference__startswith", "payment__stripe_id")
    orderings = ("-id", "id", "-created_at", "created_at")

    @operation(
        "search_sessions",
        "Search sessions",
        answers=staff_serializers.StaffSessionSerializer,
        is_list=True,
        is_staff=True,
    )
    def get(self, request: Request) -> Response:
        return self.page(CheckoutSession.objects.select_related("order", "payment"))


class _StaffSession(StaffView):
    permissions = {"GET": ("view_checkoutsession",), "POST": ("view_checkoutsession", "operate_order")}

    def get_session(self, session_id: Any) -> CheckoutSession:
        session = CheckoutSession.objects.select_related("order", "payment").filter(uuid=session_id).first()
        if session is None:
            raise SessionNotFoundError("There is no such session.")
        return session


class StaffSession(_StaffSession):
    """One session."""

    @operation(
        "read_session",
        "Read a session",
        answers=staff_serializers.StaffSessionSerializer,
        refusals=("session_not_found",),
        is_staff=True,
    )
    def get(self, request: Request, session_id: Any) -> Response:
        return Response(staff_serializers.StaffSessionSerializer(self.get_session(session_id)).data)


class StaffExpireSession(_StaffSession):
    """The end of a session."""

    @operation(
        "end_session",
        "End a session",
        takes=inputs.EmptyInput,
        answers=staff_serializers.StaffSessionSerializer,
        calls_stripe=True,
        refusals=("session_not_found",),
        is_staff=True,
    )
    @idempotent()
    def post(self, request: Request, session_id: Any) -> Response:
        self.read(inputs.EmptyInput)
        session = services.expire(self.get_session(session_id))
        return Response(staff_serializers.StaffSessionSerializer(session).data)


class StaffPayments(StaffListView):
    """All payments."""

    permissions = {"GET": ("view_payment",)}
    serializer_class = staff_serializers.PaymentSerializer
    filters = {"status": "intent_status", "currency": "currency", "order": "order__reference", **CREATED}
    choices = {"status": {"enum": [status.value for status in IntentStatus]}}
    search = ("stripe_id", "charge_id", "order__reference__startswith")
    orderings = ("-id", "id", "-created_at", "created_at")

    @operation(
        "search_payments", "Search payments", answers=staff_serializers.PaymentSerializer, is_list=True, is_staff=True
    )
    def get(self, request: Request) -> Response:
        return self.page(payments())


class Events(StaffListView):
    """The inbox."""

    permissions = {"GET": ("view_webhookevent",)}
    serializer_class = staff_serializers.EventSerializer
    filters = {"state": "state", "type": "type", "received_after": "received_at__gte"}
    choices = {"state": {"enum": list(EventState.values)}}
    search = ("stripe_id", "object_id", "payment_intent_id", "subscription_id")

    @operation("search_events", "Search events", answers=staff_serializers.EventSerializer, is_list=True, is_staff=True)
    def get(self, request: Request) -> Response:
        return self.page(WebhookEvent.objects.defer("payload"))


class ReplayEvent(StaffView):
    """An event processed again."""

    permissions = {"GET": ("view_webhookevent", "operate_order")}

    @operation(
        "replay_event",
        "Process an event again",
        takes=inputs.EmptyInput,
        answers=staff_serializers.EventSerializer,
        calls_stripe=True,
        refusals=("not_found", "event_busy"),
        is_staff=True,
    )
    @idempotent()
    def post(self, request: Request, event_id: str) -> Response:
        self.read(inputs.EmptyInput)
        event = WebhookEvent.objects.filter(stripe_id=event_id).first()
        if event is None:
            raise Http404
        return Response(staff_serializers.EventSerializer(inbox.replay(event)).data)
