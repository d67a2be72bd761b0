"""``django.setup()`` imports only what every process of a site needs."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from tests.test_architecture import imports

pytestmark = pytest.mark.core

#: What is imported by the first call that needs it.
LATER = ("stripe", "babel", "requests", "httpx", "rest_framework")
#: The parts of the app that start-up imports, the admin aside; of some, one small module.
NEEDED = (
    *(
        ".adapters",
        ".api_versions",
        ".apps",
        ".checks",
        ".conf",
        ".csp",
        ".exceptions",
        ".legal_links",
        ".models",
        ".next_actions",
    ),
    *(".money", ".operations.malformed", ".origins", ".readers"),
    *(".operations.missing", ".params.versions", ".placeholders", ".states", ".telemetry.logs", ".thresholds"),
)
#: What Django's admin adds, and the modules that build its pages, which it does not.
ADMIN = (".admin", ".pages.responses", ".stripe_api.time_limit")
PAGES = ("order_page", "order_rows", "order_tables", "order_timeline", "dashboard", "export", "statistics_cache")
#: How many modules of the app are loaded, at most, in a site with and without the admin; each takes its time.
MOST = {True: 76, False: 49}

CODE = """
import sys
from django.conf import settings

apps = [f"django.contrib.{name}" for name in sys.argv[1].split()]
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
settings.configure(INSTALLED_APPS=[*apps, "django_checkout"], DATABASES={"default": database})

import django

django.setup()
print(*sys.modules)
"""


def loaded(*, with_admin):
    apps = "admin auth contenttypes messages sessions" if with_admin else "auth contenttypes"
    done = subprocess.run([sys.executable, "-c", CODE, apps], capture_output=True, text=True, check=True)  # noqa: S603  # our own text
    return done.stdout.split()


def is_in(module, packages):
    return f"{module}.".startswith(tuple(f"{package}." for package in packages))


@pytest.mark.parametrize("with_admin", [True, False], ids=["admin", "no admin"])
def test_setup_imports_what_every_process_needs(with_admin):
    names = loaded(with_admin=with_admin)

    own = [name.removeprefix("django_checkout") for name in names if is_in(name, ["django_checkout"])]
    needed = (*NEEDED, *ADMIN) if with_admin else NEEDED
    packages = {name.rpartition(".")[0] for name in needed}
    assert [name for name in own if name and name not in packages and not is_in(name, needed)] == []
    assert len(own) <= MOST[with_admin]
    assert [name for name in names if is_in(name, LATER)] == []


def test_setup_does_not_import_what_builds_the_pages_of_the_admin():
    names = loaded(with_admin=True)

    assert "django_checkout.admin.orders" in names
    assert [page for page in PAGES if f"django_checkout.admin.{page}" in names] == []


def test_deferred_modules_are_those_that_the_type_checker_sees():
    deferred = import_module("django_checkout.admin.deferred")
    seen = {name for name, _ in imports("admin.deferred", types=True) if name.startswith("django_checkout.")}

    assert {getattr(deferred, name.rpartition(".")[2]).__name__ for name in seen} == seen
    assert {name.rpartition(".")[2] for name in seen} == deferred.PATHS.keys()
    assert not hasattr(deferred, "gateway")
