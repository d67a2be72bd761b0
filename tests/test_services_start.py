from __future__ import annotations

import pytest

from django_checkout import services
from django_checkout.models import CheckoutSession, WebhookEvent

pytestmark = [pytest.mark.django_db, pytest.mark.core]


def test_whole_purchase(order, stripe_emulator, deliver_events, heard):
    session = services.start(order)
    assert session.status == "open"
    assert session.url
    stripe_emulator.pay(session.stripe_id)
    attempts = deliver_events()
    assert {attempt.status for attempt in attempts} == {200}
    order.refresh_from_db()
    assert (order.status, order.paid_minor) == ("paid", 2000)
    assert heard == ["order_paid"]
    print([(e.type, e.state, e.error_code) for e in WebhookEvent.objects.all()], CheckoutSession.objects.get().__dict__)
