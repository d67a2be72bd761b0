"""What the admin's pages and operations use, imported by the first of them.

Django imports the ``ModelAdmin`` classes in every process, also in workers and commands that show no page. They
therefore reach services and what builds pages through this module: ``deferred.services.sync(order)``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django_checkout import services
    from django_checkout.admin import (
        dashboard,
        discrepancy_sides,
        export,
        kinds,
        order_page,
        order_rows,
        statistics_cache,
    )
    from django_checkout.operations import balances
    from django_checkout.reconcile import discrepancies, payouts, unlinked_sessions
    from django_checkout.services import refunds
    from django_checkout.webhooks import envelope, inbox, processing, registry

    __all__ = [
        "balances",
        "dashboard",
        "discrepancies",
        "discrepancy_sides",
        "envelope",
        "export",
        "inbox",
        "kinds",
        "order_page",
        "order_rows",
        "payouts",
        "processing",
        "refunds",
        "registry",
        "services",
        "statistics_cache",
        "unlinked_sessions",
    ]

else:
    _NAMES = {
        "django_checkout": ("services",),
        "django_checkout.admin": (
            "dashboard",
            "discrepancy_sides",
            "export",
            "kinds",
            "order_page",
            "order_rows",
            "statistics_cache",
        ),
        "django_checkout.operations": ("balances",),
        "django_checkout.reconcile": ("discrepancies", "payouts", "unlinked_sessions"),
        "django_checkout.services": ("refunds",),
        "django_checkout.webhooks": ("envelope", "inbox", "processing", "registry"),
    }
    PATHS = {name: f"{package}.{name}" for package, names in _NAMES.items() for name in names}

    def __getattr__(name):
        if name not in PATHS:
            raise AttributeError(name)
        module = globals()[name] = import_module(PATHS[name])
        return module
