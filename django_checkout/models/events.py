"""WebhookEvent: the inbox. ReadTicket: which read of a Stripe object is the newest."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.models.base import Row
from django_checkout.models.fields import ID_LENGTH, CaseSensitiveCharField


class EventState(models.TextChoices):
    """An event's life in the inbox."""

    #: Recorded, and waiting for the queue.
    RECEIVED = "received", _("received")
    #: A worker holds it until ``leased_until``.
    PROCESSING = "processing", _("processing")
    #: Its effects are committed.
    PROCESSED = "processed", _("processed")
    #: Nothing to do: an unknown type, another integration's object, the other mode.
    IGNORED = "ignored", _("ignored")
    #: Processing raised; Stripe's next delivery or the sweep tries again.
    FAILED = "failed", _("failed")


class WebhookEvent(Row):
    """One event of Stripe's, recorded once: the unique id makes a duplicate harmless.

    ``object_id``, ``payment_intent_id`` and ``subscription_id`` are read from the payload so that a timeline can find
    it; none is proof of ownership. The payload is stored without secrets, and reduced to ``envelope.KEPT`` once the
    event is settled.
    """

    stripe_id = CaseSensitiveCharField(_("Stripe id"), max_length=ID_LENGTH, unique=True)
    type = models.CharField(_("type"), max_length=255)
    is_thin = models.BooleanField(_("thin"), default=False)
    api_version = models.CharField(_("API version"), max_length=255, blank=True, default="")
    livemode = models.BooleanField(_("live mode"))
    account = models.CharField(_("account"), max_length=ID_LENGTH, blank=True, default="")
    payload = models.JSONField(_("payload"), default=dict)
    object_id = CaseSensitiveCharField(_("object"), max_length=ID_LENGTH, blank=True, default="", db_index=True)
    payment_intent_id = CaseSensitiveCharField(
        _("payment intent"), max_length=ID_LENGTH, blank=True, default="", db_index=True
    )
    subscription_id = CaseSensitiveCharField(
        _("subscription"), max_length=ID_LENGTH, blank=True, default="", db_index=True
    )
    request_id = models.CharField(_("Stripe request id"), max_length=255, blank=True, default="", db_index=True)
    state = models.CharField(_("state"), max_length=32, choices=EventState, default=EventState.RECEIVED)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    error_code = models.CharField(_("error code"), max_length=255, blank=True, default="")
    error_message = models.TextField(_("error message"), blank=True, default="")
    created_at = models.DateTimeField(_("created at Stripe"))
    received_at = models.DateTimeField(_("received"), auto_now_add=True)
    processed_at = models.DateTimeField(_("processed"), null=True, blank=True)

    class Meta:
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["state", "next_attempt_at"], name="checkout_event_backlog"),
            models.Index(fields=["received_at"], name="checkout_event_received"),
            models.Index(fields=["type", "-id"], name="checkout_event_type"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.stripe_id}"


class ReadTicket(Row):
    """Numbers the reads of one Stripe object that can move back, so that a slow read cannot undo a later one."""

    stripe_id = CaseSensitiveCharField(max_length=ID_LENGTH, unique=True)
    issued = models.PositiveBigIntegerField(default=0)
    applied = models.PositiveBigIntegerField(default=0)

    class Meta:
        """No page shows it."""

    def __str__(self) -> str:
        return f"{self.stripe_id} {self.applied}/{self.issued}"
