"""Example calls of every route, through the real library without our app."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import stripe

from django_checkout.emulator import Emulator
from tests.conformance.billing import visit_billing
from tests.conformance.document import VERSION

CARD = "4242424242424242"
CHALLENGE = "4000002500003155"
DECLINED = "4000000000000002"
DISPUTED = "4000000000000259"
FRAUD_WARNING = "4000000000005423"
REFUND_PENDING = "4000000000007726"
REFUND_FAILS = "4000000000005126"
IBAN = "AT611904300234573201"
FAILING_IBAN = "AT861904300235473202"
DAY_SECONDS = 24 * 3600
SHIPPING: dict[str, Any] = {
    "shipping_address_collection": {"allowed_countries": ["DE", "US"]},
    "shipping_options": [
        {
            "shipping_rate_data": {
                "display_name": "Post",
                "type": "fixed_amount",
                "fixed_amount": {"amount": amount, "currency": "eur"},
                "delivery_estimate": {"minimum": {"unit": "business_day", "value": 2}},
            }
        }
        for amount in (0, 700)
    ],
}
EVERYTHING: dict[str, Any] = {
    **SHIPPING,
    "after_expiration": {"recovery": {"enabled": True, "allow_promotion_codes": True}},
    "allow_promotion_codes": True,
    "automatic_tax": {"enabled": True},
    "billing_address_collection": "required",
    "branding_settings": {"display_name": "Tea", "button_color": "#112233"},
    "client_reference_id": "A-1",
    "consent_collection": {"terms_of_service": "required", "promotions": "auto"},
    "custom_fields": [
        {"key": "engraving", "label": {"type": "custom", "custom": "Engraving"}, "type": "text", "optional": True},
        {"key": "age", "label": {"type": "custom", "custom": "Age"}, "type": "numeric"},
        {
            "key": "colour",
            "label": {"type": "custom", "custom": "Colour"},
            "type": "dropdown",
            "dropdown": {"options": [{"label": "Red", "value": "red"}]},
        },
    ],
    "custom_text": {"submit": {"message": "Thank you"}},
    "customer_creation": "always",
    "customer_email": "sam@example.com",
    "invoice_creation": {"enabled": True, "invoice_data": {"footer": "Thanks", "metadata": {"a": "b"}}},
    "locale": "de",
    "metadata": {"order_id": "A-1"},
    "name_collection": {"individual": {"enabled": True}},
    "payment_intent_data": {"metadata": {"order_id": "A-1"}, "description": "Tea"},
    "phone_number_collection": {"enabled": True},
    "submit_type": "pay",
    "tax_id_collection": {"enabled": True},
}
SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "everything": EVERYTHING,
    "free": {"amount": 0},
    "yen": {"price_currency": "jpy"},
    "manual": {"payment_intent_data": {"capture_method": "manual"}},
    "saved": {"payment_intent_data": {"setup_future_usage": "off_session"}},
    "embedded": {"ui_mode": "embedded_page", "success_url": None, "return_url": "https://shop.example.com/"},
    "elements": {"ui_mode": "elements", "success_url": None, "return_url": "https://shop.example.com/"},
}
EXPANSIONS = {
    "checkout.session": [
        "payment_intent.latest_charge.balance_transaction",
        "customer",
        "line_items.data.price.product",
    ],
    "list": ["data.payment_intent", "data.line_items"],
}


def new_session(client: stripe.StripeClient, amount: int = 500, **params: Any) -> stripe.checkout.Session:
    """Create a session of two cups of tea; a parameter that is None is left out."""
    price = {"currency": params.pop("price_currency", "eur"), "unit_amount": amount, "product_data": {"name": "Tea"}}
    parameters = {
        "mode": "payment",
        "line_items": [{"quantity": 2, "price_data": price, "metadata": {"sku": "T"}}],
        "success_url": "https://shop.example.com/return/?session_id={CHECKOUT_SESSION_ID}",
        **params,
    }
    parameters = {name: value for name, value in parameters.items() if value is not None}
    return client.v1.checkout.sessions.create(parameters)  # type: ignore[arg-type]  # a plain dict


def read_all(client: stripe.StripeClient, session_id: str) -> None:
    """Read a session and its related objects, expanded as deeply as possible."""
    v1 = client.v1
    v1.checkout.sessions.retrieve(session_id, {"expand": EXPANSIONS["checkout.session"]})
    v1.checkout.sessions.line_items.list(session_id, {"limit": 3, "expand": ["data.price.product"]})
    v1.checkout.sessions.list({"limit": 2, "created": {"gte": 1}, "expand": EXPANSIONS["list"]})
    v1.payment_intents.list({"expand": ["data.latest_charge", "data.payment_method"]})
    v1.charges.list({"expand": ["data.balance_transaction", "data.refunds", "data.payment_intent"]})
    v1.refunds.list({"expand": ["data.charge", "data.balance_transaction", "data.failure_balance_transaction"]})
    v1.disputes.list({"expand": ["data.charge", "data.payment_intent"]})
    v1.radar.early_fraud_warnings.list({"expand": ["data.charge"]})
    v1.balance_transactions.list({"expand": ["data.source"]})
    v1.events.list({"limit": 100, "types": ["checkout.session.completed", "charge.succeeded"]})


def paid(client: stripe.StripeClient, emulator: Emulator, card: str = CARD, **params: Any) -> str:
    """Pay a new session and return the id of its payment intent."""
    outcome = emulator.pay(new_session(client, **params).id, card)
    assert outcome.payment_intent
    return outcome.payment_intent


def visit_catalogue(client: stripe.StripeClient) -> None:
    v1 = client.v1
    product = v1.products.create(
        {"name": "Pot", "images": ["https://shop.example.com/pot.png"], "metadata": {"a": "b"}}
    )
    price = v1.prices.create({"currency": "eur", "unit_amount": 1000, "product": product.id, "lookup_key": "pot"})
    v1.prices.create(
        {"currency": "usd", "unit_amount_decimal": "10.5", "product_data": {"name": "Bag"}}  # type: ignore[typeddict-item]  # 16 wants Decimal
    )
    v1.prices.create({"currency": "eur", "unit_amount": 1, "product": product.id, "recurring": {"interval": "month"}})
    v1.products.retrieve(product.id, {"expand": ["default_price"]})
    v1.products.update(product.id, {"default_price": price.id, "description": "Round", "metadata": {"a": ""}})
    v1.products.retrieve(product.id, {"expand": ["default_price"]})
    v1.products.list({"active": True, "ids": [product.id]})
    v1.prices.retrieve(price.id, {"expand": ["product"]})
    v1.prices.update(price.id, {"nickname": "Standard", "metadata": {"a": "b"}})
    v1.prices.list({"product": product.id, "lookup_keys": ["pot"]})
    session = v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": price.id, "quantity": 1, "adjustable_quantity": {"enabled": True, "maximum": 5}}],
            "success_url": "https://shop.example.com/",
        }
    )
    read_all(client, session.id)


def visit_customers(client: stripe.StripeClient, emulator: Emulator) -> None:
    customers = client.v1.customers
    customer = customers.create(
        {
            "email": "sam@example.com",
            "name": "Sam",
            "address": {"line1": "1 Lane", "country": "DE"},
            "shipping": {"name": "Sam", "address": {"line1": "1 Lane"}},
            "metadata": {"a": "b"},
        }
    )
    customers.update(customer.id, {"phone": "+49", "metadata": {"a": ""}, "preferred_locales": ["de"]})
    customers.retrieve(customer.id)
    customers.list({"email": "sam@example.com"})
    paid(client, emulator, customer=customer.id)
    customers.delete(customer.id)
    customers.retrieve(customer.id)


def visit_sessions(client: stripe.StripeClient, emulator: Emulator) -> None:
    sessions = client.v1.checkout.sessions
    elements = new_session(client, **SHAPES["elements"], **SHIPPING)
    line = sessions.line_items.list(elements.id).data[0]
    tea = {"currency": "eur", "unit_amount": 300, "product_data": {"name": "More tea"}}
    change: Any = {
        "line_items": [{"id": line.id, "quantity": 3}, {"price_data": tea, "quantity": 1}],
        "metadata": {"order_id": "A-2"},
        "collected_information": {"shipping_details": {"name": "Sam", "address": {"country": "DE", "line1": "1 Lane"}}},
    }
    sessions.update(elements.id, change)
    sessions.update(elements.id, {"shipping_options": "", "metadata": ""})
    read_all(client, elements.id)
    expired = new_session(client, **EVERYTHING)
    sessions.expire(expired.id)
    recovered = emulator.recover(expired.id)
    emulator.pay(recovered["id"], DECLINED)
    emulator.pay(recovered["id"])
    read_all(client, recovered["id"])


def visit_payments(client: stripe.StripeClient, emulator: Emulator) -> None:
    v1 = client.v1
    intent = paid(client, emulator, **SHAPES["manual"])
    v1.payment_intents.update(intent, {"description": "Tea", "metadata": {"a": "b"}})
    v1.payment_intents.capture(intent, {"amount_to_capture": 700})
    shown = v1.payment_intents.retrieve(intent, {"expand": ["latest_charge.balance_transaction", "payment_method"]})
    charge = str(shown.latest_charge.id)  # type: ignore[union-attr]  # expanded
    v1.charges.retrieve(charge, {"expand": ["payment_intent", "balance_transaction"]})
    transaction = v1.balance_transactions.list({"source": charge}).data[0]
    v1.balance_transactions.retrieve(transaction.id, {"expand": ["source"]})
    v1.payment_intents.cancel(paid(client, emulator, **SHAPES["manual"]), {"cancellation_reason": "abandoned"})
    paid(client, emulator, **SHAPES["manual"])
    emulator.clock.advance(8 * DAY_SECONDS)
    challenged = new_session(client)
    emulator.pay(challenged.id, CHALLENGE)
    read_all(client, challenged.id)
    emulator.authenticate(challenged.id, succeed=False)
    emulator.pay(challenged.id, CHALLENGE)
    emulator.authenticate(challenged.id)
    read_all(client, challenged.id)
    for iban in (IBAN, FAILING_IBAN):
        delayed = new_session(client)
        emulator.pay(delayed.id, iban=iban)
        read_all(client, delayed.id)
        emulator.settle(delayed.id, succeed=iban == IBAN)
        read_all(client, delayed.id)


def visit_refunds(client: stripe.StripeClient, emulator: Emulator) -> None:
    refunds = client.v1.refunds
    intent = paid(client, emulator)
    refund = refunds.create({"payment_intent": intent, "amount": 100, "reason": "requested_by_customer"})
    refunds.update(refund.id, {"metadata": {"a": "b"}})
    refunds.retrieve(refund.id, {"expand": ["charge", "balance_transaction", "payment_intent"]})
    emulator.refund(intent, 100)
    for card in (REFUND_PENDING, REFUND_FAILS):
        refunds.create({"payment_intent": paid(client, emulator, card)})
    pending = refunds.list({"limit": 1}).data[0]
    with pytest.raises(stripe.InvalidRequestError):
        refunds.cancel(pending.id)
    emulator.clock.advance(10 * DAY_SECONDS)
    read_all(client, new_session(client).id)


def visit_disputes(client: stripe.StripeClient, emulator: Emulator) -> None:
    v1 = client.v1
    paid(client, emulator, DISPUTED)
    dispute = v1.disputes.list().data[0]
    v1.disputes.retrieve(dispute.id, {"expand": ["charge", "payment_intent"]})
    v1.disputes.update(
        dispute.id, {"evidence": {"product_description": "Tea"}, "submit": False, "metadata": {"a": "b"}}
    )
    v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
    v1.disputes.close(emulator.open_dispute(paid(client, emulator), inquiry=False)["id"])
    emulator.open_dispute(paid(client, emulator), inquiry=True)
    paid(client, emulator, FRAUD_WARNING)
    warning = v1.radar.early_fraud_warnings.list().data[0]
    v1.radar.early_fraud_warnings.retrieve(warning.id, {"expand": ["charge"]})
    review = emulator.open_review(paid(client, emulator))
    assert [row.id for row in v1.reviews.list().data] == [review["id"]]
    v1.reviews.retrieve(review["id"], {"expand": ["charge"]})
    v1.reviews.approve(review["id"])
    read_all(client, new_session(client).id)
    emulator.clock.advance(10 * DAY_SECONDS)


def visit_payouts(client: stripe.StripeClient, emulator: Emulator) -> None:
    v1 = client.v1
    intent = paid(client, emulator)
    emulator.refund(intent, 100)
    emulator.clock.advance(3 * DAY_SECONDS)
    emulator.pay_out()
    payout = v1.payouts.list({"status": "paid", "expand": ["data.balance_transaction"]}).data[0]
    v1.payouts.retrieve(payout.id)
    v1.balance_transactions.list({"payout": payout.id, "expand": ["data.source"]})


def visit_account(client: stripe.StripeClient, emulator: Emulator) -> None:
    v1 = client.v1
    v1.accounts.retrieve_current()
    endpoint = v1.webhook_endpoints.create(
        {
            "url": "https://shop.example.com/checkout/webhook/",
            "enabled_events": ["checkout.session.completed", "charge.refunded"],
            "api_version": VERSION,
            "description": "Shop",
            "metadata": {"a": "b"},
        }
    )
    v1.webhook_endpoints.retrieve(endpoint.id)
    v1.webhook_endpoints.update(endpoint.id, {"disabled": True, "enabled_events": ["*"]})
    v1.webhook_endpoints.list({"limit": 5})
    v1.webhook_endpoints.delete(endpoint.id)
    emulator.deliver_to(lambda body, headers: 200)
    event = v1.events.list({"type": "checkout.*", "delivery_success": True}).data[0]
    v1.events.retrieve(event.id)


def visit_every_route(client: stripe.StripeClient, emulator: Emulator) -> None:
    """Call every route that can be called, here and in the ``visit`` of every module ``visit_*.py``."""
    visit_catalogue(client)
    visit_customers(client, emulator)
    visit_sessions(client, emulator)
    visit_payments(client, emulator)
    visit_refunds(client, emulator)
    visit_disputes(client, emulator)
    visit_payouts(client, emulator)
    visit_account(client, emulator)
    visit_billing(client, emulator)
    for name in sorted(path.stem for path in Path(__file__).parent.glob("visit_*.py")):
        import_module(f"tests.conformance.{name}").visit(client, emulator)


#: Only a refund that waits for the shopper can be canceled, and no test card creates one.
NOT_VISITED = {"POST /v1/refunds/{refund}/cancel"}
