"""Creates a session in every mode and UI mode at Stripe, with test keys from the environment."""

from __future__ import annotations

import os

import pytest

from django_checkout import services
from django_checkout.conf import STRIPE_API_BASE, UI_MODES
from django_checkout.values import LineData, OrderData
from tests.factories import UserFactory

KEY = os.environ.get("STRIPE_SECRET_KEY", "")

pytestmark = [
    pytest.mark.live,
    pytest.mark.django_db,
    pytest.mark.skipif(not KEY, reason="STRIPE_SECRET_KEY is not set"),
]

LINES = {
    "payment": (LineData(name="Teapot", unit_amount_minor=2000),),
    "subscription": (LineData(name="Tea of the month", unit_amount_minor=1900, recurring_interval="month"),),
    "setup": (),
}


@pytest.fixture(autouse=True)
def real_stripe(settings):
    if not KEY.startswith(("sk_test_", "rk_test_")):
        pytest.fail("STRIPE_SECRET_KEY is not a test key, and the live tests use no other.")
    settings.STRIPE_SECRET_KEY = KEY
    settings.STRIPE_PUBLISHABLE_KEY = os.environ.get("STRIPE_PUBLISHABLE_KEY", "")
    settings.STRIPE_API_BASE = STRIPE_API_BASE
    settings.CHECKOUT_BASE_URL = "https://shop.example"


@pytest.mark.parametrize("ui_mode", UI_MODES)
@pytest.mark.parametrize("mode", LINES)
def test_session_of_every_mode_and_ui_mode_is_created_and_expired(mode, ui_mode):
    reference = f"live-{os.urandom(6).hex()}"
    content = OrderData(reference=reference, currency="eur", lines=LINES[mode], mode=mode, user=UserFactory())

    session = services.start(services.place(content), ui_mode=ui_mode)

    assert (session.status, session.livemode) == ("open", False)
    assert bool(session.url) == (ui_mode == "hosted_page")
    assert services.expire(session).status == "expired"
