"""PaymentMethods, tokens and SetupIntents over the API."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import stripe

from django_checkout.emulator import ApiError
from django_checkout.emulator.reference import cards

from .conftest import event_types


@pytest.fixture
def customer(client):
    return client.v1.customers.create({"email": "kim@example.com"}).id


def card(**changes):
    return {"number": "4242 4242 4242 4242", "exp_month": 12, "exp_year": 2040, "cvc": "123", **changes}


def test_every_name_and_number_of_the_testing_page_makes_a_payment_method(client, customer):
    for known in cards.CARDS:
        made = client.v1.payment_methods.create({"type": "card", "card": card(number=known.number)})
        assert (made.card.last4, made.card.brand, made.card.country) == (known.last4, known.brand, known.country)
        assert cards.is_luhn(known.number)
    for name, known in cards.NAMED.items():
        made = client.v1.payment_methods.create({"type": "card", "card": {"token": f"tok_{name}"}})
        assert made.card.last4 == known.last4
        if not known.decline or known.risk == "highest":
            assert client.v1.payment_methods.attach(f"pm_card_{name}", {"customer": customer}).customer == customer
    assert len(cards.CARDS) > 100


def test_every_card_of_the_testing_page_is_taken_by_the_payment_page(emulator, make_session):
    shown = [known for known in cards.CARDS if known.title]
    outcomes = {known.number: emulator.pay(make_session().id, known.number).status for known in shown}

    for known in shown:
        expected = "declined" if known.decline else "paid"
        if known.authentication in ("always", "on_session", "unless_saved"):
            expected = "requires_action"
        assert outcomes[known.number] == expected, known


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"exp_month": 13}, "invalid_expiry_month"),
        ({"exp_year": 1995}, "invalid_expiry_year"),
        ({"cvc": "99"}, "invalid_cvc"),
        ({"number": "4111111111111111"}, "card_declined"),
    ],
)
def test_invalid_data_is_refused(client, changes, code):
    for create in (
        lambda: client.v1.payment_methods.create({"type": "card", "card": card(**changes)}),
        lambda: client.v1.tokens.create({"card": {name: str(value) for name, value in card(**changes).items()}}),
    ):
        with pytest.raises(stripe.CardError) as caught:
            create()
        assert caught.value.code == code


def test_a_token_is_used_once(client):
    token = client.v1.tokens.create({"card": {"number": "378282246310005", "exp_month": "1", "exp_year": "40"}})
    assert (token.card.brand, token.used, token.card.exp_year) == ("American Express", False, 2040)

    made = client.v1.payment_methods.create({"type": "card", "card": {"token": token.id}})
    assert (made.card.last4, made.card.exp_month, made.card.exp_year) == ("0005", 1, 2040)
    assert client.v1.tokens.retrieve(token.id).used
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_methods.create({"type": "card", "card": {"token": token.id}})
    assert caught.value.code == "token_already_used"


def test_a_test_card_that_does_more_is_not_implemented(emulator, client, make_session):
    disputed_twice = "4000000404000079"

    with pytest.raises(stripe.APIError, match="does not implement"):
        client.v1.payment_methods.create({"type": "card", "card": card(number=disputed_twice)})
    with pytest.raises(ApiError, match="does not implement"):
        emulator.pay(make_session().id, disputed_twice)


@pytest.mark.parametrize("name", ["pm_card_unheard", "tok_unheard"])
def test_other_test_names_are_not_implemented(client, name):
    create = client.v1.payment_intents.create
    request = {"amount": 1000, "currency": "eur", "payment_method": name}
    if name.startswith("tok"):
        create, request = client.v1.payment_methods.create, {"type": "card", "card": {"token": name}}

    with pytest.raises(stripe.APIError, match="does not implement"):
        create(request)


def test_a_method_is_updated_once_it_is_saved(client, customer):
    method = client.v1.payment_methods.create({"type": "card", "card": card(), "billing_details": {"name": "Kim"}})
    change = {"billing_details": {"email": "kim@example.com", "address": {"country": "DE"}}, "card": {"exp_year": 2041}}
    with pytest.raises(stripe.InvalidRequestError, match="save this PaymentMethod"):
        client.v1.payment_methods.update(method.id, change)

    client.v1.payment_methods.attach(method.id, {"customer": customer})
    after = client.v1.payment_methods.update(method.id, change)

    assert (after.billing_details.name, after.billing_details.address.country) == ("Kim", "DE")
    assert (after.card.exp_month, after.card.exp_year) == (12, 2041)


def test_a_card_that_is_declined_cannot_be_attached(client, customer):
    with pytest.raises(stripe.CardError):
        client.v1.payment_methods.attach("pm_card_visa_chargeDeclined", {"customer": customer})

    assert client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}).customer == customer


def test_a_setup_saves_the_card(emulator, client, customer):
    setup = client.v1.setup_intents.create({"customer": customer, "payment_method_types": ["card"]})
    assert setup.status == "requires_payment_method"

    done = client.v1.setup_intents.confirm(setup.id, {"payment_method": "pm_card_visa"})

    assert (done.status, done.usage) == ("succeeded", "off_session")
    assert client.v1.payment_methods.retrieve(str(done.payment_method)).customer == customer
    assert event_types(emulator)[1:] == ["setup_intent.created", "payment_method.attached", "setup_intent.succeeded"]


def test_a_refused_setup_is_402_and_is_kept(client, customer):
    with pytest.raises(stripe.CardError) as caught:
        client.v1.setup_intents.create(
            {
                "customer": customer,
                "payment_method_types": ["card"],
                "payment_method": "pm_card_chargeDeclinedExpiredCard",
                "confirm": True,
            }
        )

    setup = client.v1.setup_intents.retrieve(caught.value.error.setup_intent.id)
    assert (setup.status, setup.last_setup_error.code) == ("requires_payment_method", "expired_card")


@pytest.mark.parametrize("succeed", [True, False])
def test_a_setup_asks_for_three_d_secure_by_page_and_by_hand(emulator, client, visitor, customer, succeed):
    def waiting():
        request = {"customer": customer, "payment_method": "pm_card_authenticationRequired", "confirm": True}
        return client.v1.setup_intents.create({**request, "return_url": "https://shop.example.com/"})

    by_hand, by_page = waiting(), waiting()
    outcome = emulator.authenticate(by_hand.id, succeed=succeed)
    page = urlsplit(by_page.next_action.redirect_to_url.url)
    response = visitor.send(f"{page.path}?{page.query}", answer="complete" if succeed else "fail")

    assert outcome.status == ("saved" if succeed else "declined")
    assert f"redirect_status={'succeeded' if succeed else 'failed'}" in response.headers["Location"]
    for setup in (by_hand, by_page):
        after = client.v1.setup_intents.retrieve(setup.id)
        assert after.status == ("succeeded" if succeed else "requires_payment_method")
        assert succeed or after.last_setup_error.code == "setup_intent_authentication_failure"


def test_the_setup_of_a_session_is_canceled_by_expiring_the_session(emulator, client, make_session, customer):
    session = client.v1.checkout.sessions.create(
        {"mode": "setup", "currency": "eur", "customer": customer, "success_url": "https://shop.example.com/"}
    )
    emulator.pay(session.id, "4000000000000002")
    (setup,) = client.v1.setup_intents.list().data

    with pytest.raises(stripe.InvalidRequestError, match="Expire the Checkout Session"):
        client.v1.setup_intents.cancel(setup.id)
