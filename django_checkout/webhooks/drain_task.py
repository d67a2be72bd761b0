"""The task that processes the inbox; imported when a task is needed, because it needs a tasks framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_checkout.webhooks import tasks

_task: Callable[[Callable[[], int]], Any] = tasks.get_framework().task


# Queues store the path of a task, and their workers import it: it must lead to the task, not to its function.
@_task
def drain() -> int:
    """Process the events that are due; return how many were attempted."""
    return tasks.drain()
