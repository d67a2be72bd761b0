"""What a process remembers for some seconds, so that it asks the database seldom."""

from __future__ import annotations

from django_checkout.webhooks import deliveries, tasks


def forget() -> None:
    """Forget it, as a new process has, or one that some seconds have passed for."""
    for pace in (deliveries.looks, deliveries.problems, tasks.pauses):
        pace.forget()
    tasks.engine.is_immediate = False
