from __future__ import annotations

import pytest

from django_checkout.states import describe_method

pytestmark = pytest.mark.core


@pytest.mark.parametrize(
    ("method", "text"),
    [
        (None, ""),
        ({}, ""),
        ({"receipt_number": "1234-5678"}, ""),
        ({"type": "card"}, "Card"),
        ({"type": "card", "brand": "unknown", "last4": "0005"}, "Card ···· 0005"),
        ({"type": "card", "brand": "amex", "last4": "0005"}, "American Express ···· 0005"),
        ({"type": "card", "brand": "visa", "last4": "4242", "wallet": "apple_pay"}, "Visa ···· 4242 (Apple Pay)"),
        ({"type": "sepa_debit", "last4": "3201"}, "SEPA Direct Debit ···· 3201"),
        ({"type": "konbini"}, "Convenience store"),
        ({"type": "a_new_method"}, "A New Method"),
    ],
)
def test_methods_have_the_names_that_shoppers_know(method, text):
    assert describe_method(method) == text
