"""The emulator refuses what the app's own rules refuse: without one of them a test of the app would fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from django_checkout.emulator import Request
from django_checkout.params.rules import ABSENT, RULES, SET, Rule
from tests.encoding import encode, fields

from .conftest import BASE_URL, session_params

MONTHLY = {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Tea"}, "recurring": {"interval": "month"}}
RATE = {"display_name": "Post", "type": "fixed_amount", "fixed_amount": {"amount": 490, "currency": "eur"}}
FIELD = {"key": "note", "label": {"type": "custom", "custom": "Note"}, "type": "text"}
#: A value of each parameter that a rule names; ``<kind>`` is the id of an object.
VALUES: dict[str, Any] = {
    "after_expiration": {"recovery": {"enabled": True}},
    "allow_promotion_codes": True,
    "automatic_tax": {"enabled": True},
    "billing_address_collection": "required",
    "branding_settings": {"display_name": "Tea"},
    "cancel_url": "https://shop.example.com/cart/",
    "custom_fields": [FIELD],
    "custom_text": {"submit": {"message": "Thanks"}},
    "customer": "<customer>",
    "customer_creation": "always",
    "customer_email": "sam@example.com",
    "customer_update": {"name": "auto"},
    "customer_update.shipping": "auto",
    "discounts": [{"coupon": "<coupon>"}],
    "invoice_creation": {"enabled": True},
    "line_items": [{"quantity": 1, "price": "<price>"}],
    "name_collection": {"individual": {"enabled": True}},
    "optional_items": [{"quantity": 1, "price": "<price>"}],
    "origin_context": "mobile_app",
    "payment_intent_data": {"description": "Tea"},
    "payment_method_collection": "if_required",
    "payment_method_options.acss_debit": {"currency": "cad"},
    "payment_method_options.card.restrictions": {"brands_blocked": ["american_express"]},
    "permissions": {"update_shipping_details": "server_only"},
    "permissions.update_shipping_details": "server_only",
    "phone_number_collection": {"enabled": True},
    "redirect_on_completion": "if_required",
    "return_url": "https://shop.example.com/",
    "saved_payment_method_options": {"payment_method_save": "enabled"},
    "setup_intent_data": {"description": "Tea"},
    "shipping_address_collection": {"allowed_countries": ["DE"]},
    "shipping_options": [{"shipping_rate_data": RATE}],
    "submit_type": "pay",
    "subscription_data": {"description": "Tea"},
    "success_url": "https://shop.example.com/",
    "tax_id_collection.required": "if_supported",
}
#: What the emulator does not play: it answers 501, which fails a test as well.
NOT_PLAYED = {"payment_method_options.acss_debit", "payment_method_options.card.restrictions"}


def cases() -> Iterator[tuple[Rule, dict[str, Any]]]:
    """Yield every rule that refuses a parameter, with each combination of the values of its conditions."""
    for rule in RULES:
        if rule.refuses:
            choices = [[VALUES.get(name)] if values == SET else values for name, values in rule.when.items()]
            for chosen in product(*choices):
                yield rule, dict(zip(rule.when, chosen, strict=True))


CASES = list(cases())
#: What the app adds although Stripe accepts the session without it: else Checkout asks and does not save the answer.
NOT_REFUSED = {
    ("customer_update.address", ("billing_address_collection",)),
    ("customer_update.name", ("name_collection",)),
}
NEEDED = [rule for rule in RULES if rule.needs]


def put(params: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for step in above:
        params = params.setdefault(step, {})
    params[last] = value


def refused(rule: Rule, when: dict[str, Any]) -> dict[str, Any]:
    """Return the request of a session that breaks a rule."""
    mode, ui_mode = when.get("mode", "payment"), when.get("ui_mode", "hosted_page")
    if "redirect_on_completion" in (*when, rule.refuses) or rule.refuses == "permissions.update_shipping_details":
        ui_mode = when.get("ui_mode", "embedded_page")
    params = session_params(ui_mode=ui_mode, mode=mode)
    if mode == "subscription":
        params["line_items"] = [{"quantity": 1, "price_data": MONTHLY}]
    if mode == "setup":
        del params["line_items"]
        params["currency"] = "eur"
    if ui_mode != "hosted_page":
        del params["success_url"], params["cancel_url"]
        params["return_url"] = "https://shop.example.com/"
    if rule.refuses == "tax_id_collection.required":
        put(params, "tax_id_collection.enabled", True)
    for name, value in when.items():
        if value != ABSENT[0]:
            put(params, name, value)
    first = rule.refuses.partition(".")[0]
    put(params, rule.refuses, VALUES.get(rule.refuses, VALUES.get(first)))
    return params


def answer_to(params: dict[str, Any], emulator: Any, client: Any) -> Any:
    """Return the response to a request for a session."""
    ids = {
        "<customer>": client.v1.customers.create({"email": "kim@example.com"}).id,
        "<coupon>": client.v1.coupons.create({"percent_off": 10}).id,
        "<price>": client.v1.prices.create({"currency": "eur", "unit_amount": 1, "product_data": {"name": "Cup"}}).id,
    }
    sent = Request(
        method="POST",
        base_url=BASE_URL,
        path="/v1/checkout/sessions",
        headers={"authorization": "Bearer sk_test_rules"},
        body=encode((name, ids.get(value, value)) for name, value in fields(params)).encode(),
    )
    return emulator.handle(sent)


@pytest.mark.parametrize(("rule", "when"), CASES, ids=[f"{rule.refuses} {list(when.values())}" for rule, when in CASES])
def test_the_emulator_refuses_what_the_app_refuses(rule, when, emulator, client):
    answer = answer_to(refused(rule, when), emulator, client)

    error = json.loads(answer.body).get("error", {})
    assert answer.status == (501 if rule.refuses in NOT_PLAYED else 400), error
    named = f"{error.get('param')} {error['message']}"
    assert rule.refuses.partition(".")[0] in named or any(name.partition(".")[0] in named for name in when)


@pytest.mark.parametrize("rule", NEEDED, ids=[f"{rule.needs} {list(rule.when)}" for rule in NEEDED])
def test_the_emulator_refuses_a_session_without_what_the_app_adds(rule, emulator, client):
    params = session_params()
    for name, values in rule.when.items():
        if values != ABSENT:
            put(params, name, VALUES[name] if values == SET else values[0])
    # Another rule needs the name first.
    if "tax_id_collection.enabled" in rule.when and rule.needs != "customer_update.name":
        put(params, "customer_update.name", "auto")
    answer = answer_to(params, emulator, client)
    put(params, rule.needs, rule.value)

    others = tuple(name for name in rule.when if name != "customer")
    assert answer.status == (200 if (rule.needs, others) in NOT_REFUSED else 400)
    if "tax_id_collection.enabled" in rule.when:
        put(params, "customer_update", {"name": "auto", "address": "auto"})
    assert answer_to(params, emulator, client).status == 200
