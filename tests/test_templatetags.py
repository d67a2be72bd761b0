"""``{% load checkout %}`` in a host's templates."""

from __future__ import annotations

import pytest
from django.template import Context, Template
from django.utils import translation

from tests.amounts import money

pytestmark = pytest.mark.core


def rendered(source, **context):
    return Template("{% load checkout %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (2000, "eur", money("20.00")),
        (2000, "EUR", money("20.00")),
        (500, "jpy", money("500", "jpy")),
        (0, "usd", money("0.00", "usd")),
        (-500, "usd", money("-5.00", "usd")),
    ],
)
def test_amount_is_formatted_with_its_currency(minor, currency, text):
    assert rendered("{{ minor|money:currency }}", minor=minor, currency=currency) == text


def test_amount_is_formatted_in_the_language_of_the_page():
    with translation.override("de"):
        assert rendered("{{ minor|money:currency }}", minor=123456, currency="eur") == money("1234.56", language="de")


@pytest.mark.parametrize("minor", [None, "", "2000", 20.5])
def test_invalid_amount_is_empty(minor):
    assert rendered("{{ minor|money:'eur' }}", minor=minor) == ""


def test_missing_amount_is_empty():
    assert rendered("{{ order.paid_minor|money:'eur' }}") == ""


def test_amount_without_a_currency_is_empty():
    assert rendered("{{ minor|money:currency }}", minor=2000, currency="") == ""


def test_currency_is_escaped():
    assert "<" not in rendered("{{ minor|money:currency }}", minor=2000, currency="<b>")
