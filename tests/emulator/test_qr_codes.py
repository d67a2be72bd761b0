"""QR codes: the payment page keeps the shopper until they have paid with their bank's app."""

from __future__ import annotations

import pytest
import stripe

from django_checkout.api_versions import ENDIVE
from django_checkout.emulator.messages import ApiError
from tests.emulator.conftest import event_types, session_params

CURRENCIES = {"paynow": "sgd", "pix": "brl", "promptpay": "thb"}
EVERY = pytest.mark.parametrize("method", CURRENCIES)


@pytest.fixture
def show(emulator, make_session):
    """Return a function that pays a session by QR code, and returns the session and the outcome."""

    def show(method, *, options=None, **shopper):
        session = make_session(
            amount=2000,
            currency=CURRENCIES[method],
            payment_method_types=["card", method],
            **({"payment_method_options": {method: options}} if options else {}),
        )
        return session, emulator.pay(session.id, method=method, **shopper)

    return show


@EVERY
def test_the_session_stays_open_while_the_code_is_shown(emulator, client, show, method):
    session, outcome = show(method)

    intent = client.v1.payment_intents.retrieve(outcome.payment_intent)
    assert (outcome.status, outcome.is_complete) == ("requires_action", False)
    assert (intent.status, intent.next_action.type) == ("requires_action", f"{method}_display_qr_code")
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert event_types(emulator) == ["payment_intent.created", "payment_intent.requires_action"]


@EVERY
def test_the_payment_completes_the_session(emulator, client, show, method):
    session, _outcome = show(method)

    outcome = emulator.settle(session.id)

    session = client.v1.checkout.sessions.retrieve(session.id)
    assert (outcome.status, outcome.redirect_url) == (
        "paid",
        session.success_url.format(CHECKOUT_SESSION_ID=session.id),
    )
    assert (session.status, session.payment_status) == ("complete", "paid")
    assert event_types(emulator)[2:] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
        "checkout.session.completed",
    ]


@EVERY
def test_a_code_that_has_expired_leaves_the_session_open(emulator, client, show, method):
    session, outcome = show(method)

    assert emulator.settle(session.id, succeed=False).status == "expired"

    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    intent = client.v1.payment_intents.retrieve(outcome.payment_intent)
    assert intent.last_payment_error.code == "payment_intent_payment_attempt_expired"
    assert emulator.pay(session.id).status == "paid"


@pytest.mark.parametrize(("options", "seconds"), [(None, 14400), ({"expires_after_seconds": 600}, 600)])
def test_a_pix_code_expires(emulator, client, show, options, seconds):
    session, outcome = show("pix", options=options, email="fill_never@example.com")
    action = client.v1.payment_intents.retrieve(outcome.payment_intent).next_action.pix_display_qr_code
    assert action.expires_at == emulator.clock.now() + seconds

    emulator.clock.advance(seconds)

    assert event_types(emulator)[-1] == "payment_intent.payment_failed"
    assert emulator.get(session.id)["status"] == "open"


def test_pix_is_paid_by_test_mode_and_paynow_is_not(emulator, show):
    pix, _outcome = show("pix")
    paynow, _outcome = show("paynow")

    emulator.clock.advance(180)

    assert emulator.get(pix.id)["status"] == "complete"
    assert emulator.get(paynow.id)["status"] == "open"


@EVERY
def test_a_session_that_expires_cancels_the_code(emulator, client, show, method):
    session, outcome = show(method, email="fill_never@example.com")

    client.v1.checkout.sessions.expire(session.id)

    assert client.v1.payment_intents.retrieve(outcome.payment_intent).status == "canceled"
    with pytest.raises(ApiError):
        emulator.settle(session.id)


@EVERY
def test_the_code_of_an_open_session_cannot_be_canceled(client, show, method):
    _session, outcome = show(method)

    with pytest.raises(stripe.InvalidRequestError, match="Expire the Checkout Session"):
        client.v1.payment_intents.cancel(outcome.payment_intent)


@EVERY
def test_the_shopper_may_pay_by_card_instead(emulator, client, show, method):
    session, outcome = show(method)

    assert emulator.pay(session.id).payment_intent == outcome.payment_intent

    emulator.clock.advance(180)
    assert event_types(emulator).count("payment_intent.succeeded") == 1


@EVERY
def test_a_code_is_not_paid_while_a_card_is_authenticated(emulator, client, show, method):
    session, outcome = show(method)
    emulator.pay(session.id, "4000002760003184")

    emulator.clock.advance(180)
    intent = client.v1.payment_intents.retrieve(outcome.payment_intent)
    assert (intent.status, intent.next_action.type) == ("requires_action", "redirect_to_url")
    with pytest.raises(ApiError):
        emulator.settle(session.id)

    assert emulator.authenticate(session.id).status == "paid"
    assert client.v1.charges.retrieve(emulator.get(intent.id)["latest_charge"]).payment_method_details.type == "card"


@EVERY
def test_a_version_without_lists_of_methods_offers_those_that_are_allowed(emulator, client, method):
    params = session_params(amount=2000, currency=CURRENCIES[method], allowed_payment_method_types=["card", method])

    session = client.v1.checkout.sessions.create(params, {"stripe_version": ENDIVE})

    assert set(session.payment_method_types) == {"card", method}
    assert emulator.pay(session.id, method=method).status == "requires_action"


@pytest.mark.parametrize(("method", "status"), [("pix", "succeeded"), ("promptpay", "requires_action")])
def test_a_refund(emulator, client, show, method, status):
    session, outcome = show(method)
    emulator.settle(session.id)

    assert client.v1.refunds.create({"payment_intent": outcome.payment_intent}).status == status


def test_promptpay_needs_an_email_address(client):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.create(
            {
                "amount": 6000,
                "currency": "thb",
                "payment_method_types": ["promptpay"],
                "payment_method_data": {"type": "promptpay"},
                "confirm": True,
            }
        )

    assert (caught.value.code, caught.value.param) == ("parameter_missing", "billing_details[email]")
