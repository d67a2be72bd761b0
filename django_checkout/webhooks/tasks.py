"""Processes the inbox in a task of Django's tasks framework, with whichever backend the site uses.

The inbox row is the work; a task only triggers its processing, so a lost or duplicate task does no harm.
https://docs.djangoproject.com/en/stable/topics/tasks/; on Django 5.2 the ``django-tasks`` package.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from django_checkout.stripe_api.time_limit import no_time_limit
from django_checkout.webhooks import pending_work

logger = logging.getLogger("django_checkout")

#: Events that one task processes before it enqueues the next task.
BATCH = 100


def drain() -> int:
    """Process the events that are due; return how many were attempted."""
    with no_time_limit():
        found, attempted = pending_work.process_due_events(limit=BATCH)
    # If another worker has them all, it enqueues the next task.
    if found == BATCH and attempted:
        enqueue_drain()
    return attempted


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
