"""Logs each alert once when it begins and once when it ends, whichever process notices it first."""

from __future__ import annotations

import logging
from collections.abc import Collection

from django.utils import timezone, translation

from django_checkout.models import Observation
from django_checkout.operations.alerts import Alert
from django_checkout.stripe_api import observations
from django_checkout.stripe_api.observations import Kind

logger = logging.getLogger("django_checkout")


def update(alerts: Collection[Alert]) -> None:
    """Log what has begun and ended since the last call: ERROR when an alert begins, INFO when it ends.

    Without changes it takes one query. An error of the database is logged.
    """
    with observations.best_effort():
        known = {row.subject: row for row in Observation.objects.filter(kind=Kind.ALERT)}
        for alert in alerts:
            if alert.reason not in known and observations.insert(Kind.ALERT, alert.reason):
                with translation.override("en"):
                    logger.error("alert_began reason=%s text=%s hint=%s", alert.reason, alert.text, alert.hint)
        for reason in known.keys() - {alert.reason.value for alert in alerts}:
            row = known[reason]
            deleted, _ = Observation.objects.filter(pk=row.pk).delete()
            if deleted:
                seconds = int((timezone.now() - row.first_at).total_seconds())
                logger.info("alert_ended reason=%s after_seconds=%s", reason, seconds)
