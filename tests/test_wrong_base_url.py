"""A process with a wrong CHECKOUT_BASE_URL leaves the site's events alone, and they are processed once it is right."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import RequestFactory
from django.utils import timezone

from django_checkout import ledger, services
from django_checkout.models import Subscription, WebhookEvent
from django_checkout.operations import health
from django_checkout.operations.doctor.site import examine_backlog
from django_checkout.testing import post_event
from django_checkout.values import OrderData
from django_checkout.webhooks import handles, pending_work, registry
from tests.factories import HostOrderFactory, UserFactory
from tests.host.models import HostOrder
from tests.test_batch import store
from tests.test_subscriptions import MONTH, TEA

pytestmark = [pytest.mark.django_db, pytest.mark.core]

SHOP, WRONG = "https://shop.example", "https://shop.exmaple"


@pytest.fixture(autouse=True)
def shop(settings):
    settings.CHECKOUT_BASE_URL = SHOP


@pytest.fixture
def deliver(settings, stripe_emulator, deliver_events):
    """Return a function that delivers the events to a process with the wrong setting, one by one or as a batch."""

    def deliver(*, in_batch):
        settings.CHECKOUT_BASE_URL = WRONG
        if in_batch:
            store(stripe_emulator.events())
            pending_work.process_pending()
        else:
            deliver_events()
        settings.CHECKOUT_BASE_URL = SHOP

    return deliver


def ignored():
    rows = WebhookEvent.objects.filter(state="ignored").exclude(type="payment_intent.created")
    return set(rows.values_list("type", "error_code", "error_message"))


@pytest.mark.parametrize("in_batch", [False, True])
def test_events_are_processed_once_the_setting_is_corrected(stripe_emulator, recorder, deliver, in_batch):
    orders = [services.place(HostOrderFactory()) for _ in range(2)]
    for order in orders:
        stripe_emulator.pay(services.start(order).stripe_id, name="Ada Example")
    deliver(in_batch=in_batch)
    assert recorder.names == []
    assert ("checkout.session.completed", "other_site", SHOP) in ignored()

    call_command("checkout_process_events")

    assert recorder.names == ["order_paid", "order_paid"]
    for order in orders:
        order.refresh_from_db()
        assert (order.status, order.customer_details["name"]) == ("paid", "Ada Example")
    assert ignored() == set()


def test_refund_and_dispute_are_processed_once_the_setting_is_corrected(paid_order, stripe_emulator, deliver):
    WebhookEvent.objects.all().delete()
    stripe_emulator.refund(paid_order.kept_payment.stripe_id, 500)
    stripe_emulator.open_dispute(paid_order.kept_payment.stripe_id)
    deliver(in_batch=False)

    call_command("checkout_process_events")

    paid_order.refresh_from_db()
    assert (paid_order.refunded_minor, paid_order.disputed) == (500, True)


def test_fraud_warning_is_processed_once_the_setting_is_corrected(paid_order, stripe_emulator, deliver):
    stripe_emulator.warn_of_fraud(paid_order.kept_payment.stripe_id)
    deliver(in_batch=False)

    call_command("checkout_process_events")

    assert [item.code for item in paid_order.attention.all()] == ["fraud_warning"]


def test_thin_event_of_a_renewal_is_processed_once_the_setting_is_corrected(pay, stripe_emulator, recorder, settings):
    pay(services.place(OrderData(reference="S-1", currency="eur", lines=(TEA,), user=UserFactory())))
    stripe_emulator.clock.advance(MONTH)
    renewal = stripe_emulator.events("invoice.paid")[-1]["data"]["object"]["id"]
    settings.CHECKOUT_BASE_URL = WRONG
    related = {"id": renewal, "type": "invoice", "url": f"/v1/invoices/{renewal}"}
    body = {"id": "evt_1", "object": "v2.core.event", "type": "v1.invoice.paid", "livemode": False, "created": 1}
    assert post_event({**body, "related_object": related}).status_code == 200
    assert WebhookEvent.objects.get(stripe_id="evt_1").error_code == "other_site"
    settings.CHECKOUT_BASE_URL = SHOP

    call_command("checkout_process_events")

    assert recorder.names == ["order_paid", "subscription_renewed"]


def test_subscription_of_another_site_is_recognized_by_its_id(pay, stripe_emulator, settings):
    pay(services.place(OrderData(reference="S-1", currency="eur", lines=(TEA,), user=UserFactory())))
    names = {7: ["evt_1", Subscription.objects.get().stripe_id]}
    assert ledger.find_other_sites(names) == {}
    settings.CHECKOUT_BASE_URL = WRONG

    assert ledger.find_other_sites(names) == {7: SHOP}


def test_event_is_processed_although_stripe_does_not_respond_at_first(order, stripe_emulator, recorder, deliver):
    stripe_emulator.pay(services.start(order).stripe_id, name="Ada Example")
    deliver(in_batch=False)
    stripe_emulator.chaos.drop(50, when="before", match="GET /v1/checkout/sessions/*")
    pending_work.process_pending()
    assert recorder.names == []
    stripe_emulator.chaos.reset()

    pending_work.process_pending(ignores_backoff=True)

    order.refresh_from_db()
    assert (recorder.names, order.customer_details["name"]) == (["order_paid"], "Ada Example")


def test_session_that_the_wrong_process_started_is_its_own_once_its_url_is_a_former_one(
    order, stripe_emulator, deliver_events, recorder, settings
):
    settings.CHECKOUT_BASE_URL = WRONG
    session = services.start(order)
    settings.CHECKOUT_BASE_URL = SHOP
    stripe_emulator.pay(session.stripe_id)
    deliver_events()
    assert recorder.names == []

    settings.CHECKOUT_FORMER_BASE_URLS = [WRONG]
    call_command("checkout_process_events")

    assert recorder.names == ["order_paid"]


def test_copy_of_the_database_never_retries_and_keeps_nothing_of_the_shoppers(
    order, stripe_emulator, deliver_events, recorder, settings, stripe_requests
):
    stripe_emulator.pay(services.start(order).stripe_id, name="Ada Example", email="ada@shop.example")
    settings.CHECKOUT_BASE_URL = WRONG
    deliver_events()
    stripe_requests.clear()

    for _ in range(2):
        assert pending_work.process_pending(ignores_backoff=True, now=timezone.now() + timedelta(days=1)) == {}

    assert (recorder.names, stripe_requests) == ([], [])
    assert "Ada" not in str(list(WebhookEvent.objects.values_list("payload", flat=True)))


def test_handler_of_the_host_is_called_only_by_the_site_that_an_event_belongs_to(
    order, stripe_emulator, deliver, monkeypatch
):
    kind = "checkout.session.completed"
    monkeypatch.setitem(registry.HANDLERS, kind, [*registry.HANDLERS[kind]])
    called = []

    @handles(kind)
    def on_completed(event):
        called.append(event.object["customer_details"]["name"])

    stripe_emulator.pay(services.start(order).stripe_id, name="Ada Example")
    deliver(in_batch=False)
    assert called == []

    call_command("checkout_process_events")

    assert called == ["Ada Example"]


def test_health_says_that_a_process_with_another_setting_starts_sessions(db, stripe_emulator, settings):
    """Their events are ignored here for good, so this is the only sign once they have expired."""
    services.start(HostOrderFactory())
    settings.CHECKOUT_BASE_URL = WRONG
    services.start(HostOrderFactory())
    settings.CHECKOUT_BASE_URL = SHOP
    now = timezone.now()

    assert "base_urls_differ" not in health.read(now=now).reasons
    for later in (now + timedelta(minutes=6), now + timedelta(days=2)):
        assert "base_urls_differ" in health.read(now=later).reasons
    assert "base_urls_differ" not in health.read(now=now + timedelta(days=8)).reasons
    settings.CHECKOUT_FORMER_BASE_URLS = [WRONG]
    assert "base_urls_differ" not in health.read(now=now + timedelta(minutes=6)).reasons


def test_sessions_of_the_original_are_no_sign_of_another_setting(db, stripe_emulator, settings):
    settings.CHECKOUT_BASE_URL = ""
    services.start(HostOrderFactory(), request=RequestFactory().get("/"))
    for settings.CHECKOUT_BASE_URL in (SHOP, "https://staging.example"):
        services.start(HostOrderFactory())

    assert "base_urls_differ" not in health.read(now=timezone.now() + timedelta(hours=1)).reasons


def test_health_and_doctor_say_that_a_process_has_another_setting(order, stripe_emulator, deliver, settings):
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver(in_batch=False)
    assert health.read().reasons == ()

    later = timezone.now() + timedelta(minutes=5)
    assert health.read(now=later).reasons == ("base_urls_differ",)
    assert "D044" in {finding.id for finding in examine_backlog(later)}
    settings.CHECKOUT_BASE_URL = WRONG
    assert "base_urls_differ" not in health.read(now=later).reasons

    settings.CHECKOUT_BASE_URL = SHOP
    call_command("checkout_process_events")
    assert "base_urls_differ" not in health.read(now=later).reasons
    assert HostOrder.objects.count() == 1
