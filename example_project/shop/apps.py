"""The shop's Django configuration."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ShopConfig(AppConfig):
    """Thistle & Slip, a small shop that sells through django_checkout."""

    name = "example_project.shop"
    default_auto_field = "django.db.models.BigAutoField"
    label = "shop"
    verbose_name = _("Thistle & Slip")

    def ready(self) -> None:
        """Connect the receivers of django_checkout's signals."""
        from example_project.shop import receivers  # noqa: F401  (importing connects them)
