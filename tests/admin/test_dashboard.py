from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_checkout.admin import charts, statistics_cache
from django_checkout.admin.dashboard import age
from tests.admin import factories
from tests.admin.conftest import staff_client
from tests.amounts import money
from tests.races.together import run_after
from tests.test_health_speed import MAX_QUERIES

pytestmark = pytest.mark.django_db

DASHBOARD = "admin:django_checkout_order_dashboard"


@pytest.fixture
def sold():
    """A paid order, an expired session, and an open task of each kind."""
    factories.make_paid_order()
    factories.SessionFactory(status="expired")
    factories.OrderFactory(currency="jpy", paid_minor=500, paid_at=timezone.now(), status="paid")
    factories.DiscrepancyFactory()
    factories.EventFactory(state="failed")
    factories.AnnouncementFactory(state="pending", attempts=1)


def read(client, url=None):
    response = client.get(url or reverse(DASHBOARD))
    assert response.status_code == 200
    return response.content.decode()


def test_it_shows_revenue_by_currency_and_open_tasks(sold, viewer, no_stripe):
    page = read(viewer)
    assert money("20.00") in page
    assert f"{money('5.00')} refunded" in page
    assert money("500", "jpy") in page
    for model, query in (
        ("discrepancy", "state=open"),
        ("webhookevent", "state=failed"),
        ("announcement", "state=pending"),
    ):
        assert f"{reverse(f'admin:django_checkout_{model}_changelist')}?{query}" in page


def test_it_counts_the_pending_notifications_that_its_link_lists(viewer):
    factories.AnnouncementFactory(state="pending", signal="order_disputed")

    page = read(viewer)

    assert re.search(r'checkout-tile-wait">\s*<a [^>]*announcement[^>]*><span class="checkout-number">1<', page)
    assert "No alerts" in page


def test_each_alert_links_its_page_in_the_runbook(sold, viewer):
    assert "docs/runbook/reference.md#events_failed" in read(viewer)


def test_the_funnel_counts_sessions(sold, viewer):
    funnels = viewer.get(reverse(DASHBOARD)).context["funnels"]
    today = {share.name: (share.number, share.percent) for share in funnels[0].shares}
    assert today == {"opened": (2, 100), "completed": (1, 50), "paid": (1, 50), "expired": (1, 50), "failed": (0, 0)}


def test_failed_query_does_not_end_the_transaction_of_the_request(viewer):
    def fail(execute, sql, params, many, context):
        if "django_checkout_webhookevent" in sql:
            sql, params = "SELECT 1 FROM django_checkout_gone", ()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        page = viewer.get(reverse(DASHBOARD))

    assert "A table or column is missing in the database." in page.text
    assert viewer.get(reverse(DASHBOARD)).status_code == 200


def test_an_empty_shop_has_a_dashboard(viewer, no_stripe):
    page = read(viewer)
    assert "No sales in the last 30 days" in page
    assert "No payment pages were opened." in page


def test_charts_have_text_alternatives(sold, viewer):
    page = read(viewer)
    assert re.search(
        rf'<svg class="checkout-bars"[^>]* role="img" aria-label="Revenue in EUR day by day: {money("20.00")}', page
    )
    assert page.count('<rect class="checkout-bar') >= 60
    assert "Show the days as a table" in page


def test_it_contains_no_inline_script_or_style(sold, viewer):
    for url in (None, reverse("admin:app_list", args=["django_checkout"])):
        page = read(viewer, url)
        assert "<style" not in page
        assert " style=" not in page
        assert all(" src=" in tag.partition(">")[0] for tag in page.split("<script")[1:])


def test_the_app_index_has_the_summary_for_viewers_of_orders(sold, viewer):
    index = reverse("admin:app_list", args=["django_checkout"])
    assert reverse(DASHBOARD) in read(viewer, index)
    assert reverse(DASHBOARD) not in read(staff_client("other", "view_refund"), index)


def test_the_order_list_links_to_it(viewer):
    assert reverse(DASHBOARD) in read(viewer, reverse("admin:django_checkout_order_changelist"))


def test_it_requires_the_permission_to_view_orders():
    assert staff_client("other", "view_refund").get(reverse(DASHBOARD)).status_code == 403
    assert Client().get(reverse(DASHBOARD)).status_code == 302


def test_it_links_only_to_pages_that_the_user_may_view(sold):
    page = read(staff_client("other", "view_order"))
    assert reverse("admin:django_checkout_discrepancy_changelist") not in page


def test_it_takes_a_fixed_number_of_queries(sold, viewer, django_assert_max_num_queries, django_assert_num_queries):
    viewer.get(reverse(DASHBOARD))
    statistics_cache.clear()
    # Two are the savepoint in the test's transaction.
    with django_assert_max_num_queries(MAX_QUERIES + 11) as first:
        read(viewer)
    for _ in range(3):
        factories.make_paid_order()
    statistics_cache.clear()
    with django_assert_num_queries(len(first.captured_queries)):
        read(viewer)


def test_statistics_are_cached_until_an_operation(viewer, operator):
    row = factories.DiscrepancyFactory()
    tile = re.compile(r'<span class="checkout-number">(\d+)</span> <span class="checkout-tile-label">Differences')
    assert tile.search(read(operator)).group(1) == "1"
    factories.DiscrepancyFactory()
    assert tile.search(read(operator)).group(1) == "1"
    operator.post(reverse("admin:django_checkout_discrepancy_operate", args=[row.pk, "ignore"]), {"note": "ours"})
    factories.DiscrepancyFactory()
    assert tile.search(read(operator)).group(1) == "2"


def test_statistics_that_were_read_before_an_operation_are_not_shown_after_it(db):
    def operate():
        factories.DiscrepancyFactory()
        statistics_cache.clear()

    statistics_cache.clear()
    with run_after("django_checkout.operations.statistics.dashboard", operate):
        statistics_cache.read()

    assert sum(statistics_cache.read().discrepancies.values()) == 1


def test_it_shows_a_missing_key(settings, viewer):
    settings.STRIPE_SECRET_KEY = ""
    for url in (None, reverse("admin:app_list", args=["django_checkout"])):
        assert "STRIPE_SECRET_KEY" in read(viewer, url)


def test_disputes_show_when_they_are_due(viewer):
    factories.DisputeFactory(due_by=timezone.now() - timedelta(hours=1))
    factories.DisputeFactory(due_by=timezone.now() + timedelta(days=1))
    factories.DisputeFactory(status="under_review")
    page = read(viewer)
    assert "1 overdue, 1 due within 3 days, 1 under review" in page


def test_a_dispute_that_is_not_pressing_shows_its_date(viewer):
    dispute = factories.DisputeFactory(due_by=timezone.now() + timedelta(days=9))
    assert f"next due {timezone.localtime(dispute.due_by):%Y-%m-%d %H:%M}" in read(viewer)


def test_a_superuser_needs_no_explicit_permission(sold):
    client = Client()
    user = get_user_model().objects.create_superuser("root", password="x")
    client.force_login(user)
    assert not Permission.objects.filter(user=user).exists()
    read(client)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "never"), (1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (7200, "2 hours"), (200000, "2 days")],
)
def test_ages_are_rounded_down(seconds, text):
    assert age(seconds) == text


def test_the_height_of_a_bar_is_proportional():
    chart = charts.bar_chart([0, 1, 500, 1000], ["a", "b", "c", "d"])
    assert [bar.height for bar in chart.bars] == [0, 1, 50, 100]
    assert [bar.y + bar.height for bar in chart.bars] == [100] * 4
    assert [bar.is_last for bar in chart.bars] == [False, False, False, True]


def test_a_chart_of_zeros_has_no_visible_bars():
    assert [bar.height for bar in charts.bar_chart([0, 0], ["a", "b"]).bars] == [0, 0]
    assert charts.bar_chart([], []).bars == ()


def test_a_share_is_visible_and_fits():
    assert charts.share("paid", "Paid", 1, 100_000).length == 1
    assert charts.share("failed", "Failed", 3, 0).length == 1
    assert charts.share("failed", "Failed", 3, 2).length == 100
