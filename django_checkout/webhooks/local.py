"""The URL and secret with which an emulator delivers to the site's own webhook."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse

from django_checkout.conf import EMULATOR_SECRET, conf


def own_webhook_secret() -> str:
    """Return the secret that an emulator signs with: the site's first one, or the emulator's own."""
    secrets = conf.STRIPE_WEBHOOK_SECRETS
    return secrets[0] if secrets else EMULATOR_SECRET


def own_webhook_url() -> str:
    """Return the URL of the site's webhook, or "" if it is not included or the site's address is unknown."""
    try:
        path = reverse("django_checkout:webhook")
    except NoReverseMatch:
        return ""
    return f"{conf.base_url}{path}" if conf.base_url else ""
