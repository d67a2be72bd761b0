"""Plays rules over HTTP against a running emulator."""

from __future__ import annotations

import http.client
import json
import re
from typing import Any
from urllib.parse import urlencode, urlsplit

from .givens import GIVENS
from .rule import Answer, Rule, Sent

KEY = "Bearer sk_test_rules"
VERSION = "2026-08-26.dahlia"
_PLACE = re.compile(r"<(\w+?)(?:([+-])(\d+))?>")

#: How the content of a file begins, by the suffix of its name.
MARKS = {"pdf": b"%PDF-", "png": b"\x89PNG\r\n\x1a\n", "txt": b"text"}


class Player:
    """A client without knowledge of Stripe. It prepares each object at its first mention."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._names: dict[str, str] = {}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def play(self, rule: Rule) -> list[str]:
        """Return how the responses differ from those of the rule."""
        for name in rule.given:
            self._named(name)
        return [
            *(f"refused: {difference}" for difference in self._differences(rule.refused, rule.answer)),
            *(f"accepted: {difference}" for difference in self._differences(rule.accepted, rule.result)),
        ]

    def send(self, sent: Sent) -> tuple[int, Any]:
        """Send a request, and return the status and the body of the response."""
        body = urlencode([(key, self._filled(value)) for key, value in sent.form.items()], safe="[]")
        path = self._filled(sent.path)
        headers = {
            "Authorization": KEY,
            "Stripe-Version": VERSION,
            **{name: self._filled(value) for name, value in sent.headers.items()},
        }
        if not headers["Stripe-Version"]:
            del headers["Stripe-Version"]
        if any(value.startswith("@") for value in sent.form.values()):
            headers["Content-Type"] = "multipart/form-data; boundary=rules"
            self._connection.request(sent.method, path, self._multipart(sent), headers)
        elif sent.method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            self._connection.request(sent.method, path, body, headers)
        else:
            self._connection.request(sent.method, f"{path}?{body}" if body else path, headers=headers)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())

    def _multipart(self, sent: Sent) -> bytes:
        """Return the body of an upload; ``@tea.pdf+9`` is a file of this name with 9 bytes beyond its mark."""
        parts = []
        for name, value in sent.form.items():
            file, _, length = value.removeprefix("@").partition("+")
            head = f'--rules\r\nContent-Disposition: form-data; name="{name}"'
            content = self._filled(value).encode()
            if value.startswith("@"):
                head += f'; filename="{file}"'
                content = MARKS[file.rpartition(".")[2]] + bytes(int(length or 0))
            parts.append(f"{head}\r\n\r\n".encode() + content + b"\r\n")
        return b"".join([*parts, b"--rules--\r\n"])

    def _differences(self, sent: Sent, expected: Answer) -> list[str]:
        status, body = self.send(sent)
        if status != expected.status:
            return [f"{status} instead of {expected.status}: {body}"]
        error = body.get("error", {})
        if isinstance(error, str):
            error = {"message": error}
        found = {"type": error.get("type", ""), "code": error.get("code"), "param": error.get("param")}
        wanted = {"type": expected.kind, "code": expected.code, "param": expected.param}
        different = [
            f"{name} {found[name]!r} instead of {wanted[name]!r}"
            for name in wanted
            if wanted[name] is not None and found[name] != wanted[name]
        ]
        message = error.get("message", "")
        text = self._filled(expected.text)
        if text not in message:
            different.append(f"message {message!r} without {text!r}")
        for path, value in expected.fields.items():
            filled = self._filled(value) if isinstance(value, str) else value
            if (actual := _value(body, path)) != filled:
                different.append(f"{path} is {actual!r} instead of {filled!r}")
        return different

    def _filled(self, text: str) -> str:
        return _PLACE.sub(self._replacement, text)

    def _replacement(self, place: re.Match[str]) -> str:
        name, sign, number = place.groups()
        if name != "now":
            return self._named(name)
        return str(int(self._control_status()["now"]) + int(f"{sign or '+'}{number or 0}"))

    def _named(self, name: str) -> str:
        if name not in self._names:
            given = GIVENS[name]
            status, body = self.send(given.sent)
            assert status == 200, (name, body)
            self._names[name] = str(_value(body, given.path))
        return self._names[name]

    def _control_status(self) -> Any:
        return self.send(Sent(method="GET", path="/control/"))[1]


def _value(body: Any, path: str) -> Any:
    for step in path.split("."):
        body = body[int(step)] if isinstance(body, list) else body.get(step) if isinstance(body, dict) else None
    return body
