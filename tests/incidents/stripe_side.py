"""Stripe's side of a rehearsal: an emulator in another process, reached over HTTP only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import requests

#: A key that no site has, so that no incident of a site's key concerns it.
KEY = "sk_test_of_whoever_tells_the_truth"
#: How long anything may take that takes a moment on an idle machine.
PATIENCE_SECONDS = 120


class Stripe:
    """The controls of the emulator, and what it knows."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Authorization"] = f"Bearer {KEY}"

    def close(self) -> None:
        self._http.close()

    def do(self, action: str, **form: Any) -> Any:
        """Use a control."""
        answer = self._http.post(f"{self.url}/control/", data={"action": action, **form}, timeout=PATIENCE_SECONDS)
        assert answer.ok, answer.text
        return answer.json()["result"]

    def status(self) -> dict[str, Any]:
        answer = self._http.get(f"{self.url}/control/", timeout=PATIENCE_SECONDS)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def call(self, method: str, path: str, **form: Any) -> dict[str, Any]:
        """Call the API with a key of the account that is not the site's."""
        answer = self._http.request(method, f"{self.url}{path}", data=form, timeout=PATIENCE_SECONDS)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def pay(self, session_id: str, **typed: Any) -> dict[str, Any]:
        paid: dict[str, Any] = self.do("pay", id=session_id, **typed)
        assert paid["status"] == "paid", paid
        return paid

    def wait_until_delivered(self) -> None:
        """Wait until no delivery is due or under way; one that was refused is due later."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (status := self.status())["due_deliveries"] or status["deliveries"].get("sending"):
            assert time.monotonic() < deadline, status
            time.sleep(0.02)

    def list(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield every object of a list, the newest first."""
        last: dict[str, Any] = {}
        while True:
            answer = self._http.get(
                f"{self.url}{path}", params={"limit": 100, **query, **last}, timeout=PATIENCE_SECONDS
            )
            assert answer.ok, answer.text
            page = answer.json()
            yield from page["data"]
            if not page["has_more"]:
                return
            last = {"starting_after": page["data"][-1]["id"]}
