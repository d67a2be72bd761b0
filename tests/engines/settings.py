"""A site with one of the queues of docs/queues.md: ENGINE says which, ENGINE_BROKER where its broker is."""

from __future__ import annotations

import os

from tests.engines.brokers import choose_url
from tests.engines.page import settings_of
from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.engines.apps.ReceiverConfig"]
if "ENGINE_DATABASE" in os.environ:
    DATABASES["default"]["NAME"] = os.environ["ENGINE_DATABASE"]

os.environ.setdefault("ENGINE_BROKER", choose_url(os.environ["ENGINE"]))
exec(settings_of(os.environ["ENGINE"], os.environ["ENGINE_BROKER"]))  # noqa: S102  # the page of the docs
