"""Describes each operation for the OpenAPI document: its request, responses and errors, with an example of each."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

from django.utils import translation
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from django_checkout import exceptions
from django_checkout.api.examples import EXAMPLES, STAFF_DETAILS

Method = TypeVar("Method", bound=Callable[..., Any])

PROBLEM = "application/problem+json"
#: The errors of DRF and of HTTP, which no service raises: status and text.
PROTOCOL = {
    "invalid_request": (400, "Invalid input."),
    "malformed_json": (400, "JSON parse error."),
    "not_authenticated": (401, "Authentication credentials were not provided."),
    "permission_denied": (403, "You do not have permission to perform this action."),
    "not_found": (404, "Not found."),
    "method_not_allowed": (405, "Method not allowed."),
    "unsupported_media_type": (415, "Unsupported media type in request."),
    "throttled": (429, "Request was throttled. Expected available in 12 seconds."),
}
IDEMPOTENCY = ("invalid_idempotency_key", "idempotency_key_reused")
STRIPE = ("stripe_unavailable", "stripe_unanswered", "stripe_refused")
#: How a request may be authenticated; any of these is sufficient.
SHOPPER: list[dict[str, list[str]]] = [{"orderToken": []}, {"session": []}, {"token": []}]
SIGNED_IN: list[dict[str, list[str]]] = [{"session": []}, {"token": []}]


class ErrorSerializer(serializers.Serializer[Any]):
    """An error in one field."""

    pointer = serializers.CharField(
        help_text="JSON pointer (RFC 6901) to a field of the body, or a slash and the name of a query parameter."
    )
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem document (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="For display, in the language of the request.")
    code = serializers.CharField(help_text="Stable, for use in code.")
    errors = ErrorSerializer(many=True, required=False)  # type: ignore[assignment]  # a field here, a property in the base class


class CheckoutSchema(AutoSchema):
    """drf-spectacular's schema with our security schemes in place of the host's."""

    def get_auth(self) -> list[dict[str, list[str]]]:
        method = getattr(self.view, self.method.lower())
        return list(getattr(method, "security", []))

    def get_tags(self) -> list[str]:
        return ["staff" if self.path.startswith("/staff/") else "shopper"]


def operation(
    name: str,
    summary: str,
    *,
    response: type[serializers.BaseSerializer[Any]],
    request: type[serializers.BaseSerializer[Any]] | None = None,
    status: int = 200,
    errors: Iterable[str] = (),
    calls_stripe: bool = False,
    is_list: bool = False,
    is_array: bool = False,
    is_staff: bool = False,
    needs_login: bool = False,
    is_conditional: bool = False,
) -> Callable[[Method], Method]:
    """Describe a method of a view; ``request`` and ``response`` are the serializers of the bodies."""

    def decorate(method: Method) -> Method:
        takes_key = getattr(method, "takes_idempotency_key", False)
        codes = {"not_authenticated", "permission_denied", "throttled", "method_not_allowed", *errors}
        codes |= {"invalid_request", "malformed_json", "unsupported_media_type"} if request else set()
        codes |= {"invalid_request", "not_found"} if is_list else set()
        codes |= set(IDEMPOTENCY) if takes_key else set()
        codes |= set(STRIPE) if calls_stripe else set()
        body = response(many=True) if is_list or is_array else response
        responses: dict[Any, Any] = {
            status: OpenApiResponse(body, description=summary, examples=[_example(name, response, status)])
        }
        if is_conditional:
            responses[304] = OpenApiResponse(description="Not modified since the response with this ETag.")
        responses |= _problems(codes, is_staff=is_staff)
        method.security = SIGNED_IN if is_staff or needs_login or is_list else SHOPPER  # type: ignore[attr-defined]  # read above
        if name == "place_order":
            method.security = [{}, *SIGNED_IN]  # type: ignore[attr-defined]  # guests too, if the adapter allows it
        # drf-spectacular reads the schema class of a method here, in place of the host's DEFAULT_SCHEMA_CLASS.
        method.kwargs = {"schema": CheckoutSchema}  # type: ignore[attr-defined]
        described: Method = extend_schema(
            operation_id=name,
            summary=summary,
            description=inspect.getdoc(method) or "",
            request={"application/json": request} if request else None,
            responses=responses,
            parameters=_parameters(takes_key=takes_key, is_conditional=is_conditional),
            examples=[_request_example(name, request)] if request else [],
        )(method)
        return described

    return decorate


staff_operation = partial(operation, is_staff=True)


def _parameters(*, takes_key: bool, is_conditional: bool) -> list[OpenApiParameter]:
    found = []
    if takes_key:
        found.append(
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]+$"},
                OpenApiParameter.HEADER,
                description="A random key. A request that is repeated with its key within 24 hours is executed once "
                "and gets the same response. A guest's key must be a version 4 UUID.",
            )
        )
    if is_conditional:
        found.append(
            OpenApiParameter(
                "If-None-Match",
                {"type": "string"},
                OpenApiParameter.HEADER,
                description="The ETag of the previous response.",
            )
        )
    return found


def _problems(codes: Iterable[str], *, is_staff: bool) -> dict[Any, OpenApiResponse]:
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in sorted(codes):
        by_status[_get_error(code)[0]].append(code)
    return {
        (status, PROBLEM): OpenApiResponse(
            ProblemSerializer,
            description=f"{HTTPStatus(status).phrase}: {', '.join(found)}.",
            examples=[_problem_example(code, is_staff=is_staff) for code in found],
        )
        for status, found in sorted(by_status.items())
    }


def _get_error(code: str) -> tuple[int, str]:
    if code in PROTOCOL:
        return PROTOCOL[code]
    for _name, error in inspect.getmembers(exceptions, inspect.isclass):
        if issubclass(error, exceptions.CheckoutError) and error.code == code:
            with translation.override("en"):
                return error.http_status, str(error.user_message)
    raise KeyError(code)


def _problem_example(code: str, *, is_staff: bool) -> OpenApiExample:
    status, detail = _get_error(code)
    if is_staff and code not in PROTOCOL:
        detail = STAFF_DETAILS[code]
    if code == "out_of_stock":
        detail = "Only three are left."
    body: dict[str, Any] = {
        "type": f"urn:django-checkout:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if code == "invalid_request":
        body["errors"] = [{"pointer": "/quantity", "code": "invalid", "detail": "A valid integer is required."}]
    return OpenApiExample(code, value=body, response_only=True, status_codes=[str(status)], media_type=PROBLEM)


def _example(name: str, response: type[serializers.BaseSerializer[Any]], status: int) -> OpenApiExample:
    return OpenApiExample(name, value=EXAMPLES[response.__name__], response_only=True, status_codes=[str(status)])


def _request_example(name: str, request: type[serializers.BaseSerializer[Any]]) -> OpenApiExample:
    return OpenApiExample(name, value=EXAMPLES[request.__name__], request_only=True)
