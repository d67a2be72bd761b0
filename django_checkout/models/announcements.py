"""Announcement: a notification for the host's receivers."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.conf import conf
from django_checkout.models.base import Row
from django_checkout.models.customers import Subscription
from django_checkout.models.fields import CaseSensitiveCharField
from django_checkout.models.indexes import SparseIndex
from django_checkout.models.orders import Order
from django_checkout.models.payments import Dispute, Refund
from django_checkout.models.relations import SiteForeignKey
from django_checkout.models.sessions import CheckoutSession
from django_checkout.states import Status, Tone


class AnnouncementState(Status):
    """Whether a notification is delivered."""

    #: Every receiver has run; their writes committed with this state.
    ANNOUNCED = "announced", Tone.GOOD, _("delivered")
    #: No receiver is connected, or one raised; ``checkout_process_events`` retries it from ``next_attempt_at`` on.
    PENDING = "pending", Tone.WAIT, _("pending")
    #: Staff decided that it is not delivered, with a note.
    WAIVED = "waived", Tone.QUIET, _("waived")
    #: It became untrue before it was delivered, or too old without a receiver; it is never delivered.
    SUPERSEDED = "superseded", Tone.QUIET, _("superseded")


class Announcement(Row):
    """A notification for the host's receivers, delivered through a signal; unique per order, signal and fact.

    Labels, the README and the admin call it a notification.
    """

    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="announcements", db_index=False
    )
    signal = models.CharField(_("signal"), max_length=64)
    #: The Stripe id, or our own key, of the object that it is about.
    fact = CaseSensitiveCharField(_("object ID"))
    state = models.CharField(_("state"), max_length=32, choices=AnnouncementState, default=AnnouncementState.PENDING)
    session = models.ForeignKey(
        CheckoutSession, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    refund = models.ForeignKey(
        Refund, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    dispute = models.ForeignKey(
        Dispute, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    subscription = models.ForeignKey(
        Subscription, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    amount_minor = models.BigIntegerField(_("amount"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=255, blank=True, default="")
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    last_error = models.TextField(_("last error"), blank=True, default="")
    waived_by = SiteForeignKey(
        conf.user_model, verbose_name=_("waived by"), null=True, blank=True, related_name="+", db_index=False
    )
    note = models.CharField(_("note"), max_length=2000, blank=True, default="", db_default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    announced_at = models.DateTimeField(_("delivered"), null=True, blank=True)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["state", "signal", "next_attempt_at"], name="checkout_announcement_pending"),
            SparseIndex(fields=["refund"], name="checkout_announcement_refund"),
            SparseIndex(fields=["dispute"], name="checkout_announcement_dispute"),
            SparseIndex(fields=["waived_by"], name="checkout_announcement_waived"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["order", "signal", "fact"], name="checkout_announcement_once"),
        ]

    def __str__(self) -> str:
        return f"{self.signal} {self.fact}"
