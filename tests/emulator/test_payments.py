from __future__ import annotations

import pytest
import stripe

from django_checkout.emulator import ApiError

from .conftest import event_types

DAY = 24 * 3600
DECLINES = {
    "4000000000000002": ("card_declined", "generic_decline"),
    "4000000000009995": ("card_declined", "insufficient_funds"),
    "4000000000009987": ("card_declined", "lost_card"),
    "4000000000009979": ("card_declined", "stolen_card"),
    "4000000000000069": ("expired_card", "expired_card"),
    "4000000000000127": ("incorrect_cvc", "incorrect_cvc"),
    "4000000000000119": ("processing_error", "processing_error"),
}


def test_paying_completes_the_session(emulator, client, make_session):
    metadata = {"order_id": "A1"}
    session = make_session(payment_intent_data={"metadata": metadata})

    outcome = emulator.pay(session.id, email="kim@example.com")

    after = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert outcome.status == "paid"
    assert outcome.redirect_url == f"https://shop.example.com/return/?session_id={session.id}"
    assert (after.status, after.payment_status, after.url) == ("complete", "paid", None)
    assert after.customer_details.email == "kim@example.com"
    assert after.customer is None
    intent = after.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.status, intent.amount_received) == ("succeeded", 1000)
    assert intent.metadata.to_dict() == metadata
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert intent.latest_charge.metadata.to_dict() == metadata
    assert intent.latest_charge.paid
    assert event_types(emulator) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
        "checkout.session.completed",
    ]


def test_a_paid_session_cannot_be_paid_again(emulator, make_session):
    session = make_session()
    emulator.pay(session.id)
    before = event_types(emulator)

    with pytest.raises(ApiError):
        emulator.pay(session.id)
    assert event_types(emulator) == before


@pytest.mark.parametrize(("card", "why"), DECLINES.items())
def test_a_declined_card_leaves_the_session_open_and_the_intent_is_retried(emulator, client, make_session, card, why):
    session = make_session()

    first = emulator.pay(session.id, card)

    after = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (first.status, first.code, first.decline_code) == ("declined", *why)
    assert (after.status, after.payment_status) == ("open", "unpaid")
    assert isinstance(after.payment_intent, stripe.PaymentIntent)
    assert after.payment_intent.status == "requires_payment_method"
    assert after.payment_intent.last_payment_error.decline_code == why[1]
    assert event_types(emulator) == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]

    second = emulator.pay(session.id)

    assert second.status == "paid"
    assert second.payment_intent == first.payment_intent
    assert len(client.v1.charges.list({"payment_intent": second.payment_intent or ""}).data) == 2


@pytest.mark.parametrize("card", ["", "4242", "4111111111111111"])
def test_an_unknown_card_is_declined_without_a_charge(emulator, make_session, card):
    outcome = emulator.pay(make_session().id, card)

    assert outcome.status == "declined"
    assert event_types(emulator) == []


def test_a_free_order_is_complete_without_a_payment(emulator, client, make_session):
    session = make_session(amount=0)

    outcome = emulator.pay(session.id)

    after = client.v1.checkout.sessions.retrieve(session.id)
    assert outcome.status == "free"
    assert (after.status, after.payment_status, after.payment_intent) == ("complete", "no_payment_required", None)
    assert event_types(emulator) == ["checkout.session.completed"]


@pytest.mark.parametrize(("succeed", "status"), [(True, "paid"), (False, "declined")])
def test_a_3d_secure_card_waits_for_authentication(emulator, client, make_session, succeed, status):
    session = make_session()
    first = emulator.pay(session.id, "4000002500003155")
    assert first.payment_intent
    waiting = client.v1.payment_intents.retrieve(first.payment_intent)

    second = emulator.authenticate(session.id, succeed=succeed)

    assert first.status == waiting.status == "requires_action"
    assert second.status == status
    assert emulator.get(session.id)["status"] == ("complete" if succeed else "open")


@pytest.mark.parametrize(
    ("iban", "event", "payment_status", "intent_status"),
    [
        ("AT611904300234573201", "checkout.session.async_payment_succeeded", "paid", "succeeded"),
        ("AT861904300235473202", "checkout.session.async_payment_failed", "unpaid", "requires_payment_method"),
    ],
)
def test_a_delayed_payment_is_settled_days_later(
    emulator,
    client,
    make_session,
    iban,
    event,
    payment_status,
    intent_status,
):
    session = make_session()
    outcome = emulator.pay(session.id, iban=iban)
    assert outcome.payment_intent
    submitted = client.v1.checkout.sessions.retrieve(session.id)
    assert (outcome.status, submitted.status, submitted.payment_status) == ("processing", "complete", "unpaid")

    emulator.clock.advance(2 * DAY)
    assert event not in event_types(emulator)
    emulator.clock.advance(2 * DAY)

    after = client.v1.checkout.sessions.retrieve(session.id)
    assert event_types(emulator).count(event) == 1
    assert (after.status, after.payment_status) == ("complete", payment_status)
    assert client.v1.payment_intents.retrieve(outcome.payment_intent).status == intent_status


def test_a_delayed_payment_can_be_settled_by_hand(emulator, make_session):
    session = make_session()
    emulator.pay(session.id, iban="AT611904300234573201")

    emulator.settle(session.id, succeed=False)
    emulator.clock.advance(4 * DAY)

    assert event_types(emulator).count("checkout.session.async_payment_failed") == 1
    assert "checkout.session.async_payment_succeeded" not in event_types(emulator)


@pytest.fixture
def authorized(paid):
    return paid(payment_intent_data={"capture_method": "manual"})


def test_manual_capture_authorizes_first(emulator, client, authorized):
    intent = client.v1.payment_intents.retrieve(authorized, {"expand": ["latest_charge"]})

    session = client.v1.checkout.sessions.list({"payment_intent": authorized}).data[0]
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 1000, 0)
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert not intent.latest_charge.captured
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    assert "payment_intent.amount_capturable_updated" in event_types(emulator)
    assert "payment_intent.succeeded" not in event_types(emulator)


@pytest.mark.parametrize("amount", [1000, 400])
def test_an_authorization_is_captured_in_full_or_in_part(emulator, client, authorized, amount):
    intent = client.v1.payment_intents.capture(authorized, {"amount_to_capture": amount})

    assert (intent.status, intent.amount_received) == ("succeeded", amount)
    charge = client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.captured, charge.amount_captured) == (True, amount)
    assert (
        event_types(emulator).count("charge.captured") == event_types(emulator).count("payment_intent.succeeded") == 1
    )


def test_an_uncaptured_amount_is_released_by_a_refund_without_a_balance_transaction(client, authorized):
    client.v1.payment_intents.capture(authorized, {"amount_to_capture": 400})

    (released,) = client.v1.refunds.list({"payment_intent": authorized}).data
    charge = client.v1.charges.retrieve(str(released.charge))
    assert (released.amount, released.status, released.balance_transaction) == (600, "succeeded", None)
    assert (charge.amount, charge.amount_refunded, charge.refunded) == (1000, 600, False)


def test_no_more_than_was_captured_can_be_refunded(client, authorized):
    client.v1.payment_intents.capture(authorized, {"amount_to_capture": 400})

    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        client.v1.refunds.create({"payment_intent": authorized, "amount": 401})
    assert client.v1.refunds.create({"payment_intent": authorized}).amount == 400
    assert client.v1.charges.list({"payment_intent": authorized}).data[0].refunded


def test_a_canceled_authorization_is_refunded_without_a_capture(emulator, client, authorized):
    client.v1.payment_intents.cancel(authorized)

    (charge,) = client.v1.charges.list({"payment_intent": authorized}).data
    assert (charge.captured, charge.amount_captured) == (False, 0)
    assert (charge.amount_refunded, charge.refunded) == (1000, True)
    assert event_types(emulator)[-3:] == ["refund.created", "charge.refunded", "payment_intent.canceled"]


@pytest.mark.parametrize("amount", [0, 1001])
def test_more_than_was_authorized_cannot_be_captured(client, authorized, amount):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.capture(authorized, {"amount_to_capture": amount})


def test_a_captured_payment_cannot_be_captured_or_canceled(client, authorized):
    client.v1.payment_intents.capture(authorized)

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.capture(authorized)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.cancel(authorized)


def test_a_refused_capture_shows_the_payment(client, authorized):
    client.v1.payment_intents.capture(authorized)

    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.capture(authorized)
    assert caught.value.error.payment_intent.id == authorized


def test_an_authorization_can_be_voided(emulator, client, authorized):
    intent = client.v1.payment_intents.cancel(authorized, {"cancellation_reason": "requested_by_customer"})

    assert (intent.status, intent.cancellation_reason) == ("canceled", "requested_by_customer")
    assert event_types(emulator)[-1] == "payment_intent.canceled"


def test_an_uncaptured_authorization_expires_after_seven_days(emulator, client, authorized):
    emulator.clock.advance(7 * DAY)

    intent = client.v1.payment_intents.retrieve(authorized)
    assert (intent.status, intent.cancellation_reason) == ("canceled", "automatic")
    released = ["refund.created", "charge.refunded"]
    assert event_types(emulator)[-4:] == ["charge.expired", *released, "payment_intent.canceled"]


def test_the_intent_of_an_open_session_cannot_be_canceled(emulator, client, make_session):
    outcome = emulator.pay(make_session().id, "4000000000000002")

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.cancel(str(outcome.payment_intent))
