"""Without the API, nothing of it is imported, and its dependencies need not be installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.core, pytest.mark.slow]

CODE = """
import sys
if {blocked}:
    sys.modules.update(dict.fromkeys(("rest_framework", "drf_spectacular")))
import types
import tests.settings as base

site = types.ModuleType("site_settings")
site.__dict__.update({{name: value for name, value in vars(base).items() if name.isupper()}})
site.INSTALLED_APPS = [name for name in base.INSTALLED_APPS if not name.startswith("rest_framework")]
site.DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}}
sys.modules["site_settings"] = site
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
import django

django.setup()
from django.core.management import call_command
from django.test import Client

call_command("check")
call_command("migrate", verbosity=0)
assert Client().get("/checkout/health/").status_code == 200
loaded = sorted(
    name for name, module in sys.modules.items()
    if module is not None and f"{{name}}.".startswith(("rest_framework.", "drf_spectacular.", "django_checkout.api."))
)
assert loaded == [], loaded
"""


@pytest.mark.parametrize("blocked", [False, True], ids=["unused", "not installed"])
def test_app_works_without_the_api(blocked):
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", CODE.format(blocked=blocked)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert done.returncode == 0, done.stderr
