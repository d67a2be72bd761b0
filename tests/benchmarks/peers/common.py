"""The settings that the sites of the peers share with the floor; imported in their environments."""

from __future__ import annotations

from typing import Any

import environ

SECRET = "whsec_tests"
DATABASE: dict[str, Any] = environ.Env().db("DATABASE_URL") | {"CONN_MAX_AGE": None}
SETTINGS: dict[str, Any] = {
    "SECRET_KEY": "benchmarks only",
    "DEBUG": False,
    "USE_TZ": True,
    "ALLOWED_HOSTS": ["*"],
    "MIDDLEWARE": [],
    "DATABASES": {"default": DATABASE},
    "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
}
