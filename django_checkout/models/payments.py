"""Payment, Refund, Dispute: what Stripe did with money. References to other facts are soft: they may come first."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.conf import conf
from django_checkout.models.base import FactRow
from django_checkout.models.fields import ID_LENGTH, CaseSensitiveCharField
from django_checkout.models.orders import Order
from django_checkout.models.relations import SiteForeignKey
from django_checkout.states import CLOSED_DISPUTE_STATUSES, IntentStatus, RefundStatus


class Payment(FactRow):
    """One PaymentIntent (or one session that needed none): where session, charge, refunds and disputes meet.

    Inserted by whoever hears of it first, so ``order`` is null until a session of ours names the payment.
    """

    #: ``pi_...``; the session's or the charge's id where there is no PaymentIntent.
    stripe_id = CaseSensitiveCharField(_("Stripe id"), max_length=ID_LENGTH, unique=True)
    order = models.ForeignKey(
        Order, verbose_name=_("order"), null=True, blank=True, on_delete=models.SET_NULL, related_name="payments"
    )
    livemode = models.BooleanField(_("live mode"), null=True, blank=True)
    intent_status = models.CharField(_("status"), max_length=64, default=IntentStatus.OPEN)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    amount_minor = models.BigIntegerField(_("amount"), default=0)
    captured_minor = models.BigIntegerField(_("captured"), default=0)
    #: What we have asked Stripe to give back and is not known to have failed.
    refund_asked_minor = models.BigIntegerField(_("refunds asked for"), default=0)
    charge_id = CaseSensitiveCharField(_("charge"), max_length=ID_LENGTH, blank=True, default="", db_index=True)
    fraud_warning_id = CaseSensitiveCharField(_("fraud warning"), max_length=ID_LENGTH, blank=True, default="")
    #: Radar's reviews by their ids: whether each is still open.
    reviews = models.JSONField(_("reviews"), default=dict, blank=True, editable=False)
    capture_before = models.DateTimeField(_("capture before"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

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

    def __str__(self) -> str:
        return str(self.stripe_id)


class Refund(FactRow):
    """Money given back: asked for by us (``uuid`` proves it) or made in Stripe's dashboard.

    What an authorization releases uncaptured has a row as well, and gives nothing back: ``is_release``.
    """

    uuid = models.UUIDField(_("UUID"), default=uuid.uuid4, unique=True, editable=False)
    stripe_id = CaseSensitiveCharField(_("Stripe id"), max_length=ID_LENGTH, null=True, blank=True, unique=True)
    payment = models.ForeignKey(Payment, verbose_name=_("payment"), on_delete=models.PROTECT, related_name="refunds")
    #: The caller's own key: the same key is the same refund.
    key = CaseSensitiveCharField(_("key"), max_length=ID_LENGTH, null=True, blank=True, unique=True)
    is_ours = models.BooleanField(_("asked for here"), default=False)
    asked_by = SiteForeignKey(conf.user_model, verbose_name=_("asked by"), null=True, blank=True, related_name="+")
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    status = models.CharField(_("status"), max_length=64, default=RefundStatus.CREATING)
    reason = models.CharField(_("reason"), max_length=255, blank=True, default="")
    failure_reason = models.CharField(_("failure reason"), max_length=255, blank=True, default="")
    balance_transaction_id = CaseSensitiveCharField(
        _("balance transaction"), max_length=ID_LENGTH, blank=True, default=""
    )
    #: Whether it only releases what was authorized and not captured: ``states.find_releases``; written by the ledger.
    is_release = models.BooleanField(_("release of an authorization"), default=False, editable=False)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    request_id = models.CharField(_("Stripe request id"), max_length=255, blank=True, default="")
    error_code = models.CharField(_("error code"), max_length=255, blank=True, default="")
    error_message = models.TextField(_("error message"), blank=True, default="")
    #: The ``code`` of our error that a refused refund was answered with, so that a repeat is answered alike.
    refusal_code = models.CharField(max_length=64, blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["status", "-id"], name="checkout_refund_status"),
            models.Index(fields=["created_at"], name="checkout_refund_created"),
        ]

    def __str__(self) -> str:
        return self.stripe_id or str(self.uuid)


class Dispute(FactRow):
    """A customer's objection to a charge, as the latest read from Stripe said."""

    stripe_id = CaseSensitiveCharField(_("Stripe id"), max_length=ID_LENGTH, unique=True)
    payment = models.ForeignKey(Payment, verbose_name=_("payment"), on_delete=models.PROTECT, related_name="disputes")
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    withdrawn_minor = models.BigIntegerField(_("withdrawn"), default=0)
    withdrawn_currency = models.CharField(max_length=3, blank=True, default="", editable=False)
    status = models.CharField(_("status"), max_length=64)
    reason = models.CharField(_("reason"), max_length=255, blank=True, default="")
    due_by = models.DateTimeField(_("evidence due by"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ["-id"]
        indexes = [models.Index(fields=["status", "due_by"], name="checkout_dispute_due")]

    def __str__(self) -> str:
        return str(self.stripe_id)

    @property
    def is_open(self) -> bool:
        """Whether it still waits for evidence or for a decision."""
        return self.status not in CLOSED_DISPUTE_STATUSES
