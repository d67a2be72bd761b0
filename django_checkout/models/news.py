"""Announcement: what the host was told. AttentionItem: what a person should see. Discrepancy: what was missed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.conf import conf
from django_checkout.models.base import Row
from django_checkout.models.customers import Subscription
from django_checkout.models.fields import ID_LENGTH, CaseSensitiveCharField
from django_checkout.models.orders import Order
from django_checkout.models.payments import Dispute, Refund
from django_checkout.models.relations import SiteForeignKey
from django_checkout.models.sessions import CheckoutSession


class AnnouncementState(models.TextChoices):
    """Whether the host has heard."""

    #: Every receiver has run; their writes committed with this.
    ANNOUNCED = "announced", _("announced")
    #: No receiver is connected, or one raised; the sweep delivers it once there is one, from ``next_attempt_at`` on.
    PENDING = "pending", _("pending")
    #: Overtaken before it was delivered, or kept for long with no receiver; it is not delivered any more.
    SUPERSEDED = "superseded", _("superseded")


class Announcement(Row):
    """One piece of news for the host's receivers: unique per order, signal and fact, so it is told once."""

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="announcements")
    signal = models.CharField(_("signal"), max_length=64)
    #: The Stripe id, or our own key, of what happened.
    fact = CaseSensitiveCharField(_("fact"), max_length=ID_LENGTH)
    state = models.CharField(_("state"), max_length=32, choices=AnnouncementState, default=AnnouncementState.PENDING)
    session = models.ForeignKey(CheckoutSession, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    refund = models.ForeignKey(Refund, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    dispute = models.ForeignKey(Dispute, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    subscription = models.ForeignKey(Subscription, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    amount_minor = models.BigIntegerField(_("amount"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=255, blank=True, default="")
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    last_error = models.TextField(_("last error"), blank=True, default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    announced_at = models.DateTimeField(_("announced"), null=True, blank=True)

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "signal", "next_attempt_at"], name="checkout_announcement_pending")]
        constraints = [
            models.UniqueConstraint(fields=["order", "signal", "fact"], name="checkout_announcement_once"),
        ]

    def __str__(self) -> str:
        return f"{self.signal} {self.fact}"


class AttentionItem(Row):
    """One reason to look at an order; a resolved one is not raised again by a repeated fact."""

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="attention")
    code = models.CharField(_("reason"), max_length=64)
    fact = CaseSensitiveCharField(_("fact"), max_length=ID_LENGTH)
    detail = models.CharField(_("detail"), max_length=500, blank=True, default="")
    raised_at = models.DateTimeField(_("raised"), auto_now_add=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    resolved_by = SiteForeignKey(
        conf.user_model, verbose_name=_("resolved by"), null=True, blank=True, related_name="+"
    )
    note = models.TextField(_("note"), blank=True, default="")

    class Meta:
        verbose_name = _("attention item")
        verbose_name_plural = _("attention items")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["order", "code", "fact"], name="checkout_attention_once")]

    def __str__(self) -> str:
        return f"{self.code} {self.fact}"


class DiscrepancyState(models.TextChoices):
    """What became of a discrepancy."""

    OPEN = "open", _("open")
    RESOLVED = "resolved", _("resolved")
    IGNORED = "ignored", _("ignored")


class Discrepancy(Row):
    """A difference between Stripe and us that reconciliation found and could not safely mend."""

    kind = models.CharField(_("kind"), max_length=64)
    #: The Stripe id, or the order's reference, that it is about.
    subject = CaseSensitiveCharField(_("subject"), max_length=ID_LENGTH)
    order = models.ForeignKey(
        Order, verbose_name=_("order"), null=True, blank=True, on_delete=models.CASCADE, related_name="discrepancies"
    )
    here = models.JSONField(_("here"), default=dict, blank=True)
    at_stripe = models.JSONField(_("at Stripe"), default=dict, blank=True)
    suggestion = models.CharField(_("suggested action"), max_length=500, blank=True, default="")
    state = models.CharField(_("state"), max_length=32, choices=DiscrepancyState, default=DiscrepancyState.OPEN)
    note = models.TextField(_("note"), blank=True, default="")
    resolved_by = SiteForeignKey(
        conf.user_model, verbose_name=_("resolved by"), null=True, blank=True, related_name="+"
    )
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    first_seen_at = models.DateTimeField(_("first seen"), auto_now_add=True)
    last_seen_at = models.DateTimeField(_("last seen"), auto_now=True)

    class Meta:
        verbose_name = _("discrepancy")
        verbose_name_plural = _("discrepancies")
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "-id"], name="checkout_discrepancy_state")]
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="checkout_discrepancy_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
