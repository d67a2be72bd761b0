from __future__ import annotations

from datetime import UTC, datetime

import pytest
import stripe

from django_checkout.emulator import ApiError
from django_checkout.emulator.reference.periods import end_of_period

from .conftest import event_types

DAY_SECONDS = 24 * 3600
MONTH = {
    "currency": "eur",
    "unit_amount": 900,
    "recurring": {"interval": "month"},
    "product_data": {"name": "Tea club"},
}
ONCE = {name: value for name, value in MONTH.items() if name != "recurring"}
LATER_FAILS = "4000000000000341"


@pytest.fixture
def subscribe(client, emulator):
    """Buy a subscription and return the completed session."""

    def buy(card="4242424242424242", **params):
        parameters = {
            "mode": "subscription",
            "line_items": [{"price_data": MONTH, "quantity": 1}],
            "success_url": "https://shop.example.com/",
            **params,
        }
        session = client.v1.checkout.sessions.create(parameters)
        emulator.pay(session.id, card)
        return client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription", "invoice"]})

    return buy


def test_a_paid_session_creates_a_subscription_with_a_paid_invoice(emulator, client, subscribe):
    session = subscribe(subscription_data={"metadata": {"order_id": "A-1"}})

    assert (session.payment_status, session.payment_intent) == ("paid", None)
    subscription, invoice = session.subscription, session.invoice
    assert (subscription.status, subscription.metadata["order_id"]) == ("active", "A-1")
    assert subscription["items"].data[0].price.unit_amount == 900
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == ("paid", 900, "subscription_create")
    assert invoice.parent.subscription_details.subscription == subscription.id
    assert invoice.parent.subscription_details.metadata["order_id"] == "A-1"
    assert subscription.latest_invoice == invoice.id
    payments = client.v1.invoice_payments.list({"invoice": invoice.id}).data
    assert isinstance(payments[0].payment.payment_intent, str)
    assert client.v1.invoice_payments.retrieve(payments[0].id).status == "paid"
    emitted = event_types(emulator)
    assert {"invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded"} <= set(emitted)
    assert emitted.index("customer.subscription.created") < emitted.index("checkout.session.completed")


def test_a_subscription_renews_each_period(emulator, client, subscribe):
    subscription = subscribe().subscription
    before = subscription["items"].data[0].current_period_end

    emulator.clock.advance(65 * DAY_SECONDS)

    renewed = client.v1.subscriptions.retrieve(subscription.id)
    invoices = client.v1.invoices.list({"subscription": subscription.id}).data
    assert renewed.status == "active"
    assert renewed["items"].data[0].current_period_end > before + 28 * DAY_SECONDS
    reasons = ["subscription_cycle", "subscription_cycle", "subscription_create"]
    assert [invoice.billing_reason for invoice in invoices] == reasons
    assert {invoice.status for invoice in invoices} == {"paid"}
    assert len(emulator.events("invoice.paid")) == 3


def test_a_card_that_fails_later_makes_the_subscription_past_due(emulator, client, subscribe):
    subscription = subscribe(LATER_FAILS).subscription

    emulator.clock.advance(32 * DAY_SECONDS)

    invoice = client.v1.invoices.list({"subscription": subscription.id}).data[0]
    assert client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    assert (invoice.status, invoice.amount_paid, invoice.attempt_count) == ("open", 0, 1)
    assert len(emulator.events("invoice.payment_failed")) == 1

    assert emulator.pay_invoice(invoice.id)["status"] == "open"
    assert emulator.pay_invoice(invoice.id, "4242424242424242")["status"] == "paid"
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
    with pytest.raises(ApiError, match="paid"):
        emulator.pay_invoice(invoice.id)


def test_a_subscription_is_canceled_at_its_period_end_or_resumed(emulator, client, subscribe):
    subscription = subscribe().subscription
    ending = client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (ending.status, ending.cancel_at) == ("active", subscription["items"].data[0].current_period_end)
    assert client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False}).cancel_at is None
    client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})

    emulator.clock.advance(32 * DAY_SECONDS)

    ended = client.v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.ended_at is not None) == ("canceled", True)
    assert len(emulator.events("customer.subscription.deleted")) == 1
    assert client.v1.subscriptions.list().data == []
    assert [found.id for found in client.v1.subscriptions.list({"status": "ended"}).data] == [subscription.id]
    assert [found.id for found in client.v1.subscriptions.list({"status": "all"}).data] == [subscription.id]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})


def test_a_subscription_is_canceled_at_once(client, emulator, subscribe):
    subscription = subscribe().subscription

    ended = client.v1.subscriptions.cancel(subscription.id)

    assert ended.status == "canceled"
    assert ended.cancellation_details.reason == "cancellation_requested"
    emulator.clock.advance(40 * DAY_SECONDS)
    assert len(client.v1.invoices.list({"subscription": subscription.id}).data) == 1


def test_a_trial_costs_nothing_until_it_ends(emulator, client, subscribe):
    session = subscribe(subscription_data={"trial_period_days": 14})

    assert (session.amount_total, session.payment_status) == (0, "no_payment_required")
    assert (session.subscription.status, session.invoice.amount_due) == ("trialing", 0)
    assert session.subscription.default_payment_method

    emulator.clock.advance(12 * DAY_SECONDS)
    assert len(emulator.events("customer.subscription.trial_will_end")) == 1

    emulator.clock.advance(3 * DAY_SECONDS)
    assert client.v1.subscriptions.retrieve(session.subscription.id).status == "active"
    assert client.v1.invoices.list({"subscription": session.subscription.id}).data[0].amount_paid == 900


@pytest.mark.parametrize(
    ("behavior", "status"), [("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")]
)
def test_a_trial_without_a_card_ends_as_configured(emulator, client, subscribe, behavior, status):
    trial = {"trial_period_days": 1, "trial_settings": {"end_behavior": {"missing_payment_method": behavior}}}
    session = subscribe(subscription_data=trial, payment_method_collection="if_required")
    assert session.subscription.default_payment_method is None

    emulator.clock.advance(2 * DAY_SECONDS)

    assert client.v1.subscriptions.retrieve(session.subscription.id).status == status


def test_what_is_due_happens_at_its_own_time(emulator, client, subscribe):
    subscription = subscribe().subscription
    renews = subscription["items"].data[0].current_period_end

    emulator.clock.advance(100 * DAY_SECONDS)

    renewal = client.v1.invoices.list({"subscription": subscription.id}).data[-2]
    assert (renewal.created, renewal.status_transitions.paid_at) == (renews, renews + 3600)


def test_a_repeating_discount_applies_to_renewals(emulator, client, subscribe):
    client.v1.coupons.create({"id": "month", "percent_off": 50, "duration": "repeating", "duration_in_months": 2})
    subscription = subscribe(discounts=[{"coupon": "month"}]).subscription

    emulator.clock.advance(95 * DAY_SECONDS)

    invoices = client.v1.invoices.list({"subscription": subscription.id}).data
    assert [invoice.amount_paid for invoice in reversed(invoices)] == [450, 450, 900, 900]


def test_a_declined_card_creates_no_subscription(emulator, subscribe):
    session = subscribe("4000000000000002")

    assert (session.status, session.subscription, session.invoice) == ("open", None, None)


def test_a_subscription_is_created_after_3d_secure(emulator, subscribe):
    session = subscribe("4000002500003155")
    assert session.status == "open"

    assert emulator.authenticate(session.id).status == "paid"
    assert emulator.get(session.id)["subscription"]


@pytest.mark.parametrize(
    ("start", "interval", "count", "anchor", "end"),
    [
        ("2026-01-31", "month", 1, None, "2026-02-28"),
        ("2026-02-28", "month", 1, "2026-01-31", "2026-03-31"),
        ("2026-11-15", "month", 3, None, "2027-02-15"),
        ("2028-02-29", "year", 1, None, "2029-02-28"),
        ("2026-01-01", "week", 2, None, "2026-01-15"),
        ("2026-01-01", "day", 3, None, "2026-01-04"),
    ],
)
def test_periods_follow_the_calendar(start, interval, count, anchor, end):
    def seconds(day):
        return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())

    reached = end_of_period(
        seconds(start), {"interval": interval, "interval_count": count}, seconds(anchor) if anchor else None
    )
    assert reached == seconds(end)


def test_a_setup_session_saves_a_card_of_the_customer(emulator, client):
    customer = client.v1.customers.create({"email": "kim@example.com"})
    session = client.v1.checkout.sessions.create(
        {"mode": "setup", "currency": "eur", "customer": customer.id, "success_url": "https://shop.example.com/"}
    )

    assert emulator.pay(session.id, "4000000000000002").status == "declined"
    assert emulator.pay(session.id, "4000002500003155").status == "requires_action"
    assert emulator.authenticate(session.id, succeed=False).status == "declined"
    assert emulator.pay(session.id).status == "saved"

    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent"]})
    assert (done.status, done.payment_status, done.amount_total) == ("complete", "no_payment_required", None)
    assert isinstance(done.setup_intent, stripe.SetupIntent)
    assert done.setup_intent.status == "succeeded"
    kept = client.v1.customers.payment_methods.list(customer.id).data
    assert [(method.id, method.allow_redisplay) for method in kept] == [(done.setup_intent.payment_method, "always")]
    assert event_types(emulator).count("setup_intent.setup_failed") == 2


def test_a_payment_can_save_the_card(emulator, client):
    session = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price_data": ONCE, "quantity": 1}],
            "success_url": "https://shop.example.com/",
            "payment_intent_data": {"setup_future_usage": "off_session"},
        }
    )
    emulator.pay(session.id)

    customer = emulator.get(session.id)["customer"]
    kept = client.v1.payment_methods.list({"customer": customer}).data
    assert len(kept) == 1
    other = client.v1.customers.create()
    with pytest.raises(stripe.InvalidRequestError, match="already"):
        client.v1.payment_methods.attach(kept[0].id, {"customer": other.id})
    shown = client.v1.payment_methods.update(kept[0].id, {"allow_redisplay": "always", "metadata": {"a": "b"}})
    assert shown.allow_redisplay == "always"
    assert client.v1.payment_methods.detach(kept[0].id).customer is None
    assert client.v1.payment_methods.list({"customer": customer}).data == []
    with pytest.raises(stripe.InvalidRequestError, match="not attached"):
        client.v1.payment_methods.detach(kept[0].id)


def test_an_invoice_is_created_for_a_single_payment_on_request(emulator, client):
    params = {
        "mode": "payment",
        "line_items": [{"price_data": ONCE, "quantity": 2}],
        "success_url": "https://shop.example.com/",
        "invoice_creation": {"enabled": True, "invoice_data": {"footer": "Thanks"}},
    }
    session = client.v1.checkout.sessions.create(params)
    emulator.pay(session.id)

    invoice = client.v1.invoices.retrieve(emulator.get(session.id)["invoice"], {"expand": ["payments"]})
    assert (invoice.status, invoice.amount_paid, invoice.footer, invoice.parent) == ("paid", 1800, "Thanks", None)
    assert len(invoice.payments.data) == 1
