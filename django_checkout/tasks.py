"""Drains the inbox as a task of Django's own framework, hence by whichever engine the site runs.

The inbox row is the work; a task is only a nudge to look at it, so one that is lost or doubled loses and doubles
nothing. https://docs.djangoproject.com/en/stable/topics/tasks/; on Django 5.2 the ``django-tasks`` package.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from importlib import import_module
from typing import Any

from django_checkout import sweep

logger = logging.getLogger("django_checkout")

#: Events that one task processes before it hands on to the next.
BATCH = 100


def drain() -> int:
    """Process what waits in the inbox; return how many events were looked at."""
    seen = sweep.process_due_events(limit=BATCH)
    if seen == BATCH:
        nudge()
    return seen


def nudge() -> None:
    """Ask the site's task engine to drain the inbox; a failure to enqueue leaves the work to the sweep."""
    try:
        _drain_task().enqueue()
    except Exception:
        logger.exception("nudge_failed")


def find_framework() -> Any | None:
    """Return the module that offers ``task``: Django's, or the backport; None where there is neither."""
    for name in ("django.tasks", "django_tasks"):
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


@lru_cache(maxsize=1)
def _drain_task() -> Any:
    framework = find_framework()
    if framework is None:
        raise ImportError('CHECKOUT_PROCESS_EVENTS = "task" needs: pip install "django-checkout[tasks]"')
    return framework.task(drain)
