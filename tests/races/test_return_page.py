"""Shoppers come back to their pages while workers take the events about their sessions."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.models import WebhookEvent
from django_checkout.webhooks import registry, tasks
from tests.factories import HostOrderFactory
from tests.races.together import errors, together

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer"),
]


COMPLETED = "checkout.session.completed"


@pytest.mark.parametrize("is_handled", [True, False], ids=["handled by the site too", "in a batch"])
def test_pages_and_workers_process_each_event_once(
    is_handled, queue, recorder, stripe_emulator, deliver_events, monkeypatch
):
    handled = []
    if is_handled:
        handlers = [*registry.HANDLERS[COMPLETED], registry.Registered(lambda event: handled.append(event.id))]
        monkeypatch.setitem(registry.HANDLERS, COMPLETED, handlers)
    orders = [services.place(HostOrderFactory()) for _ in range(6)]
    for order in orders:
        stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    urls = [reverse("django_checkout:return", args=[make_token(order.pk, Purpose.STATUS)]) for order in orders]

    done = together(*(partial(Client().get, url) for url in urls), tasks.drain, tasks.drain)

    assert errors(done) == []
    assert [page.context["outcome"] for page in done[: len(orders)]] == ["paid"] * len(orders)
    while tasks.drain():
        pass
    assert set(WebhookEvent.objects.exclude(state="ignored").values_list("state", "error_code")) == {("processed", "")}
    assert recorder.names == ["order_paid"] * len(orders)
    assert len(handled) == len(set(handled)) == len(orders) * is_handled
