"""The API's exception handler: turns every error into a problem document (RFC 9457) with a stable ``code``."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from django_checkout.exceptions import CheckoutError, MigrationsPendingError, is_schema_missing
from django_checkout.pages.responses import with_retry_after
from django_checkout.stripe_api.storable import storable_text
from django_checkout.telemetry import logs

logger = logging.getLogger("django_checkout")

MEDIA_TYPE = "application/problem+json"
#: The default of ``Retry-After``.
RETRY_AFTER_SECONDS = 5
#: Our codes for DRF's less specific ones.
_CODES = {"invalid": "invalid_request", "parse_error": "malformed_json", "throttled": "throttled"}


def handle(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the problem document for an exception of a view, or None to let Django answer with a 500."""
    if is_schema_missing(error):
        logs.error_once(error, "api_failed")
        error = MigrationsPendingError("A table or a column is missing: run manage.py migrate.")
    if isinstance(error, CheckoutError):
        logger.warning("api_refused code=%s", error.code)
        # Staff read what happened; shoppers read what to do.
        is_for_staff = getattr(context.get("view"), "is_for_staff", False)
        response = problem(error.http_status, error.code, str(error if is_for_staff else error.user_message))
        return with_retry_after(response, error)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    if isinstance(error, exceptions.ValidationError):
        errors = list(_list_errors(error.detail))
        response = problem(error.status_code, "invalid_request", str(exceptions.ValidationError.default_detail), errors)
    else:
        code, detail = _read_detail(error)
        response = problem(error.status_code, _CODES.get(code, code), detail)
    for header, value in _headers(error):
        response[header] = value
    return response


def problem(status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None) -> Response:
    """Return a problem document: ``code`` is for programs, ``detail`` for people.

    Texts can quote the request, which may contain characters that cannot be encoded.
    """
    body: dict[str, Any] = {
        "type": f"urn:django-checkout:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": storable_text(detail),
        "code": code,
    }
    if errors:
        body["errors"] = [{name: storable_text(value) for name, value in error.items()} for error in errors]
    return Response(body, status=status, content_type=MEDIA_TYPE)


def _list_errors(detail: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """Yield each field's errors with a JSON pointer (RFC 6901) to the field."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _list_errors(inner, pointer + step)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            # A list of messages is about the field itself, a list of lists or objects about its items.
            is_item = isinstance(inner, Mapping | list)
            yield from _list_errors(inner, f"{pointer}/{index}" if is_item else pointer)
    else:
        yield {"pointer": pointer, "code": str(getattr(detail, "code", "invalid")), "detail": str(detail)}


def _read_detail(error: exceptions.APIException) -> tuple[str, str]:
    """Return an error's code and text; djangorestframework-simplejwt has both in a dict as ``detail``."""
    detail: Any = error.detail
    if isinstance(detail, Mapping):
        return str(detail.get("code", error.default_code)), str(detail.get("detail", error.default_detail))
    if isinstance(detail, list):
        detail = error.default_detail
    return str(getattr(detail, "code", error.default_code)), str(detail)


def _headers(error: exceptions.APIException) -> Iterator[tuple[str, str]]:
    challenge = getattr(error, "auth_header", None)
    if challenge:
        yield "WWW-Authenticate", challenge
    if isinstance(error, exceptions.Throttled):
        yield "Retry-After", str(math.ceil(getattr(error, "wait", None) or RETRY_AFTER_SECONDS))
