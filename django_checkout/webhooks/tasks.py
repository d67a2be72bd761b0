"""Processes the inbox in a task of Django's tasks framework, with whichever backend the site uses.

The inbox row is the work; a task only triggers its processing, so a lost or duplicate task does no harm.
https://docs.djangoproject.com/en/stable/topics/tasks/; on Django 5.2 the ``django-tasks`` package.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django_checkout.models import WebhookEvent
from django_checkout.stripe_api.time_limit import no_time_limit
from django_checkout.webhooks import due_events, inbox

logger = logging.getLogger("django_checkout")

#: A task works for about this long and leaves the rest to the next one: queues end tasks that take too long.
SECONDS = 20
#: Each process enqueues at least one task in this time if events arrive, in case an earlier task was lost.
REPEAT_SECONDS = 10


@dataclass(slots=True)
class _Enqueued:
    """What this process has enqueued."""

    #: When the last task was, as ``time.monotonic`` has it.
    last_at: float = -math.inf


enqueued = _Enqueued()


def drain() -> int:
    """Process the events that are due; return how many were attempted."""
    with no_time_limit():
        return due_events.process_due_events(seconds=SECONDS, wake=enqueue_drain)


def request_drain(row: WebhookEvent) -> None:
    """Enqueue a task for a stored event, unless the task of an event that waits in front of it will take it."""
    now = time.monotonic()
    # A task looks for events until it finds none, so it sees what was committed while the other event was waiting.
    if now - enqueued.last_at < REPEAT_SECONDS and inbox.is_behind_another(row):
        return
    enqueued.last_at = now
    enqueue_drain()


def enqueue_drain() -> None:
    """Enqueue a task that processes the inbox; if that fails, ``checkout_process_events`` processes it."""
    try:
        import_module("django_checkout.webhooks.drain_task").drain.enqueue()
    except Exception:
        logger.exception("enqueue_failed")


def find_framework() -> Any | None:
    """Return Django's tasks module, or the backport's; None if neither is installed."""
    for name in ("django.tasks", "django_tasks"):
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


def get_framework() -> Any:
    """Return the tasks module.

    Raises:
        ImportError: none is installed.
    """
    framework = find_framework()
    if framework is None:
        raise ImportError('CHECKOUT_PROCESS_EVENTS = "task" needs: pip install "django-checkout[tasks]"')
    return framework
