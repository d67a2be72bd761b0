from __future__ import annotations

from unittest.mock import create_autospec
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from django_checkout import services, signals
from django_checkout.admin import order_operations
from django_checkout.admin.operations import describe_error
from django_checkout.exceptions import CheckoutError, StripeRefusedError, StripeUnavailableError
from django_checkout.models import Announcement, Order, Refund, WebhookEvent
from example_project.shop.html import parse
from tests.admin.conftest import staff_client
from tests.admin.factories import (
    AnnouncementFactory,
    AttentionFactory,
    EventFactory,
    OrderFactory,
    RefundFactory,
    make_paid_order,
)
from tests.amounts import money

pytestmark = pytest.mark.django_db

#: The operations that these tests cover: add yours with its test.
ORDER_OPERATIONS = ("sync", "deliver", "expire", "accept", "capture", "refund", "surplus", "finish", "credit", "cancel")


def test_every_operation_on_orders_is_covered():
    assert [operation.name for operation in order_operations.ORDER_OPERATIONS] == list(ORDER_OPERATIONS)


def url(row, name=""):
    if not name:
        return reverse(f"admin:django_checkout_{row._meta.model_name}_change", args=[row.pk])
    return reverse(f"admin:django_checkout_{row._meta.model_name}_operate", args=[row.pk, name])


def do(client, row, name, **values):
    """Post an operation and return its message."""
    response = client.post(url(row, name), values)
    assert (response.status_code, response["Location"]) == (303, url(row)), response
    return [str(message) for message in get_messages(response.wsgi_request)][-1:]


def refund_values(client, order, **values):
    """Return the fields of the refund form on the order page, updated with values."""
    page = parse(client.get(url(order)).content.decode())
    form = next(form for form in page.find_all("form") if form.attributes["action"] == url(order, "refund"))
    fields = {name: value for name, value in form.fields.items() if name != "csrfmiddlewaretoken"}
    return {**fields, **values}


def log_of(row):
    return [(entry.user.username, entry.get_change_message()) for entry in LogEntry.objects.filter(object_id=row.pk)]


def test_sync_records_a_payment_without_a_webhook(order, stripe_emulator, operator):
    stripe_emulator.pay(services.start(order).stripe_id)
    assert do(operator, order, "sync") == ["Synced with Stripe: the order is paid."]
    order.refresh_from_db()
    assert order.status == "paid"
    assert log_of(order) == [("operator", "Synced with Stripe: the order is paid.")]


def test_an_admin_action_is_in_the_timeline(order, stripe_emulator, operator):
    services.start(order)
    do(operator, order, "sync")
    page = parse(operator.get(url(order)).content.decode())
    lines = [line.text for line in page.find("ol", id="checkout-timeline").find_all("li")]
    assert lines[-1].endswith("· admin · operator · Synced with Stripe: the order is unpaid.")


def test_expire_expires_the_open_session(order, stripe_emulator, operator):
    session = services.start(order)
    assert do(operator, order, "expire") == [f"Expired the session {session.stripe_id}."]
    session.refresh_from_db()
    assert session.status == "expired"


def test_expire_reports_that_the_session_was_just_completed(order, stripe_emulator, operator):
    stripe_emulator.pay(services.start(order).stripe_id)
    assert do(operator, order, "expire") == ["The customer has just completed the session, so it was not expired."]


def test_expire_without_an_open_session_fails_with_a_message(order, operator):
    assert do(operator, order, "expire") == ["Expire open session failed: This order has no open session."]


def test_cancel_cancels_the_order(order, stripe_emulator, operator):
    services.start(order)
    assert do(operator, order, "cancel") == ["Canceled the order."]
    order.refresh_from_db()
    assert order.status == "canceled"


def test_cancel_of_a_paid_order_is_refused_and_logged(paid_order, operator):
    shown = do(operator, paid_order, "cancel")
    assert shown == ["Cancel order failed: The order has been paid; refund it instead."]
    assert log_of(paid_order) == [("operator", shown[0])]


@pytest.fixture
def authorized_order(order, pay, settings):
    settings.CHECKOUT_CAPTURE_METHOD = "manual"
    pay(order)
    assert order.status == "authorized"
    return order


@pytest.mark.parametrize(("typed", "paid_minor"), [("20.00", 2000), ("12.5", 1250)])
def test_capture_takes_the_full_amount_or_a_part(typed, paid_minor, authorized_order, operator):
    assert do(operator, authorized_order, "capture", amount=typed)[0].startswith(f"Captured {money(typed)}")
    authorized_order.refresh_from_db()
    assert (authorized_order.status, authorized_order.paid_minor) == ("paid", paid_minor)


def test_capture_of_more_than_authorized_is_not_requested(authorized_order, operator, no_stripe):
    response = operator.post(url(authorized_order, "capture"), {"amount": "20.01"})
    assert response.status_code == 200
    assert f"at most {money('20.00')}" in response.content.decode()


def test_refund_refunds_the_entered_amount(paid_order, merchant):
    values = refund_values(merchant, paid_order, amount="5.25", reason="duplicate")
    shown = do(merchant, paid_order, "refund", **values)
    refund = Refund.objects.get()
    assert shown == [f"Refunded {money('5.25')} ({refund.stripe_id})."]
    assert (refund.amount_minor, refund.reason, refund.asked_by) == (525, "duplicate", merchant.user)
    paid_order.refresh_from_db()
    assert (paid_order.status, paid_order.refunded_minor) == ("partially_refunded", 525)


def test_the_refund_form_offers_the_remaining_amount(paid_order, merchant):
    assert refund_values(merchant, paid_order)["amount"] == "20.00"
    do(merchant, paid_order, "refund", **refund_values(merchant, paid_order, amount="5"))
    assert refund_values(merchant, paid_order)["amount"] == "15.00"


def test_the_refund_form_subtracts_pending_refunds(merchant):
    order = make_paid_order()
    RefundFactory(payment=order.payments.get(), amount_minor=1000, status="pending")
    assert refund_values(merchant, order)["amount"] == "5.00"


def test_a_refund_form_submitted_twice_refunds_once(paid_order, merchant):
    values = refund_values(merchant, paid_order, amount="5")
    do(merchant, paid_order, "refund", **values)
    response = merchant.post(url(paid_order, "refund"), values)
    assert response.status_code == 200
    assert "The refunds of this order have changed" in response.content.decode()
    assert Refund.objects.count() == 1


def test_a_refused_refund_form_can_be_submitted_again(paid_order, merchant):
    values = refund_values(merchant, paid_order, amount="5")
    do(merchant, paid_order, "refund", **values)
    page = parse(merchant.post(url(paid_order, "refund"), values).content.decode())
    form = next(form for form in page.find_all("form") if form.attributes.get("action") == url(paid_order, "refund"))
    do(merchant, paid_order, "refund", **{**form.fields, "amount": "4"})
    assert [refund.amount_minor for refund in Refund.objects.order_by("pk")] == [500, 400]


@pytest.mark.parametrize("typed", ["0", "-1", "20.01", "1.234", "NaN", "1e3", "five", ""])
def test_an_invalid_amount_is_not_requested(typed, paid_order, merchant, no_stripe):
    response = merchant.post(url(paid_order, "refund"), refund_values(merchant, paid_order, amount=typed))
    assert response.status_code == 200
    assert not Refund.objects.exists()


def test_an_unknown_reason_is_not_requested(paid_order, merchant, no_stripe):
    response = merchant.post(url(paid_order, "refund"), refund_values(merchant, paid_order, reason="bored"))
    assert response.status_code == 200
    assert not Refund.objects.exists()


def test_a_refund_that_stripe_refuses_shows_the_error(paid_order, merchant, stripe_emulator):
    stripe_emulator.refund(paid_order.kept_payment.stripe_id)
    shown = do(merchant, paid_order, "refund", **refund_values(merchant, paid_order, amount="5"))
    assert shown[0].startswith("Refund failed: Stripe responded with 400 charge_already_refunded (request_id=req_")
    assert Refund.objects.get().status == "refused"


def test_an_unconfirmed_refund_is_resumed_and_not_repeated(paid_order, merchant, stripe_emulator):
    # The SDK makes two attempts: the first request is lost, then the response of the second.
    stripe_emulator.chaos.drop(when="before", match="POST /v1/refunds")
    stripe_emulator.chaos.drop(when="after", match="POST /v1/refunds")
    shown = do(merchant, paid_order, "refund", **refund_values(merchant, paid_order))
    assert shown == [
        (
            "Refund: unanswered. Stripe has not confirmed it. Do not repeat the refund at Stripe: "
            "checkout_process_events sends it again with the same key, and it cannot be made twice."
        )
    ]
    assert log_of(paid_order) == [("merchant", shown[0])]
    stripe_emulator.chaos.reset()
    assert do(merchant, paid_order, "finish")[0].endswith(" succeeded.")
    assert len(stripe_emulator.latest("refund", 10)) == 1
    paid_order.refresh_from_db()
    assert paid_order.status == "refunded"


def test_a_refund_of_the_same_amount_is_confirmed_first(paid_order, merchant):
    assert "again" not in refund_values(merchant, paid_order)
    do(merchant, paid_order, "refund", **refund_values(merchant, paid_order, amount="5"))
    values = refund_values(merchant, paid_order, amount="5")
    values.pop("again", None)

    response = merchant.post(url(paid_order, "refund"), values)

    assert response.status_code == 200
    assert "The same amount was refunded within the last hour" in response.content.decode()
    assert len(Refund.objects.all()) == 1
    assert do(merchant, paid_order, "refund", **values, again="on")[0].startswith(f"Refunded {money('5.00')}")
    paid_order.refresh_from_db()
    assert paid_order.refunded_minor == 1000


def test_a_refund_of_another_amount_needs_no_confirmation(paid_order, merchant):
    do(merchant, paid_order, "refund", **refund_values(merchant, paid_order, amount="5"))
    values = refund_values(merchant, paid_order, amount="6")
    values.pop("again", None)

    assert do(merchant, paid_order, "refund", **values)[0].startswith(f"Refunded {money('6.00')}")


def test_a_surplus_payment_is_refunded(doubly_paid_order, merchant):
    assert do(merchant, doubly_paid_order, "surplus") == ["Refunded 1 surplus payment."]
    assert Refund.objects.get().payment_id != doubly_paid_order.kept_payment_id


def test_an_uncertain_surplus_payment_is_not_refunded(doubly_paid_order, merchant, stripe_emulator):
    stripe_emulator.open_dispute(doubly_paid_order.kept_payment.stripe_id)
    assert do(merchant, doubly_paid_order, "surplus")[0].startswith(
        "Refund surplus payments failed: nothing was refunded"
    )
    assert not Refund.objects.exists()


def test_accept_resolves_with_a_note_and_notifies_the_shop(order, stripe_emulator, deliver_events, operator, recorder):
    stripe_emulator.pay(services.start(order).stripe_id)
    Order.objects.filter(pk=order.pk).update(revision=2)
    deliver_events()
    assert "order_paid" not in recorder.names
    assert do(operator, order, "accept", note="Agreed by phone.") == ["Accepted: Agreed by phone."]
    item = order.attention.get()
    assert (item.resolved_by, item.note) == (operator.user, "Agreed by phone.")
    assert recorder.names[-1] == "order_paid"


def test_accept_needs_a_note(operator):
    order = make_paid_order()
    response = operator.post(url(order, "accept"), {"note": ""})
    assert response.status_code == 200
    assert order.attention.get().resolved_at is None


def test_pending_notifications_are_delivered(order, pay, operator):
    def fail(sender, **kwargs):
        raise ValueError

    signals.order_paid.connect(fail, sender=Order)
    pay(order)
    assert do(operator, order, "deliver") == ["0 of 1 pending notifications delivered."]
    signals.order_paid.disconnect(fail, sender=Order)
    assert do(operator, order, "deliver") == ["1 of 1 pending notifications delivered."]


def test_an_outage_of_stripe_is_shown_and_changes_nothing(order, stripe_emulator, operator, settings):
    services.start(order)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    shown = do(operator, order, "sync")
    assert shown == ["Sync with Stripe failed: Stripe did not respond."]
    assert log_of(order) == [("operator", shown[0])]


def test_a_missing_key_is_shown(order, stripe_emulator, operator, settings):
    services.start(order)
    settings.STRIPE_SECRET_KEY = ""
    assert "STRIPE_SECRET_KEY" in do(operator, order, "sync")[0]


def test_no_stripe_fails_on_a_request_to_stripe(operator, refusing_stripe):
    do(operator, make_paid_order(), "sync")
    assert refusing_stripe.requested


@pytest.mark.parametrize("name", ORDER_OPERATIONS)
def test_a_viewer_cannot_run_operations(name, viewer, no_stripe):
    order = make_paid_order()
    for response in (viewer.post(url(order, name)), viewer.get(url(order, name))):
        assert response.status_code == 403
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("name", ["refund", "surplus", "finish"])
def test_an_operator_cannot_refund(name, operator, no_stripe):
    assert operator.post(url(make_paid_order(), name), {"amount": "1"}).status_code == 403


def test_operating_requires_the_view_permission(no_stripe):
    blind = staff_client("blind", "operate_order", "refund_order")
    assert blind.post(url(make_paid_order(), "sync")).status_code == 403


def test_shoppers_are_redirected_to_the_login(no_stripe):
    response = Client().post(url(make_paid_order(), "sync"))
    assert response.status_code == 302
    assert "login" in response["Location"]


def test_a_post_without_a_csrf_token_is_refused(merchant, no_stripe):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(merchant.user)
    assert strict.post(url(make_paid_order(), "sync")).status_code == 403


def test_the_forms_on_the_page_have_csrf_tokens(merchant):
    page = parse(merchant.get(url(make_paid_order())).content.decode())
    forms = [form for form in page.find_all("form") if "/operate/" in form.attributes["action"]]
    assert forms
    for form in forms:
        assert form.attributes["method"] == "post"
        assert form.fields["csrfmiddlewaretoken"]


def test_a_get_request_runs_no_operation(merchant, no_stripe):
    assert merchant.get(url(make_paid_order(), "sync")).status_code == 405


def test_an_operation_has_its_own_form_page(merchant, no_stripe):
    response = merchant.get(url(make_paid_order(), "refund"))
    assert response.status_code == 200
    page = response.content.decode()
    assert 'value="15.00"' in page
    assert "<style" not in page


def test_the_form_page_of_an_impossible_operation_redirects_to_the_row(merchant, no_stripe):
    order = OrderFactory()
    response = merchant.get(url(order, "refund"))
    assert (response.status_code, response["Location"]) == (303, url(order))


def test_unknown_operations_and_rows_are_not_found(merchant, no_stripe):
    order = make_paid_order()
    assert merchant.post(url(order, "explode")).status_code == 404
    order.pk = 987654
    assert merchant.post(url(order, "sync")).status_code == 404


def test_the_list_syncs_several_orders_and_names_failures(stripe_emulator, order, operator, monkeypatch):
    stripe_emulator.pay(services.start(order).stripe_id)
    broken = make_paid_order(reference="BROKEN")
    sync = services.sync

    def refuse_broken(row):
        if row == broken:
            raise StripeRefusedError("Stripe responded with 404")
        return sync(row)

    monkeypatch.setattr(services, "sync", create_autospec(sync, side_effect=refuse_broken))
    response = operator.post(
        reverse("admin:django_checkout_order_changelist"),
        {"action": "sync_with_stripe", "_selected_action": [order.pk, broken.pk]},
    )
    assert response.status_code == 303
    shown = [str(message) for message in get_messages(response.wsgi_request)]
    assert shown[0].startswith("BROKEN: Sync with Stripe failed: Stripe responded with 404")
    assert shown[1] == "Synced 1 order with Stripe."
    order.refresh_from_db()
    assert order.status == "paid"
    assert log_of(order)
    assert log_of(broken)


def test_the_list_syncs_a_limited_number_of_orders(operator, monkeypatch, no_stripe):
    monkeypatch.setattr("django_checkout.admin.orders.MAXIMUM_SYNCS", 2)
    orders = OrderFactory.create_batch(3)
    response = operator.post(
        reverse("admin:django_checkout_order_changelist"),
        {"action": "sync_with_stripe", "_selected_action": [order.pk for order in orders]},
    )
    shown = [str(message) for message in get_messages(response.wsgi_request)]
    assert shown == [
        "Synced 2 orders with Stripe.",
        "Only the first 2 orders were synced. Run checkout_reconcile to sync more.",
    ]


def test_the_list_offers_no_sync_to_a_viewer(viewer, no_stripe):
    order = OrderFactory()
    page = viewer.get(reverse("admin:django_checkout_order_changelist")).content.decode()
    assert "sync_with_stripe" not in page
    viewer.post(
        reverse("admin:django_checkout_order_changelist"),
        {"action": "sync_with_stripe", "_selected_action": [order.pk]},
    )
    assert not LogEntry.objects.exists()


def test_a_session_can_be_synced_and_expired(order, stripe_emulator, operator):
    session = services.start(order)
    assert do(operator, session, "sync") == ["Synced with Stripe: the session is open."]
    assert do(operator, session, "expire") == ["The session is expired."]
    assert len(log_of(session)) == 2


def test_an_event_can_be_processed_again(paid_order, operator):
    event = WebhookEvent.objects.get(type="checkout.session.completed")
    assert do(operator, event, "replay") == ["Processed checkout.session.completed again: processed."]
    assert log_of(event)
    event.refresh_from_db()
    assert event.attempts == 2


def test_an_unrelated_event_stays_ignored(operator):
    event = EventFactory(type="customer.created", state="ignored")
    assert do(operator, event, "replay") == ["Processed customer.created again: ignored unhandled_type."]


def test_an_event_that_fails_again_stays_failed(operator):
    ours = {"id": "cs_test_1", "status": "on_the_moon", "metadata": {"checkout_session": str(uuid4())}}
    event = EventFactory(state="failed", payload={"data": {"object": ours}})

    shown = do(operator, event, "replay")
    assert shown[0].startswith("Process again failed:")
    event.refresh_from_db()
    assert event.state == "failed"


def test_an_error_of_the_hosts_handler_is_shown_by_its_class_only(operator, monkeypatch):
    def explode(row):
        raise LookupError("kim@example.com")

    monkeypatch.setattr("django_checkout.webhooks.processing.replay", explode)
    shown = do(operator, EventFactory(), "replay")
    assert shown == ["Process again failed: a handler raised LookupError. The event stays failed and is retried."]


def test_a_viewer_cannot_process_an_event_again(viewer):
    event = EventFactory()
    assert viewer.post(url(event, "replay")).status_code == 403
    assert "Process again" not in viewer.get(url(event)).content.decode()


def test_an_error_of_stripe_names_its_request_once():
    assert describe_error(StripeUnavailableError("No answer.", request_id="req_1")) == "No answer. (req_1)"
    assert describe_error(StripeRefusedError("400 (request_id=req_1)", request_id="req_1")) == "400 (request_id=req_1)"
    assert describe_error(CheckoutError("Refused.")) == "Refused."


def test_open_attention_and_pending_notifications_have_buttons(operator):
    order = OrderFactory()
    AttentionFactory(order=order)
    AnnouncementFactory(order=order, state="pending")
    page = operator.get(url(order)).content.decode()
    assert url(order, "accept") in page
    assert url(order, "deliver") in page


def test_a_notification_is_delivered_again_and_logged(paid_order, operator, viewer, recorder):
    row = Announcement.objects.get(signal="order_paid")
    url = reverse("admin:django_checkout_announcement_operate", args=[row.pk, "deliver"])
    assert viewer.post(url).status_code == 403
    assert recorder.names == []

    page = operator.post(url, follow=True).content.decode()

    assert recorder.names == ["order_paid"]
    assert "Delivered order_paid again." in page
    entry = LogEntry.objects.get(object_id=str(row.pk))
    assert (entry.user, entry.get_change_message()) == (operator.user, "Delivered order_paid again.")
