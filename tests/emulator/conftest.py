"""An emulator and the real stripe library talking to it in process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe

from django_checkout.emulator import Emulator, requests_session

API_VERSION = "2026-08-26.dahlia"
SECRET = "whsec_tests"
BASE_URL = "http://emulator.test"

MakeSession = Callable[..., stripe.checkout.Session]


@pytest.fixture(autouse=True)
def _no_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe, "enable_telemetry", False)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator in memory."""
    made = Emulator(webhook_secret=SECRET)
    yield made
    made.close()


def client_of(emulator: Emulator, key: str = "sk_test_tests", **options: Any) -> stripe.StripeClient:
    """Return a client whose requests go to the emulator."""
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        http_client=stripe.RequestsClient(session=requests_session(emulator)),
        base_addresses={"api": BASE_URL},
        **options,
    )


@pytest.fixture
def client(emulator: Emulator) -> stripe.StripeClient:
    """The real library."""
    return client_of(emulator)


def session_params(amount: int = 500, quantity: int = 2, currency: str = "eur", **params: Any) -> dict[str, Any]:
    """Return parameters of a plain session."""
    price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Tea"}}
    return {
        "mode": "payment",
        "line_items": [{"quantity": quantity, "price_data": price}],
        "success_url": "https://shop.example.com/return/?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example.com/cart/",
        **params,
    }


@pytest.fixture
def make_session(client: stripe.StripeClient) -> MakeSession:
    """Create a session; parameters override those of a plain one."""

    def make(**params: Any) -> stripe.checkout.Session:
        return client.v1.checkout.sessions.create(session_params(**params))  # type: ignore[arg-type]

    return make


@pytest.fixture
def paid(emulator: Emulator, make_session: MakeSession) -> Callable[..., str]:
    """Pay a new session and return the id of its PaymentIntent."""

    def pay(card: str = "4242424242424242", **params: Any) -> str:
        outcome = emulator.pay(make_session(**params).id, card)
        assert outcome.payment_intent
        return outcome.payment_intent

    return pay
