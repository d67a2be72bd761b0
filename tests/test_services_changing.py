from __future__ import annotations

import json
from dataclasses import replace

import pytest

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.emulator import ApiError
from django_checkout.exceptions import (
    CannotShipError,
    DerivedColumnError,
    OrderChangedError,
    OutOfStockError,
    SessionBusyError,
    SessionClosedError,
    StripeRefusedError,
    StripeUnavailableError,
)
from django_checkout.models import AttentionItem, CheckoutSession, Order
from django_checkout.services import changing
from django_checkout.values import LineData, OrderData, ShippingOption
from tests.host.adapters import HostAdapter
from tests.host.models import HostOrder

pytestmark = [pytest.mark.django_db, pytest.mark.core]

ADDRESS = {"country": "AT", "line1": "Quay 4", "city": "Linz", "postal_code": "4020"}
RATED = {
    "shipping_options": [
        {"shipping_rate_data": {"display_name": "Parcel", "fixed_amount": {"amount": 490, "currency": "eur"}}}
    ]
}
SHIPPED = {"shipping_address_collection": {"allowed_countries": ["AT", "DE"]}}


class ChangingAdapter(HostAdapter):
    """A host with three teapots in stock and a higher price for shipping abroad."""

    def shipping_options(self, order, address):
        if address.get("country") == "CH":
            return []
        abroad = address.get("country") != "DE"
        return [ShippingOption(name="Parcel", amount_minor=1290 if abroad else 490)]

    def change_quantity(self, order, sku, quantity):
        if quantity > 3:
            raise OutOfStockError("Only three are left.")
        order.quantity = quantity
        order.save()


class MeddlingAdapter(ChangingAdapter):
    """A host that writes columns that only the ledger may write."""

    def describe(self, order):
        Order.objects.update(status="unpaid")
        return super().describe(order)

    def change_quantity(self, order, sku, quantity):
        if quantity == 2:
            Order.objects.update(status="paid")
        super().change_quantity(order, sku, quantity)


class RenumberingAdapter(ChangingAdapter):
    """A host that returns another reference than before."""

    def describe(self, order):
        return replace(super().describe(order), reference=f"INV-{order.pk}")


class FixedAdapter(HostAdapter):
    """A host with fixed shipping prices."""


@pytest.fixture
def session(settings, host_order, stripe_emulator):
    """An open Elements session of a host that computes shipping and changes quantities."""
    settings.CHECKOUT_ADAPTER = f"{__name__}.ChangingAdapter"
    return services.start(host_order, ui_mode="elements")


def _post(client, order, body):
    url = f"/checkout/update/{make_token(order.pk, Purpose.PAY)}/"
    return client.post(url, body if isinstance(body, (bytes, str)) else json.dumps(body), "application/json")


def test_changed_quantity_is_paid(session, stripe_emulator, deliver_events, recorder):
    services.change_quantity(session.order, sku="", quantity=3)
    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    order = Order.objects.get()
    assert (order.revision, order.subtotal_minor, order.paid_minor) == (2, 6000, 6000)
    assert (order.needs_attention, recorder.names) == (False, ["order_paid"])


def test_session_updated_with_the_order_is_reused(session, host_order, stripe_emulator):
    services.change_quantity(session.order, sku="", quantity=2)
    host_order.refresh_from_db()

    assert services.start(host_order, ui_mode="elements") == session
    assert CheckoutSession.objects.count() == 1


def test_sold_out_quantity_changes_nothing(session, stripe_emulator):
    with pytest.raises(OutOfStockError) as caught:
        services.change_quantity(session.order, sku="", quantity=4)

    assert caught.value.user_message == "Only three are left."
    assert (Order.objects.get().revision, CheckoutSession.objects.get().next_subtotal_minor) == (1, None)
    assert stripe_emulator.get(session.stripe_id)["amount_subtotal"] == 2000


@pytest.mark.parametrize("quantity", [2, 3], ids=["change_quantity", "describe"])
def test_adapter_may_not_write_derived_columns(quantity, session, settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.MeddlingAdapter"

    with pytest.raises(DerivedColumnError):
        services.change_quantity(session.order, sku="", quantity=quantity)


def test_quantity_is_not_changed_if_the_reference_changed(session, host_order, settings, stripe_emulator):
    settings.CHECKOUT_ADAPTER = f"{__name__}.RenumberingAdapter"

    with pytest.raises(OrderChangedError):
        services.change_quantity(session.order, sku="", quantity=2)

    host_order.refresh_from_db()
    assert (Order.objects.get().revision, host_order.quantity) == (1, 1)
    assert stripe_emulator.get(session.stripe_id)["amount_subtotal"] == 2000


def test_quantity_change_of_a_just_paid_order_needs_attention(session, stripe_emulator, recorder):
    stripe_emulator.pay(session.stripe_id)

    with pytest.raises(StripeRefusedError):
        services.change_quantity(session.order, sku="", quantity=2)

    order = Order.objects.get()
    assert (order.paid_minor, order.needs_attention) == (2000, True)
    assert AttentionItem.objects.get().code == "amount_mismatch"


def test_payment_of_the_new_amount_before_the_response_is_accepted(
    session, stripe_emulator, deliver_events, monkeypatch
):
    send = changing._send

    def paid_first(*arguments):
        result = yield from send(*arguments)
        stripe_emulator.pay(session.stripe_id)
        deliver_events()
        return result

    monkeypatch.setattr(changing, "_send", paid_first)
    services.change_quantity(session.order, sku="", quantity=2)

    order = Order.objects.get()
    assert (order.paid_minor, order.needs_attention) == (4000, False)


@pytest.mark.parametrize(
    ("adapter", "ui_mode", "parameters", "permissions"),
    [
        ("ChangingAdapter", "elements", SHIPPED, {"update_shipping_details": "server_only"}),
        ("ChangingAdapter", "elements", {}, None),
        ("ChangingAdapter", "embedded_page", SHIPPED | RATED, None),
        ("ChangingAdapter", "hosted_page", SHIPPED | RATED, None),
        ("FixedAdapter", "elements", SHIPPED, None),
    ],
)
@pytest.mark.parametrize("is_default", [True, False])
def test_only_the_server_may_update_the_address_where_the_host_computes_shipping(
    settings, host_order, stripe_emulator, adapter, ui_mode, parameters, permissions, is_default
):
    settings.CHECKOUT_ADAPTER = f"{__name__}.{adapter}"
    settings.CHECKOUT_SESSION_DEFAULTS = parameters if is_default else {}

    session = services.start(host_order, ui_mode=ui_mode, params={} if is_default else parameters)

    assert session.request.get("permissions") == permissions
    assert stripe_emulator.get(session.stripe_id)["permissions"] == permissions


def test_unshipped_order_overrides_a_default_that_collects_an_address(settings, host_order, stripe_emulator):
    settings.CHECKOUT_ADAPTER = f"{__name__}.ChangingAdapter"
    settings.CHECKOUT_SESSION_DEFAULTS = SHIPPED

    session = services.start(host_order, ui_mode="elements", params={"shipping_address_collection": None})

    assert "permissions" not in session.request


def test_host_computes_shipping(session, stripe_emulator):
    services.change_shipping(session.order, name="Sam Shopper", address=ADDRESS)

    stripe_session = stripe_emulator.get(session.stripe_id)
    assert stripe_session["shipping_options"][0]["shipping_amount"] == 1290
    assert stripe_session["collected_information"]["shipping_details"]["address"]["city"] == "Linz"


def test_address_without_shipping_leaves_the_session_unchanged(session, stripe_emulator):
    services.change_shipping(session.order, name="Sam Shopper", address={**ADDRESS, "country": "DE"})
    before = stripe_emulator.get(session.stripe_id)

    with pytest.raises(CannotShipError):
        services.change_shipping(session.order, name="Sam Shopper", address={**ADDRESS, "country": "CH"})

    after = stripe_emulator.get(session.stripe_id)
    assert after["collected_information"]["shipping_details"]["address"]["country"] == "DE"
    assert (after["shipping_options"], after["amount_total"]) == (before["shipping_options"], before["amount_total"])


def test_session_without_shipping_to_its_address_cannot_be_paid(settings, host_order, stripe_emulator):
    settings.CHECKOUT_ADAPTER = f"{__name__}.ChangingAdapter"
    session = services.start(host_order, ui_mode="elements", params=SHIPPED)

    with pytest.raises(CannotShipError):
        services.change_shipping(session.order, name="Sam Shopper", address={**ADDRESS, "country": "CH"})

    with pytest.raises(ApiError):
        stripe_emulator.confirm(session.stripe_id, {"email": "sam@example.com", "method": {"type": "wallet"}})


def test_host_without_computed_shipping_keeps_the_placed_options(settings, host_order, stripe_emulator):
    settings.CHECKOUT_ADAPTER = f"{__name__}.FixedAdapter"
    session = services.start(host_order, ui_mode="elements", params=SHIPPED | RATED)

    services.change_shipping(session.order, name="Sam Shopper", address=ADDRESS)

    assert stripe_emulator.get(session.stripe_id)["shipping_options"][0]["shipping_amount"] == 490


def test_subscription_has_no_shipping_rates(settings, stripe_emulator):
    settings.CHECKOUT_ADAPTER = f"{__name__}.ChangingAdapter"
    club = LineData(name="Tea club", unit_amount_minor=1900, recurring_interval="month")
    order = services.place(OrderData(reference="S-1", currency="eur", lines=(club,)))
    session = services.start(order, ui_mode="elements", params=SHIPPED)

    services.change_shipping(order, name="Sam Shopper", address=ADDRESS)

    assert stripe_emulator.get(session.stripe_id)["shipping_options"] == []


def test_closed_session_cannot_be_changed(session, stripe_emulator):
    services.expire(session)

    with pytest.raises(SessionClosedError):
        services.change_shipping(session.order, name="", address=ADDRESS)
    with pytest.raises(SessionClosedError):
        services.get_client_secret(session)


def test_endpoint_makes_the_requested_change(client, session):
    assert _post(client, session.order, {"quantity": {"sku": "", "quantity": 2}}).json() == {"ok": True}
    assert _post(client, session.order, {"shipping": {"name": "Sam", "address": ADDRESS}}).json() == {"ok": True}


def test_endpoint_shows_that_an_address_has_no_shipping(client, session):
    answer = _post(client, session.order, {"shipping": {"name": "Sam", "address": {**ADDRESS, "country": "CH"}}})

    assert (answer.status_code, answer.json()["code"]) == (409, "cannot_ship")
    assert answer.json()["message"] == "We do not ship to this address. Please choose another one."


def test_endpoint_shows_what_is_sold_out(client, session):
    answer = _post(client, session.order, {"quantity": {"sku": "", "quantity": 9}})

    assert (answer.status_code, answer.json()["code"]) == (409, "out_of_stock")
    assert answer.json()["message"] == "Only three are left."


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        {"quantity": {"sku": "", "quantity": 0}},
        {"quantity": {"sku": "", "quantity": 1.5}},
        {"quantity": {"sku": "", "quantity": True}},
        {"quantity": {"sku": 7, "quantity": 1}},
        {"shipping": {"address": "here"}},
        {"quantity": {"sku": "x" * 20_000, "quantity": 1}},
    ],
)
def test_endpoint_refuses_invalid_input(client, session, body):
    answer = _post(client, session.order, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


def test_host_that_implements_neither_offers_neither(host_order, stripe_emulator):
    order = services.start(host_order, ui_mode="elements").order

    with pytest.raises(OutOfStockError):
        services.change_quantity(order, sku="", quantity=2)
    assert "permissions" not in CheckoutSession.objects.get().request


@pytest.mark.parametrize("failure", [{"status": 500}, {"status": 429}])
def test_payment_of_the_old_amount_is_withheld_once_the_new_quantity_is_committed(
    session, stripe_emulator, deliver_events, recorder, failure
):
    stripe_emulator.chaos.fail(2, match="POST /v1/checkout/sessions/*", **failure)
    with pytest.raises(StripeUnavailableError):
        services.change_quantity(session.order, sku="", quantity=3)
    stripe_emulator.chaos.reset()

    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    order = Order.objects.get()
    assert (order.subtotal_minor, order.paid_minor, order.needs_attention) == (6000, 2000, True)
    assert "order_paid" not in recorder.names


def test_second_change_is_refused_until_the_first_is_sent(session, stripe_emulator, monkeypatch):
    send = changing._send

    def meanwhile(*arguments):
        with pytest.raises(SessionBusyError):
            services.change_quantity(session.order, sku="", quantity=2)
        return send(*arguments)

    monkeypatch.setattr(changing, "_send", meanwhile)
    services.change_quantity(session.order, sku="", quantity=3)

    assert (HostOrder.objects.get().quantity, Order.objects.get().subtotal_minor) == (3, 6000)
    assert stripe_emulator.get(session.stripe_id)["amount_subtotal"] == 6000
