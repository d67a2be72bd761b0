"""Session parameters that differ between the versions of Stripe's API, with the same settings in each."""

from __future__ import annotations

import pytest

from django_checkout import services
from django_checkout.api_versions import API_VERSIONS, DAHLIA, ENDIVE
from django_checkout.exceptions import OrderDataError, ParameterError
from django_checkout.params.versions import for_version
from django_checkout.values import CheckoutOptions, CustomField, LineData, OrderData

pytestmark = pytest.mark.core

CARD = ["card"]
SEPA = ["sepa_debit"]


@pytest.mark.parametrize(
    ("params", "version", "sent"),
    [
        ({}, DAHLIA, {}),
        ({}, ENDIVE, {}),
        ({"payment_method_types": CARD}, DAHLIA, {"payment_method_types": CARD}),
        ({"payment_method_types": CARD}, ENDIVE, {"allowed_payment_method_types": CARD}),
        ({"allowed_payment_method_types": CARD}, ENDIVE, {"allowed_payment_method_types": CARD}),
        (
            {"payment_method_types": CARD, "allowed_payment_method_types": SEPA},
            DAHLIA,
            {"payment_method_types": CARD},
        ),
        (
            {"payment_method_types": CARD, "allowed_payment_method_types": SEPA},
            ENDIVE,
            {"allowed_payment_method_types": SEPA},
        ),
    ],
)
def test_method_types_are_sent_under_the_name_of_the_version(params, version, sent):
    assert for_version(params, version) == sent


def test_filter_alone_is_not_turned_into_a_fixed_list():
    with pytest.raises(ParameterError, match=f"'allowed_payment_method_types'.*{ENDIVE}"):
        for_version({"allowed_payment_method_types": CARD}, DAHLIA)


@pytest.mark.parametrize("version", API_VERSIONS)
@pytest.mark.django_db
def test_stripe_accepts_the_default_method_types_in_either_version(version, settings, order, stripe_emulator):
    settings.CHECKOUT_API_VERSION = version
    settings.CHECKOUT_SESSION_DEFAULTS = {"payment_method_types": CARD}

    session = services.start(order)

    assert stripe_emulator.get(session.stripe_id)["payment_method_types"] == CARD


@pytest.mark.parametrize("version", API_VERSIONS)
@pytest.mark.django_db
def test_session_is_reused_while_version_and_defaults_are_unchanged(version, settings, order, stripe_emulator):
    settings.CHECKOUT_API_VERSION = version
    settings.CHECKOUT_SESSION_DEFAULTS = {"payment_method_types": CARD}

    assert services.start(order) == services.start(order)


def test_parameter_that_the_version_does_not_have_is_refused_before_any_call(settings, order, stripe_requests):
    settings.CHECKOUT_API_VERSION = DAHLIA

    with pytest.raises(ParameterError, match="allowed_payment_method_types"):
        services.start(order, params={"allowed_payment_method_types": CARD})
    assert not stripe_requests


@pytest.mark.parametrize(("version", "maximum"), [(DAHLIA, 50), (ENDIVE, 100)])
@pytest.mark.django_db
def test_label_of_a_custom_field_is_as_long_as_the_version_allows(version, maximum, settings, stripe_emulator):
    settings.CHECKOUT_API_VERSION = version

    def labelled(length):
        options = CheckoutOptions(custom_fields=(CustomField(key="a", label="x" * length),))
        line = LineData(name="Tea", unit_amount_minor=500, quantity=2)
        return OrderData(reference="V-1", currency="eur", lines=(line,), options=options)

    with pytest.raises(OrderDataError, match=f"{maximum}"):
        services.place(labelled(maximum + 1))
    session = services.start(services.place(labelled(maximum)))
    (field,) = stripe_emulator.get(session.stripe_id)["custom_fields"]
    assert len(field["label"]["custom"]) == maximum
