"""Signed tokens, each valid for one order, one purpose and a limited time.

Anyone who has a token has access to the order. Django's ``SECRET_KEY`` (and its fallbacks) signs it. It contains the
order's primary key and creation time, so that it does not open another order with the same key, for example after a
backup was restored.

===========  ==============================================  ==================================================
purpose      who gets it                                     what it allows
===========  ==============================================  ==================================================
``PAY``      the shopper, from the shop: ``pay_url``, the    see the order, pay it, change an open checkout, see
             template tags, the response to a new order      its status
``STATUS``   the browser that returns from Stripe; the page  see the status
             that polls
===========  ==============================================  ==================================================

A ``PAY`` token can be exchanged for a ``STATUS`` token of the same age, but not the other way round. ``start`` sends
Stripe two URLs: the payment page with the shopper's token, and the status page with a new ``STATUS`` token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.core import signing

from django_checkout.conf import conf
from django_checkout.exceptions import OrderNotFoundError
from django_checkout.models import Order

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKEN = re.compile(r"\d+:\w+:\w+:[\w-]{43}", re.ASCII)
_PLACEHOLDER = re.compile(r"~(pay|status)~(\w+)~", re.ASCII)


class Purpose(StrEnum):
    """What a token allows."""

    #: See the order's payment page and start paying.
    PAY = "pay"
    #: See the order's payment status.
    STATUS = "status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The content of a token: the order's row, and whether the token has not expired."""

    order_pk: int
    created: str
    is_young: bool

    def is_for(self, order: Order) -> bool:
        """Return whether the token was created for this row."""
        return self.order_pk == order.pk and self.created == _moment(order.created_at)


def make_token(order: Order | int, purpose: Purpose, *, signed_at: datetime | None = None) -> str:
    """Return a URL-safe token for one order and one purpose, valid for CHECKOUT_TOKEN_MAX_AGE_SECONDS.

    With a primary key instead of an order, the row is read. ``signed_at`` sets the token's age.
    """
    if isinstance(order, Order):
        pk, created_at = order.pk, order.created_at
    else:
        pk = order
        created_at = Order.objects.filter(pk=pk).values_list("created_at", flat=True).first() or _EPOCH
    signer = _signer(purpose)
    value = f"{pk}{signer.sep}{_moment(created_at)}"
    if signed_at is None:
        return signer.sign(value)
    return _sign_as_of(value, signer, signing.b62_encode(int(signed_at.timestamp())))


def make_status_token(pay_token: str) -> str:
    """Return a ``STATUS`` token with the age of a ``PAY`` token, so that a visit does not extend its validity.

    Raises:
        OrderNotFoundError: the token is not a valid ``PAY`` token.
    """
    try:
        value = _signer(Purpose.PAY).unsign(pay_token)
    except signing.BadSignature as error:
        raise OrderNotFoundError("The link is not valid.") from error
    signer = _signer(Purpose.STATUS)
    return _sign_as_of(value, signer, pay_token.split(signer.sep)[-2])


def read_token(token: str, purpose: Purpose) -> Token:
    """Return the content of a token.

    Raises:
        OrderNotFoundError: the token is not signed for this purpose.
    """
    signer = _signer(purpose)
    try:
        pk, _, created = signer.unsign(token).partition(signer.sep)
        order_pk = int(pk)
    except (signing.BadSignature, ValueError) as error:
        raise OrderNotFoundError("The link is not valid.") from error
    try:
        signer.unsign(token, max_age=conf.CHECKOUT_TOKEN_MAX_AGE_SECONDS)
    except signing.SignatureExpired:
        return Token(order_pk=order_pk, created=created, is_young=False)
    return Token(order_pk=order_pk, created=created, is_young=True)


def has_token(text: str) -> bool:
    """Return whether a text contains a token that this site has signed, for whichever order and however old."""
    for found in _TOKEN.finditer(text):
        for purpose in Purpose:
            try:
                read_token(found[0], purpose)
            except OrderNotFoundError:
                continue
            return True
    return False


def without_tokens(text: str, order: Order) -> str:
    """Return a text for storage, with each of the order's tokens replaced by its purpose and age."""

    def replace(found: re.Match[str]) -> str:
        for purpose in Purpose:
            try:
                content = read_token(found[0], purpose)
            except OrderNotFoundError:
                continue
            if content.is_for(order):
                return f"~{purpose}~{found[0].split(':')[-2]}~"
        return found[0]

    return _TOKEN.sub(replace, text)


def with_tokens(text: str, order: Order) -> str:
    """Return a text from ``without_tokens`` with its tokens signed again: the same ones unless SECRET_KEY changed."""

    def replace(found: re.Match[str]) -> str:
        signed_at = datetime.fromtimestamp(signing.b62_decode(found[2]), tz=UTC)
        return make_token(order, Purpose(found[1]), signed_at=signed_at)

    return _PLACEHOLDER.sub(replace, text)


def _moment(created_at: datetime) -> str:
    """Return a row's creation time in microseconds, base62-encoded."""
    return signing.b62_encode((created_at - _EPOCH) // timedelta(microseconds=1))


def _sign_as_of(value: str, signer: signing.TimestampSigner, timestamp: str) -> str:
    return signing.Signer(salt=signer.salt).sign(f"{value}{signer.sep}{timestamp}")


def _signer(purpose: Purpose) -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=f"django_checkout.{purpose}")
