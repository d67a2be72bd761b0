"""A stand-in for Stripe in this process: it returns copies of one purchase's objects at once."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import stripe
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

NUMBERED = re.compile(r"(\w+_test_)(\d+)")


class ObjectsAdapter(BaseAdapter):
    """Responds with the object whose id ends the path; ``x_test_7`` is a copy of ``x_test_0``."""

    def __init__(self, objects: dict[str, str]) -> None:
        super().__init__()
        self._objects = objects

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Return an object, or Stripe's 404."""
        name = urlsplit(request.url or "").path.rpartition("/")[2]
        found = NUMBERED.fullmatch(name)
        text = self._objects.get(f"{found[1]}0" if found else name)
        if text is not None and found:
            text = re.sub(r"_test_0\b", f"_test_{found[2]}", text).replace('"B-0"', f'"B-{found[2]}"')
        response = requests.Response()
        response.status_code = 200 if text else 404
        response.headers = CaseInsensitiveDict({"Request-Id": "req_instant", "Content-Type": "application/json"})
        response.url, response.request, response.encoding = request.url or "", request, "utf-8"
        missing = {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": f"No {name}"}}
        response._content = (text or json.dumps(missing)).encode()
        return response

    def close(self) -> None:
        """Do nothing: no connection is open."""


def mount() -> None:
    """Answer every call of this process."""
    session = requests.Session()
    session.mount("https://", ObjectsAdapter(json.loads(Path(os.environ["BENCHMARK_OBJECTS"]).read_text())))
    stripe.default_http_client = stripe.RequestsClient(session=session)
