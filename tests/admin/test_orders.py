from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from django_checkout.models import Order
from example_project.shop.html import parse
from tests.admin.factories import (
    AnnouncementFactory,
    AttentionFactory,
    DisputeFactory,
    EventFactory,
    OrderFactory,
    PaymentFactory,
    RefundFactory,
    SessionFactory,
    SubscriptionFactory,
    make_paid_order,
)
from tests.amounts import money
from tests.damage import overwrite

pytestmark = pytest.mark.django_db


def url(order):
    return reverse("admin:django_checkout_order_change", args=[order.pk])


def page_of(client, order):
    response = client.get(url(order))
    assert response.status_code == 200
    return parse(response.content.decode())


def sums(page):
    table = page.find_class("checkout-sums")
    return [(row.find("th").text, row.find("td").text) for row in table.find_all("tr")]


def operations(page):
    return {form.attributes["action"].rstrip("/").rpartition("/")[2] for form in page.find_all("form")} & {
        "sync",
        "deliver",
        "expire",
        "accept",
        "capture",
        "refund",
        "cancel",
    }


def test_the_timeline_is_a_list_of_plain_lines(viewer, paid_order, no_stripe):
    timeline = page_of(viewer, paid_order).find("ol", id="checkout-timeline")
    lines = [item.text for item in timeline.find_all("li")]
    assert f"· order · placed · {money('20.00')}" in lines[0]
    assert any("· webhook · checkout.session.completed · processed" in line for line in lines)
    assert any(line.endswith("· notification · order_paid · delivered") for line in lines)


def test_the_number_of_queries_does_not_depend_on_the_rows(viewer, no_stripe, django_assert_max_num_queries):
    short, long = make_paid_order(), make_paid_order()
    payment = long.payments.get()
    for _ in range(10):
        EventFactory(payment_intent_id=payment.stripe_id)
        RefundFactory(payment=payment)
        AttentionFactory(order=long)
        AnnouncementFactory(order=long)
        SessionFactory(order=long, status="expired")
    viewer.get(url(short))
    counts = []
    for order in (short, long):
        with django_assert_max_num_queries(20) as captured:
            viewer.get(url(order))
        counts.append(len(captured.captured_queries))
    assert counts[0] == counts[1]


def test_amounts_add_up(viewer):
    order = make_paid_order(discount_minor=300, shipping_minor=200, tax_minor=100)
    overwrite(Order.objects, total_minor=2000)
    assert sums(page_of(viewer, order)) == [
        ("Subtotal", money("20.00")),
        ("Discount", money("-3.00")),
        ("Shipping", money("2.00")),
        ("Tax", money("1.00")),
        ("Total", money("20.00")),
        ("Paid", money("20.00")),
        ("Refunded", money("-5.00")),
        ("Remaining", money("15.00")),
    ]


@pytest.mark.parametrize(
    ("total_minor", "label"), [(2000, "Tax, included above"), (2100, "Tax"), (2050, "Tax, partly included above")]
)
def test_the_tax_label_says_whether_it_is_included(total_minor, label, viewer):
    order = OrderFactory(subtotal_minor=2000, tax_minor=100, total_minor=total_minor)
    assert (label, money("1.00")) in sums(page_of(viewer, order))


def test_the_amount_in_the_customers_currency_is_shown(viewer):
    order = make_paid_order()
    order.sessions.update(presentment_currency="usd", presentment_amount_minor=2345)
    assert f"The customer saw and paid {money('23.45', 'usd')}" in page_of(viewer, order).text


def test_an_amount_in_the_same_currency_is_no_conversion(viewer):
    order = make_paid_order()
    order.sessions.update(presentment_currency="eur", presentment_amount_minor=2000)
    assert "customer saw" not in page_of(viewer, order).text


def test_badges_and_reasons_are_shown(viewer):
    order = make_paid_order(disputed=True, needs_attention=True)
    AnnouncementFactory(order=order, signal="order_refunded", state="pending")
    AttentionFactory(order=order, code="something_new", details={"text": "look"})
    page = page_of(viewer, order)
    badges = page.find_class("checkout-badges").text
    for word in ("partially refunded", "disputed", "needs attention", "notification pending", "test"):
        assert word in badges
    reasons = page.find_class("checkout-attention").text
    assert "Disputed : The customer disputes" in reasons
    assert "Something new (look)" in reasons


def test_an_order_that_needs_no_attention_shows_none(viewer):
    assert page_of(viewer, OrderFactory()).find_class("checkout-attention") is None


def test_customer_details_are_shown_as_entered(viewer):
    address = {"line1": "1 Kiln Lane", "postal_code": "10001", "city": "Clayton", "country": "US"}
    details = {"name": "Kim <b>Vale</b>", "phone": "+1 555", "billing_address": address}
    details["shipping"] = {"name": "Front desk", "address": address}
    facts = page_of(viewer, OrderFactory(customer_details=details, email="kim@example.com")).find_class(
        "checkout-facts"
    )
    for value in ("Kim <b>Vale</b>", "+1 555", "Front desk 1 Kiln Lane 10001 Clayton US", "kim@example.com", "guest"):
        assert value in facts.text


def test_a_surplus_payment_is_marked(viewer):
    order = make_paid_order()
    PaymentFactory(order=order)
    assert page_of(viewer, order).text.count("surplus") == 1


def test_a_surplus_payment_is_shown_until_it_is_refunded(viewer):
    order = make_paid_order()
    surplus = PaymentFactory(order=order, amount_minor=2000, captured_minor=2000)
    assert ("Surplus payments, not refunded", money("20.00")) in sums(page_of(viewer, order))
    RefundFactory(payment=surplus, amount_minor=2000)
    assert "Surplus payments, not refunded" not in dict(sums(page_of(viewer, order)))


def test_a_lost_dispute_reduces_the_remaining_amount(viewer):
    order = OrderFactory(status="paid", paid_minor=2000, total_minor=2000, needs_attention=True)
    order.kept_payment = PaymentFactory(order=order)
    overwrite(Order.objects, kept_payment=order.kept_payment)
    DisputeFactory(payment=order.kept_payment, status="lost", amount_minor=1500)
    AttentionFactory(order=order, code="disputed")
    page = page_of(viewer, order)
    assert sums(page)[-2:] == [("Lost in disputes", money("-15.00")), ("Remaining", money("5.00"))]
    assert "The dispute is closed" in page.find_class("checkout-attention").text


def test_losses_in_another_currency_are_not_added_up(viewer):
    order = OrderFactory(status="paid", paid_minor=2000, total_minor=2000, refunded_minor=500)
    order.kept_payment = PaymentFactory(order=order)
    overwrite(Order.objects, kept_payment=order.kept_payment)
    DisputeFactory(payment=order.kept_payment, status="lost", amount_minor=300)
    DisputeFactory(payment=order.kept_payment, status="lost", amount_minor=1200, currency="usd")
    assert sums(page_of(viewer, order))[-4:] == [
        ("Paid", money("20.00")),
        ("Refunded", money("-5.00")),
        ("Lost in disputes", money("-3.00")),
        ("Lost in disputes", money("-12.00", "usd")),
    ]


def test_surplus_payments_are_added_up_by_currency(viewer):
    order = make_paid_order()
    euros = PaymentFactory(order=order)
    DisputeFactory(payment=euros, status="lost", amount_minor=500)
    DisputeFactory(payment=euros, status="lost", amount_minor=2200, currency="usd")
    yen = PaymentFactory(order=order, currency="jpy", captured_minor=3000)
    RefundFactory(payment=yen, amount_minor=1000, currency="jpy")
    assert sums(page_of(viewer, order))[-4:] == [
        ("Remaining", money("15.00")),
        ("Surplus payments, not refunded", money("15.00")),
        ("Surplus payments, not refunded", money("2000", "jpy")),
        ("Lost in disputes", money("-22.00", "usd")),
    ]


def test_the_amounts_of_a_reason_are_formatted(viewer):
    order = OrderFactory(currency="jpy", needs_attention=True)
    amounts = {"paid_minor": 1900, "expected_minor": 2000}
    AttentionFactory(order=order, code="amount_mismatch", details={**amounts, "currency": "jpy"})
    AttentionFactory(order=order, code="double_payment", details={"captured_minor": 1900, "currency": "eur"})
    AttentionFactory(order=order, code="over_refunded", details={"paid_revision": 1, "revision": 2})
    reasons = page_of(viewer, order).find_class("checkout-attention").text
    assert f"({money('1900', 'jpy')} instead of {money('2000', 'jpy')})" in reasons
    assert f"({money('19.00')})" in reasons
    assert "(paid for revision 1 of 2)" in reasons


def test_an_order_whose_payment_was_refunded_says_how_its_mismatch_ends(viewer):
    order = OrderFactory(status="refunded", needs_attention=True)
    AttentionFactory(order=order, code="paid_after_cancel")
    assert "The payment was refunded. Accept it" in page_of(viewer, order).find_class("checkout-attention").text


def test_renewals_of_its_subscription_are_in_the_timeline(viewer):
    order = OrderFactory(mode="subscription")
    subscription = SubscriptionFactory(order=order)
    EventFactory(type="invoice.paid", object_id="in_2", subscription_id=subscription.stripe_id)
    assert "invoice.paid" in page_of(viewer, order).find("ol", id="checkout-timeline").text


def test_rows_link_to_stripe_and_to_each_other(viewer):
    order = make_paid_order()
    payment = order.payments.get()
    links = {link.attributes["href"]: link.attributes for link in page_of(viewer, order).find_all("a", target="_blank")}
    assert f"https://dashboard.stripe.com/test/payments/{payment.stripe_id}" in links
    assert "https://dashboard.stripe.com/test/logs/req_pay" in links
    assert all(attributes["rel"] == "noopener noreferrer" for attributes in links.values())
    inner = {link.attributes["href"] for link in page_of(viewer, order).find_all("a") if "href" in link.attributes}
    for row in (
        payment,
        order.sessions.get(),
        payment.refunds.get(),
        payment.disputes.get(),
        order.announcements.get(),
    ):
        assert reverse(f"admin:django_checkout_{row._meta.model_name}_change", args=[row.pk]) in inner


def test_live_orders_link_to_the_live_dashboard(viewer):
    order = make_paid_order(livemode=True)
    order.payments.update(livemode=True)
    page = viewer.get(url(order)).content.decode()
    assert "https://dashboard.stripe.com/payments/" in page
    assert "dashboard.stripe.com/test/" not in page


def test_a_host_row_without_admin_is_named(viewer, order):
    page = viewer.get(url(order)).content.decode()
    assert order.reference in page
    assert "/admin/host/" not in page


def test_a_host_row_with_an_admin_is_linked(viewer):
    order = OrderFactory(source=viewer.user)
    assert f'href="/admin/auth/user/{viewer.user.pk}/change/"' in viewer.get(url(order)).content.decode()


def test_a_viewer_sees_no_buttons(viewer):
    order = make_paid_order()
    SessionFactory(order=order, live_for=order)
    assert operations(page_of(viewer, order)) == set()


def test_an_operator_sees_no_refund(operator):
    assert operations(page_of(operator, make_paid_order())) == {"sync", "accept"}


def test_a_merchant_sees_the_operations_of_a_paid_order(merchant):
    order = make_paid_order()
    AnnouncementFactory(order=order, state="pending")
    assert operations(page_of(merchant, order)) == {"sync", "accept", "refund", "deliver"}


def test_a_merchant_sees_the_operations_of_an_unpaid_order(merchant):
    order = OrderFactory()
    SessionFactory(order=order, live_for=order)
    assert operations(page_of(merchant, order)) == {"sync", "expire", "cancel"}


def test_a_merchant_sees_the_operations_of_an_authorized_order(merchant):
    order = OrderFactory(status="authorized")
    payment = PaymentFactory(order=order, captured_minor=0, intent_status="open")
    SessionFactory(order=order, payment=payment, status="complete", is_manual_capture=True, amount_total_minor=2000)
    page = page_of(merchant, order)
    assert operations(page) == {"sync", "capture", "cancel"}
    assert ("Authorized, not captured", money("20.00")) in sums(page)


def test_a_refunded_order_has_no_operations_but_sync(merchant):
    order = make_paid_order()
    RefundFactory(payment=order.payments.get(), amount_minor=1500)
    order.attention.update(resolved_at=timezone.now())
    assert operations(page_of(merchant, order)) == {"sync"}


def test_the_payment_link_is_for_operators_while_the_order_is_unpaid(operator, viewer, order):
    field = page_of(operator, order).find("input", id="checkout-pay-url")
    assert field.attributes["value"].startswith("http://testserver/checkout/pay/")
    assert page_of(viewer, order).find("input", id="checkout-pay-url") is None
    assert page_of(operator, make_paid_order()).find("input", id="checkout-pay-url") is None


def test_without_a_base_url_the_payment_link_uses_the_host_of_the_request(operator, order, settings):
    settings.CHECKOUT_BASE_URL = ""
    page = parse(operator.get(url(order), headers={"host": "localhost"}).content.decode())
    assert page.find("input", id="checkout-pay-url").attributes["value"].startswith("http://localhost/checkout/pay/")


def test_the_page_says_that_older_events_are_not_shown(viewer, monkeypatch):
    monkeypatch.setattr("django_checkout.admin.order_rows.MAXIMUM_EVENTS", 1)
    monkeypatch.setattr("django_checkout.admin.order_page.MAXIMUM_EVENTS", 1)
    assert "Only the newest events are shown" in page_of(viewer, make_paid_order()).text


def test_the_page_is_translated(viewer):
    page = parse(viewer.get(url(make_paid_order()), headers={"accept-language": "de"}).content.decode())
    assert "20,00" in page.find_class("checkout-sums").text


def test_tables_have_headings_and_row_headers(viewer):
    page = page_of(viewer, make_paid_order())
    for table in page.find_all("table"):
        assert table.find("caption") is not None
        assert table.find("th", scope="row") is not None
