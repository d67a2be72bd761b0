from __future__ import annotations

import csv
import io

import pytest
from django.urls import reverse

from tests.admin.factories import OrderFactory, make_paid_order

pytestmark = pytest.mark.django_db


def export(client, *orders):
    response = client.post(
        reverse("admin:django_checkout_order_changelist"),
        {"action": "export_csv", "_selected_action": [order.pk for order in orders]},
    )
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_orders_are_exported_in_major_units(viewer, no_stripe):
    order = make_paid_order(reference="A-1", email="kim@example.com")
    row = export(viewer, order)[0]
    assert (row["reference"], row["currency"], row["paid"], row["refunded"]) == ("A-1", "eur", "20.00", "5.00")
    assert (row["discount"], row["stripe_payment"]) == ("", order.payments.get().stripe_id)
    assert row["paid_at"].endswith("+00:00")


def test_zero_decimal_currencies_have_no_decimals(viewer):
    assert export(viewer, OrderFactory(currency="jpy", subtotal_minor=500))[0]["subtotal"] == "500"


@pytest.mark.parametrize("reference", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_cell_is_never_a_formula(reference, viewer):
    assert export(viewer, OrderFactory(reference=reference))[0]["reference"] == f"'{reference}"


def test_an_export_costs_the_same_however_long_it_is(viewer, django_assert_max_num_queries):
    orders = [make_paid_order() for _ in range(8)]
    with django_assert_max_num_queries(7):
        assert len(export(viewer, *orders)) == 8
