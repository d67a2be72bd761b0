"""What a shopper does instead of paying as they began to: cancel the order, or pay it in another way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from django_checkout import services
from django_checkout.access.orders import may_cancel
from django_checkout.api import inputs, serializers
from django_checkout.api.idempotency import idempotent
from django_checkout.api.orders import OrderView, with_lines
from django_checkout.api.schema import operation
from django_checkout.exceptions import OrderNotFoundError
from django_checkout.models import Order


def order_operation(name: str, summary: str) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Describe an operation that ends a payment and whose response is the order; repeatable with a key."""
    describe = operation(
        name,
        summary,
        request=inputs.EmptyInput,
        response=serializers.OrderSerializer,
        calls_stripe=True,
        errors=("order_not_found", "too_many_requests", "order_not_payable", "payment_in_flight"),
    )
    return lambda method: describe(idempotent()(method))


class ChangeOfMind(OrderView):
    """The base view for what a shopper does instead of paying as they began to."""

    def strip_secrets(self, body: Any) -> Any:
        return body

    def restore(self, body: Any, answered_at: datetime) -> Any:
        return body

    def respond(self, order: Order) -> Response:
        """Return the order as it is now."""
        return Response(serializers.OrderSerializer(with_lines(Order.objects.all()).get(pk=order.pk)).data)


class CancelOrder(ChangeOfMind):
    """Cancels an order that is not paid."""

    @order_operation("cancel_own_order", "Cancel an unpaid order")
    def post(self, request: Request, reference: str) -> Response:
        self.read(inputs.EmptyInput)
        order = self.get_order_and_count()
        if not may_cancel(request._request, order):
            raise OrderNotFoundError("The adapter's can_cancel() refuses.")
        return self.respond(services.cancel(order, by_shopper=True))


class AnotherWay(ChangeOfMind):
    """Cancels a voucher, a bank transfer or an open session, so that the order can be paid in another way."""

    @order_operation("pay_another_way", "Give up the payment in progress to pay in another way")
    def post(self, request: Request, reference: str) -> Response:
        self.read(inputs.EmptyInput)
        return self.respond(services.pay_another_way(self.get_order_and_count()))
