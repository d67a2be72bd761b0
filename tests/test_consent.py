"""What a shopper agrees to: asked by Stripe where it can, by our form in the Elements checkout, and kept as a fact."""

from __future__ import annotations

import json

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.urls import reverse

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.exceptions import ParameterError, SessionClosedError
from django_checkout.values import CheckoutOptions, LineData, OrderData

pytestmark = [pytest.mark.django_db, pytest.mark.core]

BOTH = {"terms_of_service": True, "promotions": False}
STORED = {"terms_of_service": "accepted", "promotions": "opt_out"}


def _place(**options):
    lines = (LineData(name="Tea", unit_amount_minor=900),)
    return services.place(OrderData(reference="C-1", currency="eur", lines=lines, options=CheckoutOptions(**options)))


@pytest.fixture
def asking(db, stripe_emulator):
    """An order that asks for both."""
    return _place(require_terms_of_service=True, ask_for_promotions=True)


def _post(client, order, consent, purpose=Purpose.PAY):
    path = reverse("django_checkout:update", args=[make_token(order, purpose)])
    return client.post(path, json.dumps({"consent": consent}), content_type="application/json")


def _elements(order):
    context = Context({"request": RequestFactory().get("/"), "csrf_token": "t", "order": order})
    return Template("{% load checkout %}{% checkout_elements order %}").render(context)


@pytest.mark.parametrize(("ui_mode", "is_sent"), [("hosted_page", True), ("embedded_page", True), ("elements", False)])
def test_stripe_asks_where_it_has_a_checkbox(asking, stripe_emulator, ui_mode, is_sent):
    session = services.start(asking, ui_mode=ui_mode)

    assert (stripe_emulator.get(session.stripe_id)["consent_collection"] is not None) == is_sent


def test_a_call_cannot_ask_in_elements_what_the_form_does_not(stripe_emulator):
    order = _place(ask_for_promotions=True)
    both = {"consent_collection": {"terms_of_service": "required", "promotions": "auto"}}

    with pytest.raises(ParameterError, match=r"consent_collection \(terms_of_service\)"):
        services.start(order, ui_mode="elements", params=both)

    assert not stripe_emulator.latest("checkout.session", 1)
    assert services.start(order, ui_mode="hosted_page", params=both).status == "open"
    promotions = {"consent_collection": {"promotions": "auto"}}
    assert services.start(order, ui_mode="elements", params=promotions).status == "open"


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, []),
        ({"require_terms_of_service": True}, ["terms_of_service"]),
        ({"ask_for_promotions": True}, ["promotions"]),
        ({"require_terms_of_service": True, "ask_for_promotions": True}, ["terms_of_service", "promotions"]),
    ],
)
def test_our_form_asks_in_elements(options, asked):
    html = _elements(_place(**options))

    before_the_button = html.partition("data-checkout-submit")[0]
    shown = [
        name for name in ("terms_of_service", "promotions") if f'data-checkout-consent="{name}"' in before_the_button
    ]
    assert shown == asked
    assert " checked" not in html
    assert html.count("required data-checkout-consent") == ("terms_of_service" in asked)


def test_the_answer_is_a_fact_of_the_session_and_the_order(client, asking, stripe_emulator, deliver_events):
    session = services.start(asking, ui_mode="elements")

    assert _post(client, asking, {**BOTH, "promotions": True}).status_code == 200
    assert _post(client, asking, BOTH).status_code == 200
    stripe_emulator.pay(session.stripe_id)
    deliver_events()
    services.sync(session)

    session.refresh_from_db()
    asking.refresh_from_db()
    assert session.customer_details["consent"] == asking.customer_details["consent"] == STORED
    assert asking.customer_details["email"]


def test_stripes_own_answer_is_kept_too(asking, stripe_emulator, deliver_events):
    session = services.start(asking, ui_mode="hosted_page")
    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    asking.refresh_from_db()
    assert asking.customer_details["consent"] == STORED


def test_terms_must_be_accepted(client, asking):
    services.start(asking, ui_mode="elements")

    assert _post(client, asking, {"promotions": True}).status_code == 400
    assert _post(client, asking, {"terms_of_service": "yes"}).status_code == 400
    with pytest.raises(ParameterError, match="not accepted"):
        services.record_consent(asking, {"terms_of_service": False})


def test_only_what_is_asked_is_stored(client, stripe_emulator):
    order = _place(ask_for_promotions=True)
    session = services.start(order, ui_mode="elements")

    _post(client, order, {"promotions": True, "marketing": True, "terms_of_service": True})

    session.refresh_from_db()
    assert session.customer_details == {"consent": {"promotions": "opt_in"}}


def test_a_status_link_cannot_answer(client, asking):
    services.start(asking, ui_mode="elements")

    assert _post(client, asking, BOTH, Purpose.STATUS).status_code == 404


def test_another_page_cannot_answer(asking, stripe_emulator):
    with pytest.raises(SessionClosedError):
        services.record_consent(asking, BOTH)
    services.start(asking, ui_mode="hosted_page")
    with pytest.raises(SessionClosedError):
        services.record_consent(asking, BOTH)


def test_the_admin_shows_it(admin_client, asking, stripe_emulator, deliver_events):
    session = services.start(asking, ui_mode="elements")
    services.record_consent(asking, BOTH)
    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    page = admin_client.get(f"/admin/django_checkout/order/{asking.pk}/change/").text

    assert "accepted" in page
    assert "not wanted" in page
