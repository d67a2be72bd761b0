"""Every route of the emulator conforms to Stripe's OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest
import stripe

from django_checkout.emulator.api.routes import ROUTES
from tests.conformance.visits import (
    CARD,
    CHALLENGE,
    DECLINED,
    DISPUTED,
    NOT_VISITED,
    SHAPES,
    new_session,
    paid,
    read_all,
    visit_every_route,
)

pytestmark = pytest.mark.conformance


def test_every_route_conforms(client, emulator, watched):
    visit_every_route(client, emulator)
    described = {route for route in ROUTES if " /v1/" in route}
    answered = {name.removesuffix(" 200") for name in watched.checked if name.endswith(" 200")}
    assert described - answered == NOT_VISITED


@pytest.mark.parametrize("card", [CARD, DECLINED, CHALLENGE])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_kind_of_session_conforms(client, emulator, shape, card):
    session = new_session(client, **SHAPES[shape])
    read_all(client, session.id)
    outcome = emulator.pay(session.id, card)
    if outcome.status == "requires_action":
        emulator.authenticate(session.id)
    read_all(client, session.id)


def test_sessions_of_other_modes_conform(client):
    month = {"currency": "eur", "unit_amount": 500, "recurring": {"interval": "month"}, "product_data": {"name": "Tea"}}
    for params in (
        {"mode": "setup", "line_items": None, "currency": "eur"},
        {"mode": "subscription", "line_items": [{"price_data": month, "quantity": 1}]},
    ):
        session = new_session(client, **params)
        client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
        client.v1.checkout.sessions.expire(session.id)


def test_every_event_conforms_as_delivered(client, emulator, watched):
    paid(client, emulator, DISPUTED)
    bodies: list[bytes] = []

    def post(body: bytes, headers: Mapping[str, str]) -> int:
        bodies.append(body)
        return 200

    emulator.deliver_to(post)
    assert bodies
    for body in bodies:
        watched.check_event(json.loads(body))


def test_refusals_conform(client, emulator):
    v1 = client.v1
    session = new_session(client)
    v1.checkout.sessions.expire(session.id)
    intent = paid(client, emulator)
    v1.refunds.create({"payment_intent": intent})
    refusals: tuple[Callable[[], object], ...] = (
        lambda: v1.checkout.sessions.expire(session.id),
        lambda: v1.checkout.sessions.retrieve("cs_test_unknown"),
        lambda: v1.refunds.create({"payment_intent": intent}),
        lambda: v1.refunds.create({}),
        lambda: v1.payment_intents.capture(intent),
        lambda: v1.checkout.sessions.create({"mode": "payment", "success_url": "https://shop.example.com/"}),
    )
    for refused in refusals:
        with pytest.raises(stripe.InvalidRequestError):
            refused()
