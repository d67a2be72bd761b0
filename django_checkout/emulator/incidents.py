"""Incidents that last until they are ended: an unreachable or broken API, refused keys, events of the other mode.

``chaos`` counts its faults instead.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, get_args

from django_checkout.emulator.messages import ApiError, DroppedError, Request, Response

Outage = Literal["", "hang", "close", "unavailable", "html", "garbage", "half"]
OUTAGES: tuple[Outage, ...] = get_args(Outage)

_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
#: The status and the content type of what a proxy or a broken server answers in the API's place.
_ANSWERS: Mapping[str, tuple[int, str, bytes]] = {
    "html": (502, "text/html", _HTML),
    "garbage": (200, "application/json", b"\x89PNG\r\n\x1a\n" + bytes(range(64))),
}
_SINGULAR = {"balance": "balance", "checkout": "checkout_session", "account": "account"}


class Incidents:
    """The incidents of the account. The pages where people pay, and this object, are not affected by them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.outage: Outage = ""
        self.match = "*"
        #: Whether events say that they belong to the other mode.
        self.is_other_mode = False
        # Keys are remembered as digests, with the last characters by which the dashboard tells them apart.
        self._seen: dict[str, str] = {}
        self._revoked: set[str] = set()
        self._restricted: dict[str, list[str]] = {}

    def end(self) -> None:
        """End all incidents."""
        self.start_outage("")
        with self._changed:
            self.is_other_mode = False
            self._revoked.clear()
            self._restricted.clear()

    @property
    def is_active(self) -> bool:
        """Whether there is an incident."""
        return bool(self.outage or self.is_other_mode or self._revoked or self._restricted)

    def start_outage(self, outage: Outage, *, match: str = "*") -> None:
        """Let the API hang, close connections, answer 503, a proxy's page, garbage or half an answer; "" ends it.

        ``match`` is a pattern such as ``POST /v1/refunds*``. Only ``half`` performs the request.
        """
        if outage not in OUTAGES:
            msg = f"no such outage: {outage!r}; choose one of {', '.join(OUTAGES[1:])}"
            raise ValueError(msg)
        with self._changed:
            self.outage, self.match = outage, match or "*"
            self._changed.notify_all()

    def wait_for_end(self, seconds: float) -> bool:
        """Wait while the API hangs, at most this long; return whether it still does."""
        with self._changed:
            return not self._changed.wait_for(lambda: self.outage != "hang", seconds)

    def revoke_keys(self, ending: str = "") -> int:
        """Refuse the keys that were used so far, or those with this ending, with 401; return how many."""
        keys = self._keys(ending)
        self._revoked.update(keys)
        return len(keys)

    def restrict_keys(self, match: str, ending: str = "") -> int:
        """Refuse requests such as ``POST /v1/refunds*`` by the keys that were used so far with 403."""
        keys = self._keys(ending)
        for key in keys:
            self._restricted.setdefault(key, []).append(match)
        return len(keys)

    @property
    def revoked_keys(self) -> list[str]:
        """The last characters of the revoked keys."""
        return sorted(self._seen[key] for key in self._revoked)

    @property
    def restrictions(self) -> list[str]:
        """The requests that restricted keys may not make."""
        return sorted({match for matches in self._restricted.values() for match in matches})

    def check_key(self, key: str, request: Request, account_id: str) -> None:
        """Raise Stripe's error for a revoked key, or for a request that a key has no permission for."""
        digest = hashlib.sha256(key.encode()).hexdigest()
        with self._changed:
            self._seen[digest] = key[-4:] if len(key) >= 16 else ""
        masked = f"{key[:8]}{'*' * 8}{key[-4:]}"
        if digest in self._revoked:
            raise ApiError(f"Expired API Key provided: {masked}", status=401, code="api_key_expired")
        sent = f"{request.method} {request.path}"
        if any(fnmatch.fnmatchcase(sent, match) for match in self._restricted.get(digest, ())):
            message = (
                f"The provided key '{masked}' does not have the required permissions for this endpoint on account "
                f"'{account_id}'. Having the '{permission_for(request)}' permission would allow this request to "
                "continue."
            )
            raise ApiError(message, status=403, code="more_permissions_required")

    def apply(self, request: Request) -> Response | None:
        """Return what answers a request in place of the API, if anything does.

        Raises:
            DroppedError: nothing answers.
            ApiError: the API is unavailable.
        """
        if not self._is_out(request):
            return None
        if self.outage in ("hang", "close"):
            raise DroppedError(timeout=self.outage == "hang")
        if self.outage == "unavailable":
            raise ApiError("Stripe is temporarily unavailable.", status=503, kind="api_error")
        if self.outage not in _ANSWERS:
            return None
        status, kind, body = _ANSWERS[self.outage]
        return Response(status=status, headers={"Content-Type": kind}, body=body)

    def cut(self, request: Request, response: Response) -> Response:
        """Return half of a response, if that is the incident."""
        if self.outage != "half" or not self._is_out(request):
            return response
        return replace(response, body=response.body[: len(response.body) // 2])

    def _is_out(self, request: Request) -> bool:
        return bool(self.outage) and fnmatch.fnmatchcase(f"{request.method} {request.path}", self.match)

    def _keys(self, ending: str) -> list[str]:
        with self._changed:
            return [digest for digest, last in self._seen.items() if not ending or last == ending[-4:]]


def permission_for(request: Request) -> str:
    """Return the name of the permission that a request needs, such as ``rak_refund_write``."""
    found = re.match(r"/v\d/(\w+)", request.path)
    name = found[1] if found else "account"
    access = "read" if request.method == "GET" else "write"
    return f"rak_{_SINGULAR.get(name, name.removesuffix('s'))}_{access}"
