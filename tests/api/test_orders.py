"""Orders of shoppers: placing, reading and following them, and who may."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.api import throttling
from django_checkout.models import Order
from django_checkout.values import LineData
from tests.amounts import money
from tests.api.conftest import Api, ApiAdapter, problem_of, staff_with, url
from tests.damage import overwrite
from tests.factories import HostOrderFactory, UserFactory
from tests.host.models import HostOrder
from tests.races.together import together

pytestmark = pytest.mark.django_db

TEAPOTS = {"lines": [{"sku": "teapot", "quantity": 2}], "currency": "eur", "email": "guest@example.com"}


def test_guest_places_an_order_at_the_hosts_price_and_pays_with_its_token():
    response = Api().post("orders", **TEAPOTS)

    placed = response.json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"/api/orders/{placed['reference']}/"
    assert placed["subtotal"] == {"amount_minor": 4000, "currency": "eur", "formatted": money("40.00")}
    guest = Api(token=placed["token"])
    assert guest.get("order", placed["reference"]).json()["lines"][0]["quantity"] == 2


def test_shopper_places_an_order_that_the_host_has(shopper):
    HostOrderFactory(number="H-7", owner=shopper)

    assert Api(shopper).post("orders", reference="H-7").json()["reference"] == "H-7"
    problem_of(Api().post("orders", reference="H-7"), 404, "order_not_found")


def test_host_refuses_an_article_that_it_does_not_sell():
    problem_of(Api().post("orders", lines=[{"sku": "kettle"}]), 403, "placing_not_allowed")


def test_adapter_without_take_order_refuses_orders(settings):
    settings.CHECKOUT_ADAPTER = "tests.host.adapters.HostAdapter"

    problem_of(Api().post("orders", **TEAPOTS), 403, "placing_not_allowed")
    problem_of(Api().post("orders", reference="H-1"), 404, "order_not_found")


def test_unknown_currency_is_refused():
    problem_of(Api().post("orders", **{**TEAPOTS, "currency": "xxy"}), 400, "invalid_amount")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/lines"),
        ({"lines": []}, "/lines"),
        ({"lines": {}}, "/lines"),
        ({"lines": [{"sku": "teapot", "quantity": 1.0}]}, "/lines/0/quantity"),
        ({"lines": [{"sku": "teapot", "quantity": True}]}, "/lines/0/quantity"),
        ({"lines": [{"sku": "teapot", "quantity": "1"}]}, "/lines/0/quantity"),
        ({"lines": [{"sku": "teapot", "unit_amount_minor": 12.5}]}, "/lines/0/unit_amount_minor"),
        ({"lines": [{"sku": "teapot", "price": 1}]}, "/lines/0/price"),
        ({"lines": [{"sku": "\ud800"}]}, "/lines/0/sku"),
        ({"lines": [{"sku": "a\x00"}]}, "/lines/0/sku"),
        ({"lines": [{"sku": "x" * 256}]}, "/lines/0/sku"),
        ({"lines": [{"sku": 5}]}, "/lines/0/sku"),
        ({"reference": "a/b"}, "/reference"),
        ({"reference": "x" * 201}, "/reference"),
        ({"reference": "H", "colour": "red"}, "/colour"),
        ({"reference": "H", "a/b": 1}, "/a~1b"),
    ],
)
def test_error_points_at_the_invalid_field(body, pointer):
    problem = problem_of(Api().post("orders", **body), 400, "invalid_request")

    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_body_that_is_not_a_json_object_is_refused():
    problem_of(Api().post("orders", raw="{"), 400, "malformed_json")
    problem_of(Api().post("orders", raw='{"quantity": NaN}'), 400, "malformed_json")
    problem_of(Api().post("orders", raw=b"\xff"), 400, "malformed_json")
    problem_of(Api().post("orders", raw="[1]"), 400, "invalid_request")
    problem_of(Api().post("orders", raw="a=1", content_type="text/plain"), 415, "unsupported_media_type")


def test_owner_reads_and_lists_only_own_orders(owner, own_order, host_order):
    services.place(HostOrderFactory(owner=UserFactory()))

    assert owner.get("order", own_order.reference).json()["reference"] == own_order.reference
    listed = owner.get("orders").json()
    assert [row["reference"] for row in listed["results"]] == [own_order.reference]


def test_list_of_orders_requires_authentication():
    assert Api().get("orders").json()["code"] == "not_authenticated"


def test_shopper_sees_no_email_or_details(owner, own_order):
    Order.objects.update(email="private@example.com", customer_details={"name": "Private"})

    assert "rivate" not in owner.get("order", own_order.reference).content.decode()


@pytest.mark.parametrize("name", ["order", "status", "sessions"])
@pytest.mark.parametrize("who", ["guest", "other user", "other bearer", "forged", "status bearer"])
def test_orders_of_other_users_are_not_found(name, who, own_order):
    other = services.place(HostOrderFactory())
    api = {
        "guest": lambda: Api(),
        "other user": lambda: Api(UserFactory()),
        "other bearer": lambda: Api(token=make_token(other.pk, Purpose.PAY)),
        "forged": lambda: Api(token=f"{own_order.pk}:1tKabc:forged"),
        "status bearer": lambda: Api(token=make_token(own_order.pk, Purpose.STATUS)),
    }[who]()

    response = api.get(name, own_order.reference)

    if (name, who) == ("status", "status bearer"):
        assert response.status_code == 200
    else:
        problem_of(response, 404, "order_not_found")
    problem_of(api.post("sessions", own_order.reference), 404, "order_not_found")


def test_expired_token_gives_no_access(order, settings):
    settings.CHECKOUT_TOKEN_MAX_AGE_SECONDS = 60
    old = make_token(order, Purpose.PAY, signed_at=timezone.now() - timedelta(seconds=61))

    problem_of(Api(token=old).get("order", order.reference), 404, "order_not_found")


def test_sessions_are_not_listed_if_the_adapter_refuses_payment(bearer, order, stripe_emulator, monkeypatch):
    services.start(order)
    monkeypatch.setattr(ApiAdapter, "can_pay", lambda self, request, row: False)

    problem_of(bearer.get("sessions", order.reference), 404, "order_not_found")


def test_staff_with_the_permission_read_any_order(own_order):
    assert staff_with("view_order").get("order", own_order.reference).status_code == 200
    problem_of(staff_with().get("order", own_order.reference), 404, "order_not_found")


def test_adapter_can_refuse_payment(bearer, order, settings, monkeypatch):
    monkeypatch.setattr(ApiAdapter, "can_pay", lambda self, request, row: False)

    problem_of(bearer.post("sessions", order.reference), 404, "order_not_found")
    assert bearer.get("status", order.reference).status_code == 200


def test_status_makes_two_queries_and_supports_etags(bearer, order, django_assert_max_num_queries):
    with django_assert_max_num_queries(2):
        first = bearer.get("status", order.reference)

    assert first.json()["status"] == "unpaid"
    assert first.headers["Cache-Control"] == "private, no-cache"
    with django_assert_max_num_queries(2):
        second = bearer.get("status", order.reference, headers={"If-None-Match": first.headers["ETag"]})
    assert (second.status_code, second.content) == (304, b"")
    overwrite(Order.objects.filter(pk=order.pk), status="paid", paid_minor=2000)
    third = bearer.get("status", order.reference, headers={"If-None-Match": f"W/{first.headers['ETag']}"})
    assert third.json()["outcome"] == "paid"


def test_status_of_a_newer_version_is_open(client, order):
    overwrite(Order.objects, status="of_a_newer_version")

    # Not with ``bearer``: the document of this version does not list the status.
    answer = client.get(url("status", order.reference), headers={"Checkout-Token": make_token(order, Purpose.PAY)})

    assert (answer.status_code, answer.json()["outcome"]) == (200, "open")


def test_amounts_are_formatted_in_the_language_of_the_request(bearer, order):
    response = bearer.get("order", order.reference, headers={"Accept-Language": "de"})

    assert response.json()["subtotal"]["formatted"] == money("20.00", language="de")
    assert response.headers["Content-Language"] == "de"
    assert "Accept-Language" in response.headers["Vary"]


def test_responses_are_not_cached(bearer, order):
    assert bearer.get("order", order.reference).headers["Cache-Control"] == "no-store"


def test_every_page_of_a_list_makes_the_same_number_of_queries(owner, shopper, own_order, django_assert_num_queries):
    for _ in range(7):
        services.place(HostOrderFactory(owner=shopper))
    with django_assert_num_queries(3):
        page = owner.get("orders", limit=3).json()
    seen = [row["reference"] for row in page["results"]]
    while page["next"]:
        with django_assert_num_queries(3):
            page = owner.client.get(page["next"], headers=owner.headers).json()
        seen += [row["reference"] for row in page["results"]]

    assert len(seen) == len(set(seen)) == 8


@pytest.mark.parametrize(
    "query",
    [
        {"colour": "red"},
        {"ordering": "email"},
        {"created_after": "yesterday"},
        {"created_after": "2026-11-24"},
        {"created_after": "2026-13-24T00:00:00Z"},
        {"status": "x" * 300},
        {"status": "a\x00"},
    ],
)
def test_unknown_parameters_are_refused(owner, query):
    problem_of(owner.get("orders", **query), 400, "invalid_request")


@pytest.mark.parametrize("cursor", ["!!", "cD1hYmM=", "cD0wJm89OTk5OTk5OTk5OTk5OTk=", "bz0tMQ==", "cD0lMDA="])
def test_forged_cursor_is_not_found(owner, cursor):
    response = owner.get("orders", cursor=cursor)

    assert response.status_code == 200 or problem_of(response, 404, "not_found")


def test_session_login_needs_a_csrf_token(own_order, shopper):
    api = Api()
    api.client.force_login(shopper)

    assert api.get("order", own_order.reference).status_code == 200
    problem_of(api.post("sessions", own_order.reference), 403, "permission_denied")


def test_throttled_request_gets_retry_after(bearer, order, settings, monkeypatch):
    monkeypatch.setitem(throttling.DEFAULT_RATES, "checkout_status", "2/min")
    for _ in range(2):
        assert bearer.get("status", order.reference).status_code == 200

    response = bearer.get("status", order.reference)

    problem_of(response, 429, "throttled")
    assert 0 < int(response.headers["Retry-After"]) <= 60
    assert bearer.get("order", order.reference).status_code == 200


def test_wrong_method_is_a_problem_document(bearer, order):
    response = bearer.client.delete(f"/api/orders/{order.reference}/")

    problem_of(response, 405, "method_not_allowed")
    assert response.headers["Allow"]


class DataAdapter(ApiAdapter):
    """A host without an order model: an order is what the request contains, at the host's price."""

    def take_order(self, request, content):
        line = LineData(name="Teapot", sku="teapot", unit_amount_minor=2000, quantity=content.lines[0].quantity)
        return replace(content, lines=(line,))


class ByNumberAdapter(ApiAdapter):
    """A host that finds its row by the reference in the request."""

    def take_order(self, request, content):
        row, _ = HostOrder.objects.get_or_create(number=content.reference, defaults={"owner": content.user})
        row.quantity = content.lines[0].quantity
        row.save()
        return row


class OverwritingAdapter(ApiAdapter):
    """A host that writes columns that only this app may write."""

    def find_own_order(self, request, reference):
        Order.objects.update(status="paid")


@pytest.mark.parametrize(
    "headers", [{}, {"Idempotency-Key": "f3b6cbd5-2f6f-4f2c-8e0e-0d9f5d1c7a11"}], ids=["plain", "key"]
)
def test_adapter_may_not_write_derived_columns(headers, order, settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.OverwritingAdapter"

    answer = Api(UserFactory()).post("orders", headers=headers, reference=order.reference)

    problem_of(answer, 500, "derived_column")


@pytest.fixture(params=[DataAdapter, ByNumberAdapter])
def _takes_numbers(request, settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.{request.param.__name__}"


def _three(reference):
    return {"reference": reference, "lines": [{"sku": "teapot", "quantity": 3}]}


@pytest.mark.usefixtures("_takes_numbers")
@pytest.mark.parametrize("who", ["guest", "other user", "other bearer", "status bearer"])
@pytest.mark.parametrize("quantity", [1, 3])
def test_other_user_neither_revises_nor_gets_an_order_with_a_known_reference(who, quantity, shopper):
    placed = Api(shopper).post("orders", reference="H-7", lines=[{"sku": "teapot", "quantity": 1}]).json()
    order = Order.objects.get(reference="H-7")
    other = services.place(HostOrderFactory())
    api = {
        "guest": Api(),
        "other user": Api(UserFactory()),
        "other bearer": Api(token=make_token(other, Purpose.PAY)),
        "status bearer": Api(token=make_token(order, Purpose.STATUS)),
    }[who]

    answer = api.post("orders", reference="H-7", lines=[{"sku": "teapot", "quantity": quantity}])

    problem_of(answer, 409, "reference_taken")
    order.refresh_from_db()
    assert (order.subtotal_minor, order.revision) == (placed["subtotal"]["amount_minor"], 1)
    assert not HostOrder.objects.filter(quantity=3).exists()


@pytest.mark.usefixtures("_takes_numbers")
@pytest.mark.parametrize("who", ["owner", "bearer"])
def test_order_is_revised_by_its_owner_and_by_the_bearer_of_its_token(who, shopper):
    first = Api(shopper if who == "owner" else None)
    placed = first.post("orders", reference="H-7", lines=[{"sku": "teapot", "quantity": 1}]).json()
    api = first if who == "owner" else Api(token=placed["token"])

    assert api.post("orders", **_three("H-7")).json()["subtotal"]["amount_minor"] == 6000


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_key", [False, True])
def test_of_guests_who_place_the_same_reference_at_the_same_moment_one_succeeds(has_key, settings):
    if connection.vendor == "sqlite":
        pytest.skip("threads meet on PostgreSQL and MariaDB")
    settings.CHECKOUT_ADAPTER = f"{__name__}.DataAdapter"

    def place(reference, quantity):
        headers = {"Idempotency-Key": str(uuid.uuid4())} if has_key else {}
        lines = [{"sku": "teapot", "quantity": quantity}]
        return Api().post("orders", headers=headers, reference=reference, lines=lines).status_code

    for number in range(5):
        answers = together(*(partial(place, f"H-{number}", quantity) for quantity in (1, 2, 3, 4, 5, 6)))

        # On MariaDB the refused inserts deadlock with each other, and their transactions start over.
        assert sorted(answers, key=str) == [201] + [409] * 5
        assert Order.objects.get(reference=f"H-{number}").revision == 1


class ExpiredToken(BaseAuthentication):
    """Fails like djangorestframework-simplejwt's ``JWTAuthentication``, with the code in a dict."""

    def authenticate(self, request):
        raise AuthenticationFailed(
            {
                "detail": "Given token not valid for any token type",
                "code": "token_not_valid",
                "messages": [{"token_class": "AccessToken", "token_type": "access", "message": "Token is expired"}],
            }
        )

    def authenticate_header(self, request):
        return "Bearer"


class ManyReasons(ExpiredToken):
    def authenticate(self, request):
        raise AuthenticationFailed(["Not you.", "Nor now."])


@pytest.mark.parametrize(
    ("authentication", "code"), [(ExpiredToken, "token_not_valid"), (ManyReasons, "authentication_failed")]
)
def test_error_of_the_hosts_authentication_has_a_code(authentication, code, settings):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [f"{__name__}.{authentication.__name__}"]}

    body = problem_of(Api().get("orders"), 401, code)

    assert "{" not in body["detail"]
    assert "[" not in body["detail"]


@pytest.mark.parametrize(("proxies", "is_counted"), [(None, True), (1, False)])
def test_guest_cannot_evade_the_throttle_with_a_forwarded_address(proxies, is_counted, order, settings, monkeypatch):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    monkeypatch.setitem(throttling.DEFAULT_RATES, "checkout_status", "2/min")
    bearer = Api(token=make_token(order, Purpose.PAY))

    answers = [
        bearer.get("status", order.reference, headers={"X-Forwarded-For": f"192.0.2.{number}"}).status_code
        for number in range(3)
    ]

    assert answers == ([200, 200, 429] if is_counted else [200, 200, 200])
