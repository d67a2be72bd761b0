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
    """Orders that PostgreSQL knows the number of, more than are counted."""
    monkeypatch.setattr(counting, "EXACT_UP_TO", 10)
    OrderFactory.create_batch(40)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE django_checkout_order")


def test_short_lists_are_counted():
    OrderFactory.create_batch(3)
    assert (paginator(Order.objects.order_by("-id")).count, paginator(Order.objects.none()).count) == (3, 0)


def test_a_filter_that_nothing_matches_is_none():
    OrderFactory()
    assert paginator(Order.objects.filter(pk__in=[])).count == 0


@on_postgresql
def test_long_lists_are_estimated(many, django_assert_num_queries):
    with django_assert_num_queries(1) as asked:
        assert paginator(Order.objects.order_by("-id")).count == 40
    assert "reltuples" in asked.captured_queries[0]["sql"]


@on_postgresql
def test_a_long_filtered_list_is_estimated_by_the_planner(many, django_assert_num_queries):
    rows = paginator(Order.objects.filter(currency="eur").order_by("-id"))
    with django_assert_num_queries(1) as asked:
        assert rows.count == rows.estimate == 40
    assert asked.captured_queries[0]["sql"].startswith("EXPLAIN")


@on_postgresql
def test_a_short_filtered_list_is_counted_after_all(many):
    rows = paginator(Order.objects.filter(reference=Order.objects.first().reference))
    assert (rows.estimate, rows.count) == (None, 1)


@on_postgresql
def test_a_list_says_that_it_is_estimated(many, viewer):
    assert "estimate" in viewer.get(reverse("admin:django_checkout_order_changelist")).content.decode()


def test_other_databases_count(monkeypatch):
    monkeypatch.setattr(connection, "vendor", "sqlite")
    OrderFactory.create_batch(2)
    rows = paginator(Order.objects.filter(currency="eur").order_by("-id"))
    assert (rows.estimate, rows.count) == (None, 2)
