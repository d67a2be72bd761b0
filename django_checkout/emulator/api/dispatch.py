"""Dispatches API requests: authentication, idempotency, routing, chaos."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate

from django_checkout.emulator.api import parameters
from django_checkout.emulator.api.calls import Call
from django_checkout.emulator.api.expansion import expand
from django_checkout.emulator.api.resources.account import ACCOUNT_ID
from django_checkout.emulator.api.routes import ROUTES, find_route
from django_checkout.emulator.chaos import Chaos
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.incidents import Incidents
from django_checkout.emulator.messages import API_VERSION, ApiError, Doc, Request, Response, StateError
from django_checkout.emulator.state.state import Origin, State

MAX_KEY_LENGTH = 255
KEY_LIFE_SECONDS = 24 * 3600
MAX_BODY_BYTES = 1024 * 1024


class Api:
    """Answers ``/v1/`` and ``/v2/``. Each request is one transaction: an error rolls back everything."""

    def __init__(self, state: State, chaos: Chaos, incidents: Incidents) -> None:
        self._state = state
        self._chaos = chaos
        self._incidents = incidents
        self._in_flight: set[str] = set()
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Response:
        """Return the response. Raises ``DroppedError`` if an incident or chaos drops it."""
        request_id = new_id("request")
        headers = {
            "Date": formatdate(self._state.clock.wall_now(), usegmt=True),
            "Request-Id": request_id,
            "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
        }
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        if key:
            headers["Idempotency-Key"] = key
        try:
            if replaced := self._incidents.apply(request):
                return replaced
            self._incidents.check_key(_authenticate(request), request, ACCOUNT_ID)
            _check_version(headers["Stripe-Version"])
            self._chaos.raise_fault(request.method, request.path, "before")
            with self._claimed(key):
                return self._incidents.cut(request, self._answer_once(request, key, headers))
        except ApiError as error:
            return Response.from_json(error.status, error.document(request_id), {**headers, **error.headers})

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
                    document = self._act(request)
                finally:
                    state.origin = Origin()
                response = Response.from_json(200, document, headers)
                self._store_answer(request, key, response)
        except StateError as error:
            response = Response.from_json(error.status, error.document(headers["Request-Id"]), headers)
            with store.transaction():
                self._store_answer(request, key, response)
            return response
        self._raise_fault_after(request, key, headers)
        return response

    def _act(self, request: Request) -> Doc:
        route, ids = find_route(request.method, request.path)
        if len(request.body) > MAX_BODY_BYTES:
            raise ApiError("Request body too large", status=413)
        text = request.body.decode(errors="replace") if request.method == "POST" else request.query
        params = parameters.read(route, text) if route in parameters.table() else {}
        call = Call(state=self._state, path=request.path, base_url=request.base_url, ids=ids, params=params)
        return expand(self._state, ROUTES[route](call), params.get("expand", []))

    def _raise_fault_after(self, request: Request, key: str, headers: dict[str, str]) -> None:
        try:
            self._chaos.raise_fault(request.method, request.path, "after")
        except ApiError as error:
            if error.is_stored:
                response = Response.from_json(error.status, error.document(headers["Request-Id"]), headers)
                with self._state.store.transaction():
                    self._store_answer(request, key, response)
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
                raise ApiError(
                    f"There is currently another in-progress request using this Idempotent Key: {key}.",
                    status=409,
                    kind="idempotency_error",
                    code="idempotency_key_in_use",
                )
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
            raise ApiError(
                f"Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        again = {**headers, "Idempotent-Replayed": "true", "Original-Request": known["request_id"]}
        again["Content-Type"] = "application/json"
        return Response(status=known["status"], headers=again, body=known["body"].encode())

    def _store_answer(self, request: Request, key: str, response: Response) -> None:
        if not key:
            return
        self._state.store.delete(f"key:{key}")
        self._state.store.insert(
            {
                "id": f"key:{key}",
                "object": "_idempotency",
                "fingerprint": _fingerprint(request),
                "status": response.status,
                "body": response.body.decode(),
                "request_id": response.headers["Request-Id"],
                "at": self._state.clock.now(),
            }
        )


def _fingerprint(request: Request) -> str:
    text = b"\n".join((request.method.encode(), request.path.encode(), request.body))
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
    if not re.fullmatch(r"(sk|rk)_test_\w+", key):
        raise ApiError(f"Invalid API Key provided: {masked}", status=401)
    return key


def _check_version(version: str) -> None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d(\.\w+)?(;.*)?", version):
        raise ApiError(f"Invalid Stripe API version: {version}")
