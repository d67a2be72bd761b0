"""Calls to Stripe about webhook endpoints, and a signed request to the site's own webhook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from django_checkout.conf import conf
from django_checkout.exceptions import EndpointError
from django_checkout.stripe_api.client import ask_expecting_refusal, checked, get_client, plain
from django_checkout.stripe_api.gateway import read_all
from django_checkout.stripe_api.steps import Steps
from django_checkout.stripe_api.time_limit import time_limit
from django_checkout.stripe_api.transport import http_session

if TYPE_CHECKING:
    import stripe

DELIVERY_TIMEOUT_SECONDS = 6


def list_endpoints() -> Steps[list[dict[str, Any]]]:
    """List every webhook endpoint of the account and mode, without their secrets."""
    return read_all("/v1/webhook_endpoints")


def create_endpoint(url: str, enabled_events: Sequence[str], *, description: str) -> Steps[dict[str, Any]]:
    """Create an endpoint for the pinned API version; only this response contains its ``secret``."""
    # A host's handler may name an event type that the SDK's types do not list.
    params: Any = {
        "url": url,
        "enabled_events": list(enabled_events),
        "api_version": conf.CHECKOUT_API_VERSION,
        "description": description,
    }
    endpoints = get_client().v1.webhook_endpoints
    # An operator who creates the endpoint in the Dashboard needs no permission for it.
    return plain((yield from ask_expecting_refusal(endpoints.create, endpoints.create_async, params)))


def update_endpoint(
    endpoint_id: str, **changes: Unpack[stripe.params.WebhookEndpointUpdateParams]
) -> Steps[dict[str, Any]]:
    """Update an endpoint's ``url``, ``enabled_events`` or ``disabled``; its API version is fixed."""
    endpoints = get_client().v1.webhook_endpoints
    update = ask_expecting_refusal(endpoints.update, endpoints.update_async, checked(endpoint_id), changes)
    return plain((yield from update))


def deliver(url: str, body: bytes, signature: str) -> int:
    """Post a signed body to the site's webhook as Stripe does; return the status.

    Raises:
        EndpointError: the URL does not respond.
    """
    import requests

    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
    try:
        with time_limit(DELIVERY_TIMEOUT_SECONDS):
            response = http_session().post(
                url, data=body, headers=headers, timeout=DELIVERY_TIMEOUT_SECONDS, allow_redirects=False
            )
    except requests.RequestException as error:
        raise EndpointError(f"{url} does not respond to this machine: {type(error).__name__}.") from error
    return response.status_code
