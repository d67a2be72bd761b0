from __future__ import annotations

import copy

import pytest
from django.core.management import call_command

from django_checkout import services, signals
from django_checkout.exceptions import CustomerNotFoundError, SubscriptionEndedError
from django_checkout.models import Customer, Payment, Subscription
from django_checkout.testing import post_event
from django_checkout.values import CheckoutOptions, LineData, OrderData
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

MONTH = 32 * 24 * 3600
TEA = LineData(name="Tea of the month", unit_amount_minor=1900, recurring_interval="month")


@pytest.fixture
def user(db):
    return UserFactory()


@pytest.fixture
def subscribed(user, pay):
    """An order of a monthly tea, paid by its first invoice."""
    order = services.place(OrderData(reference="S-1", currency="eur", lines=(TEA,), user=user))
    return pay(order)


def test_first_invoice_pays_the_order_and_is_not_a_renewal(recorder, subscribed):
    assert (subscribed.mode, subscribed.status, subscribed.paid_minor) == ("subscription", "paid", 1900)
    assert not subscribed.needs_attention
    assert recorder.names == ["order_paid"]
    assert subscribed.subscriptions.get().status == "active"


def test_user_becomes_a_customer_once(subscribed, user, stripe_emulator):
    second = services.place(OrderData(reference="S-2", currency="eur", lines=(TEA,), user=user))

    session = services.start(second)

    assert session.request["customer"] == Customer.objects.get().stripe_id
    assert "customer_email" not in session.request


def test_each_renewal_is_announced_once(recorder, subscribed, stripe_emulator, deliver_events):
    stripe_emulator.clock.advance(MONTH)
    deliver_events()
    stripe_emulator.clock.advance(MONTH)
    deliver_events()

    assert [sent["amount_minor"] for sent in recorder.arguments("subscription_renewed")] == [1900, 1900]
    assert {sent["subscription"] for sent in recorder.arguments("subscription_renewed")} == {
        subscribed.subscriptions.get()
    }
    assert recorder.names.count("order_paid") == 1


def test_trial_is_free_at_first(user, pay, recorder):
    data = OrderData(reference="S-3", currency="eur", lines=(TEA,), user=user, options=CheckoutOptions(trial_days=14))
    order = services.place(data)
    pay(order)
    assert (order.status, order.paid_minor, order.needs_attention) == ("paid", 0, False)
    assert order.subscriptions.get().status == "trialing"


def test_failed_renewal_is_announced(recorder, user, stripe_emulator, deliver_events, pay):
    order = services.place(OrderData(reference="S-4", currency="eur", lines=(TEA,), user=user))
    pay(order, card="4000000000000341")
    stripe_emulator.clock.advance(MONTH)
    deliver_events()

    assert order.subscriptions.get().status == "past_due"
    (sent,) = recorder.arguments("subscription_payment_failed")
    assert sent["subscription"] == order.subscriptions.get()
    assert "subscription_renewed" not in recorder.names


def test_subscription_canceled_at_period_end_ends_then(recorder, subscribed, stripe_emulator, deliver_events):
    subscription = services.cancel_subscription(subscribed.subscriptions.get())
    assert (subscription.status, subscription.is_canceled_at_period_end) == ("active", True)

    stripe_emulator.clock.advance(MONTH)
    deliver_events()

    assert Subscription.objects.get().status == "canceled"
    (sent,) = recorder.arguments("subscription_canceled")
    assert (sent["subscription"], sent["subscription"].status) == (Subscription.objects.get(), "canceled")


def test_renewal_that_arrives_before_its_subscription_names_it(recorder, subscribed, stripe_emulator, deliver_events):
    known = Subscription.objects.get()
    known.delete()
    stripe_emulator.chaos.lose(100, types="customer.subscription.*")
    stripe_emulator.clock.advance(MONTH)
    deliver_events()

    (sent,) = recorder.arguments("subscription_renewed")
    assert (sent["subscription"].stripe_id, sent["subscription"].order) == (known.stripe_id, subscribed)
    call_command("checkout_reconcile", "--fix", "--order", subscribed.reference)
    assert Subscription.objects.get().status == "active"


def test_retried_renewal_names_its_subscription(subscribed, stripe_emulator, deliver_events):
    received = []

    def fails_once(subscription, **kwargs):
        received.append(subscription)
        if len(received) == 1:
            raise RuntimeError

    signals.subscription_renewed.connect(fails_once)
    stripe_emulator.clock.advance(MONTH)
    deliver_events()

    services.deliver_pending(subscribed)

    assert received == [subscribed.subscriptions.get()] * 2


def test_subscription_is_canceled_at_once_and_only_once(recorder, subscribed, stripe_emulator, deliver_events):
    subscription = services.cancel_subscription(subscribed.subscriptions.get(), at_period_end=False)
    deliver_events()

    assert (subscription.status, recorder.names.count("subscription_canceled")) == ("canceled", 1)
    with pytest.raises(SubscriptionEndedError):
        services.cancel_subscription(subscription)


def test_portal_needs_a_customer(client, subscribed, user, stripe_emulator):
    with pytest.raises(CustomerNotFoundError):
        services.portal_url(UserFactory(), return_url="/")
    assert client.post("/checkout/portal/").status_code == 404

    client.force_login(user)
    answer = client.post("/checkout/portal/")

    assert answer.status_code == 303
    assert answer["Location"].startswith("http")


@pytest.mark.parametrize("reason", ["subscription_update", "subscription_threshold", "manual"])
def test_invoice_that_starts_no_period_is_not_a_renewal(reason, recorder, subscribed, stripe_emulator):
    (first,) = stripe_emulator.events("invoice.paid")
    for number, why in enumerate(("subscription_cycle", reason)):
        event = copy.deepcopy(first)
        event["id"] = f"evt_{number}"
        event["data"]["object"] |= {"id": f"in_{number}", "billing_reason": why, "amount_paid": 317}
        assert post_event(event).status_code == 200

    assert [sent["reason"] for sent in recorder.arguments("subscription_renewed")] == ["subscription_cycle"]


def test_failed_invoice_has_its_billing_reason(recorder, subscribed, stripe_emulator):
    event = copy.deepcopy(stripe_emulator.events("invoice.paid")[0]) | {"id": "evt_1", "type": "invoice.payment_failed"}
    event["data"]["object"] |= {"id": "in_1", "billing_reason": "subscription_update", "status": "open"}

    assert post_event(event).status_code == 200

    assert [sent["reason"] for sent in recorder.arguments("subscription_payment_failed")] == ["subscription_update"]


def test_portal_reaches_both_customers_of_two_concurrent_first_checkouts(user, client, stripe_emulator, deliver_events):
    orders = [services.place(OrderData(reference=f"S-{n}", currency="eur", lines=(TEA,), user=user)) for n in range(2)]
    for session in [services.start(order) for order in orders]:
        stripe_emulator.pay(session.stripe_id)
    deliver_events(rounds=3)

    customers = services.find_customer_ids(user)

    assert len(customers) == 2
    assert {row.customer_id for row in Subscription.objects.all()} == set(customers)
    assert services.find_customer_id(user) == customers[0]
    client.force_login(user)
    assert client.post("/checkout/portal/", {"customer": customers[1]}).status_code == 303
    (made,) = stripe_emulator.latest("billing_portal.session", 1)
    assert made["customer"] == customers[1]


def test_portal_of_another_users_customer_is_refused(user, subscribed, client, stripe_emulator):
    other = UserFactory()
    Customer.objects.create(user=other, livemode=False, stripe_id="cus_others")
    client.force_login(user)

    assert client.post("/checkout/portal/", {"customer": "cus_others"}).status_code == 404


def test_first_payment_of_a_subscription_can_be_refunded(stripe_emulator, deliver_events, recorder, pay):
    data = OrderData(reference="S-1", currency="eur", lines=(TEA,), user=UserFactory())
    order = services.place(data)
    pay(order)

    services.refund(order, 900)
    stripe_emulator.refund(Payment.objects.get().stripe_id, 1000)
    deliver_events()

    order.refresh_from_db()
    assert Payment.objects.get().stripe_id.startswith("pi_")
    assert (order.status, order.refunded_minor) == ("refunded", 1900)
