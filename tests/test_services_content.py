"""``place`` refuses, corrects or leaves out what Stripe would refuse, so that no shopper sees its errors."""

from __future__ import annotations

import logging
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from django_checkout import services
from django_checkout.exceptions import MetadataError, MoneyError, OrderDataError, ParameterError
from django_checkout.models import Order, OrderLine
from django_checkout.values import CheckoutOptions, CustomField, LineData, OrderData, ShippingOption
from tests.factories import UserFactory
from tests.host.adapters import HostAdapter

pytestmark = [pytest.mark.django_db, pytest.mark.core]


class ShippingAdapter(HostAdapter):
    """A host that computes shipping options from the address."""

    def shipping_options(self, order, address):
        return [ShippingOption(name="Parcel", amount_minor=490)]


def line(**changes):
    return LineData(**{"name": "Teapot", "unit_amount_minor": 2000, **changes})


def data(reference="O-1", **changes):
    return OrderData(**{"reference": reference, "currency": "eur", "lines": (line(),), **changes})


def place(**changes):
    return services.place(data(**changes))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lines": (line(sku="s" * 256),)}, r"lines\[0\].sku must have at most 255 "),
        ({"lines": (line(), line(image_url=f"https://shop.example/{'a' * 2048}"))}, r"lines\[1\].image_url .* 2048 "),
        ({"lines": (line(tax_code="t" * 65),)}, r"tax_code must have at most 64 "),
        ({"lines": (line(name="n" * 5001),)}, r"name must have at most 5000 "),
        ({"lines": (line(description="d" * 40_001),)}, r"description must have at most 40000 "),
        ({"reference": "r" * 201}, "reference must have at most 200 "),
        ({"options": CheckoutOptions(coupon="c" * 256)}, "coupon must have at most 255 "),
        ({"options": CheckoutOptions(shipping_options=(ShippingOption(name="n" * 101, amount_minor=1),))}, "100 "),
        ({"options": CheckoutOptions(custom_fields=(CustomField(key="k" * 201, label="L"),))}, "200 "),
        ({"options": CheckoutOptions(custom_fields=(CustomField(key="k", label="L" * 101),))}, "(50|100) "),
        ({"options": CheckoutOptions(optional_prices=("p" * 256,))}, "255 "),
    ],
)
def test_refusal_of_a_long_value_names_field_and_limit(change, message):
    with pytest.raises(OrderDataError, match=message):
        place(**change)
    assert not Order.objects.exists()


@pytest.mark.parametrize("field", ["name", "description", "image_url", "sku", "tax_code"])
@pytest.mark.parametrize("character", ["\x00", "\ud83d"], ids=["nul", "surrogate"])
def test_refusal_of_an_unstorable_character_names_the_field(field, character):
    with pytest.raises(OrderDataError, match=rf"lines\[0\].{field}"):
        place(lines=(line(**{field: f"https://shop.example/{character}"}),))


@pytest.mark.parametrize("field", ["name", "description", "image_url", "sku", "tax_code", "tax_behavior"])
@pytest.mark.parametrize("value", [1.5, b"bytes", ["a"], Decimal(1), True])
def test_refusal_of_another_type_names_the_field(field, value):
    with pytest.raises(OrderDataError, match=rf"lines\[0\].{field} must be a string"):
        place(lines=(line(**{field: value}),))


def test_longest_texts_fit_in_the_columns():
    longest = line(
        name="ß" * 5000,
        description="🫖" * 40_000,
        sku="🫖" * 255,
        tax_code="t" * 64,
        image_url=f"https://shop.example/{'a' * 2027}",
    )
    place(reference="🫖" * 200, lines=(longest,), email=f"{'a' * 500}@example.com")

    row = OrderLine.objects.get()
    assert (len(row.name), len(row.description), len(row.image_url)) == (5000, 40_000, 2048)


def test_lazy_and_safe_texts_become_plain_text():
    place(lines=(line(name=gettext_lazy("Teapot"), description=mark_safe("<b>blue</b>"), sku=None),), email=None)

    row = OrderLine.objects.get()
    assert (row.name, row.description, row.sku) == ("Teapot", "<b>blue</b>", "")


def test_blank_description_is_not_sent(stripe_emulator):
    session = services.start(place(lines=(line(description=" \n"),)))

    assert "description" not in session.request["line_items"][0]["price_data"]["product_data"]


@pytest.mark.parametrize(
    "url", ["/media/teapot.png", "ftp://shop.example/a", "https:///a", "https://[", "https://a b/"]
)
def test_image_that_stripe_cannot_fetch_is_refused(url):
    with pytest.raises(OrderDataError, match="image_url must be an absolute URL"):
        place(lines=(line(image_url=url),))


@pytest.mark.parametrize(("host", "images"), [("shop.example", 1), ("localhost:8000", 0)])
def test_image_on_a_private_host_is_left_out(host, images, stripe_emulator):
    session = services.start(place(lines=(line(image_url=f"http://{host}/teapot.png"),)))

    product = session.request["line_items"][0]["price_data"]["product_data"]
    assert len(product.get("images", ())) == images


@pytest.mark.parametrize(
    "reference",
    ["", " ", "A\n1", "A\x00", "A\u2028", " A", "A ", "sam@example.com", "A-sam@example.com-7", None, 1.5, "\ud83d"],
)
def test_reference_unfit_for_logs_or_metadata_is_refused(reference):
    with pytest.raises(OrderDataError, match="reference"):
        place(reference=reference)


@pytest.mark.parametrize("reference", ["2026/17", "4242424242424242", "Bestellung Nr. 7", "ü-7", "注文-7"])
def test_reference_of_any_other_form_is_accepted(reference, stripe_emulator):
    assert services.start(place(reference=reference)).request["metadata"]["order_id"] == reference


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": True}, "quantity"),
        ({"quantity": 0}, "quantity must be an integer from 1 to 999999"),
        ({"quantity": Decimal(1)}, "quantity"),
        ({"quantity": 1_000_000}, "quantity"),
        ({"maximum_quantity": 1_000_000}, "maximum_quantity"),
        ({"maximum_quantity": 1, "quantity": 2}, "maximum_quantity"),
        ({"maximum_quantity": "4"}, "maximum_quantity"),
        ({"recurring_interval": "month", "recurring_interval_count": 37}, "recurring_interval_count .* 1 to 36"),
        ({"recurring_interval": "year", "recurring_interval_count": 0}, "recurring_interval_count"),
        ({"recurring_interval": "fortnight"}, "recurring_interval must be empty or one of"),
        ({"tax_behavior": "included"}, "tax_behavior must be empty or one of: inclusive"),
        ({"unit_amount_minor": Decimal(2000)}, "unit_amount_minor: An amount in minor units must be an int"),
        ({"unit_amount_minor": True}, "unit_amount_minor"),
        ({"unit_amount_minor": 20.0}, "unit_amount_minor"),
        ({"unit_amount_minor": -1}, "unit_amount_minor"),
    ],
)
def test_refusal_of_an_invalid_number_names_the_field(change, message):
    with pytest.raises(OrderDataError, match=message):
        place(lines=(line(**change),))


def test_amount_above_stripes_maximum_is_refused():
    with pytest.raises(MoneyError, match="subtotal"):
        place(lines=(line(unit_amount_minor=999_999_999_999, quantity=999_999),) * 100)


@pytest.mark.parametrize(
    "name",
    [
        "automatic_tax",
        "collect_tax_ids",
        "allow_promotion_codes",
        "adaptive_pricing",
        "collect_billing_address",
        "collect_phone",
        "create_customer",
        "create_invoice",
        "require_terms_of_service",
        "ask_for_promotions",
        "recover_expired",
    ],
)
@pytest.mark.parametrize("value", ["false", 1, [True]])
def test_flag_must_be_a_boolean(name, value):
    with pytest.raises(OrderDataError, match=name):
        place(options=CheckoutOptions(**{name: value}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shipping_countries": "DE"}, "shipping_countries must be a list"),
        ({"shipping_countries": ("XX",)}, "does not support 'XX'"),
        ({"shipping_countries": (7,)}, "shipping_countries"),
        ({"shipping_options": ("Parcel",)}, "ShippingOption"),
        ({"shipping_options": (ShippingOption(name="", amount_minor=1),)}, "ShippingOption.name"),
        ({"shipping_options": (ShippingOption(name="A", amount_minor=1.5),)}, "ShippingOption.amount_minor"),
        ({"shipping_options": (ShippingOption(name="A", amount_minor=1, business_days=(0, 2)),)}, "business_days"),
        ({"shipping_options": (ShippingOption(name="A", amount_minor=1, business_days=(4, 2)),)}, "business_days"),
        ({"shipping_options": (ShippingOption(name="A", amount_minor=1, business_days=7),)}, "business_days"),
        ({"shipping_options": (ShippingOption(name="A", amount_minor=1, tax_behavior="no"),)}, "tax_behavior"),
        ({"custom_fields": (CustomField(key="a b", label="A"),)}, "CustomField.key"),
        ({"custom_fields": (CustomField(key="a", label="A"),) * 2}, "keys must be unique"),
        ({"custom_fields": (CustomField(key="a", label=""),)}, "CustomField.label"),
        ({"custom_fields": (CustomField(key="a", label="A", choices={"y n": "?"}),)}, "CustomField.choices"),
        ({"custom_fields": (CustomField(key="a", label="A", choices=["y"]),)}, "CustomField.choices"),
        ({"custom_fields": ("gift",)}, "CustomField"),
        ({"submit_type": "buy"}, "submit_type"),
        ({"save_card": "always"}, "save_card"),
        ({"branding": {"colour": "red"}}, "branding"),
        ({"branding": {"button_color": "red"}}, "button_color must be a color"),
        ({"branding": {"icon": "x"}}, "icon must be a mapping"),
        ({"branding": {"icon": {}, "logo": {}}}, "only one of: icon, logo"),
        ({"branding": "blue"}, "branding"),
        ({"optional_prices": "price_1"}, "optional_prices"),
        ({"optional_prices": ("price_1",) * 11}, "optional_prices must have at most 10 items"),
        ({"trial_days": 731}, "trial_days"),
        ({"trial_days": True}, "trial_days"),
        ({"discount_minor": "5"}, "discount_minor"),
        ({"discount_name": 5}, "discount_name"),
    ],
)
def test_refusal_of_an_invalid_option_names_it(options, message):
    recurs = "trial_days" in options
    with pytest.raises(OrderDataError, match=message):
        place(lines=(line(recurring_interval="month" if recurs else ""),), options=CheckoutOptions(**options))


@pytest.mark.parametrize("options", [{}, None, "options"])
def test_options_must_be_checkout_options(options):
    with pytest.raises(OrderDataError, match="CheckoutOptions"):
        place(options=options)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"automatic_tax": True}, "automatic_tax"), ({"collect_phone": True}, "phone_number_collection")],
)
def test_place_refuses_an_option_that_the_mode_excludes(options, message):
    with pytest.raises(ParameterError, match=message):
        place(lines=(), mode="setup", options=CheckoutOptions(**options))


def test_place_refuses_an_option_that_no_ui_mode_of_the_site_allows(settings):
    gift = CheckoutOptions(custom_fields=(CustomField(key="gift", label="Gift?"),))
    place(options=gift)
    settings.CHECKOUT_UI_MODES = ["elements"]

    with pytest.raises(ParameterError, match="custom_fields"):
        place(reference="O-2", options=gift)


@pytest.mark.parametrize("other", [{"recurring_interval": "year"}, {"recurring_interval_count": 3}])
def test_place_refuses_a_subscription_with_several_intervals(other):
    monthly, once = line(recurring_interval="month"), line(name="Setup")
    place(lines=(monthly, monthly, once))

    with pytest.raises(OrderDataError, match="same interval"):
        place(reference="O-2", lines=(monthly, line(**{"recurring_interval": "month", **other})))


@pytest.mark.parametrize("option", ["create_invoice", "create_customer"])
def test_option_that_subscriptions_imply_is_not_sent(option, stripe_emulator):
    order = place(lines=(line(recurring_interval="month"),), options=CheckoutOptions(**{option: True}))

    assert services.start(order).status == "open"


@pytest.mark.parametrize(("code", "sent"), [("UK", "GB"), ("de", "DE"), (" at", "AT")])
def test_country_code_is_normalized(code, sent, stripe_emulator):
    session = services.start(place(options=CheckoutOptions(shipping_countries=(code, sent))))

    assert session.request["shipping_address_collection"] == {"allowed_countries": [sent]}


@pytest.mark.parametrize(
    ("email", "sent"),
    [
        (" sam@example.com", "sam@example.com"),
        ("sam@example.com ", "sam@example.com"),
        ("test", None),
        ("test@test", None),
        ("root@localhost", None),
        ("sam\x00@example.com", None),
        ("a" * 600, None),
        (None, None),
    ],
)
def test_invalid_email_address_is_left_out(email, sent, stripe_emulator):
    session = services.start(place(email=email))

    assert session.request.get("customer_email") == sent
    assert stripe_emulator.get(session.stripe_id)["customer_email"] == sent


@pytest.mark.parametrize(
    ("language", "sent"),
    [
        ("pt-br", "pt-BR"),
        ("en-us", "en"),
        ("de-at", "de"),
        ("zh-hans", "zh"),
        ("zh-hant", "zh-TW"),
        ("no", "nb"),
        ("ku", None),
        ("x" * 21, None),
        (None, None),
    ],
)
def test_locale_is_mapped_or_left_out(language, sent, stripe_emulator):
    assert services.start(place(locale=language)).request.get("locale") == sent


@pytest.mark.parametrize("value", ["4222222222222", "4242424242424242", "No. 630400000000000000"])
def test_metadata_that_may_be_a_card_number_is_left_out_and_logged(value, stripe_emulator, caplog):
    with caplog.at_level(logging.WARNING, "django_checkout"):
        session = services.start(place(metadata={"parcel": value, "shop": "north"}))

    assert session.request["metadata"]["shop"] == "north"
    assert "parcel" not in session.request["metadata"]
    assert "metadata_left_out key=parcel " in caplog.text
    assert value not in caplog.text


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"note": "sam@example.com"}, MetadataError),
        ({"note": "\x00"}, OrderDataError),
        ({"note": 7}, MetadataError),
        (["note"], MetadataError),
    ],
)
def test_invalid_metadata_is_refused(metadata, error):
    with pytest.raises(error):
        place(metadata=metadata)


def test_email_address_that_stripe_refuses_is_left_out_of_the_next_attempt(stripe_emulator):
    """Stripe validates more than the app does; the shopper enters another address there."""
    order = place(email=f"{'a' * 65}@example.com")

    session = services.start(order)

    assert (session.status, "customer_email" in session.request) == ("open", False)
    assert services.start(order) == session


@pytest.mark.parametrize(
    ("interval", "options"),
    [
        ("", {"shipping_options": (ShippingOption(name="Post", amount_minor=490),), "shipping_countries": ("DE",)}),
        ("month", {"trial_days": 14}),
    ],
    ids=["shipping", "trial"],
)
def test_cheap_line_is_allowed_where_more_may_be_charged(interval, options, stripe_emulator):
    lines = (line(unit_amount_minor=30, recurring_interval=interval),)
    order = place(lines=lines, options=CheckoutOptions(**options))

    assert (order.subtotal_minor, services.start(order).status) == (30, "open")


def test_cheap_line_is_allowed_if_its_quantity_is_adjustable():
    assert place(lines=(line(unit_amount_minor=30, maximum_quantity=9),)).subtotal_minor == 30


def test_cheap_line_is_allowed_where_the_adapter_computes_shipping(settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.ShippingAdapter"

    assert place(lines=(line(unit_amount_minor=30),), options=CheckoutOptions(shipping_countries=("DE",)))


def test_cheap_line_alone_is_refused():
    with pytest.raises(MoneyError, match="EUR is 50 minor"):
        place(lines=(line(unit_amount_minor=30),))


@pytest.mark.parametrize("lines", [None, "Teapot", {"a": 1}, line(), (line(),) * 101, ("Teapot",), ()])
def test_lines_must_be_line_data(lines):
    with pytest.raises(OrderDataError):
        place(lines=lines)


def test_lines_may_be_any_iterable():
    assert place(lines=(line() for _each in range(2))).subtotal_minor == 4000


@pytest.mark.parametrize("user", [7, "sam", object()])
def test_user_of_another_type_is_refused(user):
    with pytest.raises(OrderDataError, match="user"):
        place(user=user)


def test_missing_user_is_a_guest_and_lazy_user_is_resolved():
    user = UserFactory()

    assert place(user=AnonymousUser()).user is None
    assert place(reference="O-2", user=SimpleLazyObject(lambda: user)).user == user


def test_subscription_needs_a_recurring_line():
    with pytest.raises(OrderDataError, match="recurring"):
        place(mode="subscription")


def test_same_content_is_the_same_revision():
    lines = (line(description="Blue", sku="T-1", image_url="https://shop.example/a.png"),)
    place(lines=lines)

    assert place(lines=list(lines)).revision == 1
