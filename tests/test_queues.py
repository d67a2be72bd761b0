"""docs/queues.md: its settings have no mistakes that can be seen without a worker; tests/engines runs them."""

from __future__ import annotations

import re
import sys

import pytest
from django.core import checks
from django.core.management import get_commands

from django_checkout.webhooks import tasks
from tests.engines import page

pytestmark = pytest.mark.core

COMMANDS = {"checkout_process_events", "checkout_reconcile", "checkout_prune"}


@pytest.mark.parametrize("engine", page.HEADINGS)
def test_engine_has_settings_and_a_worker(engine, settings):
    values = {"INSTALLED_APPS": []}
    exec(page.settings_of(engine, ""), values)  # noqa: S102  # the page of the docs
    settings.TASKS = values["TASKS"]
    settings.CHECKOUT_PROCESS_EVENTS = values["CHECKOUT_PROCESS_EVENTS"]

    found = {message.id for message in checks.run_checks(tags=["django_checkout"], include_deployment_checks=True)}
    assert "django_checkout.W007" not in found
    assert page.worker_of(engine)[:2] == [sys.executable, "-m"]


def test_celery_imports_the_task():
    for engine in ("celery-redis", "celery-rabbitmq"):
        assert f"{tasks.__package__}.drain_task" in page.settings_of(engine, "")


def test_every_scheduler_runs_the_same_commands():
    text = page.PAGE.read_text(encoding="utf-8").partition("\n## Periodic work\n")[2]
    assert set(get_commands()) >= COMMANDS
    for name in ("cron", "Celery beat", "django-rq"):
        part = text.partition(f"**{name}**")[2].partition("\n**")[0]
        assert set(re.findall(r"checkout_\w+", part)) == COMMANDS, name
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len([compile(block, "docs/queues.md", "exec") for block in blocks]) == 3
