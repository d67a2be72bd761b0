"""Subscriptions that the API creates and changes: items, trials, prorations, pauses, previews."""

from __future__ import annotations

import pytest
import stripe

from .conftest import event_types

DAY_SECONDS = 24 * 3600
URL = "https://shop.example.com/"


@pytest.fixture
def customer(client):
    """A customer."""
    return client.v1.customers.create({"email": "kim@example.com"}).id


@pytest.fixture
def save_card(client, emulator, customer):
    """Save a test card of the customer and return its id."""

    def save(card="4242424242424242"):
        params = {"mode": "setup", "currency": "eur", "customer": customer, "success_url": URL}
        emulator.pay(client.v1.checkout.sessions.create(params).id, card)
        return client.v1.payment_methods.list({"customer": customer}).data[0].id

    return save


@pytest.fixture
def make_price(client):
    """Create a recurring price and return its id."""

    def make(amount=1000, interval="month"):
        params = {"currency": "eur", "unit_amount": amount, "product_data": {"name": f"Club {amount}"}}
        return client.v1.prices.create({**params, "recurring": {"interval": interval}}).id

    return make


@pytest.fixture
def subscribe(client, customer, make_price, save_card):
    """Create a subscription with a saved card."""

    def create(amount=1000, card="4242424242424242", interval="month", quantity=1, **params):
        items = [{"price": make_price(amount, interval), "quantity": quantity}]
        method = {"default_payment_method": save_card(card)} if card else {}
        return client.v1.subscriptions.create({"customer": customer, "items": items, **method, **params})

    return create


def latest(client, subscription):
    """Return the latest invoice of a subscription."""
    found = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    return found.latest_invoice


def test_a_subscription_is_created_and_paid_with_a_saved_card(emulator, client, subscribe):
    subscription = subscribe(quantity=2, metadata={"order_id": "A-1"})

    assert (subscription.status, subscription.metadata["order_id"]) == ("active", "A-1")
    invoice = latest(client, subscription)
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == ("paid", 2000, "subscription_create")
    item = subscription["items"].data[0]
    assert invoice.lines.data[0].parent.subscription_item_details.subscription_item == item.id
    emulator.clock.advance(32 * DAY_SECONDS)
    assert [one.billing_reason for one in client.v1.invoices.list().data] == [
        "subscription_cycle",
        "subscription_create",
    ]


def test_a_subscription_without_a_payment_method_is_refused(subscribe):
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source or default payment method"):
        subscribe(card=None)


def test_a_subscription_waits_for_its_first_payment(emulator, client, subscribe):
    subscription = subscribe(
        card=None, payment_behavior="default_incomplete", expand=["latest_invoice.confirmation_secret"]
    )

    assert (subscription.status, subscription.latest_invoice.status) == ("incomplete", "open")
    assert subscription.latest_invoice.confirmation_secret.client_secret.startswith("pi_")
    emulator.clock.advance(23 * 3600 + 1)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "incomplete_expired"
    assert latest(client, subscription).status == "void"


@pytest.mark.parametrize("behavior", ["allow_incomplete", "error_if_incomplete"])
def test_a_declined_first_payment(client, customer, subscribe, behavior):
    if behavior == "error_if_incomplete":
        with pytest.raises(stripe.CardError):
            subscribe(card="4000000000000341", payment_behavior=behavior)
        assert client.v1.subscriptions.list({"status": "all"}).data == []
        return
    subscription = subscribe(card="4000000000000341", payment_behavior=behavior)

    assert (subscription.status, latest(client, subscription).attempt_count) == ("incomplete", 1)


def test_a_first_invoice_that_is_paid_later_activates_the_subscription(emulator, client, subscribe, save_card):
    subscription = subscribe(card="4000000000000341")

    client.v1.invoices.pay(subscription.latest_invoice, {"payment_method": save_card()})

    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
    emulator.clock.advance(32 * DAY_SECONDS)
    assert len(client.v1.invoices.list({"subscription": subscription.id}).data) == 2


def test_a_trial_needs_no_card_until_it_ends(emulator, client, subscribe):
    subscription = subscribe(card=None, trial_period_days=7)

    assert (subscription.status, latest(client, subscription).total) == ("trialing", 0)
    emulator.clock.advance(8 * DAY_SECONDS)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "past_due"


def test_a_trial_is_ended_at_once(client, subscribe):
    subscription = subscribe(trial_period_days=7)

    changed = client.v1.subscriptions.update(subscription.id, {"trial_end": "now"})

    assert changed.status == "active"
    assert latest(client, subscription).amount_paid == 1000


@pytest.mark.parametrize(("behavior", "status"), [("pause", "paused"), ("cancel", "canceled")])
def test_a_trial_that_is_ended_without_a_card_pauses_or_cancels(emulator, client, subscribe, behavior, status):
    subscription = subscribe(
        card=None,
        trial_period_days=7,
        trial_settings={"end_behavior": {"missing_payment_method": behavior}},
    )

    changed = client.v1.subscriptions.update(subscription.id, {"trial_end": "now", "metadata": {"a": "b"}})

    name = {"paused": "customer.subscription.paused", "canceled": "customer.subscription.deleted"}[status]
    (event,) = emulator.events(name)
    assert (changed.status, changed.trial_end) == (status, emulator.clock.now())
    assert event["data"]["object"]["metadata"] == {"a": "b"}


def test_a_trial_is_extended(emulator, client, subscribe):
    subscription = subscribe(trial_period_days=7)
    end = subscription.trial_end + 7 * DAY_SECONDS

    changed = client.v1.subscriptions.update(subscription.id, {"trial_end": end})

    assert (changed.status, changed["items"].data[0].current_period_end) == ("trialing", end)
    emulator.clock.advance(8 * DAY_SECONDS)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "trialing"
    emulator.clock.advance(7 * DAY_SECONDS)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_a_new_price_is_prorated_on_the_next_invoice(emulator, client, subscribe, make_price):
    subscription = subscribe(3000)
    item = subscription["items"].data[0]
    half = (item.current_period_end - item.current_period_start) // 2
    emulator.clock.advance(half)
    change = {"items": [{"id": item.id, "price": make_price(6000)}], "proration_date": item.current_period_start + half}

    client.v1.subscriptions.update(subscription.id, change)

    items = client.v1.invoice_items.list({"pending": True}).data
    assert sorted(found.amount for found in items) == [-1500, 3000]
    assert {found.proration for found in items} == {True}
    assert items[-1].description.startswith("Unused time on Club 3000 after ")
    emulator.clock.advance(half + DAY_SECONDS)
    assert latest(client, subscription).total == 6000 + 1500


@pytest.mark.parametrize(("behavior", "billed"), [("always_invoice", 1500), ("none", 3000)])
def test_proration_behavior(emulator, client, subscribe, make_price, behavior, billed):
    subscription = subscribe(3000)
    item = subscription["items"].data[0]
    half = (item.current_period_end - item.current_period_start) // 2
    emulator.clock.advance(half)
    change = {
        "items": [{"id": item.id, "price": make_price(6000)}],
        "proration_behavior": behavior,
        "proration_date": item.current_period_start + half,
    }

    client.v1.subscriptions.update(subscription.id, change)

    assert latest(client, subscription).amount_paid == billed
    assert client.v1.invoice_items.list({"pending": True}).data == []


def test_another_interval_begins_a_new_period_and_is_invoiced_at_once(client, subscribe, make_price):
    subscription = subscribe(1000)
    item = subscription["items"].data[0]

    changed = client.v1.subscriptions.update(
        subscription.id, {"items": [{"id": item.id, "price": make_price(10000, "year")}]}
    )

    end = changed["items"].data[0].current_period_end
    assert end - changed.billing_cycle_anchor >= 365 * DAY_SECONDS
    assert latest(client, subscription).total == pytest.approx(9000, abs=1)


def test_items_are_added_changed_and_removed(client, subscribe, make_price):
    subscription = subscribe()
    added = client.v1.subscription_items.create(
        {"subscription": subscription.id, "price": make_price(500), "quantity": 2, "proration_behavior": "none"}
    )
    assert client.v1.subscription_items.retrieve(added.id).quantity == 2

    client.v1.subscription_items.update(added.id, {"quantity": 5, "metadata": {"a": "b"}})
    assert client.v1.subscription_items.list({"subscription": subscription.id}).data[1].quantity == 5
    assert client.v1.subscription_items.delete(added.id, {"proration_behavior": "none"}).deleted

    assert len(client.v1.subscriptions.retrieve(subscription.id)["items"].data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.subscription_items.delete(subscription["items"].data[0].id)


def test_a_preview_shows_the_next_invoice_and_changes_nothing(emulator, client, subscribe, make_price):
    subscription = subscribe(3000)
    item = subscription["items"].data[0]
    before = event_types(emulator)

    preview = client.v1.invoices.create_preview({"subscription": subscription.id})
    assert (preview.total, preview.status, preview.number) == (3000, "draft", None)
    details = {"items": [{"id": item.id, "price": make_price(6000)}], "proration_behavior": "always_invoice"}
    change = client.v1.invoices.create_preview({"subscription": subscription.id, "subscription_details": details})

    assert change.total == pytest.approx(3000, abs=1)
    assert [line.parent.subscription_item_details.proration for line in change.lines.data] == [True, True]
    assert client.v1.subscriptions.retrieve(subscription.id)["items"].data[0].price.unit_amount == 3000
    new = {"product.created", "price.created"}
    assert [name for name in event_types(emulator) if name not in new] == [name for name in before if name not in new]


def test_a_preview_of_a_new_subscription(client, customer, make_price):
    details = {"items": [{"price": make_price(700), "quantity": 2}]}

    preview = client.v1.invoices.create_preview({"customer": customer, "subscription_details": details})

    assert (preview.total, preview.amount_due) == (1400, 1400)
    assert client.v1.subscriptions.list().data == []


def test_a_subscription_that_ends_has_no_next_invoice(client, subscribe):
    subscription = subscribe(cancel_at_period_end=True)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.invoices.create_preview({"subscription": subscription.id})

    assert refused.value.code == "invoice_upcoming_none"


@pytest.mark.parametrize(
    ("behavior", "status"), [("keep_as_draft", "draft"), ("void", "void"), ("mark_uncollectible", "uncollectible")]
)
def test_a_paused_collection(emulator, client, subscribe, behavior, status):
    subscription = subscribe()
    client.v1.subscriptions.update(subscription.id, {"pause_collection": {"behavior": behavior}})

    emulator.clock.advance(32 * DAY_SECONDS)

    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
    assert latest(client, subscription).status == status
    client.v1.subscriptions.update(subscription.id, {"pause_collection": ""})
    emulator.clock.advance(32 * DAY_SECONDS)
    assert latest(client, subscription).status == "paid"


def test_a_pause_ends_by_itself(emulator, client, subscribe):
    subscription = subscribe()
    resumes = emulator.clock.now() + DAY_SECONDS
    pause = {"behavior": "void", "resumes_at": resumes}
    client.v1.subscriptions.update(subscription.id, {"pause_collection": pause})

    emulator.clock.advance(2 * DAY_SECONDS)

    assert client.v1.subscriptions.retrieve(subscription.id).pause_collection is None


def test_a_subscription_is_canceled_at_a_time(emulator, client, subscribe):
    subscription = subscribe()
    client.v1.subscriptions.update(subscription.id, {"cancel_at": emulator.clock.now() + 5 * DAY_SECONDS})

    emulator.clock.advance(6 * DAY_SECONDS)

    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"


def test_a_discount_applies_as_long_as_its_coupon_says(emulator, client, subscribe):
    coupon = client.v1.coupons.create({"percent_off": 25, "duration": "repeating", "duration_in_months": 2})
    subscription = subscribe(discounts=[{"coupon": coupon.id}])
    assert len(subscription.discounts) == 1

    emulator.clock.advance(100 * DAY_SECONDS)

    totals = [invoice.total for invoice in client.v1.invoices.list({"subscription": subscription.id}).data]
    assert totals == [1000, 1000, 750, 750]
    assert client.v1.subscriptions.retrieve(subscription.id).discounts == []


def test_an_existing_subscription_gets_a_discount(emulator, client, subscribe):
    coupon = client.v1.coupons.create({"amount_off": 300, "currency": "eur", "duration": "forever"})
    subscription = subscribe()

    client.v1.subscriptions.update(subscription.id, {"discounts": [{"coupon": coupon.id}]})

    emulator.clock.advance(32 * DAY_SECONDS)
    assert latest(client, subscription).total == 700


def test_a_subscription_that_is_invoiced(emulator, client, subscribe):
    subscription = subscribe(card=None, collection_method="send_invoice", days_until_due=30)

    assert (subscription.status, latest(client, subscription).status) == ("active", "draft")
    emulator.clock.advance(2 * 3600)
    invoice = latest(client, subscription)
    assert (invoice.status, invoice.due_date - invoice.created) == ("open", 30 * DAY_SECONDS)
    assert "invoice.sent" in event_types(emulator)


def test_a_first_period_up_to_the_anchor_costs_its_share(emulator, client, subscribe):
    anchor = emulator.clock.now() + 10 * DAY_SECONDS

    subscription = subscribe(3000, billing_cycle_anchor=anchor)

    assert subscription["items"].data[0].current_period_end == anchor
    assert 800 < latest(client, subscription).total < 1200


def test_added_invoice_items_are_on_the_first_invoice(client, subscribe):
    fee = client.v1.prices.create({"currency": "eur", "unit_amount": 4900, "product_data": {"name": "Setup"}})

    subscription = subscribe(add_invoice_items=[{"price": fee.id}])

    assert latest(client, subscription).total == 5900


def test_taxes_of_a_subscription(emulator, client, subscribe):
    rate = client.v1.tax_rates.create({"display_name": "VAT", "percentage": 20, "inclusive": False})
    subscription = subscribe(default_tax_rates=[rate.id])

    emulator.clock.advance(32 * DAY_SECONDS)

    assert [invoice.total for invoice in client.v1.invoices.list({"subscription": subscription.id}).data] == [1200] * 2


def test_a_paused_subscription_is_resumed(emulator, client, subscribe, save_card):
    settings = {"end_behavior": {"missing_payment_method": "pause"}}
    subscription = subscribe(card=None, trial_period_days=3, trial_settings=settings)
    emulator.clock.advance(4 * DAY_SECONDS)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "paused"
    client.v1.subscriptions.update(subscription.id, {"default_payment_method": save_card()})

    resumed = client.v1.subscriptions.resume(subscription.id, {"billing_cycle_anchor": "now"})

    assert resumed.status == "active"
    assert latest(client, subscription).amount_paid == 1000
    assert event_types(emulator)[-1] == "customer.subscription.resumed"


@pytest.fixture
def paused(emulator, client, subscribe, save_card):
    """A subscription that is paused after a trial of a day, and has a card since, a day later."""
    settings = {"end_behavior": {"missing_payment_method": "pause"}}
    subscription = subscribe(card=None, trial_period_days=1, trial_settings=settings)
    emulator.clock.advance(2 * DAY_SECONDS)
    return client.v1.subscriptions.update(subscription.id, {"default_payment_method": save_card()})


def test_a_resumed_cycle_that_continues_is_prorated_at_the_next_renewal(client, paused):
    resumed = client.v1.subscriptions.resume(paused.id, {"billing_cycle_anchor": "unchanged"})

    assert (resumed.status, resumed.billing_cycle_anchor) == ("active", paused.billing_cycle_anchor)
    (item,) = client.v1.invoice_items.list({"customer": paused.customer, "pending": True}).data
    end = resumed["items"].data[0].current_period_end
    assert (item.proration, item.period.end) == (True, end)
    assert 900 < item.amount < 1000
    assert latest(client, paused).billing_reason == "subscription_create"


def test_a_resumed_cycle_is_prorated_from_the_asked_time_and_invoiced_at_once(client, paused):
    asked = {"billing_cycle_anchor": "unchanged", "proration_behavior": "always_invoice"}
    at = paused.billing_cycle_anchor + 15 * DAY_SECONDS

    resumed = client.v1.subscriptions.resume(paused.id, {**asked, "proration_date": at})

    end = resumed["items"].data[0].current_period_end
    invoice = latest(client, paused)
    assert (invoice.status, invoice.billing_reason) == ("paid", "subscription_update")
    assert invoice.total == 1000 * (end - at) // (end - paused.billing_cycle_anchor)


def test_a_cycle_is_resumed_without_proration_on_request(client, paused):
    asked = {"billing_cycle_anchor": "unchanged", "proration_behavior": "none"}

    assert client.v1.subscriptions.resume(paused.id, asked).status == "active"

    assert client.v1.invoice_items.list({"customer": paused.customer}).data == []


@pytest.mark.parametrize(("action", "status"), [("mark_uncollectible", "active"), ("void_invoice", "paused")])
def test_a_refused_resumption_invoice_decides_by_how_it_is_closed(client, paused, action, status):
    refused = client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": paused.customer})
    client.v1.subscriptions.update(paused.id, {"default_payment_method": refused.id})
    assert client.v1.subscriptions.resume(paused.id).status == "paused"

    getattr(client.v1.invoices, action)(latest(client, paused).id)

    assert client.v1.subscriptions.retrieve(paused.id).status == status


def test_a_confirmed_intent_pays_the_first_invoice_and_saves_the_card(emulator, client, subscribe):
    subscription = subscribe(
        card=None,
        payment_behavior="default_incomplete",
        payment_settings={"save_default_payment_method": "on_subscription"},
        expand=["latest_invoice.confirmation_secret"],
    )
    intent = subscription.latest_invoice.confirmation_secret.client_secret.partition("_secret_")[0]

    client.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa", "return_url": URL})

    active = client.v1.subscriptions.retrieve(subscription.id)
    assert (active.status, latest(client, subscription).status) == ("active", "paid")
    assert active.default_payment_method == client.v1.payment_methods.list({"customer": active.customer}).data[0].id
    emulator.clock.advance(32 * DAY_SECONDS)
    assert latest(client, subscription).billing_reason == "subscription_cycle"


def test_a_renewal_that_needs_authentication_says_so(emulator, client, subscribe):
    card = client.v1.payment_methods.attach
    subscription = subscribe(trial_period_days=3)
    always = card("pm_card_authenticationRequired", {"customer": subscription.customer})
    client.v1.subscriptions.update(subscription.id, {"default_payment_method": always.id})

    emulator.clock.advance(4 * DAY_SECONDS)

    assert client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    assert "invoice.payment_action_required" in event_types(emulator)


def test_a_canceled_subscription_credits_its_unused_time(client, subscribe):
    subscription = subscribe(3000)

    client.v1.subscriptions.cancel(subscription.id, {"prorate": True, "invoice_now": True})

    credit = latest(client, subscription)
    assert credit.total == pytest.approx(-3000, abs=1)
    assert client.v1.customers.retrieve(subscription.customer).balance == credit.total
