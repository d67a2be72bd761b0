"""``django.setup()`` imports only what every process of a site needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.core

#: What is imported by the first call that needs it.
LATER = ("stripe", "babel", "requests", "httpx", "rest_framework", "django_checkout.emulator", "django_checkout.api")

CODE = """
import sys
from django.conf import settings

apps = ("admin", "auth", "contenttypes", "messages", "sessions")
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
settings.configure(
    INSTALLED_APPS=[*(f"django.contrib.{name}" for name in apps), "django_checkout"], DATABASES={"default": database}
)

import django

django.setup()
print(*sys.modules)
"""


def test_setup_imports_neither_what_calls_stripe_nor_what_formats_amounts():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)  # noqa: S603  # our own text

    loaded = [name for name in done.stdout.split() if f"{name}.".startswith(tuple(f"{known}." for known in LATER))]
    assert "django_checkout.services" in done.stdout.split()
    assert loaded == []
