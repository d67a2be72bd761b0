"""Measures the admin's pages on the large shop of ``dataset``: ``python -m tests.benchmarks.admin_pages``.

Prints the median, fastest and slowest time and the number of queries of each page, as Django's test client sees them,
and exits with 1 if a page takes longer than 300 ms at the median or more than 25 queries.
``DATABASE_URL`` as for ``dataset``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.dataset import prepare, say

MAXIMUM_MILLISECONDS, MAXIMUM_QUERIES = 300, 25
#: The dashboard without its cached statistics.
COLD = "dashboard, uncached"
USERNAME = "admin-pages-benchmark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page takes at the median."""

    name: str
    milliseconds: float
    queries: int

    @property
    def is_good(self) -> bool:
        """Whether it is within the limits."""
        return self.milliseconds <= MAXIMUM_MILLISECONDS and self.queries <= MAXIMUM_QUERIES


def main() -> None:
    """Measure the pages and exit with 1 if one is too slow."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="how often each page is read (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the name, the median and the queries of each page here")
    options = parser.parse_args()
    prepare()
    client = sign_in()
    say(f"kept: at most {MAXIMUM_MILLISECONDS} ms at the median, and {MAXIMUM_QUERIES} queries")
    say(f"{'page':44} {'median':>8} {'fastest':>8} {'slowest':>8} {'queries':>8}")
    results = [measure(client, name, url, options.rounds) for name, url in pages()]
    if options.json:
        options.json.write_text(json.dumps([(page.name, page.milliseconds, page.queries) for page in results]))
        return
    sys.exit(0 if all(page.is_good for page in results) else 1)


def sign_in():
    """Return a client of a superuser, which is created if needed."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    values = {"is_staff": True, "is_superuser": True}
    user, _ = get_user_model().objects.get_or_create(username=USERNAME, defaults=values)
    client = Client()
    client.force_login(user)
    return client


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and URL of each page."""
    from django.urls import reverse

    from django_checkout.models import Dispute, Order, Payout, WebhookEvent

    orders, events = (reverse(f"admin:django_checkout_{name}_changelist") for name in ("order", "webhookevent"))
    newest = Order.objects.order_by("-pk").first()
    disputed = Order.objects.filter(pk=Dispute.objects.order_by("-pk").values("payment__order_id")[:1]).get()
    event = WebhookEvent.objects.order_by("-pk").first()
    payout = Payout.objects.order_by("-pk")[1]
    yield "order list", orders
    yield "order page", reverse("admin:django_checkout_order_change", args=[newest.pk])
    yield "order page, disputed", reverse("admin:django_checkout_order_change", args=[disputed.pk])
    yield "dashboard", reverse("admin:django_checkout_order_dashboard")
    yield COLD, reverse("admin:django_checkout_order_dashboard")
    yield "app index", reverse("admin:app_list", args=["django_checkout"])
    yield "order list, page 100", f"{orders}?p=100"
    yield "order list, paid", f"{orders}?status=paid"
    yield "order list, needs attention", f"{orders}?needs_attention__exact=1"
    yield "order list, disputed and paid", f"{orders}?disputed__exact=1&status=paid"
    yield "order list, test mode", f"{orders}?livemode__exact=0"
    yield "order list, by reference", f"{orders}?o=1"
    yield "order list, searched by reference", f"{orders}?q={newest.reference}"
    yield "order list, searched by beginning", f"{orders}?q=A-99"
    yield "order list, searched by address", f"{orders}?q={newest.email}"
    yield "event list", events
    yield "event list, failed", f"{events}?state=failed"
    yield "event list, by type", f"{events}?type=checkout.session.completed"
    yield "event list, searched", f"{events}?q={event.object_id}"
    yield "event page", reverse("admin:django_checkout_webhookevent_change", args=[event.pk])
    for model in ("checkoutsession", "payment", "refund", "dispute", "announcement", "discrepancy", "payout"):
        yield f"{model} list", reverse(f"admin:django_checkout_{model}_changelist")
    yield "payout page", reverse("admin:django_checkout_payout_change", args=[payout.pk])


def measure(client, name: str, url: str, rounds: int) -> Page:
    """Request a page repeatedly, print its times, and return them."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from django_checkout.admin import statistics_cache

    prepare_page = statistics_cache.clear if name == COLD else bool
    prepare_page()
    with CaptureQueriesContext(connection) as queries:
        response = client.get(url)
        count = len(queries)
    assert response.status_code == 200, f"{url}: {response.status_code}"
    taken = []
    for _ in range(rounds):
        prepare_page()
        started = time.perf_counter()
        client.get(url)
        taken.append(time.perf_counter() - started)
    median, fastest, slowest = (figure(taken) * 1000 for figure in (statistics.median, min, max))
    page = Page(name=name, milliseconds=median, queries=count)
    verdict = "  kept" if page.is_good else "  NOT KEPT"
    say(f"{name:44} {median:5.0f} ms {fastest:5.0f} ms {slowest:5.0f} ms {count:8}{verdict}")
    return page


if __name__ == "__main__":
    main()
