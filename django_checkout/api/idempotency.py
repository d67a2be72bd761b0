"""``Idempotency-Key``: a POST that is repeated under its key is answered as the first was, and handled once.

Reserved before the view runs, in a transaction of its own; stored with the answer afterwards. Only successes are
kept: a refusal changed nothing, and a fault may be gone by the next try.
https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.db import IntegrityError
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from django_checkout import database
from django_checkout.exceptions import (
    IdempotencyKeyBusyError,
    IdempotencyKeyError,
    IdempotencyKeyReusedError,
    OrderNotFoundError,
)
from django_checkout.models import IdempotentAnswer
from django_checkout.tokens import Purpose, read_token

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
#: A key must not be guessed or met by chance.
MINIMUM_LENGTH, MAXIMUM_LENGTH = 16, 255
#: How long a request counts as being handled, in seconds: longer than any answer takes.
LEASE_SECONDS = 120
#: How many expired answers one request deletes at most.
_PRUNED_AT_ONCE = 20

View = Callable[..., Response]


def idempotent() -> Callable[[View], View]:
    """Let a view's method be repeated under a key; one that was interrupted half-way is handled again.

    So what it calls must do no harm twice: services do not, and a refund is given ``service_key``.
    """

    def decorate(method: View) -> View:
        @wraps(method)
        def wrapped(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            key = request.headers.get(HEADER)
            if key is None:
                return method(view, request, *args, **kwargs)
            row = _reserve(principal(view, request), _checked(key), _hash(request))
            if row.status is not None:
                return _replay(view, row)
            try:
                response = method(view, request, *args, **kwargs)
            except BaseException:
                IdempotentAnswer.objects.filter(pk=row.pk, status=None).delete()
                raise
            _store(view, row, response)
            return response

        wrapped.takes_idempotency_key = True  # type: ignore[attr-defined]  # read by the schema
        return wrapped

    return decorate


def principal(view: Any, request: Request) -> str:
    """Return who is asking: the user, the order whose token is shown, or a hash of a guest's address."""
    if request.user and request.user.is_authenticated:
        return f"user:{request.user.pk}"
    for purpose in Purpose if view.order_token else ():
        try:
            return f"order:{read_token(view.order_token, purpose).order_pk}"
        except OrderNotFoundError:
            continue
    address = BaseThrottle().get_ident(request) or ""
    return f"guest:{hashlib.sha256(address.encode()).hexdigest()}"


def service_key(view: Any, request: Request) -> str:
    """Return the request's key as a service takes it: of this principal alone; "" where there is none."""
    key = request.headers.get(HEADER)
    if key is None:
        return ""
    return f"api-{hashlib.sha256(f'{principal(view, request)} {key}'.encode()).hexdigest()}"


def _checked(key: str) -> str:
    if not (MINIMUM_LENGTH <= len(key) <= MAXIMUM_LENGTH and key.isascii() and key.isprintable()):
        raise IdempotencyKeyError(f"An Idempotency-Key has {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} ASCII characters.")
    return key


def _hash(request: Request) -> str:
    # DRF has parsed the body: the same object in another spelling is the same request.
    body = json.dumps(request.data, sort_keys=True)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()


def _reserve(who: str, key: str, request_hash: str) -> IdempotentAnswer:
    """Return a row that is ours to answer, or one that holds the answer."""
    now = timezone.now()
    stale = IdempotentAnswer.expired(now).order_by("created_at").values_list("pk", flat=True)[:_PRUNED_AT_ONCE]
    IdempotentAnswer.objects.filter(pk__in=list(stale)).delete()
    IdempotentAnswer.expired(now).filter(principal=who, key=key).delete()
    leased_until = now + timedelta(seconds=LEASE_SECONDS)
    try:
        with database.atomic():
            return IdempotentAnswer.objects.create(
                principal=who, key=key, request_hash=request_hash, leased_until=leased_until, created_at=now
            )
    except IntegrityError:
        pass
    with database.atomic():
        row = IdempotentAnswer.objects.select_for_update().filter(principal=who, key=key).first()
        if row is None:
            raise IdempotencyKeyBusyError("The first request with this key has just failed.")
        if row.request_hash != request_hash:
            raise IdempotencyKeyReusedError("The key was used for another request.")
        if row.status is not None:
            return row
        if row.leased_until > now:
            raise IdempotencyKeyBusyError("The first request with this key is being handled.")
        row.leased_until = leased_until
        row.save(update_fields=["leased_until"])
        return row


def _store(view: Any, row: IdempotentAnswer, response: Response) -> None:
    if response.status_code // 100 != 2:
        IdempotentAnswer.objects.filter(pk=row.pk).delete()
        return
    body = json.loads(view.renderer_classes[0]().render(view.without_secrets(response.data)) or b"null")
    IdempotentAnswer.objects.filter(pk=row.pk).update(
        status=response.status_code, body=body, location=response.headers.get("Location", "")
    )


def _replay(view: Any, row: IdempotentAnswer) -> Response:
    response = Response(view.with_secrets(row.body), status=row.status)
    response[REPLAYED_HEADER] = "true"
    if row.location:
        response["Location"] = row.location
    return response
