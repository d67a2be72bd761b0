"""The host's adapter: found by its path, and polite where it answers nothing."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory

from django_checkout.adapters import CheckoutAdapter, get_adapter, get_adapter_class
from tests.host.adapters import HostAdapter

pytestmark = pytest.mark.core


class NoAdapter:
    """Not a CheckoutAdapter."""


def test_adapter_is_the_one_that_the_setting_names(settings):
    settings.CHECKOUT_ADAPTER = "tests.host.adapters.HostAdapter"

    assert get_adapter_class() is HostAdapter
    assert type(get_adapter()) is HostAdapter


def test_adapter_is_fresh_at_every_use():
    assert get_adapter() is not get_adapter()


@pytest.mark.parametrize(
    "path", ["", "Adapter", ".host.Adapter", "no_such_shop.Adapter", "tests.host.adapters.NoSuchAdapter"]
)
def test_adapter_that_cannot_be_imported_is_named(settings, path):
    settings.CHECKOUT_ADAPTER = path

    with pytest.raises(ImproperlyConfigured, match=r"^CHECKOUT_ADAPTER: .* cannot be imported") as refusal:
        get_adapter()

    assert repr(path) in str(refusal.value)
    assert refusal.value.__cause__ is not None


@pytest.mark.parametrize("name", ["NoAdapter", "pytest", "pytestmark"])
def test_adapter_must_be_a_checkout_adapter(settings, name):
    settings.CHECKOUT_ADAPTER = f"{__name__}.{name}"

    with pytest.raises(ImproperlyConfigured, match=r"^CHECKOUT_ADAPTER: .* is not a subclass of CheckoutAdapter"):
        get_adapter()


def test_adapter_that_describes_nothing_names_the_setting():
    with pytest.raises(ImproperlyConfigured, match="CHECKOUT_ADAPTER"):
        CheckoutAdapter().describe(object())


def test_adapter_that_answers_nothing_lets_holders_of_a_right_pay():
    adapter = CheckoutAdapter()

    assert adapter.can_pay(RequestFactory().get("/"), None) is True
    assert (adapter.return_url(None), adapter.cancel_url(None)) == ("", "")
