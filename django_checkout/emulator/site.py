"""The emulator that Django's views serve, with the settings of its site."""

from __future__ import annotations

import threading

from django.apps import apps

from django_checkout.emulator.emulator import Emulator

_lock = threading.Lock()
_emulator: Emulator | None = None


def get_emulator() -> Emulator | None:
    """Return the site's emulator, created on first use, or None unless the site allows one now.

    The ``AppConfig`` of the app that contains this module decides: its ``emulator_options()`` returns ``store``,
    ``webhook_url``, ``webhook_secret`` and ``webhook_version``, or None.
    """
    global _emulator
    read_options = getattr(apps.get_containing_app_config(__name__), "emulator_options", None)
    options = read_options() if read_options else None
    if options is None:
        return None
    with _lock:
        if _emulator is None:
            _emulator = Emulator(**options)
            _emulator.start_webhook_sender()
        return _emulator


def set_emulator(emulator: Emulator | None) -> Emulator | None:
    """Replace the site's emulator, and return the previous one: for tests."""
    global _emulator
    with _lock:
        previous, _emulator = _emulator, emulator
        return previous
