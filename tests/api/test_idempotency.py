"""Idempotency-Key: executed once, the same response, refused with another body."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.exceptions import StripeUnavailableError
from django_checkout.ledger.budget import REQUESTS_PER_MINUTE
from django_checkout.models import CheckoutSession, IdempotentAnswer, Order, Refund
from django_checkout.operations import retention
from tests.api.conftest import Api, ApiAdapter, problem_of, staff_with, url
from tests.factories import UserFactory
from tests.host.models import HostOrder
from tests.races.together import run_after, run_before, together

KEY = {"Idempotency-Key": "9b2f6f0e-4c1d-4a3b-8f57-0d6c1e2a7b94"}
TEAPOTS = {"lines": [{"sku": "teapot", "quantity": 1}]}


@pytest.mark.django_db
def test_repeated_request_is_executed_once_and_gets_the_same_response():
    first = Api().post("orders", headers=KEY, **TEAPOTS)
    second = Api().post("orders", headers=KEY, **TEAPOTS)

    assert Order.objects.count() == 1
    assert {**first.json(), "token": ""} == {**second.json(), "token": ""}
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert Api(token=second.json()["token"]).get("order", second.json()["reference"]).status_code == 200


@pytest.mark.django_db
def test_token_is_not_stored():
    token = Api().post("orders", headers=KEY, **TEAPOTS).json()["token"]

    assert token not in str(list(IdempotentAnswer.objects.values()))


@pytest.mark.django_db
def test_session_url_is_not_stored_and_is_repeated_while_the_session_is_open(bearer, order, stripe_emulator):
    start = partial(bearer.post, "sessions", order.reference, headers=KEY)
    first = start().json()
    assert first["url"]

    assert first["url"] not in str(list(IdempotentAnswer.objects.values()))
    assert start().json() == first
    services.expire(CheckoutSession.objects.get())
    assert start().json()["url"] is None


@pytest.mark.django_db
def test_same_json_with_other_formatting_is_the_same_request():
    Api().post("orders", headers=KEY, raw='{"lines": [{"sku": "teapot", "quantity": 1}], "currency": "eur"}')
    Api().post("orders", headers=KEY, raw='{"currency":"eur","lines":[{"quantity":1,"sku":"teapot"}]}')

    assert Order.objects.count() == 1


@pytest.mark.django_db
def test_key_with_another_body_or_path_is_refused(staff, paid_order):
    Api().post("orders", headers=KEY, **TEAPOTS)
    problem_of(Api().post("orders", headers=KEY, lines=[{"sku": "teapot"}]), 409, "idempotency_key_reused")

    staff.post("refund-order", paid_order.reference, headers=KEY, amount_minor=500)
    problem_of(staff.post("sync-order", paid_order.reference, headers=KEY), 409, "idempotency_key_reused")


@pytest.mark.django_db
def test_users_do_not_share_keys():
    Api(UserFactory()).post("orders", headers=KEY, **TEAPOTS)
    Api(UserFactory()).post("orders", headers=KEY, **TEAPOTS)
    Api().post("orders", headers=KEY, **TEAPOTS)

    assert Order.objects.count() == 3


@pytest.mark.django_db
def test_refusal_is_not_stored():
    problem_of(Api().post("orders", headers=KEY, lines=[{"sku": "kettle"}]), 403, "placing_not_allowed")

    assert not IdempotentAnswer.objects.exists()
    assert Api().post("orders", headers=KEY, **TEAPOTS).status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["short", "x" * 256, "0123456789abcde\u00e9", "0123456789abc\tdef"])
def test_malformed_key_is_refused(key, shopper):
    response = Api(shopper).post("orders", headers={"Idempotency-Key": key}, **TEAPOTS)

    problem_of(response, 400, "invalid_idempotency_key")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "key",
    [
        "purchase-1788220800",
        "0" * 32,
        "9b2f6f0e4c1d4a3b8f570d6c1e2a7b94",
        "{9b2f6f0e-4c1d-4a3b-8f57-0d6c1e2a7b94}",
        # Version 1, from the time and a network card: https://www.rfc-editor.org/rfc/rfc9562#section-5.1
        "c232ab00-9414-11ec-b3c8-9f6bdeced846",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    ],
)
def test_guessable_key_of_a_guest_is_refused(key):
    problem_of(Api().post("orders", headers={"Idempotency-Key": key}, **TEAPOTS), 400, "invalid_idempotency_key")
    assert not Order.objects.exists()


@pytest.mark.django_db
def test_guest_repeats_a_request_from_another_ip_address():
    first = Api().client.post(url("orders"), TEAPOTS, "application/json", headers=KEY, REMOTE_ADDR="192.0.2.1")
    second = Api().client.post(url("orders"), TEAPOTS, "application/json", headers=KEY, REMOTE_ADDR="198.51.100.2")

    assert second.json()["reference"] == first.json()["reference"]
    assert Order.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("reason", ["refused", "deleted", "expired", "another row"])
def test_placed_order_is_repeated_only_while_the_caller_has_a_right_to_it(reason, monkeypatch, settings):
    reference = Api().post("orders", headers=KEY, **TEAPOTS).json()["reference"]
    if reason == "refused":
        monkeypatch.setattr(ApiAdapter, "can_pay", lambda self, request, order: False)
    elif reason == "deleted":
        HostOrder.objects.all().delete()
    elif reason == "expired":
        IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=23))
        settings.CHECKOUT_TOKEN_MAX_AGE_SECONDS = 22 * 3600
    else:
        Order.objects.update(created_at=timezone.now() + timedelta(days=1))

    again = Api().post("orders", headers=KEY, **TEAPOTS)

    problem_of(again, 404, "order_not_found")
    assert Order.objects.get().reference == reference


@pytest.mark.django_db
def test_token_of_a_repeated_response_is_as_old_as_the_original(settings):
    Api().post("orders", headers=KEY, **TEAPOTS)
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=23))

    placed = Api().post("orders", headers=KEY, **TEAPOTS).json()

    assert Api(token=placed["token"]).get("order", placed["reference"]).status_code == 200
    settings.CHECKOUT_TOKEN_MAX_AGE_SECONDS = 22 * 3600
    problem_of(Api(token=placed["token"]).get("order", placed["reference"]), 404, "order_not_found")


@pytest.mark.django_db
@pytest.mark.parametrize("reason", ["refused", "deleted", "expired", "status link", "no link"])
def test_started_session_is_repeated_only_to_a_request_that_may_pay_now(
    reason, bearer, order, host_order, stripe_emulator, monkeypatch
):
    assert bearer.post("sessions", order.reference, headers=KEY).status_code == 201
    assert bearer.post("sessions", order.reference, headers=KEY).headers["Idempotency-Replayed"] == "true"
    if reason == "refused":
        monkeypatch.setattr(ApiAdapter, "can_pay", lambda self, request, row: False)
    elif reason == "deleted":
        host_order.delete()
    elif reason == "expired":
        old = make_token(order, Purpose.PAY, signed_at=timezone.now() - timedelta(days=31))
        bearer = Api(token=old)
    else:
        bearer = Api(token=make_token(order, Purpose.STATUS) if reason == "status link" else "")

    problem_of(bearer.post("sessions", order.reference, headers=KEY), 404, "order_not_found")


@pytest.mark.django_db
def test_response_is_not_repeated_to_staff_who_lost_the_permission(paid_order):
    staff = staff_with("view_order", "refund_order")
    assert staff.post("refund-order", paid_order.reference, headers=KEY, amount_minor=500).status_code == 201
    Permission.user_set.through.objects.all().delete()

    again = staff.post("refund-order", paid_order.reference, headers=KEY, amount_minor=500)

    problem_of(again, 403, "permission_denied")


def _interrupted():
    """Leave the state of a request whose process was killed."""
    IdempotentAnswer.objects.update(status=None, body=None)


@pytest.mark.django_db
def test_interrupted_start_returns_the_session_that_it_created(bearer, order, stripe_emulator):
    first = bearer.post("sessions", order.reference, headers=KEY)
    _interrupted()

    again = bearer.post("sessions", order.reference, headers=KEY)

    assert (again.status_code, again.json()) == (201, first.json())
    assert "Idempotency-Replayed" not in again.headers


@pytest.mark.django_db
def test_interrupted_capture_succeeds_at_once(staff, order, pay, settings):
    settings.CHECKOUT_CAPTURE_METHOD = "manual"
    pay(order)
    staff.post("capture-order", order.reference, headers=KEY, amount_minor=1500)
    _interrupted()

    again = staff.post("capture-order", order.reference, headers=KEY, amount_minor=1500)

    assert (again.status_code, again.json()["paid"]["amount_minor"]) == (200, 1500)
    problem_of(staff.post("capture-order", order.reference, amount_minor=1500), 409, "not_capturable")


@pytest.mark.django_db
def test_interrupted_accept_succeeds_at_once(staff, order, host_order, stripe_emulator, deliver_events):
    session = services.start(order)
    Order.objects.update(revision=2, subtotal_minor=100)
    CheckoutSession.objects.update(asked_subtotal_minor=100)
    stripe_emulator.pay(session.stripe_id)
    deliver_events()
    staff.post("accept-order", order.reference, headers=KEY, note="Agreed.")
    _interrupted()

    again = staff.post("accept-order", order.reference, headers=KEY, note="Agreed.")

    assert (again.status_code, again.json()["needs_attention"]) == (200, False)
    problem_of(staff.post("accept-order", order.reference, note="Agreed."), 409, "nothing_to_accept")


@pytest.mark.django_db
def test_retry_of_an_interrupted_refund_is_the_same_refund(staff, paid_order):
    first = staff.post("refund-order", paid_order.reference, headers=KEY, amount_minor=500)
    _interrupted()

    response = staff.post("refund-order", paid_order.reference, headers=KEY, amount_minor=500)

    assert response.json()["id"] == first.json()["id"]
    assert Refund.objects.count() == 1


@pytest.mark.django_db
def test_refund_with_a_lost_response_is_not_made_twice(staff, paid_order, stripe_emulator):
    stripe_emulator.chaos.drop(1, when="after", match="POST /v1/refunds")
    stripe_emulator.chaos.drop(1, when="before", match="POST /v1/refunds")
    problem_of(
        staff.post("refund-order", paid_order.reference, headers=KEY, amount_minor=500), 503, "stripe_unanswered"
    )

    again = staff.post("refund-order", paid_order.reference, headers=KEY, amount_minor=500)

    assert again.json()["status"] == "succeeded"
    assert Refund.objects.count() == 1


@pytest.mark.django_db
def test_response_expires_after_a_day():
    Api().post("orders", headers=KEY, **TEAPOTS)
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24))

    Api().post("orders", headers=KEY, **TEAPOTS)

    assert Order.objects.count() == 2
    assert IdempotentAnswer.objects.count() == 1


@pytest.mark.django_db
def test_prune_deletes_expired_responses():
    Api().post("orders", headers=KEY, **TEAPOTS)
    retention.prune()
    assert IdempotentAnswer.objects.count() == 1

    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24))
    retention.prune()

    assert not IdempotentAnswer.objects.exists()


@pytest.mark.django_db
def test_response_about_an_erased_order_is_deleted(staff, paid_order):
    Order.objects.filter(pk=paid_order.pk).update(email="quince@example.com")
    staff.post("sync-order", paid_order.reference, headers=KEY)
    refund_key = {"Idempotency-Key": "fedcba9876543210"}
    first = staff.post("refund-order", paid_order.reference, headers=refund_key, amount_minor=500)
    assert "quince@example.com" in str(list(IdempotentAnswer.objects.values()))

    call_command("checkout_erase", order=paid_order.reference, stdout=StringIO())

    assert not IdempotentAnswer.objects.exists()
    assert staff.post("sync-order", paid_order.reference, headers=KEY).json()["email"] == ""
    again = staff.post("refund-order", paid_order.reference, headers=refund_key, amount_minor=500)
    assert (again.json()["id"], Refund.objects.count()) == (first.json()["id"], 1)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_place_one_order():
    if connection.vendor == "sqlite":
        pytest.skip("threads meet on PostgreSQL and MariaDB")

    answers = together(*[lambda: Api().post("orders", headers=KEY, **TEAPOTS).status_code] * 6)

    assert Order.objects.count() == 1
    assert set(answers) <= {201, 409}


@pytest.mark.django_db
@pytest.mark.parametrize("headers", [KEY, {}], ids=["with a key", "without"])
def test_order_that_fails_to_be_placed_is_rolled_back(headers, monkeypatch):
    def fail(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(services, "place", fail)
    with pytest.raises(ZeroDivisionError):
        Api().post("orders", headers=headers, **TEAPOTS)

    assert (IdempotentAnswer.objects.count(), HostOrder.objects.count(), Order.objects.count()) == (0, 0, 0)


@pytest.mark.django_db
def test_failed_start_is_retried_with_its_key(bearer, order, stripe_emulator):
    stripe_emulator.chaos.fail(2, status=503)
    problem_of(bearer.post("sessions", order.reference, headers=KEY), 503, "stripe_unanswered")

    assert bearer.post("sessions", order.reference, headers=KEY).status_code == 201


@pytest.mark.django_db
def test_refused_start_releases_its_key(bearer, order, stripe_emulator):
    assert bearer.post("sessions", order.reference, ui_mode="popup", headers=KEY).status_code == 400

    assert bearer.post("sessions", order.reference, headers=KEY).status_code == 201


@pytest.mark.django_db
def test_capture_with_a_lost_response_succeeds(staff, order, pay, settings):
    settings.CHECKOUT_CAPTURE_METHOD = "manual"
    pay(order)
    capture = partial(staff.post, "capture-order", order.reference, headers=KEY)

    def fail():
        raise StripeUnavailableError("The answer was lost.")

    with run_after("django_checkout.services.capture", fail):
        problem_of(capture(), 503, "stripe_unavailable")

    assert capture().status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["stripe_unanswered", "too_many_requests"])
def test_failed_retry_keeps_the_response_of_the_first_request(code, bearer, order, stripe_emulator):
    start = partial(bearer.post, "sessions", order.reference, headers=KEY)

    def repeat():
        if code == "too_many_requests":
            Order.objects.update(requests_count=REQUESTS_PER_MINUTE)
        stripe_emulator.chaos.fail(9, status=503)
        assert start().json()["code"] == code
        stripe_emulator.chaos.reset()
        Order.objects.update(requests_count=1)

    with run_before("django_checkout.services.start", repeat):
        first = start()
    again = start()

    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.django_db
@pytest.mark.parametrize("is_key_taken", [False, True])
def test_response_is_stored_although_the_first_request_was_refused(is_key_taken, bearer, order, stripe_emulator):
    """The first request releases the key while its retry runs, and another request may reserve it."""
    start = partial(bearer.post, "sessions", order.reference, headers=KEY)

    def free():
        IdempotentAnswer.objects.all().delete()
        if is_key_taken:
            IdempotentAnswer.objects.create(principal=f"order:{order.pk}", key=KEY["Idempotency-Key"], request_hash="x")

    with run_before("django_checkout.services.start", free):
        assert start().status_code == 201

    row = IdempotentAnswer.objects.get()
    assert (row.request_hash, row.status) == ("x", None) if is_key_taken else row.status == 201
