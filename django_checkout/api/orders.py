"""Shoppers' orders: place, read, follow."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.urls import reverse
from django.utils.cache import patch_cache_control
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from django_checkout import access, database, ledger, services
from django_checkout.adapters import get_adapter
from django_checkout.api import inputs, serializers
from django_checkout.api.base import CheckoutView, is_staff_with
from django_checkout.api.filters import ListView
from django_checkout.api.idempotency import GUEST, idempotent, principal
from django_checkout.api.schema import operation
from django_checkout.conf import conf
from django_checkout.exceptions import OrderNotFoundError, PlacingNotAllowedError, SessionNotFoundError
from django_checkout.models import CheckoutSession, Order, OrderLine
from django_checkout.tokens import Purpose, make_token
from django_checkout.values import OrderData
from django_checkout.views import get_outcome


class OrderView(CheckoutView):
    """Whatever is about one order of the shopper's."""

    def get_order(self, purpose: Purpose = Purpose.PAY) -> Order:
        """Return the order for whoever may pay it.

        Raises:
            OrderNotFoundError: to everybody else.
        """
        return access.get_order_by_reference(
            self.request._request,
            self.kwargs["reference"],
            token=self.order_token,
            purpose=purpose,
        )

    def get_order_and_count(self) -> Order:
        """Return the order for a request that may call Stripe.

        Raises:
            OrderNotFoundError: to whoever may not pay it.
            TooManyRequestsError: there were too many of these within a minute.
        """
        order = self.get_order()
        ledger.count_request(order.pk)
        return order

    def admit(self) -> str:
        order = self.get_order()
        return f"order:{order.pk}" if principal(self.request) == GUEST else principal(self.request)

    def without_secrets(self, body: Any) -> Any:
        """Return a session without the address by which it is paid."""
        return {**body, "url": None}

    def restored(self, body: Any, answered_at: datetime) -> Any:
        """Return a session with the address that it has now: none once it has ended."""
        session = self.get_order().sessions.filter(uuid=body["id"]).first()
        return {**body, "url": serializers.SessionSerializer(session).data["url"] if session else None}


def with_lines(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Return the same orders, with their lines in one more query."""
    return orders.prefetch_related(Prefetch("lines", OrderLine.objects.select_related("order")))


class Orders(ListView):
    """The orders of whoever is signed in, and the place to make new ones."""

    serializer_class = serializers.OrderSerializer
    filters = {"status": "status", "created_after": "created_at__gte", "created_before": "created_at__lte"}
    choices = {"status": {"enum": serializers.ORDER_STATUSES}}
    orderings = ("-id", "id")

    @operation("list_orders", "List one's own orders", answers=serializers.OrderSerializer, is_list=True)
    def get(self, request: Request) -> Response:
        if not (request.user and request.user.is_authenticated):
            raise NotAuthenticated
        return self.page(with_lines(Order.objects.filter(user=request.user.pk)))

    @operation(
        "place_order",
        "Place an order",
        takes=inputs.OrderInput,
        answers=serializers.PlacedOrderSerializer,
        status=201,
        refusals=("invalid_order", "invalid_amount", "placing_not_allowed", "order_changed", "out_of_stock"),
    )
    @idempotent(in_transaction=True)
    def post(self, request: Request) -> Response:
        wanted = self.read(inputs.OrderInput)
        with database.site_atomic(None):
            order = self._place(wanted)
        order = with_lines(Order.objects.all()).get(pk=order.pk)
        body = {**serializers.OrderSerializer(order).data, "token": make_token(order, Purpose.PAY)}
        response = Response(body, status=201)
        response["Location"] = reverse("django_checkout_api:order", args=[order.reference])
        return response

    def _place(self, wanted: dict[str, Any]) -> Order:
        adapter, request = get_adapter(), self.request._request
        if wanted.get("lines"):
            with database.host_code():
                source = adapter.take_order(request, inputs.content_of(wanted, self.request.user))
            if source is None:
                raise PlacingNotAllowedError("The adapter's take_order() returned None.")
            return services.place(source, is_new=not self._is_own(source))
        with database.host_code():
            source = adapter.find_own_order(request, wanted["reference"])
        if source is None:
            raise OrderNotFoundError("The adapter's find_own_order() returned None.")
        return services.place(source)

    def without_secrets(self, body: Any) -> Any:
        return {name: value for name, value in body.items() if name != "token"}

    def restored(self, body: Any, answered_at: datetime) -> Any:
        """Return the answer with the token that it held, as old as the answer, if that is still a right."""
        order = Order.objects.filter(reference=body["reference"]).first()
        if order is None or serializers.OrderSerializer(order).data["created_at"] != body["created_at"]:
            raise OrderNotFoundError("The order is gone.")
        token = make_token(order, Purpose.PAY, signed_at=answered_at)
        access.get_order_by_reference(self.request._request, order.reference, token=token, purpose=Purpose.PAY)
        return {**body, "token": token}

    def _is_own(self, source: Any) -> bool:
        """Return whether what the adapter took has been placed before, by whoever asks now."""
        by_reference = Order.objects.filter(reference=source.reference) if isinstance(source, OrderData) else None
        order = services.find_order(source) if by_reference is None else by_reference.first()
        if order is None:
            return False
        is_bearer = access.is_bearer(order, self.order_token, Purpose.PAY)
        return is_bearer or access.is_owner(self.request._request, order)


class OrderDetail(OrderView):
    """One order."""

    @operation("get_order", "Read an order", answers=serializers.OrderSerializer, refusals=("order_not_found",))
    def get(self, request: Request, reference: str) -> Response:
        if is_staff_with(request, "view_order"):
            order = Order.objects.filter(reference=reference).first()
            if order is None:
                raise OrderNotFoundError("There is no such order.")
        else:
            order = self.get_order()
        return Response(serializers.OrderSerializer(with_lines(Order.objects.all()).get(pk=order.pk)).data)


class OrderStatus(OrderView):
    """How an order's payment stands: two queries, no call to Stripe, 304 while nothing has changed."""

    read_scope = "checkout_status"
    caching = "private, no-cache"

    @operation(
        "get_status",
        "Follow a payment",
        answers=serializers.StatusSerializer,
        refusals=("order_not_found",),
        is_conditional=True,
    )
    def get(self, request: Request, reference: str) -> Response:
        order = self.get_order(Purpose.STATUS)
        order.outcome = get_outcome(order, order.sessions.first())  # type: ignore[attr-defined]  # for the serializer
        body = serializers.StatusSerializer(order).data
        etag = f'"{hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]}"'
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")]
        response = Response(status=304) if etag in known or "*" in known else Response(body)
        response["ETag"] = etag
        patch_cache_control(response, private=True, no_cache=True)
        return response


class Sessions(OrderView):
    """The attempts to pay an order."""

    @operation(
        "list_sessions",
        "List the sessions of an order",
        answers=serializers.SessionSerializer,
        is_array=True,
        refusals=("order_not_found",),
    )
    def get(self, request: Request, reference: str) -> Response:
        rows = self.get_order().sessions.all()[:100]
        return Response(serializers.SessionSerializer(rows, many=True).data)

    @operation(
        "start_session",
        "Start paying",
        takes=inputs.StartInput,
        answers=serializers.SessionSerializer,
        status=201,
        calls_stripe=True,
        refusals=(
            "order_not_found",
            "too_many_requests",
            "order_not_payable",
            "order_changed",
            "invalid_parameter",
            "ui_mode_not_allowed",
            "session_busy",
        ),
    )
    @idempotent()
    def post(self, request: Request, reference: str) -> Response:
        wanted = self.read(inputs.StartInput)
        order = self.get_order_and_count()
        token = "" if access.is_owner(request._request, order) else self.order_token
        session = services.start(order, ui_mode=wanted.get("ui_mode"), request=request._request, token=token)
        return Response(serializers.SessionSerializer(session).data, status=201)


class SessionView(OrderView):
    """Whatever is about one session of an order."""

    def get_session(self) -> CheckoutSession:
        """Return the session that the path names.

        Raises:
            OrderNotFoundError: the order is not the request's.
            SessionNotFoundError: the session is not the order's.
        """
        session = self.get_order_and_count().sessions.filter(uuid=self.kwargs["session_id"]).first()
        if session is None:
            raise SessionNotFoundError("The session is not one of this order's.")
        return session


class ExpireSession(SessionView):
    """The end of an attempt to pay."""

    @operation(
        "expire_session",
        "End an attempt to pay",
        takes=inputs.EmptyInput,
        answers=serializers.SessionSerializer,
        calls_stripe=True,
        refusals=("order_not_found", "too_many_requests", "session_not_found"),
    )
    @idempotent()
    def post(self, request: Request, reference: str, session_id: Any) -> Response:
        self.read(inputs.EmptyInput)
        return Response(serializers.SessionSerializer(services.expire(self.get_session())).data)


class ClientSecret(SessionView):
    """The secret by which the order's owner acts on an embedded or Elements session: never stored, never cached."""

    write_scope = read_scope = "checkout_write"

    @operation(
        "get_client_secret",
        "Get what Stripe.js needs",
        answers=serializers.SecretSerializer,
        calls_stripe=True,
        refusals=("order_not_found", "too_many_requests", "session_not_found", "session_closed"),
    )
    def get(self, request: Request, reference: str, session_id: Any) -> Response:
        secret = services.get_client_secret(self.get_session())
        return Response(
            {
                "client_secret": secret,
                "publishable_key": conf.STRIPE_PUBLISHABLE_KEY,
                "stripe_js_url": conf.STRIPE_JS_URL,
            }
        )


class Shipping(OrderView):
    """A new shipping address of an open Elements checkout; the host computes the options."""

    @operation(
        "change_shipping",
        "Change the shipping address",
        takes=inputs.ShippingInput,
        answers=serializers.SessionSerializer,
        calls_stripe=True,
        refusals=("order_not_found", "too_many_requests", "session_closed", "cannot_ship"),
    )
    @idempotent()
    def post(self, request: Request, reference: str) -> Response:
        wanted = self.read(inputs.ShippingInput)
        session = services.change_shipping(self.get_order_and_count(), name=wanted["name"], address=wanted["address"])
        return Response(serializers.SessionSerializer(session).data)


class Quantity(OrderView):
    """Another quantity in an open Elements checkout; the host says whether there is that much, and at what price."""

    @operation(
        "change_quantity",
        "Change a quantity",
        takes=inputs.QuantityInput,
        answers=serializers.SessionSerializer,
        calls_stripe=True,
        refusals=("order_not_found", "too_many_requests", "session_closed", "out_of_stock", "order_changed"),
    )
    @idempotent()
    def post(self, request: Request, reference: str) -> Response:
        wanted = self.read(inputs.QuantityInput)
        session = services.change_quantity(self.get_order_and_count(), sku=wanted["sku"], quantity=wanted["quantity"])
        return Response(serializers.SessionSerializer(session).data)
