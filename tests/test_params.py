"""The request for a Checkout Session, built from an order and its options."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest

from django_checkout.conf import UI_MODES
from django_checkout.exceptions import MetadataError, ParameterError
from django_checkout.models import Order, OrderLine
from django_checkout.params.build import build, complete, fingerprint, is_adjustable, is_manual_capture
from django_checkout.params.rules import OWN_PARAMETERS, check_modes

pytestmark = pytest.mark.core

EXPIRES_AT = datetime(2026, 9, 1, 0, 0, 0, 999999, tzinfo=UTC)
URLS = {"success_url": "https://shop.example/return/?session_id={CHECKOUT_SESSION_ID}"}


def an_order(**values):
    return Order(**{"reference": "H-0001", "currency": "eur", "subtotal_minor": 2000, **values})


def a_line(**values):
    return OrderLine(**{"name": "Teapot", "unit_amount_minor": 2000, "quantity": 1, **values})


def built(order=None, *options, lines=None, mode="payment", ui_mode="hosted_page", capture_method=""):
    return build(
        order or an_order(),
        lines or [a_line()],
        mode=mode,
        ui_mode=ui_mode,
        capture_method=capture_method,
        options=options,
    )


def completed(params, order=None, urls=URLS):
    return complete(params, order or an_order(), session_uuid="uuid-1", expires_at=EXPIRES_AT, urls=urls)


def test_minimal_order_makes_a_minimal_request():
    assert built() == {
        "mode": "payment",
        "ui_mode": "hosted_page",
        "line_items": [
            {
                "price_data": {"currency": "eur", "unit_amount": 2000, "product_data": {"name": "Teapot"}},
                "quantity": 1,
            }
        ],
    }


def test_line_item_has_all_fields_of_the_line():
    line = a_line(
        description="Holds four cups",
        image_url="https://shop.example/teapot.png",
        sku="T-1",
        tax_code="txcd_99999999",
        tax_behavior="exclusive",
        quantity=3,
    )

    (item,) = built(lines=[line])["line_items"]

    assert item == {
        "price_data": {
            "currency": "eur",
            "unit_amount": 2000,
            "tax_behavior": "exclusive",
            "product_data": {
                "name": "Teapot",
                "description": "Holds four cups",
                "images": ["https://shop.example/teapot.png"],
                "tax_code": "txcd_99999999",
            },
        },
        "quantity": 3,
    }


def test_lines_keep_their_order():
    items = built(lines=[a_line(name="Teapot"), a_line(name="Cup"), a_line(name="Saucer")])["line_items"]

    assert [item["price_data"]["product_data"]["name"] for item in items] == ["Teapot", "Cup", "Saucer"]


def test_email_and_locale_are_sent_if_the_order_has_them():
    params = built(an_order(email="shopper@example.com", locale="de"))

    assert (params["customer_email"], params["locale"]) == ("shopper@example.com", "de")


def test_customer_replaces_the_email():
    params = built(an_order(email="shopper@example.com"), {"customer": "cus_1"})

    assert params["customer"] == "cus_1"
    assert "customer_email" not in params


def test_capture_method_is_sent_in_payment_mode_only():
    assert built(capture_method="manual")["payment_intent_data"] == {"capture_method": "manual"}
    assert "payment_intent_data" not in built(capture_method="manual", mode="subscription")
    assert "payment_intent_data" not in built(capture_method="")


def test_options_are_merged_deeply_and_later_ones_override():
    defaults = {
        "automatic_tax": {"enabled": True, "liability": {"type": "self"}},
        "locale": "fr",
        "custom_fields": [{"key": "a"}, {"key": "b"}],
    }
    call = {"automatic_tax": {"enabled": False}, "custom_fields": [{"key": "c"}], "submit_type": "book"}

    params = built(an_order(locale="de"), defaults, call)

    assert params["automatic_tax"] == {"enabled": False, "liability": {"type": "self"}}
    assert params["locale"] == "fr"
    assert params["custom_fields"] == [{"key": "c"}]
    assert params["submit_type"] == "book"


def test_option_does_not_remove_the_capture_method():
    params = built(None, {"payment_intent_data": {"description": "Tea"}}, capture_method="manual")

    assert params["payment_intent_data"] == {"capture_method": "manual", "description": "Tea"}


def test_options_are_not_modified():
    defaults = {"automatic_tax": {"enabled": True}, "custom_fields": [{"key": "a"}], "payment_intent_data": {}}
    before = copy.deepcopy(defaults)

    request = completed(built(None, defaults, {"automatic_tax": {"enabled": False}}))
    request["custom_fields"][0]["key"] = "changed"
    request["payment_intent_data"]["metadata"]["changed"] = "yes"

    assert defaults == before


@pytest.mark.parametrize("name", sorted(OWN_PARAMETERS))
def test_reserved_parameter_is_refused_by_name(name):
    with pytest.raises(ParameterError, match=repr(name)):
        built(None, {name: "mine"})


def test_reserved_parameter_is_refused_in_every_option():
    with pytest.raises(ParameterError, match="'metadata'"):
        built(None, {"locale": "de"}, {"metadata": {"a": "b"}})


@pytest.mark.parametrize(
    "option",
    [
        {"payment_intent_data": {"metadata": {"note": "jo@shop.example"}}},
        {"payment_intent_data": {"metadata": {"order_id": "another"}}},
        {"shipping_options": [{"shipping_rate_data": {"metadata": {"note": "jo@shop.example"}}}]},
        {"invoice_creation": {"invoice_data": {"metadata": {"note": 1}}}},
    ],
    ids=["email", "reserved", "in-a-list", "not-a-string"],
)
def test_nested_metadata_is_checked(option):
    with pytest.raises(MetadataError):
        built(None, option)


def test_nested_metadata_that_may_be_a_card_number_is_not_sent():
    params = built(an_order(), {"payment_intent_data": {"metadata": {"parcel": "4242424242424242", "till": "7"}}})

    assert params["payment_intent_data"]["metadata"] == {"till": "7"}


def test_nested_metadata_of_the_host_is_merged_with_ours():
    params = built(an_order(), {"payment_intent_data": {"metadata": {"till": "7"}}})

    metadata = completed(params)["payment_intent_data"]["metadata"]

    assert metadata == {"till": "7", "order_id": "H-0001", "checkout_session": "uuid-1"}


@pytest.mark.parametrize("mode", ["payment", "subscription", "setup"])
@pytest.mark.parametrize("ui_mode", UI_MODES)
def test_current_modes_are_accepted(mode, ui_mode):
    check_modes(mode, ui_mode)


@pytest.mark.parametrize(
    ("old", "new"), [("hosted", "hosted_page"), ("embedded", "embedded_page"), ("custom", "elements")]
)
def test_renamed_ui_mode_is_refused_with_its_new_name(old, new):
    with pytest.raises(ParameterError, match=f"'{old}' was renamed to '{new}'"):
        built(ui_mode=old)


@pytest.mark.parametrize("ui_mode", ["", "popup", "form", None])
def test_unknown_ui_mode_is_refused(ui_mode):
    with pytest.raises(ParameterError, match="ui_mode"):
        built(ui_mode=ui_mode)


@pytest.mark.parametrize("mode", ["", "donation", None])
def test_unknown_mode_is_refused(mode):
    with pytest.raises(ParameterError, match="mode"):
        built(mode=mode)


def test_attempt_adds_the_proof_of_ownership():
    order = an_order(metadata={"shop": "north"})

    request = completed(built(order), order)

    assert request["metadata"] == {"shop": "north", "order_id": "H-0001", "checkout_session": "uuid-1"}
    assert request["client_reference_id"] == "H-0001"


def test_metadata_of_an_order_does_not_override_ours():
    order = an_order(metadata={"order_id": "another", "checkout_session": "another"})

    assert completed(built(order), order)["metadata"] == {"order_id": "H-0001", "checkout_session": "uuid-1"}


@pytest.mark.parametrize(
    ("mode", "key"),
    [("payment", "payment_intent_data"), ("subscription", "subscription_data"), ("setup", "setup_intent_data")],
)
def test_metadata_is_set_on_the_objects_that_the_session_creates(mode, key):
    request = completed(built(mode=mode))

    assert request[key]["metadata"] == request["metadata"]
    assert {"payment_intent_data", "subscription_data", "setup_intent_data"} & set(request) == {key}


def test_expiry_is_a_unix_time_and_not_later_than_requested():
    assert completed(built())["expires_at"] == 1788220800


def test_urls_are_sent_unchanged():
    assert completed(built())["success_url"].endswith("{CHECKOUT_SESSION_ID}")
    assert "success_url" not in completed(built(), urls={"return_url": "https://shop.example/"})


def test_attempt_does_not_modify_the_built_parameters():
    params = built(None, {"payment_intent_data": {"description": "Tea"}})
    before = copy.deepcopy(params)

    completed(params)["line_items"][0]["quantity"] = 9

    assert params == before


def test_request_can_be_stored_as_json():
    request = completed(built(an_order(email="shopper@example.com", metadata={"a": "b"})))

    assert json.loads(json.dumps(request)) == request


def test_unchanged_request_has_the_same_fingerprint():
    assert fingerprint(built(), an_order()) == fingerprint(built(), an_order())
    assert fingerprint({"a": 1, "b": 2}, an_order()) == fingerprint({"b": 2, "a": 1}, an_order())


@pytest.mark.parametrize(
    ("order", "options", "lines"),
    [
        (an_order(reference="H-0002"), [], None),
        (an_order(revision=2), [], None),
        (an_order(metadata={"shop": "north"}), [], None),
        (an_order(email="shopper@example.com"), [], None),
        (an_order(currency="usd"), [], None),
        (an_order(), [{"locale": "de"}], None),
        (an_order(), [], [a_line(quantity=2)]),
        (an_order(), [], [a_line(), a_line()]),
    ],
    ids=["reference", "revision", "metadata", "email", "currency", "option", "quantity", "lines"],
)
def test_changed_request_has_another_fingerprint(order, options, lines):
    assert fingerprint(built(order, *options, lines=lines), order) != fingerprint(built(), an_order())


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, False),
        ({"payment_intent_data": {"capture_method": "manual"}}, True),
        ({"payment_intent_data": {"capture_method": "automatic_async"}}, False),
        ({"payment_intent_data": {"description": "manual"}}, False),
        ({"payment_method_options": {"card": {"capture_method": "manual"}}}, True),
        ({"payment_method_options": {"card": {"capture_method": "automatic"}, "klarna": {}}}, False),
        ({"payment_method_options": {"card": {}, "klarna": {"capture_method": "manual"}}}, True),
        ({"payment_method_options": {"card": ""}}, False),
    ],
    ids=str,
)
def test_manual_capture_is_detected(params, expected):
    assert is_manual_capture(params) is expected


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"mode": "payment", "line_items": [{"quantity": 1}]}, False),
        ({"mode": "payment", "line_items": [{"adjustable_quantity": {"enabled": False}}]}, False),
        ({"mode": "payment", "line_items": [{"quantity": 1}, {"adjustable_quantity": {"enabled": True}}]}, True),
        ({"mode": "payment", "optional_items": [{"price": "price_1"}]}, True),
        ({"mode": "subscription"}, True),
        ({"mode": "setup"}, False),
    ],
    ids=str,
)
def test_adjustable_items_are_detected(params, expected):
    assert bool(is_adjustable(params)) is expected
