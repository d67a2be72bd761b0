"""Requests and responses of the emulator, and errors in the shape of Stripe's API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii
from typing import Any
from urllib.parse import parse_qsl, urlsplit

#: A JSON object of the API. Keys with a leading underscore are internal and never returned.
Doc = dict[str, Any]

API_VERSION = "2026-08-26.dahlia"
#: The code of errors for what Stripe's API has and the emulator does not play.
NOT_IMPLEMENTED = "emulator_not_implemented"
#: The most characters of an error's fields, by Stripe's OpenAPI document.
MAX_MESSAGE, MAX_PARAM = 40_000, 5_000
_ROOTS = "v1 v2 pay buy links assets recover control elements payment_pages portal"
ROOTS = tuple(f"/{name}/" for name in _ROOTS.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request. ``base_url`` is the URL before ``path``, without a trailing slash."""

    method: str
    base_url: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def from_url(cls, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Request:
        """Return a request for a full URL, split at the first of ``ROOTS``."""
        parts = urlsplit(url)
        starts = [at for root in ROOTS if (at := f"{parts.path}/".find(root)) >= 0]
        at = min(starts, default=0)
        return cls(
            method=method.upper(),
            base_url=f"{parts.scheme}://{parts.netloc}{parts.path[:at]}",
            path=parts.path[at:],
            query=parts.query,
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
        )

    @property
    def form(self) -> dict[str, str]:
        """The fields of the form in the body."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def from_json(cls, status: int, document: object, headers: Mapping[str, str] | None = None) -> Response:
        """Return a JSON response, indented as Stripe's."""
        body = indented(document).encode()
        return cls(status=status, headers={"Content-Type": "application/json", **(headers or {})}, body=body)


def gettext_noop(message: str) -> str:
    """Mark a message for translation by the pages, and return it. Unlike Django's, it needs no settings."""
    return message


def indented(value: object, line: str = "\n") -> str:
    """Return ``json.dumps(value, indent=2)`` in half of its time: the encoder in C does not indent."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if value is None:
        return "null"
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    inner = f"{line}  "
    separator = f",{inner}"
    if value and isinstance(value, dict):
        members = [f"{encode_basestring_ascii(name)}: {indented(member, inner)}" for name, member in value.items()]
        return f"{{{inner}{separator.join(members)}{line}}}"
    if value and isinstance(value, list):
        return f"[{inner}{separator.join([indented(item, inner) for item in value])}{line}]"
    return json.dumps(value)


class ApiError(Exception):
    """An error response of the API."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        reason: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        #: The code of ``stripe.js`` for what has none in the API.
        self.reason = reason
        #: Further fields of the error: the charge, payment method and intent that it is about.
        self.details: Doc = {}
        self.headers = dict(headers or {})
        #: Stripe stores a response under its idempotency key only after the endpoint has started to execute.
        self.is_stored = False

    def document(self, request_id: str) -> Doc:
        """Return the body of the error."""
        error: Doc = {"message": self.message[:MAX_MESSAGE], "type": self.kind}
        if self.code:
            error["code"] = self.code
        if self.code and self.code != NOT_IMPLEMENTED:
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param[:MAX_PARAM]
        error.update(self.details)
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": error}


class StateError(ApiError):
    """The request is valid, but not in the object's current state."""


class StoreError(Exception):
    """The store cannot be opened, read or written. The message names its file."""


class DeclinedError(ApiError):
    """A payment method is refused. Unlike other errors, it does not undo what the attempt has changed."""


class DroppedError(Exception):
    """The response is dropped. ``timeout`` simulates a timeout instead of a closed connection."""

    def __init__(self, *, timeout: bool) -> None:
        super().__init__("the emulator drops this answer")
        self.timeout = timeout


def missing_object(kind: str, object_id: object, param: str = "id", *, status: int = 400) -> ApiError:
    """Return the error for an unknown id: 400 in a body or cursor, 404 in a path."""
    return ApiError(f"No such {kind}: '{object_id}'", status=status, code="resource_missing", param=param)


def wrong_state(intent: Doc, message: str, *, param: str | None = None) -> StateError:
    """Return the error, with the intent, for a PaymentIntent or SetupIntent in another state than the request needs."""
    error = StateError(message, code=f"{intent['object']}_unexpected_state", param=param)
    error.details = {intent["object"]: without_hidden(intent)}
    return error


def not_implemented(what: str, param: str | None = None, *, is_known: bool = True) -> ApiError:
    """Return the emulator's own error for what Stripe's API has and it does not play. Clients must not retry it.

    Without ``is_known``, Stripe may have it: its document does not say so.
    """
    does = "does" if is_known else "may do"
    return ApiError(
        f"The emulator does not implement {what}, which Stripe {does}. See docs/emulator.md, or run manage.py "
        "checkout_emulator --coverage.",
        status=501,
        kind="api_error",
        code=NOT_IMPLEMENTED,
        param=param,
        headers={"Stripe-Should-Retry": "false"},
    )


def read_json(text: str) -> Doc | None:
    """Return the JSON object that a client has sent, or None if it is none or cannot be stored as UTF-8."""
    try:
        value = json.loads(text or "{}")
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def without_hidden(document: Doc) -> Doc:
    """Return ``document`` as the API returns it."""
    return {key: value for key, value in document.items() if not key.startswith("_")}
