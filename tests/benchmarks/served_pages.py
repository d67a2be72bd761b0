"""Measures the pages that every shopper loads after paying, as a share of the floor in the same round."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from tests.benchmarks import webhook
from tests.benchmarks.report import Row
from tests.benchmarks.servers import load, serving
from tests.benchmarks.sizes import Sizes

SETTINGS = "tests.benchmarks.site.sale_settings"


def measure(sizes: Sizes) -> Iterator[Row]:
    """Yield the rows of this part."""
    from tests.benchmarks import databases

    found: dict[str, list[float]] = {"return page": [], "status": []}
    environment = {"BENCHMARK_STRIPE": "http://stripe.instant"}
    with (
        serving(webhook.APPLICATION, webhook.SETTINGS) as floor_server,
        serving(webhook.APPLICATION, SETTINGS, environment=environment) as server,
    ):
        for number in range(sizes.rounds + 1):
            floor = webhook.measure_floor(floor_server, sizes.events if number else webhook.WARM_UP)
            databases.empty()
            paths = _paths(sizes.events if number else webhook.WARM_UP)
            for name, urls in paths.items():
                result = load(server, "", urls, method="GET")
                assert result["statuses"] == {"200": len(urls)}, result["statuses"]
                if number:
                    found[name].append(len(urls) / result["seconds"] / floor)
    for name, ratios in found.items():
        yield Row(part="pages", name=name, value=statistics.median(ratios), unit="of the floor")


def _paths(orders: int) -> dict[str, list[str]]:
    """Return the pages of paid orders."""
    from django.urls import reverse

    from django_checkout.access.tokens import Purpose, make_token
    from django_checkout.models import Order
    from django_checkout.webhooks import pending_work
    from tests import backlog

    backlog.build(orders, state="received")
    pending_work.process_pending()
    tokens = [make_token(order, Purpose.STATUS) for order in Order.objects.filter(status="paid")]
    assert len(tokens) == orders
    return {
        "return page": [reverse("django_checkout:return", args=[token]) for token in tokens],
        "status": [reverse("django_checkout:status", args=[token]) for token in tokens],
    }
