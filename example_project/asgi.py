"""The ASGI application of the example project."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")
# Under ASGI, the webhook can wait for Stripe without holding a thread.
os.environ.setdefault("CHECKOUT_ASYNC_WEBHOOK", "True")

application = get_asgi_application()
