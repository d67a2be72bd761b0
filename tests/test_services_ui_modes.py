"""``start``, the pages and the template tags allow the same UI modes for an order."""

from __future__ import annotations

import pytest
from django.template import engines
from django.urls import resolve, reverse

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token, read_token
from django_checkout.adapters import CheckoutAdapter
from django_checkout.conf import UI_MODES
from django_checkout.exceptions import UiModeError
from django_checkout.models import CheckoutSession
from django_checkout.values import CheckoutOptions, LineData, OrderData, ShippingOption

pytestmark = [pytest.mark.django_db, pytest.mark.core]

ALL = list(UI_MODES)
RATES = (ShippingOption(name="Parcel", amount_minor=490),)
FALLBACK = "data-checkout-fallback"


class PlainAdapter(CheckoutAdapter):
    """A host whose orders are placed from an ``OrderData``."""


class ShippingAdapter(CheckoutAdapter):
    """A host that computes shipping options from the address."""

    def shipping_options(self, order, address):
        return RATES


@pytest.fixture(autouse=True)
def _plain(settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.PlainAdapter"


@pytest.fixture
def computed(settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.ShippingAdapter"


def place(reference="O-1", line=None, **options):
    line = line or LineData(name="Teapot", unit_amount_minor=2000)
    return services.place(
        OrderData(reference=reference, currency="eur", lines=(line,), options=CheckoutOptions(**options))
    )


def link(name, order):
    return reverse(f"django_checkout:{name}", args=[make_token(order, Purpose.PAY)])


def rendered(tag, order):
    template = engines["django"].from_string(f"{{% load checkout %}}{{% {tag} order %}}")
    return template.render({"order": order})


@pytest.mark.parametrize(
    ("options", "modes"),
    [
        ({}, ALL),
        ({"shipping_countries": ("DE",)}, ["elements"]),
        ({"shipping_countries": ("DE",), "shipping_options": RATES}, ALL),
    ],
    ids=["not-shipped", "computed", "placed"],
)
def test_computed_shipping_allows_elements_only(options, modes, computed):
    assert services.ui_modes(place(**options)) == modes


def test_host_without_computed_shipping_allows_every_mode():
    assert services.ui_modes(place(shipping_countries=("DE",))) == ALL


def test_subscription_has_no_shipping_rates_to_compute(computed):
    club = LineData(name="Tea club", unit_amount_minor=1900, recurring_interval="month")

    assert services.ui_modes(place(line=club, shipping_countries=("DE",))) == ALL


@pytest.mark.parametrize("ui_mode", ["hosted_page", "embedded_page"])
def test_computed_shipping_cannot_be_bypassed_by_another_ui_mode(ui_mode, computed, stripe_emulator):
    with pytest.raises(UiModeError, match=ui_mode):
        services.start(place(shipping_countries=("DE",)), ui_mode=ui_mode)

    assert stripe_emulator.store.select("checkout.session") == []


def test_shipping_options_of_the_caller_allow_every_mode(computed, stripe_emulator):
    rate = {"shipping_rate_data": {"display_name": "P", "fixed_amount": {"amount": 490, "currency": "eur"}}}
    order = place(shipping_countries=("DE",))

    assert services.start(order, ui_mode="hosted_page", params={"shipping_options": [rate]}).url


def test_default_mode_is_one_that_the_order_allows(computed, stripe_emulator):
    assert services.start(place(shipping_countries=("DE",))).ui_mode == "elements"


def test_order_that_allows_no_mode_is_refused(settings, computed, stripe_emulator):
    settings.CHECKOUT_UI_MODES = ["hosted_page"]

    with pytest.raises(UiModeError, match="none is"):
        services.start(place(shipping_countries=("DE",)))


@pytest.mark.parametrize("ui_mode", ["hosted_page", "embedded_page"])
@pytest.mark.parametrize("name", ["start", "secret"])
def test_browser_cannot_choose_a_mode_that_the_site_excludes(name, ui_mode, settings, client, stripe_emulator):
    settings.CHECKOUT_UI_MODES = ["elements"]
    order = place()

    answer = client.post(link(name, order), {"ui_mode": ui_mode})

    assert answer.status_code == 400
    assert "Please go back to the shop" in answer.content.decode()
    assert not CheckoutSession.objects.exists()


def test_first_mode_of_the_site_is_the_default(settings, client, stripe_emulator):
    settings.CHECKOUT_UI_MODES = ["elements", "hosted_page"]
    order = place()

    assert "data-checkout-elements" in client.get(link("pay", order)).content.decode()
    assert services.start(order).ui_mode == "elements"


@pytest.mark.parametrize("tag", ["checkout_elements", "checkout_embedded"])
def test_fallback_is_shown_where_the_hosted_page_is_allowed(tag, settings):
    order = place()

    assert FALLBACK in rendered(tag, order)
    settings.CHECKOUT_UI_MODES = ["embedded_page", "elements"]
    assert FALLBACK not in rendered(tag, order)


def test_pay_page_with_computed_shipping_offers_elements_only(client, computed):
    page = client.get(link("pay", place(shipping_countries=("DE",)))).content.decode()

    assert "data-checkout-elements" in page
    assert FALLBACK not in page


def test_button_uses_a_mode_that_the_order_allows(client, computed, stripe_emulator):
    order = place(shipping_countries=("DE",))
    assert 'name="ui_mode" value=""' in rendered("checkout_button", order)

    answer = client.post(link("start", order), {"ui_mode": ""})

    match = resolve(answer.url)
    assert (match.url_name, read_token(match.kwargs["token"], Purpose.PAY).order_pk) == ("pay", order.pk)
    assert CheckoutSession.objects.get().ui_mode == "elements"


@pytest.mark.parametrize("ui_mode", UI_MODES)
def test_order_is_paid_in_every_ui_mode(ui_mode, client, stripe_emulator):
    order = place()
    page = client.get(reverse("django_checkout:pay", args=[make_token(order, Purpose.PAY)]), {"ui_mode": ui_mode})
    session = services.start(order, ui_mode=ui_mode)
    stripe_emulator.pay(session.stripe_id)

    assert (page.status_code, services.sync(order).status) == (200, "paid")
