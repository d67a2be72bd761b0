from __future__ import annotations

import csv
import io

import pytest
from django.urls import reverse

from tests.admin.factories import OrderFactory, make_paid_order

pytestmark = pytest.mark.django_db


def downloaded(client, *orders):
    response = client.post(
        reverse("admin:django_checkout_order_changelist"),
        {"action": "export_csv", "_selected_action": [order.pk for order in orders]},
    )
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return b"".join(response.streaming_content).decode()


def export(client, *orders):
    return list(csv.DictReader(io.StringIO(downloaded(client, *orders))))


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


@pytest.mark.parametrize(
    ("reference", "exported"),
    [
        ("A;=1+1", "A;'=1+1"),
        ('A";=1', "A\";'=1"),
        ("A\t-1", "A\t'-1"),
        ("A,@x", "A,'@x"),
        ("A; =1", "A;' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("\r=1", "'\r'=1"),
        ("A-1", "A-1"),
        ("kim+1@x;y", "kim+1@x;y"),
    ],
)
def test_a_part_of_a_cell_is_never_a_formula(reference, exported, viewer):
    """In many countries spreadsheets split at semicolons and ignore the quotes in a line."""
    text = downloaded(viewer, OrderFactory(reference=reference))

    assert next(csv.DictReader(io.StringIO(text, newline="")))["reference"] == exported
    assert text.startswith('"reference","status"')


def test_the_number_of_queries_does_not_depend_on_the_orders(viewer, django_assert_max_num_queries):
    orders = [make_paid_order() for _ in range(8)]
    with django_assert_max_num_queries(7):
        assert len(export(viewer, *orders)) == 8
