"""The demo with the strictest values of Django's settings."""

from __future__ import annotations

from example_project.settings import *  # noqa: F403
from example_project.settings import MIDDLEWARE as DEMO_MIDDLEWARE

MIDDLEWARE = [*DEMO_MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
CSRF_USE_SESSIONS = True
CSRF_HEADER_NAME = "HTTP_X_SHOP_TOKEN"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_REFERRER_POLICY = "strict-origin"
USE_THOUSAND_SEPARATOR = True
