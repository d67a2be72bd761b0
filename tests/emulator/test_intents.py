"""PaymentIntents that the API creates and confirms, without a Checkout Session."""

from __future__ import annotations

import contextlib
from urllib.parse import parse_qs, urlsplit

import pytest
import stripe

from django_checkout.emulator import ApiError

from .conftest import event_types

SHOP = "https://shop.example.com/done?order=1"
CHALLENGED = "pm_card_threeDSecure2Required"


@pytest.fixture
def pay(client):
    """Create an intent and confirm it at once."""

    def create(method="pm_card_visa", **params):
        least = {"amount": 1000, "currency": "eur", "payment_method_types": ["card"], "confirm": True}
        return client.v1.payment_intents.create({**least, "payment_method": method, **params})

    return create


@pytest.fixture
def customer(client):
    return client.v1.customers.create({"email": "kim@example.com"}).id


def test_an_intent_is_created_updated_and_confirmed(emulator, client):
    intents = client.v1.payment_intents
    intent = intents.create({"amount": 1000, "currency": "eur", "metadata": {"order": "1"}})
    assert (intent.status, intent.capture_method) == ("requires_payment_method", "automatic_async")
    assert intent.automatic_payment_methods.to_dict() == {"allow_redirects": "always", "enabled": True}

    intent = intents.update(intent.id, {"amount": 1500, "payment_method": "pm_card_mastercard"})
    assert intent.status == "requires_confirmation"
    intent = intents.confirm(intent.id, {"return_url": SHOP, "expand": ["latest_charge"]})

    assert (intent.status, intent.amount_received) == ("succeeded", 1500)
    assert intent.latest_charge.payment_method_details.card.brand == "mastercard"
    assert event_types(emulator) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
    ]


def test_a_decline_is_402_and_is_kept(emulator, client, pay):
    with pytest.raises(stripe.CardError) as caught:
        pay("pm_card_visa_chargeDeclinedInsufficientFunds")

    error = caught.value.error
    intent = client.v1.payment_intents.retrieve(error.payment_intent.id)
    assert (caught.value.code, error.decline_code) == ("card_declined", "insufficient_funds")
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error.charge == intent.latest_charge == error.charge
    assert event_types(emulator) == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]


def test_a_declined_request_is_replayed_under_its_idempotency_key(client):
    request = {"amount": 1000, "currency": "eur", "payment_method_types": ["card"], "confirm": True}
    request["payment_method"] = "pm_card_visa_chargeDeclined"
    found = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            client.v1.payment_intents.create(request, {"idempotency_key": "pay-1"})
        found.append(caught.value.error.payment_intent.id)

    assert found[0] == found[1]
    assert len(client.v1.payment_intents.list().data) == 1


def test_parameters_that_make_no_difference_to_a_payment_are_taken(client, pay):
    debit = client.v1.payment_methods.create({"type": "sepa_debit", "sepa_debit": {"iban": "AT611904300234573201"}})

    assert pay(use_stripe_sdk=True, return_url=SHOP, error_on_requires_action=True).status == "succeeded"
    types = ["card", "sepa_debit"]
    assert pay(debit.id, payment_method_types=types, off_session=True, return_url=SHOP).status == "processing"


@pytest.mark.parametrize("succeed", [True, False])
def test_three_d_secure_is_answered_by_the_emulator(emulator, client, pay, succeed):
    intent = pay(CHALLENGED, return_url=SHOP)
    assert (intent.status, intent.next_action.type) == ("requires_action", "redirect_to_url")
    assert intent.latest_charge is None

    outcome = emulator.authenticate(intent.id, succeed=succeed)

    after = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert (outcome.status, outcome.payment_intent) == ("paid" if succeed else "declined", intent.id)
    assert after.status == ("succeeded" if succeed else "requires_payment_method")
    if succeed:
        assert after.latest_charge.payment_method_details.card.three_d_secure.result == "authenticated"
    else:
        assert after.last_payment_error.code == "payment_intent_authentication_failure"


@pytest.mark.parametrize(("answer", "expected"), [("complete", "succeeded"), ("fail", "failed")])
def test_three_d_secure_is_answered_on_the_page(visitor, client, pay, answer, expected):
    intent = pay(CHALLENGED, return_url=SHOP)
    page = urlsplit(intent.next_action.redirect_to_url.url)

    response = visitor.send(f"{page.path}?{page.query}", answer=answer)

    assert response.status == 303
    assert response.headers["Location"].startswith(f"{SHOP}&")
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    assert query["payment_intent"] == [intent.id]
    assert query["payment_intent_client_secret"] == [intent.client_secret]
    assert query["redirect_status"] == [expected]
    done = client.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    assert done == (answer == "complete")


def test_the_page_needs_the_client_secret_and_the_token_of_its_form(visitor, pay):
    page = urlsplit(pay(CHALLENGED, return_url=SHOP).next_action.redirect_to_url.url)

    assert visitor.get(page.path).status == 404
    assert visitor.get(f"{page.path}?payment_intent_client_secret=wrong").status == 404
    assert visitor.post(f"{page.path}?{page.query}", answer="complete", token="wrong").status == 403


def test_stripe_js_opens_the_page_without_a_return_url(visitor, client, pay):
    intent = pay(CHALLENGED, use_stripe_sdk=True)
    assert intent.next_action.type == "use_stripe_sdk"
    page = urlsplit(intent.next_action.use_stripe_sdk["stripe_js"])

    assert visitor.send(f"{page.path}?{page.query}", answer="complete").status == 200
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_an_intent_with_manual_confirmation_is_confirmed_again_after_three_d_secure(emulator, client, pay):
    intent = pay(CHALLENGED, confirmation_method="manual", return_url=SHOP)
    assert emulator.authenticate(intent.id).status == "requires_confirmation"
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_confirmation"

    assert client.v1.payment_intents.confirm(intent.id).status == "succeeded"


@pytest.mark.parametrize(
    ("name", "asked", "status"),
    [
        ("authenticationRequired", {}, "declined"),
        ("authenticationRequiredSetupForOffSession", {}, "succeeded"),
        ("authenticationRequiredOnSetup", {}, "declined"),
        ("visa", {}, "succeeded"),
        ("threeDSecure2Required", {"off_session": False, "error_on_requires_action": True}, "declined"),
        ("threeDSecureOptional", {"off_session": False}, "succeeded"),
    ],
)
def test_off_session_a_card_that_needs_three_d_secure_is_declined(pay, name, asked, status):
    params = {"off_session": True, **asked}
    if status == "succeeded":
        assert pay(f"pm_card_{name}", **params).status == "succeeded"
        return
    with pytest.raises(stripe.CardError) as caught:
        pay(f"pm_card_{name}", **params)
    assert caught.value.code == caught.value.error.decline_code == "authentication_required"
    assert caught.value.error.payment_intent.latest_charge is None


def test_three_d_secure_that_the_shop_requests_is_asked_for(pay):
    options = {"card": {"request_three_d_secure": "any"}}

    assert pay("pm_card_threeDSecureOptional", payment_method_options=options).status == "requires_action"


def test_a_canceled_intent_waits_for_nothing(emulator, client, pay):
    intent = pay(CHALLENGED, return_url=SHOP)

    canceled = client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})

    assert (canceled.status, canceled.next_action, canceled.cancellation_reason) == ("canceled", None, "abandoned")
    with pytest.raises(ApiError):
        emulator.authenticate(intent.id)
    with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
        client.v1.payment_intents.confirm(intent.id, {"return_url": SHOP})


def test_an_authorization_is_incremented_and_captured(emulator, client, pay):
    options = {"card": {"request_incremental_authorization": "if_available"}}
    intent = pay(capture_method="manual", payment_method_options=options)
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 1000)

    intents = client.v1.payment_intents
    more = intents.increment_authorization(intent.id, {"amount": 1500, "expand": ["latest_charge"]})
    assert (more.amount, more.amount_capturable, more.latest_charge.amount) == (1500, 1500, 1500)
    with pytest.raises(stripe.InvalidRequestError, match="greater"):
        intents.increment_authorization(intent.id, {"amount": 1500})

    assert intents.capture(intent.id).amount_received == 1500
    with pytest.raises(stripe.InvalidRequestError, match="status of succeeded"):
        intents.increment_authorization(intent.id, {"amount": 2000})


def test_an_authorization_that_did_not_ask_for_it_is_not_incremented(client, pay):
    intent = pay(capture_method="manual")

    with pytest.raises(stripe.InvalidRequestError, match="not eligible"):
        client.v1.payment_intents.increment_authorization(intent.id, {"amount": 1500})


def test_a_method_is_attached_if_the_shop_will_charge_it_again(client, pay, customer):
    intent = pay(customer=customer, setup_future_usage="off_session")

    assert client.v1.payment_methods.retrieve(str(intent.payment_method)).customer == customer
    again = pay(str(intent.payment_method), customer=customer, off_session=True)
    assert again.status == "succeeded"


def test_a_method_without_customer_is_used_once(client, pay, customer):
    used = str(pay().payment_method)

    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        pay(used)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        client.v1.payment_methods.attach(used, {"customer": customer})


def test_a_customers_method_needs_the_customer(client, pay, customer):
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    other = client.v1.customers.create({}).id

    with pytest.raises(stripe.InvalidRequestError, match="Please include the Customer"):
        pay(method)
    with pytest.raises(stripe.InvalidRequestError, match="does not belong to the Customer"):
        pay(method, customer=other)
    assert pay(method, customer=customer).status == "succeeded"


def test_a_debit_is_settled_by_its_test_account(emulator, client, pay):
    acceptance = {"type": "online", "online": {"ip_address": "203.0.113.7", "user_agent": "Firefox"}}
    statuses = []
    for iban in ("AT611904300234573201", "AT861904300235473202"):
        intent = client.v1.payment_intents.create(
            {
                "amount": 1000,
                "currency": "eur",
                "payment_method_types": ["sepa_debit"],
                "payment_method_data": {"type": "sepa_debit", "sepa_debit": {"iban": iban}},
                "mandate_data": {"customer_acceptance": acceptance},
                "confirm": True,
                "expand": ["latest_charge"],
            }
        )
        mandate = client.v1.mandates.retrieve(intent.latest_charge.payment_method_details.sepa_debit.mandate)
        assert (intent.status, mandate.status) == ("processing", "active")
        emulator.clock.advance(4 * 24 * 3600)
        statuses.append(client.v1.payment_intents.retrieve(intent.id).status)

    assert statuses == ["succeeded", "requires_payment_method"]


def test_a_debit_can_be_settled_by_hand(emulator, client):
    intent = client.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "eur",
            "payment_method_data": {"type": "sepa_debit", "sepa_debit": {"iban": "AT611904300234573201"}},
            "confirm": True,
            "return_url": SHOP,
        }
    )

    assert emulator.settle(intent.id, succeed=False).status == "declined"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.confirm(intent.id, {"return_url": SHOP})


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("radarBlock", ("blocked", "highest")),
        ("riskLevelElevated", ("authorized", "elevated")),
        ("avsZipFail", ("authorized", "normal")),
    ],
)
def test_risk_is_shown_in_the_outcome_of_the_charge(client, pay, name, check):
    with contextlib.suppress(stripe.CardError):
        pay(f"pm_card_{name}")
    outcome = client.v1.charges.list().data[0].outcome

    assert (outcome.type, outcome.risk_level) == check


@pytest.mark.parametrize(
    ("name", "reason", "status"),
    [
        ("createDispute", "fraudulent", "needs_response"),
        ("createDisputeProductNotReceived", "product_not_received", "needs_response"),
        ("createDisputeInquiry", "fraudulent", "warning_needs_response"),
    ],
)
def test_a_dispute_is_opened_when_the_money_is_taken(client, pay, name, reason, status):
    intent = pay(f"pm_card_{name}", capture_method="manual")
    assert client.v1.disputes.list().data == []

    client.v1.payment_intents.capture(intent.id)

    (dispute,) = client.v1.disputes.list().data
    assert (dispute.reason, dispute.status) == (reason, status)


def test_an_intent_of_a_session_is_confirmed_on_its_page_only(emulator, client, make_session):
    outcome = emulator.pay(make_session().id, "4000000000000002")

    with pytest.raises(stripe.APIError, match="does not implement"):
        client.v1.payment_intents.confirm(str(outcome.payment_intent), {"payment_method": "pm_card_visa"})
    with pytest.raises(stripe.APIError, match="does not implement"):
        client.v1.payment_intents.update(str(outcome.payment_intent), {"amount": 500})
