"""Stripe's rules, compared with the emulator's own implementation over HTTP."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from django_checkout.conf import UI_MODES, conf
from django_checkout.emulator import Emulator, requests_session
from django_checkout.exceptions import ParameterError
from django_checkout.models import Order, OrderLine
from django_checkout.params.build import build, complete
from django_checkout.params.rules import ABSENT, MAXIMUM_ITEMS, MODES, RULES, SET, check_combination, fill_in

pytestmark = pytest.mark.core

PRICE = {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Tea"}}
RECURRING = {**PRICE, "recurring": {"interval": "month"}}
RATE = {"shipping_rate_data": {"display_name": "Parcel", "fixed_amount": {"amount": 490, "currency": "eur"}}}
FIELD = {"key": "gift", "label": {"type": "custom", "custom": "Gift?"}, "type": "text"}
#: A valid value of each parameter in the rules.
VALUES: dict[str, Any] = {
    "after_expiration": {"recovery": {"enabled": True}},
    "allow_promotion_codes": True,
    "automatic_tax": {"enabled": True},
    "branding_settings": {"button_color": "#123456"},
    "cancel_url": "https://shop.example/",
    "custom_fields": [FIELD],
    "custom_text": {"submit": {"message": "Thank you"}},
    "customer": "cus_1",
    "customer_creation": "always",
    "customer_email": "sam@example.com",
    "customer_update": {"name": "auto"},
    "customer_update.shipping": "auto",
    "discounts": [{"coupon": "TEN"}],
    "invoice_creation": {"enabled": True},
    "line_items": [{"price_data": PRICE, "quantity": 1}],
    "name_collection": {"individual": {"enabled": True}},
    "optional_items": [{"price": "price_1", "quantity": 1}],
    "origin_context": "web",
    "payment_intent_data": {"description": "Tea"},
    "payment_method_collection": "if_required",
    "payment_method_options.acss_debit": {"currency": "cad"},
    "payment_method_options.card.restrictions": {"brands_blocked": ["visa"]},
    "permissions": {"update_shipping_details": "server_only"},
    "permissions.update_shipping_details": "server_only",
    "phone_number_collection": {"enabled": True},
    "redirect_on_completion": "always",
    "return_url": "https://shop.example/",
    "saved_payment_method_options": {"payment_method_save": "enabled"},
    "setup_intent_data": {"description": "Tea"},
    "shipping_address_collection": {"allowed_countries": ["DE"]},
    "shipping_options": [RATE],
    "submit_type": "pay",
    "subscription_data": {"description": "Tea"},
    "success_url": "https://shop.example/",
    "tax_id_collection.required": "if_supported",
}
#: The parameters of rules that the emulator does not implement.
NOT_IN_EMULATOR = ("payment_method_options.acss_debit", "payment_method_options.card.restrictions")
REFUSING = [rule for rule in RULES if rule.refuses]
RULES_THAT_NEED = [rule for rule in RULES if rule.needs]


def ids(rules):
    return [f"{rule.refuses or rule.needs}-{'-'.join(rule.when)}" for rule in rules]


def put(params, name, value):
    *path, last = name.split(".")
    for step in path:
        params = params.setdefault(step, {})
    params[last] = copy.deepcopy(value)


def minimal_params(mode="payment", ui_mode="hosted_page"):
    """Return the required parameters."""
    params: dict[str, Any] = {"mode": mode, "ui_mode": ui_mode}
    if mode == "setup":
        params["currency"] = "eur"
    else:
        params["line_items"] = [{"price_data": RECURRING if mode == "subscription" else PRICE, "quantity": 1}]
    params["success_url" if ui_mode == "hosted_page" else "return_url"] = "https://shop.example/"
    return params


def situation(rule):
    """Return the minimal parameters to which a rule applies, without the parameter that it refuses or needs."""
    mode = next((values[0] for name, values in rule.when.items() if name == "mode"), "payment")
    embeds = "redirect_on_completion" in rule.when
    ui_mode = rule.when.get("ui_mode", ("embedded_page" if embeds else "hosted_page",))[0]
    params = minimal_params(mode, ui_mode)
    if embeds:
        del params["return_url"]
    for name, values in rule.when.items():
        if name not in ("mode", "ui_mode") and values != ABSENT:
            put(params, name, VALUES[name] if values == SET else values[0])
    if rule.refuses.startswith("tax_id_collection."):
        put(params, "tax_id_collection.enabled", True)
    return params


@pytest.fixture
def send():
    """Create a session with the real library in an emulator that has a customer, a coupon and a price."""
    emulator = Emulator()
    client = stripe.StripeClient(
        "sk_test_rules",
        stripe_version=conf.CHECKOUT_API_VERSION,
        http_client=stripe.RequestsClient(session=requests_session(emulator)),
        base_addresses={"api": "http://emulator.test"},
    )
    customer = client.v1.customers.create({"email": "sam@example.com"})
    client.v1.coupons.create({"id": "TEN", "percent_off": 10})
    price = client.v1.prices.create({"currency": "eur", "unit_amount": 100, "product_data": {"name": "Cup"}})

    def send(params):
        params = copy.deepcopy(params)
        if "customer" in params:
            params["customer"] = customer.id
        for item in params.get("optional_items", ()):
            item["price"] = price.id
        return client.v1.checkout.sessions.create(params)

    yield send
    emulator.close()


@pytest.mark.parametrize("rule", REFUSING, ids=ids(REFUSING))
def test_parameter_that_a_rule_refuses_is_refused_by_us_and_by_the_emulator(rule, send):
    params = situation(rule)
    if not rule.refuses.startswith("customer_update") and "customer" not in rule.when:
        send({name: value for name, value in params.items() if name != rule.refuses.split(".")[0] or name in rule.when})
    if rule.refuses not in rule.when and f"{rule.refuses}.enabled" not in rule.when:
        put(params, rule.refuses, VALUES[rule.refuses])

    with pytest.raises(ParameterError, match=rule.refuses.split(".")[0]):
        check_combination(params, filled_in=False)
    # The emulator does not implement two of the parameters, and says so instead.
    with pytest.raises((stripe.InvalidRequestError, stripe.APIError)) as caught:
        send(params)
    assert caught.value.http_status == (501 if rule.refuses in NOT_IN_EMULATOR else 400)
    assert rule.refuses.split(".")[0] in f"{caught.value.error.param} {caught.value.user_message}"


@pytest.mark.parametrize("rule", RULES_THAT_NEED, ids=ids(RULES_THAT_NEED))
def test_parameter_that_a_rule_needs_is_added_and_accepted_by_the_emulator(rule, send):
    params = situation(rule)
    with pytest.raises(ParameterError, match=rule.needs.split(".")[0]):
        check_combination(params)

    fill_in(params)

    check_combination(params)
    assert send(params).status == "open"


#: Needed parameters whose absence Stripe refuses; the others only make Checkout useful.
KNOWN_TO_REFUSE = {
    ("customer_update.address", "automatic_tax.enabled"),
    ("customer_update.shipping", "automatic_tax.enabled"),
    ("customer_update.name", "tax_id_collection.enabled"),
}


@pytest.mark.parametrize(
    "rule",
    [rule for rule in RULES_THAT_NEED if any((rule.needs, name) in KNOWN_TO_REFUSE for name in rule.when)],
    ids=lambda rule: rule.needs,
)
def test_emulator_requires_what_stripe_requires(rule, send):
    with pytest.raises(stripe.InvalidRequestError):
        send(situation(rule))


def test_customer_with_an_address_is_taxed_without_saving_another_one(send):
    params = {**minimal_params(), "customer": "cus_1", "automatic_tax": {"enabled": True}}
    with pytest.raises(stripe.InvalidRequestError) as caught:
        send(params)

    assert caught.value.code == "customer_tax_location_invalid"


def parameters(mode, ui_mode):
    return [(name, minimal_params(mode, ui_mode)) for name in sorted({name for name in VALUES if "." not in name})]


@pytest.mark.parametrize("ui_mode", UI_MODES)
@pytest.mark.parametrize("mode", MODES)
def test_our_rules_and_the_emulator_s_agree_in_each_mode(mode, ui_mode, send):
    """Finds rules that only one of the two has."""
    differ = []
    for name, params in parameters(mode, ui_mode):
        if name != "line_items" or mode == "setup":
            put(params, name, VALUES[name])
        fill_in(params)
        results = []
        for check, refusal in ((check_combination, ParameterError), (send, stripe.InvalidRequestError)):
            try:
                check(params)
                results.append("accepted")
            except refusal:
                results.append("refused")
        if results[0] != results[1]:
            differ.append((name, results))

    assert differ == []


@pytest.mark.parametrize("rule", RULES, ids=ids(RULES))
def test_rule_has_a_source(rule):
    assert rule.source.startswith(("https://docs.stripe.com/", "https://github.com/"))


@pytest.mark.parametrize("name", MAXIMUM_ITEMS)
def test_too_many_items_are_refused_by_us_and_by_the_emulator(name, send):
    params = {**minimal_params(), name: VALUES[name] * (MAXIMUM_ITEMS[name] + 1)}

    with pytest.raises(ParameterError, match=name):
        check_combination(params)
    with pytest.raises(stripe.InvalidRequestError):
        send(params)


def built(order=None, *options, defaults=None, mode="payment", ui_mode="hosted_page", **arguments):
    order = order or Order(reference="H-1", currency="eur", subtotal_minor=2000)
    lines = [OrderLine(name="Teapot", unit_amount_minor=2000, quantity=1)]
    return build(
        order,
        lines,
        mode=mode,
        ui_mode=ui_mode,
        capture_method="",
        options=options,
        defaults=defaults,
        **arguments,
    )


@pytest.mark.parametrize(
    ("mode", "ui_mode", "default"),
    [
        ("setup", "hosted_page", {"automatic_tax": {"enabled": True}}),
        ("setup", "hosted_page", {"phone_number_collection": {"enabled": True}}),
        ("setup", "hosted_page", {"allow_promotion_codes": True}),
        ("subscription", "hosted_page", {"invoice_creation": {"enabled": True}}),
        ("subscription", "hosted_page", {"customer_creation": "always"}),
        ("payment", "elements", {"custom_text": {"submit": {"message": "Thank you"}}}),
        ("payment", "elements", {"branding_settings": {"button_color": "#123456"}}),
        ("payment", "hosted_page", {"customer_update": {"address": "auto"}}),
        ("payment", "hosted_page", {"redirect_on_completion": "if_required"}),
    ],
)
def test_default_that_does_not_apply_is_removed(mode, ui_mode, default):
    params = built(defaults=default, mode=mode, ui_mode=ui_mode)

    assert not set(default) & set(params)


@pytest.mark.parametrize(
    ("default", "option"),
    [
        ({"allow_promotion_codes": True}, {"discounts": [{"coupon": "TEN"}]}),
        ({"discounts": [{"coupon": "TEN"}]}, {"allow_promotion_codes": True}),
        ({"customer_creation": "always"}, {"customer": "cus_1"}),
    ],
)
def test_order_s_option_removes_an_exclusive_default(default, option):
    params = built(None, option, defaults=default)

    assert option.items() <= params.items()
    assert not set(default) & set(params)


def test_discount_of_the_order_is_refused_and_not_removed_with_promotion_codes():
    """Without the discount, the shopper would pay more than the order's amount."""
    order = Order(reference="H-1", currency="eur", subtotal_minor=2000, asked_discount_minor=500)

    with pytest.raises(ParameterError, match="discounts"):
        built(order, {"allow_promotion_codes": True})


def test_default_that_restricts_cards_is_not_removed():
    with pytest.raises(ParameterError, match="restrictions"):
        built(
            defaults={"payment_method_options": {"card": {"restrictions": {"brands_blocked": ["visa"]}}}},
            ui_mode="elements",
        )


def test_removing_a_default_does_not_modify_the_setting():
    defaults = {"permissions": None, "customer_update": {"address": "auto"}, "automatic_tax": {"enabled": True}}
    before = copy.deepcopy(defaults)

    built(defaults=defaults, mode="setup")

    assert defaults == before


def test_none_removes_a_default():
    assert "locale" not in built(None, {"locale": None}, defaults={"locale": "de"})


def test_saving_a_card_creates_a_customer():
    params = built(None, {"saved_payment_method_options": {"payment_method_save": "enabled"}})

    assert params["customer_creation"] == "always"


def test_session_without_redirect_has_no_return_url():
    params = built(None, {"redirect_on_completion": "never"}, ui_mode="embedded_page")

    request = complete(
        params,
        Order(reference="H-1", currency="eur"),
        session_uuid="uuid-1",
        expires_at=datetime(2026, 9, 1, tzinfo=UTC),
        urls={"return_url": "https://shop.example/"},
    )
    assert "return_url" not in request


@pytest.mark.parametrize(
    ("options", "update"),
    [
        ({"automatic_tax": {"enabled": True}}, {"address": "auto"}),
        (
            {"automatic_tax": {"enabled": True}, "shipping_address_collection": {"allowed_countries": ["DE"]}},
            {"address": "auto", "shipping": "auto"},
        ),
        ({"tax_id_collection": {"enabled": True}}, {"address": "auto", "name": "auto"}),
        ({"automatic_tax": {"enabled": False}}, None),
        ({"automatic_tax": {"enabled": True}, "customer_update": {"address": "never"}}, {"address": "never"}),
    ],
)
def test_collected_details_are_saved_to_an_existing_customer(options, update):
    assert built(None, options, customer_id="cus_1").get("customer_update") == update
    assert "customer_update" not in built(None, {**options, "customer_update": None})
