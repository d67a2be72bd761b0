"""IdempotentAnswer: what the API answered to a POST with an ``Idempotency-Key``, so that a repeat is answered alike."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_checkout.models.base import Row
from django_checkout.models.fields import CaseSensitiveCharField

#: How long an answer is repeated, in hours.
KEPT_HOURS = 24


class IdempotentAnswer(Row):
    """One request by one principal under one key: reserved before it is handled, its answer stored afterwards.

    Bearer secrets (order tokens, client secrets, addresses of open sessions) are never part of ``body``.
    """

    #: Who asked: ``user:5``, ``order:7`` (the bearer of its token), or ``guest``, whose key is a random UUID.
    principal = models.CharField(_("principal"), max_length=80)
    key = CaseSensitiveCharField(_("key"), max_length=255)
    #: SHA-256 of method, path and body.
    request_hash = models.CharField(max_length=64)
    #: The HTTP status; null until there is an answer.
    status = models.PositiveSmallIntegerField(_("status"), null=True, blank=True)
    body = models.JSONField(_("body"), null=True, blank=True)
    location = models.CharField(max_length=2048, blank=True, default="")
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("answer of the API")
        verbose_name_plural = _("answers of the API")
        indexes = [models.Index(fields=["created_at"], name="checkout_answer_created")]
        constraints = [models.UniqueConstraint(fields=["principal", "key"], name="checkout_answer_once")]

    def __str__(self) -> str:
        return f"{self.principal} {self.key}"

    @staticmethod
    def expired(now: datetime | None = None) -> models.QuerySet[IdempotentAnswer]:
        """Return the answers that are not repeated any more and can be deleted."""
        return IdempotentAnswer.objects.filter(created_at__lte=(now or timezone.now()) - timedelta(hours=KEPT_HOURS))
