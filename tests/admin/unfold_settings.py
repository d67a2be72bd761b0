"""The tests' settings with django-unfold's theme: ``pytest --ds=tests.admin.unfold_settings tests/admin``."""

from __future__ import annotations

from tests.settings import *  # noqa: F403  # the same project, in another theme

INSTALLED_APPS = ["unfold", *INSTALLED_APPS]  # noqa: F405
