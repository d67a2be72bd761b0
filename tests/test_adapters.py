"""The host's adapter: loaded from its path, with defaults for every method."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory

from django_checkout import services
from django_checkout.adapters import CheckoutAdapter, get_adapter, get_adapter_class
from django_checkout.exceptions import OrderDataError, OutOfStockError
from django_checkout.values import CheckoutOptions, LineData, OrderData, ShippingOption
from tests.host.adapters import HostAdapter

pytestmark = pytest.mark.core


class NoAdapter:
    """Not a CheckoutAdapter."""


def test_setting_names_the_adapter(settings):
    settings.CHECKOUT_ADAPTER = "tests.host.adapters.HostAdapter"

    assert get_adapter_class() is HostAdapter
    assert type(get_adapter()) is HostAdapter


def test_adapter_is_a_new_instance_each_time():
    assert get_adapter() is not get_adapter()


@pytest.mark.parametrize(
    "path", ["", "Adapter", ".host.Adapter", "no_such_shop.Adapter", "tests.host.adapters.NoSuchAdapter"]
)
def test_error_names_an_adapter_that_cannot_be_imported(settings, path):
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


def test_missing_describe_names_the_setting():
    with pytest.raises(ImproperlyConfigured, match=r"^CHECKOUT_ADAPTER: .* place an OrderData"):
        CheckoutAdapter().describe(object())


def test_default_adapter_allows_payment():
    adapter = CheckoutAdapter()

    assert adapter.can_pay(RequestFactory().get("/"), None) is True
    assert (adapter.return_url(None), adapter.cancel_url(None)) == ("", "")


class NumberingAdapter(CheckoutAdapter):
    """The adapter of a shop without an order model."""

    def can_pay(self, request, order):
        return order.reference != "closed"

    def return_url(self, order):
        return f"/thanks/{order.reference}/"

    def cancel_url(self, order):
        return f"/cart/{order.reference}/"

    def shipping_options(self, order, address):
        return [ShippingOption(name=f"Parcel for {order.reference}", amount_minor=490)]

    def change_quantity(self, order, sku, quantity):
        raise AssertionError("There is nothing to place the order from.")


def _data(reference, **options):
    line = LineData(name="Teapot", unit_amount_minor=2000, sku=7)
    return OrderData(reference=reference, currency="eur", lines=(line,), options=CheckoutOptions(**options))


@pytest.mark.django_db
def test_shop_without_an_order_model_takes_payments(settings, client, stripe_emulator, deliver_events, recorder):
    settings.CHECKOUT_ADAPTER = f"{__name__}.NumberingAdapter"
    order = services.place(_data("O-1"))

    page = client.get(services.pay_url(order))
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    order.refresh_from_db()
    assert order.status == "paid"
    assert 'href="/thanks/O-1/"' in page.text
    assert session.request["cancel_url"] == "http://testserver/cart/O-1/"
    assert [sent["source"] for sent in recorder.arguments("order_paid")] == [None]
    assert client.get(services.pay_url(services.place(_data("closed")))).status_code == 404


@pytest.mark.django_db
def test_shop_without_an_order_model_ships_and_has_fixed_quantities(settings, client, stripe_emulator):
    settings.CHECKOUT_ADAPTER = f"{__name__}.NumberingAdapter"
    settings.CHECKOUT_UI_MODE = "elements"
    order = services.place(_data("O-1", shipping_countries=("DE",)))
    page = client.get(services.pay_url(order))
    session = services.start(order, ui_mode="elements")

    services.change_shipping(order, name="Sam", address={"country": "DE", "line1": "Quay 4"})

    (option,) = stripe_emulator.get(session.stripe_id)["shipping_options"]
    assert stripe_emulator.get(option["shipping_rate"])["display_name"] == "Parcel for O-1"
    with pytest.raises(OutOfStockError):
        services.change_quantity(order, sku="7", quantity=2)
    assert 'data-skus="[]"' in page.text


@pytest.mark.parametrize("key", [7, UUID(int=7)])
@pytest.mark.django_db
def test_primary_key_may_be_the_reference(key, stripe_emulator):
    order = services.place(_data(key))

    assert services.place(_data(key)) == order
    assert order.reference == str(key)
    assert order.lines.get().sku == "7"
    assert services.start(order).request["metadata"]["order_id"] == str(key)


@pytest.mark.parametrize("key", [True, 7.0, None, b"7"])
@pytest.mark.django_db
def test_value_of_another_type_is_not_a_reference(key):
    with pytest.raises(OrderDataError):
        services.place(_data(key))


@pytest.mark.django_db
def test_adapter_for_rows_is_not_called_without_a_row(client, stripe_emulator):
    """The adapter of the test project reads ``order.number`` in ``return_url``."""
    order = services.place(_data("O-1", shipping_countries=("DE",)))

    page = client.get(services.pay_url(order))
    session = services.start(order)

    assert (page.status_code, page.context["host_url"]) == (200, "")
    assert "/checkout/pay/" in session.request["cancel_url"]
