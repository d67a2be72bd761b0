"""The pages in the theme of django-unfold, if it is installed; see ``unfold_settings``."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.urls import reverse

from tests.admin.conftest import MODELS
from tests.admin.factories import BalanceFactory, make_paid_order
from tests.admin.test_lists import FACTORIES, list_url, page_url

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not apps.is_installed("unfold"),
        reason="needs django-unfold: pip install django-unfold, then --ds=tests.admin.unfold_settings",
    ),
]


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_pages_are_shown(model, merchant, no_stripe):
    row = FACTORIES[model]()
    for url in (list_url(model), page_url(row)):
        response = merchant.get(url)
        assert response.status_code == 200
        assert "django_checkout/admin.css" in response.content.decode()


def test_the_dashboard_is_shown(merchant, no_stripe):
    make_paid_order()
    for url in (reverse("admin:django_checkout_order_dashboard"), reverse("admin:app_list", args=["django_checkout"])):
        page = merchant.get(url).content.decode()
        assert "checkout-tiles" in page
        assert "django_checkout/admin-dashboard.css" in page


def test_an_order_has_buttons_and_a_timeline(merchant, no_stripe):
    order = make_paid_order()
    page = merchant.get(page_url(order)).content.decode()
    assert 'id="checkout-timeline"' in page
    assert reverse("admin:django_checkout_order_operate", args=[order.pk, "refund"]) in page


def test_the_refund_form_has_its_own_page(merchant, no_stripe):
    url = reverse("admin:django_checkout_order_operate", args=[make_paid_order().pk, "refund"])
    assert 'name="amount"' in merchant.get(url).content.decode()


def test_other_pages_have_buttons(merchant):
    row = FACTORIES["discrepancy"]()
    page = merchant.get(page_url(row)).content.decode()
    assert reverse("admin:django_checkout_discrepancy_operate", args=[row.pk, "resolve"]) in page


def test_a_payout_shows_its_totals(merchant):
    page = merchant.get(page_url(BalanceFactory().payout)).content.decode()
    assert "Summary" in page
