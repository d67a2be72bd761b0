"""A shopper who cancels in one window and pays in another: either happens, never both."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.emulator.messages import ApiError
from tests.races.test_threads import deliver, new_orders
from tests.races.together import ROUNDS, together

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("real_threads"), pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("page", ["cancel", "another-way"])
def test_an_order_is_paid_or_given_up(stripe_emulator, page):
    for _host_order, order in new_orders():
        session = services.start(order)
        path = reverse(f"django_checkout:{page}", args=[make_token(order, Purpose.PAY)])

        posted, paid = together(
            lambda path=path: Client().post(path).status_code,
            lambda session=session: stripe_emulator.pay(session.stripe_id),
        )
        deliver(stripe_emulator)

        order.refresh_from_db()
        given_up = "canceled" if page == "cancel" else "unpaid"
        outcome = (order.status, posted, isinstance(paid, ApiError))
        assert outcome in {("paid", 409, False), (given_up, 303, True)}
        assert not order.needs_attention


def test_two_windows_cancel_once(stripe_emulator, recorder):
    for _host_order, order in new_orders():
        services.start(order)
        path = reverse("django_checkout:cancel", args=[make_token(order, Purpose.PAY)])

        statuses = together(*[lambda: Client().post(path).status_code] * 5)  # noqa: B023  # called in this round

        order.refresh_from_db()
        assert (order.status, set(statuses)) == ("canceled", {303})
    assert recorder.names.count("order_canceled") == ROUNDS
