"""The settings of the site in a simulated sale: its pages, and a Stripe at another address."""

from __future__ import annotations

import os

from tests.benchmarks.site.settings import *  # noqa: F403
from tests.benchmarks.site.settings import INSTALLED_APPS
from tests.settings import MIDDLEWARE as ALL

INSTALLED_APPS = [name.replace("SiteConfig", "SaleConfig") for name in INSTALLED_APPS]
# The shoppers are no browsers.
MIDDLEWARE = [name for name in ALL if "Csrf" not in name]
STRIPE_API_BASE = os.environ["BENCHMARK_STRIPE"]
