"""Payment, Refund, Dispute: what Stripe did with money. Other Stripe objects are ids, because they may arrive later."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.conf import conf
from django_checkout.models.base import FactRow
from django_checkout.models.fields import CaseSensitiveCharField
from django_checkout.models.indexes import SparseIndex
from django_checkout.models.orders import Order
from django_checkout.models.relations import SiteForeignKey
from django_checkout.states import CLOSED_DISPUTE_STATUSES, IntentStatus, RefundStatus


class Payment(FactRow):
    """One PaymentIntent, or one session without one; its session, refunds and disputes link to it.

    The first fact of any kind inserts it, so ``order`` is null until a session of ours names the payment.
    """

    #: ``pi_...``, or the session's or the charge's id if there is no PaymentIntent.
    stripe_id = CaseSensitiveCharField(_("Stripe ID"), unique=True)
    order = models.ForeignKey(
        Order, verbose_name=_("order"), null=True, blank=True, on_delete=models.SET_NULL, related_name="payments"
    )
    livemode = models.BooleanField(_("live mode"), null=True, blank=True)
    intent_status = models.CharField(_("status"), max_length=64, default=IntentStatus.OPEN)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    amount_minor = models.BigIntegerField(_("amount"), default=0)
    captured_minor = models.BigIntegerField(_("captured"), default=0)
    #: The sum of the refunds that we requested and that have not failed.
    refund_asked_minor = models.BigIntegerField(_("requested refunds"), default=0)
    charge_id = CaseSensitiveCharField(_("charge"), blank=True, default="", db_index=True)
    fraud_warning_id = CaseSensitiveCharField(_("fraud warning"), blank=True, default="")
    #: Radar's reviews: Stripe id -> whether it is open.
    reviews = models.JSONField(_("reviews"), default=dict, blank=True, editable=False)
    capture_before = models.DateTimeField(_("capture before"), null=True, blank=True)
    #: What it waits for outside of the payment page, see ``ledger.next_actions``. Personal data, erasable.
    next_action = models.JSONField(_("next action"), null=True, blank=True, editable=False)
    #: The deadline of the next action.
    action_expires_at = models.DateTimeField(_("next action due by"), null=True, blank=True)
    #: Personal data, erasable: how the shopper paid, see ``PaymentFact.method``. Null until a charge has said so.
    method = models.JSONField(_("payment method"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["-id"]
        indexes = [models.Index(fields=["intent_status", "-id"], name="checkout_payment_status")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(refund_asked_minor__gte=0)
                & models.Q(refund_asked_minor__lte=models.F("captured_minor")),
                name="checkout_payment_refunds_within_captured",
            ),
        ]


class Refund(FactRow):
    """A refund, requested by us (``uuid`` proves it) or made in Stripe's dashboard.

    Stripe also reports the released part of an authorization as a refund, which returns no money: ``is_release``.
    """

    uuid = models.UUIDField(_("UUID"), default=uuid.uuid4, unique=True, editable=False)
    stripe_id = CaseSensitiveCharField(_("Stripe ID"), null=True, blank=True, unique=True)
    payment = models.ForeignKey(Payment, verbose_name=_("payment"), on_delete=models.PROTECT, related_name="refunds")
    #: The caller's idempotency key.
    key = CaseSensitiveCharField(_("key"), null=True, blank=True, unique=True)
    is_ours = models.BooleanField(_("requested here"), default=False)
    asked_by = SiteForeignKey(conf.user_model, verbose_name=_("requested by"), null=True, blank=True, related_name="+")
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    status = models.CharField(_("status"), max_length=64, default=RefundStatus.CREATING)
    reason = models.CharField(_("reason"), max_length=255, blank=True, default="")
    failure_reason = models.CharField(_("failure reason"), max_length=255, blank=True, default="")
    #: Stripe's ``created``, to the second; ``created_at`` is when the row was stored.
    made_at = models.DateTimeField(_("created at Stripe"), null=True, blank=True)
    balance_transaction_id = CaseSensitiveCharField(_("balance transaction"), blank=True, default="")
    #: Whether it only releases an amount that was authorized and not captured: ``states.find_releases``.
    is_release = models.BooleanField(_("release of an authorization"), default=False, editable=False)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    request_id = models.CharField(_("Stripe request ID"), max_length=255, blank=True, default="")
    error_code = models.CharField(_("error code"), max_length=255, blank=True, default="")
    error_message = models.TextField(_("error message"), blank=True, default="")
    #: The ``code`` of our error for a refused refund; a repeated request raises it again.
    refusal_code = models.CharField(max_length=64, blank=True, default="", editable=False)
    credit_note_id = CaseSensitiveCharField(_("credit note"), blank=True, default="", db_default="")
    #: When the credit note is requested next: before each request it is put off, so that no other process sends it.
    credit_note_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: Why Stripe has not issued the credit note; if it is not due any more, Stripe refused it.
    credit_note_error = models.CharField(max_length=500, blank=True, default="", db_default="", editable=False)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["status", "-id"], name="checkout_refund_status"),
            models.Index(fields=["created_at"], name="checkout_refund_created"),
            SparseIndex(fields=["credit_note_due_at"], name="checkout_refund_credit_note"),
        ]

    @property
    def occurred_at(self) -> datetime:
        """When Stripe made it; when it was stored, if that is not known."""
        return self.made_at or self.created_at


class Dispute(FactRow):
    """A dispute, as last read from Stripe."""

    stripe_id = CaseSensitiveCharField(_("Stripe ID"), unique=True)
    payment = models.ForeignKey(Payment, verbose_name=_("payment"), on_delete=models.PROTECT, related_name="disputes")
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    withdrawn_minor = models.BigIntegerField(_("withdrawn"), default=0)
    withdrawn_currency = models.CharField(max_length=3, blank=True, default="", editable=False)
    status = models.CharField(_("status"), max_length=64)
    reason = models.CharField(_("reason"), max_length=255, blank=True, default="")
    due_by = models.DateTimeField(_("evidence due by"), null=True, blank=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ["-id"]
        indexes = [models.Index(fields=["status", "due_by"], name="checkout_dispute_due")]

    @property
    def is_open(self) -> bool:
        """Return whether it waits for evidence or a decision."""
        return self.status not in CLOSED_DISPUTE_STATUSES
