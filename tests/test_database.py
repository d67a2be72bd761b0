"""Our tables in a database of their own, in a process with three databases and a strict router."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import transaction

from django_checkout import services
from django_checkout.models import Order, database

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.core
def test_our_tables_can_be_in_another_database(tmp_path):
    """Purchase, admin, API, commands and deletions; each database has only its own tables."""
    done = subprocess.run(  # our own interpreter and script
        [sys.executable, "-m", "tests.routed.site"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.routed.settings", "ROUTED_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.stdout.strip() == "everything works", done.stdout + done.stderr[-3000:]


@pytest.mark.django_db(transaction=True)
def test_services_refuse_an_open_transaction_and_run_after_it(order, stripe_emulator):
    with transaction.atomic(), pytest.raises(RuntimeError, match="'default'"):
        services.start(order)

    assert services.start(order).status == "open"


@pytest.mark.django_db
def test_explicit_alias_is_used(order):
    assert Order.objects.using("default").get() == order
    assert Order.objects.db_manager("other").all().db == "other"
    assert Order._base_manager.all().db == database.alias() == "default"
