"""Customer: a user at Stripe. Subscription: what a user pays for again and again, as the latest read said."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.conf import conf
from django_checkout.models.base import FactRow, Row
from django_checkout.models.fields import ID_LENGTH, CaseSensitiveCharField
from django_checkout.models.orders import Order
from django_checkout.models.relations import SiteForeignKey

#: A subscription in one of these has ended: https://docs.stripe.com/api/subscriptions/object#subscription_object-status.
ENDED_SUBSCRIPTION_STATUSES = frozenset(("canceled", "incomplete_expired"))


class Customer(Row):
    """One of the host's users as a Customer at Stripe: saved cards and subscriptions hang on it.

    Two first checkouts at once make two Customers of one user. New sessions use the oldest of a mode; what hangs on
    the others stays theirs.
    """

    user = SiteForeignKey(conf.user_model, verbose_name=_("user"), related_name="checkout_customers")
    livemode = models.BooleanField(_("live mode"))
    stripe_id = CaseSensitiveCharField(_("Stripe id"), max_length=ID_LENGTH, unique=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ["-id"]

    def __str__(self) -> str:
        return str(self.stripe_id)


class Subscription(FactRow):
    """A subscription that one of our orders started. Subscriptions go back and forth, so only reads are written."""

    stripe_id = CaseSensitiveCharField(_("Stripe id"), max_length=ID_LENGTH, unique=True)
    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="subscriptions")
    customer_id = CaseSensitiveCharField(_("customer"), max_length=ID_LENGTH, blank=True, default="", db_index=True)
    livemode = models.BooleanField(_("live mode"))
    status = models.CharField(_("status"), max_length=64)
    is_canceled_at_period_end = models.BooleanField(_("canceled at period end"), default=False)
    current_period_end = models.DateTimeField(_("current period ends"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ["-id"]
        indexes = [models.Index(fields=["status", "-id"], name="checkout_subscription_status")]

    def __str__(self) -> str:
        return str(self.stripe_id)

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return self.status not in ENDED_SUBSCRIPTION_STATUSES
