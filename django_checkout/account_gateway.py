"""Calls to Stripe about the account, not its orders: endpoints, permissions, the clock; and to our own webhook."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from django_checkout.exceptions import EndpointError
from django_checkout.gateway import API_VERSION, Call, checked, plain, read_all
from django_checkout.transport import http_session

DELIVERY_TIMEOUT_SECONDS = 15


def list_endpoints() -> list[dict[str, Any]]:
    """Read every webhook endpoint of the account and mode; their secrets are not told."""
    return read_all("/v1/webhook_endpoints")


def create_endpoint(url: str, enabled_events: Sequence[str], *, description: str) -> dict[str, Any]:
    """Create an endpoint with our API version pinned; only this answer holds its ``secret``."""
    params: Any = {
        "url": url,
        "enabled_events": list(enabled_events),
        "api_version": API_VERSION,
        "description": description,
    }
    return plain(Call("v1.webhook_endpoints.create", (params,)).block())


def update_endpoint(endpoint_id: str, **changes: Any) -> dict[str, Any]:
    """Change an endpoint: ``enabled_events`` or ``disabled``; its API version can never be changed."""
    params: Any = changes
    return plain(Call("v1.webhook_endpoints.update", (checked(endpoint_id), params)).block())


def retrieve_account() -> tuple[dict[str, Any], datetime | None]:
    """Read our account, and what time it is at Stripe, where the answer says so."""
    answer = Call("raw_request", ("get", "/v1/account")).block()
    account: dict[str, Any] = answer.data
    said = answer.headers.get("Date")
    return account, parsedate_to_datetime(said) if said else None


def try_list(path: str) -> None:
    """Read one object of a list, to see whether the key may.

    Raises:
        StripeCredentialsError: it may not; the message names the permission where Stripe does.
    """
    Call("raw_request", ("get", path), {"limit": 1}).block()


def deliver(url: str, body: bytes, signature: str) -> int:
    """Post a signed body to our own webhook as Stripe would; return the status.

    Raises:
        EndpointError: nobody answers there.
    """
    import requests

    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
    try:
        answer = http_session().post(
            url, data=body, headers=headers, timeout=DELIVERY_TIMEOUT_SECONDS, allow_redirects=False
        )
    except requests.RequestException as error:
        raise EndpointError(f"{url} does not answer from here: {type(error).__name__}.") from error
    return answer.status_code
