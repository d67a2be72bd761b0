"""The Django app: registers the system checks and the built-in event handlers."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CheckoutConfig(AppConfig):
    """Django's entry to the app; ``ready`` imports what registers itself and nothing that imports ``stripe``."""

    name = "django_checkout"
    label = "django_checkout"
    verbose_name = _("Checkout")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_checkout import checks, handlers, logs  # noqa: F401
        from django_checkout.models.relations import watch_deletions

        watch_deletions()
        logs.install()
