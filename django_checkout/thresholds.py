"""The default thresholds of the alerts; ``CHECKOUT_ALERTS`` changes them. ``operations/alerts.py`` has the rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

#: By reason: how many there must be, or after how many seconds the alert begins.
DEFAULTS: Mapping[str, int] = {
    "events_failed": 1,
    "events_stuck": 600,
    "queue_stopped": 300,
    "notifications_pending": 1,
    "webhooks_silent": 300,
    "deliveries_refused": 300,
    "deliveries_late": 300,
    "deliveries_other_mode": 300,
    "endpoint_disabled": 1,
    "key_refused": 1,
    "permission_missing": 1,
    "stripe_silent": 300,
    "refunds_unconfirmed": 1800,
    "other_site": 1,
    "base_urls_differ": 300,
    "attention_overdue": 3 * 24 * 3600,
}


def read(name: str, value: Any) -> dict[str, int | None]:
    """Return the threshold of each reason, given a setting's name and value; None turns an alert off.

    Raises:
        ImproperlyConfigured: an unknown reason, or a threshold that is not a positive integer or None.
    """
    if value is None:
        return dict(DEFAULTS)
    if not isinstance(value, Mapping):
        raise ImproperlyConfigured(f"{name} must be a dict of reasons and thresholds.")
    for reason, threshold in value.items():
        if reason not in DEFAULTS:
            raise ImproperlyConfigured(f"{name} contains {reason!r}, which is not one of: {', '.join(DEFAULTS)}.")
        is_number = isinstance(threshold, int) and not isinstance(threshold, bool) and threshold > 0
        if threshold is not None and not is_number:
            raise ImproperlyConfigured(f"{name}[{reason!r}] must be a positive integer, or None to turn it off.")
    return {**DEFAULTS, **value}
