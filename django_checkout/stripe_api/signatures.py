"""Verifies the signature of a webhook: https://docs.stripe.com/webhooks/signature."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_checkout.conf import EMULATOR_SECRET, conf
from django_checkout.exceptions import SignatureError
from django_checkout.placeholders import is_placeholder
from django_checkout.stripe_api.storable import read_json


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified body, and the fingerprint of the secret that it is signed with."""

    data: dict[str, Any]
    fingerprint: str


@sensitive_variables()
def verify_webhook(payload: bytes, header: str, *, now: datetime | None = None) -> Verified:
    """Return the JSON object that Stripe signed. Unlike the SDK, refuse a timestamp in the future as well.

    Raises:
        SignatureError: not signed with any of STRIPE_WEBHOOK_SECRETS, too old, too new, or not a JSON object.
    """
    tolerance = conf.CHECKOUT_WEBHOOK_TOLERANCE_SECONDS
    now = now or timezone.now()
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise SignatureError("The webhook body is not UTF-8.") from error
    if not header.isascii():
        # Python compares signatures in ASCII only, and raises TypeError otherwise.
        raise SignatureError("The Stripe-Signature header is not ASCII.")
    secrets = _accepted_secrets()
    if not secrets:
        raise SignatureError("STRIPE_WEBHOOK_SECRETS is empty or a placeholder; run manage.py checkout_setup_webhook.")
    secret = next((secret for secret in secrets if _is_signed(text, header, secret)), None)
    if secret is None:
        raise SignatureError("The webhook is not signed with any of STRIPE_WEBHOOK_SECRETS.")
    ahead = _signed_at(header) - now.timestamp()
    if abs(ahead) > tolerance:
        when = "in the future" if ahead > 0 else "too old"
        refused = SignatureError(f"The webhook's timestamp is {when}; compare this machine's clock.")
        refused.is_time_wrong = True
        raise refused
    try:
        data = read_json(text)
    except ValueError as error:
        raise SignatureError("The webhook body is not JSON.") from error
    if not isinstance(data, dict):
        raise SignatureError("The webhook body is not a JSON object.")
    return Verified(data, fingerprint(secret))


@sensitive_variables()
def fingerprint(secret: str) -> str:
    """Return what identifies a signing secret without revealing it; Stripe's secrets are long and random."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


@sensitive_variables()
def _is_signed(text: str, header: str, secret: str) -> bool:
    """Whether a header is signed with a secret, at any time."""
    import stripe

    try:
        stripe.WebhookSignature.verify_header(text, header, secret, tolerance=None)
    except stripe.SignatureVerificationError:
        return False
    return True


def _signed_at(header: str) -> int:
    """Return the first timestamp of a verified header, which is the one that the SDK reads."""
    items = (item.split("=", 2) for item in header.split(","))
    return next(int(item[1]) for item in items if item[0] == "t")


def _accepted_secrets() -> list[str]:
    """Return the signing secrets to accept; a live key excludes placeholders and the emulator's, which are public."""
    return [
        secret
        for secret in conf.STRIPE_WEBHOOK_SECRETS
        if conf.find("has_live_key") is False or not (secret == EMULATOR_SECRET or is_placeholder(secret))
    ]
