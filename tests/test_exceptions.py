"""Every exception has a code, an HTTP status and a message for the shopper."""

from __future__ import annotations

import inspect

import pytest
from django.core.exceptions import SuspiciousOperation
from django.utils.functional import Promise

from django_checkout import exceptions
from django_checkout.exceptions import (
    CheckoutError,
    IncompleteFactError,
    OrderDataError,
    SignatureError,
    StripeCredentialsError,
    StripeError,
    StripeNotFoundError,
    StripeRefusedError,
    StripeUnavailableError,
    UnknownFactError,
)

pytestmark = pytest.mark.core

ERRORS = [
    error for _name, error in inspect.getmembers(exceptions, inspect.isclass) if error.__module__ == exceptions.__name__
]
EACH = pytest.mark.parametrize("error", ERRORS)


@EACH
def test_error_is_a_checkout_error(error):
    assert issubclass(error, CheckoutError)
    assert error.__name__.endswith("Error")
    assert error.__doc__


@EACH
def test_error_code_is_unique(error):
    assert error.code.isidentifier()
    assert error.code == error.code.lower()
    assert [other for other in ERRORS if other.code == error.code] == [error]


@EACH
def test_error_has_an_http_error_status(error):
    assert 400 <= error.http_status < 600


@EACH
def test_user_message_is_a_translatable_sentence(error):
    assert isinstance(error.user_message, Promise)
    assert str(error.user_message)[0].isupper()
    assert str(error.user_message).endswith(".")


@EACH
def test_message_is_for_developers(error):
    assert str(error("The reason.")) == "The reason."


@pytest.mark.parametrize("error", [error for error in ERRORS if error.http_status == 503])
def test_temporary_errors_ask_the_shopper_to_try_again(error):
    assert "again" in str(error.user_message)


@pytest.mark.parametrize("error", [error for error in ERRORS if issubclass(error, OrderDataError)])
def test_invalid_order_data_is_a_client_error(error):
    assert error.http_status == 400
    assert "again" not in str(error.user_message)


def test_invalid_signature_is_a_suspicious_operation():
    assert issubclass(SignatureError, SuspiciousOperation)
    assert SignatureError.http_status == 400


@pytest.mark.parametrize("error", [StripeError, StripeUnavailableError, StripeRefusedError])
def test_stripe_error_keeps_stripe_s_details(error):
    raised = error("Stripe refused it.", stripe_code="resource_missing", request_id="req_1", param="line_items")

    assert (raised.stripe_code, raised.request_id, raised.param) == ("resource_missing", "req_1", "line_items")
    assert str(raised) == "Stripe refused it."


def test_rejected_requests_differ_from_unanswered_ones():
    assert issubclass(StripeCredentialsError, StripeRefusedError)
    assert issubclass(StripeNotFoundError, StripeRefusedError)
    assert not issubclass(StripeUnavailableError, StripeRefusedError)


def test_incomplete_fact_is_an_unknown_fact():
    assert issubclass(IncompleteFactError, UnknownFactError)
