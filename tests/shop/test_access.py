from __future__ import annotations

import pytest
from django.core import signing

from example_project.shop.access import SALT, signed_path


def test_an_order_is_shown_to_its_owner(visitor, make_order, robin):
    order = make_order(user=robin)
    visitor.force_login(robin)

    assert order.number in visitor.get(order.get_absolute_url()).content.decode()


def test_an_order_is_hidden_from_other_users(visitor, make_order, robin, django_user_model):
    order = make_order(user=robin)
    assert visitor.get(order.get_absolute_url()).status_code == 404

    visitor.force_login(django_user_model.objects.create_user("sam"))
    assert visitor.get(order.get_absolute_url()).status_code == 404
    assert visitor.get(f"{order.get_absolute_url()}pay/").status_code == 404


def test_a_guests_order_is_hidden_from_other_guests(visitor, make_order):
    assert visitor.get(make_order().get_absolute_url()).status_code == 404


def test_the_link_in_the_mail_shows_the_order_under_its_number(visitor, make_order):
    order = make_order()

    response = visitor.get(signed_path(order))

    assert response.url == order.get_absolute_url()
    assert visitor.get(response.url).status_code == 200


@pytest.mark.parametrize("token", ["nonsense", signing.dumps("TS-2026-000000", salt=SALT)], ids=["forged", "no order"])
def test_a_forged_link_and_a_link_without_an_order_are_not_found(visitor, make_order, token):
    make_order()

    assert visitor.get(f"/orders/open/{token}/").status_code == 404


def test_a_link_of_another_purpose_is_not_found(visitor, make_order):
    token = signing.dumps(make_order().number, salt="another")

    assert visitor.get(f"/orders/open/{token}/").status_code == 404


def test_history_shows_own_orders_and_requires_login(visitor, make_order, robin):
    assert visitor.get("/orders/").url == "/account/login/?next=/orders/"
    mine, other = make_order(user=robin), make_order()
    visitor.force_login(robin)

    page = visitor.get("/orders/").content.decode()

    assert mine.number in page
    assert other.number not in page


def test_history_makes_a_fixed_number_of_queries(visitor, make_order, robin, django_assert_max_num_queries):
    for _ in range(6):
        make_order(user=robin)
    visitor.force_login(robin)

    with django_assert_max_num_queries(6):
        visitor.get("/orders/")


def test_a_shopper_can_sign_in_and_out(visitor, robin):
    assert visitor.get("/account/login/").status_code == 200
    response = visitor.post("/account/login/", {"username": "robin", "password": "tea-and-slip"})
    assert response.url == "/orders/"
    assert visitor.post("/account/logout/").url == "/"
