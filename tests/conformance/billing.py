"""Example calls for discounts, saved cards, subscriptions, invoices and shipping rates."""

from __future__ import annotations

from typing import Any

import stripe

from django_checkout.emulator import Emulator

DAY_SECONDS = 24 * 3600
MONTH: Any = {
    "currency": "eur",
    "unit_amount": 900,
    "recurring": {"interval": "month"},
    "product_data": {"name": "Club"},
}
ONCE = {"currency": "eur", "unit_amount": 900, "product_data": {"name": "Tea"}, "tax_behavior": "inclusive"}
LATER_FAILS = "4000000000000341"
URL = "https://shop.example.com/"


def visit_billing(client: stripe.StripeClient, emulator: Emulator) -> None:
    """Call every route of billing and read the objects that result."""
    _visit_discounts(client, emulator)
    _visit_shipping_rates(client)
    _visit_subscriptions(client, emulator)
    _visit_cards(client, emulator)
    emulator.clock.advance(40 * DAY_SECONDS)


def _new_session(client: stripe.StripeClient, **params: Any) -> stripe.checkout.Session:
    body: Any = {"mode": "payment", "line_items": [{"price_data": ONCE, "quantity": 2}], "success_url": URL, **params}
    return client.v1.checkout.sessions.create({name: value for name, value in body.items() if value is not None})


def _visit_discounts(client: stripe.StripeClient, emulator: Emulator) -> None:
    v1 = client.v1
    v1.coupons.create({"id": "ten", "percent_off": 10, "name": "Ten"})
    v1.coupons.retrieve("ten", {"expand": ["applies_to"]})
    v1.coupons.update("ten", {"name": "Ten percent"})
    v1.coupons.list({"limit": 5})
    restrictions: Any = {"minimum_amount": 100, "minimum_amount_currency": "eur"}
    promotion: Any = {"type": "coupon", "coupon": "ten"}
    code = v1.promotion_codes.create({"promotion": promotion, "code": "TEN", "restrictions": restrictions})
    v1.promotion_codes.retrieve(code.id, {"expand": ["promotion.coupon"]})
    v1.promotion_codes.update(code.id, {"metadata": {"a": "b"}})
    v1.promotion_codes.list({"code": "TEN"})
    session = _new_session(client, allow_promotion_codes=True, automatic_tax={"enabled": True})
    emulator.apply_promotion_code(session.id, "TEN")
    emulator.pay(session.id)
    expand: Any = ["total_details.breakdown", "discounts.promotion_code", "line_items.data.discounts"]
    v1.checkout.sessions.retrieve(session.id, {"expand": [*expand, "line_items.data.taxes"]})
    v1.coupons.delete("ten")
    v1.products.delete(v1.products.create({"name": "Mug"}).id)


def _visit_shipping_rates(client: stripe.StripeClient) -> None:
    rates = client.v1.shipping_rates
    amount: Any = {"amount": 500, "currency": "eur"}
    rate = rates.create({"display_name": "Post", "type": "fixed_amount", "fixed_amount": amount})
    rates.retrieve(rate.id)
    rates.list({"active": True})
    session = _new_session(client, shipping_options=[{"shipping_rate": rate.id}], automatic_tax={"enabled": True})
    expand: Any = ["shipping_cost.shipping_rate", "shipping_cost.taxes", "shipping_options.shipping_rate"]
    client.v1.checkout.sessions.retrieve(session.id, {"expand": expand})
    rates.update(rate.id, {"active": False})


def _subscribe(client: stripe.StripeClient, emulator: Emulator, card: str, **params: Any) -> stripe.checkout.Session:
    lines = [{"price_data": MONTH, "quantity": 1}, {"price_data": ONCE, "quantity": 1}]
    session = _new_session(client, mode="subscription", line_items=lines, **params)
    emulator.pay(session.id, card)
    expand: Any = ["subscription.latest_invoice", "invoice.payments", "customer"]
    return client.v1.checkout.sessions.retrieve(session.id, {"expand": expand})


def _visit_subscriptions(client: stripe.StripeClient, emulator: Emulator) -> None:
    v1 = client.v1
    v1.coupons.create({"id": "forever", "amount_off": 100, "currency": "eur", "duration": "forever"})
    session: Any = _subscribe(
        client, emulator, LATER_FAILS, discounts=[{"coupon": "forever"}], automatic_tax={"enabled": True}
    )
    subscription_id, invoice_id = session.subscription.id, session.invoice.id
    v1.subscriptions.retrieve(subscription_id, {"expand": ["default_payment_method", "customer"]})
    v1.subscriptions.list({"customer": session.customer.id, "status": "active"})
    v1.subscription_items.list({"subscription": subscription_id})
    v1.invoices.retrieve(invoice_id, {"expand": ["payments.data.payment.payment_intent"]})
    v1.invoices.list({"subscription": subscription_id})
    v1.invoices.line_items.list(invoice_id)
    payment = v1.invoice_payments.list({"invoice": invoice_id}).data[0]
    v1.invoice_payments.retrieve(payment.id, {"expand": ["invoice"]})
    v1.billing_portal.sessions.create({"customer": session.customer.id, "return_url": URL})
    v1.subscriptions.update(subscription_id, {"cancel_at_period_end": True})
    v1.subscriptions.update(subscription_id, {"cancel_at_period_end": False, "metadata": {"a": "b"}})
    _subscribe(client, emulator, LATER_FAILS, subscription_data={"trial_period_days": 7})
    other: Any = _subscribe(client, emulator, "4242424242424242")
    v1.subscriptions.cancel(other.subscription.id)


def _visit_cards(client: stripe.StripeClient, emulator: Emulator) -> None:
    v1 = client.v1
    customer = v1.customers.create({"email": "sam@example.com"})
    session = _new_session(client, mode="setup", line_items=None, currency="eur", customer=customer.id)
    for card in ("4000000000000002", "4000002500003155"):
        emulator.pay(session.id, card)
    emulator.authenticate(session.id)
    intent = v1.setup_intents.list({"customer": customer.id}).data[0]
    v1.setup_intents.retrieve(intent.id, {"expand": ["payment_method", "customer"]})
    method = v1.payment_methods.list({"customer": customer.id, "type": "card"}).data[0]
    v1.customers.payment_methods.list(customer.id)
    v1.payment_methods.retrieve(method.id)
    v1.payment_methods.update(method.id, {"allow_redisplay": "limited"})
    v1.payment_intents.create(
        {
            "amount": 900,
            "currency": "eur",
            "customer": customer.id,
            "payment_method": method.id,
            "off_session": True,
            "confirm": True,
        }
    )
    v1.payment_methods.attach(method.id, {"customer": customer.id})
    v1.payment_methods.detach(method.id)
