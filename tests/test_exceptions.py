"""Every error has a code, a status and words for the shopper."""

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
def test_error_is_one_of_ours(error):
    assert issubclass(error, CheckoutError)
    assert error.__name__.endswith("Error")
    assert error.__doc__


@EACH
def test_error_has_a_code_of_its_own(error):
    assert error.code.isidentifier()
    assert error.code == error.code.lower()
    assert [other for other in ERRORS if other.code == error.code] == [error]


@EACH
def test_error_is_answered_with_a_status(error):
    assert 400 <= error.http_status < 600


@EACH
def test_shopper_reads_a_sentence_in_their_own_language(error):
    assert isinstance(error.user_message, Promise)
    assert str(error.user_message)[0].isupper()
    assert str(error.user_message).endswith(".")


@EACH
def test_developer_reads_the_reason(error):
    assert str(error("The reason.")) == "The reason."


@pytest.mark.parametrize("error", [error for error in ERRORS if error.http_status == 503])
def test_shopper_is_told_to_try_again_only_where_that_can_help(error):
    assert "again" in str(error.user_message)


@pytest.mark.parametrize("error", [error for error in ERRORS if issubclass(error, OrderDataError)])
def test_order_that_cannot_be_sold_is_the_requests_fault(error):
    assert error.http_status == 400
    assert "again" not in str(error.user_message)


def test_bad_signature_has_djangos_meaning():
    assert issubclass(SignatureError, SuspiciousOperation)
    assert SignatureError.http_status == 400


@pytest.mark.parametrize("error", [StripeError, StripeUnavailableError, StripeRefusedError])
def test_stripes_words_stand_beside_the_message(error):
    raised = error("Stripe refused it.", stripe_code="resource_missing", request_id="req_1", param="line_items")

    assert (raised.stripe_code, raised.request_id, raised.param) == ("resource_missing", "req_1", "line_items")
    assert str(raised) == "Stripe refused it."


def test_definite_refusals_are_told_from_silence():
    assert issubclass(StripeCredentialsError, StripeRefusedError)
    assert issubclass(StripeNotFoundError, StripeRefusedError)
    assert not issubclass(StripeUnavailableError, StripeRefusedError)


def test_payload_that_says_too_little_is_not_understood():
    assert issubclass(IncompleteFactError, UnknownFactError)
