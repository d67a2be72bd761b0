"""Processes the inbox in a task of Django's tasks framework, with whichever backend the site uses.

The inbox row is the work; a task only triggers its processing, so a lost or duplicate task does no harm.
https://docs.djangoproject.com/en/stable/topics/tasks/; on Django 5.2 the ``django-tasks`` package.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django_checkout.models import database
from django_checkout.stripe_api.time_limit import no_time_limit
from django_checkout.webhooks import due_events
from django_checkout.webhooks.pace import Pace

logger = logging.getLogger("django_checkout")

#: A task works for about this long and leaves the rest to the next one: queues end tasks that take too long.
SECONDS = 20
#: A process enqueues at most one task in this time.
PAUSE_SECONDS = 1
#: A task looks for events until this long after it has started, so that it finds what was stored in such a pause.
WAIT_SECONDS = 1.5

#: When this process may enqueue the next task.
pauses = Pace(seconds=PAUSE_SECONDS)


@dataclass(slots=True)
class _Engine:
    """What this process has learned about the engine that runs its tasks."""

    #: Whether ``enqueue`` runs the task, as engines for development and tests do.
    is_immediate: bool = False


engine = _Engine()
_is_enqueuing: ContextVar[bool] = ContextVar("django_checkout_is_enqueuing", default=False)


def drain() -> int:
    """Process the events that are due, and those that arrive meanwhile; return how many were attempted."""
    engine.is_immediate |= _is_enqueuing.get()
    # A task that runs within enqueue would run the next one within itself.
    wait_seconds, wake = (0, None) if _is_enqueuing.get() else (WAIT_SECONDS, enqueue_drain)
    with no_time_limit():
        return due_events.process_due_events(seconds=SECONDS, wait_seconds=wait_seconds, wake=wake)


def request_drain() -> None:
    """Enqueue a task for an event that has been stored, unless one that was enqueued just now finds it."""
    if pauses.allows(database.alias()) or engine.is_immediate:
        enqueue_drain()


def enqueue_drain() -> None:
    """Enqueue a task that processes the inbox; if that fails, ``checkout_process_events`` processes it."""
    token = _is_enqueuing.set(True)
    try:
        import_module("django_checkout.webhooks.drain_task").drain.enqueue()
    except Exception:
        logger.exception("enqueue_failed")
    finally:
        _is_enqueuing.reset(token)


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
