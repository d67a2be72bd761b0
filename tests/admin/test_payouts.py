from __future__ import annotations

import csv
import io

import pytest
from django.urls import reverse

from django_checkout.admin import payouts
from tests.admin.conftest import staff_client
from tests.admin.factories import (
    BalanceFactory,
    OrderFactory,
    PaymentFactory,
    PayoutFactory,
    RunFactory,
    make_paid_order,
)
from tests.amounts import money

pytestmark = pytest.mark.django_db


@pytest.fixture
def payout():
    """A payout with a charge, a refund and a Stripe fee."""
    payout = PayoutFactory(stripe_id="po_1", amount_minor=1640, lines_net_minor=1640)
    payment = PaymentFactory(order=OrderFactory(reference="=A1"))
    BalanceFactory(payout=payout, payment=payment)
    BalanceFactory(payout=payout, payment=payment, type="refund", amount_minor=-300, fee_minor=0)
    BalanceFactory(payout=payout, payment=None, type="stripe_fee", amount_minor=-5, fee_minor=0)
    return payout


def url(payout):
    return reverse("admin:django_checkout_payout_change", args=[payout.pk])


def csv_url(payout):
    return reverse("admin:django_checkout_payout_csv", args=[payout.pk])


def rows(response):
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_a_page_shows_totals_and_links_to_orders(payout, viewer, no_stripe):
    response = viewer.get(url(payout))
    page = response.content.decode()
    order = payout.lines.exclude(payment=None).first().payment.order
    assert response.context["sum_net"] == response.context["amount"] == money("16.40")
    assert "adds up" in page
    assert reverse("admin:django_checkout_order_change", args=[order.pk]) in page
    assert "https://dashboard.stripe.com/test/payouts/po_1" in page
    assert money("-0.55") in page


def test_the_transaction_of_the_payout_is_not_in_its_total(payout, viewer):
    BalanceFactory(payout=payout, payment=None, type="payout", amount_minor=-1640, fee_minor=0)
    response = viewer.get(url(payout))
    assert response.context["sum_net"] == money("16.40")
    assert "Payout" not in [label for label, *_ in response.context["sum_rows"]]
    assert len(response.context["lines_table"].rows) == 4


def test_a_difference_is_shown(viewer):
    page = viewer.get(url(PayoutFactory(amount_minor=2000, lines_net_minor=1945))).content.decode()
    assert f"difference of {money('0.55')}" in page


@pytest.mark.parametrize(("is_automatic", "text"), [(True, "not available yet"), (False, "manual payout")])
def test_a_payout_without_transactions_shows_no_difference(is_automatic, text, viewer):
    page = viewer.get(url(PayoutFactory(lines_net_minor=None, is_automatic=is_automatic))).content.decode()
    assert text in page
    assert "not available yet. Run checkout_reconcile" in page


def test_the_transactions_of_a_long_payout_are_paginated(payout, viewer, monkeypatch):
    monkeypatch.setattr(payouts, "LINES_PER_PAGE", 2)
    assert "Page 1 of 2" in viewer.get(url(payout)).content.decode()
    assert len(viewer.get(url(payout), {"page": "2"}).context["lines_table"].rows) == 1


def test_the_number_of_queries_does_not_depend_on_the_lines(payout, viewer, django_assert_num_queries):
    viewer.get(url(payout))
    with django_assert_num_queries(8):
        viewer.get(url(payout))
    for _ in range(5):
        BalanceFactory(payout=payout)
    with django_assert_num_queries(8):
        viewer.get(url(payout))


def test_a_payout_is_downloaded_in_major_units(payout, viewer):
    response = viewer.get(csv_url(payout))
    assert response["Content-Disposition"] == 'attachment; filename="po_1.csv"'
    lines = rows(response)
    assert [(line["type"], line["amount"], line["fee"], line["net"]) for line in lines] == [
        ("charge", "20.00", "0.55", "19.45"),
        ("refund", "-3.00", "0.00", "-3.00"),
        ("stripe_fee", "-0.05", "0.00", "-0.05"),
    ]


def test_a_cell_is_never_a_formula(payout, viewer):
    assert rows(viewer.get(csv_url(payout)))[0]["order"] == "'=A1"


def test_selected_payouts_are_downloaded_together(payout, viewer):
    BalanceFactory()
    values = {"action": "export_csv", "_selected_action": [payout.pk]}
    lines = rows(viewer.post(reverse("admin:django_checkout_payout_changelist"), values))
    assert {line["payout"] for line in lines} == {"po_1"}


def test_downloads_need_the_permission(payout):
    assert staff_client("other", "view_order").get(csv_url(payout)).status_code == 403


def test_an_unknown_payout_has_no_download(viewer):
    assert viewer.get(reverse("admin:django_checkout_payout_csv", args=[4711])).status_code == 404


def test_an_order_shows_fee_net_and_payout(viewer, no_stripe):
    order = make_paid_order()
    payment = order.payments.get()
    payout = BalanceFactory(payment=payment).payout
    BalanceFactory(payment=payment, payout=None, type="refund", amount_minor=-500, fee_minor=0)
    page = viewer.get(reverse("admin:django_checkout_order_change", args=[order.pk])).content.decode()
    assert "Fees and payouts" in page
    assert money("19.45") in page
    assert f'<span class="checkout-amount"><strong>{money("14.45")}</strong></span>' in page
    assert url(payout) in page
    assert "not paid out yet" in page


def test_an_order_without_balance_transactions_has_no_fee_table(viewer):
    page = viewer.get(reverse("admin:django_checkout_order_change", args=[make_paid_order().pk])).content.decode()
    assert "Fees and payouts" not in page


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "none"),
        ({"found": 3}, "3, dry run"),
        ({"found": 3, "fixed": 2, "is_fixing": True}, "3, 2 fixed"),
    ],
)
def test_runs_show_their_result(values, text, viewer):
    RunFactory(**values)
    page = viewer.get(reverse("admin:django_checkout_reconciliationrun_changelist")).content.decode()
    assert f">{text}</span>" in page
    assert "1,200 sessions" in page
