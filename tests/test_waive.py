"""Pending notifications and failed events are waived with a note, or retried now, one or many at once."""

from __future__ import annotations

import sys

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.urls import reverse

from django_checkout import services, signals
from django_checkout.exceptions import NotPendingError
from django_checkout.models import Announcement, Order, WebhookEvent
from django_checkout.operations import health
from django_checkout.testing import post_event
from django_checkout.webhooks import inbox, pending_work
from tests.admin.conftest import staff_client
from tests.races.together import run_before

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    return staff_client("operator", "view_order", "view_announcement", "view_webhookevent", "operate_order")


@pytest.fixture
def broken():
    """A receiver of the host that raises until its list is emptied."""
    broken = [True]

    def receive(sender, **arguments):
        if broken:
            raise ZeroDivisionError

    signals.order_paid.connect(receive, sender=Order)
    yield broken
    signals.order_paid.disconnect(receive, sender=Order)


def act(client, model, action, *rows, **values):
    """Run an action on the list of a model, and return its messages."""
    response = client.post(
        reverse(f"admin:django_checkout_{model._meta.model_name}_changelist"),
        {"action": action, "_selected_action": [row.pk for row in rows], **values},
    )
    assert response.status_code == 303, response.content
    return [str(message) for message in get_messages(response.wsgi_request)][-1:]


@pytest.mark.core
def test_waived_notification_is_settled(paid_order_with_broken_receiver, recorder, deliver_events):
    order = paid_order_with_broken_receiver
    assert health.read().reasons == (health.Reason.PENDING,)
    pending = Announcement.objects.get(signal="order_paid")

    services.waive(pending, "The order was shipped by hand.")

    assert health.read().ok
    assert pending_work.process_pending()["notifications"] == 0
    pending.refresh_from_db()
    assert (pending.state, pending.note) == ("waived", "The order was shipped by hand.")
    with pytest.raises(NotPendingError):
        services.waive(pending, "Again.")
    services.refund(order, 500)
    assert "order_refunded" in recorder.names


@pytest.fixture
def paid_order_with_broken_receiver(order, broken, pay):
    return pay(order)


@pytest.mark.core
def test_refund_that_waited_for_a_waived_notification_is_announced(paid_order_with_broken_receiver, recorder):
    services.refund(paid_order_with_broken_receiver, 500)
    assert "order_refunded" not in recorder.names

    services.waive(Announcement.objects.get(signal="order_paid"), "Shipped by hand.")
    pending_work.process_pending()

    assert recorder.names.count("order_refunded") == 1


@pytest.mark.core
def test_waived_notification_can_be_delivered_by_hand(paid_order_with_broken_receiver, broken):
    pending = Announcement.objects.get(signal="order_paid")
    services.waive(pending, "Later.")
    broken.clear()

    assert services.deliver_again(pending)
    pending.refresh_from_db()
    assert pending.state == "announced"


@pytest.fixture
def failed_event(order, stripe_emulator, monkeypatch):
    """An event that failed because of our own fault."""
    stripe_emulator.pay(services.start(order).stripe_id)
    (delivery,) = [d for d in stripe_emulator.pending_deliveries() if b'"checkout.session.completed"' in d.body]
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["django_checkout.ledger.apply"], "_apply", lambda facts: 1 / 0)
        assert post_event(delivery.body, delivery.signature).status_code == 500
    return WebhookEvent.objects.get(state="failed")


@pytest.mark.core
def test_waived_event_is_settled(failed_event, stripe_emulator, order):
    assert health.read().reasons == (health.Reason.FAILED,)

    inbox.waive(failed_event, "Known fault.")

    assert health.read().ok
    assert pending_work.process_pending()["events"] == 0
    failed_event.refresh_from_db()
    assert (failed_event.state, failed_event.note) == ("waived", "Known fault.")
    with pytest.raises(NotPendingError):
        inbox.waive(failed_event, "Again.")
    order.refresh_from_db()
    assert order.status == "unpaid"


@pytest.mark.core
def test_waived_event_stays_waived_when_stripe_delivers_it_again(failed_event, stripe_emulator, order):
    inbox.waive(failed_event, "Known fault.")
    (delivery,) = [d for d in stripe_emulator.pending_deliveries() if d.event_id == failed_event.stripe_id]

    assert post_event(delivery.body, delivery.signature).status_code == 200

    failed_event.refresh_from_db()
    order.refresh_from_db()
    assert (failed_event.state, order.status) == ("waived", "unpaid")


def test_notifications_are_waived_in_bulk(paid_order_with_broken_receiver, operator):
    rows = list(Announcement.objects.all())

    assert act(operator, Announcement, "waive_selected", *rows) == [
        "Enter a note that gives the reason, then run the action again."
    ]
    assert act(operator, Announcement, "waive_selected", *rows, note="Shipped.") == ["Waived: 1."]

    row = Announcement.objects.get(signal="order_paid")
    assert (row.state, row.note, row.waived_by) == ("waived", "Shipped.", operator.user)
    assert LogEntry.objects.get(object_id=row.pk).get_change_message() == "Waived: Shipped."


def test_notifications_are_retried_in_bulk(paid_order_with_broken_receiver, operator, broken):
    rows = list(Announcement.objects.all())

    assert act(operator, Announcement, "retry_selected", *rows) == ["0 done, 1 failed again."]
    broken.clear()
    assert act(operator, Announcement, "retry_selected", *rows) == ["1 done, 0 failed again."]

    assert Announcement.objects.get(signal="order_paid").state == "announced"


def test_notification_that_is_delivered_meanwhile_is_not_delivered_again(
    paid_order_with_broken_receiver, operator, broken
):
    order = paid_order_with_broken_receiver
    delivered = []
    broken.clear()

    def receive(sender, **arguments):
        delivered.append(arguments["order"].reference)

    signals.order_paid.connect(receive, sender=Order)
    try:
        with run_before("django_checkout.services.notifications.check_site", lambda: services.deliver_pending(order)):
            said = act(operator, Announcement, "retry_selected", Announcement.objects.get())
    finally:
        signals.order_paid.disconnect(receive, sender=Order)

    assert (said, delivered) == (["1 done, 0 failed again."], [order.reference])


def test_events_are_waived_and_retried_in_bulk(failed_event, operator, order):
    assert act(operator, WebhookEvent, "retry_selected", failed_event) == ["1 done, 0 failed again."]
    order.refresh_from_db()
    assert order.status == "paid"
    WebhookEvent.objects.update(state="failed")

    assert act(operator, WebhookEvent, "waive_selected", failed_event, note="Known.") == ["Waived: 1."]
    failed_event.refresh_from_db()
    assert (failed_event.state, failed_event.waived_by) == ("waived", operator.user)


@pytest.mark.parametrize("action", ["retry_selected", "waive_selected"])
def test_viewer_can_neither_retry_nor_waive(action, paid_order_with_broken_receiver, broken):
    viewer = staff_client("viewer", "view_announcement")
    broken.clear()

    viewer.post(
        reverse("admin:django_checkout_announcement_changelist"),
        {"action": action, "_selected_action": [Announcement.objects.get().pk], "note": "No."},
    )

    assert Announcement.objects.get().state == "pending"


def test_notification_is_waived_on_its_page(paid_order_with_broken_receiver, operator):
    row = Announcement.objects.get(signal="order_paid")
    url = reverse("admin:django_checkout_announcement_operate", args=[row.pk, "waive"])

    assert operator.post(url, {"note": "Shipped."}).status_code == 303

    row.refresh_from_db()
    assert (row.state, row.note, row.waived_by) == ("waived", "Shipped.", operator.user)
    page = reverse("admin:django_checkout_announcement_change", args=[row.pk])
    # The first page also shows the message that it was waived.
    assert "Waived: Shipped." in operator.get(page).content.decode()
    assert "Shipped." in operator.get(page).content.decode()
