from __future__ import annotations

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from django_checkout.admin.base import FactsAdmin
from django_checkout.models import Order
from tests.admin import factories
from tests.admin.conftest import MODELS, staff_client
from tests.amounts import money

pytestmark = pytest.mark.django_db

FACTORIES = {
    "announcement": factories.AnnouncementFactory,
    "attentionitem": factories.AttentionFactory,
    "checkoutsession": factories.SessionFactory,
    "customer": factories.CustomerFactory,
    "discrepancy": factories.DiscrepancyFactory,
    "dispute": factories.DisputeFactory,
    "order": factories.OrderFactory,
    "payment": factories.PaymentFactory,
    "payout": factories.PayoutFactory,
    "reconciliationrun": factories.RunFactory,
    "refund": factories.RefundFactory,
    "subscription": factories.SubscriptionFactory,
    "webhookevent": factories.EventFactory,
}


def list_url(model):
    return reverse(f"admin:django_checkout_{model}_changelist")


def page_url(row):
    return reverse(f"admin:django_checkout_{row._meta.model_name}_change", args=[row.pk])


def found(response):
    return [str(row) for row in response.context["cl"].result_list]


def test_every_model_has_an_admin():
    shown = {model._meta.model_name for model in admin.site._registry if model._meta.app_label == "django_checkout"}
    assert shown >= set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_the_number_of_queries_does_not_depend_on_the_rows(
    model, viewer, no_stripe, django_assert_max_num_queries, django_assert_num_queries
):
    FACTORIES[model].create_batch(2)
    viewer.get(list_url(model))
    # One query for users, which can be in another database, and one for PostgreSQL's estimate.
    with django_assert_max_num_queries(8 if connection.vendor == "postgresql" else 7) as few:
        assert viewer.get(list_url(model)).status_code == 200
    FACTORIES[model].create_batch(20)
    with django_assert_num_queries(len(few.captured_queries)):
        assert viewer.get(list_url(model)).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_a_page_is_read_only(model, merchant, no_stripe):
    row = FACTORIES[model]()
    response = merchant.get(page_url(row))
    page = response.content.decode()
    assert response.status_code == 200
    assert 'name="_save"' not in page
    assert "deletelink" not in page
    assert merchant.get(reverse(f"admin:django_checkout_{model}_add")).status_code == 403
    assert merchant.get(reverse(f"admin:django_checkout_{model}_delete", args=[row.pk])).status_code == 403
    assert merchant.post(page_url(row), {"reference": "changed", "_save": "1"}).status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_pages_contain_no_inline_script_or_style(model, merchant, no_stripe):
    row = FACTORIES[model]()
    for url in (list_url(model), page_url(row)):
        page = merchant.get(url).content.decode()
        assert "<style" not in page
        assert " style=" not in page
        assert " onclick=" not in page
        assert all(" src=" in tag.partition(">")[0] for tag in page.split("<script")[1:])


@pytest.mark.parametrize("model", MODELS)
def test_staff_without_the_view_permission_are_refused(model):
    other = staff_client("other")
    row = FACTORIES[model]()
    assert other.get(list_url(model)).status_code == 403
    assert other.get(page_url(row)).status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_the_page_of_a_deleted_row_redirects_to_the_index(model, viewer):
    response = viewer.get(reverse(f"admin:django_checkout_{model}_change", args=[987654]))
    assert (response.status_code, response["Location"]) == (302, reverse("admin:index"))


def test_shoppers_are_redirected_to_the_login():
    response = Client().get(list_url("order"))
    assert response.status_code == 302
    assert "login" in response["Location"]


def test_filters_use_columns_only():
    for model, model_admin in admin.site._registry.items():
        if not isinstance(model_admin, FactsAdmin):
            continue
        for spec in model_admin.list_filter:
            name = spec if isinstance(spec, str) else spec.parameter_name
            if name == "resolved":
                continue
            field = model._meta.get_field(name)
            assert not field.is_relation, (model, name)
        assert not model_admin.date_hierarchy
        assert not model_admin.show_full_result_count


@pytest.mark.parametrize("model", MODELS)
def test_every_choice_of_every_filter_works(model, viewer):
    FACTORIES[model]()
    page = viewer.get(list_url(model))
    for spec in page.context["cl"].filter_specs:
        for choice in spec.choices(page.context["cl"]):
            assert viewer.get(list_url(model) + choice["query_string"]).status_code == 200


def test_filters_narrow_the_list(viewer):
    factories.OrderFactory(reference="A", status="paid")
    factories.OrderFactory(reference="B", status="unpaid", needs_attention=True)
    assert found(viewer.get(list_url("order"), {"status": "paid"})) == ["A"]
    assert found(viewer.get(list_url("order"), {"needs_attention__exact": "1"})) == ["B"]


def test_attention_is_filtered_by_whether_it_is_resolved(viewer):
    order = factories.OrderFactory()
    factories.AttentionFactory(order=order, fact="open")
    factories.AttentionFactory(order=order, fact="done", resolved_at=order.created_at)
    assert found(viewer.get(list_url("attentionitem"), {"resolved": "no"})) == ["amount_mismatch open"]
    assert found(viewer.get(list_url("attentionitem"), {"resolved": "yes"})) == ["amount_mismatch done"]


@pytest.fixture
def known():
    order = factories.make_paid_order(reference="TS 1001", email="Kim@example.com")
    factories.OrderFactory(reference="XY-1", email="lee@example.com")
    return order


@pytest.mark.parametrize("term", ["TS 1001", "TS", " TS 1001 ", "kim@example.com", "KIM@"])
def test_orders_are_found_by_reference_and_email(term, known, viewer):
    assert found(viewer.get(list_url("order"), {"q": term})) == ["TS 1001"]


@pytest.mark.parametrize("relation", ["sessions", "payments"])
def test_orders_are_found_by_the_ids_of_their_rows(relation, known, viewer):
    assert found(viewer.get(list_url("order"), {"q": getattr(known, relation).get().stripe_id})) == ["TS 1001"]


def test_orders_are_found_by_charge_refund_and_dispute(known, viewer):
    payment = known.payments.get()
    for term in (payment.charge_id, payment.refunds.get().stripe_id, payment.disputes.get().stripe_id):
        assert found(viewer.get(list_url("order"), {"q": term})) == ["TS 1001"]


def test_the_search_is_case_sensitive_for_ids(viewer):
    factories.PaymentFactory(stripe_id="pi_aB", order=factories.OrderFactory(reference="upper"))
    factories.PaymentFactory(stripe_id="pi_ab", order=factories.OrderFactory(reference="lower"))
    assert found(viewer.get(list_url("order"), {"q": "pi_aB"})) == ["upper"]


def test_an_empty_search_finds_everything(known, viewer):
    assert len(found(viewer.get(list_url("order"), {"q": "  "}))) == 2


@pytest.mark.parametrize("model", ["checkoutsession", "payment", "refund", "dispute", "announcement", "attentionitem"])
def test_rows_of_an_order_are_found_by_its_payment(model, known, viewer):
    response = viewer.get(list_url(model), {"q": known.payments.get().stripe_id})
    assert len(found(response)) == 1


def test_events_are_found_by_their_object(known, viewer):
    response = viewer.get(list_url("webhookevent"), {"q": known.sessions.get().stripe_id})
    assert [event.type for event in response.context["cl"].result_list] == ["checkout.session.completed"]


def test_lists_show_formatted_amounts(viewer):
    factories.OrderFactory(currency="jpy", subtotal_minor=500)
    factories.OrderFactory(currency="eur", subtotal_minor=1250)
    page = viewer.get(list_url("order")).content.decode()
    assert money("500", "jpy") in page
    assert money("12.50") in page


def test_the_list_shows_the_total_charged(viewer):
    factories.OrderFactory(subtotal_minor=2000, total_minor=2380)
    page = viewer.get(list_url("order")).content.decode()
    assert money("23.80") in page
    assert money("20.00") not in page


def test_the_withdrawn_amount_is_in_the_currency_of_the_balance(viewer):
    dispute = factories.DisputeFactory(amount_minor=2000, withdrawn_minor=2215, withdrawn_currency="usd")
    page = viewer.get(page_url(dispute)).content.decode()
    assert money("20.00") in page
    assert money("22.15", "usd") in page


@pytest.mark.parametrize("email", ["", "<i>kim</i>@example.com"])
def test_customer_input_is_escaped(email, viewer):
    order = factories.OrderFactory(reference="<b>A-1</b>", email=email)
    factories.PaymentFactory(order=order)
    for model in ("order", "payment"):
        page = viewer.get(list_url(model)).content.decode()
        assert "&lt;b&gt;A-1" in page
        assert "<b>A-1" not in page
        assert "<i>kim" not in page


def test_rows_link_to_each_other(viewer):
    refund = factories.RefundFactory()
    page = viewer.get(page_url(refund)).content.decode()
    assert page_url(refund.payment) in page
    assert page_url(refund.payment.order) in page
    assert f"https://dashboard.stripe.com/test/payments/{refund.payment.stripe_id}" in page
    assert 'rel="noopener noreferrer"' in page


def test_a_notification_about_a_subscription_links_to_it(viewer):
    subscription = factories.SubscriptionFactory()
    notification = factories.AnnouncementFactory(order=subscription.order, subscription=subscription)
    assert f'<a href="{page_url(subscription)}">' in viewer.get(page_url(notification)).text


def test_a_payment_without_an_order_is_shown(viewer):
    payment = factories.PaymentFactory(order=None, livemode=None, currency="")
    refund = factories.RefundFactory(payment=payment)
    for row in (payment, refund):
        assert viewer.get(page_url(row)).status_code == 200
        assert viewer.get(list_url(row._meta.model_name)).status_code == 200


def test_the_admin_passes_system_checks():
    call_command("check", "django_checkout", fail_level="WARNING")


def test_the_list_view_is_non_atomic():
    model_admin = admin.site._registry[Order]
    views = {pattern.name: pattern.callback for pattern in model_admin.get_urls() if pattern.name}
    assert "payments" in views["django_checkout_order_changelist"]._non_atomic_requests
    assert "payments" in views["django_checkout_order_operate"]._non_atomic_requests
