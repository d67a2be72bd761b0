"""A copy of the database on the same Stripe account neither acts for the original site nor announces its payments."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_checkout import reconcile, services, signals
from django_checkout.exceptions import OtherSiteError, StripeUnansweredError
from django_checkout.models import Announcement, CheckoutSession, Order, WebhookEvent
from django_checkout.operations import health, remaining
from django_checkout.operations.doctor.site import examine_backlog
from django_checkout.webhooks import pending_work

pytestmark = [pytest.mark.django_db, pytest.mark.core]

SHOP, STAGING = "https://shop.example", "https://staging.example"


@pytest.fixture(autouse=True)
def shop(settings):
    settings.CHECKOUT_BASE_URL = SHOP


@pytest.fixture
def copied(settings):
    """Return a function that makes this installation a copy."""

    def copied(**changed):
        settings.CHECKOUT_BASE_URL = STAGING
        for name, value in changed.items():
            setattr(settings, name, value)

    return copied


def test_payment_at_the_original_site_is_not_announced_in_the_copy(
    order, stripe_emulator, deliver_events, recorder, copied
):
    session = services.start(order)
    copied()

    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    order.refresh_from_db()
    assert (order.status, recorder.names) == ("unpaid", [])
    assert WebhookEvent.objects.get(type="checkout.session.completed").error_code == "other_site"
    assert list(reconcile.run(fix=True).differences) == []
    assert recorder.names == []


def test_refund_of_the_original_site_is_not_announced_in_the_copy(
    paid_order, stripe_emulator, deliver_events, recorder, copied
):
    copied()

    stripe_emulator.refund(paid_order.kept_payment.stripe_id, 500)
    stripe_emulator.open_dispute(paid_order.kept_payment.stripe_id)
    deliver_events()

    paid_order.refresh_from_db()
    assert (paid_order.refunded_minor, paid_order.disputed) == (0, False)
    assert "order_refunded" not in recorder.names


def test_pending_notification_is_left_to_the_original_site(order, pay, recorder, copied, settings):
    def explode(sender, **arguments):
        raise ZeroDivisionError

    signals.order_paid.connect(explode, sender=Order)
    try:
        pay(order)
    finally:
        signals.order_paid.disconnect(explode, sender=Order)
    Announcement.objects.update(next_attempt_at=None)
    recorder.clear()
    copied()

    assert pending_work.process_pending(ignores_backoff=True)["notifications"] == 0
    assert health.read().reasons == (health.Reason.OTHER_SITE,)
    with pytest.raises(OtherSiteError):
        services.deliver_pending(order)
    with pytest.raises(OtherSiteError):
        services.deliver_again(Announcement.objects.get(signal="order_paid"))
    assert recorder.names == []

    settings.CHECKOUT_BASE_URL = SHOP
    pending_work.process_pending(ignores_backoff=True)
    assert recorder.names == ["order_paid"]


def test_copy_does_not_move_money(paid_order, stripe_emulator, copied, stripe_requests):
    stripe_emulator.chaos.drop(2, when="before", match="POST /v1/refunds")
    with pytest.raises(StripeUnansweredError):
        services.refund(paid_order, 500)
    refund = paid_order.kept_payment.refunds.get()
    copied()
    stripe_requests.clear()

    for call in (
        lambda: services.refund(paid_order, 600),
        lambda: services.resume_refund(refund),
        lambda: services.capture(paid_order),
        lambda: services.return_surplus(paid_order),
        lambda: services.sync(paid_order),
        lambda: services.accept(paid_order, "Fine."),
    ):
        with pytest.raises(OtherSiteError):
            call()
    assert pending_work.process_pending() == {}
    assert stripe_requests == []


def test_copy_starts_a_session_of_its_own_and_leaves_the_other_one_open(
    order, stripe_emulator, deliver_events, recorder, copied
):
    session = services.start(order)
    copied()

    own = services.start(order)

    assert stripe_emulator.get(session.stripe_id)["status"] == "open"
    assert (own.site_url, CheckoutSession.objects.get(pk=session.pk).status) == (STAGING, "failed")
    stripe_emulator.pay(session.stripe_id)
    deliver_events()
    assert recorder.names == []
    stripe_emulator.pay(own.stripe_id)
    deliver_events()
    assert recorder.names == ["order_paid"]


def test_copy_does_not_send_an_unanswered_request_of_the_other_site(order, stripe_emulator, copied):
    stripe_emulator.chaos.drop(2, when="before", match="POST /v1/checkout/sessions")
    with pytest.raises(StripeUnansweredError):
        services.start(order)
    copied()

    own = services.start(order)

    (created,) = stripe_emulator.latest("checkout.session", 10)
    assert (created["id"], created["metadata"]["checkout_session"]) == (own.stripe_id, str(own.uuid))


def test_copy_does_not_expire_sessions_of_the_other_site(order, host_order, stripe_emulator, copied, stripe_requests):
    services.start(order)
    copied()
    host_order.delete()
    stripe_requests.clear()

    pending_work.process_pending()

    assert stripe_requests == []


def test_copy_is_reported(order, stripe_emulator, copied):
    services.start(order)
    assert health.read().ok
    copied()

    assert health.read().reasons == (health.Reason.OTHER_SITE,)
    assert "D043" in {finding.id for finding in examine_backlog(timezone.now())}


def test_renamed_site_keeps_its_sessions(order, stripe_emulator, deliver_events, recorder, copied):
    session = services.start(order)
    copied(CHECKOUT_FORMER_BASE_URLS=[f"{SHOP}/"])

    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    assert recorder.names == ["order_paid"]
    assert health.read().ok


def test_sessions_from_before_the_site_was_stored_are_its_own(order, stripe_emulator, deliver_events, recorder, copied):
    session = services.start(order)
    CheckoutSession.objects.update(site_url="")
    Order.objects.update(site_url="")
    copied()

    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    assert recorder.names == ["order_paid"]


def test_attention_and_unanswered_sessions_are_left_to_the_original_site(order, stripe_emulator, copied):
    order.attention.create(code="disputed", fact="dp_1")
    order.attention.update(raised_at=timezone.now() - timedelta(days=4))
    stripe_emulator.chaos.drop(2, when="before", match="POST /v1/checkout/sessions")
    with pytest.raises(StripeUnansweredError):
        services.start(order)
    assert [alert.reason for alert in health.read().alerts] == ["attention_overdue"]
    assert {group.kind for group in remaining.find()} == {"orders", "sessions"}
    copied()

    assert [alert.reason for alert in health.read().alerts] == []
    assert remaining.find() == []
