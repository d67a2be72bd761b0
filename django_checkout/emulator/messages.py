"""What goes in and out of the emulator: requests, responses, and errors in the shapes of Stripe's API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

#: A JSON object as the API shows it. Keys that begin with an underscore are the emulator's own and never leave it.
Doc = dict[str, Any]

API_VERSION = "2026-08-26.dahlia"
ROOTS = ("/v1/", "/v2/", "/pay/", "/assets/", "/recover/", "/control/", "/elements/", "/payment_pages/", "/portal/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; ``base_url`` is what stands before ``path``, without a slash at its end."""

    method: str
    base_url: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def from_url(cls, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Request:
        """Split a whole URL at the first root that the emulator serves."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def from_json(cls, status: int, document: object, headers: Mapping[str, str] | None = None) -> Response:
        """Return ``document`` as Stripe sends it."""
        body = json.dumps(document).encode()
        return cls(status=status, headers={"Content-Type": "application/json", **(headers or {})}, body=body)


class ApiError(Exception):
    """An answer of the API that is not a success."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.headers = dict(headers or {})
        #: Stripe remembers answers under an idempotency key only once the endpoint has begun to act.
        self.is_remembered = False

    def document(self, request_id: str) -> Doc:
        """Return the body of the answer."""
        error: Doc = {"message": self.message, "type": self.kind}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": error}


class StateError(ApiError):
    """The request is well formed, and the object is not in a state that allows it."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message, code=code, param=param)


class DroppedError(Exception):
    """The connection is to be cut without an answer; ``timeout`` tells a silent peer from a reset."""

    def __init__(self, *, timeout: bool) -> None:
        super().__init__("the emulator drops this answer")
        self.timeout = timeout


def missing_object(kind: str, object_id: object, param: str = "id") -> ApiError:
    """Return the error for an id that names nothing."""
    return ApiError(f"No such {kind}: '{object_id}'", status=404, code="resource_missing", param=param)


def without_hidden(document: Doc) -> Doc:
    """Return ``document`` as the API shows it."""
    return {key: value for key, value in document.items() if not key.startswith("_")}
