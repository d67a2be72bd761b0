"""Ephemeral keys and customer sessions: what a customer's phone or browser receives, and may do with it."""

from __future__ import annotations

import pytest
import stripe

from django_checkout.emulator.reference.versions import PLAYED

from .conftest import client_of


@pytest.fixture
def customer(client):
    return client.v1.customers.create({"email": "kim@example.com"}).id


@pytest.fixture
def key(client, customer):
    return client.v1.ephemeral_keys.create({"customer": customer}, {"stripe_version": "2020-08-27"})


@pytest.fixture
def phone(emulator, key):
    """A client with an ephemeral key."""
    return client_of(emulator, key.secret)


def test_ephemeral_key_is_valid_for_an_hour(emulator, key, phone, customer):
    assert key.expires - key.created == 3600
    assert [found.to_dict() for found in key["associated_objects"]] == [{"id": customer, "type": "customer"}]
    assert phone.v1.customers.retrieve(customer).email == "kim@example.com"

    emulator.clock.advance(3601)

    with pytest.raises(stripe.AuthenticationError, match="Expired API Key provided") as raised:
        phone.v1.customers.retrieve(customer)
    assert raised.value.error.code == "api_key_expired"


def test_phone_saves_a_card_for_its_customer_only(client, phone, customer):
    other = client.v1.customers.create().id

    phone.v1.payment_methods.attach("pm_card_visa", {"customer": customer})

    assert len(phone.v1.customers.payment_methods.list(customer).data) == 1
    with pytest.raises(stripe.PermissionError):
        phone.v1.payment_methods.attach("pm_card_visa", {"customer": other})
    with pytest.raises(stripe.PermissionError):
        phone.v1.payment_methods.list({"customer": other, "type": "card"})
    assert client.v1.customers.payment_methods.list(other).data == []


def test_deleted_key_is_refused(client, key, phone, customer):
    deleted = client.v1.ephemeral_keys.delete(key.id)

    assert deleted.id == key.id
    assert "secret" not in deleted
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key provided"):
        phone.v1.customers.retrieve(customer)


def test_other_operations_of_an_ephemeral_key_are_not_implemented(phone):
    with pytest.raises(stripe.APIError, match="POST /v1/refunds with an ephemeral key") as raised:
        phone.v1.refunds.create({"payment_intent": "pi_1"})
    assert raised.value.http_status == 501


@pytest.mark.parametrize("version", PLAYED)
def test_customer_session_has_the_features_and_their_defaults(client, customer, version):
    features = {"payment_method_save": "enabled", "payment_method_save_usage": "off_session"}
    components = {"payment_element": {"enabled": True, "features": features}, "pricing_table": {"enabled": True}}

    session = client.v1.customer_sessions.create(
        {"customer": customer, "components": components, "expand": ["customer"]}, {"stripe_version": version}
    )

    assert session.client_secret.startswith("cuss_secret_")
    assert session.customer.email == "kim@example.com"
    enabled = {name for name, component in session.components.to_dict().items() if component["enabled"]}
    assert enabled == {"payment_element", "pricing_table"}
    assert session.components.payment_element.features.to_dict() == {
        "payment_method_allow_redisplay_filters": ["always"],
        "payment_method_redisplay": "disabled",
        "payment_method_redisplay_limit": 3,
        "payment_method_remove": "disabled",
        **features,
    }
    assert session.components.customer_sheet.features is None
