"""Puts an emulator under the real ``stripe`` library and posts its signed events to the real webhook view."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.http.response import HttpResponseBase
from django.test import Client, override_settings
from django.urls import get_script_prefix, reverse

from django_checkout.conf import EMULATOR_SECRET, conf
from django_checkout.emulator import Attempt, Emulator, EmulatorAdapter, async_transport, signature_header
from django_checkout.stripe_api import circuit, client, transport

#: The emulator's URL. No such host exists, so no request leaves the process.
API_BASE = "http://stripe.emulator"


@contextmanager
def emulated_stripe(emulator: Emulator | None = None) -> Iterator[Emulator]:
    """Send every call to Stripe to an emulator in this process; yield the emulator.

    If the project sets no key or no webhook secret, the emulator's are used.
    """
    overrides: dict[str, Any] = {"STRIPE_API_BASE": API_BASE}
    if not conf.has("STRIPE_SECRET_KEY"):
        overrides["STRIPE_SECRET_KEY"] = "sk_test_emulator"  # noqa: S105 - the emulator accepts any test key
    if not conf.STRIPE_WEBHOOK_SECRETS:
        overrides["STRIPE_WEBHOOK_SECRETS"] = [EMULATOR_SECRET]
    with override_settings(**overrides):
        emulator = emulator or Emulator(
            webhook_secret=conf.STRIPE_WEBHOOK_SECRETS[0], webhook_version=conf.CHECKOUT_API_VERSION
        )
        with _mounted(emulator):
            yield emulator


@contextmanager
def _mounted(emulator: Emulator) -> Iterator[None]:
    client.forget_clients()
    # An outage that a test plays ends at once.
    seconds, circuit.PROBE_SECONDS = circuit.PROBE_SECONDS, 0
    session = transport.http_session()
    session.mount(API_BASE, EmulatorAdapter(emulator))
    if transport.is_async_installed():
        transport.mount_async(API_BASE, async_transport(emulator))
    try:
        yield
    finally:
        circuit.PROBE_SECONDS = seconds
        session.adapters.pop(API_BASE, None)
        transport.mount_async(API_BASE, None)
        emulator.close()


def deliver_events(emulator: Emulator, *, rounds: int = 1) -> list[Attempt]:
    """Post every pending event to the webhook view, signed, over https, with CSRF checks; return the attempts.

    An event that the view refuses stays pending and is posted again in the next round.

    Raises:
        RuntimeError: the site redirects the webhook; Stripe does not follow redirects.
    """
    attempts: list[Attempt] = []
    for _ in range(rounds):
        attempts += emulator.deliver_to(_post)
    return attempts


def post_event(payload: bytes | Mapping[str, Any], signature: str | None = None) -> HttpResponseBase:
    """Post a body to the webhook view; without a ``signature``, sign it with the first of STRIPE_WEBHOOK_SECRETS."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    header = sign(body) if signature is None else signature
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    # FORCE_SCRIPT_NAME adds a prefix to URLs that the server removes from paths.
    path = f"/{reverse('django_checkout:webhook').removeprefix(get_script_prefix())}"
    # Over https, as Stripe does: SECURE_SSL_REDIRECT redirects plain http.
    return browser.generic(
        "POST", path, data=body, content_type="application/json", headers={"Stripe-Signature": header}, secure=True
    )


def sign(body: bytes, *, secret: str | None = None, timestamp: int | None = None) -> str:
    """Return the ``Stripe-Signature`` header for a body; ``timestamp`` in seconds since the epoch."""
    return signature_header(body, secret or conf.STRIPE_WEBHOOK_SECRETS[0], timestamp)


def _post(body: bytes, headers: Mapping[str, str]) -> int:
    response = post_event(body, headers["Stripe-Signature"])
    if 300 <= response.status_code < 400:
        # Raise here: the test would only notice that the event has no effect.
        raise RuntimeError(f"The site redirects webhooks to {response.headers['Location']}.")
    return response.status_code
