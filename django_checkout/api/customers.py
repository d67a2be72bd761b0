"""The subscriptions and the Billing portal of a user who is signed in."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from django_checkout import ledger, services
from django_checkout.api import inputs, serializers
from django_checkout.api.base import CheckoutView
from django_checkout.api.filters import ListView
from django_checkout.api.idempotency import done_before, idempotent
from django_checkout.api.schema import operation
from django_checkout.exceptions import SubscriptionEndedError
from django_checkout.models import Subscription


def own_subscriptions(request: Request) -> QuerySet[Subscription]:
    """Return the subscriptions of the user who is signed in.

    Raises:
        NotAuthenticated: the user is not signed in.
    """
    if not (request.user and request.user.is_authenticated):
        raise NotAuthenticated
    return Subscription.objects.filter(order__user=request.user.pk).select_related("order")


class Subscriptions(ListView):
    """The user's subscriptions."""

    serializer_class = serializers.SubscriptionSerializer
    filters = {"status": "status"}

    @operation(
        "list_subscriptions", "List the user's subscriptions", response=serializers.SubscriptionSerializer, is_list=True
    )
    def get(self, request: Request) -> Response:
        return self.page(own_subscriptions(request))


class CancelSubscription(CheckoutView):
    """Cancels a subscription of the user."""

    def get_subscription(self) -> Subscription:
        """Return the subscription in the path.

        Raises:
            NotAuthenticated: the user is not signed in.
            Http404: the user has no such subscription.
        """
        subscription = own_subscriptions(self.request).filter(stripe_id=self.kwargs["subscription_id"]).first()
        if subscription is None:
            raise Http404
        return subscription

    def authorize(self) -> str:
        self.get_subscription()
        return super().authorize()

    @operation(
        "cancel_subscription",
        "Cancel a subscription",
        request=inputs.CancelSubscriptionInput,
        response=serializers.SubscriptionSerializer,
        calls_stripe=True,
        needs_login=True,
        errors=("not_found", "subscription_ended", "too_many_requests"),
    )
    @idempotent()
    def post(self, request: Request, subscription_id: str) -> Response:
        subscription = self.get_subscription()
        data = self.read(inputs.CancelSubscriptionInput)
        ledger.count_request(subscription.order_id)
        with done_before(self, SubscriptionEndedError, lambda: not data["at_period_end"]):
            services.cancel_subscription(subscription, at_period_end=data["at_period_end"])
        return Response(serializers.SubscriptionSerializer(subscription).data)


class Portal(CheckoutView):
    """Opens Stripe's Billing portal. Its URL is a secret of the user, so no response is stored."""

    @operation(
        "open_portal",
        "Open the Billing portal",
        request=inputs.PortalInput,
        response=serializers.PortalSerializer,
        status=201,
        calls_stripe=True,
        needs_login=True,
        errors=("customer_not_found", "return_url_not_allowed", "too_many_requests"),
    )
    def post(self, request: Request) -> Response:
        if not (request.user and request.user.is_authenticated):
            raise NotAuthenticated
        data = self.read(inputs.PortalInput)
        ledger.count_request_of_user(request.user.pk)
        customer_id, own_request = data.get("customer", ""), request._request
        back = data["return_url"]
        url = services.portal_url(request.user, return_url=back, customer_id=customer_id, request=own_request)
        return Response({"url": url}, status=201)
