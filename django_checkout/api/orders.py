"""Shoppers' orders: place, read, pay and follow them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.urls import reverse
from django.utils.cache import patch_cache_control
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from django_checkout import ledger, services
from django_checkout.access.orders import get_order_by_reference, has_right, is_owner
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.adapters import get_adapter
from django_checkout.api import inputs, serializers
from django_checkout.api.base import CheckoutView, get_order, is_staff_with
from django_checkout.api.fields import Input
from django_checkout.api.filters import ListView
from django_checkout.api.idempotency import GUEST, idempotent, principal
from django_checkout.api.schema import operation
from django_checkout.conf import conf
from django_checkout.exceptions import OrderNotFoundError, PlacingNotAllowedError, SessionNotFoundError
from django_checkout.models import CheckoutSession, Order, OrderLine, database
from django_checkout.services.links import document_links
from django_checkout.services.outcomes import Outcome, get_outcome, get_session
from django_checkout.values import OrderData


def session_operation(
    name: str, summary: str, *errors: str, request: type[Input] = inputs.EmptyInput, status: int = 200
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Describe an operation whose response is a session of the order, and make it repeatable with a key."""
    describe = operation(
        name,
        summary,
        request=request,
        response=serializers.SessionSerializer,
        status=status,
        calls_stripe=True,
        errors=("order_not_found", "too_many_requests", *errors),
    )
    return lambda method: describe(idempotent()(method))


class OrderView(CheckoutView):
    """The base view for one order of the shopper."""

    def get_order(self, purpose: Purpose = Purpose.PAY) -> Order:
        """Return the order in the path.

        Raises:
            OrderNotFoundError: there is none, or the request may not access it.
        """
        reference = self.kwargs["reference"]
        return get_order_by_reference(self.request._request, reference, token=self.order_token, purpose=purpose)

    def get_order_and_count(self) -> Order:
        """Return the order for a request that may call Stripe, and count the request.

        Raises:
            OrderNotFoundError: there is none, or the request may not pay it.
            TooManyRequestsError: there were too many such requests within a minute.
        """
        order = self.get_order()
        ledger.count_request(order.pk)
        return order

    def authorize(self) -> str:
        order = self.get_order()
        return f"order:{order.pk}" if principal(self.request) == GUEST else principal(self.request)

    def strip_secrets(self, body: Any) -> Any:
        """Return a session without the URL of its payment page."""
        return {**body, "url": None}

    def restore(self, body: Any, answered_at: datetime) -> Any:
        """Return a session with its current URL: "" once it has ended."""
        session = self.get_order().sessions.filter(uuid=body["id"]).first()
        return {**body, "url": serializers.SessionSerializer(session).data["url"] if session else None}


def with_lines(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Prefetch the lines of orders, in one query."""
    return orders.prefetch_related(Prefetch("lines", OrderLine.objects.select_related("order")))


class Orders(ListView):
    """Lists the user's orders and places new ones."""

    serializer_class = serializers.OrderSerializer
    filters = {"status": "status", "created_after": "created_at__gte", "created_before": "created_at__lte"}
    choices = {"status": {"enum": serializers.ORDER_STATUSES}}
    orderings = ("-id", "id")

    @operation("list_orders", "List the user's orders", response=serializers.OrderSerializer, is_list=True)
    def get(self, request: Request) -> Response:
        if not (request.user and request.user.is_authenticated):
            raise NotAuthenticated
        return self.page(with_lines(Order.objects.filter(user=request.user.pk)))

    @operation(
        "place_order",
        "Place an order",
        request=inputs.OrderInput,
        response=serializers.PlacedOrderSerializer,
        status=201,
        errors=("invalid_order", "invalid_amount", "placing_not_allowed", "order_changed", "out_of_stock"),
    )
    @idempotent(in_transaction=True)
    def post(self, request: Request) -> Response:
        data = self.read(inputs.OrderInput)
        with database.site_atomic(None):
            order = self._place(data)
        order = with_lines(Order.objects.all()).get(pk=order.pk)
        body = {**serializers.OrderSerializer(order).data, "token": make_token(order, Purpose.PAY)}
        response = Response(body, status=201)
        response["Location"] = reverse("django_checkout_api:order", args=[order.reference])
        return response

    def _place(self, data: dict[str, Any]) -> Order:
        adapter, request = get_adapter(), self.request._request
        if data.get("lines"):
            with database.host_code():
                source = adapter.take_order(request, inputs.content_of(data, self.request.user))
            if source is None:
                raise PlacingNotAllowedError("The adapter's take_order() returned None.")
            return services.place(source, is_new=not self._is_own(source))
        with database.host_code():
            source = adapter.find_own_order(request, data["reference"])
        if source is None:
            raise OrderNotFoundError("The adapter's find_own_order() returned None.")
        return services.place(source)

    def strip_secrets(self, body: Any) -> Any:
        return {name: value for name, value in body.items() if name != "token"}

    def restore(self, body: Any, answered_at: datetime) -> Any:
        """Return the body with a token as old as the original response, if that token is still valid."""
        order = Order.objects.filter(reference=body["reference"]).first()
        if order is None or serializers.OrderSerializer(order).data["created_at"] != body["created_at"]:
            raise OrderNotFoundError("The order no longer exists.")
        token = make_token(order, Purpose.PAY, signed_at=answered_at)
        get_order_by_reference(self.request._request, order.reference, token=token, purpose=Purpose.PAY)
        return {**body, "token": token}

    def _is_own(self, source: Any) -> bool:
        """Whether the adapter's order has been placed before, and the request may access it."""
        by_reference = Order.objects.filter(reference=source.reference) if isinstance(source, OrderData) else None
        order = services.find_order(source) if by_reference is None else by_reference.first()
        if order is None:
            return False
        return has_right(self.request._request, order, self.order_token, Purpose.PAY)


class OrderDetail(OrderView):
    """Returns an order."""

    @operation("get_order", "Get an order", response=serializers.OrderDetailSerializer, errors=("order_not_found",))
    def get(self, request: Request, reference: str) -> Response:
        order = get_order(reference) if is_staff_with(request, "view_order") else self.get_order()
        order = with_lines(Order.objects.select_related("kept_payment")).get(pk=order.pk)
        order.documents = self._documents(order)  # type: ignore[attr-defined]  # for the serializer
        return Response(serializers.OrderDetailSerializer(order).data)

    def _documents(self, order: Order) -> list[dict[str, str]]:
        """Return the links of the buyer's documents, with the request's own token: a link must not extend it."""
        if not has_right(self.request._request, order, self.order_token, Purpose.PAY):
            return []
        token = make_token(order, Purpose.PAY) if is_owner(self.request._request, order) else self.order_token
        return document_links(order, token)


class OrderStatus(OrderView):
    """Returns the payment status of an order: two queries, no call to Stripe, 304 while it is unchanged."""

    read_scope = "checkout_status"
    caching = "private, no-cache"

    @operation(
        "get_status",
        "Get the payment status",
        response=serializers.StatusSerializer,
        errors=("order_not_found",),
        is_conditional=True,
    )
    def get(self, request: Request, reference: str) -> Response:
        order = self.get_order(Purpose.STATUS)
        session = get_session(order)
        outcome, action = get_outcome(order, session), None
        if outcome == Outcome.ACTION_NEEDED and has_right(request._request, order, self.order_token, Purpose.PAY):
            action = ledger.find_action_of(session) if session is not None else None
        order.outcome, order.next_action = outcome, action  # type: ignore[attr-defined]  # for the serializer
        body = serializers.StatusSerializer(order).data
        etag = f'"{hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]}"'
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")]
        response = Response(status=304) if etag in known or "*" in known else Response(body)
        response["ETag"] = etag
        patch_cache_control(response, private=True, no_cache=True)
        return response


class Sessions(OrderView):
    """Lists the sessions of an order and starts new ones."""

    @operation(
        "list_sessions",
        "List the sessions of an order",
        response=serializers.SessionSerializer,
        is_array=True,
        errors=("order_not_found",),
    )
    def get(self, request: Request, reference: str) -> Response:
        rows = self.get_order().sessions.all()[:100]
        return Response(serializers.SessionSerializer(rows, many=True).data)

    @session_operation(
        "start_session",
        "Start a payment",
        *("order_not_payable", "order_changed", "invalid_parameter", "ui_mode_not_allowed", "session_busy"),
        "return_url_not_allowed",
        request=inputs.StartInput,
        status=201,
    )
    def post(self, request: Request, reference: str) -> Response:
        data = self.read(inputs.StartInput)
        order = self.get_order_and_count()
        token = "" if is_owner(request._request, order) else self.order_token
        options = {"ui_mode": data.get("ui_mode"), "return_url": data.get("return_url", "")}
        session = services.start(order, **options, request=request._request, token=token)
        return Response(serializers.SessionSerializer(session).data, status=201)


class SessionView(OrderView):
    """The base view for one session of an order."""

    def get_session(self) -> CheckoutSession:
        """Return the session in the path.

        Raises:
            OrderNotFoundError: the request has no right to the order.
            SessionNotFoundError: the order has no such session.
        """
        session = self.get_order_and_count().sessions.filter(uuid=self.kwargs["session_id"]).first()
        if session is None:
            raise SessionNotFoundError("The order has no such session.")
        return session


class ExpireSession(SessionView):
    """Expires an open session."""

    @session_operation("expire_session", "Expire a session", "session_not_found")
    def post(self, request: Request, reference: str, session_id: Any) -> Response:
        self.read(inputs.EmptyInput)
        return Response(serializers.SessionSerializer(services.expire(self.get_session())).data)


class ClientSecret(SessionView):
    """Returns the client secret of an embedded or Elements session, which is never stored or cached."""

    write_scope = read_scope = "checkout_write"

    @operation(
        "get_client_secret",
        "Get the client secret for Stripe.js",
        response=serializers.SecretSerializer,
        calls_stripe=True,
        errors=("order_not_found", "too_many_requests", "session_not_found", "session_closed"),
    )
    def get(self, request: Request, reference: str, session_id: Any) -> Response:
        secret = services.get_client_secret(self.get_session())
        keys = {"publishable_key": conf.STRIPE_PUBLISHABLE_KEY, "stripe_js_url": conf.STRIPE_JS_URL}
        return Response({"client_secret": secret, **keys})


class Shipping(OrderView):
    """Changes the shipping address of an open Elements checkout; the host computes the shipping options."""

    @session_operation(
        "change_shipping", "Change the shipping address", "session_closed", "cannot_ship", request=inputs.ShippingInput
    )
    def post(self, request: Request, reference: str) -> Response:
        data = self.read(inputs.ShippingInput)
        session = services.change_shipping(self.get_order_and_count(), name=data["name"], address=data["address"])
        return Response(serializers.SessionSerializer(session).data)


class Quantity(OrderView):
    """Changes a quantity in an open Elements checkout; the host checks its stock and computes the price."""

    @session_operation(
        "change_quantity",
        "Change a quantity",
        *("session_closed", "out_of_stock", "order_changed"),
        request=inputs.QuantityInput,
    )
    def post(self, request: Request, reference: str) -> Response:
        data = self.read(inputs.QuantityInput)
        session = services.change_quantity(self.get_order_and_count(), sku=data["sku"], quantity=data["quantity"])
        return Response(serializers.SessionSerializer(session).data)


class Consent(OrderView):
    """Records what the shopper agrees to in an open Elements checkout, before they pay."""

    @session_operation(
        "give_consent", "Record a consent", "session_closed", "invalid_parameter", request=inputs.ConsentInput
    )
    def post(self, request: Request, reference: str) -> Response:
        data = self.read(inputs.ConsentInput)
        session = services.record_consent(self.get_order_and_count(), data)
        return Response(serializers.SessionSerializer(session).data)
