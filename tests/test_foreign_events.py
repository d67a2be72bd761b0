"""Events of other integrations on the same account, in the shapes that they record: old versions, expanded objects.

The shapes are those of the fixtures of dj-stripe, pay and Supabase's sync engine; the objects are
our own. Each is posted as signed bytes: it is ignored, or applied if it is about one of our orders, and never an error.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from django_checkout import services
from django_checkout.models import CheckoutSession, Order, Payment, WebhookEvent
from django_checkout.testing import post_event

pytestmark = pytest.mark.django_db

Doc = dict[str, Any]
ID = "Foreign0000000000000001"
PI, CH, CUS, SUB, IN = f"pi_{ID}", f"ch_{ID}", "cus_Foreign0000001", f"sub_{ID}", f"in_{ID}"
CREATED = 1_600_000_000
ADDRESS = {"city": None, "country": "US", "line1": None, "line2": None, "postal_code": "42424", "state": None}
CARD = {"brand": "visa", "checks": {"cvc_check": "pass"}, "country": "US", "exp_month": 1, "exp_year": 2030}
#: An order number of another system under the name that we use as well.
SHOP = {"order_id": "1234", "order_key": "wc_order_x", "site_url": "https://other.example.com"}

CHARGE: Doc = {
    "id": CH,
    "object": "charge",
    "amount": 1500,
    "amount_captured": 1500,
    "amount_refunded": 0,
    "balance_transaction": f"txn_{ID}",
    "billing_details": {"address": ADDRESS, "email": None, "name": None, "phone": None},
    "captured": True,
    "created": CREATED,
    "currency": "usd",
    "customer": CUS,
    "livemode": False,
    "metadata": SHOP,
    "paid": True,
    "payment_intent": PI,
    "payment_method_details": {"card": CARD, "type": "card"},
    "refunded": False,
    "status": "succeeded",
}
#: Before 2018: no PaymentIntent, a card as the source, the refunds in the charge.
OLD_CHARGE: Doc = {
    **{name: value for name, value in CHARGE.items() if name not in ("payment_intent", "amount_captured", "metadata")},
    "invoice": None,
    "payment_intent": None,
    "refunds": {"object": "list", "data": [], "has_more": False, "total_count": 0, "url": f"/v1/charges/{CH}/refunds"},
    "source": {"id": f"card_{ID}", "object": "card", **CARD},
    "metadata": {},
}
INTENT: Doc = {
    "id": PI,
    "object": "payment_intent",
    "amount": 1500,
    "amount_capturable": 0,
    "amount_received": 1500,
    "client_secret": f"{PI}_secret_x",
    "currency": "usd",
    "customer": CUS,
    "latest_charge": CH,
    "livemode": False,
    "metadata": SHOP,
    "status": "succeeded",
}
#: Before 2022-11-15: the charges instead of the latest.
OLD_INTENT: Doc = {
    **{name: value for name, value in INTENT.items() if name != "latest_charge"},
    "charges": {"object": "list", "data": [OLD_CHARGE], "has_more": False, "total_count": 1, "url": "/v1/charges"},
    "source": None,
}
SESSION: Doc = {
    "id": f"cs_test_{ID}",
    "object": "checkout.session",
    "amount_subtotal": 1900,
    "amount_total": 1900,
    "client_reference_id": None,
    "currency": "usd",
    "customer": CUS,
    "customer_details": {"address": ADDRESS, "email": "sam@example.com", "name": "Sam", "tax_ids": []},
    "expires_at": CREATED + 86_400,
    "livemode": False,
    "metadata": {},
    "mode": "payment",
    "payment_intent": PI,
    "payment_status": "paid",
    "shipping": None,
    "status": "complete",
    "subscription": None,
    "success_url": "http://localhost:3000/?session_id={CHECKOUT_SESSION_ID}",
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
}
REFUND: Doc = {
    "id": f"re_{ID}",
    "object": "refund",
    "amount": 500,
    "charge": CH,
    "created": CREATED,
    "currency": "usd",
    "livemode": False,
    "metadata": {},
    "payment_intent": PI,
    "reason": None,
    "status": "succeeded",
}
DISPUTE: Doc = {
    "id": f"dp_{ID}",
    "object": "dispute",
    "amount": 1000,
    "balance_transactions": [],
    "charge": CH,
    "created": CREATED,
    "currency": "usd",
    "evidence": {"access_activity_log": None, "uncategorized_text": None},
    "evidence_details": {"due_by": CREATED + 900_000, "has_evidence": False, "past_due": False, "submission_count": 0},
    "is_charge_refundable": True,
    "livemode": False,
    "metadata": {},
    "payment_intent": PI,
    "reason": "general",
    "status": "warning_needs_response",
}
PLAN = {"id": "gold", "object": "plan", "amount": 500, "currency": "usd", "interval": "month", "interval_count": 1}
#: Before 2025-03-31: the period is the subscription's own. Before 2018-02: the plan too.
SUBSCRIPTION: Doc = {
    "id": SUB,
    "object": "subscription",
    "billing": "charge_automatically",
    "cancel_at_period_end": False,
    "created": CREATED,
    "current_period_end": CREATED + 2_592_000,
    "current_period_start": CREATED,
    "customer": CUS,
    "ended_at": None,
    "items": {"object": "list", "data": [{"id": "si_1", "object": "subscription_item", "plan": PLAN, "quantity": 1}]},
    "livemode": False,
    "metadata": {},
    "plan": PLAN,
    "quantity": 1,
    "status": "active",
}
INVOICE: Doc = {
    "id": IN,
    "object": "invoice",
    "amount_due": 500,
    "amount_paid": 500,
    "amount_remaining": 0,
    "billing_reason": "subscription_cycle",
    "charge": CH,
    "currency": "usd",
    "customer": CUS,
    "date": CREATED,
    "lines": {"object": "list", "data": [{"id": "sli_1", "object": "line_item", "amount": 500, "plan": PLAN}]},
    "livemode": False,
    "metadata": {},
    "paid": True,
    "status": "paid",
    "subscription": SUB,
    "total": 500,
}
NEW_INVOICE: Doc = {
    **{name: value for name, value in INVOICE.items() if name not in ("charge", "date", "paid", "subscription")},
    "parent": {"type": "subscription_details", "subscription_details": {"metadata": {}, "subscription": SUB}},
}
WARNING = {
    "id": f"issfr_{ID}",
    "object": "radar.early_fraud_warning",
    "charge": CH,
    "fraud_type": "misc",
    "actionable": True,
}
REVIEW = {"id": f"prv_{ID}", "object": "review", "charge": CH, "open": True, "payment_intent": PI, "reason": "rule"}
APPLICATION = {"id": "ca_1", "object": "application", "name": None}


def without(document: Doc, names: str) -> Doc:
    return {name: value for name, value in document.items() if name not in names.split()}


def each(types: str, *documents: Doc) -> list[tuple[str, Doc]]:
    return [(name, document) for name in types.split() for document in documents]


SESSION_TYPES = "completed async_payment_succeeded async_payment_failed expired"
#: Type and object of each event.
EVENTS: list[tuple[str, Doc]] = [
    *each("charge.succeeded charge.captured charge.updated", CHARGE, OLD_CHARGE, {**CHARGE, "payment_intent": INTENT}),
    *each("charge.failed charge.pending charge.expired", {**CHARGE, "status": "failed", "paid": False}),
    *each("charge.succeeded", {**CHARGE, "invoice": INVOICE, "customer": {"id": CUS, "object": "customer"}}),
    *each("charge.refunded", CHARGE, {**OLD_CHARGE, "refunds": {"data": [without(REFUND, "payment_intent status")]}}),
    # As little as a test of pay records.
    *each("charge.refunded", {"id": CH, "amount_refunded": 500, "created": CREATED, "customer": CUS}),
    *each("payment_intent.succeeded payment_intent.canceled", INTENT, OLD_INTENT, {**INTENT, "latest_charge": CHARGE}),
    *each("payment_intent.amount_capturable_updated", {**INTENT, "status": "requires_capture", "amount_received": 0}),
    *each("payment_intent.created payment_intent.payment_failed payment_intent.processing", INTENT, OLD_INTENT),
    *each("payment_intent.requires_action payment_intent.partially_funded", INTENT),
    *each("payment_intent.succeeded", {**INTENT, "metadata": {"checkout_session": "not a UUID", "order_id": "1"}}),
    *each(
        "payment_intent.succeeded",
        {**INTENT, "metadata": {"checkout_session": "0" * 8 + "-0000-4000-8000-" + "0" * 12}},
    ),
    *each("payment_intent.succeeded", {**INTENT, "metadata": None}, {**INTENT, "amount": None, "currency": None}),
    *[(f"checkout.session.{name}", SESSION) for name in SESSION_TYPES.split()],
    *each(
        "checkout.session.completed checkout.session.expired",
        {**SESSION, "mode": "subscription", "payment_intent": None, "subscription": SUB},
        {**SESSION, "mode": "setup", "payment_intent": None, "setup_intent": "seti_1", "amount_total": None},
        {**SESSION, "payment_link": "plink_1", "metadata": SHOP, "client_reference_id": "1234"},
        {**SESSION, "payment_intent": INTENT, "customer": {"id": CUS, "object": "customer", "deleted": True}},
        {**SESSION, "payment_intent": OLD_INTENT, "line_items": {"object": "list", "data": [], "has_more": True}},
        # Before 2021 a session had no status.
        {**without(SESSION, "status expires_at total_details"), "display_items": [{"amount": 1900, "quantity": 1}]},
        {**SESSION, "livemode": True},
    ),
    *each("refund.created refund.updated refund.failed", REFUND, {**REFUND, "charge": CHARGE, "payment_intent": None}),
    *each("charge.refund.updated", REFUND, without(REFUND, "status payment_intent livemode metadata")),
    *each(
        "charge.dispute.created charge.dispute.updated charge.dispute.closed charge.dispute.funds_withdrawn "
        "charge.dispute.funds_reinstated",
        DISPUTE,
        {**without(DISPUTE, "payment_intent"), "balance_transaction": f"txn_{ID}"},
    ),
    *each(
        "radar.early_fraud_warning.created radar.early_fraud_warning.updated", WARNING, {**WARNING, "charge": CHARGE}
    ),
    *each("review.opened review.closed", REVIEW, without(REVIEW, "payment_intent")),
    *each(
        "customer.subscription.created customer.subscription.updated customer.subscription.deleted "
        "customer.subscription.paused customer.subscription.resumed",
        SUBSCRIPTION,
    ),
    *each("customer.subscription.trial_will_end customer.subscription.pending_update_applied", SUBSCRIPTION),
    *each("invoice.paid invoice.payment_failed", INVOICE, NEW_INVOICE, {**INVOICE, "subscription": SUBSCRIPTION}),
    *each("invoice.paid invoice.payment_failed", {**without(INVOICE, "subscription"), "billing_reason": "manual"}),
    *each("invoice.created invoice.finalized invoice.payment_succeeded invoice.payment_action_required", INVOICE),
    *each("invoice.updated invoice.voided invoice.marked_uncollectible invoice.deleted", NEW_INVOICE),
    *each("invoice.upcoming", without(INVOICE, "id"), {**INVOICE, "status": "draft"}),
    *each("invoice_payment.paid", {"id": "inpay_1", "object": "invoice_payment", "invoice": IN, "payment": {}}),
    *each(
        "customer.created customer.updated customer.deleted", {"id": CUS, "object": "customer", "sources": {"data": []}}
    ),
    *each("customer.source.created customer.source.expiring", {"id": "card_1", "object": "card", "customer": CUS}),
    *each("payment_method.attached payment_method.updated", {"id": "pm_1", "object": "payment_method", "card": CARD}),
    *each("setup_intent.succeeded setup_intent.setup_failed", {"id": "seti_1", "object": "setup_intent"}),
    *each("price.created plan.updated product.updated coupon.created", {"id": "gold", "object": "price"}),
    *each("credit_note.created promotion_code.created tax_rate.created", {"id": "x_1", "object": "x"}),
    *each("subscription_schedule.canceled quote.accepted payout.paid topup.created", {"id": "x_1", "object": "x"}),
    *each("account.updated capability.updated person.created", {"id": "acct_1", "object": "account"}),
    *each("account.application.authorized account.application.deauthorized", APPLICATION),
    *each("balance.available reporting.report_run.succeeded", {"object": "balance", "available": [{"amount": 1}]}),
    *each("order.payment_succeeded source.chargeable bitcoin.receiver.filled", {"id": "or_1", "object": "order"}),
    *each("x.not.known.yet checkout.session.completed.more", {}),
]
#: What an envelope may look like besides: changes of the event of a charge.
ENVELOPES: dict[str, Doc] = {
    "request is null": {"request": None},
    "request is an id": {"request": "req_1"},
    "request has no id": {"request": {"id": None, "idempotency_key": None}},
    "user of 2013": {"user_id": "acct_1"},
    "connected account": {"account": "acct_1"},
    "context": {"context": "acct_1/acct_2"},
    "live": {"livemode": True},
    "no version": {"api_version": None},
    "version of 2014": {"api_version": "2014-11-05"},
    "preview version": {"api_version": "2027-01-27.preview"},
    "created is text": {"created": "2026-11-24T12:30:00Z"},
    "created is absent": {"created": None},
    "created is negative": {"created": -1},
    "object is absent": {"object": None},
    "previous attributes": {
        "data": {"object": CHARGE, "previous_attributes": {"metadata": {"a": None}, "refunds": {}}}
    },
    "previous attributes are null": {"data": {"object": CHARGE, "previous_attributes": None}},
    "ids are numbers": {"data": {"object": {**CHARGE, "customer": 7, "metadata": {"order_id": 7}}}},
    "unknown fields": {"reason": {"type": "request"}, "pending_webhooks": None, "new_field": {"a": [1, {"b": None}]}},
}


EVENT: Doc = {
    "id": f"evt_{ID}",
    "object": "event",
    "api_version": "2020-03-02",
    "created": CREATED,
    "livemode": False,
    "pending_webhooks": 1,
    "request": {"id": "req_1", "idempotency_key": None},
}


def posted(event_type: str, stripe_object: Doc, **changes: Any) -> tuple[int, WebhookEvent]:
    livemode = bool(stripe_object.get("livemode"))
    body = {**EVENT, "data": {"object": stripe_object}, "livemode": livemode, "type": event_type, **changes}
    response = post_event(body)
    return response.status_code, WebhookEvent.objects.get()


@pytest.fixture
def at_stripe(stripe_emulator):
    """Store the objects at Stripe that the app reads from there."""
    with stripe_emulator.store.transaction():
        for document in (
            {**CHARGE, "invoice": None},
            INTENT,
            DISPUTE,
            {**SUBSCRIPTION, "status": "active"},
            SESSION,
            INVOICE,
            REFUND,
        ):
            stripe_emulator.store.insert({**document, "created": CREATED})
    return stripe_emulator


def assert_nothing_is_ours(status: int, event: WebhookEvent) -> None:
    assert (status, event.state) == (200, "ignored"), event.error_message
    assert not Order.objects.exists()
    assert not CheckoutSession.objects.exists()
    assert not Payment.objects.exclude(order=None).exists()


def test_there_are_at_least_100_events():
    assert len(EVENTS) + len(ENVELOPES) >= 100


@pytest.mark.parametrize(("event_type", "stripe_object"), EVENTS)
def test_event_of_another_integration_is_ignored(event_type, stripe_object, at_stripe):
    assert_nothing_is_ours(*posted(event_type, stripe_object))


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelope_of_another_time_is_ignored(name, at_stripe):
    changes = ENVELOPES[name]
    assert_nothing_is_ours(*posted("charge.refunded" if "data" not in changes else "charge.updated", CHARGE, **changes))


@pytest.mark.parametrize("data", [None, [CHARGE], {}, {"object": None}, {"object": CH}, {"object": [CHARGE]}])
def test_event_without_an_object_fails(data, at_stripe):
    """Stripe sends none; one that says nothing about a charge is not taken for one that is not ours."""
    status, event = posted("charge.updated", CHARGE, data=data)

    assert (status, event.state, event.error_code) == (502, "failed", "stripe_not_found")


@pytest.mark.parametrize("context", [None, "", "acct_1"])
@pytest.mark.parametrize("related", [{"id": SESSION["id"], "type": "checkout.session"}, None])
@pytest.mark.parametrize(
    "event_type", ["v1.checkout.session.completed", "v2.core.account.updated", "v1.billing.meter.error"]
)
def test_thin_event_of_another_integration_is_ignored(event_type, related, context, at_stripe):
    if event_type == "v1.checkout.session.completed" and related is None:
        related = {"id": SESSION["id"], "type": "checkout.session", "url": None}
    body = {
        "id": f"evt_test_{ID}",
        "object": "v2.core.event",
        "context": context,
        "created": "2026-11-24T12:30:00.000Z",
        "livemode": False,
        "related_object": related,
        "type": event_type,
    }
    response = post_event(json.dumps(body).encode())

    assert_nothing_is_ours(response.status_code, WebhookEvent.objects.get())


#: Older shapes of the events that pay an order of ours: how the object of the current version changes.
OLDER_SESSIONS = {
    "as it is": {},
    "before 2025-03-31": {"shipping_details": None, "collected_information": None, "presentment_details": None},
    "before 2022-08-01": {"shipping": None, "status": None, "customer_creation": None, "total_details": None},
    "without details": {"customer_details": None, "line_items": None, "consent": None, "custom_fields": None},
}
OLDER_INTENTS = {
    "as it is": {},
    "before 2022-11-15": {"latest_charge": None, "charges": {"object": "list", "data": [], "has_more": False}},
    "of a source": {"source": None, "payment_method": None, "latest_charge": None},
}


def post_older(event: Doc, changes: Doc) -> None:
    event["data"]["object"].update(changes)
    response = post_event({**event, "api_version": "2020-03-02", "request": None})

    stored = WebhookEvent.objects.get(stripe_id=event["id"])
    assert (response.status_code, stored.state) == (200, "processed")


@pytest.mark.parametrize("name", OLDER_SESSIONS)
def test_session_of_our_order_in_an_older_shape_pays_it(name, order, stripe_emulator):
    stripe_emulator.pay(services.start(order).stripe_id)
    (event,) = stripe_emulator.events("checkout.session.completed")

    post_older(event, OLDER_SESSIONS[name])

    order.refresh_from_db()
    assert (order.status, order.paid_minor) == ("paid", 2000)


@pytest.mark.parametrize("name", OLDER_INTENTS)
def test_payment_of_our_order_in_an_older_shape_is_recorded(name, order, stripe_emulator):
    stripe_emulator.pay(services.start(order).stripe_id)
    (event,) = stripe_emulator.events("payment_intent.succeeded")
    (completed,) = stripe_emulator.events("checkout.session.completed")

    post_older(event, OLDER_INTENTS[name])

    (payment,) = Payment.objects.all()
    assert (payment.intent_status, payment.captured_minor) == ("succeeded", 2000)
    post_older(completed, {})
    order.refresh_from_db()
    assert (order.status, order.paid_minor) == ("paid", 2000)
