"""CheckoutSession: one attempt to pay an order."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.models.base import FactRow
from django_checkout.models.fields import CaseSensitiveCharField
from django_checkout.models.indexes import SparseIndex
from django_checkout.models.orders import Order
from django_checkout.models.payments import Payment
from django_checkout.states import PaymentStatus, SessionStatus

#: How far our clock and Stripe's usually differ at most; a run remembers so much more of a list.
CLOCK_SLACK = timedelta(minutes=10)
#: How long Stripe keeps a session open at most.
MAX_LIFE = timedelta(days=1)
#: A key of the stored request: a guest with a link started the session of a user's order. Never sent to Stripe.
GUEST_KEY = "is_guests"


class CheckoutSession(FactRow):
    """One attempt to pay an order: what we requested (``asked_*``, ``request``) and what Stripe says.

    ``uuid`` is the idempotency key of the create call. In the metadata, as ``checkout_session``, it proves that a
    Stripe session is ours. Client secrets are never stored, and URLs in ``request`` have placeholders for our tokens
    (``tokens.without_tokens``). ``url`` lets its bearer pay and is stored only while the session is open.
    """

    #: From Stripe's response to the create call; only in memory, for the current page.
    client_secret = ""

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="sessions")
    #: The order while this session can be paid; unique, so that the database allows one live session per order.
    live_for = models.OneToOneField(
        Order, null=True, blank=True, on_delete=models.SET_NULL, related_name="live_session", editable=False
    )
    uuid = models.UUIDField(_("UUID"), default=uuid.uuid4, unique=True, editable=False)
    stripe_id = CaseSensitiveCharField(_("Stripe ID"), null=True, blank=True, unique=True)
    livemode = models.BooleanField(_("live mode"))
    #: ``CHECKOUT_BASE_URL`` of the site that started it: see ``models.sites``.
    site_url = models.CharField(max_length=255, blank=True, default="", db_default="", editable=False)
    mode = models.CharField(_("mode"), max_length=64, default="payment")
    ui_mode = models.CharField(_("UI mode"), max_length=64, default="hosted_page")

    revision = models.PositiveIntegerField(_("revision"))
    asked_currency = models.CharField(_("requested currency"), max_length=3)
    asked_subtotal_minor = models.BigIntegerField(_("requested subtotal"))
    #: The new subtotal of a change that Stripe has not confirmed; null if no change is in progress.
    next_subtotal_minor = models.BigIntegerField(null=True, blank=True, editable=False)
    is_manual_capture = models.BooleanField(_("manual capture"), default=False)
    request = models.JSONField(_("request"), default=dict)
    request_hash = models.CharField(max_length=64, editable=False)
    #: Whether the shopper can change what is bought: the line items are then read and compared.
    is_adjustable = models.BooleanField(_("adjustable"), default=False)
    #: What was bought, if it had to be read.
    lines = models.JSONField(_("line items"), null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)

    status = models.CharField(_("status"), max_length=64, default=SessionStatus.CREATING)
    payment_status = models.CharField(_("payment status"), max_length=64, default=PaymentStatus.UNPAID)
    has_async_failed = models.BooleanField(_("delayed payment failed"), default=False)
    payment = models.ForeignKey(
        Payment, verbose_name=_("payment"), null=True, blank=True, on_delete=models.PROTECT, related_name="sessions"
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    amount_subtotal_minor = models.BigIntegerField(_("subtotal"), null=True, blank=True)
    amount_discount_minor = models.BigIntegerField(_("discount"), null=True, blank=True)
    amount_shipping_minor = models.BigIntegerField(_("shipping"), null=True, blank=True)
    amount_tax_minor = models.BigIntegerField(_("tax"), null=True, blank=True)
    amount_total_minor = models.BigIntegerField(_("total"), null=True, blank=True)
    presentment_currency = models.CharField(_("presentment currency"), max_length=3, blank=True, default="")
    presentment_amount_minor = models.BigIntegerField(_("presentment amount"), null=True, blank=True)
    subscription_id = CaseSensitiveCharField(_("subscription"), blank=True, default="")
    invoice_id = CaseSensitiveCharField(_("invoice"), blank=True, default="")
    customer_id = CaseSensitiveCharField(_("customer"), blank=True, default="")
    #: Personal data, erasable: what the shopper entered and consented to.
    customer_details = models.JSONField(_("customer details"), default=dict, blank=True, editable=False)
    recovered_from = CaseSensitiveCharField(_("recovered from"), blank=True, default="")
    #: Where the shopper goes on to from our return page: see ``access.ways_back``.
    return_url = models.CharField(max_length=2048, blank=True, default="", db_default="", editable=False)
    recovery_url = models.URLField(_("recovery URL"), max_length=2048, blank=True, default="")
    url = models.URLField(_("URL"), max_length=2048, blank=True, default="")
    expires_at = models.DateTimeField(_("expires at"))

    request_id = models.CharField(_("Stripe request ID"), max_length=255, blank=True, default="")
    error_code = models.CharField(_("error code"), max_length=255, blank=True, default="")
    error_message = models.TextField(_("error message"), blank=True, default="")
    synced_at = models.DateTimeField(_("last read from Stripe"), null=True, blank=True)
    expired_at = models.DateTimeField(_("expired"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)

    class Meta:
        verbose_name = _("checkout session")
        verbose_name_plural = _("checkout sessions")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["status", "expires_at"], name="checkout_session_status"),
            models.Index(fields=["completed_at"], name="checkout_session_completed"),
            models.Index(fields=["expired_at"], name="checkout_session_expired"),
            SparseIndex(fields=["subscription_id"], name="checkout_session_subscription"),
            # Contains every column that the dashboard's funnel is computed from.
            models.Index(
                fields=["created_at", "livemode", "status", "payment_status", "has_async_failed", "id"],
                name="checkout_session_funnel",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(asked_subtotal_minor__gte=0), name="checkout_session_subtotal_not_negative"
            ),
        ]

    @property
    def made_between(self) -> tuple[datetime, datetime]:
        """Return the times, by Stripe's clock, between which a session without a response may have been created.

        Whatever our clock says, Stripe refuses to create a session that would stay open for longer than a day, or that
        has expired: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at.
        """
        return self.expires_at - MAX_LIFE, self.expires_at

    @property
    def is_guests(self) -> bool:
        """Return whether someone other than the order's user started it, so that its Customer is not the user's."""
        return bool(self.request.get(GUEST_KEY))
