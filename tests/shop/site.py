"""The example project's settings, for tests that run it under tests.settings."""

from __future__ import annotations

from typing import Any

from example_project import settings as example


def shop_settings(base_url: str = "http://testserver") -> dict[str, Any]:
    """Return the settings for the shop at `base_url`, with the emulator."""
    return {
        "ROOT_URLCONF": "example_project.urls",
        "MIDDLEWARE": example.MIDDLEWARE,
        "TEMPLATES": example.TEMPLATES,
        "SHOP_CSP": example.SHOP_CSP,
        "LOGIN_URL": example.LOGIN_URL,
        "LOGIN_REDIRECT_URL": example.LOGIN_REDIRECT_URL,
        "LOGOUT_REDIRECT_URL": example.LOGOUT_REDIRECT_URL,
        "DEFAULT_FROM_EMAIL": example.DEFAULT_FROM_EMAIL,
        "CHECKOUT_ADAPTER": example.CHECKOUT_ADAPTER,
        "CHECKOUT_LEGAL_LINKS": example.CHECKOUT_LEGAL_LINKS,
        "CHECKOUT_SHOP_NAME": example.CHECKOUT_SHOP_NAME,
        "CHECKOUT_EMULATOR": True,
        "STRIPE_JS_URL": f"{base_url}/emulator/stripe.js",
        "CHECKOUT_BASE_URL": base_url,
    }
