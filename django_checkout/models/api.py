"""IdempotentAnswer: the API's response to a POST with an ``Idempotency-Key``, which a repeated request gets again."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_checkout.models.base import Row
from django_checkout.models.fields import CaseSensitiveCharField

#: How long a response is kept, in hours.
KEPT_HOURS = 24


class IdempotentAnswer(Row):
    """One request by one principal with one key: inserted before it is handled, completed with its response.

    ``body`` never holds bearer secrets: order tokens, client secrets, URLs of open sessions.
    """

    #: ``user:5``, ``order:7`` (the bearer of its token), or ``guest``, whose key is a random UUID.
    principal = models.CharField(_("requester"), max_length=80)
    key = CaseSensitiveCharField(_("key"), max_length=255)
    #: SHA-256 of method, path and body.
    request_hash = models.CharField(max_length=64)
    #: The HTTP status; null until there is a response.
    status = models.PositiveSmallIntegerField(_("status"), null=True, blank=True)
    body = models.JSONField(_("body"), null=True, blank=True)
    location = models.CharField(max_length=2048, blank=True, default="")
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("API response")
        verbose_name_plural = _("API responses")
        indexes = [models.Index(fields=["created_at"], name="checkout_answer_created")]
        constraints = [models.UniqueConstraint(fields=["principal", "key"], name="checkout_answer_once")]

    def __str__(self) -> str:
        return f"{self.principal} {self.key}"

    @staticmethod
    def expired(now: datetime | None = None) -> models.QuerySet[IdempotentAnswer]:
        """Return the responses that can be deleted."""
        return IdempotentAnswer.objects.filter(created_at__lte=(now or timezone.now()) - timedelta(hours=KEPT_HOURS))
