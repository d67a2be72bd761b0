from __future__ import annotations

from typing import Any

from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "tests.benchmarks.site"
    label = "benchmark_site"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect a receiver that writes one row of the site."""
        from django.db.models import F

        from django_checkout.models import Order
        from django_checkout.signals import order_paid
        from tests.host.models import HostOrder

        def fulfil(source: HostOrder, **arguments: Any) -> None:
            HostOrder.objects.filter(pk=source.pk).update(paid_times=F("paid_times") + 1)

        order_paid.connect(fulfil, sender=Order, weak=False)


class SaleConfig(SiteConfig):
    def ready(self) -> None:
        """Connect also a receiver that writes a row which all orders share, as shops do."""
        super().ready()
        from django.db.models import F

        from django_checkout.models import Order
        from django_checkout.signals import order_paid
        from tests.benchmarks.site.models import Stock

        def take(**arguments: Any) -> None:
            Stock.objects.update(left=F("left") - 1)

        order_paid.connect(take, sender=Order, weak=False)
