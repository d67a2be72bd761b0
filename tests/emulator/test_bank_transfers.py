"""Bank transfers: a customer's cash balance and the payments that wait for it."""

from __future__ import annotations

import pytest
import stripe

from django_checkout.emulator.messages import ApiError
from tests.emulator.conftest import event_types

TRANSFERS = {
    "eur": ("eu_bank_transfer", ["iban"]),
    "gbp": ("gb_bank_transfer", ["sort_code"]),
    "jpy": ("jp_bank_transfer", ["zengin"]),
    "mxn": ("mx_bank_transfer", ["spei"]),
    "usd": ("us_bank_transfer", ["aba", "swift"]),
}


def options(currency="eur"):
    transfer = {"type": TRANSFERS[currency][0]}
    if currency == "eur":
        transfer["eu_bank_transfer"] = {"country": "NL"}
    return {"customer_balance": {"funding_type": "bank_transfer", "bank_transfer": transfer}}


@pytest.fixture
def customer(client):
    return client.v1.customers.create({"email": "kim@example.com"}).id


@pytest.fixture
def transfer_session(make_session, customer):
    """Return a function that opens a session of 50.00 whose customer may pay by transfer."""

    def make(currency="eur", **params):
        return make_session(
            amount=2500,
            currency=currency,
            customer=customer,
            payment_method_types=["card", "customer_balance"],
            payment_method_options=options(currency),
            **params,
        )

    return make


@pytest.fixture
def direct(client, customer):
    """Return a function that confirms an intent by transfer."""

    def make(amount, **params):
        return client.v1.payment_intents.create(
            {
                "amount": amount,
                "currency": "eur",
                "customer": customer,
                "payment_method_types": ["customer_balance"],
                "payment_method_options": options(),
                "payment_method_data": {"type": "customer_balance"},
                "confirm": True,
                **params,
            }
        )

    return make


def instructions_of(client, intent_id):
    return client.v1.payment_intents.retrieve(intent_id).next_action.display_bank_transfer_instructions


def cash_of(client, customer, currency="eur"):
    available = client.v1.customers.cash_balance.retrieve(customer).available
    return (available.to_dict() if available else {}).get(currency, 0)


def kinds(client, customer):
    return [one.type for one in client.v1.customers.cash_balance_transactions.list(customer).data][::-1]


@pytest.mark.parametrize("currency", TRANSFERS)
def test_a_transfer_completes_the_session_and_waits_for_funds(emulator, client, transfer_session, currency):
    session = transfer_session(currency)

    outcome = emulator.pay(session.id, method="customer_balance")

    shown = instructions_of(client, outcome.payment_intent)
    assert (outcome.status, outcome.redirect_url) == ("instructed", shown.hosted_instructions_url)
    assert (shown.amount_remaining, shown.currency, shown.type) == (5000, currency, TRANSFERS[currency][0])
    assert [address.type for address in shown.financial_addresses] == TRANSFERS[currency][1]
    assert (shown.reference is None) == (currency == "jpy")
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "unpaid"
    assert event_types(emulator)[-2:] == ["payment_intent.requires_action", "checkout.session.completed"]


@pytest.mark.parametrize("currency", TRANSFERS)
def test_a_transfer_of_the_amount_pays(emulator, client, transfer_session, customer, currency):
    session = transfer_session(currency)
    outcome = emulator.pay(session.id, method="customer_balance")
    before = len(emulator.events())

    client.v1.test_helpers.customers.fund_cash_balance(customer, {"amount": 5000, "currency": currency})

    assert client.v1.payment_intents.retrieve(outcome.payment_intent).status == "succeeded"
    assert event_types(emulator)[before:] == [
        "customer_cash_balance_transaction.created",
        "customer_cash_balance_transaction.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
        "checkout.session.async_payment_succeeded",
    ]
    assert kinds(client, customer) == ["funded", "applied_to_payment"]
    assert cash_of(client, customer, currency) == 0


def test_a_partial_transfer_funds_a_part_and_the_rest_completes(emulator, client, transfer_session, customer):
    session = transfer_session()
    outcome = emulator.pay(session.id, method="customer_balance")

    assert emulator.settle(session.id, amount=2000).status == "instructed"
    intent = client.v1.payment_intents.retrieve(outcome.payment_intent)
    assert (intent.status, intent.amount_received) == ("requires_action", 0)
    assert instructions_of(client, outcome.payment_intent).amount_remaining == 3000
    assert event_types(emulator)[-1] == "payment_intent.partially_funded"
    assert (
        emulator.events()[-1]["data"]["object"]["next_action"]["display_bank_transfer_instructions"]["amount_remaining"]
        == 3000
    )

    assert emulator.settle(session.id).status == "paid"
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert cash_of(client, customer) == 0


def test_what_is_too_much_stays_in_the_cash_balance(emulator, client, transfer_session, customer):
    session = transfer_session()
    emulator.pay(session.id, method="customer_balance")

    assert emulator.settle(session.id, amount=5700).status == "paid"

    assert cash_of(client, customer) == 700
    assert event_types(emulator)[-1] == "cash_balance.funds_available"


def test_a_second_transfer_stays_in_the_cash_balance(emulator, client, transfer_session, customer):
    session = transfer_session()
    emulator.pay(session.id, method="customer_balance")
    emulator.settle(session.id)

    emulator.settle(session.id)

    assert cash_of(client, customer) == 5000
    assert event_types(emulator).count("checkout.session.async_payment_succeeded") == 1


def test_a_cash_balance_that_is_high_enough_pays_at_once(emulator, client, transfer_session, customer):
    emulator.transfer(customer, 9000, "eur")
    session = transfer_session()

    outcome = emulator.pay(session.id, method="customer_balance")

    assert outcome.status == "paid"
    assert outcome.redirect_url == f"https://shop.example.com/return/?session_id={session.id}"
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert "payment_intent.requires_action" not in event_types(emulator)
    assert "checkout.session.async_payment_succeeded" not in event_types(emulator)
    assert cash_of(client, customer) == 4000


def test_a_low_cash_balance_is_applied_first(emulator, client, transfer_session, customer):
    emulator.transfer(customer, 1200, "eur")
    session = transfer_session()

    outcome = emulator.pay(session.id, method="customer_balance")

    assert instructions_of(client, outcome.payment_intent).amount_remaining == 3800
    assert "payment_intent.partially_funded" not in event_types(emulator)


def test_a_transfer_in_another_currency_waits_in_the_cash_balance(emulator, client, transfer_session, customer):
    session = transfer_session()
    emulator.pay(session.id, method="customer_balance")

    emulator.transfer(customer, 5000, "gbp")

    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "unpaid"
    assert cash_of(client, customer, "gbp") == 5000


def test_funds_go_to_the_reference_then_to_the_exact_amount_then_to_the_oldest(emulator, client, customer, direct):
    first, second, third = direct(1000), direct(1500), direct(3000)

    emulator.transfer(customer, 1000, "eur", reference=instructions_of(client, third.id).reference)
    assert instructions_of(client, third.id).amount_remaining == 2000
    assert client.v1.payment_intents.retrieve(first.id).status == "requires_action"
    emulator.transfer(customer, 1500, "eur")
    assert client.v1.payment_intents.retrieve(second.id).status == "succeeded"
    emulator.transfer(customer, 400, "eur")

    assert instructions_of(client, first.id).amount_remaining == 600
    assert instructions_of(client, third.id).amount_remaining == 2000


def test_one_transfer_pays_a_group_of_its_exact_amount(emulator, client, customer, direct):
    first, second, third = direct(1000), direct(2500), direct(3000)

    emulator.transfer(customer, 5500, "eur")

    found = [client.v1.payment_intents.retrieve(intent.id).status for intent in (first, second, third)]
    assert found == ["requires_action", "succeeded", "succeeded"]


def test_funds_of_manual_reconciliation_are_applied_by_the_shop(emulator, client, customer, direct):
    client.v1.customers.cash_balance.update(customer, {"settings": {"reconciliation_mode": "manual"}})
    intent = direct(3000)
    emulator.transfer(customer, 5000, "eur")
    assert event_types(emulator)[-1] == "cash_balance.funds_available"
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_action"

    part = client.v1.payment_intents.apply_customer_balance(intent.id, {"amount": 1000, "currency": "eur"})
    assert part.next_action.display_bank_transfer_instructions.amount_remaining == 2000
    done = client.v1.payment_intents.apply_customer_balance(intent.id)

    assert (done.status, cash_of(client, customer)) == ("succeeded", 2000)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.apply_customer_balance(intent.id)


@pytest.mark.parametrize("params", [{"amount": 0}, {"amount": 3001}, {"currency": "usd"}])
def test_what_is_applied_is_within_bounds(client, customer, direct, params):
    client.v1.customers.cash_balance.update(customer, {"settings": {"reconciliation_mode": "manual"}})
    intent = direct(3000)
    client.v1.test_helpers.customers.fund_cash_balance(customer, {"amount": 9000, "currency": "eur"})

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.apply_customer_balance(intent.id, params)


def test_a_canceled_payment_returns_its_funds(emulator, client, transfer_session, customer):
    session = transfer_session()
    outcome = emulator.pay(session.id, method="customer_balance")
    emulator.settle(session.id, amount=2000)

    client.v1.payment_intents.cancel(outcome.payment_intent)

    assert cash_of(client, customer) == 2000
    assert kinds(client, customer) == ["funded", "applied_to_payment", "unapplied_from_payment"]


def test_the_funds_of_a_canceled_payment_go_to_the_next_one(emulator, client, customer, direct):
    first, second = direct(3000), direct(1500)
    emulator.transfer(customer, 2000, "eur", reference=instructions_of(client, first.id).reference)

    client.v1.payment_intents.cancel(first.id)

    assert client.v1.payment_intents.retrieve(second.id).status == "succeeded"
    assert cash_of(client, customer) == 500


def test_a_changed_amount_returns_the_funds_until_the_payment_is_confirmed_again(emulator, client, customer, direct):
    intent = direct(3000)
    emulator.settle(intent.id, amount=2000)

    changed = client.v1.payment_intents.update(intent.id, {"amount": 2000})
    assert (changed.status, changed.next_action, cash_of(client, customer)) == ("requires_confirmation", None, 2000)
    confirmed = client.v1.payment_intents.confirm(intent.id)

    assert (confirmed.status, confirmed.amount_received, cash_of(client, customer)) == ("succeeded", 2000, 0)


def test_a_payment_that_is_confirmed_again_keeps_its_funds(emulator, client, customer, direct):
    intent = direct(3000)
    emulator.settle(intent.id, amount=2000)

    client.v1.payment_intents.confirm(intent.id)

    assert instructions_of(client, intent.id).amount_remaining == 1000
    assert cash_of(client, customer) == 0


@pytest.mark.parametrize("change", ["customer", "card"])
def test_what_no_source_says_about_a_partly_funded_payment_is_not_played(emulator, client, customer, direct, change):
    intent, intents = direct(3000, payment_method_types=["card", "customer_balance"]), client.v1.payment_intents
    emulator.settle(intent.id, amount=2000)
    other = client.v1.customers.create().id
    call, params = {
        "customer": (intents.update, {"customer": other}),
        "card": (intents.confirm, {"payment_method": "pm_card_visa"}),
    }[change]

    with pytest.raises(stripe.StripeError) as caught:
        call(intent.id, params)

    assert caught.value.http_status == 501


def test_a_transfer_does_not_expire(emulator, transfer_session):
    session = transfer_session()
    emulator.pay(session.id, method="customer_balance")

    with pytest.raises(ApiError, match="does not expire"):
        emulator.settle(session.id, succeed=False)


def test_a_refund_asks_the_customer_for_a_bank_account(emulator, client, transfer_session):
    session = transfer_session()
    outcome = emulator.pay(session.id, method="customer_balance", email="other@example.com")
    emulator.settle(session.id)

    refund = client.v1.refunds.create({"payment_intent": outcome.payment_intent})

    assert (refund.status, refund.instructions_email) == ("requires_action", "kim@example.com")


def test_a_refund_needs_an_email_address(emulator, client, direct):
    nameless = client.v1.customers.create().id
    intent = direct(2000, customer=nameless)
    emulator.settle(intent.id)

    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": intent.id})

    assert caught.value.param == "instructions_email"


def test_the_reversal_of_a_transfer_is_not_played(client, customer):
    with pytest.raises(stripe.StripeError) as caught:
        client.v1.test_helpers.customers.fund_cash_balance(
            customer, {"amount": 100, "currency": "eur", "reference": "reversal_1"}
        )

    assert caught.value.http_status == 501
