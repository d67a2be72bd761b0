"""The API for staff: search, operate, reconcile, each only with its permission."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from django_checkout import services
from django_checkout.api import urls
from django_checkout.models import CheckoutSession, Discrepancy, Order, WebhookEvent, database
from tests.amounts import money
from tests.api.conftest import Api, problem_of, staff_with, url
from tests.factories import HostOrderFactory, UserFactory
from tests.test_health_speed import MAX_QUERIES

pytestmark = pytest.mark.django_db

STAFF_PATHS = [pattern for pattern in urls.urlpatterns if str(pattern.pattern).startswith("staff/")]
ARGUMENTS = {
    "reference": "H-1",
    "session_id": "7f0d4c6e-2a52-4d0b-9d4c-2f4b8f0f6a11",
    "event_id": "evt_1",
    "run_id": 1,
    "discrepancy_id": 1,
}


@pytest.mark.parametrize("pattern", STAFF_PATHS, ids=lambda pattern: pattern.name)
def test_every_staff_path_is_closed_to_others(pattern):
    kwargs = {name: ARGUMENTS[name] for name in pattern.pattern.converters}
    path = reverse(f"django_checkout_api:{pattern.name}", kwargs=kwargs)
    methods = {method.lower() for method in pattern.callback.view_class().allowed_methods}
    for api in (Api(), Api(UserFactory()), staff_with()):
        for method in methods & {"get", "post"}:
            send = getattr(api.client, method)
            body = {"content_type": "application/json", "data": "{}"} if method == "post" else {}
            response = send(path, headers=api.headers, **body)
            assert response.status_code in (401, 403), (method, path)
            assert response.json()["code"] in ("not_authenticated", "permission_denied")


def test_each_permission_is_checked(paid_order):
    reference = paid_order.reference
    viewer, operator = staff_with("view_order"), staff_with("view_order", "operate_order")

    assert viewer.get("staff-order", reference).status_code == 200
    problem_of(viewer.post("sync-order", reference), 403, "permission_denied")
    assert operator.post("sync-order", reference).status_code == 200
    problem_of(operator.post("refund-order", reference), 403, "permission_denied")
    assert staff_with("view_order", "refund_order").post("refund-order", reference).status_code == 201


def test_orders_are_searched(staff, paid_order):
    services.place(HostOrderFactory(currency="usd"))

    def found(**query):
        return [row["reference"] for row in staff.get("staff-orders", **query).json()["results"]]

    assert found(status="paid") == found(q=paid_order.reference[:4], currency="eur") == [paid_order.reference]
    assert found(q=paid_order.sessions.get().stripe_id) == [paid_order.reference]
    assert found(ordering="id")[0] == paid_order.reference
    assert found(needs_attention="true") == found(paid_before="2020-01-01T00:00:00Z") == []
    problem_of(staff.get("staff-orders", needs_attention="yes"), 400, "invalid_request")


def test_order_is_returned_with_everything_that_belongs_to_it(staff, paid_order, django_assert_max_num_queries):
    with django_assert_max_num_queries(14):
        shown = staff.get("staff-order", paid_order.reference).json()

    assert shown["payments"][0]["captured"]["formatted"] == money("20.00")
    assert shown["sessions"][0]["status"] == "complete"
    problem_of(staff.get("staff-order", "none"), 404, "order_not_found")


def test_details_of_attention_do_not_depend_on_the_language(staff, order):
    details = {"paid_minor": 1900, "expected_minor": 2000, "currency": "eur"}
    order.attention.create(code="amount_mismatch", fact="cs_1", details=details)
    languages = ("en", "de")

    shown = [
        staff.get("staff-order", order.reference, headers={"Accept-Language": language}).json()["attention"][0]
        for language in languages
    ]

    assert [item["details"] for item in shown] == [details, details]
    words = {"en": " instead of ", "de": " statt "}
    assert [item["detail"] for item in shown] == [
        words[language].join(money(amount, language=language) for amount in ("19.00", "20.00"))
        for language in languages
    ]


def test_partial_and_full_refund(staff, paid_order):
    first = staff.post("refund-order", paid_order.reference, amount_minor=500, reason="duplicate")
    rest = staff.post("refund-order", paid_order.reference)

    assert (first.json()["amount"]["amount_minor"], rest.json()["amount"]["amount_minor"]) == (500, 1500)
    problem_of(staff.post("refund-order", paid_order.reference), 409, "not_refundable")
    problem_of(staff.post("refund-order", paid_order.reference, amount_minor=5.0), 400, "invalid_request")
    problem_of(staff.post("refund-order", paid_order.reference, reason="because"), 400, "invalid_request")


def test_cancel_capture_and_accept_refuse(staff, paid_order):
    problem_of(staff.post("cancel-order", paid_order.reference), 409, "order_not_payable")
    problem_of(staff.post("capture-order", paid_order.reference), 409, "not_capturable")
    problem_of(staff.post("accept-order", paid_order.reference, note="Fine."), 409, "nothing_to_accept")
    problem_of(staff.post("accept-order", paid_order.reference), 400, "invalid_request")


def test_unpaid_order_is_canceled(staff, order, stripe_emulator):
    services.start(order)

    assert staff.post("cancel-order", order.reference).json()["status"] == "canceled"


def test_authorized_payment_is_captured(staff, order, pay, settings):
    settings.CHECKOUT_CAPTURE_METHOD = "manual"
    pay(order)

    assert staff.post("capture-order", order.reference, amount_minor=1500).json()["paid"]["amount_minor"] == 1500


def test_searches_make_a_fixed_number_of_queries(staff, paid_order, django_assert_max_num_queries):
    session = paid_order.sessions.get()
    for name, query in [
        ("staff-sessions", {"order": paid_order.reference}),
        ("staff-payments", {"q": paid_order.kept_payment.stripe_id}),
        ("staff-events", {"type": "checkout.session.completed"}),
    ]:
        with django_assert_max_num_queries(6):
            assert len(staff.get(name, **query).json()["results"]) == 1
    assert staff.get("staff-session", session.uuid).json()["payment"] == paid_order.kept_payment.stripe_id
    problem_of(staff.get("staff-session", ARGUMENTS["session_id"]), 404, "session_not_found")


def test_session_is_expired_by_staff(staff, order, stripe_emulator):
    session = services.start(order)

    assert staff.post("staff-expire-session", session.uuid).json()["status"] == "expired"
    assert CheckoutSession.objects.get().status == "expired"


def test_event_is_replayed(staff, paid_order):
    event = WebhookEvent.objects.get(type="checkout.session.completed")

    assert staff.post("staff-replay-event", event.stripe_id).json()["state"] == "processed"
    problem_of(staff.post("staff-replay-event", "evt_none"), 404, "not_found")


def test_reconciliation_runs_and_is_reported(staff, order, stripe_emulator):
    stripe_emulator.pay(services.start(order).stripe_id)

    dry = staff.post("staff-runs", fix=False).json()
    fixed = staff.post("staff-runs", fix=True).json()

    assert [drift["outcome"] for drift in dry["drift"]] == ["found"]
    assert all(drift["explanation"] and drift["suggestion"] for drift in dry["drift"])
    assert [drift["outcome"] for drift in fixed["drift"]] == ["fixed"]
    assert Order.objects.get().status == "paid"
    listed = staff.get("staff-runs").json()["results"]
    assert staff.get("staff-run", listed[0]["id"]).json() == listed[0]
    assert staff.post("staff-runs", order=order.reference).json()["is_clean"] is True
    problem_of(staff.post("staff-runs", order="none"), 404, "order_not_found")
    since, until = "2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"
    problem_of(staff.post("staff-runs", since=since, until=until), 400, "invalid_request")
    problem_of(staff.post("staff-runs", order=order.reference, since=since), 400, "invalid_request")
    problem_of(staff.get("staff-run", 999), 404, "not_found")


def test_discrepancy_is_resolved_once_and_reopened(staff):
    row = Discrepancy.objects.create(kind="session_without_order", subject="cs_1")

    assert staff.post("resolve-discrepancy", row.pk, note="Theirs.", outcome="ignored").json()["state"] == "ignored"
    problem_of(staff.post("resolve-discrepancy", row.pk, note="Again."), 409, "discrepancy_settled")
    assert staff.post("reopen-discrepancy", row.pk).json()["state"] == "open"
    problem_of(staff.post("reopen-discrepancy", row.pk), 409, "discrepancy_settled")
    problem_of(staff.post("resolve-discrepancy", 999, note="?"), 404, "not_found")
    assert staff.get("staff-discrepancies", state="open").json()["results"][0]["subject"] == "cs_1"


def test_statistics_and_health(staff, paid_order, django_assert_max_num_queries):
    # Once in a process.
    database.check_schema()
    with django_assert_max_num_queries(MAX_QUERIES + 4):
        figures = staff.get("staff-figures").json()

    assert figures["periods"][0]["revenue"][0]["amount"]["formatted"] == money("20.00")
    assert staff.get("staff-health").json()["ok"] is True
    assert url("staff-health") == "/api/staff/health/"


def test_refused_refund_is_refused_again_with_details_for_staff(staff, paid_order, stripe_emulator):
    stripe_emulator.refund(paid_order.kept_payment.stripe_id)
    key = {"Idempotency-Key": "0123456789abcdef"}

    answers = [staff.post("refund-order", paid_order.reference, headers=key, amount_minor=500) for _ in range(2)]

    problems = [problem_of(answer, 502, "stripe_refused") for answer in answers]
    assert problems[0] == problems[1]
    assert "charge_already_refunded (request_id=req_" in problems[0]["detail"]
    assert "contact the shop" not in problems[0]["detail"]


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("staff-order", "get"),
        ("refund-order", "post"),
        ("cancel-order", "post"),
    ],
)
def test_permissions_without_is_staff_give_no_access(name, method, paid_order):
    user = UserFactory(is_staff=False)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="django_checkout"))
    assert user.has_perm("django_checkout.refund_order")

    problem_of(getattr(Api(user), method)(name, paid_order.reference), 403, "permission_denied")
    problem_of(Api(user).get("order", paid_order.reference), 404, "order_not_found")
