"""Dispatches API requests: authentication, idempotency, routing, chaos."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate

from django_checkout.emulator.api import parameters
from django_checkout.emulator.api.calls import Call
from django_checkout.emulator.api.expansion import expand
from django_checkout.emulator.api.formats import check_formats
from django_checkout.emulator.api.params import plain
from django_checkout.emulator.api.rate_limits import RateLimits
from django_checkout.emulator.api.resources import ephemeral_keys
from django_checkout.emulator.api.resources.account import ACCOUNT_ID
from django_checkout.emulator.api.resources.test_clocks import attached
from django_checkout.emulator.api.routes import find_operation, find_route, route_of, table
from django_checkout.emulator.api.versions import rendered
from django_checkout.emulator.chaos import Chaos, key_in_use
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.incidents import Incidents
from django_checkout.emulator.messages import (
    API_VERSION,
    ApiError,
    DeclinedError,
    Doc,
    Request,
    Response,
    StateError,
    not_implemented,
)
from django_checkout.emulator.reference.versions import PLAYED, is_known
from django_checkout.emulator.request_log import RequestLog
from django_checkout.emulator.state.state import Origin, State

MAX_KEY_LENGTH = 255
KEY_LIFE_SECONDS = 24 * 3600
MAX_BODY_BYTES = 1024 * 1024
MAX_UPLOAD_BYTES = 17 * 1024 * 1024
MULTIPART = "multipart/form-data"


class Api:
    """Answers ``/v1/`` and ``/v2/``. Each request is one transaction: an error rolls back everything."""

    def __init__(
        self, state: State, chaos: Chaos, incidents: Incidents, rate_limits: RateLimits, log: RequestLog
    ) -> None:
        self._state = state
        self._chaos = chaos
        self._incidents = incidents
        self._rate_limits = rate_limits
        self._log = log
        self._in_flight: set[str] = set()
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Response:
        """Return the response. Raises ``DroppedError`` if an incident or chaos drops it."""
        request_id = new_id("request")
        now = self._state.clock.known_now()
        headers = {
            "Date": formatdate(now, usegmt=True),
            "Request-Id": request_id,
            "Stripe-Version": _version_of(request),
        }
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        if key:
            headers |= {"Idempotency-Key": key, "Original-Request": request_id}
        response = None
        try:
            response = self._answer(request, key, headers)
        finally:
            self._log.add(request, response, headers, now)
        return response

    def _answer(self, request: Request, key: str, headers: dict[str, str]) -> Response:
        try:
            if replaced := self._incidents.apply(request):
                return replaced
            self._incidents.check_key(_authenticate(request), request, ACCOUNT_ID)
            operation = _operation_of(request)
            _check_version(headers["Stripe-Version"], operation)
            self._rate_limits.check(operation)
            self._chaos.raise_fault(request.method, request.path, "before")
            with self._claimed(key):
                return self._incidents.cut(request, self._answer_once(request, key, headers))
        except ApiError as error:
            return _failed(error, {**headers, **error.headers})

    def _answer_once(self, request: Request, key: str, headers: dict[str, str]) -> Response:
        state, store = self._state, self._state.store
        with state.transaction():
            response = self._replay(request, key, headers)
        if response is not None:
            return response
        try:
            with store.transaction():
                state.origin = Origin(request_id=headers["Request-Id"], idempotency_key=key or None)
                try:
                    response = self._act(request, headers)
                finally:
                    state.origin = Origin()
                response = self._stored(request, key, response)
        except StateError as error:
            response = _failed(error, headers)
            with store.transaction():
                return self._stored(request, key, response)
        self._raise_fault_after(request, key, headers)
        return response

    def _act(self, request: Request, headers: dict[str, str]) -> Response:
        if len(request.body) > (MAX_UPLOAD_BYTES if request.path == "/v1/files" else MAX_BODY_BYTES):
            raise ApiError("Request body too large", status=413)
        version, sent = _version_of(request), _sent(request)
        route, ids = find_route(request.method, request.path, version, sent)
        params = parameters.read(table(route, version), sent)
        if request.method == "POST":
            check_formats(plain(params))
        call = Call(
            state=self._state,
            path=request.path,
            base_url=request.base_url,
            version=version,
            names_version="stripe-version" in request.headers,
            ids=ids,
            params=params,
        )
        if (key := _authenticate(request)).startswith(ephemeral_keys.PREFIX):
            ephemeral_keys.authorize(self._state, key, route, ids, params)
        paths = params.get("expand", [])
        try:
            with self._state.on_clock_of(attached(self._state, route, ids, params)):
                answer = route_of(route).endpoint(call)
            if isinstance(answer, Response):
                response = replace(answer, headers={**headers, **answer.headers})
            else:
                response = Response.from_json(200, rendered(expand(self._state, answer, paths), call.version), headers)
        except DeclinedError as error:
            response = _failed(error, headers)
        parameters.refuse_unread(params)
        return response

    def _raise_fault_after(self, request: Request, key: str, headers: dict[str, str]) -> None:
        try:
            self._chaos.raise_fault(request.method, request.path, "after")
        except ApiError as error:
            if error.is_stored:
                response = _failed(error, headers)
                with self._state.store.transaction():
                    error.headers = dict(self._stored(request, key, response).headers)
            raise

    @contextmanager
    def _claimed(self, key: str) -> Iterator[None]:
        """Reserve an idempotency key while its request runs."""
        if not key:
            yield
            return
        if len(key) > MAX_KEY_LENGTH:
            raise ApiError("Idempotency keys must be at most 255 characters.", param="idempotency_key")
        with self._lock:
            if key in self._in_flight:
                raise key_in_use(key)
            self._in_flight.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight.discard(key)

    def _replay(self, request: Request, key: str, headers: dict[str, str]) -> Response | None:
        known = self._state.store.find(f"key:{key}", "_idempotency") if key else None
        if known is None or known["at"] + KEY_LIFE_SECONDS <= self._state.clock.now():
            return None
        if known["fingerprint"] != _fingerprint(request):
            same = "with the same parameters they were first used with"
            if known.get("path", request.path) != request.path:
                same = f"for the same endpoint they were first used for ('{request.path}' vs '{known['path']}')"
            raise ApiError(
                f"Keys for idempotent requests can only be used {same}. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        again = {**headers, "Idempotent-Replayed": "true", "Original-Request": known["request_id"]}
        again |= {"Content-Type": "application/json", **_retry_advice(known["status"])}
        return Response(status=known["status"], headers=again, body=known["body"].encode())

    def _stored(self, request: Request, key: str, response: Response) -> Response:
        """Store a response under its key, and return it as Stripe sends it then."""
        if not key:
            return response
        self._state.store.delete(f"key:{key}")
        self._state.store.insert(
            {
                "id": f"key:{key}",
                "object": "_idempotency",
                "fingerprint": _fingerprint(request),
                "path": request.path,
                "status": response.status,
                "body": response.body.decode(),
                "request_id": response.headers["Request-Id"],
                "at": self._state.clock.now(),
            }
        )
        return replace(response, headers={**response.headers, **_retry_advice(response.status)})


def _retry_advice(status: int) -> dict[str, str]:
    """Return the header of a stored response, which would be the same again. A 5xx leaves the retry to the client."""
    return {"Stripe-Should-Retry": "false"} if status < 500 else {}


def _failed(error: ApiError, headers: dict[str, str]) -> Response:
    """Return the response of an error, with the objects in it as the version of the request shows them."""
    document = rendered(error.document(headers["Request-Id"]), headers["Stripe-Version"])
    return Response.from_json(error.status, document, headers)


def _sent(request: Request) -> Doc:
    """Return the parameters of a request as they were sent: in the body of a POST, else in the query."""
    if request.method != "POST":
        return parameters.decode(request.query)
    if (kind := request.headers.get("content-type", "")).startswith(MULTIPART):
        return parameters.decode_multipart(kind, request.body)
    body = request.body.decode(errors="replace")
    return parameters.from_json(body) if request.path.startswith("/v2/") else parameters.decode(body)


def _operation_of(request: Request) -> str:
    found = find_operation(request.method, request.path, _version_of(request))
    return found[0] if found else f"{request.method} {request.path}"


def _fingerprint(request: Request) -> str:
    body = request.body
    if (kind := request.headers.get("content-type", "")).startswith(MULTIPART):
        # Every request has another boundary.
        body = body.replace(kind.rpartition("boundary=")[2].encode(), b"")
    text = b"\n".join((request.method.encode(), request.path.encode(), body))
    return hashlib.sha256(text).hexdigest()


def _authenticate(request: Request) -> str:
    """Return the key, or raise Stripe's error for a missing or invalid one. Live keys are always refused."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    key = credentials.strip()
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(key).decode().partition(":")[0]
        except ValueError:
            key = ""
    if not key:
        raise ApiError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    masked = f"{key[:8]}{'*' * 8}{key[-4:]}"
    if re.match(r"(sk|rk|pk)_live_", key):
        message = f"The emulator refuses live keys: {masked}. Use a test key (sk_test_...)."
        raise ApiError(message, status=401, code="livemode_mismatch")
    if key.startswith("pk_"):
        message = "This API call cannot be made with a publishable API key. Please use a secret API key."
        raise ApiError(message, status=403, code="secret_key_required")
    if not re.fullmatch(r"(sk|rk|ek)_test_\w+", key):
        raise ApiError(f"Invalid API Key provided: {masked}", status=401)
    return key


def _version_of(request: Request) -> str:
    """Return the API version of a request: the account's unless it names one."""
    return request.headers.get("stripe-version", API_VERSION)


def _check_version(version: str, operation: str) -> None:
    if not is_known(version):
        raise ApiError(f"Invalid Stripe API version: {version}")
    # An ephemeral key has the version of a mobile library.
    if version not in PLAYED and operation != "POST /v1/ephemeral_keys":
        raise not_implemented(f"the API version {version} (it implements {' and '.join(PLAYED)})")
