"""Signed links: each for one order and one purpose, and only for a while.

A token says which order; it is the bearer's right to that order. Django's ``SECRET_KEY`` (and its fallbacks) signs it.
"""

from __future__ import annotations

from enum import StrEnum

from django.core import signing

from django_checkout.conf import conf
from django_checkout.exceptions import OrderNotFoundError


class Purpose(StrEnum):
    """What a token is good for."""

    #: See the order's payment page and start paying.
    PAY = "pay"
    #: See the order's payment status.
    STATUS = "status"


def make_token(order_pk: int, purpose: Purpose) -> str:
    """Return a token for one order and one purpose, URL-safe, valid for CHECKOUT_TOKEN_MAX_AGE_SECONDS."""
    return _signer(purpose).sign(str(order_pk))


def exchange_token(token: str, held: Purpose, wanted: Purpose) -> str:
    """Return a token for another purpose that is as old as the one held: a visit does not make a link live longer.

    Raises:
        OrderNotFoundError: the held one was not signed by us for that purpose.
    """
    try:
        value = _signer(held).unsign(token)
    except signing.BadSignature as error:
        raise OrderNotFoundError("The link is not valid.") from error
    signer = _signer(wanted)
    signed_at = token.split(signer.sep)[-2]
    return signing.Signer(salt=signer.salt).sign(f"{value}{signer.sep}{signed_at}")


def read_token(token: str, purpose: Purpose) -> tuple[int, bool]:
    """Return the order's primary key, and whether the token is still young enough to be a right of its own.

    Raises:
        OrderNotFoundError: it was not signed by us for this purpose.
    """
    signer = _signer(purpose)
    try:
        value = signer.unsign(token)
        pk = int(value)
    except (signing.BadSignature, ValueError) as error:
        raise OrderNotFoundError("The link is not valid.") from error
    try:
        signer.unsign(token, max_age=conf.CHECKOUT_TOKEN_MAX_AGE_SECONDS)
    except signing.SignatureExpired:
        return pk, False
    return pk, True


def _signer(purpose: Purpose) -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=f"django_checkout.{purpose}")
