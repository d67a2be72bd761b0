"""The settings of a second site, in a process of its own."""

from __future__ import annotations

import os

from tests.incidents.stripe_side import PATIENCE_SECONDS
from tests.settings import *  # noqa: F403

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["SECOND_SITE_DATABASE"],
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": PATIENCE_SECONDS},
    }
}
STRIPE_WEBHOOK_SECRETS = []
CHECKOUT_STRIPE_TIMEOUT_SECONDS = PATIENCE_SECONDS
