"""WebhookEvent: the inbox. ReadTicket: the number of the latest read of a Stripe object."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.conf import conf
from django_checkout.models.base import Row
from django_checkout.models.fields import ID_LENGTH, CaseSensitiveCharField
from django_checkout.models.indexes import SparseIndex, WaitingIndex
from django_checkout.models.relations import SiteForeignKey
from django_checkout.states import Status, Tone


class EventState(Status):
    """The states of an event in the inbox."""

    #: Stored, and waiting for a worker.
    RECEIVED = "received", Tone.WAIT, _("received")
    #: Leased by a worker until ``leased_until``.
    PROCESSING = "processing", Tone.WAIT, _("processing")
    #: Its effects are committed.
    PROCESSED = "processed", Tone.GOOD, _("processed")
    #: Nothing to do: an unknown type, an object of another integration, the other mode.
    IGNORED = "ignored", Tone.QUIET, _("ignored")
    #: Staff decided that it is not processed, with a note.
    WAIVED = "waived", Tone.QUIET, _("waived")
    #: Processing raised; Stripe's next delivery or ``checkout_process_events`` retries it.
    FAILED = "failed", Tone.BAD, _("failed")


class WebhookEvent(Row):
    """One event from Stripe; the unique id makes a duplicate harmless.

    ``object_id``, ``payment_intent_id`` and ``subscription_id`` are copied from the payload so that an order's timeline
    finds the event; none proves ownership. The payload is stored without secrets, and reduced to ``envelope.KEPT``
    once the event is processed or ignored.
    """

    stripe_id = CaseSensitiveCharField(_("Stripe ID"), unique=True)
    type = models.CharField(_("type"), max_length=255)
    is_thin = models.BooleanField(_("thin event"), default=False)
    api_version = models.CharField(_("API version"), max_length=255, blank=True, default="")
    livemode = models.BooleanField(_("live mode"))
    account = models.CharField(_("account"), max_length=ID_LENGTH, blank=True, default="")
    payload = models.JSONField(_("payload"), default=dict)
    object_id = CaseSensitiveCharField(_("object"), blank=True, default="", db_index=True)
    payment_intent_id = CaseSensitiveCharField(_("payment intent"), blank=True, default="", db_index=True)
    subscription_id = CaseSensitiveCharField(_("subscription"), blank=True, default="", db_index=True)
    request_id = models.CharField(_("Stripe request ID"), max_length=255, blank=True, default="")
    state = models.CharField(_("state"), max_length=32, choices=EventState, default=EventState.RECEIVED)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    #: Of an ignored event: that it waits for a process whose CHECKOUT_BASE_URL is its object's site.
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    error_code = models.CharField(_("error code"), max_length=255, blank=True, default="")
    error_message = models.TextField(_("error message"), blank=True, default="")
    waived_by = SiteForeignKey(
        conf.user_model, verbose_name=_("waived by"), null=True, blank=True, related_name="+", db_index=False
    )
    note = models.CharField(_("note"), max_length=2000, blank=True, default="", db_default="")
    created_at = models.DateTimeField(_("created at Stripe"))
    received_at = models.DateTimeField(_("received"), auto_now_add=True)
    processed_at = models.DateTimeField(_("processed"), null=True, blank=True)

    class Meta:
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        ordering = ["-id"]
        indexes = [
            WaitingIndex(fields=["next_attempt_at", "id"], name="checkout_event_due"),
            models.Index(fields=["received_at"], name="checkout_event_received"),
            models.Index(fields=["state", "received_at"], name="checkout_event_waiting"),
            models.Index(fields=["type", "-id"], name="checkout_event_type"),
            SparseIndex(fields=["waived_by"], name="checkout_event_waived"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.stripe_id}"


class ReadTicket(Row):
    """Numbers the reads of one Stripe object that can go back to an earlier state; see ``ledger.tickets``."""

    stripe_id = CaseSensitiveCharField(unique=True)
    issued = models.PositiveBigIntegerField(default=0)
    applied = models.PositiveBigIntegerField(default=0)

    class Meta:
        """Has no verbose name, because no page shows it."""

    def __str__(self) -> str:
        return f"{self.stripe_id} {self.applied}/{self.issued}"
