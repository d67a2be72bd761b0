"""A site whose router keeps our tables in a separate database, and sends reads to an empty replica."""

from __future__ import annotations

import copy
import os
from pathlib import Path

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES as ONE_DATABASE
from tests.settings import INSTALLED_APPS as ONE_SITE

INSTALLED_APPS = [app for app in ONE_SITE if app != "example_project.shop"]
ROOT_URLCONF = "tests.routed.urls"
FOLDER = Path(os.environ["ROUTED_FOLDER"])


def _database(alias: str) -> dict:
    database = copy.deepcopy(ONE_DATABASE["default"])
    if database["ENGINE"].endswith("sqlite3"):
        database["NAME"] = database["TEST"]["NAME"] = str(FOLDER / f"{alias}.sqlite3")
        # The commands start with a connection that no test has used.
        database["OPTIONS"]["init_command"] = "PRAGMA synchronous=OFF;"
    else:
        database["NAME"] = f"{database['NAME']}_routed_{alias}"
    return database


# ATOMIC_REQUESTS on each, to detect a view that is exempt on one of them only.
DATABASES = {alias: _database(alias) | {"ATOMIC_REQUESTS": True} for alias in ("default", "payments", "replica")}
DATABASE_ROUTERS = ["tests.routed.settings.Router"]


class Router:
    """Routes our tables only; allows no relations, and no table in another database."""

    def db_for_read(self, model, **hints):
        return "replica" if model._meta.app_label == "django_checkout" else None

    def db_for_write(self, model, **hints):
        return "payments" if model._meta.app_label == "django_checkout" else None

    def allow_relation(self, one, other, **hints):
        ours = {row._meta.app_label == "django_checkout" for row in (one, other)}
        return False if len(ours) == 2 else None

    def allow_migrate(self, db, app_label, **hints):
        return db == ("payments" if app_label == "django_checkout" else "default")
