"""The Django app: registers the system checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CheckoutConfig(AppConfig):
    """The app's configuration; ``ready`` does not import ``stripe``."""

    name = "django_checkout"
    label = "django_checkout"
    verbose_name = _("Checkout")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_checkout import checks  # noqa: F401
        from django_checkout.models.relations import connect_deletions
        from django_checkout.telemetry import logs

        connect_deletions()
        logs.install()

    def emulator_options(self) -> dict[str, str] | None:
        """Return the options of the emulator that the site serves, or None unless the settings allow one."""
        from django_checkout.conf import conf
        from django_checkout.webhooks.local import own_webhook_secret, own_webhook_url

        if not conf.CHECKOUT_EMULATOR or conf.has_live_key:
            return None
        return {
            "store": conf.CHECKOUT_EMULATOR_STORE,
            "webhook_url": own_webhook_url(),
            "webhook_secret": own_webhook_secret(),
            "webhook_version": conf.CHECKOUT_API_VERSION,
        }
