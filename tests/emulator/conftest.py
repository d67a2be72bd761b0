"""An emulator, and the real stripe library connected to it in process."""

from __future__ import annotations

import re
import time
from html import unescape
from urllib.parse import urlencode

import pytest
import stripe

from django_checkout.emulator import Emulator, Request, requests_session
from django_checkout.emulator.messages import API_VERSION

SECRET = "whsec_tests"
BASE_URL = "http://emulator.test"


@pytest.fixture(autouse=True)
def _no_telemetry(monkeypatch):
    monkeypatch.setattr(stripe, "enable_telemetry", False)


@pytest.fixture
def emulator():
    """An emulator in memory. Its clock stands still unless a test advances it: a slow machine changes nothing."""
    started_at = time.time()
    made = Emulator(webhook_secret=SECRET, wall=lambda: started_at)
    yield made
    made.close()


def client_of(emulator, key="sk_test_tests", **options):
    """Return a client whose requests go to the emulator."""
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        http_client=stripe.RequestsClient(session=requests_session(emulator)),
        base_addresses={"api": BASE_URL},
        **options,
    )


@pytest.fixture
def client(emulator):
    """The real library."""
    return client_of(emulator)


def session_params(amount=500, quantity=2, currency="eur", **params):
    """Return the parameters of a simple session."""
    price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Tea"}}
    return {
        "mode": "payment",
        "line_items": [{"quantity": quantity, "price_data": price}],
        "success_url": "https://shop.example.com/return/?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example.com/cart/",
        **params,
    }


@pytest.fixture
def make_session(client):
    """Create a session. Parameters override those of a simple one."""

    def make(**params):
        return client.v1.checkout.sessions.create(session_params(**params))

    return make


@pytest.fixture
def paid(emulator, make_session):
    """Pay a new session and return the id of its PaymentIntent."""

    def pay(card="4242424242424242", **params):
        outcome = emulator.pay(make_session(**params).id, card)
        assert outcome.payment_intent
        return outcome.payment_intent

    return pay


def event_types(emulator):
    """Return the types of all events, oldest first."""
    return [event["type"] for event in emulator.events()]


def _request(method, url, **fields):
    path, _, query = url.partition("?")
    return Request(method=method, base_url=BASE_URL, path=path, query=query, **fields)


class Visitor:
    """Opens the emulator's pages and submits their forms with the form token."""

    def __init__(self, emulator, language="en"):
        self._emulator = emulator
        self._language = language

    def get(self, path, language=None):
        """Return a page, in the visitor's language or another one."""
        language = language or self._language
        return self._emulator.handle(_request("GET", path, headers={"accept-language": language}))

    def post(self, path, **typed):
        """Submit a form."""
        headers = {"accept-language": self._language}
        return self._emulator.handle(_request("POST", path, headers=headers, body=urlencode(typed).encode()))

    def send(self, path, **typed):
        """Submit a form with the token of its page."""
        token = re.search(r'name="token" value="(\w+)"', text_of(self.get(path)))
        assert token
        return self.post(path, token=token[1], **typed)


def text_of(response):
    """Return the text of a page."""
    return unescape(response.body.decode())


@pytest.fixture
def visitor(emulator):
    """A visitor of the emulator's pages."""
    return Visitor(emulator)
