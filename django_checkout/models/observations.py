"""Observation: what was seen of the connection with Stripe."""

from __future__ import annotations

from django.db import models

from django_checkout.models.base import Row
from django_checkout.models.fields import CaseSensitiveCharField


class Observation(Row):
    """How often something was seen, and when first and last: one row per kind and subject, so their number is bounded.

    ``stripe_api.observations`` writes it and lists the kinds. It holds no ids of objects, no secrets and no bodies.
    """

    kind = models.CharField(max_length=64)
    subject = CaseSensitiveCharField(blank=True, default="")
    detail = models.CharField(max_length=255, blank=True, default="")
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        """Has no verbose name, because no page shows it."""

        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="checkout_observation_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".rstrip()
