"""The one emulator of a process that serves it: Django's views or the command."""

from __future__ import annotations

import threading

from django.urls import NoReverseMatch, reverse

from django_checkout.conf import EMULATOR_SECRET, conf

from .emulator import Emulator

_lock = threading.Lock()
_emulator: Emulator | None = None


def get_emulator() -> Emulator:
    """Return the emulator, made on first use from the site's settings, delivering to the site's own webhook."""
    global _emulator
    with _lock:
        if _emulator is None:
            secrets = conf.STRIPE_WEBHOOK_SECRETS
            _emulator = Emulator(
                store=conf.CHECKOUT_EMULATOR_STORE,
                webhook_url=own_webhook_url(),
                webhook_secret=secrets[0] if secrets else EMULATOR_SECRET,
            )
            _emulator.start_courier()
        return _emulator


def set_emulator(emulator: Emulator | None) -> Emulator | None:
    """Put another emulator in its place, and return the one that was there: for tests and the command."""
    global _emulator
    with _lock:
        before, _emulator = _emulator, emulator
        return before


def own_webhook_url() -> str:
    """Return where the site takes webhooks, or nothing where it does not."""
    try:
        path = reverse("django_checkout:webhook")
    except NoReverseMatch:
        return ""
    return f"{conf.base_url}{path}" if conf.base_url else ""
