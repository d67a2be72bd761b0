"""What a signed-in shopper has at Stripe: subscriptions, and the Billing portal."""

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
    """Return the subscriptions of whoever is signed in.

    Raises:
        NotAuthenticated: nobody is.
    """
    if not (request.user and request.user.is_authenticated):
        raise NotAuthenticated
    return Subscription.objects.filter(order__user=request.user.pk).select_related("order")


class Subscriptions(ListView):
    """The subscriptions of whoever is signed in."""

    serializer_class = serializers.SubscriptionSerializer
    filters = {"status": "status"}

    @operation(
        "list_subscriptions", "List one's own subscriptions", answers=serializers.SubscriptionSerializer, is_list=True
    )
    def get(self, request: Request) -> Response:
        return self.page(own_subscriptions(request))


class CancelSubscription(CheckoutView):
    """The end of a subscription."""

    def get_subscription(self) -> Subscription:
        """Return the subscription that the path names.

        Raises:
            NotAuthenticated: nobody is signed in.
            Http404: it is not theirs.
        """
        subscription = own_subscriptions(self.request).filter(stripe_id=self.kwargs["subscription_id"]).first()
        if subscription is None:
            raise Http404
        return subscription

    def admit(self) -> str:
        self.get_subscription()
        return super().admit()

    @operation(
        "cancel_subscription",
        "Cancel a subscription",
        takes=inputs.CancelSubscriptionInput,
        answers=serializers.SubscriptionSerializer,
        calls_stripe=True,
        needs_login=True,
        refusals=("not_found", "subscription_ended", "too_many_requests"),
    )
    @idempotent()
    def post(self, request: Request, subscription_id: str) -> Response:
        subscription = self.get_subscription()
        wanted = self.read(inputs.CancelSubscriptionInput)
        ledger.count_request(subscription.order_id)
        with done_before(self, SubscriptionEndedError, lambda: not wanted["at_period_end"]):
            services.cancel_subscription(subscription, at_period_end=wanted["at_period_end"])
        return Response(serializers.SubscriptionSerializer(subscription).data)


class Portal(CheckoutView):
    """The way to Stripe's Billing portal. The address is a secret of its user, so no answer is kept."""

    @operation(
        "open_portal",
        "Open the Billing portal",
        takes=inputs.PortalInput,
        answers=serializers.PortalSerializer,
        status=201,
        calls_stripe=True,
        needs_login=True,
        refusals=("customer_not_found", "too_many_requests"),
    )
    def post(self, request: Request) -> Response:
        if not (request.user and request.user.is_authenticated):
            raise NotAuthenticated
        wanted = self.read(inputs.PortalInput)
        back = request.build_absolute_uri(wanted["return_url"])
        ledger.count_request_of_user(request.user.pk)
        url = services.portal_url(request.user, return_url=back, customer_id=wanted.get("customer", ""))
        return Response({"url": url}, status=201)
