"""The settings of the site: no middleware, connections that stay open, and a Stripe that responds at once."""

from __future__ import annotations

import os
from importlib.util import find_spec

from tests.benchmarks.instant_stripe import API_BASE
from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS

ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.benchmarks.site.urls"
WSGI_APPLICATION = "tests.benchmarks.site.wsgi.application"
INSTALLED_APPS = [*INSTALLED_APPS, "tests.benchmarks.site.apps.SiteConfig"]
MIDDLEWARE = []
DATABASES["default"]["CONN_MAX_AGE"] = None
match os.environ.get("BENCHMARK_POOL"):
    case "pgbouncer":
        DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
    case "django":
        DATABASES["default"] |= {"CONN_MAX_AGE": 0, "OPTIONS": {"pool": True}}
STRIPE_API_BASE = API_BASE
CHECKOUT_PROCESS_EVENTS = os.environ.get("BENCHMARK_PROCESS_EVENTS", "inline")
# The events are drained by processes of the benchmark. Django 5.2 needs the package.
if find_spec("django.tasks"):
    TASKS = {"default": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}}
elif find_spec("django_tasks"):
    TASKS = {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}
