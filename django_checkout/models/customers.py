"""Customer: a user at Stripe. Subscription: recurring payments, as last read."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.conf import conf
from django_checkout.models.base import FactRow, Row
from django_checkout.models.fields import CaseSensitiveCharField
from django_checkout.models.orders import Order
from django_checkout.models.relations import SiteForeignKey

#: The statuses of a subscription that has ended:
#: https://docs.stripe.com/api/subscriptions/object#subscription_object-status.
ENDED_SUBSCRIPTION_STATUSES = frozenset(("canceled", "incomplete_expired"))


class Customer(Row):
    """A user's Customer at Stripe, which has the saved cards and subscriptions.

    Two first checkouts at the same time create two Customers for one user. New sessions use the oldest of a mode; the
    other keeps its cards and subscriptions.
    """

    user = SiteForeignKey(conf.user_model, verbose_name=_("user"), related_name="checkout_customers")
    livemode = models.BooleanField(_("live mode"))
    stripe_id = CaseSensitiveCharField(_("Stripe ID"), unique=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ["-id"]


class Subscription(FactRow):
    """A subscription that an order started. Its status can go back, so only what was read from Stripe is stored."""

    stripe_id = CaseSensitiveCharField(_("Stripe ID"), unique=True)
    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="subscriptions")
    customer_id = CaseSensitiveCharField(_("customer"), blank=True, default="", db_index=True)
    livemode = models.BooleanField(_("live mode"))
    status = models.CharField(_("status"), max_length=64)
    is_canceled_at_period_end = models.BooleanField(_("canceled at period end"), default=False)
    current_period_end = models.DateTimeField(_("current period ends"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ["-id"]
        indexes = [models.Index(fields=["status", "-id"], name="checkout_subscription_status")]

    @property
    def is_active(self) -> bool:
        """Return whether it has not ended."""
        return self.status not in ENDED_SUBSCRIPTION_STATUSES
