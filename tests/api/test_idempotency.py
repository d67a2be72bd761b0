"""Idempotency-Key: done once, answered alike, refused with another body."""

from __future__ import annotations

import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from django_checkout import retention, services
from django_checkout.api import idempotency
from django_checkout.models import IdempotentAnswer, Order, Refund
from tests.api.conftest import Api, problem_of
from tests.factories import UserFactory

KEY = {"Idempotency-Key": "0123456789abcdef"}
TEAPOTS = {"lines": [{"sku": "teapot", "quantity": 1}]}


@pytest.mark.django_db
def test_repeated_request_is_done_once_and_answered_alike():
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
def test_token_is_not_kept():
    token = Api().post("orders", headers=KEY, **TEAPOTS).json()["token"]

    assert token not in str(list(IdempotentAnswer.objects.values()))


@pytest.mark.django_db
def test_same_body_in_another_spelling_is_the_same_request():
    Api().post("orders", headers=KEY, raw='{"lines": [{"sku": "teapot", "quantity": 1}], "currency": "eur"}')
    Api().post("orders", headers=KEY, raw='{"currency":"eur","lines":[{"quantity":1,"sku":"teapot"}]}')

    assert Order.objects.count() == 1


@pytest.mark.django_db
def test_other_body_or_other_address_under_the_key_is_refused(staff, paid_order):
    Api().post("orders", headers=KEY, **TEAPOTS)
    problem_of(Api().post("orders", headers=KEY, lines=[{"sku": "teapot"}]), 409, "idempotency_key_reused")

    staff.post("refund-order", paid_order.reference, headers=KEY, amount_minor=500)
    problem_of(staff.post("sync-order", paid_order.reference, headers=KEY), 409, "idempotency_key_reused")


@pytest.mark.django_db
def test_keys_of_others_are_others():
    Api(UserFactory()).post("orders", headers=KEY, **TEAPOTS)
    Api(UserFactory()).post("orders", headers=KEY, **TEAPOTS)
    Api().post("orders", headers=KEY, **TEAPOTS)

    assert Order.objects.count() == 3


@pytest.mark.django_db
def test_refusal_is_not_kept():
    problem_of(Api().post("orders", headers=KEY, lines=[{"sku": "kettle"}]), 403, "placing_not_allowed")

    assert not IdempotentAnswer.objects.exists()
    assert Api().post("orders", headers=KEY, **TEAPOTS).status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["short", "x" * 256, "0123456789abcde\u00e9", "0123456789abc\tdef"])
def test_key_that_is_none_is_refused(key):
    problem_of(Api().post("orders", headers={"Idempotency-Key": key}, **TEAPOTS), 400, "invalid_idempotency_key")


@pytest.mark.django_db
def test_request_that_is_being_handled_is_not_handled_twice():
    Api().post("orders", headers=KEY, **TEAPOTS)
    IdempotentAnswer.objects.update(status=None)

    response = Api().post("orders", headers=KEY, **TEAPOTS)

    problem_of(response, 409, "idempotency_key_busy")
    assert response.headers["Retry-After"]


@pytest.mark.django_db
def test_interrupted_request_is_handled_again_where_that_does_no_harm():
    Api().post("orders", headers=KEY, **TEAPOTS)
    IdempotentAnswer.objects.update(status=None, leased_until=timezone.now())

    assert Api().post("orders", headers=KEY, **TEAPOTS).status_code == 201


@pytest.mark.django_db
def test_interrupted_refund_is_the_same_refund(staff, paid_order):
    first = staff.post("refund-order", paid_order.reference, headers=KEY, amount_minor=500)
    IdempotentAnswer.objects.update(status=None, leased_until=timezone.now())

    response = staff.post("refund-order", paid_order.reference, headers=KEY, amount_minor=500)

    assert response.json()["id"] == first.json()["id"]
    assert Refund.objects.count() == 1


@pytest.mark.django_db
def test_refund_whose_answer_was_lost_is_not_made_twice(staff, paid_order, stripe_emulator):
    stripe_emulator.chaos.drop(1, when="after", match="POST /v1/refunds")
    stripe_emulator.chaos.drop(1, when="before", match="POST /v1/refunds")
    problem_of(
        staff.post("refund-order", paid_order.reference, headers=KEY, amount_minor=500), 503, "stripe_unavailable"
    )

    again = staff.post("refund-order", paid_order.reference, headers=KEY, amount_minor=500)

    assert again.json()["status"] == "succeeded"
    assert Refund.objects.count() == 1


@pytest.mark.django_db
def test_answer_is_forgotten_after_a_day():
    Api().post("orders", headers=KEY, **TEAPOTS)
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24))

    Api().post("orders", headers=KEY, **TEAPOTS)

    assert Order.objects.count() == 2
    assert IdempotentAnswer.objects.count() == 1


@pytest.mark.django_db
def test_pruning_forgets_old_answers():
    Api().post("orders", headers=KEY, **TEAPOTS)
    retention.prune()
    assert IdempotentAnswer.objects.count() == 1

    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24))
    retention.prune()

    assert not IdempotentAnswer.objects.exists()


@pytest.mark.django_db
def test_answer_about_an_erased_order_is_forgotten(staff, paid_order):
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
def test_two_at_once_place_one_order():
    if connection.vendor == "sqlite":
        pytest.skip("threads meet on PostgreSQL and MariaDB")
    answers = []

    def place():
        try:
            answers.append(Api().post("orders", headers=KEY, **TEAPOTS).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=place) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Order.objects.count() == 1
    assert set(answers) <= {201, 409}


@pytest.mark.django_db
def test_fault_of_ours_frees_the_key(monkeypatch):
    monkeypatch.setattr(services, "place", lambda source: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Api().post("orders", headers=KEY, **TEAPOTS)

    assert not IdempotentAnswer.objects.exists()
    assert idempotency.LEASE_SECONDS > 60
