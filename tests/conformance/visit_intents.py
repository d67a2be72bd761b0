"""Example calls of PaymentIntents, SetupIntents, PaymentMethods and tokens without a Checkout Session."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from django_checkout.emulator import Emulator

ACCEPTANCE: Any = {"type": "online", "online": {"ip_address": "203.0.113.7", "user_agent": "Firefox"}}
IBAN = "AT611904300234573201"


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    customer = client.v1.customers.create({"email": "sam@example.com"})
    _visit_payments(client, emulator, customer.id)
    _visit_setups(client, emulator, customer.id)
    _visit_methods(client, customer.id)


def _pay(client: stripe.StripeClient, **params: Any) -> stripe.PaymentIntent:
    """Create a PaymentIntent and confirm it at once."""
    return client.v1.payment_intents.create(
        {"amount": 1000, "currency": "eur", "payment_method_types": ["card"], "confirm": True, **params}  # type: ignore[typeddict-item]  # a plain dict
    )


def _visit_payments(client: stripe.StripeClient, emulator: Emulator, customer: str) -> None:
    intents = client.v1.payment_intents
    intent = intents.create(
        {
            "amount": 1000,
            "currency": "eur",
            "customer": customer,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "setup_future_usage": "off_session",
            "description": "Tea",
            "receipt_email": "sam@example.com",
            "statement_descriptor_suffix": "TEA",
            "metadata": {"a": "b"},
        }
    )
    shipping: Any = {"name": "Sam", "address": {"line1": "1 Lane", "country": "DE"}, "carrier": "Post"}
    intents.update(intent.id, {"amount": 1200, "shipping": shipping, "payment_method": "pm_card_visa"})
    intents.confirm(intent.id, {"expand": ["latest_charge", "payment_method", "customer"]})
    with pytest.raises(stripe.CardError):
        _pay(client, payment_method="pm_card_visa_chargeDeclined")
    for name in ("radarBlock", "authenticationRequired"):
        with pytest.raises(stripe.CardError):
            _pay(client, payment_method=f"pm_card_{name}", off_session=True)
    for name in ("riskLevelElevated", "avsFail", "amex", "createDisputeInquiry", "createDisputeProductNotReceived"):
        _pay(client, payment_method=f"pm_card_{name}")
    for succeed in (False, True):
        for use_stripe_sdk in (False, True):
            asked = {"payment_method": "pm_card_threeDSecure2Required", "use_stripe_sdk": use_stripe_sdk}
            waiting = _pay(client, **asked, return_url="https://shop.example.com/")
            emulator.authenticate(waiting.id, succeed=succeed)
            intents.retrieve(waiting.id)
    options = {"card": {"request_incremental_authorization": "if_available", "request_three_d_secure": "any"}}
    held = _pay(client, payment_method="pm_card_visa", capture_method="manual", payment_method_options=options)
    intents.increment_authorization(held.id, {"amount": 1500, "expand": ["latest_charge"]})
    intents.capture(held.id)
    debit = {"type": "sepa_debit", "sepa_debit": {"iban": IBAN}, "billing_details": {"name": "Sam"}}
    debited = _pay(
        client,
        payment_method_types=["sepa_debit"],
        payment_method_data=debit,
        mandate_data={"customer_acceptance": ACCEPTANCE},
        expand=["latest_charge"],
    )
    charge: Any = debited.latest_charge
    client.v1.mandates.retrieve(charge.payment_method_details.sepa_debit.mandate, {"expand": ["payment_method"]})
    emulator.settle(debited.id)
    intents.cancel(intents.create({"amount": 1000, "currency": "eur"}).id)


def _visit_setups(client: stripe.StripeClient, emulator: Emulator, customer: str) -> None:
    setups = client.v1.setup_intents
    types: Any = {"payment_method_types": ["card", "sepa_debit"], "customer": customer}
    setup = setups.create({**types, "metadata": {"a": "b"}, "usage": "on_session"})
    setups.update(setup.id, {"description": "Tea", "payment_method": "pm_card_visa"})
    setups.confirm(setup.id, {"expand": ["payment_method"]})
    with pytest.raises(stripe.CardError):
        setups.create({**types, "payment_method": "pm_card_chargeDeclinedExpiredCard", "confirm": True})
    for succeed in (False, True):
        waiting = setups.create(
            {
                **types,
                "payment_method": "pm_card_threeDSecure2Required",
                "confirm": True,
                "return_url": "https://shop.example.com/",
            }
        )
        emulator.authenticate(waiting.id, succeed=succeed)
        setups.retrieve(waiting.id)
    debit: Any = {"type": "sepa_debit", "sepa_debit": {"iban": IBAN}, "billing_details": {"name": "Sam"}}
    mandate: Any = {"customer_acceptance": {**ACCEPTANCE, "accepted_at": 1_700_000_000}}
    setups.create({**types, "payment_method_data": debit, "mandate_data": mandate, "confirm": True})
    setups.cancel(setups.create(types).id, {"cancellation_reason": "abandoned"})


def _visit_methods(client: stripe.StripeClient, customer: str) -> None:
    v1 = client.v1
    token = v1.tokens.create(
        {"card": {"number": "4242424242424242", "exp_month": "12", "exp_year": "40", "cvc": "123", "address_zip": "1"}}
    )
    v1.tokens.retrieve(token.id)
    method = v1.payment_methods.create(
        {
            "type": "card",
            "card": {"token": token.id},
            "billing_details": {"name": "Sam", "address": {"country": "DE"}},
            "metadata": {"a": "b"},
        }
    )
    v1.payment_methods.attach(method.id, {"customer": customer})
    v1.payment_methods.update(method.id, {"billing_details": {"email": "sam@example.com"}, "card": {"exp_year": 2041}})
    v1.payment_methods.attach("pm_card_mastercard", {"customer": customer})
    with pytest.raises(stripe.CardError):
        v1.payment_methods.attach("pm_card_visa_chargeDeclined", {"customer": customer})
