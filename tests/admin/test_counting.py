from __future__ import annotations

import pytest
from django.db import connection
from django.urls import reverse

from django_checkout.admin import counting
from django_checkout.admin.counting import EstimatingPaginator
from django_checkout.models import Order
from tests.admin.factories import OrderFactory

pytestmark = pytest.mark.django_db

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL has the estimates")


def paginator(rows):
    return EstimatingPaginator(rows, 50)


@pytest.fixture
def many(monkeypatch):
    """More analyzed orders than are counted."""
    monkeypatch.setattr(counting, "EXACT_UP_TO", 10)
    OrderFactory.create_batch(40)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE django_checkout_order")


def test_short_lists_are_counted():
    OrderFactory.create_batch(3)
    assert (paginator(Order.objects.order_by("-id")).count, paginator(Order.objects.none()).count) == (3, 0)


def test_a_filter_without_matches_counts_zero():
    OrderFactory()
    assert paginator(Order.objects.filter(pk__in=[])).count == 0


@on_postgresql
def test_long_lists_are_estimated(many, django_assert_num_queries):
    with django_assert_num_queries(1) as queries:
        assert paginator(Order.objects.order_by("-id")).count == 40
    assert "reltuples" in queries.captured_queries[0]["sql"]


@on_postgresql
def test_a_long_filtered_list_is_estimated(many, django_assert_num_queries):
    rows = paginator(Order.objects.filter(currency="eur").order_by("-id"))
    with django_assert_num_queries(1) as queries:
        assert rows.count == rows.estimate == 40
    assert queries.captured_queries[0]["sql"].startswith("EXPLAIN")


@on_postgresql
def test_a_short_filtered_list_is_counted(many):
    rows = paginator(Order.objects.filter(reference=Order.objects.first().reference))
    assert (rows.estimate, rows.count) == (None, 1)


@on_postgresql
def test_a_list_shows_that_its_count_is_an_estimate(many, viewer):
    assert "estimate" in viewer.get(reverse("admin:django_checkout_order_changelist")).content.decode()


def test_other_databases_count_rows(monkeypatch):
    monkeypatch.setattr(connection, "vendor", "sqlite")
    OrderFactory.create_batch(2)
    rows = paginator(Order.objects.filter(currency="eur").order_by("-id"))
    assert (rows.estimate, rows.count) == (None, 2)
