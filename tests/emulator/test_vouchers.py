"""Vouchers: codes that the shopper pays elsewhere, until they end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import stripe

from django_checkout.emulator.messages import ApiError
from tests.emulator.conftest import event_types

DAY = 24 * 3600
#: Methods, their currencies and the types of their next actions.
VOUCHERS = {
    "konbini": ("jpy", "konbini_display_details"),
    "oxxo": ("mxn", "oxxo_display_details"),
    "boleto": ("brl", "boleto_display_details"),
    "multibanco": ("eur", "multibanco_display_details"),
}
EVERY = pytest.mark.parametrize("method", VOUCHERS)


@pytest.fixture
def pay(emulator, make_session):
    """Return a function that pays a session by a voucher, and returns the session and the outcome."""

    def pay(method, *, options=None, **shopper):
        session = make_session(
            amount=5000,
            currency=VOUCHERS[method][0],
            payment_method_types=["card", method],
            **({"payment_method_options": {method: options}} if options else {}),
        )
        return session, emulator.pay(session.id, method=method, **shopper)

    return pay


def action_of(client, outcome):
    intent = client.v1.payment_intents.retrieve(outcome.payment_intent)
    return intent, intent.next_action[intent.next_action.type]


@EVERY
def test_a_voucher_completes_the_session_and_waits_for_the_shopper(emulator, client, pay, method):
    session, outcome = pay(method)

    intent, action = action_of(client, outcome)
    session = client.v1.checkout.sessions.retrieve(session.id)
    assert (outcome.status, outcome.is_complete) == ("instructed", True)
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    assert (intent.status, intent.next_action.type, intent.latest_charge) == (
        "requires_action",
        VOUCHERS[method][1],
        None,
    )
    assert outcome.redirect_url == action.hosted_voucher_url
    assert event_types(emulator) == [
        "payment_intent.created",
        "payment_intent.requires_action",
        "checkout.session.completed",
    ]


@EVERY
def test_a_paid_voucher_reports_the_payment(emulator, client, pay, method):
    session, outcome = pay(method)

    assert emulator.settle(session.id).status == "paid"

    charge = client.v1.charges.retrieve(client.v1.payment_intents.retrieve(outcome.payment_intent).latest_charge)
    assert (charge.payment_method_details.type, charge.amount, charge.id[:3]) == (method, 10_000, "py_")
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert event_types(emulator)[3:] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
        "checkout.session.async_payment_succeeded",
    ]


@EVERY
def test_an_expired_voucher_returns_the_intent_and_reports_the_failure(emulator, client, pay, method):
    session, outcome = pay(method)

    assert emulator.settle(session.id, succeed=False).status == "expired"

    intent = client.v1.payment_intents.retrieve(outcome.payment_intent)
    assert (intent.status, intent.next_action) == ("requires_payment_method", None)
    assert intent.last_payment_error.code == "payment_intent_payment_attempt_expired"
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "unpaid"
    assert event_types(emulator)[3:] == ["payment_intent.payment_failed", "checkout.session.async_payment_failed"]


@EVERY
@pytest.mark.parametrize(
    ("email", "seconds", "last"),
    [
        ("hanako@example.com", 180, "async_payment_succeeded"),
        ("kim.succeed_immediately@example.com", 3, "async_payment_succeeded"),
        ("expire_immediately@example.com", 0, "async_payment_failed"),
        ("kim.expire_with_delay@example.com", 180, "async_payment_failed"),
    ],
)
def test_the_email_address_says_what_test_mode_does(emulator, pay, method, email, seconds, last):
    pay(method, email=email)
    if seconds:
        emulator.clock.advance(seconds - 1)
        assert event_types(emulator)[-1] == "checkout.session.completed"
        emulator.clock.advance(1)

    assert emulator.events()[-1]["type"] == f"checkout.session.{last}"


@pytest.mark.parametrize(
    ("number", "last"),
    [("22222222220", "async_payment_succeeded"), ("44444444440", "async_payment_failed"), ("55555555550", "completed")],
)
def test_a_konbini_confirmation_number_counts_more_than_the_email_address(emulator, client, pay, number, last):
    _session, outcome = pay("konbini", confirmation_number=number, email="fill_never@example.com")

    assert action_of(client, outcome)[1].stores.lawson.confirmation_number == number
    emulator.clock.advance(180)

    assert event_types(emulator)[-1] == f"checkout.session.{last}"


def test_a_konbini_confirmation_number_can_be_rejected(pay):
    with pytest.raises(ApiError) as caught:
        pay("konbini", confirmation_number="01234567890")

    assert caught.value.code == "payment_intent_konbini_rejected_confirmation_number"


@pytest.mark.parametrize(
    ("method", "options", "name", "days", "hour"),
    [
        ("konbini", None, "expires_at", 3, 14),
        ("konbini", {"expires_after_days": 60}, "expires_at", 60, 14),
        ("oxxo", {"expires_after_days": 1}, "expires_after", 1, 29),
        ("boleto", {"expires_after_days": 0}, "expires_at", 0, 26),
    ],
)
def test_a_voucher_ends_at_midnight_in_its_country(emulator, client, pay, method, options, name, days, hour):
    _session, outcome = pay(method, options=options, email="fill_never@example.com")

    ends = datetime.fromtimestamp(action_of(client, outcome)[1][name], UTC)
    # The hour of the last second in UTC, on the next day if it is 24 or more, of a day that began in the country.
    local = emulator.clock.now() + (23 - hour) * 3600
    first = datetime.fromtimestamp(local - local % DAY, UTC)
    assert (ends.hour, ends.minute, ends.second) == (hour % 24, 59, 59)
    assert (ends - first).total_seconds() == (days * 24 + hour) * 3600 + 3599


def test_a_voucher_that_is_not_paid_fails_after_its_end(emulator, client, pay):
    session, outcome = pay("konbini", email="fill_never@example.com")
    ends_at = action_of(client, outcome)[1].expires_at

    emulator.clock.advance(ends_at - emulator.clock.now())
    # A slip that was printed before can still be paid at the register.
    assert event_types(emulator)[-1] == "checkout.session.completed"
    emulator.clock.advance(3600)

    assert event_types(emulator)[-1] == "checkout.session.async_payment_failed"
    assert emulator.get(session.id)["payment_status"] == "unpaid"


def test_a_multibanco_voucher_may_still_arrive_four_days_after_its_end(emulator, client, pay):
    session, outcome = pay("multibanco", email="fill_never@example.com")

    emulator.clock.advance(7 * DAY)
    assert event_types(emulator)[-1] == "payment_intent.processing"
    assert client.v1.payment_intents.retrieve(outcome.payment_intent).status == "processing"
    assert emulator.settle(session.id).status == "paid"

    emulator.clock.advance(4 * DAY)
    assert "checkout.session.async_payment_succeeded" in event_types(emulator)
    assert "payment_intent.payment_failed" not in event_types(emulator)


def test_a_multibanco_voucher_fails_eleven_days_after_it_was_made(emulator, pay):
    pay("multibanco", email="fill_never@example.com")

    emulator.clock.advance(11 * DAY)

    assert event_types(emulator)[3:] == [
        "payment_intent.processing",
        "payment_intent.payment_failed",
        "checkout.session.async_payment_failed",
    ]


@EVERY
def test_a_voucher_is_paid_once_and_not_after_its_failure(emulator, pay, method):
    paid, _outcome = pay(method)
    failed, _outcome = pay(method)
    emulator.settle(paid.id)
    emulator.settle(failed.id, succeed=False)

    for session in (paid, failed):
        with pytest.raises(ApiError, match="no instructions"):
            emulator.settle(session.id)


def test_a_voucher_takes_the_exact_amount_only(emulator, pay):
    session, _outcome = pay("konbini")

    with pytest.raises(ApiError, match="exact amount"):
        emulator.settle(session.id, amount=4999)


@pytest.mark.parametrize("method", ["oxxo", "boleto"])
def test_a_voucher_that_cannot_be_canceled_waits_until_it_expires(emulator, client, pay, method):
    session, outcome = pay(method)

    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.cancel(outcome.payment_intent)

    assert caught.value.code == "payment_intent_unexpected_state"
    assert emulator.settle(session.id).status == "paid"


@pytest.mark.parametrize("method", ["konbini", "multibanco"])
def test_the_voucher_of_a_complete_session_can_be_canceled(emulator, client, pay, method):
    session, outcome = pay(method)

    canceled = client.v1.payment_intents.cancel(outcome.payment_intent)

    assert (canceled.status, canceled.next_action) == ("canceled", None)
    assert event_types(emulator)[-1] == "payment_intent.canceled"
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "unpaid"
    with pytest.raises(ApiError):
        emulator.settle(session.id)


@pytest.mark.parametrize(("method", "status"), [("konbini", "requires_action"), ("multibanco", "succeeded")])
def test_a_refund_of_a_voucher(emulator, client, pay, method, status):
    session, outcome = pay(method, email="kim@example.com")
    emulator.settle(session.id)

    refund = client.v1.refunds.create({"payment_intent": outcome.payment_intent})

    assert refund.status == status
    if status == "requires_action":
        assert refund.instructions_email == "kim@example.com"


@pytest.mark.parametrize("method", ["oxxo", "boleto"])
def test_some_vouchers_cannot_be_refunded(emulator, client, pay, method):
    session, outcome = pay(method)
    emulator.settle(session.id)

    with pytest.raises(stripe.InvalidRequestError, match="cannot be refunded"):
        client.v1.refunds.create({"payment_intent": outcome.payment_intent})


def test_an_invoice_is_made_when_the_voucher_is_paid(emulator, client, make_session):
    session = make_session(amount=5000, currency="jpy", invoice_creation={"enabled": True})
    emulator.pay(session.id, method="konbini")
    assert client.v1.checkout.sessions.retrieve(session.id).invoice is None

    emulator.settle(session.id)

    invoice = client.v1.invoices.retrieve(client.v1.checkout.sessions.retrieve(session.id).invoice)
    assert invoice.status == "paid"


def test_a_payment_link_takes_vouchers(emulator, client, visitor):
    price = client.v1.prices.create({"currency": "jpy", "unit_amount": 5000, "product_data": {"name": "Tea"}})
    link = client.v1.payment_links.create({"line_items": [{"price": price.id, "quantity": 1}]})
    visitor.get(link.url.removeprefix("http://emulator.test"))
    session = client.v1.checkout.sessions.list({"payment_link": link.id}).data[0]

    assert emulator.pay(session.id, method="konbini").status == "instructed"


@pytest.mark.parametrize("params", [{"amount": 50}, {"payment_intent_data": {"capture_method": "manual"}}])
def test_a_voucher_is_not_offered_where_it_cannot_be_used(make_session, params):
    session = make_session(**{"amount": 5000, "currency": "jpy", **params})

    assert session.payment_method_types == ["card"]


def test_a_voucher_belongs_to_the_customer_that_the_session_creates(emulator, client, make_session):
    session = make_session(amount=5000, currency="jpy", customer_creation="always")

    outcome = emulator.pay(session.id, method="konbini", email="kim@example.com")

    customer = client.v1.checkout.sessions.retrieve(session.id).customer
    assert client.v1.payment_intents.retrieve(outcome.payment_intent).customer == customer
    assert client.v1.customers.retrieve(customer).email == "kim@example.com"


def test_a_debit_does_not_exist_in_the_currency_of_a_voucher(emulator, make_session):
    session = make_session(amount=5000, currency="jpy")

    with pytest.raises(ApiError):
        emulator.pay(session.id, iban="AT611904300234573201")


def test_a_session_takes_only_the_methods_that_it_offers(emulator, make_session):
    with pytest.raises(ApiError):
        emulator.pay(make_session(amount=5000).id, method="konbini")


# Intents without a session


def direct(client, method, **params):
    person = {"email": "hanako@example.com", "name": "Hanako"}
    if method == "boleto":
        person["address"] = {"line1": "Rua 1", "city": "Santos", "state": "SP", "postal_code": "1", "country": "BR"}
    own = {"boleto": {"tax_id": "000.000.000-00"}} if method == "boleto" else {}
    return client.v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": VOUCHERS[method][0],
            "payment_method_types": [method],
            "payment_method_data": {"type": method, "billing_details": person, **own},
            "confirm": True,
            **params,
        }
    )


@EVERY
def test_an_intent_is_confirmed_with_a_voucher(emulator, client, method):
    intent = direct(client, method)
    assert (intent.status, intent.next_action.type) == ("requires_action", VOUCHERS[method][1])

    assert emulator.settle(intent.id).status == "paid"

    assert client.v1.payment_intents.retrieve(intent.id).amount_received == 5000


def test_an_intent_has_the_options_of_its_voucher(client):
    options = {"confirmation_number": "0312345678", "product_description": "Tea", "expires_after_days": 1}

    intent = direct(client, "konbini", payment_method_options={"konbini": options})

    assert intent.payment_method_options.konbini.to_dict() == {**options, "expires_at": None}
    assert intent.next_action.konbini_display_details.stores.seicomart.confirmation_number == "0312345678"


def test_a_failed_voucher_can_be_replaced(emulator, client):
    intent = direct(client, "konbini")
    first = intent.next_action.konbini_display_details.hosted_voucher_url
    emulator.settle(intent.id, succeed=False)

    person = {"email": "fill_never@example.com", "name": "Hanako"}
    again = client.v1.payment_intents.confirm(
        intent.id, {"payment_method_data": {"type": "konbini", "billing_details": person}}
    )

    assert again.status == "requires_action"
    assert again.next_action.konbini_display_details.hosted_voucher_url != first
    # The end of the first voucher's test payment does not pay the second one.
    emulator.clock.advance(180)
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_action"


def test_a_debit_replaces_a_failed_voucher(emulator, client):
    intent = direct(client, "multibanco", payment_method_types=["multibanco", "sepa_debit"])
    emulator.settle(intent.id, succeed=False)
    debit = {"type": "sepa_debit", "sepa_debit": {"iban": "AT611904300234573201"}, "billing_details": {"name": "Kim"}}
    client.v1.payment_intents.confirm(intent.id, {"payment_method_data": debit})

    emulator.clock.advance(180)
    assert client.v1.payment_intents.retrieve(intent.id).status == "processing"
    assert emulator.settle(intent.id).status == "paid"

    latest = client.v1.payment_intents.retrieve(intent.id).latest_charge
    assert client.v1.charges.retrieve(latest).payment_method_details.type == "sepa_debit"


def test_a_changed_amount_withdraws_the_voucher(emulator, client):
    intent = direct(client, "konbini")

    changed = client.v1.payment_intents.update(intent.id, {"amount": 6000})
    assert (changed.status, changed.next_action) == ("requires_confirmation", None)
    emulator.clock.advance(180)
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_confirmation"
    again = client.v1.payment_intents.confirm(intent.id)

    assert (again.status, again.amount) == ("requires_action", 6000)


def test_a_changed_description_keeps_the_voucher(client):
    intent = direct(client, "konbini")

    changed = client.v1.payment_intents.update(intent.id, {"description": "Tea"})

    assert changed.next_action == intent.next_action


@pytest.mark.parametrize(("method", "missing"), [("konbini", "name"), ("oxxo", "email"), ("boleto", "address")])
def test_a_voucher_needs_the_shoppers_details(client, method, missing):
    person = {"email": "hanako@example.com", "name": "Hanako", "address": {"country": "BR", "line1": "Rua 1"}}
    del person[missing]
    own = {"boleto": {"tax_id": "529.982.247-25"}} if method == "boleto" else {}
    with pytest.raises(stripe.InvalidRequestError) as caught:
        direct(client, method, payment_method_data={"type": method, "billing_details": person, **own})

    assert (caught.value.code, caught.value.param) == ("parameter_missing", f"billing_details[{missing}]")


@pytest.mark.parametrize("tax_id", ["529.982.247-26", "11111111111", "123", "11.222.333/0001-80", "abc.def.ghi-jk"])
def test_a_boleto_needs_a_valid_tax_id(client, tax_id):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_methods.create({"type": "boleto", "boleto": {"tax_id": tax_id}})

    assert caught.value.param == "boleto[tax_id]"


@pytest.mark.parametrize("tax_id", ["529.982.247-25", "11.222.333/0001-81", "00000000000000"])
def test_a_boleto_takes_a_cpf_or_cnpj(client, tax_id):
    method = client.v1.payment_methods.create({"type": "boleto", "boleto": {"tax_id": tax_id}})

    assert method.boleto.tax_id == tax_id
