from __future__ import annotations

from tests.benchmarks.peers.common import SETTINGS

globals().update(SETTINGS)
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "djstripe"]
ROOT_URLCONF = "tests.benchmarks.peers.djstripe_site.urls"
STRIPE_LIVE_MODE = False
STRIPE_TEST_SECRET_KEY = "sk_test_00000000000000000000000000"
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
