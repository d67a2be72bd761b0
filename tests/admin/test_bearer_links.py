"""Staff who can only view see no link that lets its bearer pay or view an order."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.admin.factories import EventFactory, OrderFactory, SessionFactory

pytestmark = pytest.mark.django_db

BEARER = "B3arer"
LINK = f"https://pay.example/{BEARER}"


@pytest.fixture
def shown():
    """An open session and a failed event with links in all their fields."""
    order = OrderFactory()
    session = SessionFactory(order=order, status="open", url=LINK, recovery_url=LINK, live_for=order)
    about = {
        "id": session.stripe_id,
        "object": "checkout.session",
        "url": LINK,
        "hosted_invoice_url": LINK,
        "invoice_pdf": LINK,
        "receipt_url": LINK,
        "after_expiration": {"recovery": {"url": LINK}},
        "next_action": {"display_bank_transfer_instructions": {"hosted_instructions_url": LINK}},
    }
    event = EventFactory(state="failed", object_id=session.stripe_id, payload={"data": {"object": about}})
    return {"checkoutsession": session, "webhookevent": event, "order": order}


@pytest.mark.parametrize("model", ["checkoutsession", "webhookevent", "order"])
def test_no_admin_page_shows_a_bearer_link(model, viewer, shown):
    row = shown[model]
    page = viewer.get(reverse(f"admin:django_checkout_{model}_change", args=[row.pk]))
    listed = viewer.get(reverse(f"admin:django_checkout_{model}_changelist"))

    assert (page.status_code, listed.status_code) == (200, 200)
    assert shown["checkoutsession"].stripe_id in page.content.decode()
    assert BEARER not in page.content.decode() + listed.content.decode()


@pytest.mark.urls("tests.api.urls")
@pytest.mark.parametrize("name", ["staff-sessions", "staff-events"])
def test_no_api_list_shows_a_bearer_link(name, viewer, shown):
    pytest.importorskip("rest_framework")
    answer = viewer.get(reverse(f"django_checkout_api:{name}"))

    assert answer.status_code == 200
    assert shown["webhookevent"].object_id in answer.content.decode()
    assert BEARER not in answer.content.decode()
