"""The emulator's own table of currencies agrees with that of django_checkout."""

from __future__ import annotations

import pytest
from django.utils import translation

from django_checkout import money
from django_checkout.emulator.payer.rendering import format_minor
from django_checkout.emulator.reference import currencies


@pytest.mark.parametrize("currency", sorted(currencies.SUPPORTED))
def test_decimals_steps_and_limits_agree(currency):
    assert currencies.exponent(currency) == money.exponent(currency)
    assert currencies.step_minor(currency) == money.step_minor(currency)
    assert currencies.MINIMUM_MINOR.get(currency) == money.MINIMUM_MINOR.get(currency)
    assert currencies.to_decimal(123_400, currency) == money.to_decimal(123_400, currency)


@pytest.mark.parametrize("language", ["en", "de", "pt-br", "xx"])
@pytest.mark.parametrize("currency", ["eur", "jpy", "kwd", "isk"])
def test_amounts_are_formatted_alike(currency, language):
    with translation.override(language):
        assert format_minor(123_400, currency) == money.format_minor(123_400, currency)
