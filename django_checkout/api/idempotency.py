"""``Idempotency-Key``: a POST that is repeated with its key is executed once and gets the same response again.

The key is reserved with a hash of the body before the view runs, and the response is stored afterwards. Only successes
are stored. A refusal changes nothing, so the request that reserved the key releases it; after a failure the key stays
reserved, because the work may be done. The right to make the request is checked again before a response is repeated.
A request that was interrupted is executed again at once, so its effects must converge: views that call Stripe rely on
the services, which find what the first attempt created; the others commit together with the response.
https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial, wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import Http404
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from django_checkout.exceptions import CheckoutError, IdempotencyKeyError, IdempotencyKeyReusedError
from django_checkout.models import IdempotentAnswer, database

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
#: Keys must not collide. A guest's key alone gives access to its response, so it must not be guessable either.
MINIMUM_LENGTH, MAXIMUM_LENGTH = 16, 255
GUEST = "guest"
#: The most expired responses that one request deletes.
_PRUNED_AT_ONCE = 20
#: How often a request tries to reserve a key that other requests hold and then release.
_ATTEMPTS = 5

View = Callable[..., Response]


def idempotent(*, in_transaction: bool = False) -> Callable[[View], View]:
    """Make a view's method repeatable with a key.

    With ``in_transaction`` its effects and its response commit together, for views that do not call Stripe.
    """

    def decorate(method: View) -> View:
        @wraps(method)
        def wrapped(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            work = partial(method, view, request, *args, **kwargs)
            key = request.headers.get(HEADER)
            if key is not None:
                who = view.authorize()
                _forget_expired(who, _check(key, who))
                reserve = partial(_reserve, view, who, key, _hash(request))
                work = partial(_work_once, view, reserve, work, in_transaction=in_transaction)
            return database.in_transaction(partial(_as_host, work)) if in_transaction else work()

        wrapped.takes_idempotency_key = True  # type: ignore[attr-defined]  # for api/schema.py
        return wrapped

    return decorate


def _as_host(work: Callable[[], Response]) -> Response:
    """Do the work of a view that may call the host's adapter: only services write derived columns."""
    with database.host_code():
        return work()


def _work_once(
    view: Any, reserve: Callable[[], IdempotentAnswer], work: Callable[[], Response], *, in_transaction: bool
) -> Response:
    row = reserve()
    try:
        return _respond(view, row, work)
    except Exception as error:
        if not (in_transaction or view.is_repeat) and _is_refusal(error):
            _release(row)
        raise


@contextmanager
def done_before(view: Any, error: type[CheckoutError], is_done: Callable[[], bool]) -> Iterator[None]:
    """Ignore an error if an interrupted request with the same key has done the work."""
    try:
        yield
    except error:
        if not (view.is_repeat and is_done()):
            raise


def principal(request: Request) -> str:
    """Return who makes the request: a user, or a guest."""
    return f"user:{request.user.pk}" if request.user and request.user.is_authenticated else GUEST


def service_key(request: Request) -> str:
    """Return the key for a service, unique to the user who is signed in, or "" without a key."""
    key = request.headers.get(HEADER)
    if key is None:
        return ""
    return f"api-{hashlib.sha256(f'{principal(request)} {key}'.encode()).hexdigest()}"


def _check(key: str, who: str) -> str:
    if who == GUEST and not _is_random_uuid(key):
        raise IdempotencyKeyError("A guest's Idempotency-Key must be a version 4 UUID.")
    if not (MINIMUM_LENGTH <= len(key) <= MAXIMUM_LENGTH and key.isascii() and key.isprintable()):
        raise IdempotencyKeyError(
            f"An Idempotency-Key must have {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} ASCII characters."
        )
    return key


def _is_random_uuid(key: str) -> bool:
    try:
        parsed = uuid.UUID(key)
    except ValueError:
        return False
    return parsed.version == 4 and str(parsed) == key.lower()


def _hash(request: Request) -> str:
    # The parsed body: the same object with other white space or key order is the same request.
    body = json.dumps(request.data, sort_keys=True)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()


def _forget_expired(who: str, key: str) -> None:
    expired = IdempotentAnswer.expired(timezone.now())

    def delete() -> None:
        stale = expired.order_by("created_at").values_list("pk", flat=True)[:_PRUNED_AT_ONCE]
        IdempotentAnswer.objects.filter(pk__in=list(stale)).delete()
        expired.filter(principal=who, key=key).delete()

    database.in_transaction(delete)


def _reserve(view: Any, who: str, key: str, request_hash: str) -> IdempotentAnswer:
    """Return the key's row, with or without a response; wait for a transaction that holds the key."""
    for _attempt in range(_ATTEMPTS):
        row, is_new = _get_or_create(who, key, request_hash)
        if row is not None:
            break
    else:
        raise IdempotencyKeyReusedError("Other requests keep using the key and failing.")
    if row.request_hash != request_hash:
        raise IdempotencyKeyReusedError("The Idempotency-Key was used for another request.")
    view.is_repeat = not is_new
    return row


def _get_or_create(who: str, key: str, request_hash: str) -> tuple[IdempotentAnswer | None, bool]:
    try:
        with database.atomic():
            return IdempotentAnswer.objects.create(principal=who, key=key, request_hash=request_hash), True
    except IntegrityError:
        return IdempotentAnswer.objects.filter(principal=who, key=key).first(), False


def _respond(view: Any, row: IdempotentAnswer, work: Callable[[], Response]) -> Response:
    """Repeat the response in the row, or do the work and store the response."""
    if row.status is not None:
        response = Response(view.restore(row.body, row.created_at), status=row.status)
        response[REPLAYED_HEADER] = "true"
        if row.location:
            response["Location"] = row.location
        return response
    response = work()
    body = json.loads(view.renderer_classes[0]().render(view.strip_secrets(response.data)) or b"null")
    answer = {"status": response.status_code, "body": body, "location": response.headers.get("Location", "")}
    # The request that reserved the key may have been refused meanwhile, and its row deleted. If another request has
    # reserved the key since, its row stays.
    with suppress(IntegrityError), database.atomic():
        IdempotentAnswer.objects.update_or_create(
            defaults=answer, principal=row.principal, key=row.key, request_hash=row.request_hash
        )
    return response


def _is_refusal(error: Exception) -> bool:
    """Whether the view refused the request before it changed anything, rather than failed."""
    if isinstance(error, (Http404, PermissionDenied)):
        return True
    if isinstance(error, CheckoutError):
        return error.http_status < 500
    return isinstance(error, APIException) and error.status_code < 500


def _release(row: IdempotentAnswer) -> None:
    """Make the key usable again, if no response has been stored."""
    IdempotentAnswer.objects.filter(pk=row.pk, status=None).delete()
