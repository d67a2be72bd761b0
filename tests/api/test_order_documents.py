"""Links to receipts in the API, which are the buyer's."""

from __future__ import annotations

import pytest

from django_checkout.access.tokens import Purpose, make_token
from tests.api.conftest import Api, staff_with

pytestmark = pytest.mark.django_db


def test_the_buyer_gets_links_with_the_token_of_the_request(client, paid_order):
    token = make_token(paid_order.pk, Purpose.PAY)

    body = Api(token=token).get("order", paid_order.reference).json()

    assert body["payment_method"] == "Visa \u00b7\u00b7\u00b7\u00b7 4242"
    (receipt,) = body["documents"]
    assert (receipt["kind"], token in receipt["url"]) == ("receipt", True)
    assert client.get(receipt["url"]).status_code == 303


def test_the_owner_gets_links_and_staff_do_not(client, own_order, owner, pay):
    pay(own_order)

    (receipt,) = owner.get("order", own_order.reference).json()["documents"]

    assert client.get(receipt["url"]).status_code == 303
    assert staff_with("view_order").get("order", own_order.reference).json()["documents"] == []


def test_an_unpaid_order_has_neither(bearer, order):
    body = bearer.get("order", order.reference).json()

    assert (body["payment_method"], body["documents"]) == ("", [])
