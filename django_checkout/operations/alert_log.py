"""Logs each alert once when it begins and once when it ends, whichever process notices it first."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial

from django.utils import timezone, translation

from django_checkout.models import Observation, database
from django_checkout.operations.alerts import OF_ERRORS, Alert
from django_checkout.stripe_api import observations
from django_checkout.stripe_api.observations import Kind

logger = logging.getLogger("django_checkout")

#: When the alerts began that this process has logged and the database could not store, by reason.
_unstored: dict[str, datetime] = {}


def update(alerts: Collection[Alert], *, at: datetime, is_complete: bool = True) -> None:
    """Log what has begun and ended since the last call: ERROR when an alert begins, INFO when it ends.

    ``at`` is when the alerts began to be evaluated: if a newer evaluation was stored meanwhile, this one is ignored.
    With ``is_complete`` unset, more alerts may hold than could be read, so none ends. Without changes it takes one
    query, and a write every 5 seconds.

    Raises:
        Error: the database does not respond, or refuses writes.
    """
    began: list[Alert] = []
    ended: dict[str, datetime] = {}
    if not _is_stored(alerts, at=at, is_complete=is_complete):
        began, ended = database.in_transaction(partial(_store, alerts, at=at, is_complete=is_complete))
    for alert in began:
        if _unstored.pop(alert.reason, None) is None:
            _log_began(alert)
    if is_complete:
        for reason in _unstored.keys() - {alert.reason.value for alert in alerts}:
            # Another thread may have logged the end.
            if began_at := _unstored.pop(reason, None):
                ended |= {reason: began_at}
    for reason, began_at in ended.items():
        seconds = int((timezone.now() - began_at).total_seconds())
        logger.info("alert_ended reason=%s after_seconds=%s", reason, seconds)


def log_unstored(alerts: Collection[Alert]) -> None:
    """Log that the database cannot be used, once per process, because it cannot store that this was logged."""
    for alert in alerts:
        if alert.reason in OF_ERRORS and alert.reason not in _unstored:
            _unstored[alert.reason] = timezone.now()
            _log_began(alert)


def _is_stored(alerts: Collection[Alert], *, at: datetime, is_complete: bool) -> bool:
    """Whether the same alerts were stored just before; so monitors that ask often do not wait for each other's rows."""
    rows = Observation.objects.filter(kind__in=(Kind.ALERT, Kind.EVALUATED)).values_list("kind", "subject", "last_at")
    known = {(kind, subject): last_at for kind, subject, last_at in rows}
    evaluated_at = known.pop((Kind.EVALUATED, ""), None)
    if evaluated_at is None or evaluated_at <= at - observations.PAUSE:
        return False
    found = {(Kind.ALERT, alert.reason.value) for alert in alerts}
    return found == known.keys() if is_complete else found <= known.keys()


def _store(alerts: Collection[Alert], *, at: datetime, is_complete: bool) -> tuple[list[Alert], dict[str, datetime]]:
    """Store what has begun and ended, and return it; nothing, if a newer evaluation is stored."""
    if not observations.supersede(Kind.EVALUATED, began_at=at):
        return [], {}
    known: Mapping[str, Observation] = {row.subject: row for row in Observation.objects.filter(kind=Kind.ALERT)}
    began = [alert for alert in alerts if alert.reason not in known and observations.insert(Kind.ALERT, alert.reason)]
    over = known.keys() - {alert.reason.value for alert in alerts} if is_complete else ()
    observations.delete([known[reason].pk for reason in over])
    return began, {reason: known[reason].first_at for reason in over}


def _log_began(alert: Alert) -> None:
    with translation.override("en"):
        logger.error("alert_began reason=%s text=%s hint=%s", alert.reason, alert.text, alert.hint)
